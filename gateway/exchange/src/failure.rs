//! How a call ends without an answer.

use sluice_contract::answer::Culprit;
use sluice_contract::{BadAnswer, Fetched, ProviderFault};
use sluice_domain::{Code, Fact, Fault, Refusal, Resource};

use crate::disclose::Opened;
use crate::limit::{Exceeded, Standing};
use crate::outcome::OnEnd;
use crate::visit::Visit;

/// A call that ends without an answer.
pub(crate) enum Failure {
    /// Refused before any provider heard of it.
    Refused(Refusal, Option<Standing>),
    /// Permitted and recorded, but the provider gave no usable answer.
    Provider(Box<Unanswered>),
    /// The record could not be made durable: nothing is served.
    Ledger(Option<Box<OnEnd>>),
}

impl Failure {
    /// A permitted call that ends with a refusal.
    pub(crate) fn ended(refusal: Refusal, opened: Opened, run: Run) -> Self {
        Self::Provider(Box::new(Unanswered { refusal, opened, run }))
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal, None)
    }
}

impl From<Code> for Failure {
    fn from(code: Code) -> Self {
        Self::Refused(code.into(), None)
    }
}

impl From<Box<Exceeded>> for Failure {
    fn from(exceeded: Box<Exceeded>) -> Self {
        Self::Refused(exceeded.refusal, Some(exceeded.standing))
    }
}

/// A permitted call under way: what its end has to tell.
pub(crate) struct Run {
    pub(crate) standing: Standing,
    pub(crate) on_end: OnEnd,
}

/// A permitted call whose provider gave no usable answer.
pub(crate) struct Unanswered {
    pub(crate) refusal: Refusal,
    /// The record that says "permitted".
    pub(crate) opened: Opened,
    pub(crate) run: Run,
}

impl Visit<'_> {
    /// Keeps for the log where an answer is not as declared: names of item and place, never anything that was answered.
    pub(crate) fn blame(&self, resource: &Resource, fetched: &Fetched, bad: BadAnswer, culprit: &Culprit) {
        let item = culprit.item().and_then(|at| resource.items.get(at)).map(|item| format!("item {}", item.code));
        let place = fetched.layout.place(bad, culprit).map(|place| format!("at {place}"));
        let named: Vec<String> = item.into_iter().chain(place).collect();
        self.blamed.replace((!named.is_empty()).then(|| named.join(" ")));
    }

    /// What a provider's fault means for the caller; the provider's own words never get this far.
    pub(crate) fn unanswered(&self, resource: &Resource, fault: ProviderFault, opened: Opened, run: Run) -> Failure {
        let policy = &self.view.snapshot.policy;
        // While a circuit is open every call ends here: the failures that opened it were told.
        let is_told = matches!(
            fault,
            ProviderFault::CircuitOpen { .. } | ProviderFault::PlannedOutage { .. } | ProviderFault::Busy { .. }
        );
        if !is_told {
            let place = self.blamed.take();
            tracing::warn!(request_id = %self.request_id, resource = %resource.code, %fault, place, "a provider gave no usable answer");
        }
        let provider = policy.party(resource.provider).map(|party| party.name.clone()).unwrap_or_default();
        let refusal = match fault {
            ProviderFault::Unreachable => Refusal::new(Code::ProviderUnreachable),
            ProviderFault::Timeout => Refusal::new(Code::ProviderTimeout),
            ProviderFault::BadAnswer(_) => Refusal::new(Code::ProviderBadAnswer),
            ProviderFault::CircuitOpen { retry_after_s } => {
                Refusal::new(Code::ProviderCircuitOpen).with(Fact::RetryAfterS(retry_after_s))
            }
            ProviderFault::PlannedOutage { retry_after_s } => {
                Refusal::fault(Code::ProviderCircuitOpen, Fault::PlannedOutage).with(Fact::RetryAfterS(retry_after_s))
            }
            ProviderFault::Interrupted => {
                return Failure::ended(Refusal::fault(Code::RequestMalformed, Fault::BodyBroken), opened, run);
            }
            ProviderFault::Busy { retry_after_s } => {
                Refusal::fault(Code::ProviderCircuitOpen, Fault::ProviderBusy).with(Fact::RetryAfterS(retry_after_s))
            }
        };
        Failure::ended(refusal.with(Fact::Provider(provider)), opened, run)
    }
}
