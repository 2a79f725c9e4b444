//! Applications for conditional resources (D21-2 to D21-6).
//!
//! `draft → submitted → (returned_for_supplement) → reviewing → approved | rejected`, `withdrawn` before a decision, and
//! beside it a disagreement: `disputed → coordinating → decided`. Overdue is a fact about the clock, not a state.
//! The steps lie in `application/asking.rs`, `application/reviewing.rs` and `application/disagreeing.rs`.

use serde::{Deserialize, Serialize};

use super::dispute::{Dispute, Standing};
use super::grant::Warrant;
use super::scope::{Narrowing, Offer, Scope};
use super::{Actor, Event, History, Operation, Refused};
use crate::day::Day;
use crate::deadline::Clock;
use crate::ids::{GrantId, PartyKey, RecordId, ResourceCode, SystemId, UserId};

mod asking;
mod disagreeing;
mod reviewing;

pub use asking::Registration;

/// What a consumer asks for and why (D21-2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// What is asked for.
    pub scope: Scope,
    /// The provision that lets the party have it.
    pub legal_basis: String,
    /// What it is for, in words.
    pub statement: String,
    /// The system that will call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<SystemId>,
    /// Calls expected in a day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volume: Option<u32>,
}

/// An approval as the reviewer gives it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Approval {
    /// What it leaves of what was asked for.
    #[serde(flatten)]
    pub narrowing: Narrowing,
    /// A word to the applicant.
    pub comment: Option<String>,
}

/// Why an application is rejected (D21-5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReasonCode {
    /// The purpose does not need it.
    Purpose,
    /// No provision lets the party have it.
    LegalBasis,
    /// More than the purpose needs.
    Scope,
    /// The file does not show it.
    Material,
    /// A law forbids it.
    Law,
    /// Another reason, in words.
    Other,
}

/// A rejection: never without a reason (D21-5).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rejection {
    /// Its kind.
    pub code: ReasonCode,
    /// In words.
    pub reason: String,
}

/// A consent that an approval needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Consent {
    /// 经办 of the provider.
    Review,
    /// 负责人 of the provider, where its party reviews in two steps (X08).
    Confirm,
    /// The second approver of clear L4 items (X01).
    Second,
}

/// Where an application stands, disagreement aside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "snake_case", deny_unknown_fields)]
pub enum Stage {
    /// Being written.
    Draft,
    /// Received by the exchange.
    Submitted,
    /// Something is asked for (X07).
    ReturnedForSupplement {
        /// Everything that is missing, at once.
        missing: Vec<String>,
    },
    /// Taken up by the provider.
    Reviewing,
    /// Approved: the scope of the proposal is granted.
    Approved,
    /// Rejected.
    Rejected(Rejection),
    /// Taken back.
    Withdrawn,
}

impl Stage {
    /// Stable word.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Submitted => "submitted",
            Self::ReturnedForSupplement { .. } => "returned_for_supplement",
            Self::Reviewing => "reviewing",
            Self::Approved => "approved",
            Self::Rejected(_) => "rejected",
            Self::Withdrawn => "withdrawn",
        }
    }
}

/// What is proposed to be granted, and who has consented so far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Proposal {
    scope: Scope,
    /// Carries out a decision of the authority, which stands for the provider's second step.
    ordered: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    comment: Option<String>,
    consents: Vec<(Consent, Event)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    impact_assessment: Option<String>,
}

/// An application. Its fields are private: it changes by its steps only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Application {
    id: RecordId,
    /// The id that its grant will have, so that a repeated step cannot make a second grant.
    grant: GrantId,
    resource: ResourceCode,
    version: u32,
    consumer: PartyKey,
    applicant: UserId,
    provider: PartyKey,
    two_steps: bool,
    request: Request,
    stage: Stage,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    proposal: Option<Proposal>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    clock: Option<Clock>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    dispute: Option<Dispute>,
    /// What the authority ordered in place of the provider's decision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ordered: Option<Scope>,
    /// Why the last proposal was not consented to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sent_back: Option<String>,
    /// A grant was made: from here on it can be amended, not unmade, by this application.
    granted: bool,
    urged_on: Vec<Day>,
    history: History,
}

impl Application {
    /// Id.
    pub fn id(&self) -> &RecordId {
        &self.id
    }

    /// Id of its grant, which exists once it is approved.
    pub fn grant(&self) -> &GrantId {
        &self.grant
    }

    /// The resource asked for.
    pub fn resource(&self) -> &ResourceCode {
        &self.resource
    }

    /// Who asks.
    pub fn consumer(&self) -> &PartyKey {
        &self.consumer
    }

    /// Who is asked.
    pub fn provider(&self) -> &PartyKey {
        &self.provider
    }

    /// What is asked for and why.
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// Where it stands, disagreement aside.
    pub fn stage(&self) -> &Stage {
        &self.stage
    }

    /// The state that people see: the disagreement's as long as it matters, else the stage's.
    pub fn state(&self) -> &'static str {
        match &self.dispute {
            Some(dispute) if dispute.is_open() || dispute.awaits_execution() => dispute.standing().as_str(),
            Some(dispute) if dispute.standing() == Standing::Decided && self.is_reviewed() => "decided",
            _ => self.stage.as_str(),
        }
    }

    /// The clock of the review, once submitted.
    pub fn clock(&self) -> Option<&Clock> {
        self.clock.as_ref()
    }

    /// The disagreement, if there is one.
    pub fn dispute(&self) -> Option<&Dispute> {
        self.dispute.as_ref()
    }

    /// Why the last proposal was not consented to, until there is a new one.
    pub fn sent_back(&self) -> Option<&str> {
        self.sent_back.as_deref()
    }

    /// The steps taken.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// The consents that the approval has so far.
    pub fn consents(&self) -> &[(Consent, Event)] {
        self.proposal.as_ref().map_or(&[], |proposal| &proposal.consents)
    }

    /// The consent that an approval waits for next; `None` when none is proposed or none is left.
    pub fn awaits(&self, offer: &Offer) -> Option<Consent> {
        let proposal = self.proposal.as_ref().filter(|_| self.stage == Stage::Reviewing)?;
        self.wanted(proposal, offer).find(|consent| proposal.consents.iter().all(|(given, _)| given != consent))
    }

    /// Whether the review should have ended before this day.
    pub fn is_overdue(&self, today: Day) -> bool {
        let waits = matches!(self.stage, Stage::Submitted | Stage::Reviewing | Stage::ReturnedForSupplement { .. });
        waits && self.clock.as_ref().is_some_and(|clock| clock.is_overdue(today))
    }

    /// Counts the deadline again after a calendar was loaded; it never comes earlier.
    ///
    /// # Errors
    /// When the deadline lies beyond the calendar.
    pub fn recounted(&self, calendar: &crate::working_days::Calendar) -> Result<Self, Refused> {
        let mut next = self.clone();
        if let Some(clock) = &mut next.clock {
            clock.recount(calendar)?;
        }
        Ok(next)
    }

    /// A step that would leave a grant without its application is not taken.
    fn ungranted(self, operation: Operation) -> Result<Self, Refused> {
        if self.granted { Err(Refused::State { operation, state: "granted" }) } else { Ok(self) }
    }

    fn is_reviewed(&self) -> bool {
        matches!(self.stage, Stage::Approved | Stage::Rejected(_))
    }

    fn wanted(&self, proposal: &Proposal, offer: &Offer) -> impl Iterator<Item = Consent> {
        let confirm = self.two_steps && !proposal.ordered;
        let second = !proposal.scope.sensitive(offer).is_empty();
        let wanted = [(Consent::Review, true), (Consent::Confirm, confirm), (Consent::Second, second)];
        wanted.into_iter().filter(|(_, is_wanted)| *is_wanted).map(|(consent, _)| consent)
    }

    /// A copy to take a step on, unless the party's side is another's or the state another.
    fn step(&self, operation: Operation, actor: &Actor, begins: impl Fn(&Stage) -> bool) -> Result<Self, Refused> {
        let side = match operation {
            Operation::ApplicationSubmit | Operation::ApplicationWithdraw | Operation::ApplicationUrge => {
                &self.consumer
            }
            _ => &self.provider,
        };
        actor.may(operation, side)?;
        let disputed = self.dispute.as_ref().is_some_and(|dispute| dispute.is_open() || dispute.awaits_execution());
        let rests = disputed && operation != Operation::ApplicationWithdraw;
        if rests || !begins(&self.stage) {
            return Err(Refused::State { operation, state: self.state() });
        }
        Ok(self.clone())
    }
}

/// An application after a consent, and the leave to grant if that was the last one it needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reviewed {
    /// The application as it will be.
    pub application: Application,
    /// Leave to make or amend its grant.
    pub warrant: Option<Warrant>,
}
