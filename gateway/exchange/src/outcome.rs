//! What is done when an answer has ended: the outcome is recorded and the request counted.

use std::rc::Rc;
use std::time::{Duration, Instant};

use sluice_contract::ProviderFault;
use sluice_domain::{Code, PartyIx};
use sluice_ledger::RequestKey;
use sluice_transport::clock;

use crate::record::Ending;
use crate::snapshot::View;
use crate::tally::Answered;
use crate::worker::Worker;

/// Remembers a request until its answer has ended; dropping it ends it, so that an answer whose
/// caller went away at any point has its outcome too.
pub(crate) struct OnEnd {
    pub(crate) worker: Rc<Worker>,
    /// The access record of a permitted call; refusals have no outcome of their own.
    pub(crate) access: Option<RequestKey>,
    pub(crate) route: &'static str,
    pub(crate) method: &'static str,
    pub(crate) status: u16,
    /// Stable code of a refusal or failure, else empty.
    pub(crate) code: &'static str,
    /// Names the calling party as it was when the request began.
    pub(crate) view: Rc<View>,
    pub(crate) party: Option<PartyIx>,
    pub(crate) started: Instant,
    pub(crate) upstream: Duration,
    pub(crate) bytes: u64,
    pub(crate) rows: u32,
    /// Whether the body was not taken to its end; true until it was.
    pub(crate) is_aborted: bool,
    /// SHA-256 of the body, where it was computed.
    pub(crate) digest: Option<[u8; 32]>,
}

impl OnEnd {
    /// The provider's answer broke off after its head had been passed on.
    pub(crate) fn cut_off(&mut self, fault: ProviderFault) {
        self.code = match fault {
            ProviderFault::Timeout => Code::ProviderTimeout.as_str(),
            ProviderFault::Interrupted => Code::RequestMalformed.as_str(),
            _ => Code::ProviderBadAnswer.as_str(),
        };
        tracing::warn!(route = self.route, party = self.view.party_key(self.party), %fault, "an answer was cut off");
    }
}

impl Drop for OnEnd {
    fn drop(&mut self) {
        let took = clock::now().saturating_duration_since(self.started);
        if let Some(access) = self.access {
            let ending = Ending {
                status: self.status,
                bytes: self.bytes,
                took_us: micros(took),
                upstream_us: micros(self.upstream),
                rows: self.rows,
                code: self.code,
                aborted: self.is_aborted,
                digest: self.digest.filter(|_| !self.is_aborted),
            };
            self.worker.recorder().close(access, &ending);
        }
        self.worker.count(&Answered {
            route: self.route,
            method: self.method,
            status: self.status,
            outcome: if self.code.is_empty() { "ok" } else { self.code },
            party: self.view.party_key(self.party),
            took,
            upstream: self.upstream,
            aborted: self.is_aborted,
        });
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
