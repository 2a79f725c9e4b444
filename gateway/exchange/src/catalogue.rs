//! The catalogue as a caller sees it: what there is, what its party may do, and the next step.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sluice_domain::texts::{self, Lang};
use sluice_domain::{
    Code, Day, Fact, Grant, GrantState, ItemSet, Limits, Mode, PartyIx, Policy, Refusal, Resource, ResourceIx,
    ShareType,
};

use crate::access::bad_parameter;

/// Entries of a page where the caller names no limit.
const LIMIT_DEFAULT: usize = 50;
/// Most entries of a page.
const LIMIT_MAX: usize = 200;

/// Query parameters of a list.
#[derive(Default)]
pub(crate) struct Filter {
    query: Option<String>,
    share_type: Option<ShareType>,
    mode: Option<Mode>,
    after: Option<String>,
    limit: Option<usize>,
}

impl Filter {
    /// Parses a query string.
    ///
    /// # Errors
    /// `request.schema` for an unknown, repeated or unreadable parameter.
    pub(crate) fn parse(query: &str) -> Result<Self, Refusal> {
        let mut filter = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let is_repeated = match &*name {
                "query" => filter.query.replace(value.to_lowercase()).is_some(),
                "share_type" => {
                    let share_type = ShareType::ALL.into_iter().find(|share_type| share_type.as_str() == value);
                    filter.share_type.replace(share_type.ok_or_else(|| bad_parameter("share_type"))?).is_some()
                }
                "mode" => {
                    let mode = Mode::ALL.into_iter().find(|mode| mode.as_str() == value);
                    filter.mode.replace(mode.ok_or_else(|| bad_parameter("mode"))?).is_some()
                }
                "cursor" => {
                    let code = URL_SAFE_NO_PAD.decode(&*value).ok().and_then(|bytes| String::from_utf8(bytes).ok());
                    let foreign = || Refusal::fault(Code::RequestCursor, sluice_domain::Fault::CursorForm);
                    filter.after.replace(code.ok_or_else(foreign)?).is_some()
                }
                "limit" => {
                    let limit = value.parse().ok().filter(|limit| (1..=LIMIT_MAX).contains(limit));
                    filter.limit.replace(limit.ok_or_else(|| bad_parameter("limit"))?).is_some()
                }
                _ => return Err(bad_parameter("query, share_type, mode, cursor, limit")),
            };
            if is_repeated {
                return Err(bad_parameter("query, share_type, mode, cursor, limit"));
            }
        }
        Ok(filter)
    }

    fn keeps(&self, resource: &Resource) -> bool {
        let found = |text: &str| self.query.as_ref().is_none_or(|query| text.to_lowercase().contains(query.as_str()));
        self.share_type.is_none_or(|share_type| share_type == resource.share_type)
            && self.mode.is_none_or(|mode| resource.modes.contains(mode))
            && (found(&resource.name) || found(resource.code.as_str()) || found(&resource.r#abstract))
            && self.after.as_ref().is_none_or(|after| resource.code.as_str() > after.as_str())
    }
}

/// What a party may do with a resource.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Access {
    Open,
    Granted,
    Apply,
    Closed,
}

impl Access {
    fn of(policy: &Policy, party: PartyIx, resource: ResourceIx, today: Day) -> Self {
        match policy.resource(resource).map(|resource| resource.share_type) {
            Some(ShareType::Unconditional) => Self::Open,
            Some(ShareType::Conditional)
                if policy.grants_of(party, resource).any(|(_, grant)| is_live(grant, today)) =>
            {
                Self::Granted
            }
            Some(ShareType::Conditional) => Self::Apply,
            Some(ShareType::NotShared) | None => Self::Closed,
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Granted => "granted",
            Self::Apply => "apply",
            Self::Closed => "closed",
        }
    }

    fn next_step(self, policy: &Policy, resource: &Resource, lang: Lang) -> String {
        let provider = policy.party(resource.provider).map(|party| party.name.clone()).unwrap_or_default();
        let refusal = match self {
            Self::Open | Self::Granted => {
                let modes = resource.modes.iter().map(Mode::as_str).collect::<Vec<_>>().join(", ");
                return match lang {
                    Lang::Zh => format!("可直接调用(方式:{modes})。请求须带 Exchange-Purpose 与 Exchange-Handler。"),
                    Lang::En => format!("Call it now (modes: {modes}) with Exchange-Purpose and Exchange-Handler."),
                };
            }
            Self::Apply => Refusal::new(Code::GrantRequired).with(Fact::Provider(provider)),
            Self::Closed => Refusal::new(Code::ShareNotShared)
                .with(Fact::LegalBasis(resource.legal_basis.clone().unwrap_or_default())),
        };
        texts::problem(&refusal, lang).next_step
    }
}

fn is_live(grant: &Grant, today: Day) -> bool {
    grant.state == GrantState::Active && grant.party_allowed && (grant.valid_from..=grant.valid_until).contains(&today)
}

/// A page of the catalogue.
pub(crate) fn list(policy: &Policy, party: PartyIx, today: Day, filter: &Filter) -> Value {
    let limit = filter.limit.unwrap_or(LIMIT_DEFAULT);
    let mut kept: Vec<(ResourceIx, &Resource)> =
        (0..).map(ResourceIx).zip(policy.resources()).filter(|(_, resource)| filter.keeps(resource)).collect();
    kept.sort_by(|(_, a), (_, b)| a.code.cmp(&b.code));
    let has_more = kept.len() > limit;
    kept.truncate(limit);
    let next_cursor = kept.last().filter(|_| has_more).map(|(_, last)| URL_SAFE_NO_PAD.encode(last.code.as_str()));
    let resources: Vec<Value> =
        kept.iter().map(|(ix, resource)| summary(policy, resource, Access::of(policy, party, *ix, today))).collect();
    json!({ "resources": resources, "next_cursor": next_cursor })
}

fn summary(policy: &Policy, resource: &Resource, access: Access) -> Value {
    let provider = policy.party(resource.provider);
    json!({
        "code": resource.code.as_str(),
        "name": resource.name,
        "provider": { "code": provider.map(|party| party.uscc.as_str()), "name": provider.map(|party| party.name.as_str()) },
        "share_type": resource.share_type.as_str(),
        "modes": resource.modes.iter().map(Mode::as_str).collect::<Vec<_>>(),
        "update_cycle": resource.update_cycle,
        "abstract": resource.r#abstract,
        "access": access.as_str(),
    })
}

/// An entry with what the party may do.
pub(crate) fn entry(policy: &Policy, party: PartyIx, ix: ResourceIx, today: Day, lang: Lang) -> Option<Value> {
    let resource = policy.resource(ix)?;
    let access = Access::of(policy, party, ix, today);
    let live = || policy.grants_of(party, ix).map(|(_, grant)| grant).filter(|grant| is_live(grant, today));
    let (granted, clear) = match resource.share_type {
        ShareType::Unconditional => (ItemSet::first(resource.items.len()), policy.open_clear(ix)),
        ShareType::Conditional => live().fold((ItemSet::EMPTY, ItemSet::EMPTY), |(fields, clear), grant| {
            (fields.union(&grant.fields), clear.union(&grant.clear))
        }),
        ShareType::NotShared => (ItemSet::EMPTY, ItemSet::EMPTY),
    };
    let mut entry = summary(policy, resource, access);
    let more = json!({
        "version": resource.version,
        "provision": resource.provision.as_str(),
        "items": items(resource, &granted, &clear),
        "key_sets": resource.key_sets.iter().map(|set| codes(resource, set)).collect::<Vec<_>>(),
        "purposes": purposes(policy, resource),
        "matter_required": resource.matter_required,
        "limits": limits(resource.condition.limits, policy.default_limits()),
        "grants": policy.grants_of(party, ix).map(|(_, grant)| grant_of(policy, resource, grant, today)).collect::<Vec<_>>(),
        "legal_basis": resource.legal_basis,
        "use_requirements": resource.use_requirements,
        "business_notes": resource.business_notes,
        "note": resource.note,
        "as_of": resource.as_of,
        "next_step": access.next_step(policy, resource, lang),
    });
    if let (Value::Object(entry), Value::Object(more)) = (&mut entry, more) {
        entry.extend(more);
    }
    Some(entry)
}

fn items(resource: &Resource, granted: &ItemSet, clear: &ItemSet) -> Vec<Value> {
    let item = |(at, item): (usize, &sluice_domain::Item)| {
        json!({
            "code": item.code.as_str(),
            "name": item.name,
            "type": item.kind.as_str(),
            "length": item.length,
            "level": item.level.as_str(),
            "key": item.key,
            "granted": granted.contains(at),
            "clear": clear.contains(at),
        })
    };
    resource.items.iter().enumerate().map(item).collect()
}

fn codes<'r>(resource: &'r Resource, set: &'r ItemSet) -> Vec<&'r str> {
    resource.items_of(set).map(|(_, item)| item.code.as_str()).collect()
}

fn purposes(policy: &Policy, resource: &Resource) -> Vec<Value> {
    let allowed = resource.condition.purposes.as_ref();
    (0..)
        .map(sluice_domain::PurposeIx)
        .zip(policy.purposes())
        .filter(|(ix, _)| {
            resource.share_type != ShareType::Conditional || allowed.is_none_or(|allowed| allowed.contains(ix))
        })
        .map(|(_, purpose)| json!({ "code": purpose.code.as_str(), "name": purpose.name }))
        .collect()
}

fn limits(limits: Limits, defaults: Limits) -> Value {
    json!({
        "per_second": limits.per_second.or(defaults.per_second),
        "per_day": limits.per_day.or(defaults.per_day),
        "rows_per_call": limits.rows_per_call.or(defaults.rows_per_call),
    })
}

fn grant_of(policy: &Policy, resource: &Resource, grant: &Grant, today: Day) -> Value {
    let state = match grant.state {
        GrantState::Active if today > grant.valid_until => "expired",
        GrantState::Active => "active",
        GrantState::Suspended => "suspended",
        GrantState::Revoked => "revoked",
        GrantState::Expired => "expired",
    };
    let purposes = grant.purposes.iter().filter_map(|ix| policy.purpose(*ix)).map(|purpose| purpose.code.as_str());
    json!({
        "id": grant.id.as_str(),
        "state": state,
        "modes": grant.modes.iter().map(Mode::as_str).collect::<Vec<_>>(),
        "fields": codes(resource, &grant.fields),
        "clear": codes(resource, &grant.clear),
        "clear_level": grant.clear_level.as_str(),
        "purposes": purposes.collect::<Vec<_>>(),
        "valid_from": grant.valid_from.to_string(),
        "valid_until": grant.valid_until.to_string(),
        "limits": limits(grant.limits, policy.default_limits()),
    })
}
