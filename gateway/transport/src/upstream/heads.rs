//! What hyper hides of an answer's heads: it drops a `Content-Length` beside `Transfer-Encoding`, makes equal
//! `Content-Length` lines one, and passes over any number of interim answers. A provider that sends such heads is broken or hostile, and
//! where its answer ends is a matter of opinion; so the raw bytes are read once more.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Interim answers (1xx) before the one that counts. Nobody needs more than one or two.
const INTERIM_MAX: u32 = 8;
/// Longest heads of one answer together; below what hyper takes, so that ours is the limit.
const HEADS_BYTES_MAX: usize = 32 * 1024;

/// Follows the heads of the answer to one request.
#[derive(Debug, Default)]
pub(super) struct Heads {
    /// The line whose end has not come yet.
    unfinished: Vec<u8>,
    /// Bytes of the heads so far.
    bytes: usize,
    head: Option<Head>,
    interim: u32,
    has_begun: bool,
    is_whole: bool,
    is_broken: bool,
}

#[derive(Debug, Clone, Copy)]
struct Head {
    is_http_11: bool,
    is_interim: bool,
    lengths: u32,
    codings: u32,
}

impl Heads {
    /// A request goes out: the next bytes begin an answer.
    pub(super) fn begin(&mut self) {
        let mut unfinished = std::mem::take(&mut self.unfinished);
        unfinished.clear();
        *self = Self { unfinished, ..Self::default() };
    }

    /// Whether any byte of an answer has come.
    pub(super) fn has_begun(&self) -> bool {
        self.has_begun
    }

    /// Whether the head that hyper took for the answer's is the one seen here, and leaves no doubt where its body ends.
    pub(super) fn are_clean(&self) -> bool {
        self.is_whole && !self.is_broken
    }

    /// Bytes as they came; an error when no honest head is so long. What follows the head in the same bytes is not
    /// looked at: an answer's first bytes mostly hold its whole body.
    fn observe(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.has_begun |= !bytes.is_empty();
        let mut rest = bytes;
        while !self.is_whole {
            let Some(length) = memchr::memchr(b'\n', rest) else {
                self.unfinished.extend_from_slice(rest);
                self.bytes += rest.len();
                break;
            };
            let (line, next) = rest.split_at_checked(length + 1).unwrap_or((rest, &[]));
            rest = next;
            self.bytes += line.len();
            self.read_line(line);
        }
        if self.interim > INTERIM_MAX || (self.bytes > HEADS_BYTES_MAX && !self.is_whole) {
            self.is_broken = true;
            return Err(io::Error::other("an answer's head does not end"));
        }
        Ok(())
    }

    /// Reads a line with its end, of which a part may have come before.
    fn read_line(&mut self, line: &[u8]) {
        let mut before = std::mem::take(&mut self.unfinished);
        let line = if before.is_empty() {
            line
        } else {
            before.extend_from_slice(line);
            &before
        };
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        self.read(line.strip_suffix(b"\r").unwrap_or(line));
        before.clear();
        self.unfinished = before;
    }

    fn read(&mut self, line: &[u8]) {
        match &mut self.head {
            None if line.is_empty() => {}
            None => {
                self.head = Some(Head {
                    is_http_11: line.starts_with(b"HTTP/1.1 "),
                    // 101 ends the conversation in HTTP: it is no interim answer.
                    is_interim: line.get(9) == Some(&b'1') && line.get(9..12) != Some(b"101"),
                    lengths: 0,
                    codings: 0,
                });
            }
            Some(head) if line.is_empty() => {
                if head.is_interim {
                    self.interim += 1;
                    self.head = None;
                    return;
                }
                self.is_whole = true;
                let is_well_framed = match (head.codings, head.lengths) {
                    (0, 0 | 1) => true,
                    (1, 0) => head.is_http_11,
                    _ => false,
                };
                self.is_broken |= !is_well_framed;
            }
            Some(head) => {
                let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
                head.lengths += u32::from(name.eq_ignore_ascii_case(b"content-length"));
                head.codings += u32::from(name.eq_ignore_ascii_case(b"transfer-encoding"));
            }
        }
    }
}

/// A stream whose incoming bytes [`Heads`] sees as well.
pub(super) struct Watched<S> {
    stream: S,
    heads: Rc<RefCell<Heads>>,
}

impl<S> Watched<S> {
    pub(super) fn new(stream: S) -> (Self, Rc<RefCell<Heads>>) {
        let heads = Rc::<RefCell<Heads>>::default();
        (Self { stream, heads: Rc::clone(&heads) }, heads)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        Poll::Ready(self.heads.borrow_mut().observe(buf.filled().get(before..).unwrap_or_default()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_judged_by_their_raw_bytes_however_they_arrive() {
        let continued = "HTTP/1.1 100 Continue\r\nX: y\r\n\r\n";
        let rows = [
            ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nContent-Length: 3\r\n\r\n", true),
            ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", true),
            ("HTTP/1.0 200 OK\r\n\r\n", true),
            ("\r\nHTTP/1.1 200 OK\nContent-Length: 2\n\n", true),
            (&format!("{continued}HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"), true),
            ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n", false),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n", false),
            ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\ncontent-length: 2\r\n\r\n", false),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", false),
            ("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", false),
            ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n", false),
            ("HTTP/1.1 101 Switching\r\n\r\n", true),
            ("", false),
        ];
        for (answer, expected) in rows {
            for step in [1, 7, answer.len().max(1)] {
                let mut heads = Heads::default();
                heads.begin();
                answer.as_bytes().chunks(step).for_each(|piece| heads.observe(piece).unwrap());
                assert_eq!(heads.are_clean(), expected, "{answer:?} by {step}");
                assert_eq!(heads.has_begun(), !answer.is_empty());
            }
        }
    }

    #[test]
    fn a_head_that_does_not_end_is_an_error() {
        let mut heads = Heads::default();
        for _ in 0..INTERIM_MAX {
            heads.observe(b"HTTP/1.1 103 Early Hints\r\n\r\n").unwrap();
        }
        assert!(heads.observe(b"HTTP/1.1 103 Early Hints\r\n\r\n").is_err());
        heads.begin();
        assert!(heads.observe(&vec![b'x'; HEADS_BYTES_MAX]).is_ok());
        assert!(heads.observe(b"x").is_err() && !heads.are_clean());
    }
}
