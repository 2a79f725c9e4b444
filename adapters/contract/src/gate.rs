//! Keeps the number of calls under way at what a provider allows, with a bounded line before it that its parties share
//! fairly: they take turns, so that one that floods a provider waits behind its own calls and not everybody else.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::oneshot::{self, Receiver, Sender};
use tokio::time::{Instant as TokioInstant, timeout_at};

mod turns;

use turns::Turns;

/// A concurrency limit, shared by all workers. Nobody allocates or locks while places are free.
#[derive(Debug)]
pub struct Gate {
    free: AtomicU32,
    /// How many wait, to be read without the lock. It is written before `free` is looked at again, and whoever gives a
    /// place back reads it afterwards, both in one order for all: one of the two sees the other.
    waiting: AtomicU32,
    waiting_max: u32,
    turns: Mutex<Turns<Sender<Place>>>,
}

/// A place among the calls under way; given back when dropped.
#[derive(Debug)]
pub struct Place(Arc<Gate>);

/// No place: enough calls wait already, or none became free in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the concurrency limit is reached")]
pub struct Full;

impl Gate {
    /// At most `places` calls under way (at least 1) and `waiting_max` waiting.
    pub fn new(places: u32, waiting_max: u32) -> Arc<Self> {
        Arc::new(Self {
            free: AtomicU32::new(places.max(1)),
            waiting: AtomicU32::new(0),
            waiting_max,
            turns: Mutex::default(),
        })
    }

    /// Takes a place; where calls wait, those of one party in order of arrival and the parties in turns. In a full line
    /// a party takes the last place of the one with most of them, unless it has as many itself. Cancel safe: a dropped
    /// wait leaves no trace.
    ///
    /// # Errors
    /// [`Full`] at once when enough wait already, at `until`, or when the wait's place in the line went to another party.
    pub async fn enter(self: &Arc<Self>, party: &str, until: Instant) -> Result<Place, Full> {
        if self.waiting.load(Ordering::SeqCst) == 0 && self.take() {
            return Ok(Place(Arc::clone(self)));
        }
        let mut waiting = Waiting::begin(self, party)?;
        match timeout_at(TokioInstant::from_std(until), &mut waiting.granted).await {
            Ok(Ok(place)) => Ok(place),
            Ok(Err(_)) | Err(_) => Err(Full),
        }
    }

    /// Places that are free now, for metrics.
    pub fn free(&self) -> usize {
        self.free.load(Ordering::Relaxed) as usize
    }

    fn take(&self) -> bool {
        self.free.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |free| free.checked_sub(1)).is_ok()
    }

    fn give_back(self: &Arc<Self>) {
        self.free.fetch_add(1, Ordering::SeqCst);
        if self.waiting.load(Ordering::SeqCst) > 0 {
            self.hand_out();
        }
    }

    /// Gives free places to those whose turn it is.
    fn hand_out(self: &Arc<Self>) {
        // Sent without the lock: a place whose receiver has just gone away comes back, and is handed out again.
        while let Some(next) = self.next() {
            let _ = next.send(Place(Arc::clone(self)));
        }
    }

    fn next(&self) -> Option<Sender<Place>> {
        let mut turns = self.lock();
        if turns.len() == 0 || !self.take() {
            return None;
        }
        let next = turns.pop();
        self.count(&turns);
        next
    }

    fn lock(&self) -> MutexGuard<'_, Turns<Sender<Place>>> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, turns: &Turns<Sender<Place>>) {
        self.waiting.store(turns.len(), Ordering::SeqCst);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.give_back();
    }
}

/// A call in the line; it leaves the line with this.
struct Waiting<'g> {
    gate: &'g Gate,
    party: &'g str,
    ticket: u64,
    granted: Receiver<Place>,
}

impl<'g> Waiting<'g> {
    fn begin(gate: &'g Arc<Gate>, party: &'g str) -> Result<Self, Full> {
        let (sender, granted) = oneshot::channel();
        let mut turns = gate.lock();
        let ticket = turns.join(party, sender, gate.waiting_max).ok_or(Full)?;
        gate.count(&turns);
        drop(turns);
        let waiting = Self { gate, party, ticket, granted };
        // A place may have become free before we were seen.
        gate.hand_out();
        Ok(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut turns = self.gate.lock();
        turns.leave(self.party, self.ticket);
        self.gate.count(&turns);
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::pin::Pin;
    use std::task::Poll;
    use std::time::Duration;

    use super::*;

    type Entering<'g> = Pin<Box<dyn Future<Output = Result<Place, Full>> + 'g>>;

    fn later() -> Instant {
        TokioInstant::now().into_std() + Duration::from_mins(1)
    }

    /// Begins to wait.
    async fn wait<'g>(gate: &'g Arc<Gate>, party: &'g str) -> Entering<'g> {
        let mut entering: Entering<'g> = Box::pin(gate.enter(party, later()));
        assert!(now(&mut entering).await.is_none(), "no place is free");
        entering
    }

    /// What it has come to so far.
    async fn now(entering: &mut Entering<'_>) -> Option<Result<Place, Full>> {
        poll_fn(|cx| match entering.as_mut().poll(cx) {
            Poll::Ready(ended) => Poll::Ready(Some(ended)),
            Poll::Pending => Poll::Ready(None),
        })
        .await
    }

    #[tokio::test]
    async fn full_gate_refuses_and_freed_places_are_reused() {
        let at_once = TokioInstant::now().into_std();
        let gate = Gate::new(1, 1);
        let held = gate.enter("a", at_once).await.unwrap();
        assert_eq!(gate.enter("a", at_once).await.unwrap_err(), Full, "the wait ends at its deadline");
        let mut first = wait(&gate, "a").await;
        assert_eq!(gate.enter("a", later()).await.unwrap_err(), Full, "one waits already");
        drop(held);
        let place = now(&mut first).await.unwrap().unwrap();
        assert_eq!(gate.free(), 0);
        drop(place);
        assert_eq!((gate.free(), gate.waiting.load(Ordering::SeqCst)), (1, 0));
    }

    #[tokio::test]
    async fn parties_take_turns_whoever_came_first() {
        let gate = Gate::new(1, 100);
        let mut held = gate.enter("a", later()).await.unwrap();
        let mut waits = Vec::new();
        for party in ["a", "a", "a", "b", "c", "b"] {
            waits.push((party, wait(&gate, party).await));
        }
        let mut order = String::new();
        while !waits.is_empty() {
            drop(held);
            let mut served = None;
            for (at, (_, wait)) in waits.iter_mut().enumerate() {
                if let Some(place) = now(wait).await {
                    served = Some((at, place.unwrap()));
                    break;
                }
            }
            let (at, place) = served.unwrap();
            order.push_str(waits.remove(at).0);
            held = place;
        }
        assert_eq!(order, "abcaba");
    }

    #[tokio::test]
    async fn a_line_full_of_one_party_has_room_for_another() {
        let gate = Gate::new(1, 4);
        let held = gate.enter("a", later()).await.unwrap();
        let mut flood = Vec::new();
        for _ in 0..4 {
            flood.push(wait(&gate, "a").await);
        }
        assert_eq!(gate.enter("a", later()).await.unwrap_err(), Full, "its own line is full");
        let mut first = wait(&gate, "b").await;
        assert_eq!(now(&mut flood[3]).await.unwrap().unwrap_err(), Full, "the last of the many gives way");
        let _second = wait(&gate, "b").await;
        assert_eq!(gate.enter("b", later()).await.unwrap_err(), Full, "both have as many");
        let _newcomer = wait(&gate, "c").await;
        drop(held);
        assert!(now(&mut flood[0]).await.unwrap().is_ok());
        assert!(now(&mut first).await.unwrap().is_ok(), "the place went on to the next in turn");
    }

    #[tokio::test]
    async fn who_gives_up_leaves_no_trace() {
        let gate = Gate::new(1, 2);
        let held = gate.enter("a", later()).await.unwrap();
        let gone = wait(&gate, "a").await;
        let served = wait(&gate, "b").await;
        drop(gone);
        assert_eq!(gate.waiting.load(Ordering::SeqCst), 1);
        drop(held);
        // Its turn has come, but it goes away before it looks.
        drop(served);
        assert_eq!((gate.free(), gate.waiting.load(Ordering::SeqCst), gate.lock().len()), (1, 0, 0));
    }

    #[test]
    fn no_place_is_lost_or_given_twice_between_threads() {
        let gate = Gate::new(3, 1_000);
        let under_way = AtomicU32::new(0);
        std::thread::scope(|scope| {
            for thread in 0..8_u32 {
                let (gate, under_way) = (&gate, &under_way);
                scope.spawn(move || {
                    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
                    runtime.block_on(async {
                        for round in 0..500_u32 {
                            let patience = Duration::from_micros(u64::from(round % 7) * 20);
                            let until =
                                if round % 5 == 0 { TokioInstant::now().into_std() + patience } else { later() };
                            let party = if thread % 2 == 0 { "a" } else { "b" };
                            let Ok(_place) = gate.enter(party, until).await else { continue };
                            assert!(under_way.fetch_add(1, Ordering::SeqCst) < 3, "more than the gate allows");
                            tokio::task::yield_now().await;
                            under_way.fetch_sub(1, Ordering::SeqCst);
                        }
                    });
                });
            }
        });
        assert_eq!((gate.free(), gate.waiting.load(Ordering::SeqCst)), (3, 0));
    }
}
