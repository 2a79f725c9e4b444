//! Disagreement between two parties, coordinated and decided by the authority (D21-6, X04).
//!
//! `disputed → coordinating → decided → executed`; whoever raised it may let it rest before the decision. The decision
//! binds, has a document number and a day by which the provider carries it out; nothing is granted by it alone.

use serde::{Deserialize, Serialize};

use super::{Actor, Event, History, Narrowing, Needed, Occasion, Operation, Refused, Scope, given};
use crate::day::Day;
use crate::deadline::{Clock, Measured};
use crate::ids::PartyKey;

/// What the parties disagree about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Disagreement {
    /// An application was rejected.
    Rejection,
    /// Less was approved than was asked for.
    NarrowedApproval,
    /// The review is overdue.
    Overdue,
    /// A grant was suspended.
    Suspension,
    /// A grant was revoked.
    Revocation,
}

/// How the authority decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// What the provider did stands.
    Uphold,
    /// What was asked for is to be given.
    Overrule,
    /// Something between.
    Amend,
}

impl Outcome {
    /// What the provider is ordered to give, of what was asked for or granted; `None` if nothing.
    ///
    /// # Errors
    /// When an amendment goes further than that.
    pub(super) fn ordered(self, whole: &Scope, amended: &Narrowing) -> Result<Option<Scope>, Refused> {
        match self {
            Self::Uphold => Ok(None),
            Self::Overrule => Ok(Some(whole.clone())),
            Self::Amend => whole.narrowed(amended).map(Some),
        }
    }
}

/// The decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verdict {
    /// How.
    pub outcome: Outcome,
    /// Number of the document (文号).
    pub document_no: String,
    /// Last day for carrying it out.
    pub execute_by: Day,
}

/// What a side or the authority says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct View {
    /// Its words.
    pub text: String,
    /// SHA-256 of the files handed in with it, in hexadecimal.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
}

/// A view, who stated it and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Opinion {
    /// Who and when.
    pub by: Event,
    /// What they said.
    pub view: View,
}

/// Where a disagreement stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Raised.
    Disputed,
    /// The authority is at it.
    Coordinating,
    /// Decided; unless the provider's act stands, still to be carried out.
    Decided,
    /// Carried out.
    Executed,
    /// Let rest by who raised it.
    Rested,
}

impl Standing {
    /// Stable word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Disputed => "disputed",
            Self::Coordinating => "coordinating",
            Self::Decided => "decided",
            Self::Executed => "executed",
            Self::Rested => "rested",
        }
    }
}

/// A disagreement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dispute {
    about: Disagreement,
    grounds: String,
    raised_by: PartyKey,
    against: PartyKey,
    standing: Standing,
    opinions: Vec<Opinion>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    minutes: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    verdict: Option<Verdict>,
    clock: Clock,
    history: History,
}

impl Dispute {
    /// Raises a disagreement for the actor's party.
    ///
    /// # Errors
    /// When no role of the actor may, or no grounds are given.
    pub(super) fn raise(
        actor: &Actor,
        about: Disagreement,
        against: &PartyKey,
        grounds: &str,
        occasion: &Occasion<'_>,
    ) -> Result<Self, Refused> {
        actor.may(Operation::DisputeRaise, &actor.party)?;
        let profile = occasion.newest_profile()?;
        let mut history = History::default();
        history.add(Operation::DisputeRaise, actor, occasion.now_s)?;
        Ok(Self {
            about,
            grounds: given(grounds, Needed::Grounds)?,
            raised_by: actor.party.clone(),
            against: against.clone(),
            standing: Standing::Disputed,
            opinions: Vec::new(),
            minutes: None,
            verdict: None,
            clock: Clock::start(profile, Measured::Coordination, occasion.today(), occasion.calendar)?,
            history,
        })
    }

    /// What it is about.
    pub fn about(&self) -> Disagreement {
        self.about
    }

    /// Where it stands.
    pub fn standing(&self) -> Standing {
        self.standing
    }

    /// The decision, once there is one.
    pub fn verdict(&self) -> Option<&Verdict> {
        self.verdict.as_ref()
    }

    /// The clock of the coordination.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Whether the authority has still to decide.
    pub fn is_open(&self) -> bool {
        matches!(self.standing, Standing::Disputed | Standing::Coordinating)
    }

    /// Whether the provider has still to carry out the decision.
    pub fn awaits_execution(&self) -> bool {
        self.standing == Standing::Decided
            && self.verdict.as_ref().is_some_and(|verdict| verdict.outcome != Outcome::Uphold)
    }

    /// Whether a decision should have been carried out before this day (X04).
    pub fn is_execution_overdue(&self, today: Day) -> bool {
        self.awaits_execution() && self.verdict.as_ref().is_some_and(|verdict| today > verdict.execute_by)
    }

    /// A side hands in its view.
    ///
    /// # Errors
    /// When the actor belongs to neither side, says nothing, or the decision is made.
    pub(super) fn state_view(&self, actor: &Actor, view: View, occasion: &Occasion<'_>) -> Result<Self, Refused> {
        actor.may(Operation::DisputeState, &actor.party)?;
        if actor.party != self.raised_by && actor.party != self.against {
            return Err(Refused::OtherParty);
        }
        let mut next = self.while_open(Operation::DisputeState)?;
        next.add_opinion(Operation::DisputeState, actor, view, occasion)?;
        Ok(next)
    }

    /// The authority takes it up, or adds to its opinion and minutes.
    ///
    /// # Errors
    /// When the actor may not, says nothing, or the decision is made.
    pub(super) fn coordinate(
        &self,
        actor: &Actor,
        opinion: View,
        minutes: Option<String>,
        occasion: &Occasion<'_>,
    ) -> Result<Self, Refused> {
        actor.may(Operation::DisputeDecide, &self.against)?;
        let mut next = self.while_open(Operation::DisputeDecide)?;
        next.add_opinion(Operation::DisputeDecide, actor, opinion, occasion)?;
        next.standing = Standing::Coordinating;
        next.minutes = minutes.or(next.minutes);
        Ok(next)
    }

    /// The authority decides.
    ///
    /// # Errors
    /// When the actor may not, the decision is made already, it has no document number, or would have to be carried
    /// out before today.
    pub(super) fn decide(&self, actor: &Actor, verdict: &Verdict, occasion: &Occasion<'_>) -> Result<Self, Refused> {
        actor.may(Operation::DisputeDecide, &self.against)?;
        let mut next = self.while_open(Operation::DisputeDecide)?;
        if verdict.execute_by < occasion.today() {
            return Err(Refused::Wider("execute_by"));
        }
        let document_no = given(&verdict.document_no, Needed::DocumentNo)?;
        next.history.add(Operation::DisputeDecide, actor, occasion.now_s)?;
        next.standing = Standing::Decided;
        next.verdict = Some(Verdict { document_no, ..verdict.clone() });
        Ok(next)
    }

    /// The provider carries the decision out.
    pub(super) fn execute(&self, actor: &Actor, occasion: &Occasion<'_>) -> Result<Self, Refused> {
        actor.may(Operation::DisputeExecute, &self.against)?;
        if !self.awaits_execution() {
            return Err(Refused::State { operation: Operation::DisputeExecute, state: self.standing.as_str() });
        }
        let mut next = self.clone();
        next.history.add(Operation::DisputeExecute, actor, occasion.now_s)?;
        next.standing = Standing::Executed;
        Ok(next)
    }

    /// Who raised it lets it rest.
    pub(super) fn rest(&self) -> Result<Self, Refused> {
        Ok(Self { standing: Standing::Rested, ..self.while_open(Operation::DisputeRaise)? })
    }

    fn while_open(&self, operation: Operation) -> Result<Self, Refused> {
        if self.is_open() { Ok(self.clone()) } else { Err(Refused::State { operation, state: self.standing.as_str() }) }
    }

    fn add_opinion(
        &mut self,
        operation: Operation,
        actor: &Actor,
        view: View,
        occasion: &Occasion<'_>,
    ) -> Result<(), Refused> {
        let text = given(&view.text, Needed::Opinion)?;
        let by = self.history.add(operation, actor, occasion.now_s)?;
        self.opinions.push(Opinion { by, view: View { text, ..view } });
        Ok(())
    }
}
