//! `[limits]`: how much a caller may ask for where neither grant nor share condition says so.

use serde::Deserialize;
use sluice_domain::Limits;

use crate::document::Document;
use crate::fault::Fault;
use crate::settings::numbers::{Bound, bounded, count32};

/// Limits of calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallLimits {
    /// Where a grant and its share condition set none: `per_second`, `per_day`, `rows_per_call`;
    /// each absent by default, then unlimited apart from `rows_max`.
    pub defaults: Limits,
    /// Refusals recorded one by one per system and second, then summarised (`limit.refusals`).
    /// Default 200: an honest client never comes near, a scanning one cannot fill the ledger.
    pub refusals_per_second: u32,
    /// Most records of one answer whatever a grant says. Default 1000.
    pub rows_max: u32,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawCallLimits {
    per_second: Option<u64>,
    per_day: Option<u64>,
    rows_per_call: Option<u64>,
    refusals_per_second: Option<u64>,
    rows_max: Option<u64>,
}

const REFUSALS_PER_SECOND: Bound = Bound { default: 200, least: 1, most: 100_000 };
const ROWS_MAX: Bound = Bound { default: 1_000, least: 1, most: 100_000 };
/// A limit of zero would forbid what every grant allows.
const LIMIT: Bound = Bound { default: 1, least: 1, most: 1_000_000_000 };

impl CallLimits {
    pub(crate) fn read(raw: &RawCallLimits, document: &Document<'_>, faults: &mut Vec<Fault>) -> Self {
        let defaults = Limits {
            per_second: limit(raw.per_second, "limits.per_second", document, faults),
            per_day: limit(raw.per_day, "limits.per_day", document, faults),
            rows_per_call: limit(raw.rows_per_call, "limits.rows_per_call", document, faults),
        };
        let refusals =
            bounded(raw.refusals_per_second, &REFUSALS_PER_SECOND, "limits.refusals_per_second", document, faults);
        let rows_max = bounded(raw.rows_max, &ROWS_MAX, "limits.rows_max", document, faults);
        Self { defaults, refusals_per_second: count32(refusals), rows_max: count32(rows_max) }
    }
}

fn limit(given: Option<u64>, path: &str, document: &Document<'_>, faults: &mut Vec<Fault>) -> Option<u32> {
    let value = given?;
    if !LIMIT.holds(value) {
        faults.push(document.fault(path, LIMIT.refusal(value, path), Some(String::from("leave it out for no limit"))));
    }
    Some(count32(value))
}
