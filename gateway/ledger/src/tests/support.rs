//! An executor for one worker, and sample records.

use std::net::Ipv4Addr;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::Duration;

use crate::record::{Access, Decision, Head, Method, SubjectTags};
use crate::{Drive, Options, RequestKey};

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

pub(super) fn head(key: RequestKey) -> Head {
    Head { wall_us: 1_700_000_000_000_000, mono_us: 5, key }
}

pub(super) fn access(key: RequestKey) -> Access<'static> {
    Access {
        head: head(key),
        consumer_party: "rs",
        consumer_system: "rs.main",
        handler: "H-0007",
        client_cert_fp: Some([7; 16]),
        src_ip: Ipv4Addr::LOCALHOST.into(),
        src_port: 40_000,
        listener: "data",
        provider_party: "ga",
        resource: "101001001/000001",
        resource_version: "3",
        operation: "",
        method: Method::Post,
        path_template: "/v1/resources/{code}/query",
        resource_id_tag: None,
        level: 3,
        categories: 1,
        subjects: SubjectTags::none(),
        purpose: "social_assistance",
        legal_basis: "",
        matter_tag: Some([9; 16]),
        grant: "G-0001",
        policy_revision: "12",
        snapshot_revision: "s-77",
        decision: Decision::Permit,
        code: "",
        request_digest: None,
        disclosed: &[0b1011],
        masked: &[0b0010],
        risk_flags: 0,
        request_id: [1; 16],
        mode: "query",
        share_type: "conditional",
        flags: 0,
        units: 1,
        trace_id: None,
    }
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
