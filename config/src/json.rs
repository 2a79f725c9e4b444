//! A catalogue in JSON, as an export writes it and scripts do: read as the TOML (1.1) of the same length, so that one reader
//! judges both and every fault keeps its line and column.

use serde::de::IgnoredAny;

/// Whether a text is meant as JSON: TOML never begins so.
pub(crate) fn is_json(text: &str) -> bool {
    text.trim_start().starts_with('{')
}

/// The TOML that says the same, byte for byte at the same place.
///
/// # Errors
/// Where the text is not JSON: line and column, from 1, and what was expected there.
pub(crate) fn as_toml(text: &str) -> Result<String, (usize, usize, String)> {
    let checked = serde_json::from_str::<IgnoredAny>(text);
    checked.map_err(|error| (error.line(), error.column(), format!("not JSON: {error}")))?;
    let mut out = String::with_capacity(text.len());
    let (mut depth, mut is_text, mut is_escaped) = (0_usize, false, false);
    let mut rest = text.chars();
    while let Some(next) = rest.next() {
        if is_text {
            is_text = is_escaped || next != '"';
            is_escaped = !is_escaped && next == '\\';
            out.push(next);
            continue;
        }
        match next {
            '"' => is_text = true,
            '{' | '[' => depth += 1,
            '}' | ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        out.push(match next {
            // The whole document is an object; in TOML nothing stands around it.
            '{' if depth == 1 => ' ',
            '}' if depth == 0 => ' ',
            ':' => '=',
            ',' if depth == 1 => end_of_line(rest.as_str()),
            other => other,
        });
    }
    Ok(out)
}

/// What ends a line of the outermost table: nothing if the line ends there anyway.
fn end_of_line(rest: &str) -> char {
    let blank = rest.trim_start_matches([' ', '\t', '\r']);
    if blank.starts_with('\n') { ' ' } else { '\n' }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_means_the_same_as_the_toml_it_is_read_as() {
        for json in [
            "{}",
            r#" { "a" : 1 , "b" : [ true , -1.5e3 , "x" ] } "#,
            "{\n  \"a\": [\n    {\n      \"b\": \"c:{,}\\\"\\\\\",\n      \"d\": {}\n    },\n    {}\n  ],\n  \"e\": []\n}\n",
            r#"{"a":{"b":{"c":"\u4e00\t"}},"d":"{"}"#,
        ] {
            let toml = as_toml(json).unwrap();
            assert_eq!(toml.len(), json.len());
            let read: toml::Value = toml::from_str(&toml).unwrap_or_else(|error| panic!("{toml}: {error}"));
            let expected: serde_json::Value = serde_json::from_str(json).unwrap();
            assert_eq!(serde_json::to_value(read).unwrap(), expected, "{json}");
        }
    }

    #[test]
    fn what_is_not_json_is_told_with_its_place() {
        for (text, line, column) in [("{", 1, 1), ("{\n \"a\" = 1}", 2, 6), ("{} {}", 1, 4)] {
            let (found_line, found_column, _) = as_toml(text).unwrap_err();
            assert_eq!((found_line, found_column), (line, column), "{text}");
        }
        assert!(is_json("\n {") && !is_json("[a]") && !is_json("# {"));
    }
}
