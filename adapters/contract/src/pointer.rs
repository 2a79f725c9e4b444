//! JSON pointers (RFC 6901) of bindings.

/// Most reference tokens in a pointer; deeper envelopes are not read.
pub const TOKENS_MAX: usize = 16;

/// Why a text is not a usable pointer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PointerError {
    /// Neither empty nor beginning with a slash.
    #[error("a JSON pointer is empty (the whole document) or begins with a slash")]
    NoSlash,
    /// `~` that is neither `~0` nor `~1`.
    #[error("in a JSON pointer `~` is written `~0` and `/` inside a name `~1`")]
    Escape,
    /// More than [`TOKENS_MAX`] tokens.
    #[error("a JSON pointer may name at most 16 levels")]
    TooDeep,
}

/// The unescaped reference tokens of a pointer; none for the whole document.
///
/// # Errors
/// When the text is not a pointer of RFC 6901 or is too deep.
pub fn tokens(pointer: &str) -> Result<Vec<String>, PointerError> {
    if pointer.is_empty() {
        return Ok(Vec::new());
    }
    let rest = pointer.strip_prefix('/').ok_or(PointerError::NoSlash)?;
    let tokens: Vec<String> = rest.split('/').map(unescape).collect::<Result<_, _>>()?;
    if tokens.len() > TOKENS_MAX { Err(PointerError::TooDeep) } else { Ok(tokens) }
}

fn unescape(token: &str) -> Result<String, PointerError> {
    let mut text = String::with_capacity(token.len());
    let mut characters = token.chars();
    while let Some(character) = characters.next() {
        match character {
            '~' => match characters.next() {
                Some('0') => text.push('~'),
                Some('1') => text.push('/'),
                _ => return Err(PointerError::Escape),
            },
            plain => text.push(plain),
        }
    }
    Ok(text)
}

/// Whether tokens are a path in XML: local names of elements, and at the end perhaps `@` and that of an
/// attribute.
pub(crate) fn is_xml_path(tokens: &[String]) -> bool {
    let is_name = |name: &str| {
        let starts = |first: char| first.is_alphabetic() || first == '_';
        name.starts_with(starts) && name.chars().all(|part| part.is_alphanumeric() || matches!(part, '_' | '-' | '.'))
    };
    let Some((last, elements)) = tokens.split_last() else { return true };
    elements.iter().all(|token| is_name(token)) && is_name(last.strip_prefix('@').unwrap_or(last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers_are_read_as_rfc_6901_says() {
        for (pointer, expected) in [
            ("", vec![]),
            ("/", vec![""]),
            ("/data/list", vec!["data", "list"]),
            ("/a~1b/m~0n/~01", vec!["a/b", "m~n", "~1"]),
            ("/0//结果", vec!["0", "", "结果"]),
        ] {
            assert_eq!(tokens(pointer).unwrap(), expected, "{pointer}");
        }
        assert_eq!(tokens("data"), Err(PointerError::NoSlash));
        assert_eq!(tokens("/a~2"), Err(PointerError::Escape));
        assert_eq!(tokens("/a~"), Err(PointerError::Escape));
        assert_eq!(tokens(&"/x".repeat(17)), Err(PointerError::TooDeep));
        assert_eq!(tokens(&"/x".repeat(16)).unwrap().len(), 16);
    }
}
