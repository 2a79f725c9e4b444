//! Bounds of bodies that are passed on piece by piece: how much, how long in all, and how long one side may keep the
//! other waiting. Only waiting counts as silence: a sender whose bytes nobody takes is not slow.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::time::Sleep;

use crate::clock;

/// Bounds of one streamed body.
#[derive(Debug, Clone, Copy)]
pub struct StreamBounds {
    /// Largest body in bytes.
    pub bytes_max: u64,
    /// Longest wait for the next piece.
    pub idle: Duration,
    /// When the whole must have passed.
    pub ends_at: Instant,
}

/// Follows one body.
pub(crate) struct Pace {
    bounds: StreamBounds,
    bytes: u64,
    waiting: Option<Pin<Box<Sleep>>>,
}

/// What is exceeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exceeded {
    Bytes,
    Time,
}

impl Pace {
    pub(crate) fn new(bounds: StreamBounds) -> Self {
        Self { bounds, bytes: 0, waiting: None }
    }

    pub(crate) fn bounds(&self) -> &StreamBounds {
        &self.bounds
    }

    /// Most bytes that may still come.
    pub(crate) fn bytes_left(&self) -> u64 {
        self.bounds.bytes_max.saturating_sub(self.bytes)
    }

    /// Counts a piece that came.
    pub(crate) fn arrived(&mut self, bytes: usize) -> Result<(), Exceeded> {
        self.waiting = None;
        if bytes as u64 > self.bytes_left() {
            return Err(Exceeded::Bytes);
        }
        self.bytes += bytes as u64;
        // A body that never makes us wait has its end too.
        if clock::now() > self.bounds.ends_at { Err(Exceeded::Time) } else { Ok(()) }
    }

    /// Waits for the next piece; ready when it has taken too long.
    pub(crate) fn poll_wait(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let bounds = &self.bounds;
        let waiting = self.waiting.get_or_insert_with(|| {
            let due = bounds.ends_at.min(clock::now() + bounds.idle);
            Box::pin(tokio::time::sleep_until(clock::timer_at(due)))
        });
        waiting.as_mut().poll(cx)
    }
}
