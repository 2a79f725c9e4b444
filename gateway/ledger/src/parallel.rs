//! Work on many segments at once, with results in the order of the segments and a bound on how far ahead it runs.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::{Condvar, Mutex, PoisonError};

use crate::state::lock;

/// Results that may wait for an earlier one, per thread.
const AHEAD_PER_THREAD: usize = 2;

struct Board<R> {
    next: usize,
    taken: usize,
    done: BTreeMap<usize, R>,
    is_over: bool,
}

/// Runs `work` on the items on `threads` threads and gives the results to `sink` in order, until it breaks.
pub(crate) fn in_order<I: Sync, R: Send>(
    threads: usize,
    items: &[I],
    work: impl Fn(&I) -> R + Sync,
    mut sink: impl FnMut(&I, R) -> ControlFlow<()>,
) {
    let threads = threads.clamp(1, items.len().max(1));
    let board = Mutex::new(Board { next: 0, taken: 0, done: BTreeMap::new(), is_over: false });
    let changed = Condvar::new();
    let labour = || {
        loop {
            let mut state = lock(&board);
            while !state.is_over && state.next < items.len() && state.next >= state.taken + threads * AHEAD_PER_THREAD {
                state = changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            let at = state.next;
            let Some(item) = items.get(at).filter(|_| !state.is_over) else { return };
            state.next += 1;
            drop(state);
            let result = work(item);
            lock(&board).done.insert(at, result);
            changed.notify_all();
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(labour);
        }
        for (at, item) in items.iter().enumerate() {
            let mut state = lock(&board);
            let result = loop {
                if let Some(result) = state.done.remove(&at) {
                    break result;
                }
                state = changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            };
            state.taken = at + 1;
            drop(state);
            changed.notify_all();
            if sink(item, result).is_break() {
                break;
            }
        }
        lock(&board).is_over = true;
        changed.notify_all();
    });
}

/// As many threads as the machine has cores.
pub(crate) fn all_cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
