//! One written form for what different keyboards and systems write differently: NFKC and no white space.

use std::borrow::Cow;

use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfkc_quick};

/// NFKC; borrows what is in that form already.
pub(crate) fn nfkc(text: &str) -> Cow<'_, str> {
    if text.is_ascii() || is_nfkc_quick(text.chars()) == IsNormalized::Yes {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(text.nfkc().collect())
    }
}

/// NFKC without white space; borrows what is in that form already. Folding twice changes nothing.
pub(crate) fn fold(text: &str) -> Cow<'_, str> {
    let form = nfkc(text);
    if !form.contains(is_blank) {
        return form;
    }
    let joined: String = form.chars().filter(|c| !is_blank(*c)).collect();
    // A letter and a mark that stood apart may compose now.
    Cow::Owned(nfkc(&joined).into_owned())
}

/// White space, and the spaces of no width that copying from documents leaves behind.
pub(crate) fn is_blank(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{200B}' | '\u{2060}' | '\u{FEFF}')
}
