//! From the parts of a catalogue to the snapshot: every rule that a catalogue must keep, checked once.

use std::collections::HashSet;
use std::collections::hash_map::Entry;
use std::hash::Hash;

use crate::catalogue::{Level, Mode, Modes, Resource, ShareType};
use crate::day::Day;
use crate::grant::{Grant, GrantState, Limits};
use crate::identifiers;
use crate::ids::{GrantId, PartyKey, ResourceCode, SystemId};
use crate::items::{ITEMS_MAX, ItemSet};
use crate::operation::{self, OperationSet};
use crate::party::{HandlerState, Party, System};
use crate::policy::{GrantIx, Map, PartyIx, Policy, Purpose, PurposeIx, ResourceIx, SystemIx};

/// A grant as administrators decided it, before it is narrowed by the share condition.
#[derive(Debug, Clone)]
pub struct GrantTerms {
    /// Id.
    pub id: GrantId,
    /// Who was granted.
    pub party: PartyIx,
    /// What.
    pub resource: ResourceIx,
    /// In which modes.
    pub modes: Modes,
    /// Which operations, for the mode `call`.
    pub operations: OperationSet,
    /// Which items.
    pub fields: ItemSet,
    /// Highest level shown in clear without being named (L1–L3).
    pub clear_level: Level,
    /// Items named to be shown in clear (X01).
    pub clear_fields: ItemSet,
    /// The law that it rests on.
    pub legal_basis: Option<String>,
    /// For which purposes.
    pub purposes: Vec<PurposeIx>,
    /// Standing.
    pub state: GrantState,
    /// First day.
    pub valid_from: Day,
    /// Last day.
    pub valid_until: Day,
    /// Limits.
    pub limits: Limits,
    /// Whether a second approver and an impact assessment stand behind the L4 items in `clear_fields`.
    pub l4_approved: bool,
}

/// The parts a snapshot is built from.
#[derive(Debug, Default)]
pub struct PolicyParts {
    /// Names this state of the rules; recorded with every access.
    pub revision: String,
    /// Registered parties.
    pub parties: Vec<Party>,
    /// Their systems.
    pub systems: Vec<System>,
    /// The exchange's purposes.
    pub purposes: Vec<Purpose>,
    /// Published catalogue entries.
    pub resources: Vec<Resource>,
    /// Grants.
    pub grants: Vec<GrantTerms>,
    /// Limits where neither grant nor share condition sets one.
    pub default_limits: Limits,
}

/// Parts that do not fit together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// Two things with one id.
    #[error("{kind} {id} is declared twice")]
    Repeated {
        /// What is repeated.
        kind: &'static str,
        /// Its id.
        id: String,
    },
    /// A reference to nothing.
    #[error("{kind} {id} refers to something that does not exist")]
    Dangling {
        /// What refers.
        kind: &'static str,
        /// Its id.
        id: String,
    },
    /// A rule of the catalogue is broken.
    #[error("resource {code}: {rule}")]
    Resource {
        /// Which resource.
        code: ResourceCode,
        /// Which rule.
        rule: &'static str,
    },
    /// A rule of grants is broken.
    #[error("grant {id}: {rule}")]
    Grant {
        /// Which grant.
        id: GrantId,
        /// Which rule.
        rule: &'static str,
    },
    /// A rule of the party register is broken.
    #[error("party {key}: {rule}")]
    Party {
        /// Which party.
        key: PartyKey,
        /// Which rule.
        rule: &'static str,
    },
}

impl Policy {
    /// Compiles the parts.
    ///
    /// # Errors
    /// Every part that breaks a rule, so that an administrator mends them in one go.
    pub fn build(mut parts: PolicyParts) -> Result<Self, Vec<PolicyError>> {
        let mut errors = Vec::new();
        check_parties(&parts, &mut errors);
        parts.resources.iter().for_each(|resource| check_resource(&parts, resource, &mut errors));
        parts.grants.sort_by(|a, b| a.id.cmp(&b.id));
        let grants: Vec<Grant> =
            parts.grants.iter().filter_map(|terms| compile_grant(&parts, terms, &mut errors)).collect();

        let by_fingerprint = unique(
            parts
                .systems
                .iter()
                .zip(0..)
                .flat_map(|(system, at)| system.fingerprints.iter().map(move |print| (*print, SystemIx(at)))),
            |_| ("certificate fingerprint", String::from("(shared by two systems)")),
            &mut errors,
        );
        let by_purpose = unique(
            parts
                .purposes
                .iter()
                .zip(0..)
                .map(|(purpose, at)| (Box::<str>::from(purpose.code.as_str()), PurposeIx(at))),
            |code| ("purpose", code.to_string()),
            &mut errors,
        );
        let by_code = unique(
            parts
                .resources
                .iter()
                .zip(0..)
                .map(|(resource, at)| (Box::<str>::from(resource.code.as_str()), ResourceIx(at))),
            |code| ("resource", code.to_string()),
            &mut errors,
        );
        // Counters live by grant id, so two grants may never share one.
        unique(
            parts.grants.iter().map(|terms| (terms.id.clone(), ())),
            |id: &GrantId| ("grant", id.to_string()),
            &mut errors,
        );
        let handlers = parts.parties.iter().map(|party| handlers_of(party, &mut errors)).collect();
        let mut by_party_resource: Map<_, Vec<GrantIx>> = Map::default();
        for (grant, at) in grants.iter().zip(0..) {
            by_party_resource.entry((grant.party, grant.resource)).or_default().push(GrantIx(at));
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let open_clear = parts.resources.iter().map(clear_without_grant).collect();
        Ok(Self {
            revision: parts.revision,
            parties: parts.parties,
            handlers,
            systems: parts.systems,
            by_fingerprint,
            purposes: parts.purposes,
            by_purpose,
            resources: parts.resources,
            by_code,
            open_clear,
            grants,
            by_party_resource,
            default_limits: parts.default_limits,
        })
    }
}

fn unique<K: Eq + Hash, V>(
    pairs: impl Iterator<Item = (K, V)>,
    name: impl Fn(&K) -> (&'static str, String),
    errors: &mut Vec<PolicyError>,
) -> Map<K, V> {
    let mut map = Map::default();
    for (key, value) in pairs {
        match map.entry(key) {
            Entry::Occupied(held) => {
                let (kind, id) = name(held.key());
                errors.push(PolicyError::Repeated { kind, id });
            }
            Entry::Vacant(free) => {
                free.insert(value);
            }
        }
    }
    map
}

fn handlers_of(party: &Party, errors: &mut Vec<PolicyError>) -> Map<Box<str>, HandlerState> {
    unique(
        party.handlers.iter().map(|handler| (Box::<str>::from(handler.id.as_str()), handler.state)),
        |id| ("handler", format!("{}/{id}", party.key)),
        errors,
    )
}

fn check_parties(parts: &PolicyParts, errors: &mut Vec<PolicyError>) {
    let keys = parts.parties.iter().map(|party| (party.key.clone(), ()));
    unique(keys, |key: &PartyKey| ("party", key.to_string()), errors);
    for party in &parts.parties {
        if !identifiers::is_uscc(&party.uscc) {
            errors.push(PolicyError::Party {
                key: party.key.clone(),
                rule: "the 统一社会信用代码 has a wrong check digit or form (GB 32100)",
            });
        }
    }
    let ids = parts.systems.iter().map(|system| (system.id.clone(), ()));
    unique(ids, |id: &SystemId| ("system", id.to_string()), errors);
    for system in parts.systems.iter().filter(|system| system.party.at() >= parts.parties.len()) {
        errors.push(PolicyError::Dangling { kind: "system", id: system.id.to_string() });
    }
}

fn check_resource(parts: &PolicyParts, resource: &Resource, errors: &mut Vec<PolicyError>) {
    let is_party = |party: &PartyIx| party.at() < parts.parties.len();
    let is_purpose = |purpose: &PurposeIx| purpose.at() < parts.purposes.len();
    let condition = &resource.condition;
    let stands = is_party(&resource.provider)
        && condition.departments.iter().flatten().all(is_party)
        && condition.purposes.iter().flatten().all(is_purpose);
    if !stands {
        errors.push(PolicyError::Dangling { kind: "resource", id: resource.code.to_string() });
    }
    let mut broken = |rule| errors.push(PolicyError::Resource { code: resource.code.clone(), rule });
    if resource.items.is_empty() || resource.items.len() > ITEMS_MAX {
        broken("between 1 and 256 items are needed");
    }
    let distinct: HashSet<_> = resource.items.iter().map(|item| item.code.as_str()).collect();
    if distinct.len() != resource.items.len() {
        broken("two items share a code");
    }
    let keys: ItemSet = resource.items.iter().enumerate().filter(|(_, item)| item.key).map(|(at, _)| at).collect();
    if resource.key_sets.is_empty() || resource.key_sets.iter().any(|set| set.is_empty() || !set.is_subset(&keys)) {
        broken("every key set must name items that are marked as keys");
    }
    if resource.share_type == ShareType::NotShared && resource.legal_basis.as_deref().is_none_or(str::is_empty) {
        broken("a not-shared resource needs its legal basis (D17-4)");
    }
    if resource.share_type != ShareType::NotShared && resource.modes == Modes::default() {
        broken("a shared resource offers at least one mode (D20)");
    }
    operation::broken_rules(resource).into_iter().for_each(broken);
}

fn clear_without_grant(resource: &Resource) -> ItemSet {
    let clear = resource.items.iter().enumerate().filter(|(_, item)| item.level <= Level::L2);
    clear.map(|(at, _)| at).collect()
}

fn compile_grant(parts: &PolicyParts, terms: &GrantTerms, errors: &mut Vec<PolicyError>) -> Option<Grant> {
    let before = errors.len();
    let stands = terms.party.at() < parts.parties.len()
        && terms.purposes.iter().all(|purpose| purpose.at() < parts.purposes.len());
    let (Some(resource), true) = (parts.resources.get(terms.resource.at()), stands) else {
        errors.push(PolicyError::Dangling { kind: "grant", id: terms.id.to_string() });
        return None;
    };
    let mut broken = |rule| errors.push(PolicyError::Grant { id: terms.id.clone(), rule });
    if resource.share_type != ShareType::Conditional {
        broken("only a conditional resource is granted");
    }
    if !terms.fields.is_subset(&ItemSet::first(resource.items.len())) || terms.fields.is_empty() {
        broken("the fields must be items of the resource, at least one");
    }
    if !terms.clear_fields.is_subset(&terms.fields) {
        broken("a clear field must be one of the granted fields");
    }
    if terms.clear_level == Level::L4 {
        broken("clear_level is L1, L2 or L3: an L4 item is clear only by name (X01)");
    }
    if !terms.l4_approved && resource.highest_level(&terms.clear_fields) == Level::L4 {
        broken("clear L4 fields need a second approver and an impact assessment (X01)");
    }
    if terms.valid_from > terms.valid_until {
        broken("it ends before it begins");
    }
    if errors.len() > before {
        return None;
    }
    let condition = &resource.condition;
    let verify_only = if condition.verify_only {
        [Mode::Verify].into_iter().collect()
    } else {
        Mode::ALL.into_iter().collect::<Modes>()
    };
    let by_level =
        resource.items_of(&terms.fields).filter(|(_, item)| item.level <= terms.clear_level).map(|(at, _)| at);
    let mut purposes: Vec<PurposeIx> = terms
        .purposes
        .iter()
        .copied()
        .filter(|purpose| condition.purposes.as_ref().is_none_or(|allowed| allowed.contains(purpose)))
        .collect();
    purposes.sort_unstable();
    Some(Grant {
        id: terms.id.clone(),
        party: terms.party,
        resource: terms.resource,
        modes: terms.modes.intersection(verify_only),
        operations: terms.operations,
        fields: terms.fields,
        clear: by_level.collect::<ItemSet>().union(&terms.clear_fields),
        clear_level: terms.clear_level,
        legal_basis: terms.legal_basis.clone(),
        purposes,
        state: terms.state,
        valid_from: terms.valid_from,
        valid_until: terms.valid_until,
        limits: terms.limits.narrowed(condition.limits),
        party_allowed: condition.departments.as_ref().is_none_or(|allowed| allowed.contains(&terms.party)),
    })
}
