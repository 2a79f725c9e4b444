//! Doubts about a record, checked and corrected by its provider (疑义校核, D24), told to everybody who received it.
//!
//! `raised → accepted → checking → confirmed_error | no_error`; then `corrected → notified → closed`, or `closed`. The
//! path is a table, below.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Actor, History, Needed, Occasion, Operation, Refused, given};
use crate::deadline::{Clock, Measured};
use crate::ids::{ItemCode, PartyKey, RecordId, ResourceCode};

/// Where a doubt stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Raised by a consumer.
    Raised,
    /// Received by the provider.
    Accepted,
    /// Being checked.
    Checking,
    /// The record is wrong.
    ConfirmedError,
    /// The record is right.
    NoError,
    /// The provider has corrected it.
    Corrected,
    /// Everybody concerned has been told.
    Notified,
    /// Over.
    Closed,
}

impl Standing {
    /// All.
    pub const ALL: [Self; 8] = [
        Self::Raised,
        Self::Accepted,
        Self::Checking,
        Self::ConfirmedError,
        Self::NoError,
        Self::Corrected,
        Self::Notified,
        Self::Closed,
    ];

    /// Stable word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Raised => "raised",
            Self::Accepted => "accepted",
            Self::Checking => "checking",
            Self::ConfirmedError => "confirmed_error",
            Self::NoError => "no_error",
            Self::Corrected => "corrected",
            Self::Notified => "notified",
            Self::Closed => "closed",
        }
    }
}

/// A step of a doubt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The provider receives it.
    Accept,
    /// The provider begins to check.
    Check,
    /// The provider finds the record wrong.
    ConfirmError,
    /// The provider finds the record right, and says why.
    DenyError {
        /// Why.
        reason: String,
    },
    /// The provider has corrected the record in its system.
    Correct,
    /// These parties were told, as the ledger's subject tags name them.
    Notify {
        /// Everybody told.
        told: BTreeSet<PartyKey>,
    },
    /// The raiser has seen the answer.
    Close,
}

/// Where each step begins and ends.
const fn path(step: &Step) -> (&'static [Standing], Standing) {
    match step {
        Step::Accept => (&[Standing::Raised], Standing::Accepted),
        Step::Check => (&[Standing::Raised, Standing::Accepted], Standing::Checking),
        Step::ConfirmError => (&[Standing::Checking], Standing::ConfirmedError),
        Step::DenyError { .. } => (&[Standing::Checking], Standing::NoError),
        Step::Correct => (&[Standing::ConfirmedError], Standing::Corrected),
        Step::Notify { .. } => (&[Standing::Corrected], Standing::Notified),
        Step::Close => (&[Standing::Notified, Standing::NoError], Standing::Closed),
    }
}

/// What is doubted. No value of a record stands here: the provider looks it up by the access record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Doubt {
    /// The resource.
    pub resource: ResourceCode,
    /// Its provider.
    pub provider: PartyKey,
    /// Items that look wrong.
    pub items: BTreeSet<ItemCode>,
    /// Request id of the access by which the record was seen (D24-2).
    pub request_id: String,
    /// What looks wrong, in words without anybody's data.
    pub grounds: String,
}

/// A doubt with its ticket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Correction {
    id: RecordId,
    doubt: Doubt,
    raised_by: PartyKey,
    standing: Standing,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    told: BTreeSet<PartyKey>,
    clock: Clock,
    history: History,
}

impl Correction {
    /// Raises a doubt for the actor's party; whether the party saw that record is for the caller to have checked.
    ///
    /// # Errors
    /// When the actor may not, or says neither which items nor why.
    pub fn raise(actor: &Actor, id: RecordId, doubt: Doubt, occasion: &Occasion<'_>) -> Result<Self, Refused> {
        actor.may(Operation::CorrectionRaise, &actor.party)?;
        if doubt.items.is_empty() {
            return Err(Refused::Missing(Needed::Scope));
        }
        let grounds = given(&doubt.grounds, Needed::Grounds)?;
        let profile = occasion.newest_profile()?;
        let mut history = History::default();
        history.add(Operation::CorrectionRaise, actor, occasion.now_s)?;
        Ok(Self {
            id,
            doubt: Doubt { grounds, ..doubt },
            raised_by: actor.party.clone(),
            standing: Standing::Raised,
            reason: None,
            told: BTreeSet::new(),
            clock: Clock::start(profile, Measured::Correction, occasion.today(), occasion.calendar)?,
            history,
        })
    }

    /// Id.
    pub fn id(&self) -> &RecordId {
        &self.id
    }

    /// What is doubted.
    pub fn doubt(&self) -> &Doubt {
        &self.doubt
    }

    /// Who raised it.
    pub fn raised_by(&self) -> &PartyKey {
        &self.raised_by
    }

    /// Where it stands.
    pub fn standing(&self) -> Standing {
        self.standing
    }

    /// Why the record was found right.
    pub fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    /// Who was told of the correction.
    pub fn told(&self) -> &BTreeSet<PartyKey> {
        &self.told
    }

    /// The clock of the check.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Takes a step.
    ///
    /// # Errors
    /// When the actor may not, it does not stand where the step begins, "no error" has no reason, or the raiser is not
    /// among those told.
    pub fn step(&self, actor: &Actor, step: Step, occasion: &Occasion<'_>) -> Result<Self, Refused> {
        let (operation, side) = match step {
            Step::Close => (Operation::CorrectionRaise, &self.raised_by),
            _ => (Operation::CorrectionCheck, &self.doubt.provider),
        };
        actor.may(operation, side)?;
        let (from, to) = path(&step);
        if !from.contains(&self.standing) {
            return Err(Refused::State { operation, state: self.standing.as_str() });
        }
        let mut next = self.clone();
        match step {
            Step::DenyError { reason } => next.reason = Some(given(&reason, Needed::Reason)?),
            Step::Notify { told } if told.contains(&self.raised_by) => next.told = told,
            Step::Notify { .. } => return Err(Refused::Missing(Needed::Told)),
            Step::Accept | Step::Check | Step::ConfirmError | Step::Correct | Step::Close => {}
        }
        next.history.add(operation, actor, occasion.now_s)?;
        next.standing = to;
        Ok(next)
    }
}
