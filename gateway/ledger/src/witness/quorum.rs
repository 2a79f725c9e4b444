//! Whose cosignatures make a checkpoint good.

use crate::note::{Note, NoteError};
use crate::witness::cosignature::WitnessKey;

/// Witnesses, and which of them together are enough. A witness counts in one way only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quorum {
    keys: Vec<WitnessKey>,
    rule: Rule,
}

/// What has to hold of the witnesses, by their place in the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Rule {
    /// This one cosigned.
    Witness(usize),
    /// So many of these hold.
    Group { needed: usize, members: Vec<Rule> },
}

impl Rule {
    fn holds(&self, cosigned: &[bool]) -> bool {
        match self {
            Self::Witness(at) => cosigned.get(*at).copied().unwrap_or(false),
            Self::Group { needed, members } => members.iter().filter(|rule| rule.holds(cosigned)).count() >= *needed,
        }
    }
}

impl Quorum {
    /// So many of these witnesses; `None` unless that is between one and all of them, each with a key of its own.
    pub fn of(keys: Vec<WitnessKey>, needed: usize) -> Option<Self> {
        let is_right = (1..=keys.len()).contains(&needed) && !has_twice(&keys);
        let members = (0..keys.len()).map(Rule::Witness).collect();
        is_right.then_some(Self { keys, rule: Rule::Group { needed, members } })
    }

    pub(super) fn by(keys: Vec<WitnessKey>, rule: Rule) -> Self {
        Self { keys, rule }
    }

    /// All witnesses that can count.
    pub fn keys(&self) -> &[WitnessKey] {
        &self.keys
    }

    /// Names of the witnesses whose cosignature of this checkpoint holds, if they are enough. A line in a
    /// witness's name that does not hold counts as none.
    ///
    /// # Errors
    /// `Unsigned` if they are not enough; `Malformed`.
    pub fn check(&self, note: &str) -> Result<Vec<&str>, NoteError> {
        let note = Note::parse(note)?;
        let cosigned: Vec<bool> = self.keys.iter().map(|key| key.time_of(&note).is_ok()).collect();
        if !self.rule.holds(&cosigned) {
            return Err(NoteError::Unsigned);
        }
        Ok(self.keys.iter().zip(cosigned).filter(|(_, held)| *held).map(|(key, _)| key.name()).collect())
    }
}

/// Whether two of the keys are one, whatever their names: its word would count twice.
pub(super) fn has_twice(keys: &[WitnessKey]) -> bool {
    keys.iter().enumerate().any(|(at, key)| keys.iter().take(at).any(|before| before.public() == key.public()))
}
