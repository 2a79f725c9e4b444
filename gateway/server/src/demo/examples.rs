//! Which calls the demo shows, found by asking the exchange's own decision: whatever the fixtures
//! are, a call is captioned as permitted only if it is, and as refused only with that code.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sluice_domain::decision::{admit, authorize};
use sluice_domain::{
    Asked, Caller, Code, Day, HandlerState, ItemSet, Mode, PartyState, Permit, Policy, Question, Resource, ResourceIx,
    ShareType, SystemIx, identifiers,
};

use crate::stand_in::records::{Record, text};

/// One call to show. Its body names a person of the fixtures, so it has no `Debug`.
#[derive(Clone)]
pub(super) struct Call {
    /// Key of the calling party.
    pub(super) party: String,
    pub(super) handler: String,
    pub(super) purpose: String,
    pub(super) resource: String,
    pub(super) mode: Mode,
    pub(super) body: Value,
}

/// The calls to show; `None` where the fixtures have nothing that fits.
#[derive(Default)]
pub(super) struct Examples {
    pub(super) verify_match: Option<Call>,
    pub(super) verify_mismatch: Option<Call>,
    pub(super) query_granted: Option<Call>,
    pub(super) query_masked: Option<Call>,
    pub(super) query_ungranted: Option<Call>,
    pub(super) not_shared: Option<Call>,
}

/// Finds them.
pub(super) fn find(policy: &Policy, records: &BTreeMap<String, Vec<Record>>, today: Day) -> Examples {
    let search = Search { policy, records, today };
    let (verify_match, verify_mismatch) = search.verifications().unzip();
    // The answer with least masked shows what a grant gives, the one with most what masking is.
    let granted = search.queries().min_by_key(|query| query.masked().len());
    let masked = search.queries().max_by_key(|query| query.masked().len()).filter(|query| !query.masked().is_empty());
    let ungranted = granted.as_ref().and_then(|granted| search.ungranted(granted));
    Examples {
        verify_match,
        verify_mismatch,
        query_granted: granted.map(|query| query.call),
        query_masked: masked.map(|query| query.call),
        query_ungranted: ungranted,
        not_shared: search.not_shared(),
    }
}

struct Search<'a> {
    policy: &'a Policy,
    records: &'a BTreeMap<String, Vec<Record>>,
    today: Day,
}

/// Someone who may call: an active party's system with an active handler.
#[derive(Clone, Copy)]
struct Speaker<'a> {
    caller: Caller,
    party: &'a str,
    handler: &'a str,
}

/// A record and the pairs by which it is found.
struct Subject<'a> {
    record: &'a Record,
    key: ItemSet,
    pairs: BTreeMap<String, String>,
}

/// A permitted query.
struct Query<'a> {
    resource: &'a Resource,
    permit: Permit,
    call: Call,
}

impl Query<'_> {
    fn masked(&self) -> ItemSet {
        self.permit.fields().difference(self.permit.clear())
    }
}

impl<'a> Search<'a> {
    fn speakers(&self) -> impl Iterator<Item = Speaker<'a>> {
        let policy = self.policy;
        policy.systems().iter().zip(0..).filter_map(move |(system, at)| {
            let party = policy.party(system.party).filter(|party| party.state == PartyState::Active)?;
            let handler = party.handlers.iter().find(|handler| handler.state == HandlerState::Active)?;
            let caller = Caller { system: SystemIx(at), party: system.party };
            Some(Speaker { caller, party: party.key.as_str(), handler: handler.id.as_str() })
        })
    }

    /// Those other than the provider first: a department asking itself is a poor example.
    fn speakers_for(&self, resource: &Resource) -> Vec<Speaker<'a>> {
        let mut speakers: Vec<_> = self.speakers().collect();
        speakers.sort_by_key(|speaker| speaker.caller.party == resource.provider);
        speakers
    }

    fn resources(&self, mode: Mode) -> impl Iterator<Item = (ResourceIx, &'a Resource)> {
        let all = self.policy.resources().iter().zip(0..).map(|(resource, at)| (ResourceIx(at), resource));
        all.filter(move |(_, resource)| resource.modes.contains(mode))
    }

    fn subjects(&self, resource: &'a Resource) -> impl Iterator<Item = Subject<'a>> {
        let records = self.records.get(resource.code.as_str()).map_or(&[][..], Vec::as_slice);
        records.iter().flat_map(move |record| {
            resource.key_sets.iter().filter_map(move |set| {
                let pairs = resource.items_of(set).map(|(_, item)| {
                    let code = item.code.as_str();
                    Some((code.to_owned(), text(record.get(code)?)?))
                });
                Some(Subject { record, key: *set, pairs: pairs.collect::<Option<_>>()? })
            })
        })
    }

    fn question<'q>(&self, speaker: Speaker<'q>, resource: &'q Resource, mode: Mode, purpose: &'q str) -> Question<'q> {
        Question {
            caller: speaker.caller,
            stale: false,
            purpose: Some(purpose),
            handler: Some(speaker.handler),
            matter: Ok(true),
            resource: resource.code.as_str(),
            mode,
            operation: None,
            today: self.today,
        }
    }

    /// The first purpose for which the call is permitted, with the permit.
    fn permitted(
        &self,
        speaker: Speaker<'_>,
        resource: &Resource,
        mode: Mode,
        asked: Asked,
    ) -> Option<(&'a str, Permit)> {
        self.policy.purposes().iter().find_map(|purpose| {
            let purpose = purpose.code.as_str();
            let admission = admit(self.policy, &self.question(speaker, resource, mode, purpose)).ok()?;
            Some((purpose, authorize(self.policy, &admission, &asked).ok()?))
        })
    }

    /// A verification that matches, and the same with a claim that does not. Providers that only
    /// compare come first.
    fn verifications(&self) -> Option<(Call, Call)> {
        let mut resources: Vec<_> = self.resources(Mode::Verify).collect();
        resources.sort_by_key(|(_, resource)| !resource.items.iter().any(|item| item.out));
        resources.into_iter().find_map(|(_, resource)| {
            self.subjects(resource).find_map(|subject| {
                let claims = resource.items.iter().enumerate().filter(|(at, item)| {
                    !item.out && !item.kind.is_number() && !item.kind.is_boolean() && !subject.key.contains(*at)
                });
                claims.into_iter().find_map(|(at, item)| {
                    let code = item.code.as_str();
                    let stored = text(subject.record.get(code)?)?;
                    let others =
                        self.records.get(resource.code.as_str())?.iter().filter_map(|record| text(record.get(code)?));
                    let other = others.chain([format!("非{stored}")]).find(|other| {
                        *other != stored && identifiers::has_valid_form(item.semantic, item.kind, item.length, other)
                    })?;
                    let asked = Asked { key: subject.key, fields: Some([at].into_iter().collect()) };
                    let speakers = self.speakers_for(resource);
                    let call = |claim: &str| {
                        speakers.iter().find_map(|speaker| {
                            let (purpose, _) = self.permitted(*speaker, resource, Mode::Verify, asked)?;
                            let body = json!({ "subject": subject.pairs, "claims": { code: claim } });
                            Some(call_of(*speaker, resource, Mode::Verify, purpose, body))
                        })
                    };
                    Some((call(&stored)?, call(&other)?))
                })
            })
        })
    }

    /// Permitted queries of conditional resources.
    fn queries(&self) -> impl Iterator<Item = Query<'a>> + '_ {
        let conditional =
            self.resources(Mode::Query).filter(|(_, resource)| resource.share_type == ShareType::Conditional);
        conditional.flat_map(move |(_, resource)| {
            let subjects = self.subjects(resource).flat_map(|subject| {
                self.speakers_for(resource).into_iter().filter_map(move |speaker| {
                    let asked = Asked { key: subject.key, fields: None };
                    let (purpose, permit) = self.permitted(speaker, resource, Mode::Query, asked)?;
                    let body = json!({ "filter": subject.pairs });
                    Some(Query { resource, permit, call: call_of(speaker, resource, Mode::Query, purpose, body) })
                })
            });
            subjects.collect::<Vec<_>>()
        })
    }

    /// The same query by a party that has no grant for it.
    fn ungranted(&self, granted: &Query<'a>) -> Option<Call> {
        self.speakers_for(granted.resource).into_iter().find_map(|speaker| {
            let question = self.question(speaker, granted.resource, Mode::Query, &granted.call.purpose);
            let refusal = admit(self.policy, &question).err()?;
            let without = refusal.code == Code::GrantRequired;
            without.then(|| {
                call_of(speaker, granted.resource, Mode::Query, &granted.call.purpose, granted.call.body.clone())
            })
        })
    }

    /// A query of something that is not shared.
    fn not_shared(&self) -> Option<Call> {
        let resource = self.policy.resources().iter().find(|resource| resource.share_type == ShareType::NotShared)?;
        let purpose = self.policy.purposes().first()?.code.as_str();
        let speaker = self.speakers_for(resource).first().copied()?;
        let filter = self.subjects(resource).next().map(|subject| subject.pairs).unwrap_or_default();
        Some(call_of(speaker, resource, Mode::Query, purpose, json!({ "filter": filter })))
    }
}

fn call_of(speaker: Speaker<'_>, resource: &Resource, mode: Mode, purpose: &str, body: Value) -> Call {
    Call {
        party: speaker.party.to_owned(),
        handler: speaker.handler.to_owned(),
        purpose: purpose.to_owned(),
        resource: resource.code.to_string(),
        mode,
        body,
    }
}
