//! Calls whose bodies are passed on in both directions.
//!
//! Whoever takes the answer drives the connection, the request's body included: a caller that reads slowly slows the
//! provider down, and at most one piece and hyper's buffers are held. A caller that takes nothing of an early answer
//! before it has sent all of its request waits for itself until a time limit ends the call; HTTP asks callers to read
//! while they send.

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::sync::OwnedSemaphorePermit;

use super::fault::UpstreamFault;
use super::hygiene;
use super::payload::{Payload, Progress, Upload};
use super::pool::{Counted, Upstream};
use crate::clock;
use crate::pace::{Exceeded, Pace, StreamBounds};

/// Time limits of one streamed call, and the size of its answer.
#[derive(Debug, Clone, Copy)]
pub struct StreamTimes {
    /// From the end of the request to the head of the answer, connecting included.
    pub first_byte: Duration,
    /// The answer's body.
    pub answer: StreamBounds,
}

impl Upstream {
    /// Sends `request` and gives its answer as soon as its head is there; both bodies are passed on as they come.
    ///
    /// Headers are treated as by [`Upstream::send`]; nothing is sent twice but what never left. An answer whose end
    /// could not be told from a cut is refused. Dropping future or answer closes the connection; a connection whose
    /// request and answer were whole is used again.
    ///
    /// # Errors
    /// Kinds only, never anything that the provider sent.
    pub async fn stream(
        self: &Rc<Self>,
        request: Request<Option<Upload>>,
        times: &StreamTimes,
    ) -> Result<Response<Download>, UpstreamFault> {
        let (head, body) = request.into_parts();
        let (payload, progress) = Payload::of(body);
        let sent = Cell::new(false);
        let mut answering = pin!(async {
            let place = self.place().await?;
            let (line, answer) = self.begin(Box::new(Request::from_parts(head, payload)), &sent).await?;
            Ok((place, line, answer))
        });
        let ends_at = times.answer.ends_at;
        let mut alarm = pin!(tokio::time::sleep_until(clock::timer_at(ends_at)));
        let mut is_first_byte_due = false;
        let (place, line, answer) = poll_fn(|cx| {
            if let Poll::Ready(answer) = answering.as_mut().poll(cx) {
                return Poll::Ready(answer);
            }
            if progress.has_ended.get() && !is_first_byte_due {
                is_first_byte_due = true;
                let due: Instant = ends_at.min(clock::now() + times.first_byte);
                alarm.as_mut().reset(clock::timer_at(due));
            }
            alarm.as_mut().poll(cx).map(|()| Err(UpstreamFault::Timeout { sent: sent.get() }))
        })
        .await
        .map_err(|fault| progress.blame(fault))?;
        let (mut head, body) = answer.into_parts();
        if !ends_visibly(head.status, &head.headers) {
            return Err(UpstreamFault::Broken { answered: true, reused: false });
        }
        hygiene::strip(&mut head.headers);
        let used = Some(Used { line, _place: place });
        let download =
            Download { used, is_broken: false, body, progress, pool: Rc::clone(self), pace: Pace::new(times.answer) };
        if body_exceeds(&download) {
            return Err(too_large(&times.answer));
        }
        Ok(Response::from_parts(head, download))
    }
}

/// Whether a cut would be noticed: HTTP/1 may end a body by closing the connection, as a crash does too.
fn ends_visibly(status: StatusCode, headers: &HeaderMap) -> bool {
    let has_no_body = matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    has_no_body || headers.contains_key(CONTENT_LENGTH) || headers.contains_key(TRANSFER_ENCODING)
}

fn body_exceeds(download: &Download) -> bool {
    download.body.size_hint().lower() > download.pace.bytes_left()
}

fn too_large(bounds: &StreamBounds) -> UpstreamFault {
    UpstreamFault::TooLarge { bytes_max: usize::try_from(bounds.bytes_max).unwrap_or(usize::MAX) }
}

/// The body of an answer as it comes.
pub struct Download {
    /// `None` once the answer has ended, well or not.
    used: Option<Used>,
    is_broken: bool,
    body: Incoming,
    progress: Rc<Progress>,
    pool: Rc<Upstream>,
    pace: Pace,
}

/// A connection in use and its place in the pool.
struct Used {
    line: Counted,
    _place: OwnedSemaphorePermit,
}

impl Download {
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, UpstreamFault>>> {
        let Some(used) = &mut self.used else { return Poll::Ready(None) };
        match used.line.line.poll_body(&mut self.body, cx) {
            Poll::Ready(Some(Ok(piece))) => match self.pace.arrived(piece.len()) {
                Ok(()) => Poll::Ready(Some(Ok(piece))),
                Err(Exceeded::Bytes) => Poll::Ready(Some(Err(self.too_large()))),
                Err(Exceeded::Time) => Poll::Ready(Some(Err(UpstreamFault::Timeout { sent: true }))),
            },
            Poll::Pending => self.pace.poll_wait(cx).map(|()| Some(Err(UpstreamFault::Timeout { sent: true }))),
            end @ Poll::Ready(_) => end,
        }
    }

    fn too_large(&self) -> UpstreamFault {
        too_large(self.pace.bounds())
    }

    /// Gives the connection back if request and answer were whole.
    fn settle(&mut self, cx: &mut Context<'_>) {
        if let Some(mut used) = self.used.take()
            && used.line.line.is_settled(cx)
        {
            self.pool.keep(used.line);
        }
    }
}

impl Body for Download {
    type Data = Bytes;
    type Error = UpstreamFault;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, UpstreamFault>>> {
        let polled = self.poll_piece(cx);
        match &polled {
            Poll::Ready(None) => self.settle(cx),
            Poll::Ready(Some(Err(_))) => {
                self.used = None;
                self.is_broken = true;
            }
            Poll::Ready(Some(Ok(_))) | Poll::Pending => {}
        }
        polled.map_ok(Frame::data).map_err(|fault| self.progress.blame(fault))
    }

    fn is_end_stream(&self) -> bool {
        !self.is_broken && (self.used.is_none() || self.body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Download {
    /// A body of known length is not asked for more once its last byte was taken.
    fn drop(&mut self) {
        if self.body.is_end_stream() {
            self.settle(&mut Context::from_waker(Waker::noop()));
        }
    }
}
