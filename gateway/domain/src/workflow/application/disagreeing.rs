//! Disagreement over an application: rejected, narrowed, or left lying (D21-6, X04).

use super::{Application, Proposal, Reviewed, Stage};
use crate::day::Day;
use crate::workflow::dispute::{Disagreement, Dispute, Standing, Verdict, View};
use crate::workflow::scope::{Narrowing, Offer};
use crate::workflow::{Actor, Occasion, Operation, Refused};

impl Application {
    /// The consumer brings it before the authority. Each decision is disputed once; after the authority has decided, the
    /// way leads to its own superior.
    ///
    /// # Errors
    /// When there is nothing to disagree about, or no grounds are given.
    pub fn raise_dispute(&self, actor: &Actor, grounds: &str, occasion: &Occasion<'_>) -> Result<Self, Refused> {
        actor.may(Operation::DisputeRaise, &self.consumer)?;
        let about = self.disputable(occasion.today());
        let about = about.ok_or_else(|| Refused::State { operation: Operation::DisputeRaise, state: self.state() })?;
        let mut next = self.clone();
        next.history.add(Operation::DisputeRaise, actor, occasion.now_s)?;
        next.dispute = Some(Dispute::raise(actor, about, &self.provider, grounds, occasion)?);
        Ok(next)
    }

    /// The consumer lets the disagreement rest, because the provider has come round; it may raise it again.
    ///
    /// # Errors
    /// When there is none, or the authority has decided.
    pub fn rest_dispute(&self, actor: &Actor, occasion: &Occasion<'_>) -> Result<Self, Refused> {
        actor.may(Operation::DisputeRaise, &self.consumer)?;
        let mut next = self.with_dispute(Operation::DisputeRaise, Dispute::rest)?;
        next.history.add(Operation::DisputeRaise, actor, occasion.now_s)?;
        Ok(next)
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

    /// The authority decides: what the provider did stands, or all or part of what was asked for is to be given. The
    /// provider carries it out; no decision grants by itself.
    ///
    /// # Errors
    /// When there is no open disagreement, the actor may not, or an amendment goes further than what was asked for.
    pub fn decide(
        &self,
        actor: &Actor,
        verdict: &Verdict,
        amended: &Narrowing,
        occasion: &Occasion<'_>,
    ) -> Result<Self, Refused> {
        let ordered = verdict.outcome.ordered(&self.request.scope, amended)?;
        let mut next =
            self.with_dispute(Operation::DisputeDecide, |dispute| dispute.decide(actor, verdict, occasion))?;
        next.ordered = ordered;
        if next.ordered.is_some() {
            next.proposal = None;
        }
        Ok(next)
    }

    /// The provider carries the decision out: what the authority ordered is proposed as it stands. Clear L4 items
    /// still wait for the second approver.
    ///
    /// # Errors
    /// When nothing is to be carried out, the actor may not, or the resource no longer offers it.
    pub fn execute(&self, actor: &Actor, offer: &Offer, occasion: &Occasion<'_>) -> Result<Reviewed, Refused> {
        let nothing = || Refused::State { operation: Operation::DisputeExecute, state: self.state() };
        let scope = self.ordered.clone().ok_or_else(nothing)?;
        let next = self.with_dispute(Operation::DisputeExecute, |dispute| dispute.execute(actor, occasion))?;
        next.propose(actor, Proposal { ordered: true, ..Proposal::new(scope, None) }, offer, occasion)
    }

    fn disputable(&self, today: Day) -> Option<Disagreement> {
        if self.dispute.as_ref().is_some_and(|dispute| dispute.standing() != Standing::Rested) {
            return None;
        }
        match &self.stage {
            Stage::Rejected(_) => Some(Disagreement::Rejection),
            Stage::Approved => {
                let granted = self.proposal.as_ref().map(|proposal| &proposal.scope);
                (granted != Some(&self.request.scope)).then_some(Disagreement::NarrowedApproval)
            }
            _ => self.is_overdue(today).then_some(Disagreement::Overdue),
        }
    }

    fn with_dispute(
        &self,
        operation: Operation,
        step: impl FnOnce(&Dispute) -> Result<Dispute, Refused>,
    ) -> Result<Self, Refused> {
        let dispute = self.dispute.as_ref().ok_or_else(|| Refused::State { operation, state: self.state() })?;
        Ok(Self { dispute: Some(step(dispute)?), ..self.clone() })
    }
}
