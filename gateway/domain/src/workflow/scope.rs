//! What a grant covers: asked for, narrowed by whoever approves, and never more than the resource offers.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Needed, Refused};
use crate::catalogue::{Level, Mode, ShareType};
use crate::day::Day;
use crate::grant::Limits;
use crate::ids::{ItemCode, OperationId, PartyKey, PurposeCode, ResourceCode};

/// What is asked for, approved or granted of one resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scope {
    /// Modes of use (D20).
    pub modes: BTreeSet<Mode>,
    /// Operations of the mode `call`.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub operations: BTreeSet<OperationId>,
    /// Items.
    pub fields: BTreeSet<ItemCode>,
    /// Highest level that is clear without being named; L3 at most. Default L2.
    #[serde(default = "default_clear_level")]
    pub clear_level: Level,
    /// Items shown in clear by name (X01).
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub clear_fields: BTreeSet<ItemCode>,
    /// Purposes.
    pub purposes: BTreeSet<PurposeCode>,
    /// First day of validity.
    pub valid_from: Day,
    /// Last day of validity.
    pub valid_until: Day,
    /// Technical limits.
    #[serde(default)]
    pub limits: Limits,
}

/// How an approval narrows what was asked for; what it does not name stays as asked.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Narrowing {
    /// Items that remain.
    pub fields: Option<BTreeSet<ItemCode>>,
    /// Items that remain clear by name.
    pub clear_fields: Option<BTreeSet<ItemCode>>,
    /// Purposes that remain.
    pub purposes: Option<BTreeSet<PurposeCode>>,
    /// An earlier last day.
    pub valid_until: Option<Day>,
    /// Limits, of which the narrower count.
    pub limits: Limits,
}

/// What a published entry offers, as a step needs it. It is read anew at every step: an item may have become more
/// sensitive since it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// Catalogue code.
    pub resource: ResourceCode,
    /// Version of the entry.
    pub version: u32,
    /// Who provides it.
    pub provider: PartyKey,
    /// Share type.
    pub share_type: ShareType,
    /// Modes offered.
    pub modes: BTreeSet<Mode>,
    /// Operations offered.
    pub operations: BTreeSet<OperationId>,
    /// Items and their levels.
    pub items: BTreeMap<ItemCode, Level>,
    /// Conditions of a conditional resource.
    pub condition: Condition,
}

/// The share condition of an entry, by codes (D17-3).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Condition {
    /// Purposes it may be granted for; `None` is any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub purposes: Option<BTreeSet<PurposeCode>>,
    /// Parties it may be granted to; `None` is any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parties: Option<BTreeSet<PartyKey>>,
    /// Whether only verification may be granted.
    pub verify_only: bool,
    /// Whether the subject's citizen id is mandatory in the key.
    pub by_subject: bool,
    /// Limits that no grant exceeds.
    pub limits: Limits,
}

/// What the pre-check of an application found against the share condition (X08). A hint to the reviewer: the data plane
/// narrows by the condition anyway.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "finding", rename_all = "snake_case")]
pub enum Finding {
    /// The condition names other parties.
    Party,
    /// The condition names other purposes.
    Purpose {
        /// Those asked for beyond it.
        purposes: Vec<PurposeCode>,
    },
    /// Only verification may be granted.
    VerifyOnly,
    /// Items of level L4 in clear: a second approver will be asked (X01).
    SecondApprover {
        /// The items.
        items: Vec<ItemCode>,
    },
    /// More than the condition's limits, or no limit where it has one.
    Limits,
}

fn default_clear_level() -> Level {
    Level::L2
}

impl Scope {
    /// Holds the scope against what is offered.
    ///
    /// # Errors
    /// When nothing is asked for, or something that is not offered, or a clear level of L4, or days that end before
    /// they begin.
    pub fn check(&self, offer: &Offer) -> Result<(), Refused> {
        if self.modes.is_empty() || self.fields.is_empty() || self.purposes.is_empty() {
            return Err(Refused::Missing(Needed::Scope));
        }
        for (holds, what) in [
            (self.modes.is_subset(&offer.modes), "modes"),
            (self.operations.is_subset(&offer.operations), "operations"),
            (self.fields.iter().all(|item| offer.items.contains_key(item)), "fields"),
            (self.clear_fields.is_subset(&self.fields), "clear_fields"),
            (self.clear_level < Level::L4, "clear_level"),
            (self.valid_from <= self.valid_until, "valid_until"),
        ] {
            if !holds {
                return Err(Refused::Wider(what));
            }
        }
        Ok(())
    }

    /// The scope that an approval leaves.
    ///
    /// # Errors
    /// When it would widen anything, or leave no item or purpose.
    pub fn narrowed(&self, narrowing: &Narrowing) -> Result<Self, Refused> {
        let fields = subset(&self.fields, narrowing.fields.as_ref(), "fields")?;
        let clear = subset(&self.clear_fields, narrowing.clear_fields.as_ref(), "clear_fields")?;
        let valid_until = narrowing.valid_until.unwrap_or(self.valid_until);
        if valid_until > self.valid_until || valid_until < self.valid_from {
            return Err(Refused::Wider("valid_until"));
        }
        let narrowed = Self {
            clear_fields: clear.intersection(&fields).cloned().collect(),
            purposes: subset(&self.purposes, narrowing.purposes.as_ref(), "purposes")?,
            limits: self.limits.narrowed(narrowing.limits),
            fields,
            valid_until,
            ..self.clone()
        };
        if narrowed.fields.is_empty() || narrowed.purposes.is_empty() {
            return Err(Refused::Missing(Needed::Scope));
        }
        Ok(narrowed)
    }

    /// Whether it covers nothing that the other does not.
    pub fn is_within(&self, other: &Self) -> bool {
        self.modes.is_subset(&other.modes)
            && self.operations.is_subset(&other.operations)
            && self.fields.is_subset(&other.fields)
            && self.clear_level <= other.clear_level
            && self.clear_fields.is_subset(&other.clear_fields)
            && self.purposes.is_subset(&other.purposes)
            && self.valid_from >= other.valid_from
            && self.valid_until <= other.valid_until
            && self.limits.narrowed(other.limits) == self.limits
    }

    /// Items of level L4 that it would show in clear, which needs a second approver (X01). An item that is no longer
    /// offered counts as one: nobody knows its level.
    pub fn sensitive(&self, offer: &Offer) -> Vec<ItemCode> {
        let is_sensitive = |item: &&ItemCode| offer.items.get(*item).is_none_or(|level| *level == Level::L4);
        self.clear_fields.iter().filter(is_sensitive).cloned().collect()
    }
}

impl Offer {
    /// What a reviewer should know before deciding (X08).
    pub fn precheck(&self, scope: &Scope, consumer: &PartyKey) -> Vec<Finding> {
        let mut findings = Vec::new();
        if self.condition.parties.as_ref().is_some_and(|parties| !parties.contains(consumer)) {
            findings.push(Finding::Party);
        }
        if let Some(allowed) = &self.condition.purposes {
            let purposes: Vec<_> = scope.purposes.difference(allowed).cloned().collect();
            if !purposes.is_empty() {
                findings.push(Finding::Purpose { purposes });
            }
        }
        if self.condition.verify_only && scope.modes.iter().any(|mode| *mode != Mode::Verify) {
            findings.push(Finding::VerifyOnly);
        }
        let items = scope.sensitive(self);
        if !items.is_empty() {
            findings.push(Finding::SecondApprover { items });
        }
        if scope.limits.narrowed(self.condition.limits) != scope.limits {
            findings.push(Finding::Limits);
        }
        findings
    }
}

fn subset<T: Ord + Clone>(
    asked: &BTreeSet<T>,
    left: Option<&BTreeSet<T>>,
    what: &'static str,
) -> Result<BTreeSet<T>, Refused> {
    match left {
        None => Ok(asked.clone()),
        Some(left) if left.is_subset(asked) => Ok(left.clone()),
        Some(_) => Err(Refused::Wider(what)),
    }
}
