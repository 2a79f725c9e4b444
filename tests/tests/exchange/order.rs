//! The order of refusals: of two faults in one call, the earlier in the contract answers.

use serde_json::json;
use sluice_tests::city::{City, Grant, Resource};
use sluice_tests::client::{Call, Identity};
use sluice_tests::clock::day;
use sluice_tests::exchange::Exchange;
use sluice_tests::provider::Provider;
use sluice_tests::site::{Changes, Site};

use super::problem;

/// Codes of the catalogue that stand for a state of rights.
const GOOD: &str = "430689001/000001";
const BY_SUBJECT: &str = "430689001/000002";
const NOT_SHARED: &str = "430689001/000003";
const QUERY_ONLY: &str = "430689001/000004";
const NO_GRANT: &str = "430689001/000005";
const REVOKED: &str = "430689001/000006";
const SUSPENDED: &str = "430689001/000007";
const EXPIRED: &str = "430689001/000008";
const QUERY_GRANTED: &str = "430689001/000009";
const UNKNOWN: &str = "430689001/000099";

/// A call in the making.
struct Draft {
    identity: &'static str,
    token: Token,
    resource: &'static str,
    tail: &'static str,
    method: &'static str,
    headers: Vec<(&'static str, Option<String>)>,
    body: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq)]
enum Token {
    Own,
    Missing,
    Broken,
    Foreign,
}

/// What a fault changes; two faults of one aspect cannot meet in one call.
#[derive(Clone, Copy, PartialEq)]
enum Aspect {
    Route,
    Identity,
    Token,
    Purpose,
    Handler,
    Resource,
    Matter,
    MediaType,
    Body,
}

struct Fault {
    code: &'static str,
    aspect: Aspect,
    make: fn(&mut Draft, &City),
}

fn fault(code: &'static str, aspect: Aspect, make: fn(&mut Draft, &City)) -> Fault {
    Fault { code, aspect, make }
}

fn set(draft: &mut Draft, name: &'static str, value: Option<&str>) {
    draft.headers.retain(|(known, _)| *known != name);
    draft.headers.push((name, value.map(str::to_owned)));
}

/// The contract's order. Faults of a body come last and each excludes the others.
fn faults() -> Vec<Fault> {
    use Aspect::{Body, Handler, Identity, Matter, MediaType, Purpose, Resource, Route, Token as Bearer};
    vec![
        fault("request.not_found", Route, |draft, _| draft.tail = "frobnicate"),
        fault("request.method", Route, |draft, _| draft.method = "DELETE"),
        fault("identity.certificate_revoked", Identity, |draft, _| draft.identity = "revoked"),
        fault("identity.unknown_system", Identity, |draft, _| draft.identity = "unknown"),
        fault("identity.token_missing", Bearer, |draft, _| draft.token = Token::Missing),
        fault("identity.token_invalid", Bearer, |draft, _| draft.token = Token::Broken),
        fault("identity.binding_mismatch", Bearer, |draft, _| draft.token = Token::Foreign),
        fault("party.suspended", Identity, |draft, _| draft.identity = "gone"),
        fault("purpose.missing", Purpose, |draft, _| set(draft, "Exchange-Purpose", None)),
        fault("purpose.unknown", Purpose, |draft, _| set(draft, "Exchange-Purpose", Some("NONE"))),
        fault("handler.missing", Handler, |draft, _| set(draft, "Exchange-Handler", None)),
        fault("handler.unknown", Handler, |draft, _| set(draft, "Exchange-Handler", Some("nobody"))),
        fault("handler.disabled", Handler, |draft, _| set(draft, "Exchange-Handler", Some("h-2"))),
        fault("resource.not_found", Resource, |draft, _| draft.resource = UNKNOWN),
        fault("share.not_shared", Resource, |draft, _| draft.resource = NOT_SHARED),
        fault("mode.not_offered", Resource, |draft, _| draft.resource = QUERY_ONLY),
        fault("matter.missing", Matter, |draft, _| set(draft, "Exchange-Matter", None)),
        fault("grant.required", Resource, |draft, _| draft.resource = NO_GRANT),
        fault("grant.revoked", Resource, |draft, _| draft.resource = REVOKED),
        fault("grant.suspended", Resource, |draft, _| draft.resource = SUSPENDED),
        fault("grant.expired", Resource, |draft, _| draft.resource = EXPIRED),
        fault("grant.mode_not_granted", Resource, |draft, _| draft.resource = QUERY_GRANTED),
        fault("grant.purpose_mismatch", Purpose, |draft, _| set(draft, "Exchange-Purpose", Some("P2"))),
        fault("request.media_type", MediaType, |draft, _| set(draft, "Content-Type", Some("text/plain"))),
        fault("request.too_large", Body, |draft, _| draft.body = vec![b' '; 5000]),
        fault("request.malformed", Body, |draft, _| draft.body = b"{".to_vec()),
        fault("request.schema", Body, |draft, _| draft.body = b"{\"what\": 1}".to_vec()),
        fault("grant.field_not_granted", Body, |draft, city| draft.body = claim(city, "ID", "STATE")),
        fault("grant.row_scope", Body, |draft, city| {
            draft.body = claim(city, "NO", "NAME");
            if draft.resource == GOOD {
                draft.resource = BY_SUBJECT;
            }
        }),
    ]
}

fn claim(city: &City, key: &str, item: &str) -> Vec<u8> {
    json!({"subject": {key: city.value(0, key)}, "claims": {item: city.value(0, item)}}).to_string().into_bytes()
}

fn city() -> City {
    let mut city = City::small();
    city.grants.clear();
    city.resources = [GOOD, BY_SUBJECT, NOT_SHARED, QUERY_ONLY, NO_GRANT, REVOKED, SUSPENDED, EXPIRED, QUERY_GRANTED]
        .map(Resource::small)
        .into();
    for resource in &mut city.resources {
        let mut grant = Grant::small(&format!("G-{}", &resource.code[12..]), &resource.code);
        grant.fields.retain(|code| code != "STATE");
        match resource.code.as_str() {
            BY_SUBJECT => resource.by_subject = true,
            NOT_SHARED => {
                resource.share = "not_shared";
                resource.modes.clear();
                resource.legal_basis = Some("《样例法》第一条".to_owned());
            }
            QUERY_ONLY => {
                resource.modes = vec!["query"];
                grant.modes = vec!["query"];
            }
            REVOKED => "revoked".clone_into(&mut grant.state),
            SUSPENDED => "suspended".clone_into(&mut grant.state),
            EXPIRED => grant.valid_until = day(-1),
            QUERY_GRANTED => grant.modes = vec!["query"],
            _ => {}
        }
        if resource.code == EXPIRED {
            grant.valid_from = day(-9);
        }
        if ![NOT_SHARED, NO_GRANT].contains(&resource.code.as_str()) {
            city.grants.push(grant);
        }
    }
    let records = city.records_of(GOOD).to_vec();
    city.records = city.resources.iter().map(|resource| (resource.code.clone(), records.clone())).collect();
    city
}

fn answer_to(exchange: &Exchange, city: &City, faults: &[&Fault]) -> (String, sluice_tests::client::Answer) {
    let mut draft = Draft {
        identity: "ask",
        token: Token::Own,
        resource: GOOD,
        tail: "verify",
        method: "POST",
        headers: Vec::new(),
        body: claim(city, "ID", "NAME"),
    };
    for (name, value) in [
        ("Exchange-Purpose", "P1"),
        ("Exchange-Handler", "h-1"),
        ("Exchange-Matter", "C"),
        ("Content-Type", "application/json"),
    ] {
        set(&mut draft, name, Some(value));
    }
    for fault in faults {
        (fault.make)(&mut draft, city);
    }
    let own = exchange.identity(draft.identity);
    let identity: Identity = match draft.token {
        Token::Own => own,
        Token::Missing => own.without_token(),
        Token::Broken => own.with_token("a.b.c"),
        Token::Foreign => own.with_token(&exchange.identity("other").token.unwrap()),
    };
    let mut call = Call::get(&format!("/v1/resources/{}/{}", draft.resource, draft.tail)).bytes(draft.body);
    draft.method.clone_into(&mut call.method);
    for (name, value) in draft.headers {
        call = value.map_or(call.clone(), |value| call.header(name, &value));
    }
    let what = faults.iter().map(|fault| fault.code).collect::<Vec<_>>().join(" and ");
    (what, exchange.send(&identity, &call))
}

#[test]
fn of_two_faults_the_earlier_answers() {
    let city = city();
    let provider = Provider::of(&city);
    // Hundreds of refusals by one system, faster than the quota of recorded ones on a quick machine.
    let settings = vec![("data.limits.body_bytes_max", 2048.into()), ("limits.refusals_per_second", 100_000.into())];
    let site = Site::serve(&city, &provider.url(), &Changes { settings, ..Changes::default() });
    assert_eq!(answer_to(&site, &city, &[]).1.code(), "ok");
    let asked = provider.questions().len();
    let faults = faults();
    for (at, first) in faults.iter().enumerate() {
        let (what, answer) = answer_to(&site, &city, &[first]);
        problem::check(&what, &answer, first.code);
        for second in faults.iter().skip(at + 1).filter(|second| second.aspect != first.aspect) {
            // The resource decides what these faults of a body mean.
            if second.code == "grant.row_scope" && first.aspect == Aspect::Resource {
                continue;
            }
            let (what, answer) = answer_to(&site, &city, &[first, second]);
            problem::check(&what, &answer, first.code);
        }
    }
    assert_eq!(provider.questions().len(), asked, "no refused call reached the provider");
}
