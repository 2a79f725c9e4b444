//! Which of a provider's instances is asked: the one with the fewest calls under way among those that serve.
//!
//! An instance that keeps failing is left out for a while, one that probes find dead until they find it well; but
//! never so many that callers are refused while some instance may still answer. Shared by all workers, so it is
//! atomics on the way of a call; time is an argument (milliseconds of any monotonic clock that starts above zero).

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::spec::OutlierSpec;
use crate::standing::TargetState;

/// The instances of one provider.
#[derive(Debug)]
pub struct Balance {
    instances: Box<[Instance]>,
    outlier: OutlierSpec,
    /// Held while an instance is left out, so that two workers do not leave out one each.
    ejecting: Mutex<()>,
}

#[derive(Debug, Default)]
struct Instance {
    in_flight: AtomicU32,
    /// In a row.
    failures: AtomicU32,
    /// Left out until then.
    ejected_until_ms: AtomicU64,
    is_dead: AtomicBool,
}

/// Instances that a call has tried.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tried(u64);

impl Tried {
    /// Adds one.
    pub fn add(&mut self, instance: usize) {
        self.0 |= 1 << (instance % 64);
    }

    /// How many they are.
    #[expect(clippy::len_without_is_empty, reason = "nobody asks whether nothing was tried")]
    pub fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// Whether it is among them.
    pub fn has(self, instance: usize) -> bool {
        self.0 >> (instance % 64) & 1 == 1
    }
}

/// An instance that is being asked; counted as such until this is dropped.
#[derive(Debug)]
pub struct Chosen<'b> {
    /// Its position.
    pub instance: usize,
    in_flight: Option<&'b AtomicU32>,
}

impl Drop for Chosen<'_> {
    fn drop(&mut self) {
        if let Some(in_flight) = self.in_flight {
            in_flight.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Balance {
    /// So many instances, at least 1 and at most 64, all well.
    pub fn new(instances: usize, outlier: OutlierSpec) -> Self {
        let instances = (0..instances.clamp(1, 64)).map(|_| Instance::default()).collect();
        Self { instances, outlier, ejecting: Mutex::new(()) }
    }

    /// One only: there is nothing to choose, and nothing to count.
    fn is_single(&self) -> bool {
        self.instances.len() == 1
    }

    /// The instance to ask: not tried yet before tried, serving before left out before dead, few calls before many;
    /// among equals the first from `turn` on, which a caller counts up.
    pub fn choose(&self, now_ms: u64, turn: usize, tried: Tried) -> Chosen<'_> {
        let count = self.instances.len();
        if count == 1 {
            return self.ask(0);
        }
        let from_turn = (0..count).map(|step| (turn.wrapping_add(step)) % count);
        let cost = |at: &usize| {
            let standing = match self.state(*at, now_ms) {
                TargetState::Healthy => 0,
                TargetState::Ejected => 1,
                TargetState::Unhealthy => 2,
            };
            let in_flight = self.instances.get(*at).map_or(u32::MAX, |one| one.in_flight.load(Ordering::Relaxed));
            (tried.has(*at), standing, in_flight)
        };
        self.ask(from_turn.min_by_key(cost).unwrap_or(0))
    }

    /// The instance that has been asked before, however busy it is.
    pub fn ask(&self, instance: usize) -> Chosen<'_> {
        if self.is_single() {
            return Chosen { instance: 0, in_flight: None };
        }
        let in_flight = self.instances.get(instance).map(|one| &one.in_flight);
        if let Some(in_flight) = in_flight {
            in_flight.fetch_add(1, Ordering::Relaxed);
        }
        Chosen { instance, in_flight }
    }

    /// It answered.
    pub fn succeeded(&self, instance: usize) {
        if let Some(one) = self.instances.get(instance)
            && one.failures.load(Ordering::Relaxed) != 0
        {
            one.failures.store(0, Ordering::Relaxed);
        }
    }

    /// It failed; whether it is left out from now on.
    pub fn failed(&self, instance: usize, now_ms: u64) -> bool {
        let Some(one) = self.instances.get(instance) else { return false };
        let count = |failures: u32| Some(failures.saturating_add(1));
        let before = one.failures.fetch_update(Ordering::Relaxed, Ordering::Relaxed, count).unwrap_or_default();
        if before.saturating_add(1) < self.outlier.failures || self.is_single() {
            return false;
        }
        let _one_at_a_time = self.ejecting.lock().unwrap_or_else(PoisonError::into_inner);
        let left_out = |one: &&Instance| one.ejected_until_ms.load(Ordering::Relaxed) > now_ms;
        let most = self.instances.len() * self.outlier.eject_max_percent.min(99) as usize / 100;
        if left_out(&one) || self.instances.iter().filter(left_out).count() >= most {
            return false;
        }
        // When it is back, one more failure is enough.
        one.failures.store(self.outlier.failures.saturating_sub(1), Ordering::Relaxed);
        one.ejected_until_ms.store(now_ms.saturating_add(self.outlier.eject_ms.into()), Ordering::Relaxed);
        true
    }

    /// What probes say of it.
    pub fn probed(&self, instance: usize, is_dead: bool) {
        if let Some(one) = self.instances.get(instance) {
            one.is_dead.store(is_dead, Ordering::Relaxed);
        }
    }

    /// How it stands.
    pub fn state(&self, instance: usize, now_ms: u64) -> TargetState {
        match self.instances.get(instance) {
            Some(one) if one.is_dead.load(Ordering::Relaxed) => TargetState::Unhealthy,
            Some(one) if one.ejected_until_ms.load(Ordering::Relaxed) > now_ms => TargetState::Ejected,
            _ => TargetState::Healthy,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn balance(instances: usize) -> Balance {
        Balance::new(instances, OutlierSpec { failures: 2, eject_ms: 1_000, eject_max_percent: 50 })
    }

    fn choose(balance: &Balance, now_ms: u64) -> usize {
        balance.choose(now_ms, 0, Tried::default()).instance
    }

    #[test]
    fn the_instance_with_the_fewest_calls_is_asked() {
        let balance = balance(3);
        let held: Vec<Chosen<'_>> = (0..5).map(|_| balance.choose(1, 0, Tried::default())).collect();
        assert_eq!(held.iter().map(|chosen| chosen.instance).collect::<Vec<_>>(), [0, 1, 2, 0, 1]);
        assert_eq!(choose(&balance, 1), 2);
        drop(held);
        assert_eq!(
            (0..4).map(|turn| balance.choose(1, turn, Tried::default()).instance).collect::<Vec<_>>(),
            [0, 1, 2, 0]
        );
        assert_eq!(balance.choose(1, usize::MAX, Tried::default()).instance, usize::MAX % 3);
    }

    #[test]
    fn a_second_try_goes_to_another_instance() {
        let balance = balance(2);
        let mut tried = Tried::default();
        tried.add(0);
        let _busy: Vec<_> = (0..9).map(|_| balance.choose(1, 1, Tried::default())).collect();
        assert_eq!(balance.choose(1, 0, tried).instance, 1);
        balance.probed(1, true);
        assert_eq!(balance.choose(1, 0, tried).instance, 1, "even a dead one: the other has just failed");
        tried.add(1);
        assert_eq!(balance.choose(1, 0, tried).instance, 0);
    }

    #[test]
    fn failures_in_a_row_leave_an_instance_out_for_a_while() {
        let balance = balance(2);
        assert!(!balance.failed(0, 10));
        balance.succeeded(0);
        assert!(!balance.failed(0, 11));
        assert!(balance.failed(0, 12));
        assert!(!balance.failed(0, 13), "it is left out already");
        assert_eq!((balance.state(0, 1_011), balance.state(0, 1_012)), (TargetState::Ejected, TargetState::Healthy));
        assert_eq!((choose(&balance, 13), choose(&balance, 1_012)), (1, 0));
        assert!(balance.failed(0, 1_013), "back on probation: one failure is enough");
        balance.succeeded(0);
        assert_eq!(balance.state(0, 1_014), TargetState::Ejected, "an answer that was under way changes nothing");
    }

    #[test]
    fn at_most_the_declared_share_is_left_out_and_never_all() {
        for (count, percent, most) in
            [(1, 99, 0), (2, 50, 1), (2, 99, 1), (2, 49, 0), (5, 50, 2), (10, 99, 9), (4, 0, 0)]
        {
            let balance = Balance::new(count, OutlierSpec { failures: 1, eject_ms: 1_000, eject_max_percent: percent });
            let left_out = (0..count).filter(|instance| balance.failed(*instance, 1)).count();
            assert_eq!(left_out, most, "{count} instances, {percent} %");
        }
    }

    #[test]
    fn dead_instances_are_asked_when_nothing_else_is_left() {
        let balance = balance(2);
        balance.probed(0, true);
        assert_eq!((choose(&balance, 1), balance.state(0, 1)), (1, TargetState::Unhealthy));
        balance.probed(1, true);
        assert_eq!(choose(&balance, 1), 0);
        balance.probed(1, false);
        assert_eq!(choose(&balance, 1), 1);
    }
}
