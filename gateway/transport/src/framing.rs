//! What hyper hides: it repairs two framing faults before anyone sees the head.
//!
//! A `Content-Length` beside `Transfer-Encoding` is dropped, and equal `Content-Length` lines
//! become one. Both are lawful for a server, and harmless here because every request to a provider
//! is written anew; but a sender of such heads is broken or hostile and shall be told. So the raw
//! bytes of each HTTP/1.1 head are kept beside the parser and read once more.
//!
//! The watch follows the stream from head to head. Where it loses the place (a chunked body, then
//! pipelining) it stays silent until it is sure again: it may miss a fault that hyper repairs, and
//! it never reports one that is not there.

use http::{HeaderMap, Method, header};
use sluice_domain::Fault;

use crate::limits::HTTP1_BUFFER_BYTES;

/// Follows the heads of one HTTP/1.1 connection.
#[derive(Debug)]
pub(crate) struct HeadWatch {
    raw: Vec<u8>,
    place: Place,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// `raw` begins where a head begins.
    Head,
    /// So many bytes of a body come first.
    Body(u64),
    /// Unknown until the current answer is out.
    Lost,
    /// Not an HTTP/1.1 connection.
    Off,
}

impl HeadWatch {
    pub(crate) fn http1() -> Self {
        Self { raw: Vec::new(), place: Place::Head }
    }

    pub(crate) fn off() -> Self {
        Self { raw: Vec::new(), place: Place::Off }
    }

    /// Bytes as they came from the peer.
    pub(crate) fn observe(&mut self, bytes: &[u8]) {
        match self.place {
            Place::Head => self.keep(bytes),
            Place::Body(left) => self.skip_body(left, bytes),
            Place::Lost | Place::Off => {}
        }
    }

    /// Whether a head has begun and not yet ended.
    pub(crate) fn is_mid_head(&self) -> bool {
        self.place == Place::Head && !self.raw.is_empty()
    }

    /// Reads the raw head of a request that hyper has just parsed.
    pub(crate) fn judge(&mut self, method: &Method, headers: &HeaderMap) -> Result<(), Fault> {
        if self.place != Place::Head {
            return Ok(());
        }
        // hyper keeps one length at most.
        let length = headers.get(header::CONTENT_LENGTH);
        let lines_known = headers.len() - usize::from(length.is_some());
        let length = length.and_then(|value| value.to_str().ok()?.parse().ok());
        if self.is_whole(headers, length.unwrap_or(0)) {
            self.raw.clear();
            return Ok(());
        }
        let Some(lines) = Lines::read(&self.raw).filter(|lines| lines.are_of(&self.raw, method, lines_known)) else {
            self.lose();
            return Ok(());
        };
        if lines.codings > 0 {
            self.lose();
        } else {
            self.pass(lines.end, length.unwrap_or(0));
        }
        match (lines.codings, lines.lengths) {
            (0, 0 | 1) | (1, 0) => Ok(()),
            (0, _) => Err(Fault::ContentLength),
            _ => Err(Fault::TransferEncoding),
        }
    }

    /// The ordinary case, told without reading lines: `raw` is one head and its body and nothing else,
    /// and has a line end for each header that hyper kept, so that it dropped none.
    ///
    /// Were the head longer than what lies in front of the body, it would hold an empty line, which
    /// ends a head; were it shorter, there would be line ends too many.
    fn is_whole(&self, headers: &HeaderMap, body_bytes: u64) -> bool {
        let body_bytes = usize::try_from(body_bytes).unwrap_or(usize::MAX);
        let head = self.raw.len().checked_sub(body_bytes).and_then(|end| self.raw.get(..end));
        head.is_some_and(|head| {
            // The request line and the empty line end as well.
            head.ends_with(b"\r\n\r\n") && line_ends(head) == headers.len() + 2
        }) && !headers.contains_key(header::TRANSFER_ENCODING)
    }

    /// The answer is out: what comes next is a head again.
    pub(crate) fn answered(&mut self) {
        if self.place == Place::Lost {
            self.place = Place::Head;
        }
    }

    /// Goes on behind a head of `head_bytes` in `raw` and its body of `body_bytes`.
    fn pass(&mut self, head_bytes: usize, body_bytes: u64) {
        let body_here = (self.raw.len() - head_bytes) as u64;
        if body_here <= body_bytes {
            self.raw.clear();
            self.place = if body_here < body_bytes { Place::Body(body_bytes - body_here) } else { Place::Head };
            return;
        }
        // The next request was sent behind this one.
        let passed = head_bytes + usize::try_from(body_bytes).unwrap_or(usize::MAX);
        self.raw.drain(..passed);
    }

    fn keep(&mut self, bytes: &[u8]) {
        if self.raw.len() + bytes.len() > 2 * HTTP1_BUFFER_BYTES {
            return self.lose();
        }
        self.raw.extend_from_slice(bytes);
    }

    fn skip_body(&mut self, left: u64, bytes: &[u8]) {
        let length = bytes.len() as u64;
        if length < left {
            self.place = Place::Body(left - length);
            return;
        }
        self.place = Place::Head;
        let skipped = usize::try_from(left).unwrap_or(usize::MAX);
        self.keep(bytes.get(skipped..).unwrap_or_default());
    }

    fn lose(&mut self) {
        self.place = Place::Lost;
        self.raw.clear();
    }
}

/// Header lines of a raw head.
struct Lines {
    total: usize,
    lengths: usize,
    codings: usize,
    /// Offset behind the empty line.
    end: usize,
}

impl Lines {
    /// `None` if the head has no end.
    fn read(raw: &[u8]) -> Option<Self> {
        let blank = raw.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        let mut lines = Self { total: 0, lengths: 0, codings: 0, end: blank };
        let mut is_request_line = true;
        for line_end in memchr::memchr_iter(b'\n', raw.get(blank..)?) {
            let next = blank + line_end + 1;
            let line = raw.get(lines.end..next)?;
            lines.end = next;
            match line {
                b"\n" | b"\r\n" => return Some(lines),
                _ if is_request_line => is_request_line = false,
                _ => {
                    lines.total += 1;
                    match line.first() {
                        Some(b'c' | b'C') => lines.lengths += usize::from(is_named(line, b"content-length")),
                        Some(b't' | b'T') => lines.codings += usize::from(is_named(line, b"transfer-encoding")),
                        _ => {}
                    }
                }
            }
        }
        None
    }

    /// Whether these are the lines of the request that hyper parsed: same method, and every line
    /// that is missing from the `lines_known` to it, lengths not counted, is one of those that hyper drops.
    fn are_of(&self, raw: &[u8], method: &Method, lines_known: usize) -> bool {
        let request_line = raw.trim_ascii_start();
        request_line.starts_with(method.as_str().as_bytes())
            && request_line.get(method.as_str().len()) == Some(&b' ')
            && self.total == lines_known + self.lengths
    }
}

/// Bytes in which no more line ends than a byte counts are looked for at once.
const PIECE_BYTES: usize = 128;

/// Counts in bytes and without an overflow check, so that the loop runs on vectors.
fn line_ends(head: &[u8]) -> usize {
    let count = |piece: &[u8]| piece.iter().fold(0, |ends: u8, byte| ends.wrapping_add(u8::from(*byte == b'\n')));
    head.chunks(PIECE_BYTES).map(|piece| usize::from(count(piece))).sum()
}

fn is_named(line: &[u8], name: &[u8]) -> bool {
    line.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name)) && line.get(name.len()) == Some(&b':')
}
