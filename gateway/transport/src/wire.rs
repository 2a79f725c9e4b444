//! The plaintext side of a connection, with what hyper lacks: a limit on slow heads and slow
//! readers, a copy of each raw head for `framing`, and a close that does not destroy the answer.
//!
//! hyper's own `header_read_timeout` stays off: it allocates a timer per request and cuts idle
//! connections with the same clock as slow heads. Here a timer exists only while a head is
//! incomplete.

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

use crate::connection::{Conn, Cut};
use crate::limits::{LINGER, LINGER_BYTES, Timeouts, WRITE_BYTES_MIN};

/// Read into this while lingering; the content is thrown away.
const LINGER_PIECE_BYTES: usize = 2048;

pub(crate) struct Wire<I> {
    io: I,
    conn: Rc<Conn>,
    head_max: Duration,
    write_max: Duration,
    head_timer: Option<Pin<Box<Sleep>>>,
    pause: Option<Pin<Box<Sleep>>>,
    stall: Option<Stall>,
    linger: Option<Linger>,
}

/// The peer does not take what we write.
struct Stall {
    timer: Pin<Box<Sleep>>,
    bytes: usize,
}

/// Our side is closed; what the peer still sends is thrown away.
struct Linger {
    timer: Pin<Box<Sleep>>,
    bytes_left: usize,
}

impl<I> Wire<I> {
    pub(crate) fn new(io: I, conn: Rc<Conn>, timeouts: &Timeouts) -> Self {
        Self {
            io,
            conn,
            head_max: timeouts.head,
            write_max: timeouts.write,
            head_timer: None,
            pause: None,
            stall: None,
            linger: None,
        }
    }

    /// Ready when the pause that the connection was given is over, or when it is to end: what was sent is answered then.
    fn poll_pause(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(time) = self.conn.take_pause() {
            self.pause = Some(timer(time));
        }
        if self.conn.is_finishing() {
            self.pause = None;
        }
        if let Some(pause) = &mut self.pause {
            ready!(pause.as_mut().poll(cx));
            self.pause = None;
        }
        Poll::Ready(())
    }

    fn poll_head_timer(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        if !self.conn.is_mid_head() {
            self.head_timer = None;
            return Poll::Pending;
        }
        let head_max = self.head_max;
        ready!(self.head_timer.get_or_insert_with(|| timer(head_max)).as_mut().poll(cx));
        self.conn.cut(Cut::SlowHead);
        Poll::Ready(io::ErrorKind::TimedOut.into())
    }

    /// An incomplete write stays pending until the peer was silent for too long.
    fn poll_stall<T>(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        let write_max = self.write_max;
        let stall = self.stall.get_or_insert_with(|| Stall { timer: timer(write_max), bytes: 0 });
        ready!(stall.timer.as_mut().poll(cx));
        self.conn.cut(Cut::SlowReader);
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    fn wrote(&mut self, bytes: usize) {
        if let Some(stall) = &mut self.stall {
            stall.bytes += bytes;
            if stall.bytes >= WRITE_BYTES_MIN {
                self.stall = None;
            }
        }
    }
}

/// Pending until the worker has looked at its other sockets.
fn poll_yield<T>(cx: &mut Context<'_>) -> Poll<T> {
    let mut turn = std::pin::pin!(tokio::task::yield_now());
    // The first poll asks to be woken; nothing is lost with the future.
    turn.as_mut().poll(cx).is_pending();
    Poll::Pending
}

fn timer(after: Duration) -> Pin<Box<Sleep>> {
    Box::pin(tokio::time::sleep(after))
}

impl<I: AsyncRead + Unpin> AsyncRead for Wire<I> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_pause(cx));
        if !self.conn.may_read() {
            return poll_yield(cx);
        }
        let before = buf.filled().len();
        match Pin::new(&mut self.io).poll_read(cx, buf) {
            Poll::Ready(Ok(())) => {
                self.conn.heard(buf.filled().get(before..).unwrap_or_default());
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => self.poll_head_timer(cx).map(Err),
        }
    }
}

impl<I: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Wire<I> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match Pin::new(&mut self.io).poll_write(cx, buf) {
            Poll::Ready(Ok(bytes)) => {
                self.wrote(bytes);
                Poll::Ready(Ok(bytes))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => self.poll_stall(cx),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match Pin::new(&mut self.io).poll_write_vectored(cx, bufs) {
            Poll::Ready(Ok(bytes)) => {
                self.wrote(bytes);
                Poll::Ready(Ok(bytes))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => self.poll_stall(cx),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.io).poll_flush(cx) {
            Poll::Ready(done) => {
                self.stall = None;
                Poll::Ready(done)
            }
            Poll::Pending => self.poll_stall(cx),
        }
    }

    /// Closes our side, then reads for a moment: closing a socket with unread bytes in it resets the
    /// connection, and the reset overtakes the answer.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.linger.is_none() {
            match Pin::new(&mut self.io).poll_shutdown(cx) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return self.poll_stall(cx),
            }
        }
        let Self { io, linger, .. } = &mut *self;
        let linger = linger.get_or_insert_with(|| Linger { timer: timer(LINGER), bytes_left: LINGER_BYTES });
        loop {
            let mut piece = [0; LINGER_PIECE_BYTES];
            let mut piece = ReadBuf::new(&mut piece);
            match Pin::new(&mut *io).poll_read(cx, &mut piece) {
                Poll::Ready(Ok(())) if !piece.filled().is_empty() && piece.filled().len() < linger.bytes_left => {
                    linger.bytes_left -= piece.filled().len();
                }
                Poll::Ready(_) => return Poll::Ready(Ok(())),
                Poll::Pending => return linger.timer.as_mut().poll(cx).map(Ok),
            }
        }
    }
}
