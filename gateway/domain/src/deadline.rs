//! Deadlines: how long each step may take under which regulation, and the clock of one matter.
//!
//! A *profile* is a versioned set of terms, loaded as data: only some of its numbers stand in the published text, and
//! each says so ([`Standing`]). A matter keeps the profile it was submitted under. Nothing here grants anything:
//! what is overdue is told to people (D21-3, D06-3).

use serde::{Deserialize, Serialize};

use crate::day::Day;

mod clock;
#[cfg(test)]
mod tests;

pub use clock::{Clock, ClockError, Escalation, Progress};

/// The profiles this program was made with: `linxiang-2023` and `gwy-809-2025`.
pub const BUNDLED: &str = include_str!("../data/deadlines.json");

const SCHEMA: &str = "sluice-deadlines/1";

/// Where a number comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It stands in the published text.
    Text,
    /// It is said to stand in the text, and nobody has checked.
    Unverified,
    /// The text gives none ("及时"): the city's own choice.
    Site,
}

/// How long one step may take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Term {
    /// Working days, the day of receipt not counted.
    pub workdays: u16,
    /// The provision it rests on.
    pub basis: String,
    /// Where the number comes from.
    pub standing: Standing,
}

/// The steps that a profile may set a term for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Terms {
    /// An unconditional resource is selected (D21-1); no working days is at once.
    pub selection: Term,
    /// The provider reviews an application (D21-3).
    pub review: Term,
    /// By how much a review may be extended with the authority's consent; none where it may not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extension: Option<Term>,
    /// Until when a supplement must have been asked for to stop the clock; up to the due day where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supplement_notice: Option<Term>,
    /// Data flows after approval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery: Option<Term>,
    /// The authority decides a disagreement (D21-6).
    pub coordination: Term,
    /// The authority has a request for a not-shared resource argued and decides it (D21-7).
    pub deliberation: Term,
    /// The provider checks a doubt (D24-3).
    pub correction: Term,
}

/// What a clock measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measured {
    /// The review of an application (D21-3).
    Review,
    /// The coordination of a disagreement (D21-6).
    Coordination,
    /// The deliberation on a not-shared resource (D21-7).
    Deliberation,
    /// The check of a doubt (D24-3).
    Correction,
}

/// What a supplement does to the clock of a review.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Supplement {
    /// The whole term begins anew when the file is complete (行政许可法 article 32).
    Restart,
    /// The days that were left begin when the file is complete.
    Pause,
}

/// Which profile in which version.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProfileRef {
    /// Name, such as `linxiang-2023`.
    pub id: String,
    /// Counted from 1; a changed number is a new version.
    pub version: u32,
}

/// A regulation's deadlines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// Name, such as `linxiang-2023`.
    pub id: String,
    /// Counted from 1; a changed number is a new version.
    pub version: u32,
    /// Title of the regulation.
    pub name: String,
    /// Its document number (文号).
    pub document_no: String,
    /// Who interprets it (D36).
    pub owner: String,
    /// First day in force.
    pub in_force_from: Day,
    /// Last day in force, where it says (D37); after it the profile still counts, with a warning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_force_until: Option<Day>,
    /// What a supplement does to the clock.
    pub supplement: Supplement,
    /// Working days before the due day on which the reviewer is reminded.
    pub reminders: Vec<u16>,
    /// Working days after the due day from which the authority is told as well.
    pub authority_after: u16,
    /// The terms.
    pub terms: Terms,
}

/// All profiles that are loaded, old versions included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profiles(Vec<Profile>);

/// What is wrong with a set of profiles.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProfilesError {
    /// Not the JSON form of this schema.
    #[error("not a set of deadline profiles: {0}")]
    Form(String),
    /// One version of a profile given twice, or loaded before with other contents.
    #[error("version {version} of {id} is there already; a change is a new version")]
    Twice {
        /// The profile.
        id: String,
        /// Its version.
        version: u32,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    schema: String,
    profiles: Vec<Profile>,
}

impl Profiles {
    /// Reads the JSON form `sluice-deadlines/1`.
    ///
    /// # Errors
    /// When it is not of that form, or gives one version twice.
    pub fn read(json: &str) -> Result<Self, ProfilesError> {
        let file: File = serde_json::from_str(json).map_err(|fault| ProfilesError::Form(fault.to_string()))?;
        if file.schema != SCHEMA {
            return Err(ProfilesError::Form(format!("the schema is {}, and only {SCHEMA} is read", file.schema)));
        }
        Self(Vec::new()).joined(file.profiles)
    }

    /// These profiles and newer ones.
    ///
    /// # Errors
    /// When a version that is known comes with other contents: applications were submitted under it.
    pub fn updated(self, newer: Self) -> Result<Self, ProfilesError> {
        let fresh = newer.0.into_iter().filter(|profile| !self.0.contains(profile)).collect();
        self.joined(fresh)
    }

    /// The profile of an earlier decision.
    pub fn find(&self, key: &ProfileRef) -> Option<&Profile> {
        self.0.iter().find(|profile| profile.id == key.id && profile.version == key.version)
    }

    /// The newest version of a profile: what is submitted now is submitted under it.
    pub fn newest(&self, id: &str) -> Option<&Profile> {
        self.0.iter().filter(|profile| profile.id == id).max_by_key(|profile| profile.version)
    }

    fn joined(mut self, profiles: Vec<Profile>) -> Result<Self, ProfilesError> {
        for profile in profiles {
            if self.find(&profile.key()).is_some() {
                return Err(ProfilesError::Twice { id: profile.id, version: profile.version });
            }
            self.0.push(profile);
        }
        Ok(self)
    }
}

impl Profile {
    /// What a matter keeps of it.
    pub fn key(&self) -> ProfileRef {
        ProfileRef { id: self.id.clone(), version: self.version }
    }

    /// Whether the regulation's own period is over on this day, so that somebody should renew it (D37).
    pub fn is_lapsed(&self, today: Day) -> bool {
        self.in_force_until.is_some_and(|last| today > last)
    }

    fn term(&self, measured: Measured) -> &Term {
        match measured {
            Measured::Review => &self.terms.review,
            Measured::Coordination => &self.terms.coordination,
            Measured::Deliberation => &self.terms.deliberation,
            Measured::Correction => &self.terms.correction,
        }
    }
}
