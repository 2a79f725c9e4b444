//! The workflows of the control plane as pure state machines: catalogue entries, applications, disagreements, grants,
//! share types, corrections (D08, D21, D24), and who may take which step.
//!
//! A step takes the record as it is, the person who acts and the [`Occasion`], and gives the record as it will be, or
//! the rule that forbids it; the record given is never half changed. What may reach the data plane is a value:
//! a grant is made only from a [`Warrant`], and a warrant only by the last of the decisions that the regulation asks for.

use serde::{Deserialize, Serialize};

use crate::day::Day;
use crate::deadline::{ClockError, Profile, ProfileRef, Profiles};
use crate::ids::{PartyKey, UserId};
use crate::working_days::{BeyondCalendar, Calendar};

pub mod application;
pub mod correction;
pub mod dispute;
pub mod entry;
pub mod exception;
pub mod grant;
pub mod not_shared;
pub mod operations;
pub mod roles;
pub mod scope;

pub use application::{Application, Approval, Request};
pub use correction::Correction;
pub use dispute::{Dispute, Outcome, Verdict};
pub use entry::Entry;
pub use exception::Exception;
pub use grant::{IssuedGrant, Warrant};
pub use not_shared::{NotSharedRequest, ShareTypeOrder};
pub use operations::{Actor, Effect, Operation, Reach};
pub use roles::{Role, Roles};
pub use scope::{Narrowing, Offer, Scope};

/// How far clocks of several gateways may differ before a step counts as taken before the one it follows, in seconds.
const SKEW_S: i64 = 300;

/// When and under which rules a step is taken.
#[derive(Debug, Clone, Copy)]
pub struct Occasion<'a> {
    /// Seconds since 1970-01-01T00:00:00Z.
    pub now_s: i64,
    /// The working days as loaded.
    pub calendar: &'a Calendar,
    /// The deadline profiles as loaded.
    pub profiles: &'a Profiles,
    /// Id of the profile under which new matters are submitted.
    pub profile: &'a str,
}

impl<'a> Occasion<'a> {
    /// The day in Asia/Shanghai.
    pub fn today(&self) -> Day {
        Day::at(self.now_s)
    }

    fn newest_profile(&self) -> Result<&'a Profile, Refused> {
        let unknown = || Refused::Profile(ProfileRef { id: self.profile.to_owned(), version: 0 });
        self.profiles.newest(self.profile).ok_or_else(unknown)
    }

    fn kept_profile(&self, key: &ProfileRef) -> Result<&'a Profile, Refused> {
        self.profiles.find(key).ok_or_else(|| Refused::Profile(key.clone()))
    }
}

/// One step that was taken: the story of a record, as forms print it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// What was done.
    pub operation: Operation,
    /// By whom.
    pub user: UserId,
    /// For which party.
    pub party: PartyKey,
    /// When, in seconds since 1970-01-01T00:00:00Z.
    pub at_s: i64,
}

/// The steps of a record, oldest first. It only grows.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct History(Vec<Event>);

impl History {
    /// The steps, oldest first.
    pub fn events(&self) -> &[Event] {
        &self.0
    }

    fn add(&mut self, operation: Operation, actor: &Actor, now_s: i64) -> Result<Event, Refused> {
        let latest = self.0.last().map_or(now_s, |event| event.at_s);
        if now_s < latest.saturating_sub(SKEW_S) {
            return Err(Refused::ClockBehind { latest_s: latest });
        }
        let at_s = now_s.max(latest);
        let event = Event { operation, user: actor.user.clone(), party: actor.party.clone(), at_s };
        self.0.push(event.clone());
        Ok(event)
    }
}

/// Something a step cannot do without.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Needed {
    /// Why: of a rejection, a return, a suspension (D21-5).
    Reason,
    /// Why one disagrees (X04).
    Grounds,
    /// The provision it rests on (D17-4, D21-2).
    LegalBasis,
    /// The number of the official document (X04, X05).
    DocumentNo,
    /// The number of the personal-information impact assessment (X01, 个人信息保护法 article 55).
    ImpactAssessment,
    /// A view.
    Opinion,
    /// The things a supplement asks for (X07).
    Supplements,
    /// At least one mode, item and purpose.
    Scope,
    /// One of the eleven elements of a catalogue entry (D08-2).
    Element(&'static str),
    /// The authority's confirmation that a base-class resource is not unconditional (D17-2).
    Confirmation,
    /// The authority's order to change a not-shared resource's share type (D21-8).
    Order,
    /// Everybody who has to be told (D24-3).
    Told,
}

/// The rule that forbids a step.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// No role of the person may do this.
    #[error("no role of this account may do {}", operation.as_str())]
    Role {
        /// What was tried.
        operation: Operation,
    },
    /// Another party's record; to the caller it does not exist.
    #[error("the record belongs to another party")]
    OtherParty,
    /// The record does not stand where this step begins.
    #[error("{} cannot be done while it is {state}", operation.as_str())]
    State {
        /// What was tried.
        operation: Operation,
        /// Where it stands.
        state: &'static str,
    },
    /// Something is not given.
    #[error("something is missing: {0:?}")]
    Missing(Needed),
    /// More than was asked for, offered or ordered.
    #[error("{0} goes further than it may")]
    Wider(&'static str),
    /// Two steps that two people must take.
    #[error("this step needs another person than the ones before")]
    SamePerson,
    /// Two steps that two parties must take (D21-8).
    #[error("this step needs another party than the one before")]
    SameParty,
    /// The share type asks for another way: selection, application or a request to the authority (D21).
    #[error("the resource is {0}")]
    ShareType(&'static str),
    /// What is secret does not belong here (D03-1).
    #[error("secret data does not belong on this exchange")]
    Secret,
    /// The clock was set back: the step would come before the one it follows.
    #[error("the clock stands before the last step of the record")]
    ClockBehind {
        /// When that step was taken, in seconds since 1970-01-01T00:00:00Z.
        latest_s: i64,
    },
    /// A deadline profile that is not loaded.
    #[error("the deadline profile {} is not loaded", .0.id)]
    Profile(ProfileRef),
    /// The deadline cannot be reckoned or moved so.
    #[error(transparent)]
    Clock(#[from] ClockError),
}

impl From<BeyondCalendar> for Refused {
    fn from(beyond: BeyondCalendar) -> Self {
        Self::Clock(beyond.into())
    }
}

impl Refused {
    /// Stable last part of a problem's code; the noun of the record comes before it (`application.reason_missing`).
    pub fn code(&self) -> &'static str {
        match self {
            Self::Role { .. } => "role",
            Self::OtherParty => "not_found",
            Self::State { .. } => "state",
            Self::Missing(needed) => match needed {
                Needed::Reason => "reason_missing",
                Needed::Grounds => "grounds_missing",
                Needed::LegalBasis => "legal_basis_missing",
                Needed::DocumentNo => "document_no_missing",
                Needed::ImpactAssessment => "impact_assessment_missing",
                Needed::Opinion => "opinion_missing",
                Needed::Supplements => "supplements_missing",
                Needed::Scope => "scope_missing",
                Needed::Element(_) => "element_missing",
                Needed::Confirmation => "confirmation_missing",
                Needed::Order => "order_missing",
                Needed::Told => "told_missing",
            },
            Self::Wider(_) => "wider",
            Self::SamePerson => "same_person",
            Self::SameParty => "same_party",
            Self::ShareType(_) => "share_type",
            Self::Secret => "secret",
            Self::ClockBehind { .. } => "clock_behind",
            Self::Profile(_) => "profile_unknown",
            Self::Clock(_) => "deadline",
        }
    }
}

/// A text that says something.
fn given(text: &str, needed: Needed) -> Result<String, Refused> {
    let text = text.trim();
    if text.is_empty() { Err(Refused::Missing(needed)) } else { Ok(text.to_owned()) }
}
