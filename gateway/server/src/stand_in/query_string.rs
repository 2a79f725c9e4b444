//! Query strings as a vendor's web framework reads them.

use std::collections::BTreeMap;

/// Decodes `a=b&c=d`: percent escapes, `+` as a space, the last of several equal names. `None` for
/// a bad escape or text that is not UTF-8.
pub(crate) fn decode(query: &str) -> Option<BTreeMap<String, String>> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((unescape(name)?, unescape(value)?))
        })
        .collect()
}

fn unescape(text: &str) -> Option<String> {
    let mut bytes = text.bytes();
    let mut out = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'+' => b' ',
            b'%' => hex(bytes.next()?)? << 4 | hex(bytes.next()?)?,
            plain => plain,
        });
    }
    String::from_utf8(out).ok()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_decoded_and_broken_ones_refused() {
        let rows = [
            ("a=1&b=%E5%BC%A0+x", Some(vec![("a", "1"), ("b", "张 x")])),
            ("a&&b=", Some(vec![("a", ""), ("b", "")])),
            ("a=1&a=2", Some(vec![("a", "2")])),
            ("", Some(vec![])),
            ("a=%4", None),
            ("a=%zz", None),
            ("a=%ff", None),
        ];
        for (query, expected) in rows {
            let expected = expected
                .map(|pairs| pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect());
            assert_eq!(decode(query), expected, "{query}");
        }
    }
}
