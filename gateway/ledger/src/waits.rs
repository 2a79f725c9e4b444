//! Waiting for what comes after durability: a checkpoint over a record, and witnesses' word for it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::shared::Shared;
use crate::state::lock;

/// See `Ledger::covered`.
#[must_use = "futures do nothing unless polled"]
pub struct Covered {
    shared: Arc<Shared>,
    index: u64,
}

impl Covered {
    pub(crate) fn new(shared: Arc<Shared>, index: u64) -> Self {
        Self { shared, index }
    }
}

impl Future for Covered {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.shared.is_covered(self.index) {
            return Poll::Ready(());
        }
        let mut wakers = lock(&self.shared.covered_wakers);
        // Asked again under the lock: the keeper may have stored a checkpoint in between.
        if self.shared.is_covered(self.index) {
            return Poll::Ready(());
        }
        if !wakers.iter().any(|waker| waker.will_wake(context.waker())) {
            wakers.push(context.waker().clone());
        }
        Poll::Pending
    }
}

/// See `Ledger::witnessed`.
#[must_use = "futures do nothing unless polled"]
pub struct Witnessed {
    shared: Arc<Shared>,
    index: u64,
}

impl Witnessed {
    pub(crate) fn new(shared: Arc<Shared>, index: u64) -> Self {
        Self { shared, index }
    }
}

impl Future for Witnessed {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let shared = &self.shared;
        if self.index < shared.rounds.size() {
            return Poll::Ready(());
        }
        shared.rounds.demand(self.index, context.waker());
        // Asked again after the waker stands: a quorum may have come in between.
        if self.index < shared.rounds.size() {
            return Poll::Ready(());
        }
        shared.wake_keeper();
        Poll::Pending
    }
}
