//! Places of requests in work, shared fairly between parties: a party that floods a worker meets its
//! own bound and leaves room for the others.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::{Rc, Weak};

use foldhash::fast::RandomState;

/// Of a worker's places this part stays free of parties that already hold their share, so that one
/// that comes anew finds a place at once.
const NEWCOMERS_PART: usize = 8;
/// A bound too small to be divided is not.
const DIVIDED_MIN: usize = 4;

/// Requests in work on one worker.
pub(crate) struct Places {
    taken: Cell<usize>,
    /// Parties that hold a place.
    active: Cell<usize>,
    /// Parties that have a connection, and so a share.
    parties: RefCell<HashMap<Box<str>, Weak<Share>, RandomState>>,
}

/// What one party holds of a worker's places; the connections of a party have one in common.
pub(crate) struct Share {
    places: Rc<Places>,
    party: Box<str>,
    held: Cell<usize>,
}

/// A place; dropping it gives it back.
pub(crate) struct Place(Rc<Share>);

impl Places {
    pub(crate) fn new() -> Rc<Self> {
        Rc::new(Self { taken: Cell::new(0), active: Cell::new(0), parties: RefCell::default() })
    }

    /// The share of a party, for one of its connections to keep.
    pub(crate) fn share(self: &Rc<Self>, party: &str) -> Rc<Share> {
        let mut parties = self.parties.borrow_mut();
        if let Some(share) = parties.get(party).and_then(Weak::upgrade) {
            return share;
        }
        let share = Rc::new(Share { places: Rc::clone(self), party: party.into(), held: Cell::new(0) });
        parties.insert(share.party.clone(), Rc::downgrade(&share));
        share
    }
}

impl Share {
    /// A place of `max`. Up to half of them go to whoever comes first; above that no party holds more
    /// than an equal part of all but those kept for newcomers.
    pub(crate) fn take(self: &Rc<Self>, max: usize) -> Option<Place> {
        let (taken, held) = (self.places.taken.get() + 1, self.held.get() + 1);
        let active = self.places.active.get() + usize::from(held == 1);
        let is_busy = taken > max / 2;
        if taken > max || (is_busy && held > fair(max, active)) {
            return None;
        }
        Some(self.take_any())
    }

    /// A place whatever the bound, for requests that are told to go elsewhere.
    pub(crate) fn take_any(self: &Rc<Self>) -> Place {
        self.places.taken.set(self.places.taken.get() + 1);
        if self.held.replace(self.held.get() + 1) == 0 {
            self.places.active.set(self.places.active.get() + 1);
        }
        Place(Rc::clone(self))
    }
}

/// What each of `active` parties may hold of a busy worker's places; at least one.
fn fair(max: usize, active: usize) -> usize {
    let kept = if max < DIVIDED_MIN { 0 } else { max.div_ceil(NEWCOMERS_PART) };
    ((max - kept) / active.max(1)).max(1)
}

impl Drop for Place {
    fn drop(&mut self) {
        let (share, places) = (&self.0, &self.0.places);
        places.taken.set(places.taken.get().saturating_sub(1));
        share.held.set(share.held.get().saturating_sub(1));
        if share.held.get() == 0 {
            places.active.set(places.active.get().saturating_sub(1));
        }
    }
}

impl Drop for Share {
    /// Parties without a connection are forgotten: the map is bounded by the connections.
    fn drop(&mut self) {
        self.places.parties.borrow_mut().remove(&self.party);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Places that a party gets when it asks `times` times.
    fn flood(share: &Rc<Share>, max: usize, times: usize) -> Vec<Place> {
        (0..times).filter_map(|_| share.take(max)).collect()
    }

    #[test]
    fn a_flood_leaves_places_for_parties_that_come_anew() {
        for (max, alone, newcomer) in [(1, 1, 0), (2, 2, 0), (4, 3, 1), (8, 7, 1), (32, 28, 4), (4096, 3584, 512)] {
            let places = Places::new();
            let (first, second) = (places.share("a"), places.share("b"));
            let held = flood(&first, max, 10_000);
            assert_eq!(held.len(), alone, "of {max}");
            assert_eq!(flood(&second, max, 10_000).len(), newcomer, "of {max}");
        }
    }

    #[test]
    fn parties_that_flood_together_end_with_equal_shares() {
        const MAX: usize = 64;
        let places = Places::new();
        let shares: Vec<Rc<Share>> = ["a", "b", "c"].iter().map(|party| places.share(party)).collect();
        let mut held: Vec<Vec<Place>> = vec![flood(&shares[0], MAX, 1000), Vec::new(), Vec::new()];
        // Requests end one by one, and every party asks for each place that becomes free.
        for _ in 0..200 {
            for held in &mut held {
                drop(held.pop());
            }
            for (share, held) in shares.iter().zip(&mut held) {
                held.extend(flood(share, MAX, 8));
            }
        }
        for held in &held {
            assert_eq!(held.len(), fair(MAX, 3));
        }
    }

    #[test]
    fn a_quiet_worker_gives_one_party_half_of_its_places_whoever_else_is_there() {
        let places = Places::new();
        let others: Vec<_> = (0..9).map(|at| places.share(&at.to_string())).collect();
        let one_each: Vec<_> = others.iter().filter_map(|share| share.take(100)).collect();
        assert_eq!(one_each.len(), 9);
        assert_eq!(flood(&places.share("busy"), 100, 1000).len(), 50 - 9);
    }

    #[test]
    fn what_is_given_back_is_forgotten() {
        let places = Places::new();
        let share = places.share("a");
        drop(flood(&share, 8, 100));
        assert_eq!((places.taken.get(), places.active.get(), share.held.get()), (0, 0, 0));
        assert!(Rc::ptr_eq(&share, &places.share("a")));
        drop(share);
        assert!(places.parties.borrow().is_empty());
    }
}
