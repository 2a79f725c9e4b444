//! The catalogue as a caller sees it: what there is, what its party may do, and the next step.

mod entry;
mod openapi;
mod rights;
mod samples;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sluice_domain::texts::Lang;
use sluice_domain::{
    Caller, Code, Day, Grant, GrantState, Mode, PartyIx, Policy, Refusal, Resource, ResourceIx, ShareType,
};

pub(crate) use entry::entry;
pub(crate) use openapi::document;

use crate::access::bad_parameter;
use crate::limit::Limiters;

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
    /// `request.schema` for an unknown, repeated or unreadable parameter, naming the known one.
    pub(crate) fn parse(query: &str) -> Result<Self, Refusal> {
        let mut filter = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "query" => once("query", &mut filter.query, Some(value.to_lowercase()))?,
                "share_type" => {
                    let share_type = ShareType::ALL.into_iter().find(|share_type| share_type.as_str() == value);
                    once("share_type", &mut filter.share_type, share_type)?;
                }
                "mode" => {
                    let mode = Mode::ALL.into_iter().find(|mode| mode.as_str() == value);
                    once("mode", &mut filter.mode, mode)?;
                }
                "cursor" => {
                    let code = URL_SAFE_NO_PAD.decode(&*value).ok().and_then(|bytes| String::from_utf8(bytes).ok());
                    let foreign = || Refusal::fault(Code::RequestCursor, sluice_domain::Fault::CursorForm);
                    once("cursor", &mut filter.after, Some(code.ok_or_else(foreign)?))?;
                }
                "limit" => {
                    let is_decimal = value.bytes().all(|byte| byte.is_ascii_digit());
                    let limit = value.parse().ok().filter(|limit| is_decimal && (1..=LIMIT_MAX).contains(limit));
                    once("limit", &mut filter.limit, limit)?;
                }
                _ => return Err(bad_parameter("query, share_type, mode, cursor, limit")),
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

/// Takes a parameter that was readable and did not stand there before.
fn once<T>(name: &'static str, place: &mut Option<T>, value: Option<T>) -> Result<(), Refusal> {
    let value = value.ok_or_else(|| bad_parameter(name))?;
    if place.replace(value).is_some() { Err(bad_parameter(name)) } else { Ok(()) }
}

/// Who reads the catalogue, when, and in which language.
#[derive(Clone, Copy)]
pub(crate) struct Reading<'r> {
    pub(crate) policy: &'r Policy,
    pub(crate) caller: Caller,
    pub(crate) today: Day,
    pub(crate) lang: Lang,
    pub(crate) limiters: &'r Limiters,
}

impl Reading<'_> {
    /// One of two sentences.
    fn say(&self, zh: &'static str, en: &'static str) -> &'static str {
        match self.lang {
            Lang::Zh => zh,
            Lang::En => en,
        }
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
}

fn is_live(grant: &Grant, today: Day) -> bool {
    grant.state == GrantState::Active && grant.party_allowed && (grant.valid_from..=grant.valid_until).contains(&today)
}

/// A page of the catalogue.
pub(crate) fn list(reading: &Reading<'_>, filter: &Filter) -> Value {
    let Reading { policy, caller, today, .. } = *reading;
    let limit = filter.limit.unwrap_or(LIMIT_DEFAULT);
    let mut kept: Vec<(ResourceIx, &Resource)> =
        (0..).map(ResourceIx).zip(policy.resources()).filter(|(_, resource)| filter.keeps(resource)).collect();
    kept.sort_by(|(_, a), (_, b)| a.code.cmp(&b.code));
    let has_more = kept.len() > limit;
    kept.truncate(limit);
    let next_cursor = kept.last().filter(|_| has_more).map(|(_, last)| URL_SAFE_NO_PAD.encode(last.code.as_str()));
    let resources: Vec<Value> = kept
        .iter()
        .map(|(ix, resource)| summary(policy, resource, Access::of(policy, caller.party, *ix, today)))
        .collect();
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
