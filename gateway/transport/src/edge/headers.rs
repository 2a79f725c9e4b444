//! Header lines: sizes, framing, repetition, aliases.

use http::header::{self, HeaderName, HeaderValue};
use http::{HeaderMap, Version};
use memchr::memchr;
use sluice_domain::{Code, Fact, Fault, Refusal};

use super::{EdgeLimits, Head, malformed, too_large};

/// What the pass over the headers found.
pub(super) struct Seen<'a> {
    pub(super) host: Option<&'a HeaderValue>,
}

/// Headers of ours, besides everything that begins with `exchange-` or `x-exchange-`, that must not
/// be spelt with an underscore: some servers take both for one.
const GUARDED: &[&str] = &[
    "authorization",
    "connection",
    "content-length",
    "content-type",
    "host",
    "idempotency-key",
    "traceparent",
    "transfer-encoding",
    "x-request-id",
];

pub(super) fn check<'a>(head: &Head<'a>, limits: &EdgeLimits) -> Result<Seen<'a>, Refusal> {
    let headers = head.headers;
    if headers.len() > limits.headers_max {
        return Err(too_large(Code::RequestHeadersTooLarge, limits.headers_max));
    }
    // One pass: each lookup would hash the name again.
    let mut seen = Seen { host: None };
    let (mut has_coding, mut has_length) = (false, false);
    let mut bytes = 0;
    for (name, value) in headers {
        // Name, colon, space, value, line end.
        bytes += name.as_str().len() + value.len() + 4;
        match *name {
            header::HOST => seen.host = Some(value),
            header::TRANSFER_ENCODING => {
                has_coding = true;
                check_transfer_encoding(head.version, value)?;
            }
            header::CONTENT_LENGTH => {
                has_length = true;
                check_content_length(value)?;
            }
            header::UPGRADE => return Err(malformed(Fault::UpgradeUnsupported)),
            header::EXPECT => check_expect(value)?,
            header::CONNECTION => check_connection(value)?,
            header::AUTHORIZATION => check_characters(value)?,
            _ => check_other(name, value)?,
        }
    }
    if bytes > limits.header_bytes_max {
        return Err(too_large(Code::RequestHeadersTooLarge, limits.header_bytes_max));
    }
    if headers.len() != headers.keys_len() {
        check_repeated(headers)?;
    }
    if has_coding && has_length {
        return Err(malformed(Fault::TransferEncoding));
    }
    Ok(seen)
}

fn check_transfer_encoding(version: Version, value: &HeaderValue) -> Result<(), Refusal> {
    if version == Version::HTTP_11 && value.as_bytes().eq_ignore_ascii_case(b"chunked") {
        return Ok(());
    }
    Err(malformed(Fault::TransferEncoding))
}

fn check_content_length(value: &HeaderValue) -> Result<(), Refusal> {
    // 19 digits always fit into 64 bits.
    let digits = value.as_bytes();
    if (1..=19).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit) {
        return Ok(());
    }
    Err(malformed(Fault::ContentLength))
}

fn check_expect(value: &HeaderValue) -> Result<(), Refusal> {
    if value.as_bytes().eq_ignore_ascii_case(b"100-continue") {
        return Ok(());
    }
    Err(malformed(Fault::ExpectUnsupported))
}

/// A hop-by-hop list must not name what identifies or frames a request: a hop that obeys it would drop it.
fn check_connection(value: &HeaderValue) -> Result<(), Refusal> {
    for token in value.as_bytes().split(|byte| *byte == b',') {
        let token = token.trim_ascii();
        if token.eq_ignore_ascii_case(b"upgrade") || token.eq_ignore_ascii_case(b"http2-settings") {
            return Err(malformed(Fault::UpgradeUnsupported));
        }
        // `Connection: connection` is nonsense but harmless; every other guarded name is not.
        if is_guarded(token, |byte| byte.to_ascii_lowercase()) {
            return Err(malformed(Fault::HeaderReserved));
        }
    }
    Ok(())
}

fn check_other(name: &HeaderName, value: &HeaderValue) -> Result<(), Refusal> {
    let name = name.as_str().as_bytes();
    if name.contains(&b'_') && is_guarded(name, |byte| if byte == b'_' { b'-' } else { byte }) {
        return Err(malformed(Fault::HeaderReserved));
    }
    if name.starts_with(b"exchange-") || name.starts_with(b"x-exchange-") || name == b"idempotency-key" {
        check_characters(value)?;
    }
    Ok(())
}

/// A tab is the one control character that a `HeaderValue` may hold; in ours it would only serve to
/// hide something.
fn check_characters(value: &HeaderValue) -> Result<(), Refusal> {
    if memchr(b'\t', value.as_bytes()).is_some() {
        return Err(malformed(Fault::HeaderCharacters));
    }
    Ok(())
}

fn is_guarded(name: &[u8], fold: impl Fn(u8) -> u8) -> bool {
    let is = |known: &str| name.len() == known.len() && begins(name, known, &fold);
    begins(name, "exchange-", &fold) || begins(name, "x-exchange-", &fold) || GUARDED.iter().any(|known| is(known))
}

fn begins(name: &[u8], prefix: &str, fold: &impl Fn(u8) -> u8) -> bool {
    name.len() >= prefix.len() && name.iter().zip(prefix.bytes()).all(|(byte, wanted)| fold(*byte) == wanted)
}

/// Names that may occur once, in the words of our own interface.
const SINGLE: &[&str] = &[
    "authorization",
    "content-encoding",
    "content-type",
    "exchange-handler",
    "exchange-matter",
    "exchange-purpose",
    "expect",
    "idempotency-key",
    "traceparent",
];

fn check_repeated(headers: &HeaderMap) -> Result<(), Refusal> {
    for name in headers.keys() {
        if headers.get_all(name).iter().nth(1).is_none() {
            continue;
        }
        match *name {
            header::HOST => return Err(malformed(Fault::HostRepeated)),
            header::CONTENT_LENGTH => return Err(malformed(Fault::ContentLength)),
            header::TRANSFER_ENCODING => return Err(malformed(Fault::TransferEncoding)),
            _ => {}
        }
        if let Some(known) = SINGLE.iter().find(|known| **known == name.as_str()) {
            return Err(malformed(Fault::HeaderRepeated).with(Fact::Member(known)));
        }
        if name.as_str().starts_with("exchange-") {
            return Err(malformed(Fault::HeaderRepeated));
        }
    }
    Ok(())
}
