//! The one way out (law 4): bodies towards a consumer are made here and nowhere else.
//!
//! Making one takes the durable record of the access by value, so nothing can be given out that was
//! not recorded first (law 1), and the permit, so nothing beyond the granted items can be read from
//! a provider's answer. What cannot be parsed and checked is refused, never passed.

mod flow;
mod matching;
mod records;
mod verdicts;
mod written;

pub(crate) use flow::{Flow, Unprojected};
pub(crate) use matching::KeyMatch;
pub(crate) use records::{Page, project};
pub(crate) use verdicts::{Judged, body as verdict_body, judge};

use bytes::Bytes;
use sluice_contract::BadAnswer;
use sluice_domain::moment;
use sluice_ledger::Durable;

/// The durable record of an access: proof that it may be answered.
///
/// Made only by awaiting the ledger in [`crate::record`]; every body consumes one.
pub(crate) struct Opened(Durable);

impl Opened {
    pub(crate) fn new(durable: Durable) -> Self {
        Self(durable)
    }

    /// Index and leaf hash, for the receipt.
    pub(crate) fn durable(&self) -> &Durable {
        &self.0
    }
}

/// What may leave.
pub(crate) enum Disclosed {
    /// All of it.
    Whole(Bytes),
    /// Piece by piece.
    Flow(Flow),
}

/// Spends the record on a body made by [`project`], [`verdict_body`] or [`Unprojected`]; the record is given back for
/// the receipt only.
pub(crate) fn disclose(opened: Opened, body: Body) -> (Opened, Disclosed) {
    (opened, body.0)
}

/// A body that may leave once its access is recorded; only the modules of this folder make one.
pub(crate) struct Body(Disclosed);

impl Body {
    fn new(json: String) -> Self {
        Self(Disclosed::Whole(Bytes::from(json)))
    }
}

/// The date of the data as the provider tells it, in our own words: digits that are no date could be anyone's id.
fn date_of_data(text: &str) -> Result<String, BadAnswer> {
    moment::rfc3339(text).ok_or(BadAnswer::AsOf)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_date_passes_as_the_date_of_the_data() {
        for (text, expected) in [
            ("2026-11-22", Ok("2026-11-22T00:00:00+08:00")),
            ("20261122", Ok("2026-11-22T00:00:00+08:00")),
            ("2026-11-22T09:00:00+08:00", Ok("2026-11-22T09:00:00+08:00")),
            ("2026-11-22T01:00:00Z", Ok("2026-11-22T09:00:00+08:00")),
            ("2026/11/22 09:00:00", Ok("2026-11-22T09:00:00+08:00")),
            ("430689199006070023", Err(BadAnswer::AsOf)),
            ("13800138000", Err(BadAnswer::AsOf)),
            ("", Err(BadAnswer::AsOf)),
        ] {
            assert_eq!(date_of_data(text).as_deref(), expected.as_ref().map(|text| *text), "{text}");
        }
    }
}
