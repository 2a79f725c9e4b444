//! The path: one meaning after one decoding, or none.

use sluice_domain::Fault;

/// Refuses every path that two readers could resolve differently.
pub(super) fn check(path: &str) -> Result<(), Fault> {
    if is_plain(path.as_bytes()) {
        return Ok(());
    }
    let Some(rest) = path.strip_prefix('/') else {
        return Err(Fault::BadRequestLine);
    };
    if rest.is_empty() {
        return Ok(());
    }
    rest.split('/').try_for_each(check_segment)
}

/// Whether no byte needs a second look: segments of letters, digits and three marks, none empty. So
/// are the paths of ordinary callers; all others take the long way.
fn is_plain(path: &[u8]) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'_' | b'~');
    // Counted to the end, so that both loops run on vectors.
    let others = path.iter().filter(|byte| !is_plain(**byte)).count();
    let pairs = path.iter().zip(path.iter().skip(1));
    let empty = pairs.filter(|pair| matches!(pair, (b'/', b'/'))).count();
    others == 0 && empty == 0 && path.first() == Some(&b'/') && path.last() != Some(&b'/')
}

/// A query string is read by the exchange; here it only has to be ASCII.
pub(super) fn check_query(query: &str) -> Result<(), Fault> {
    if query.bytes().all(|byte| byte.is_ascii_graphic()) { Ok(()) } else { Err(Fault::PathEncoding) }
}

fn check_segment(segment: &str) -> Result<(), Fault> {
    if segment.bytes().any(|byte| byte == b'%') {
        return check_decoded(&decode(segment.as_bytes()).ok_or(Fault::PathEncoding)?, Origin::Encoded);
    }
    check_decoded(segment.as_bytes(), Origin::Plain)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Origin {
    Plain,
    Encoded,
}

fn check_decoded(segment: &[u8], origin: Origin) -> Result<(), Fault> {
    if matches!(segment, b"" | b"." | b"..") || segment.contains(&b';') {
        return Err(Fault::PathSegments);
    }
    // A separator here was encoded; a back slash is one for some servers.
    if segment.iter().any(|byte| matches!(byte, b'/' | b'\\') || byte.is_ascii_control()) {
        return Err(Fault::PathEncoding);
    }
    let is_clear = match origin {
        Origin::Plain => segment.iter().all(u8::is_ascii_graphic),
        Origin::Encoded => std::str::from_utf8(segment).is_ok() && !decodes_again(segment),
    };
    if is_clear { Ok(()) } else { Err(Fault::PathEncoding) }
}

fn decodes_again(segment: &[u8]) -> bool {
    segment
        .windows(3)
        .any(|three| matches!(three, [b'%', high, low] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit()))
}

/// `None` if a `%` is not followed by two hexadecimal digits, or if what was sent unencoded is not ASCII.
fn decode(segment: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(segment.len());
    let mut rest = segment;
    while let Some((byte, tail)) = rest.split_first() {
        rest = tail;
        if *byte != b'%' {
            out.push(byte.is_ascii_graphic().then_some(*byte)?);
            continue;
        }
        let (digits, tail) = rest.split_at_checked(2)?;
        let text =
            std::str::from_utf8(digits).ok().filter(|text| text.bytes().all(|digit| digit.is_ascii_hexdigit()))?;
        out.push(u8::from_str_radix(text, 16).ok()?);
        rest = tail;
    }
    Some(out)
}
