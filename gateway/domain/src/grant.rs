//! Grants: what a provider has allowed one party to do with one conditional resource (D21-4).

use serde::{Deserialize, Serialize};

use crate::catalogue::{Level, Modes};
use crate::day::Day;
use crate::ids::GrantId;
use crate::items::ItemSet;
use crate::operation::OperationSet;
use crate::policy::{PartyIx, PurposeIx, ResourceIx};

/// Standing of a grant, apart from its dates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GrantState {
    /// In force between its dates.
    Active,
    /// Paused by the provider or an authority: `grant.suspended`.
    Suspended,
    /// Taken back for good: `grant.revoked`.
    Revoked,
    /// Ended: `grant.expired`.
    Expired,
}

/// Technical limits of a grant; the narrower of grant and share condition wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Calls in a second: a bucket of this size, refilled evenly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_second: Option<u32>,
    /// Calls in a day of Asia/Shanghai.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_day: Option<u32>,
    /// Records in one answer and in its whole chain of cursors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows_per_call: Option<u32>,
}

impl Limits {
    /// The narrower of both, limit by limit.
    #[must_use]
    pub fn narrowed(self, other: Self) -> Self {
        fn least(a: Option<u32>, b: Option<u32>) -> Option<u32> {
            match (a, b) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (some, none) => some.or(none),
            }
        }
        Self {
            per_second: least(self.per_second, other.per_second),
            per_day: least(self.per_day, other.per_day),
            rows_per_call: least(self.rows_per_call, other.rows_per_call),
        }
    }
}

/// A grant as the snapshot holds it: already narrowed by the resource's share condition, with the
/// items to show in clear worked out, so that a call compares sets and dates only.
#[derive(Debug, Clone)]
pub struct Grant {
    /// Id; grants are tried in this order.
    pub id: GrantId,
    /// The party that was granted.
    pub party: PartyIx,
    /// The resource.
    pub resource: ResourceIx,
    /// Modes granted and not excluded by the share condition.
    pub modes: Modes,
    /// Operations that the mode `call` names.
    pub operations: OperationSet,
    /// Items granted.
    pub fields: ItemSet,
    /// Granted items shown in clear; the rest of `fields` is masked.
    pub clear: ItemSet,
    /// Highest level that is clear without being named.
    pub clear_level: Level,
    /// The law that the grant rests on, as its decision words it; stands in records of what is called by it.
    pub legal_basis: Option<String>,
    /// Purposes granted and not excluded by the share condition, ascending.
    pub purposes: Vec<PurposeIx>,
    /// Standing.
    pub state: GrantState,
    /// First day of validity.
    pub valid_from: Day,
    /// Last day of validity.
    pub valid_until: Day,
    /// Narrowed limits.
    pub limits: Limits,
    /// Whether the share condition lets this party have the resource at all.
    pub party_allowed: bool,
}
