//! One entry with everything that a caller's engineer needs to go on: which modes the party may use and
//! why not, what of each item is shown and how it looks, what is left of the limits, the next step.

use serde_json::{Value, json};
use sluice_domain::texts::{self, Texts};
use sluice_domain::{
    Code, Fact, Grant, GrantState, Item, ItemSet, Limits, Mode, Operation, Policy, PurposeIx, Refusal, Resource,
    ResourceIx, ShareType,
};

use super::rights::{self, ModeRights, OperationRights};
use super::{Access, Reading, is_live, samples, summary};
use crate::limit::LimitKey;

/// An entry with what the party may do; `None` for an index of another snapshot.
pub(crate) fn entry(reading: &Reading<'_>, ix: ResourceIx) -> Option<Value> {
    let policy = reading.policy;
    let party = reading.caller.party;
    let resource = policy.resource(ix)?;
    let access = Access::of(policy, party, ix, reading.today);
    let live = || policy.grants_of(party, ix).map(|(_, grant)| grant).filter(|grant| is_live(grant, reading.today));
    let (granted, clear) = match resource.share_type {
        ShareType::Unconditional => (ItemSet::first(resource.items.len()), policy.open_clear(ix)),
        ShareType::Conditional => live().fold((ItemSet::EMPTY, ItemSet::EMPTY), |(fields, clear), grant| {
            (fields.union(&grant.fields), clear.union(&grant.clear))
        }),
        ShareType::NotShared => (ItemSet::EMPTY, ItemSet::EMPTY),
    };
    let rights = rights::of(reading, ix);
    let grants = policy.grants_of(party, ix).map(|(_, grant)| grant_of(reading, resource, grant));
    let mut entry = summary(policy, resource, access);
    let more = json!({
        "version": resource.version,
        "provision": resource.provision.as_str(),
        "items": items(resource, &granted, &clear),
        "key_sets": resource.key_sets.iter().map(|set| codes(resource, set)).collect::<Vec<_>>(),
        "purposes": purposes(policy, resource),
        "matter_required": resource.matter_required,
        "limits": open_limits(reading, resource, access),
        "rights": rights.iter().map(|rights| right(reading, resource, rights)).collect::<Vec<_>>(),
        "operations": operations(reading, resource),
        "grants": grants.collect::<Vec<_>>(),
        "legal_basis": resource.legal_basis,
        "use_requirements": resource.use_requirements,
        "business_notes": resource.business_notes,
        "note": resource.note,
        "as_of": resource.as_of,
        "next_step": next_step(reading, resource, access, &rights),
    });
    if let (Value::Object(entry), Value::Object(more)) = (&mut entry, more) {
        entry.extend(more);
    }
    Some(entry)
}

fn items(resource: &Resource, granted: &ItemSet, clear: &ItemSet) -> Vec<Value> {
    let item = |(at, item): (usize, &Item)| {
        let (is_granted, is_clear) = (granted.contains(at), clear.contains(at));
        json!({
            "code": item.code.as_str(),
            "name": item.name,
            "type": item.kind.as_str(),
            "length": item.length,
            "level": item.level.as_str(),
            "key": item.key,
            "granted": is_granted,
            "clear": is_clear,
            "masked": is_granted && !is_clear,
            "sample": is_granted.then(|| samples::shown(item, is_clear)),
        })
    };
    resource.items.iter().enumerate().map(item).collect()
}

pub(super) fn codes<'r>(resource: &'r Resource, set: &'r ItemSet) -> Vec<&'r str> {
    resource.items_of(set).map(|(_, item)| item.code.as_str()).collect()
}

pub(super) fn purpose_codes<'r>(policy: &'r Policy, purposes: &[PurposeIx]) -> Vec<&'r str> {
    purposes.iter().filter_map(|ix| policy.purpose(*ix)).map(|purpose| purpose.code.as_str()).collect()
}

fn purposes(policy: &Policy, resource: &Resource) -> Vec<Value> {
    let allowed = resource.condition.purposes.as_ref();
    (0..)
        .map(PurposeIx)
        .zip(policy.purposes())
        .filter(|(ix, _)| {
            resource.share_type != ShareType::Conditional || allowed.is_none_or(|allowed| allowed.contains(ix))
        })
        .map(|(_, purpose)| json!({ "code": purpose.code.as_str(), "name": purpose.name }))
        .collect()
}

/// What a call in one mode would meet.
fn right(reading: &Reading<'_>, resource: &Resource, rights: &ModeRights) -> Value {
    let sets = rights.key_sets(&resource.key_sets);
    let words = rights.refusal.as_ref().map(|refusal| texts::problem(refusal, reading.lang));
    json!({
        "mode": rights.mode.as_str(),
        "may": rights.refusal.is_none(),
        "code": rights.refusal.as_ref().map(|refusal| refusal.code.as_str()),
        "why": words.as_ref().map(|words| words.detail.as_str()),
        "next_step": words.as_ref().map(|words| words.next_step.as_str()),
        "path": rights.refusal.is_none().then(|| path(resource, rights.mode)),
        "purposes": purpose_codes(reading.policy, &rights.purposes()),
        "key_sets": sets.iter().map(|set| codes(resource, set)).collect::<Vec<_>>(),
    })
}

/// What a call of each declared operation, and of the sealed files, would meet.
fn operations(reading: &Reading<'_>, resource: &Resource) -> Vec<Value> {
    let operation = |rights: OperationRights<'_>| {
        let operation = rights.operation;
        let words = rights.refusal.as_ref().map(|refusal| texts::problem(refusal, reading.lang));
        json!({
            "id": operation.id.as_str(),
            "method": operation.method.as_str(),
            "path": operation_path(resource, operation),
            "query": operation.query,
            "request_types": operation.request_types,
            "response_types": operation.response_types,
            "items": codes(resource, &operation.items),
            "may": rights.refusal.is_none(),
            "code": rights.refusal.as_ref().map(|refusal| refusal.code.as_str()),
            "why": words.as_ref().map(|words| words.detail.as_str()),
            "next_step": words.as_ref().map(|words| words.next_step.as_str()),
            "purposes": purpose_codes(reading.policy, &rights.purposes()),
        })
    };
    rights::of_operations(reading, resource).into_iter().map(operation).collect()
}

/// Where an operation is called, with its parameters in braces; a sealed file goes by `{id}`.
pub(super) fn operation_path(resource: &Resource, operation: &Operation) -> String {
    match &operation.sealed {
        Some(_) => format!("/v1/resources/{}/files/{{id}}", resource.code),
        None => format!("{}{}", path(resource, Mode::Call), operation.path),
    }
}

/// Where a mode of a resource is called.
pub(super) fn path(resource: &Resource, mode: Mode) -> String {
    format!("/v1/resources/{}/{}", resource.code, mode.as_str())
}

/// The exchange's limits of the resource; what is left today where they count by party.
fn open_limits(reading: &Reading<'_>, resource: &Resource, access: Access) -> Value {
    let key = (access == Access::Open).then(|| {
        let party = reading.policy.party(reading.caller.party).map(|party| party.key.to_string());
        LimitKey::Open(party.unwrap_or_default(), resource.code.to_string())
    });
    limits(reading, resource.condition.limits, key.as_ref())
}

fn limits(reading: &Reading<'_>, limits: Limits, key: Option<&LimitKey>) -> Value {
    let defaults = reading.policy.default_limits();
    let per_day = limits.per_day.or(defaults.per_day);
    let left = key.zip(per_day).map(|(key, limit)| limit.saturating_sub(reading.limiters.used(key, reading.today)));
    json!({
        "per_second": limits.per_second.or(defaults.per_second),
        "per_day": per_day,
        "left_today": left,
        "rows_per_call": limits.rows_per_call.or(defaults.rows_per_call),
    })
}

fn grant_of(reading: &Reading<'_>, resource: &Resource, grant: &Grant) -> Value {
    let state = match grant.state {
        GrantState::Active if reading.today > grant.valid_until => "expired",
        GrantState::Active => "active",
        GrantState::Suspended => "suspended",
        GrantState::Revoked => "revoked",
        GrantState::Expired => "expired",
    };
    // 0 on the last day.
    let days_left = grant.valid_until.number().saturating_sub(reading.today.number());
    let key = LimitKey::Grant(grant.id.to_string());
    json!({
        "id": grant.id.as_str(),
        "state": state,
        "modes": grant.modes.iter().map(Mode::as_str).collect::<Vec<_>>(),
        "fields": codes(resource, &grant.fields),
        "clear": codes(resource, &grant.clear),
        "clear_level": grant.clear_level.as_str(),
        "purposes": purpose_codes(reading.policy, &grant.purposes),
        "valid_from": grant.valid_from.to_string(),
        "valid_until": grant.valid_until.to_string(),
        "days_left": is_live(grant, reading.today).then_some(days_left),
        "limits": limits(reading, grant.limits, Some(&key)),
    })
}

/// What to do now: call, or mend what stands in the way of the mode that got furthest.
pub(super) fn next_step(reading: &Reading<'_>, resource: &Resource, access: Access, rights: &[ModeRights]) -> String {
    let may: Vec<&str> =
        rights.iter().filter(|rights| rights.refusal.is_none()).map(|rights| rights.mode.as_str()).collect();
    if !may.is_empty() {
        let modes = may.join(", ");
        let matter = match (resource.matter_required, reading.lang) {
            (false, _) => "",
            (true, texts::Lang::Zh) => "、Exchange-Matter",
            (true, texts::Lang::En) => " and Exchange-Matter",
        };
        return match reading.lang {
            texts::Lang::Zh => {
                format!("可直接调用(方式:{modes})。请求须带 Exchange-Purpose、Exchange-Handler{matter}。")
            }
            texts::Lang::En => {
                format!("Call it now (modes: {modes}) with Exchange-Purpose, Exchange-Handler{matter}.")
            }
        };
    }
    let offered = rights.iter().filter(|rights| resource.modes.contains(rights.mode));
    let furthest = offered.filter_map(|rights| rights.refusal.as_ref()).max_by_key(|refusal| refusal.code);
    let words: Texts = match furthest {
        Some(refusal) => texts::problem(refusal, reading.lang),
        None if access == Access::Closed => {
            let law = Fact::LegalBasis(resource.legal_basis.clone().unwrap_or_default());
            texts::problem(&Refusal::new(Code::ShareNotShared).with(law), reading.lang)
        }
        None => texts::problem(&Code::ModeNotOffered.into(), reading.lang),
    };
    words.next_step
}
