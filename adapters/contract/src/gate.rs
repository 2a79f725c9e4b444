//! Keeps the number of calls under way at what a provider allows, with a bounded queue before it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant as TokioInstant, timeout_at};

/// A concurrency limit, shared by all workers.
#[derive(Debug)]
pub struct Gate {
    places: Arc<Semaphore>,
    waiting: AtomicU32,
    waiting_max: u32,
}

/// A place among the calls under way; given back when dropped, which may be after the gate is gone: a streamed answer
/// holds its place to its end.
#[derive(Debug)]
pub struct Place {
    _held: OwnedSemaphorePermit,
}

/// No place: enough calls wait already, or none became free in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the concurrency limit is reached")]
pub struct Full;

impl Gate {
    /// At most `places` calls under way (at least 1) and `waiting_max` waiting.
    pub fn new(places: u32, waiting_max: u32) -> Self {
        let places = usize::try_from(places.max(1)).unwrap_or(Semaphore::MAX_PERMITS).min(Semaphore::MAX_PERMITS);
        Self { places: Arc::new(Semaphore::new(places)), waiting: AtomicU32::new(0), waiting_max }
    }

    /// Takes a place, in order of arrival. Cancel safe: a dropped wait leaves no trace.
    ///
    /// # Errors
    /// [`Full`] at once when enough wait already, or at `until`.
    pub async fn enter(&self, until: Instant) -> Result<Place, Full> {
        if let Ok(held) = Arc::clone(&self.places).try_acquire_owned() {
            return Ok(Place { _held: held });
        }
        let _waiting = Waiting::begin(self)?;
        match timeout_at(TokioInstant::from_std(until), Arc::clone(&self.places).acquire_owned()).await {
            Ok(Ok(held)) => Ok(Place { _held: held }),
            Ok(Err(_)) | Err(_) => Err(Full),
        }
    }

    /// Places that are free now, for metrics.
    pub fn free(&self) -> usize {
        self.places.available_permits()
    }
}

struct Waiting<'g>(&'g Gate);

impl<'g> Waiting<'g> {
    fn begin(gate: &'g Gate) -> Result<Self, Full> {
        let join = |waiting: u32| (waiting < gate.waiting_max).then_some(waiting + 1);
        gate.waiting.fetch_update(Ordering::Relaxed, Ordering::Relaxed, join).map_err(|_| Full)?;
        Ok(Self(gate))
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn full_gate_refuses_and_freed_places_are_reused() {
        let now = TokioInstant::now().into_std();
        let gate = Gate::new(1, 1);
        let held = gate.enter(now).await.unwrap();
        assert_eq!(gate.enter(now).await.unwrap_err(), Full, "the wait ends at its deadline");
        let later = now + std::time::Duration::from_mins(1);
        let first = gate.enter(later);
        tokio::pin!(first);
        tokio::select! { biased; _ = &mut first => panic!("no place is free"), () = std::future::ready(()) => {} }
        assert_eq!(gate.enter(later).await.unwrap_err(), Full, "one waits already");
        drop(held);
        let place = first.await.unwrap();
        assert_eq!(gate.free(), 0);
        drop(place);
        assert_eq!(gate.free(), 1);
        assert_eq!(gate.waiting.load(Ordering::Relaxed), 0);
    }
}
