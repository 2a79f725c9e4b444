//! Reading bodies whole: hyper bounds neither their size nor their duration.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use http_body::Body;
use sluice_domain::{Code, Fact, Fault, Refusal};
use thiserror::Error;
use tokio::time::Sleep;

use crate::clock;
use crate::limits::BodyLimits;

/// Why a request body was not read to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum BodyFault {
    /// Announced or arrived larger than allowed.
    #[error("the body is larger than {bytes_max} bytes")]
    TooLarge {
        /// Largest allowed.
        bytes_max: usize,
    },
    /// Too long in total, between two arrivals, or on average.
    #[error("the body did not arrive in time")]
    Timeout,
    /// Cut off or badly framed.
    #[error("the body ended early or is badly framed")]
    Broken,
}

impl From<BodyFault> for Refusal {
    fn from(fault: BodyFault) -> Self {
        match fault {
            BodyFault::TooLarge { bytes_max } => Self::new(Code::RequestTooLarge).with(Fact::Limit(bytes_max as u64)),
            BodyFault::Timeout => Self::new(Code::RequestTimeout),
            BodyFault::Broken => Self::fault(Code::RequestMalformed, Fault::BodyBroken),
        }
    }
}

/// Reads a request body whole. Trailers are dropped. A body of one piece is not copied.
///
/// # Errors
/// As soon as a limit is passed: a body that announces too much is refused unread.
pub async fn read<B>(body: B, limits: &BodyLimits) -> Result<Bytes, BodyFault>
where
    B: Body<Data = Bytes> + Unpin,
{
    let mut reading = Reading { body, limits, gathered: Gathered::new(limits.bytes_max), pace: None };
    if reading.body.size_hint().lower() > limits.bytes_max as u64 {
        return Err(BodyFault::TooLarge { bytes_max: limits.bytes_max });
    }
    poll_fn(|cx| reading.poll(cx)).await?;
    Ok(reading.gathered.finish())
}

/// What is read of a body that nobody wants.
const UNWANTED: BodyLimits =
    BodyLimits { bytes_max: 64 * 1024, total: Duration::from_secs(1), idle: Duration::from_secs(1), rate_min: 1024 };

/// Reads what is left of the body of a refused request, within bounds: a caller that sends it after the
/// head would otherwise lose its connection, and the next request on it, without a word.
///
/// # Errors
/// The rest is too long, too slow or broken: the connection cannot go on.
pub async fn pass_over<B>(body: B) -> Result<(), BodyFault>
where
    B: Body<Data = Bytes> + Unpin,
{
    if body.is_end_stream() {
        return Ok(());
    }
    read(body, &UNWANTED).await.map(drop)
}

struct Reading<'a, B> {
    body: B,
    limits: &'a BodyLimits,
    gathered: Gathered,
    /// Set once the body makes us wait; most bodies arrive with their head.
    pace: Option<Pace>,
}

impl<B: Body<Data = Bytes> + Unpin> Reading<'_, B> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BodyFault>> {
        loop {
            match Pin::new(&mut self.body).poll_frame(cx) {
                Poll::Ready(None) => return Poll::Ready(Ok(())),
                Poll::Ready(Some(Err(_))) => return Poll::Ready(Err(BodyFault::Broken)),
                Poll::Ready(Some(Ok(frame))) => {
                    let Ok(piece) = frame.into_data() else { continue };
                    let bytes_max = self.limits.bytes_max;
                    self.gathered.push(piece).map_err(|Full| BodyFault::TooLarge { bytes_max })?;
                    if let Some(pace) = &mut self.pace {
                        pace.progress(clock::now(), self.gathered.len(), self.limits);
                    }
                }
                Poll::Pending => {
                    let received = self.gathered.len();
                    let pace = self.pace.get_or_insert_with(|| Pace::start(clock::now(), received, self.limits));
                    ready!(pace.timer.as_mut().poll(cx));
                    return Poll::Ready(Err(BodyFault::Timeout));
                }
            }
        }
    }
}

/// The moment by which more must have arrived.
struct Pace {
    started: Instant,
    timer: Pin<Box<Sleep>>,
}

impl Pace {
    fn start(now: Instant, received: usize, limits: &BodyLimits) -> Self {
        let due = due(now, now, received, limits);
        Self { started: now, timer: Box::pin(tokio::time::sleep_until(clock::timer_at(due))) }
    }

    fn progress(&mut self, now: Instant, received: usize, limits: &BodyLimits) {
        let due = due(self.started, now, received, limits);
        self.timer.as_mut().reset(clock::timer_at(due));
    }
}

fn due(started: Instant, now: Instant, received: usize, limits: &BodyLimits) -> Instant {
    let at_rate = Duration::from_millis(received as u64 * 1000 / u64::from(limits.rate_min.max(1)));
    (started + limits.total).min(now + limits.idle).min(started + limits.idle + at_rate)
}

/// The pieces of a body, up to a size.
pub(crate) struct Gathered {
    only: Bytes,
    all: BytesMut,
    bytes_max: usize,
}

/// More than fits.
#[derive(Debug)]
pub(crate) struct Full;

impl Gathered {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self { only: Bytes::new(), all: BytesMut::new(), bytes_max }
    }

    pub(crate) fn len(&self) -> usize {
        self.only.len() + self.all.len()
    }

    pub(crate) fn push(&mut self, piece: Bytes) -> Result<(), Full> {
        if piece.len() > self.bytes_max - self.len() {
            return Err(Full);
        }
        if self.len() == 0 {
            self.only = piece;
            return Ok(());
        }
        if !self.only.is_empty() {
            self.all.extend_from_slice(&std::mem::take(&mut self.only));
        }
        self.all.extend_from_slice(&piece);
        Ok(())
    }

    pub(crate) fn finish(self) -> Bytes {
        if self.all.is_empty() { self.only } else { self.all.freeze() }
    }
}
