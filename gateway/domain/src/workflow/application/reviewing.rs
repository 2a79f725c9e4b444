//! The steps of those who review: take up, return, approve, confirm, second, send back, reject, extend.

use super::{Application, Approval, Consent, Proposal, ReasonCode, Rejection, Reviewed, Stage};
use crate::workflow::grant::Warrant;
use crate::workflow::scope::{Offer, Scope};
use crate::workflow::{Actor, Needed, Occasion, Operation, Refused, given};

impl Application {
    /// The provider takes it up.
    ///
    /// # Errors
    /// When it was taken up already or is decided.
    pub fn take_up(&self, actor: &Actor, occasion: &Occasion<'_>) -> Result<Self, Refused> {
        let mut next = self.step(Operation::ApplicationReview, actor, |stage| *stage == Stage::Submitted)?;
        next.history.add(Operation::ApplicationReview, actor, occasion.now_s)?;
        next.stage = Stage::Reviewing;
        Ok(next)
    }

    /// Asks for everything that is missing, at once. Only the first time, and in time, does the clock stop (X07).
    ///
    /// # Errors
    /// When it is not under review, or nothing is named.
    pub fn return_for(&self, actor: &Actor, missing: &[String], occasion: &Occasion<'_>) -> Result<Self, Refused> {
        let operation = Operation::ApplicationReview;
        let mut next = self.step(operation, actor, is_under_review)?.ungranted(operation)?;
        if missing.is_empty() {
            return Err(Refused::Missing(Needed::Supplements));
        }
        let missing = missing.iter().map(|what| given(what, Needed::Supplements)).collect::<Result<_, _>>()?;
        next.history.add(Operation::ApplicationReview, actor, occasion.now_s)?;
        if let Some(clock) = &mut next.clock {
            let profile = occasion.kept_profile(clock.profile())?;
            clock.ask_supplement(profile, occasion.today(), occasion.calendar)?;
        }
        (next.stage, next.proposal) = (Stage::ReturnedForSupplement { missing }, None);
        Ok(next)
    }

    /// The provider's 经办 approves, perhaps less than was asked for. Late is allowed: overdue is answered for, not
    /// punished on the applicant.
    ///
    /// # Errors
    /// When it is not under review, would be widened, no longer fits what the resource offers, or the reviewer wrote
    /// the application.
    pub fn approve(
        &self,
        actor: &Actor,
        approval: Approval,
        offer: &Offer,
        occasion: &Occasion<'_>,
    ) -> Result<Reviewed, Refused> {
        let next = self.step(Operation::ApplicationReview, actor, is_under_review)?;
        if next.proposal.is_some() {
            return Err(Refused::State { operation: Operation::ApplicationReview, state: "proposed" });
        }
        let scope = next.request.scope.narrowed(&approval.narrowing)?;
        next.propose(actor, Proposal::new(scope, approval.comment), offer, occasion)
    }

    /// The provider's 负责人 confirms (X08).
    ///
    /// # Errors
    /// When this consent is not the one awaited, or the person consented or applied before.
    pub fn confirm(&self, actor: &Actor, offer: &Offer, occasion: &Occasion<'_>) -> Result<Reviewed, Refused> {
        let next = self.step(Operation::ApplicationConfirm, actor, |stage| *stage == Stage::Reviewing)?;
        next.consent(Consent::Confirm, actor, offer, occasion)
    }

    /// The second approver lets L4 items be shown in clear, on an impact assessment (X01).
    ///
    /// # Errors
    /// When this consent is not the one awaited, the assessment has no number, or the person consented or applied before.
    pub fn second(
        &self,
        actor: &Actor,
        impact_assessment: &str,
        offer: &Offer,
        occasion: &Occasion<'_>,
    ) -> Result<Reviewed, Refused> {
        let mut next = self.step(Operation::ApplicationSecond, actor, |stage| *stage == Stage::Reviewing)?;
        let number = given(impact_assessment, Needed::ImpactAssessment)?;
        if let Some(proposal) = &mut next.proposal {
            proposal.impact_assessment = Some(number);
        }
        next.consent(Consent::Second, actor, offer, occasion)
    }

    /// Whoever is asked for the next consent refuses it: the review begins anew.
    ///
    /// # Errors
    /// When no consent of this person is awaited, or no reason is given.
    pub fn send_back(
        &self,
        actor: &Actor,
        reason: &str,
        offer: &Offer,
        occasion: &Occasion<'_>,
    ) -> Result<Self, Refused> {
        let operation = match self.awaits(offer) {
            Some(Consent::Second) => Operation::ApplicationSecond,
            _ => Operation::ApplicationConfirm,
        };
        let mut next = self.step(operation, actor, |stage| *stage == Stage::Reviewing)?;
        let reason = given(reason, Needed::Reason)?;
        if next.proposal.take().is_none() {
            return Err(Refused::State { operation, state: self.state() });
        }
        next.history.add(operation, actor, occasion.now_s)?;
        next.sent_back = Some(reason);
        Ok(next)
    }

    /// The provider rejects it, with the reason (D21-5).
    ///
    /// # Errors
    /// When it is not under review, or no reason is given.
    pub fn reject(
        &self,
        actor: &Actor,
        code: ReasonCode,
        reason: &str,
        occasion: &Occasion<'_>,
    ) -> Result<Self, Refused> {
        let operation = Operation::ApplicationReview;
        let mut next = self.step(operation, actor, is_under_review)?.ungranted(operation)?;
        let reason = given(reason, Needed::Reason)?;
        next.history.add(Operation::ApplicationReview, actor, occasion.now_s)?;
        (next.stage, next.proposal) = (Stage::Rejected(Rejection { code, reason }), None);
        Ok(next)
    }

    /// The authority lets the review take longer, where the profile knows an extension.
    ///
    /// # Errors
    /// When it is not under review, or the profile does not allow it.
    pub fn extend(&self, actor: &Actor, workdays: u16, occasion: &Occasion<'_>) -> Result<Self, Refused> {
        let mut next = self.step(Operation::ApplicationExtend, actor, is_under_review)?;
        if let Some(clock) = &mut next.clock {
            let profile = occasion.kept_profile(clock.profile())?;
            clock.extend(profile, workdays, occasion.calendar)?;
        }
        next.history.add(Operation::ApplicationExtend, actor, occasion.now_s)?;
        Ok(next)
    }

    /// Proposes a scope as the provider's 经办.
    pub(super) fn propose(
        mut self,
        actor: &Actor,
        proposal: Proposal,
        offer: &Offer,
        occasion: &Occasion<'_>,
    ) -> Result<Reviewed, Refused> {
        self.proposal = Some(proposal);
        (self.stage, self.sent_back) = (Stage::Reviewing, None);
        self.consent(Consent::Review, actor, offer, occasion)
    }

    /// Adds a consent; with the last one wanted, the application is approved and the warrant made.
    fn consent(
        mut self,
        consent: Consent,
        actor: &Actor,
        offer: &Offer,
        occasion: &Occasion<'_>,
    ) -> Result<Reviewed, Refused> {
        let operation = match consent {
            Consent::Review => Operation::ApplicationReview,
            Consent::Confirm => Operation::ApplicationConfirm,
            Consent::Second => Operation::ApplicationSecond,
        };
        if self.awaits(offer) != Some(consent) {
            return Err(Refused::State { operation, state: self.state() });
        }
        let before = self.consents().iter().map(|(_, event)| &event.user);
        if before.chain([&self.applicant]).any(|user| *user == actor.user) {
            return Err(Refused::SamePerson);
        }
        let event = self.history.add(operation, actor, occasion.now_s)?;
        if let Some(proposal) = &mut self.proposal {
            proposal.scope.check(offer)?;
            proposal.consents.push((consent, event));
        }
        if self.awaits(offer).is_some() {
            return Ok(Reviewed { application: self, warrant: None });
        }
        (self.stage, self.granted) = (Stage::Approved, true);
        let warrant = self.proposal.as_ref().map(|proposal| Warrant::approved(&self, &proposal.scope));
        Ok(Reviewed { application: self, warrant })
    }
}

impl Proposal {
    pub(super) fn new(scope: Scope, comment: Option<String>) -> Self {
        Self { scope, ordered: false, comment, consents: Vec::new(), impact_assessment: None }
    }
}

fn is_under_review(stage: &Stage) -> bool {
    matches!(stage, Stage::Submitted | Stage::Reviewing)
}
