//! Reads one HTTP/1.1 answer at a time and says whether it is the one that was expected.
//!
//! Small on purpose: the generator shares its core with the upstream, and a full client would leave the proxy under
//! test idle. What it does not know (interim answers, an answer without a length) it refuses.

use anyhow::{Context, bail, ensure};

/// Heads of the proxies of the comparison are under 2 KiB.
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// Above the largest body of the comparison.
const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;

/// One complete answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer<'a> {
    pub(crate) status: u16,
    pub(crate) body: &'a [u8],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Framing {
    Length(usize),
    Chunked,
}

#[derive(Debug, Clone, Copy)]
struct Head {
    status: u16,
    bytes: usize,
    framing: Framing,
}

/// Collects the bytes of one answer. No request is sent before the last answer is complete, so bytes beyond it are an
/// error.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    received: Vec<u8>,
    head: Option<Head>,
    unchunked: Vec<u8>,
}

impl Inbox {
    /// The buffer to append received bytes to.
    pub(crate) fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.received
    }

    /// Forgets the answer; the memory stays for the next.
    pub(crate) fn clear(&mut self) {
        self.received.clear();
        self.unchunked.clear();
        self.head = None;
    }

    /// The answer, once it is complete; `None` asks for more bytes.
    ///
    /// # Errors
    /// If the bytes are not one HTTP/1.1 answer with a length.
    pub(crate) fn answer(&mut self) -> anyhow::Result<Option<Answer<'_>>> {
        if self.head.is_none() {
            self.head = parse_head(&self.received)?;
        }
        let Some(head) = self.head else {
            return Ok(None);
        };
        let rest = self.received.get(head.bytes..).unwrap_or_default();
        let body = match head.framing {
            Framing::Length(length) => {
                ensure!(rest.len() <= length, "{} bytes follow the answer", rest.len() - length);
                if rest.len() < length {
                    return Ok(None);
                }
                rest
            }
            Framing::Chunked => {
                if !unchunk(rest, &mut self.unchunked)? {
                    return Ok(None);
                }
                &self.unchunked
            }
        };
        Ok(Some(Answer { status: head.status, body }))
    }
}

fn parse_head(received: &[u8]) -> anyhow::Result<Option<Head>> {
    let mut rest = received;
    let mut status = None;
    let mut framing = None;
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        let (line, after) = rest.split_at(end);
        rest = after.get(1..).unwrap_or_default();
        let line = line.strip_suffix(b"\r").context("a line of the head ends without CR")?;
        let Some(code) = status else {
            status = Some(parse_status(line)?);
            continue;
        };
        if line.is_empty() {
            let framing = framing.or((code == 204 || code == 304).then_some(Framing::Length(0)));
            let framing = framing.context("the answer has neither Content-Length nor chunks")?;
            return Ok(Some(Head { status: code, bytes: received.len() - rest.len(), framing }));
        }
        if let Some(found) = parse_framing(line)? {
            ensure!(framing.replace(found).is_none(), "the answer states its length twice");
        }
    }
    ensure!(received.len() <= HEAD_BYTES_MAX, "the head exceeds {HEAD_BYTES_MAX} bytes");
    Ok(None)
}

fn parse_status(line: &[u8]) -> anyhow::Result<u16> {
    let code = line.strip_prefix(b"HTTP/1.1 ").and_then(|rest| rest.get(..3)).context("not an HTTP/1.1 answer")?;
    let code: u16 = std::str::from_utf8(code)?.parse().context("status code")?;
    ensure!(code >= 200, "interim answer {code}");
    Ok(code)
}

fn parse_framing(line: &[u8]) -> anyhow::Result<Option<Framing>> {
    // Most lines are told apart by their first letter.
    if !matches!(line.first(), Some(b'c' | b'C' | b't' | b'T')) {
        return Ok(None);
    }
    let Some(colon) = line.iter().position(|byte| *byte == b':') else { bail!("a header without a colon") };
    let (name, value) = line.split_at(colon);
    let value = value.get(1..).unwrap_or_default().trim_ascii();
    if name.eq_ignore_ascii_case(b"content-length") {
        let length: usize = std::str::from_utf8(value)?.parse().context("Content-Length")?;
        ensure!(length <= BODY_BYTES_MAX, "the body exceeds {BODY_BYTES_MAX} bytes");
        return Ok(Some(Framing::Length(length)));
    }
    if name.eq_ignore_ascii_case(b"transfer-encoding") {
        ensure!(value.eq_ignore_ascii_case(b"chunked"), "unknown transfer encoding");
        return Ok(Some(Framing::Chunked));
    }
    Ok(None)
}

/// Decodes `rest` into `body`; `false` if the last chunk has not arrived.
fn unchunk(mut rest: &[u8], body: &mut Vec<u8>) -> anyhow::Result<bool> {
    body.clear();
    while let Some(end) = rest.windows(2).position(|pair| pair == b"\r\n") {
        let (size, after) = rest.split_at(end);
        let size = usize::from_str_radix(std::str::from_utf8(size)?, 16).context("chunk size")?;
        ensure!(size <= BODY_BYTES_MAX - body.len(), "the body exceeds {BODY_BYTES_MAX} bytes");
        let after = after.get(2..).unwrap_or_default();
        let Some((chunk, next)) = after.split_at_checked(size) else {
            return Ok(false);
        };
        let Some((end, next)) = next.split_at_checked(2) else {
            return Ok(false);
        };
        ensure!(end == b"\r\n", "a chunk does not end with CRLF");
        body.extend_from_slice(chunk);
        rest = next;
        if size == 0 {
            ensure!(rest.is_empty(), "{} bytes follow the answer", rest.len());
            return Ok(true);
        }
    }
    Ok(false)
}

/// What every answer must be. At least one of length and content is given.
#[derive(Debug, Clone)]
pub(crate) struct Expectation {
    pub(crate) status: u16,
    pub(crate) body_bytes: Option<usize>,
    pub(crate) contains: Option<String>,
}

impl Expectation {
    /// Checks one answer. `found_at` remembers where the text stood last time: it rarely moves, and a search through
    /// 10 KB for every answer would slow the generator.
    pub(crate) fn check(&self, answer: &Answer<'_>, found_at: &mut usize) -> anyhow::Result<()> {
        ensure!(
            answer.status == self.status,
            "status {}, expected {}: {}",
            answer.status,
            self.status,
            shown(answer.body)
        );
        if let Some(expected) = self.body_bytes {
            ensure!(
                answer.body.len() == expected,
                "body of {} bytes, expected {expected}: {}",
                answer.body.len(),
                shown(answer.body)
            );
        }
        if let Some(text) = self.contains.as_deref().map(str::as_bytes).filter(|text| !text.is_empty()) {
            let where_it_stood = answer.body.get(*found_at..).is_some_and(|rest| rest.starts_with(text));
            if !where_it_stood {
                let position = answer.body.windows(text.len()).position(|window| window == text);
                *found_at =
                    position.with_context(|| format!("the expected text is missing: {}", shown(answer.body)))?;
            }
        }
        Ok(())
    }
}

/// The first characters of a wrong answer. Bench data is synthetic, so it may be shown.
fn shown(body: &[u8]) -> String {
    String::from_utf8_lossy(body).chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::{Answer, Expectation, Inbox};

    const PLAIN: &str = "HTTP/1.1 200 OK\r\nServer: x\r\ncontent-length: 5\r\n\r\nhello";
    const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n";

    /// Feeds the text in pieces of every size: an answer must come with the last byte and never before.
    #[test]
    fn an_answer_is_complete_with_its_last_byte() {
        let check = |text: &str, status: u16, body: &str| {
            let mut inbox = Inbox::default();
            for size in 1..=text.len() {
                inbox.clear();
                let pieces: Vec<&[u8]> = text.as_bytes().chunks(size).collect();
                for (index, piece) in pieces.iter().enumerate() {
                    inbox.buffer().extend_from_slice(piece);
                    let last = index + 1 == pieces.len();
                    let expected = last.then_some(Answer { status, body: body.as_bytes() });
                    assert_eq!(inbox.answer().unwrap(), expected, "{text:?} in pieces of {size}");
                }
            }
        };
        check(PLAIN, 200, "hello");
        check(CHUNKED, 200, "hello");
        check("HTTP/1.1 204 No Content\r\n\r\n", 204, "");
        check("HTTP/1.1 503 Unavailable\r\nContent-Length: 0\r\n\r\n", 503, "");
    }

    #[test]
    fn what_is_not_one_framed_answer_is_refused() {
        let check = |text: &str| {
            let mut inbox = Inbox::default();
            inbox.buffer().extend_from_slice(text.as_bytes());
            assert!(inbox.answer().is_err(), "{text:?}");
        };
        check(&format!("{PLAIN}x"));
        check(&format!("{CHUNKED}x"));
        check("HTTP/1.1 200 OK\r\n\r\nhello");
        check("HTTP/1.1 100 Continue\r\n\r\n");
        check("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n");
        check("HTTP/1.1 2x0 OK\r\nContent-Length: 0\r\n\r\n");
        check("HTTP/1.1 200 OK\nContent-Length: 0\n\n");
        check("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n");
        check("HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n");
        check("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n");
        check("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n");
        check("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n");
        check("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n");
        check("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nheyyy\r\n");
        check(&"x".repeat(20_000));
    }

    #[test]
    fn a_wrong_answer_is_told_by_status_length_or_content() {
        let expectation = Expectation { status: 200, body_bytes: Some(5), contains: Some("ell".into()) };
        let check = |status: u16, body: &str, right: bool| {
            let mut found_at = 0;
            let answer = Answer { status, body: body.as_bytes() };
            assert_eq!(expectation.check(&answer, &mut found_at).is_ok(), right, "{status} {body}");
            assert_eq!(expectation.check(&answer, &mut found_at).is_ok(), right, "{status} {body} again");
        };
        check(200, "hello", true);
        check(200, "ell..", true);
        check(500, "hello", false);
        check(200, "hello!", false);
        check(200, "hallo", false);
        check(200, "", false);
    }

    #[test]
    fn content_that_moves_is_found_again() {
        let expectation = Expectation { status: 200, body_bytes: None, contains: Some("ab".into()) };
        let mut found_at = 0;
        for (body, position) in [("xxab", 2), ("xxab", 2), ("ab", 0), ("xab", 1)] {
            expectation.check(&Answer { status: 200, body: body.as_bytes() }, &mut found_at).unwrap();
            assert_eq!(found_at, position, "{body}");
        }
    }
}
