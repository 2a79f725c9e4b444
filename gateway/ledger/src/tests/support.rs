//! An executor for one worker, and sample records.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::Duration;

use crate::{Drive, Options};

#[path = "../../examples/sample/mod.rs"]
mod sample;
pub(super) use sample::{access, head, outcome};

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Runs a future beside its worker's driver, as a worker's runtime does.
pub(super) fn run<T>(drive: Drive, future: impl Future<Output = T>) -> T {
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    let (mut drive, mut future) = (pin!(drive), pin!(future));
    let mut is_driving = true;
    loop {
        if is_driving && drive.as_mut().poll(&mut context).is_ready() {
            is_driving = false;
        }
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
        std::thread::park();
    }
}

pub(super) fn options(dir: &std::path::Path) -> Options {
    let mut options = Options::new(dir, "gw.test/ledger/1");
    options.segment_bytes = 256 * 1024;
    options.checkpoint_every = Duration::from_millis(5);
    options
}

/// A small deterministic generator, so that failures can be repeated by their seed.
pub(super) struct Seeded(u64);

impl Seeded {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound.max(1)
    }
}
