//! Grants as the control plane keeps them: why they were made, and suspension, resumption, revocation, attestation.
//!
//! A grant is made from a [`Warrant`]. Only the last consent to an application
//! ([`super::application`]) and the countersignature of a statutory exception ([`super::exception`]) make one, so there
//! is no way to a live grant around the decisions that the regulation asks for.

use serde::{Deserialize, Serialize};

use super::application::{Application, Consent};
use super::dispute::{Disagreement, Dispute, Standing, Verdict, View};
use super::scope::{Narrowing, Scope};
use super::{Actor, Event, History, Needed, Occasion, Operation, Refused, given};
use crate::day::Day;
use crate::grant::GrantState;
use crate::ids::{GrantId, PartyKey, RecordId, ResourceCode};

/// Days after which the consumer says again that a grant is used as granted (D22-2).
const ATTESTATION_DAYS: i32 = 365;

/// Why a grant was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case", deny_unknown_fields)]
pub enum Basis {
    /// An approved application.
    Application {
        /// The application.
        id: RecordId,
        /// Who consented.
        consents: Vec<(Consent, Event)>,
        /// Number of the authority's decision that was carried out, if there was one (D21-6).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        document_no: Option<String>,
    },
    /// A statute lets the consumer have what is not shared (X05).
    StatutoryException {
        /// The provision.
        legal_basis: String,
        /// Number of the document.
        document_no: String,
        /// Who proposed it for the provider.
        proposed: Event,
        /// Who countersigned it for the authority.
        countersigned: Event,
    },
}

/// Leave to make or amend one grant. Its fields are private, and only the last decision makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warrant {
    grant: GrantId,
    consumer: PartyKey,
    provider: PartyKey,
    resource: ResourceCode,
    scope: Scope,
    basis: Basis,
}

impl Warrant {
    /// The grant it is for.
    pub fn grant(&self) -> &GrantId {
        &self.grant
    }

    /// What it lets be granted.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Why.
    pub fn basis(&self) -> &Basis {
        &self.basis
    }

    pub(super) fn approved(application: &Application, scope: &Scope) -> Self {
        let executed = application.dispute().filter(|dispute| dispute.standing() == Standing::Executed);
        let document_no = executed.and_then(Dispute::verdict).map(|verdict| verdict.document_no.clone());
        let (id, consents) = (application.id().clone(), application.consents().to_vec());
        Self {
            grant: application.grant().clone(),
            consumer: application.consumer().clone(),
            provider: application.provider().clone(),
            resource: application.resource().clone(),
            scope: scope.clone(),
            basis: Basis::Application { id, consents, document_no },
        }
    }

    pub(super) fn excepted(exception: &super::Exception, basis: Basis) -> Self {
        Self {
            grant: exception.grant().clone(),
            consumer: exception.consumer().clone(),
            provider: exception.provider().clone(),
            resource: exception.resource().clone(),
            scope: exception.scope().clone(),
            basis,
        }
    }
}

/// A grant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IssuedGrant {
    id: GrantId,
    consumer: PartyKey,
    provider: PartyKey,
    resource: ResourceCode,
    scope: Scope,
    basis: Basis,
    state: GrantState,
    /// Who suspended or revoked it, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stopped: Option<Stopped>,
    issued_on: Day,
    attested_on: Day,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    dispute: Option<Dispute>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ordered: Option<Scope>,
    history: History,
}

/// A suspension or revocation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stopped {
    /// By whom and when.
    pub by: Event,
    /// Why.
    pub reason: String,
}

impl IssuedGrant {
    /// Makes the grant that a warrant lets be made.
    pub fn issue(warrant: Warrant, occasion: &Occasion<'_>) -> Self {
        let today = occasion.today();
        Self {
            id: warrant.grant,
            consumer: warrant.consumer,
            provider: warrant.provider,
            resource: warrant.resource,
            scope: warrant.scope,
            basis: warrant.basis,
            state: GrantState::Active,
            stopped: None,
            issued_on: today,
            attested_on: today,
            dispute: None,
            ordered: None,
            history: History::default(),
        }
    }

    /// Takes the scope of a further warrant for the same grant: a decision that widened a narrowed approval.
    ///
    /// # Errors
    /// When the warrant is for another grant.
    pub fn amend(&self, warrant: Warrant) -> Result<Self, Refused> {
        if warrant.grant != self.id || warrant.resource != self.resource || warrant.consumer != self.consumer {
            return Err(Refused::OtherParty);
        }
        Ok(Self { scope: warrant.scope, basis: warrant.basis, ..self.clone() })
    }

    /// Id.
    pub fn id(&self) -> &GrantId {
        &self.id
    }

    /// Who may use it.
    pub fn consumer(&self) -> &PartyKey {
        &self.consumer
    }

    /// Who provides.
    pub fn provider(&self) -> &PartyKey {
        &self.provider
    }

    /// The resource.
    pub fn resource(&self) -> &ResourceCode {
        &self.resource
    }

    /// What it covers.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Why it was made.
    pub fn basis(&self) -> &Basis {
        &self.basis
    }

    /// Its standing, dates aside.
    pub fn state(&self) -> GrantState {
        self.state
    }

    /// Who suspended or revoked it and why, while that holds.
    pub fn stopped(&self) -> Option<&Stopped> {
        self.stopped.as_ref()
    }

    /// The disagreement over its suspension or revocation.
    pub fn dispute(&self) -> Option<&Dispute> {
        self.dispute.as_ref()
    }

    /// The steps taken since it was made.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// Whether a call on this day finds it in force.
    pub fn is_live(&self, today: Day) -> bool {
        self.state == GrantState::Active && (self.scope.valid_from..=self.scope.valid_until).contains(&today)
    }

    /// The day on which the consumer has to attest its use; `None` beyond the calendar (D22-2).
    pub fn attestation_due(&self) -> Option<Day> {
        self.attested_on.plus(ATTESTATION_DAYS)
    }

    /// Pauses it.
    ///
    /// # Errors
    /// When the actor may not, it is not active, or no reason is given.
    pub fn suspend(&self, actor: &Actor, reason: &str, occasion: &Occasion<'_>) -> Result<Self, Refused> {
        self.stop(actor, reason, (&[GrantState::Active], GrantState::Suspended), occasion)
    }

    /// Takes it back for good; only a decision of the authority against it brings it back.
    ///
    /// # Errors
    /// When the actor may not, it is revoked or expired, or no reason is given.
    pub fn revoke(&self, actor: &Actor, reason: &str, occasion: &Occasion<'_>) -> Result<Self, Refused> {
        self.stop(actor, reason, (&[GrantState::Active, GrantState::Suspended], GrantState::Revoked), occasion)
    }

    /// Lets a suspended grant be used again. What the authority suspended, the authority resumes.
    ///
    /// # Errors
    /// When the actor may not, or it is not suspended.
    pub fn resume(&self, actor: &Actor, occasion: &Occasion<'_>) -> Result<Self, Refused> {
        let mut next = self.step(Operation::GrantChange, actor, &[GrantState::Suspended])?;
        let own = self.stopped.as_ref().is_none_or(|stopped| stopped.by.party == self.provider);
        let by_provider = actor.party == self.provider && !actor.roles.contains(super::Role::Authority);
        if by_provider && !own {
            return Err(Refused::Role { operation: Operation::GrantChange });
        }
        next.history.add(Operation::GrantChange, actor, occasion.now_s)?;
        next.dispute = next.dispute.map(|dispute| dispute.rest().unwrap_or(dispute));
        (next.state, next.stopped) = (GrantState::Active, None);
        Ok(next)
    }

    /// The consumer says that it is used as granted (D22-2).
    ///
    /// # Errors
    /// When the actor may not, or it is revoked or expired.
    pub fn attest(&self, actor: &Actor, occasion: &Occasion<'_>) -> Result<Self, Refused> {
        let mut next = self.step(Operation::GrantAttest, actor, &[GrantState::Active, GrantState::Suspended])?;
        next.history.add(Operation::GrantAttest, actor, occasion.now_s)?;
        next.attested_on = occasion.today().max(self.attested_on);
        Ok(next)
    }

    /// Its last day is over. Not a person's step: the days say it.
    #[must_use]
    pub fn expired(&self, today: Day) -> Option<Self> {
        let ends = matches!(self.state, GrantState::Active | GrantState::Suspended);
        (ends && today > self.scope.valid_until).then(|| Self { state: GrantState::Expired, ..self.clone() })
    }

    /// The consumer brings a suspension or revocation before the authority (X04).
    ///
    /// # Errors
    /// When it is neither, or disputed already, or no grounds are given.
    pub fn raise_dispute(&self, actor: &Actor, grounds: &str, occasion: &Occasion<'_>) -> Result<Self, Refused> {
        actor.may(Operation::DisputeRaise, &self.consumer)?;
        let again = self.dispute.as_ref().is_some_and(|dispute| dispute.is_open() || dispute.awaits_execution());
        let about = match self.state {
            GrantState::Suspended if !again => Disagreement::Suspension,
            GrantState::Revoked if !again => Disagreement::Revocation,
            _ => return Err(Refused::State { operation: Operation::DisputeRaise, state: word(self.state) }),
        };
        let dispute = Dispute::raise(actor, about, &self.provider, grounds, occasion)?;
        Ok(Self { dispute: Some(dispute), ..self.clone() })
    }

    /// A side hands in its view.
    ///
    /// # Errors
    /// When there is no open disagreement, or the actor belongs to neither side.
    pub fn state_view(&self, actor: &Actor, view: View, occasion: &Occasion<'_>) -> Result<Self, Refused> {
        self.with_dispute(Operation::DisputeState, |dispute| dispute.state_view(actor, view, occasion))
    }

    /// The authority coordinates.
    ///
    /// # Errors
    /// When there is no open disagreement, or the actor may not.
    pub fn coordinate(
        &self,
        actor: &Actor,
        opinion: View,
        minutes: Option<String>,
        occasion: &Occasion<'_>,
    ) -> Result<Self, Refused> {
        self.with_dispute(Operation::DisputeDecide, |dispute| dispute.coordinate(actor, opinion, minutes, occasion))
    }

    /// The authority decides; the provider carries it out.
    ///
    /// # Errors
    /// When there is no open disagreement, the actor may not, or an amendment goes further than the grant did.
    pub fn decide(
        &self,
        actor: &Actor,
        verdict: &Verdict,
        amended: &Narrowing,
        occasion: &Occasion<'_>,
    ) -> Result<Self, Refused> {
        let ordered = verdict.outcome.ordered(&self.scope, amended)?;
        let next = self.with_dispute(Operation::DisputeDecide, |dispute| dispute.decide(actor, verdict, occasion))?;
        Ok(Self { ordered, ..next })
    }

    /// The provider brings the grant back as the authority decided.
    ///
    /// # Errors
    /// When nothing is to be carried out, or the actor may not.
    pub fn execute(&self, actor: &Actor, occasion: &Occasion<'_>) -> Result<Self, Refused> {
        let nothing = || Refused::State { operation: Operation::DisputeExecute, state: word(self.state) };
        let scope = self.ordered.clone().ok_or_else(nothing)?;
        let next = self.with_dispute(Operation::DisputeExecute, |dispute| dispute.execute(actor, occasion))?;
        Ok(Self { scope, state: GrantState::Active, stopped: None, ordered: None, ..next })
    }

    fn stop(
        &self,
        actor: &Actor,
        reason: &str,
        (from, to): (&[GrantState], GrantState),
        occasion: &Occasion<'_>,
    ) -> Result<Self, Refused> {
        let mut next = self.step(Operation::GrantChange, actor, from)?;
        let reason = given(reason, Needed::Reason)?;
        let by = next.history.add(Operation::GrantChange, actor, occasion.now_s)?;
        (next.state, next.stopped) = (to, Some(Stopped { by, reason }));
        Ok(next)
    }

    fn step(&self, operation: Operation, actor: &Actor, from: &[GrantState]) -> Result<Self, Refused> {
        let side = if operation == Operation::GrantAttest { &self.consumer } else { &self.provider };
        actor.may(operation, side)?;
        if operation == Operation::GrantChange && self.dispute.as_ref().is_some_and(Dispute::awaits_execution) {
            return Err(Refused::State { operation, state: Standing::Decided.as_str() });
        }
        if from.contains(&self.state) {
            Ok(self.clone())
        } else {
            Err(Refused::State { operation, state: word(self.state) })
        }
    }

    fn with_dispute(
        &self,
        operation: Operation,
        step: impl FnOnce(&Dispute) -> Result<Dispute, Refused>,
    ) -> Result<Self, Refused> {
        let dispute = self.dispute.as_ref().ok_or(Refused::State { operation, state: word(self.state) })?;
        Ok(Self { dispute: Some(step(dispute)?), ..self.clone() })
    }
}

fn word(state: GrantState) -> &'static str {
    match state {
        GrantState::Active => "active",
        GrantState::Suspended => "suspended",
        GrantState::Revoked => "revoked",
        GrantState::Expired => "expired",
    }
}
