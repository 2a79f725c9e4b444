//! The control lane: records that no worker makes, from any thread.

use std::sync::PoisonError;

use crate::appender::{Durable, cbor_of, encode_leaf};
use crate::clock;
use crate::lane::Urgency;
use crate::record::{Head, RequestKey};
use crate::shared::Shared;
use crate::state::{Closed, lock};

/// Appends and blocks until the record is durable.
pub(crate) fn append(shared: &Shared, write: impl FnOnce(RequestKey, &mut Vec<u8>)) -> Result<Durable, Closed> {
    let mut scratch = lock(&shared.control_turn);
    let (ctr, leaf_hash) = push(shared, &mut scratch, write)?;
    shared.control.wait(ctr).map(|index| Durable::new(index, leaf_hash))
}

/// Appends a record of the ledger's own and does not wait. Skipped if the lane is in use: then the log is not
/// silent, and the next tick tries again.
pub(crate) fn append_unattended(shared: &Shared, write: impl FnOnce(Head, &mut Vec<u8>)) {
    let mut scratch = match shared.control_turn.try_lock() {
        Ok(scratch) => scratch,
        Err(std::sync::TryLockError::Poisoned(poisoned)) => PoisonError::into_inner(poisoned),
        Err(std::sync::TryLockError::WouldBlock) => return,
    };
    let head_of = |key| Head { wall_us: clock::wall_us(), mono_us: shared.mono_us(), key };
    if let Err(closed) = push(shared, &mut scratch, |key, out| write(head_of(key), out)) {
        tracing::debug!("a record of the ledger's own was not taken: {closed}");
    }
}

fn push(
    shared: &Shared,
    scratch: &mut Vec<u8>,
    write: impl FnOnce(RequestKey, &mut Vec<u8>),
) -> Result<(u64, crate::hash::Hash), Closed> {
    shared.gate.check()?;
    // Results of unattended records; those of attended ones were seen before their turn ended.
    shared.control.discard();
    let key = shared.key(shared.control.worker, shared.control.next_ctr());
    let leaf_hash = encode_leaf(shared, key, scratch, write)?;
    shared.control.push(key.ctr, cbor_of(scratch), leaf_hash, (Urgency::Gating, shared.backlog))?;
    shared.wake_writer(Urgency::Gating);
    Ok((key.ctr, leaf_hash))
}
