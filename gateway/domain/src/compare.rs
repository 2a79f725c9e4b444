//! Does a claim agree with what a provider stored? The answer is one word; the stored value never
//! leaves this module.

use std::fmt;

use crate::catalogue::{ItemType, Semantic};
use crate::decimal::Decimal;
use crate::folding::fold;
use crate::moment::Moment;

/// Outcome of one claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// The stored value agrees.
    Match,
    /// The stored value differs.
    Mismatch,
    /// The stored value is missing or cannot be read.
    Indeterminate,
}

impl Verdict {
    /// Stable word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Match => "match",
            Self::Mismatch => "mismatch",
            Self::Indeterminate => "indeterminate",
        }
    }
}

/// A claimed value, normalised once and compared with as many records as the provider finds.
pub struct Claim(Form);

/// `None` inside: what was claimed is no number or no date, so that nothing stored can agree.
enum Form {
    Number(Option<Decimal>),
    /// Only the day counts.
    Day(Option<Moment>),
    /// Day and, where both sides have one, time.
    Time(Option<Moment>),
    Text {
        of_name: bool,
        text: String,
    },
}

impl fmt::Debug for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Claim(redacted)")
    }
}

impl Claim {
    /// Normalises a claimed value for an item of this type and meaning.
    pub fn new(kind: ItemType, semantic: Option<Semantic>, claimed: &str) -> Self {
        let form = if kind.is_number() || semantic == Some(Semantic::Money) {
            Form::Number(Decimal::parse(claimed))
        } else if kind == ItemType::T {
            Form::Time(Moment::parse(claimed))
        } else if kind == ItemType::D || semantic == Some(Semantic::BirthDate) {
            Form::Day(Moment::parse(claimed))
        } else {
            let of_name = semantic == Some(Semantic::PersonName);
            Form::Text { of_name, text: comparable(claimed, of_name) }
        };
        Self(form)
    }

    /// Compares with a stored value: decoded text or the digits of a number; `None` for null or absent.
    pub fn against(&self, stored: Option<&str>) -> Verdict {
        let Some(stored) = stored else { return Verdict::Indeterminate };
        match &self.0 {
            Form::Number(claimed) => judge(claimed.as_ref(), Decimal::parse(stored).as_ref(), |a, b| Some(a == b)),
            Form::Day(claimed) => {
                judge(claimed.as_ref(), Moment::parse(stored).as_ref(), |a, b| Some(a.date == b.date))
            }
            Form::Time(claimed) => judge(claimed.as_ref(), Moment::parse(stored).as_ref(), same_time),
            // Most records hold the very text, which folding would not change.
            Form::Text { text, .. } if !text.is_empty() && stored == text => Verdict::Match,
            Form::Text { of_name, text } => {
                let stored = comparable(stored, *of_name);
                judge(Some(text), Some(&stored).filter(|stored| !stored.is_empty()), |a, b| Some(a == b))
            }
        }
    }
}

fn judge<T>(claimed: Option<&T>, stored: Option<&T>, same: impl Fn(&T, &T) -> Option<bool>) -> Verdict {
    let Some(stored) = stored else { return Verdict::Indeterminate };
    match claimed.map_or(Some(false), |claimed| same(claimed, stored)) {
        Some(true) => Verdict::Match,
        Some(false) => Verdict::Mismatch,
        None => Verdict::Indeterminate,
    }
}

/// A claim without a time of day asks about the day; a stored day cannot tell about a time.
fn same_time(claimed: &Moment, stored: &Moment) -> Option<bool> {
    match (claimed.time, stored.time) {
        _ if claimed.date != stored.date => Some(false),
        (None, _) => Some(true),
        (Some(_), None) => None,
        (Some(claimed), Some(stored)) => Some(claimed == stored),
    }
}

/// NFKC, no white space, one middle dot, `X` for `x`.
fn comparable(text: &str, of_name: bool) -> String {
    // Keys and codes: one pass over bytes, no tables.
    if text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return text.replace('x', "X");
    }
    let one_form = |c| match c {
        'x' => 'X',
        '•' | '‧' | '・' | '⋅' | '∙' => '·',
        // In names a full stop is a middle dot that a keyboard lacked.
        '.' if of_name => '·',
        c => c,
    };
    fold(text).chars().map(one_form).collect()
}

/// The word for a whole comparison: `not_found`, else `mismatch` if any claim is, else `indeterminate`
/// if any is, else `match`.
pub fn overall(found: bool, verdicts: &[Verdict]) -> &'static str {
    if !found {
        "not_found"
    } else if verdicts.contains(&Verdict::Mismatch) {
        Verdict::Mismatch.as_str()
    } else if verdicts.contains(&Verdict::Indeterminate) {
        Verdict::Indeterminate.as_str()
    } else {
        Verdict::Match.as_str()
    }
}

#[cfg(test)]
mod tests;
