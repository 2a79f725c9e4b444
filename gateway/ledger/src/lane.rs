//! The hand-over between one worker and the writer: an inbox of encoded records, swapped out whole once per
//! batch, and an outbox of results. Both locks are contended only at the swap.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Condvar, Mutex};
use std::task::Waker;

use crate::frame;
use crate::hash::Hash;
use crate::state::{Closed, lock};

/// Lane of control records and of the ledger's own.
pub(crate) const CONTROL_WORKER: u16 = u16::MAX;

/// Whether anybody waits for the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Urgency {
    /// A caller waits: commit at once, or with the window.
    Gating,
    /// Nobody waits: rides with the next commit, or with one a little later.
    Trailing,
}

/// What may wait in one lane.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Backlog {
    pub(crate) records_max: u32,
    pub(crate) bytes_max: usize,
}

/// Records of one lane that wait for the writer, in frame format.
#[derive(Default)]
pub(crate) struct Load {
    pub(crate) body: Vec<u8>,
    pub(crate) leaves: Vec<Hash>,
    pub(crate) first_ctr: u64,
    pub(crate) gating: u32,
}

impl Load {
    fn clear(&mut self) {
        self.body.clear();
        self.leaves.clear();
        self.gating = 0;
    }
}

#[derive(Default)]
struct Inbox {
    load: Load,
    next_ctr: u64,
    is_ended: bool,
}

/// Consecutive records of a lane that shared one fate: the index of the first, or why there is none.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run {
    pub(crate) first_ctr: u64,
    pub(crate) count: u64,
    pub(crate) first_index: Result<u64, Closed>,
}

#[derive(Default)]
struct Outbox {
    runs: Vec<Run>,
    waker: Option<Waker>,
    is_ended: bool,
}

/// See the module.
pub(crate) struct Lane {
    pub(crate) worker: u16,
    inbox: Mutex<Inbox>,
    outbox: Mutex<Outbox>,
    done: Condvar,
    /// Records waiting, of them gating: the writer looks here before it takes a lock.
    waiting: AtomicU32,
    waiting_gating: AtomicU32,
    /// Callers that the owner is serving, as it says: tells a lone caller from many.
    callers: AtomicU32,
}

impl Lane {
    pub(crate) fn new(worker: u16) -> Self {
        let inbox = Inbox { next_ctr: 1, ..Inbox::default() };
        Self {
            worker,
            inbox: Mutex::new(inbox),
            outbox: Mutex::default(),
            done: Condvar::new(),
            waiting: AtomicU32::new(0),
            waiting_gating: AtomicU32::new(0),
            callers: AtomicU32::new(0),
        }
    }

    /// Notes how many callers the owner is serving now.
    pub(crate) fn set_callers(&self, callers: u32) {
        self.callers.store(callers, Ordering::Relaxed);
    }

    /// Callers that the owner is serving.
    pub(crate) fn callers(&self) -> u32 {
        self.callers.load(Ordering::Relaxed)
    }

    /// Counter that the next record will have. Only the lane's owner may act on it.
    pub(crate) fn next_ctr(&self) -> u64 {
        lock(&self.inbox).next_ctr
    }

    /// Hands over one record.
    pub(crate) fn push(
        &self,
        ctr: u64,
        cbor: &[u8],
        leaf: Hash,
        (urgency, backlog): (Urgency, Backlog),
    ) -> Result<(), Closed> {
        let mut inbox = lock(&self.inbox);
        if inbox.is_ended {
            return Err(Closed::Stopped);
        }
        let load = &mut inbox.load;
        if load.leaves.len() >= backlog.records_max as usize || load.body.len() >= backlog.bytes_max {
            return Err(Closed::Backlog);
        }
        if load.leaves.is_empty() {
            load.first_ctr = ctr;
        }
        frame::push_entry(&mut load.body, self.worker, ctr, cbor);
        load.leaves.push(leaf);
        if urgency == Urgency::Gating {
            load.gating += 1;
            self.waiting_gating.fetch_add(1, Ordering::SeqCst);
        }
        self.waiting.fetch_add(1, Ordering::SeqCst);
        inbox.next_ctr = ctr + 1;
        Ok(())
    }

    pub(crate) fn waiting(&self) -> u32 {
        self.waiting.load(Ordering::SeqCst)
    }

    pub(crate) fn waiting_gating(&self) -> u32 {
        self.waiting_gating.load(Ordering::SeqCst)
    }

    /// Swaps the waiting records against `load`, which is emptied first. With `end`, later pushes are refused.
    /// Returns false and leaves the records if their body is longer than `bytes_max`.
    pub(crate) fn take(&self, load: &mut Load, bytes_max: usize, end: bool) -> bool {
        load.clear();
        let mut inbox = lock(&self.inbox);
        if inbox.load.body.len() > bytes_max {
            return false;
        }
        inbox.is_ended |= end;
        std::mem::swap(&mut inbox.load, load);
        self.waiting.store(0, Ordering::SeqCst);
        self.waiting_gating.store(0, Ordering::SeqCst);
        true
    }

    /// Tells the lane's owner what became of records; one wake-up whatever their number.
    pub(crate) fn publish(&self, run: Run) {
        let waker = {
            let mut outbox = lock(&self.outbox);
            outbox.runs.push(run);
            outbox.waker.take()
        };
        self.done.notify_all();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// No results will follow.
    pub(crate) fn end(&self) {
        let waker = {
            let mut outbox = lock(&self.outbox);
            outbox.is_ended = true;
            outbox.waker.take()
        };
        self.done.notify_all();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Moves the results into `runs`. If there are none, `waker` is kept for the next ones.
    pub(crate) fn collect(&self, runs: &mut Vec<Run>, waker: &Waker) -> Collected {
        let mut outbox = lock(&self.outbox);
        if !outbox.runs.is_empty() {
            std::mem::swap(&mut outbox.runs, runs);
            return Collected::Some;
        }
        if outbox.is_ended {
            return Collected::Ended;
        }
        match &mut outbox.waker {
            Some(known) => known.clone_from(waker),
            none => *none = Some(waker.clone()),
        }
        Collected::None
    }

    /// Forgets results that nobody waits for.
    pub(crate) fn discard(&self) {
        lock(&self.outbox).runs.clear();
    }

    /// Blocks until the record has a result. For the control lane, which has one user at a time.
    pub(crate) fn wait(&self, ctr: u64) -> Result<u64, Closed> {
        let mut outbox = lock(&self.outbox);
        loop {
            let run = outbox.runs.iter().find(|run| (run.first_ctr..run.first_ctr + run.count).contains(&ctr));
            if let Some(run) = run {
                return run.first_index.map(|index| index + (ctr - run.first_ctr));
            }
            if outbox.is_ended {
                return Err(Closed::Stopped);
            }
            outbox = self.done.wait(outbox).unwrap_or_else(std::sync::PoisonError::into_inner);
        }
    }
}

/// Result of `Lane::collect`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Collected {
    Some,
    None,
    Ended,
}
