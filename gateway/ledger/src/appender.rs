//! A worker's end of the ledger. Records are encoded and hashed on the worker; waiting for durability costs one
//! cross-thread wake-up per worker and batch, after which `drive` completes the local waiters.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use crate::hash::{Hash, LEAF_PREFIX, sha256};
use crate::lane::{Collected, Lane, Run, Urgency};
use crate::record::RequestKey;
use crate::salt::SALT_BYTES;
use crate::shared::Shared;
use crate::state::Closed;

/// Leaf length is a u16 in tlog entry bundles, and the salt is part of the leaf.
pub(crate) const CBOR_BYTES_MAX: usize = u16::MAX as usize - SALT_BYTES;
const PREFIX_BYTES: usize = 1 + SALT_BYTES;

/// Proof that a record is on disk: only the ledger makes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Durable {
    index: u64,
    leaf_hash: Hash,
}

impl Durable {
    pub(crate) fn new(index: u64, leaf_hash: Hash) -> Self {
        Self { index, leaf_hash }
    }

    /// Index of the record in the log.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// Its RFC 6962 leaf hash.
    pub fn leaf_hash(&self) -> &Hash {
        &self.leaf_hash
    }

    /// The leaf hash as receipts carry it: standard base64.
    pub fn leaf_base64(&self) -> String {
        BASE64_STANDARD.encode(self.leaf_hash)
    }
}

/// One worker's appender. It stays on the thread that made it, and needs its `drive` future running there.
pub struct Appender {
    shared: Arc<Shared>,
    lane: Arc<Lane>,
    local: Rc<RefCell<Local>>,
}

/// What one worker knows of its own records.
#[derive(Default)]
struct Local {
    next_ctr: u64,
    /// `0x00 || salt || cbor` of the record being written.
    scratch: Vec<u8>,
    /// Waiters by slot; freed slots are used again, so a worker's steady state allocates nothing.
    slots: Vec<Slot>,
    free: Vec<u32>,
    /// Records in flight in order of their counters.
    in_flight: VecDeque<(u64, u32)>,
    runs: Vec<Run>,
    woken: Vec<Waker>,
}

enum Slot {
    Free,
    Waiting(Option<Waker>),
    /// The waiter went away; the record is committed all the same.
    Abandoned,
    Done(Result<u64, Closed>),
}

impl Appender {
    pub(crate) fn new(shared: Arc<Shared>, lane: Arc<Lane>) -> Self {
        let local = Local { next_ctr: lane.next_ctr(), ..Local::default() };
        Self { shared, lane, local: Rc::new(RefCell::new(local)) }
    }

    /// Appends a record that somebody waits for. `write` gets the record's key and must only append its CBOR.
    /// Returns at once; the record is on disk when the `Pending` says so.
    ///
    /// # Errors
    /// `Closed` if the ledger does not take it; it is then not in the log.
    pub fn append(&self, write: impl FnOnce(RequestKey, &mut Vec<u8>)) -> Result<Pending, Closed> {
        self.append_as(Urgency::Gating, write)
    }

    /// Appends a record that nobody waits for, such as an OUTCOME: it does not start a commit of its own, but
    /// rides with the next one, within 2 ms. As durable as any, and the `Pending` may be dropped.
    ///
    /// # Errors
    /// As `append`.
    pub fn append_trailing(&self, write: impl FnOnce(RequestKey, &mut Vec<u8>)) -> Result<Pending, Closed> {
        self.append_as(Urgency::Trailing, write)
    }

    fn append_as(&self, urgency: Urgency, write: impl FnOnce(RequestKey, &mut Vec<u8>)) -> Result<Pending, Closed> {
        self.shared.gate.check()?;
        let mut local = self.local.borrow_mut();
        let local = &mut *local;
        let key = self.shared.key(self.lane.worker, local.next_ctr);
        let leaf_hash = encode_leaf(&self.shared, key, &mut local.scratch, write)?;
        let cbor = local.scratch.get(PREFIX_BYTES..).unwrap_or_default();
        self.lane.push(key.ctr, cbor, leaf_hash, (urgency, self.shared.backlog))?;
        local.next_ctr += 1;
        let slot = local.occupy();
        local.in_flight.push_back((key.ctr, slot));
        self.shared.wake_writer(urgency);
        Ok(Pending { local: Rc::clone(&self.local), slot, key, leaf_hash })
    }

    /// Tells the writer how many callers this worker is serving now. With more than a few, commits keep their
    /// window: the others' records will come. Without this the writer goes by the size of the last batch, which
    /// says little where writer and worker share a core.
    pub fn set_callers(&self, callers: u32) {
        self.lane.set_callers(callers);
    }

    /// The one task per worker that hears of finished batches. Spawn it beside the worker's requests; it ends
    /// when the ledger has stopped. Without it no `Pending` of this worker completes.
    pub fn drive(&self) -> Drive {
        Drive { lane: Arc::clone(&self.lane), local: Rc::clone(&self.local) }
    }
}

impl Drop for Appender {
    fn drop(&mut self) {
        self.shared.release(self.lane.worker);
    }
}

/// Writes the leaf into `scratch` as `0x00 || salt || cbor` and hashes it.
pub(crate) fn encode_leaf(
    shared: &Shared,
    key: RequestKey,
    scratch: &mut Vec<u8>,
    write: impl FnOnce(RequestKey, &mut Vec<u8>),
) -> Result<Hash, Closed> {
    let salt = shared.salt.salt(key.worker, key.ctr);
    scratch.clear();
    scratch.push(LEAF_PREFIX);
    scratch.extend_from_slice(&salt);
    write(key, scratch);
    let is_whole = matches!(scratch.split_first_chunk::<PREFIX_BYTES>(), Some(([LEAF_PREFIX, kept @ ..], cbor))
        if *kept == salt && !cbor.is_empty() && cbor.len() <= CBOR_BYTES_MAX);
    if is_whole { Ok(sha256(scratch)) } else { Err(Closed::BadRecord) }
}

/// The record part of what `encode_leaf` left.
pub(crate) fn cbor_of(scratch: &[u8]) -> &[u8] {
    scratch.get(PREFIX_BYTES..).unwrap_or_default()
}

impl Local {
    fn occupy(&mut self) -> u32 {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::Free);
            u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX)
        });
        self.set(slot, Slot::Waiting(None));
        slot
    }

    fn set(&mut self, slot: u32, state: Slot) -> Slot {
        match self.slots.get_mut(slot as usize) {
            Some(place) => std::mem::replace(place, state),
            None => Slot::Free,
        }
    }

    fn release(&mut self, slot: u32) {
        self.set(slot, Slot::Free);
        self.free.push(slot);
    }

    /// Completes the waiters of the collected runs; their wakers are left in `woken`.
    fn complete(&mut self) {
        let mut runs = std::mem::take(&mut self.runs);
        for run in &runs {
            let end = run.first_ctr + run.count;
            while let Some((ctr, slot)) = self.in_flight.front().copied().filter(|(ctr, _)| *ctr < end) {
                self.in_flight.pop_front();
                let index = run.first_index.map(|first| first + ctr.saturating_sub(run.first_ctr));
                match self.set(slot, Slot::Done(index)) {
                    Slot::Waiting(Some(waker)) => self.woken.push(waker),
                    Slot::Abandoned => self.release(slot),
                    Slot::Waiting(None) | Slot::Free | Slot::Done(_) => {}
                }
            }
        }
        runs.clear();
        self.runs = runs;
    }
}

/// A record on its way to the disk. Dropping it changes nothing for the record.
#[must_use = "the record is durable only when this future says so"]
pub struct Pending {
    local: Rc<RefCell<Local>>,
    slot: u32,
    key: RequestKey,
    leaf_hash: Hash,
}

impl Pending {
    /// Key of the record, for references from later records.
    pub fn key(&self) -> RequestKey {
        self.key
    }
}

impl Future for Pending {
    type Output = Result<Durable, Closed>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        // Dropped after the borrow: the last waker of a task can drop the task, and with it another `Pending`.
        let _replaced;
        let mut local = self.local.borrow_mut();
        match local.slots.get_mut(self.slot as usize) {
            Some(Slot::Done(index)) => Poll::Ready(index.map(|index| Durable::new(index, self.leaf_hash))),
            Some(Slot::Waiting(waker)) => {
                if !waker.as_ref().is_some_and(|known| known.will_wake(context.waker())) {
                    _replaced = waker.replace(context.waker().clone());
                }
                Poll::Pending
            }
            // A slot of a living `Pending` is in no other state.
            Some(Slot::Free | Slot::Abandoned) | None => Poll::Ready(Err(Closed::Stopped)),
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        let mut local = self.local.borrow_mut();
        if let Slot::Done(_) | Slot::Free = local.set(self.slot, Slot::Abandoned) {
            local.release(self.slot);
        }
    }
}

/// See `Appender::drive`.
#[must_use = "records of this worker complete only while this future runs"]
pub struct Drive {
    lane: Arc<Lane>,
    local: Rc<RefCell<Local>>,
}

impl Future for Drive {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        loop {
            let collected = self.lane.collect(&mut self.local.borrow_mut().runs, context.waker());
            match collected {
                Collected::None => return Poll::Pending,
                Collected::Ended => return Poll::Ready(()),
                Collected::Some => {}
            }
            // Wakers run outside the borrow: one of them may poll its future in place.
            let mut woken = {
                let mut local = self.local.borrow_mut();
                local.complete();
                std::mem::take(&mut local.woken)
            };
            for waker in woken.drain(..) {
                waker.wake();
            }
            self.local.borrow_mut().woken = woken;
        }
    }
}
