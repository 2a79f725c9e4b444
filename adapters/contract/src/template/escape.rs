//! How a value is written in each place, so that it stays a value.

use std::fmt::Write as _;

use super::Unfilled;

/// Where a template stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// A path: values are percent-encoded, and refused where a server could read structure into them.
    Path,
    /// The value of one query parameter: all of it is percent-encoded, the template's own text too.
    Query,
    /// A JSON body: values stand inside strings and are escaped for them.
    Json,
    /// A form body: values are percent-encoded.
    Form,
    /// A header value: only ids that are plain ASCII.
    Header,
}

impl Place {
    pub(super) fn escape(self, text: &str, out: &mut String) -> Result<(), Unfilled> {
        match self {
            Self::Path if text.is_empty() || text.chars().any(is_structure) => return Err(Unfilled::Unsafe),
            Self::Path | Self::Query | Self::Form => percent_encode(text, out),
            Self::Json => json(text, out),
            Self::Header if !text.bytes().all(|byte| byte.is_ascii_graphic()) => return Err(Unfilled::Unsafe),
            Self::Header => out.push_str(text),
        }
        Ok(())
    }
}

/// Characters that some servers treat as structure of a path even when they are percent-encoded.
fn is_structure(character: char) -> bool {
    matches!(character, '/' | '\\' | '%' | ';' | '?' | '#') || character.is_control()
}

/// Appends the text with all but the unreserved characters of RFC 3986 percent-encoded.
pub fn percent_encode(text: &str, out: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}"); // a String takes everything
        }
    }
}

/// Appends the text as it stands inside a JSON string.
pub(super) fn json(text: &str, out: &mut String) {
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            control if control < ' ' || control == '\u{7f}' => {
                let _ = write!(out, "\\u{:04x}", u32::from(control)); // a String takes everything
            }
            plain => out.push(plain),
        }
    }
}

/// Whether a path template, braces included, is a path that can be sent safely.
pub(crate) fn is_path_template(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,=:@/{}%".contains(&byte);
    let segments = || text.get(1..).unwrap_or_default().split('/');
    text.starts_with('/')
        && text.bytes().all(plain)
        && !segments().any(|segment| matches!(segment, "." | ".."))
        && segments().rev().skip(1).all(|segment| !segment.is_empty())
        && text.split('%').skip(1).all(|after| {
            after.get(..2).is_some_and(|hex| {
                hex.bytes().all(|byte| byte.is_ascii_hexdigit())
                    && !matches!(hex, "2f" | "2F" | "5c" | "5C" | "00" | "2e" | "2E" | "25")
            })
        })
}

/// Follows whether a position in JSON text is inside a string.
#[derive(Default)]
pub(super) struct Quoting {
    inside: bool,
    escaped: bool,
}

impl Quoting {
    pub(super) fn read(&mut self, text: &str) {
        for byte in text.bytes() {
            (self.inside, self.escaped) = match (self.inside, byte) {
                (true, _) if self.escaped => (true, false),
                (true, b'\\') => (true, true),
                (inside, b'"') => (!inside, false),
                (inside, _) => (inside, false),
            };
        }
    }

    pub(super) fn is_inside(&self) -> bool {
        self.inside
    }
}
