//! The consumer's steps: draft, submit, supplement, urge, withdraw.

use super::{Application, Request, Stage};
use crate::catalogue::ShareType;
use crate::deadline::{Clock, Measured};
use crate::ids::{GrantId, RecordId};
use crate::workflow::scope::Offer;
use crate::workflow::{Actor, History, Needed, Occasion, Operation, Refused, given};

/// What an application is given by the exchange, not by the consumer.
#[derive(Debug, Clone)]
pub struct Registration {
    /// Its number.
    pub id: RecordId,
    /// The number of the grant it may lead to.
    pub grant: GrantId,
    /// Whether the provider's party reviews in two steps (X08).
    pub two_steps: bool,
}

impl Application {
    /// Writes a draft for the actor's party.
    ///
    /// # Errors
    /// When no role of the actor may, or more is asked for than the resource offers.
    pub fn draft(
        actor: &Actor,
        registration: Registration,
        request: Request,
        offer: &Offer,
        occasion: &Occasion<'_>,
    ) -> Result<Self, Refused> {
        actor.may(Operation::ApplicationSubmit, &actor.party)?;
        let mut history = History::default();
        history.add(Operation::ApplicationSubmit, actor, occasion.now_s)?;
        let draft = Self {
            id: registration.id,
            grant: registration.grant,
            resource: offer.resource.clone(),
            version: offer.version,
            consumer: actor.party.clone(),
            applicant: actor.user.clone(),
            provider: offer.provider.clone(),
            two_steps: registration.two_steps,
            request,
            stage: Stage::Draft,
            proposal: None,
            clock: None,
            dispute: None,
            ordered: None,
            sent_back: None,
            granted: false,
            urged_on: Vec::new(),
            history,
        };
        draft.request.check(offer)?;
        Ok(draft)
    }

    /// Writes a draft anew.
    ///
    /// # Errors
    /// When it is no draft any more, or more is asked for than the resource offers.
    pub fn rewrite(
        &self,
        actor: &Actor,
        request: Request,
        offer: &Offer,
        occasion: &Occasion<'_>,
    ) -> Result<Self, Refused> {
        let mut next = self.step(Operation::ApplicationSubmit, actor, |stage| *stage == Stage::Draft)?;
        request.check(offer)?;
        next.history.add(Operation::ApplicationSubmit, actor, occasion.now_s)?;
        (next.request, next.version, next.applicant) = (request, offer.version, actor.user.clone());
        Ok(next)
    }

    /// Submits it to the provider: the clock starts under the profile of this day and keeps it (D21-3).
    ///
    /// # Errors
    /// When it is no draft any more, the resource is not conditional, a legal basis or statement is missing, or more
    /// is asked for than the resource offers.
    pub fn submit(&self, actor: &Actor, offer: &Offer, occasion: &Occasion<'_>) -> Result<Self, Refused> {
        let mut next = self.step(Operation::ApplicationSubmit, actor, |stage| *stage == Stage::Draft)?;
        if offer.share_type != ShareType::Conditional {
            return Err(Refused::ShareType(offer.share_type.as_str()));
        }
        next.request.check(offer)?;
        given(&next.request.legal_basis, Needed::LegalBasis)?;
        given(&next.request.statement, Needed::Grounds)?;
        let profile = occasion.newest_profile()?;
        next.history.add(Operation::ApplicationSubmit, actor, occasion.now_s)?;
        next.clock = Some(Clock::start(profile, Measured::Review, occasion.today(), occasion.calendar)?);
        next.stage = Stage::Submitted;
        Ok(next)
    }

    /// Hands in what was missing; a stopped clock runs again (X07).
    ///
    /// # Errors
    /// When nothing was asked for, or more is asked for than the resource offers.
    pub fn resubmit(
        &self,
        actor: &Actor,
        request: Request,
        offer: &Offer,
        occasion: &Occasion<'_>,
    ) -> Result<Self, Refused> {
        let returned = |stage: &Stage| matches!(stage, Stage::ReturnedForSupplement { .. });
        let mut next = self.step(Operation::ApplicationSubmit, actor, returned)?;
        request.check(offer)?;
        given(&request.legal_basis, Needed::LegalBasis)?;
        given(&request.statement, Needed::Grounds)?;
        next.history.add(Operation::ApplicationSubmit, actor, occasion.now_s)?;
        if let Some(clock) = &mut next.clock {
            let profile = occasion.kept_profile(clock.profile())?;
            clock.resume(profile, occasion.today(), occasion.calendar)?;
        }
        (next.request, next.version, next.applicant) = (request, offer.version, actor.user.clone());
        next.stage = Stage::Submitted;
        Ok(next)
    }

    /// Reminds the reviewer.
    ///
    /// # Errors
    /// When nothing is waiting, or it was urged on this day already.
    pub fn urge(&self, actor: &Actor, occasion: &Occasion<'_>) -> Result<Self, Refused> {
        let mut next = self.step(Operation::ApplicationUrge, actor, is_waiting)?;
        let today = occasion.today();
        if next.urged_on.last() == Some(&today) {
            return Err(Refused::State { operation: Operation::ApplicationUrge, state: "urged today" });
        }
        next.history.add(Operation::ApplicationUrge, actor, occasion.now_s)?;
        next.urged_on.push(today);
        Ok(next)
    }

    /// Takes it back before a decision; a disagreement rests with it.
    ///
    /// # Errors
    /// When it is decided or withdrawn already.
    pub fn withdraw(&self, actor: &Actor, occasion: &Occasion<'_>) -> Result<Self, Refused> {
        let undecided =
            |stage: &Stage| is_waiting(stage) || matches!(stage, Stage::Draft | Stage::ReturnedForSupplement { .. });
        let operation = Operation::ApplicationWithdraw;
        let mut next = self.step(operation, actor, undecided)?.ungranted(operation)?;
        next.history.add(operation, actor, occasion.now_s)?;
        next.dispute = next.dispute.map(|dispute| dispute.rest().unwrap_or(dispute));
        (next.stage, next.proposal, next.ordered) = (Stage::Withdrawn, None, None);
        Ok(next)
    }
}

impl Request {
    fn check(&self, offer: &Offer) -> Result<(), Refused> {
        self.scope.check(offer)
    }
}

fn is_waiting(stage: &Stage) -> bool {
    matches!(stage, Stage::Submitted | Stage::Reviewing)
}
