//! Collecting cosignatures while the ledger runs. All witnesses are asked for the same checkpoint, so that a quorum
//! of them speaks of one tree: a round. It ends when the quorum stands or nobody is left to ask, and the next one
//! begins with the newest checkpoint. Each witness has a thread of its own, so a slow one delays nobody, and none
//! of this is ever waited for by a commit.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::task::Waker;
use std::time::Duration;

use crate::checkpoint::Checkpoint;
use crate::clock;
use crate::shared::Shared;
use crate::state::lock;
use crate::witness::question::{Known, Told};

/// First pause after a failed attempt; doubled up to the longest.
const PAUSE_MIN: Duration = Duration::from_millis(500);
/// Not long: while a quorum is away, gated resources are refused until a later attempt succeeds.
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// After so many failures in a row a witness is not counted on. One can be a connection that had just gone.
const FAILURES_OF_AWAY: u64 = 2;

/// How one witness does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WitnessFigures {
    /// Its name.
    pub name: String,
    /// Records under the largest checkpoint that it cosigned for this process.
    pub size: u64,
    /// Attempts that gave no cosignature.
    pub failures: u64,
    /// It has cosigned more than this ledger holds, or another history: ROLLBACK or FORK.
    pub is_contradicting: bool,
    /// Why the last attempt gave no cosignature; `None` if it did.
    pub trouble: Option<String>,
}

/// How far the ledger is witnessed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witnessing {
    /// Cosignatures that make a checkpoint witnessed; 0 if nobody witnesses this ledger.
    pub quorum: usize,
    /// Records under the newest checkpoint with a quorum.
    pub size: u64,
    /// For how long the newest checkpoint has been without one; zero if it has it.
    pub lag: Duration,
    /// One by one.
    pub witnesses: Vec<WitnessFigures>,
}

enum Attempt {
    Open,
    Cosigned(String),
    Failed,
}

#[derive(Default)]
struct Round {
    target: Option<Arc<Checkpoint>>,
    newest: Option<Arc<Checkpoint>>,
    attempts: Vec<Attempt>,
    /// The newest with a quorum, and whether the keeper has taken it.
    witnessed: Option<(Arc<Checkpoint>, bool)>,
    is_ending: bool,
}

struct Standing {
    name: String,
    size: AtomicU64,
    failures: AtomicU64,
    failures_in_a_row: AtomicU64,
    is_contradicting: AtomicBool,
    trouble: Mutex<Option<String>>,
}

/// See the module.
pub(crate) struct Rounds {
    quorum: usize,
    standings: Vec<Standing>,
    round: Mutex<Round>,
    changed: Condvar,
    size: AtomicU64,
    /// When the newest quorum stood, in the ledger's own microseconds.
    at_us: AtomicU64,
    /// Somebody waits for so many records to be witnessed.
    demand: AtomicU64,
    wakers: Mutex<Vec<Waker>>,
}

impl Rounds {
    pub(crate) fn new(quorum: usize, known: &[Known]) -> Self {
        let standing = |known: &Known| Standing {
            name: known.peer.key.name().to_owned(),
            size: AtomicU64::new(known.size),
            failures: AtomicU64::new(0),
            failures_in_a_row: AtomicU64::new(0),
            is_contradicting: AtomicBool::new(false),
            trouble: Mutex::default(),
        };
        Self {
            quorum: if known.is_empty() { 0 } else { quorum.clamp(1, known.len()) },
            standings: known.iter().map(standing).collect(),
            round: Mutex::default(),
            changed: Condvar::new(),
            size: AtomicU64::new(0),
            at_us: AtomicU64::new(0),
            demand: AtomicU64::new(0),
            wakers: Mutex::default(),
        }
    }

    /// Records under the newest checkpoint with a quorum.
    pub(crate) fn size(&self) -> u64 {
        self.size.load(Ordering::Acquire)
    }

    /// Whether enough witnesses can be counted on: no use in asking for their word otherwise.
    pub(crate) fn is_quorum_near(&self) -> bool {
        self.standings.iter().filter(|standing| standing.is_near()).count() >= self.quorum.max(1)
    }

    /// Whether somebody waits for more than these records to be witnessed.
    pub(crate) fn is_demanded(&self, beyond: u64) -> bool {
        self.demand.load(Ordering::Acquire) > beyond
    }

    /// Registers a waiter for the record.
    pub(crate) fn demand(&self, index: u64, waker: &Waker) {
        self.demand.fetch_max(index + 1, Ordering::AcqRel);
        let mut wakers = lock(&self.wakers);
        if !wakers.iter().any(|known| known.will_wake(waker)) {
            wakers.push(waker.clone());
        }
    }

    /// A newer checkpoint; cosigned as soon as the round before is over.
    pub(crate) fn offer(&self, checkpoint: &Arc<Checkpoint>) {
        if self.quorum == 0 {
            return;
        }
        let mut round = lock(&self.round);
        round.newest = Some(Arc::clone(checkpoint));
        self.turn(&mut round);
        self.changed.notify_all();
    }

    /// Begins the next round if this one is over and there is something newer.
    fn turn(&self, round: &mut Round) {
        let size = |of: &Option<Arc<Checkpoint>>| of.as_ref().map(|checkpoint| checkpoint.head().size);
        let cosigned = round.attempts.iter().filter(|attempt| matches!(attempt, Attempt::Cosigned(_))).count();
        let is_over = cosigned >= self.quorum || !round.attempts.iter().any(|attempt| matches!(attempt, Attempt::Open));
        if is_over && size(&round.newest) > size(&round.target) {
            round.target.clone_from(&round.newest);
            // Whoever failed last time is pausing, and is not waited for.
            let attempt = |standing: &Standing| {
                if lock(&standing.trouble).is_some() { Attempt::Failed } else { Attempt::Open }
            };
            round.attempts = self.standings.iter().map(attempt).collect();
        }
    }

    /// The checkpoint that a witness is to be asked for next, after a pause. `None` at the end.
    fn next(&self, at: usize, pause: Duration) -> Option<Arc<Checkpoint>> {
        let due = clock::now() + pause;
        let mut round = lock(&self.round);
        loop {
            if round.is_ending {
                return None;
            }
            let left = due.checked_duration_since(clock::now()).filter(|left| !left.is_zero());
            if let Some(left) = left {
                round = self.changed.wait_timeout(round, left).unwrap_or_else(PoisonError::into_inner).0;
                continue;
            }
            let target = round.target.clone();
            match (target, round.attempts.get_mut(at)) {
                (Some(target), Some(attempt)) if !matches!(attempt, Attempt::Cosigned(_)) => {
                    *attempt = Attempt::Open;
                    return Some(target);
                }
                _ => round = self.changed.wait(round).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    /// Takes in what came of an attempt. True if the newest checkpoint with a quorum is now another.
    fn settle(&self, at: usize, target: &Arc<Checkpoint>, line: Option<String>) -> bool {
        let mut round = lock(&self.round);
        let is_current = round.target.as_ref().is_some_and(|current| Arc::ptr_eq(current, target));
        let mut is_witnessed = false;
        if is_current && let Some(attempt) = round.attempts.get_mut(at) {
            let is_cosigned = line.is_some();
            *attempt = line.map_or(Attempt::Failed, Attempt::Cosigned);
            let lines: Vec<&String> = round.attempts.iter().filter_map(Attempt::line).collect();
            if is_cosigned && lines.len() >= self.quorum {
                let cosigned = target.cosigned(lines.into_iter());
                round.witnessed = Some((Arc::new(cosigned), false));
                self.size.store(target.head().size, Ordering::Release);
                is_witnessed = true;
            }
        }
        self.turn(&mut round);
        self.changed.notify_all();
        is_witnessed
    }

    fn wake_waiters(&self) {
        let wakers = std::mem::take(&mut *lock(&self.wakers));
        wakers.into_iter().for_each(Waker::wake);
    }

    /// The newest checkpoint with a quorum.
    pub(crate) fn witnessed(&self) -> Option<Arc<Checkpoint>> {
        lock(&self.round).witnessed.as_ref().map(|(checkpoint, _)| Arc::clone(checkpoint))
    }

    /// The same, once: to be stored.
    pub(crate) fn take_witnessed(&self) -> Option<Arc<Checkpoint>> {
        let mut round = lock(&self.round);
        let (checkpoint, is_taken) = round.witnessed.as_mut()?;
        (!std::mem::replace(is_taken, true)).then(|| Arc::clone(checkpoint))
    }

    /// Gives the witnesses some time for the last checkpoint, then ends their threads.
    pub(crate) fn finish(&self, size: u64, grace: Duration) {
        let due = clock::now() + grace;
        let mut round = lock(&self.round);
        while self.size() < size && round.attempts.iter().any(|attempt| matches!(attempt, Attempt::Open)) {
            let Some(left) = due.checked_duration_since(clock::now()).filter(|left| !left.is_zero()) else { break };
            round = self.changed.wait_timeout(round, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        round.is_ending = true;
        self.changed.notify_all();
    }

    pub(crate) fn figures(&self, covered: u64, now_us: u64) -> Witnessing {
        let size = self.size();
        let lag_us = if covered > size { now_us.saturating_sub(self.at_us.load(Ordering::Relaxed)) } else { 0 };
        let figures = |standing: &Standing| WitnessFigures {
            name: standing.name.clone(),
            size: standing.size.load(Ordering::Relaxed),
            failures: standing.failures.load(Ordering::Relaxed),
            is_contradicting: standing.is_contradicting.load(Ordering::Relaxed),
            trouble: lock(&standing.trouble).clone(),
        };
        let witnesses = self.standings.iter().map(figures).collect();
        Witnessing { quorum: self.quorum, size, lag: Duration::from_micros(lag_us), witnesses }
    }
}

impl Attempt {
    fn line(&self) -> Option<&String> {
        match self {
            Self::Cosigned(line) => Some(line),
            Self::Open | Self::Failed => None,
        }
    }
}

/// Asks one witness for each checkpoint, until the ledger stops: a thread's whole life.
pub(crate) fn attend(shared: &Shared, at: usize, mut known: Known) {
    let rounds = &shared.rounds;
    let mut pause = Duration::ZERO;
    while let Some(target) = rounds.next(at, pause) {
        let told = known.present(&target, shared);
        let Some(standing) = rounds.standings.get(at) else { return };
        standing.size.store(known.size, Ordering::Relaxed);
        let line = standing.note(told, target.head().size);
        pause = if line.is_some() { Duration::ZERO } else { (pause * 2).clamp(PAUSE_MIN, PAUSE_MAX) };
        if rounds.settle(at, &target, line) {
            rounds.at_us.store(shared.mono_us(), Ordering::Relaxed);
            rounds.wake_waiters();
            shared.wake_keeper();
        }
    }
}

impl Standing {
    fn is_near(&self) -> bool {
        let failures = self.failures_in_a_row.load(Ordering::Relaxed);
        failures < FAILURES_OF_AWAY && !self.is_contradicting.load(Ordering::Relaxed)
    }

    /// Remembers what a witness told, and says aloud what is new of it. Gives the line if it cosigned.
    fn note(&self, told: Told, size: u64) -> Option<String> {
        let (trouble, is_contradicting) = match told {
            Told::Cosigned(line) => {
                self.is_contradicting.store(false, Ordering::Relaxed);
                self.failures_in_a_row.store(0, Ordering::Relaxed);
                if lock(&self.trouble).take().is_some() {
                    tracing::info!(witness = self.name, size, "the witness cosigns again");
                }
                return Some(line);
            }
            Told::Ahead(witnessed) => (format!("ROLLBACK: it has cosigned {witnessed} records, we have {size}"), true),
            Told::Differs(old) => (format!("FORK: it has cosigned another history of {old} records"), true),
            Told::Refused(why) | Told::Silent(why) => (why, false),
        };
        self.failures.fetch_add(1, Ordering::Relaxed);
        self.failures_in_a_row.fetch_add(1, Ordering::Relaxed);
        self.is_contradicting.store(is_contradicting, Ordering::Relaxed);
        let mut before = lock(&self.trouble);
        if before.as_ref() != Some(&trouble) {
            tracing::error!(witness = self.name, size, "not cosigned: {trouble}");
            *before = Some(trouble);
        }
        None
    }
}
