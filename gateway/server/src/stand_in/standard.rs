//! A department that took up the exchange's standard docking interface.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::records::Record;
use super::{Docked, Specification, Style, records};
use crate::plain_http::{self, Answer};

/// Path of the query service.
pub(crate) const QUERY: &str = "/query";
/// Path of the verification service.
pub(crate) const VERIFY: &str = "/verify";

#[derive(Deserialize)]
struct Query {
    resource: String,
    filter: BTreeMap<String, String>,
    fields: Vec<String>,
    limit: usize,
    #[serde(default)]
    offset: usize,
}

#[derive(Serialize)]
struct Found {
    records: Vec<BTreeMap<String, Box<RawValue>>>,
    as_of: String,
}

#[derive(Deserialize)]
struct Verify {
    resource: String,
    subject: BTreeMap<String, String>,
    claims: BTreeMap<String, String>,
}

#[derive(Serialize)]
struct Verified {
    result: &'static str,
    claims: BTreeMap<String, &'static str>,
    as_of: String,
}

/// Answers `POST /query`.
pub(crate) fn query(specification: &Specification, body: &Bytes, now_unix_s: i64) -> Answer {
    let Ok(asked) = serde_json::from_slice::<Query>(body) else { return refused("not a query") };
    let Some(docked) = docked(specification, &asked.resource) else { return refused("no such resource") };
    if !records::is_key_set(docked, &asked.filter) {
        return refused("the filter is no key set");
    }
    let found = records::find(docked, &asked.filter);
    let page = found.iter().skip(asked.offset).take(asked.limit);
    // An item without a value is null, never left out.
    let wanted = |record: &'_ Record| -> BTreeMap<String, Box<RawValue>> {
        asked
            .fields
            .iter()
            .map(|code| (code.clone(), record.get(code).cloned().unwrap_or(RawValue::NULL.to_owned())))
            .collect()
    };
    let records = page.map(|record| wanted(record)).collect();
    ok(&Found { records, as_of: docked.as_of(now_unix_s) })
}

/// Answers `POST /verify`.
pub(crate) fn verify(specification: &Specification, body: &Bytes, now_unix_s: i64) -> Answer {
    let Ok(asked) = serde_json::from_slice::<Verify>(body) else { return refused("not a verification") };
    let Some(docked) = docked(specification, &asked.resource) else { return refused("no such resource") };
    if !records::is_key_set(docked, &asked.subject) {
        return refused("the subject is no key set");
    }
    let compared = records::compare(docked, &records::find(docked, &asked.subject), &asked.claims);
    let result = if compared.is_some() { "found" } else { "not_found" };
    let claims = compared.unwrap_or_default();
    let claims = claims.into_iter().map(|(code, verdict)| (code, verdict.as_str())).collect();
    ok(&Verified { result, claims, as_of: docked.as_of(now_unix_s) })
}

fn docked<'a>(specification: &'a Specification, code: &str) -> Option<&'a Docked> {
    specification.of_style(Style::Standard).find(|docked| docked.code == code)
}

fn ok(answer: &impl Serialize) -> Answer {
    match serde_json::to_vec(answer) {
        Ok(body) => plain_http::json(StatusCode::OK, body),
        Err(_) => plain_http::json(StatusCode::INTERNAL_SERVER_ERROR, "{}"),
    }
}

fn refused(why: &'static str) -> Answer {
    let body = serde_json::json!({ "error": why }).to_string();
    plain_http::json(StatusCode::BAD_REQUEST, body)
}
