//! A department that only compares: bodies as public security has them, a match code per item
//! (匹配度代码), and never a record.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value};
use sluice_domain::compare::Verdict;

use super::{Docked, Specification, Style, records};
use crate::plain_http::{self, Answer};

/// Where comparisons are asked for (人口核查).
pub(crate) const PATH: &str = "/rkhc";
/// Member of the request that names the service.
pub(crate) const SERVICE: &str = "FWBS";
/// Member of the request with the key.
pub(crate) const KEY: &str = "HCTJ";
/// Member of the request with the claims.
pub(crate) const CLAIMS: &str = "HCNR";
/// Member of the answer with its status and its time.
pub(crate) const HEAD: &str = "PACKAGEHEAD";
/// Status member of the head.
pub(crate) const STATUS: &str = "FHDM";
/// Time member of the head.
pub(crate) const TIME: &str = "SJSJ";
/// Status of an answer with match codes.
pub(crate) const STATUS_FOUND: &str = "0000";
/// Status when nobody has this key.
pub(crate) const STATUS_NOBODY: &str = "1001";
const STATUS_ERROR: &str = "9001";
/// Match code: 一致.
pub(crate) const MATCH: &str = "1";
/// Match code: 不一致.
pub(crate) const MISMATCH: &str = "0";
/// Match code: 无法比对.
pub(crate) const INDETERMINATE: &str = "9";

/// Member of the answer that tells about an item: the item's code with the customary ending, or the
/// match-code item of the catalogue that is otherwise named after it.
pub(crate) fn result_name(docked: &Docked, code: &str) -> String {
    let customary = format!("{code}_PPDDM");
    let named_after =
        |item: &&super::DockedItem| item.out && item.code.strip_prefix(code).is_some_and(|rest| rest.starts_with('_'));
    match docked.items.iter().find(named_after) {
        Some(item) if docked.item(&customary).is_none() => item.code.clone(),
        _ => customary,
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "UPPERCASE")]
struct Asked {
    fwbs: String,
    hctj: BTreeMap<String, String>,
    #[serde(default)]
    hcnr: BTreeMap<String, String>,
}

/// Answers a comparison.
pub(crate) fn compare(specification: &Specification, body: &Bytes, now_unix_s: i64) -> Answer {
    let Ok(mut asked) = serde_json::from_slice::<Asked>(body) else { return error() };
    let Some(docked) = specification.of_style(Style::Compare).find(|docked| docked.code == asked.fwbs) else {
        return error();
    };
    // An empty member is one that was not filled in.
    asked.hctj.retain(|_, value| !value.is_empty());
    asked.hcnr.retain(|_, value| !value.is_empty());
    if !records::is_key_set(docked, &asked.hctj) {
        return error();
    }
    let time = Some(docked.as_of(now_unix_s));
    let found = records::find(docked, &asked.hctj);
    match records::compare(docked, &found, &asked.hcnr) {
        None => packaged(STATUS_NOBODY, time, Map::new()),
        Some(verdicts) => {
            let codes = verdicts.iter().map(|(code, verdict)| (result_name(docked, code), match_code(*verdict).into()));
            packaged(STATUS_FOUND, time, codes.collect())
        }
    }
}

fn match_code(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Match => MATCH,
        Verdict::Mismatch => MISMATCH,
        Verdict::Indeterminate => INDETERMINATE,
    }
}

fn error() -> Answer {
    packaged(STATUS_ERROR, None, Map::new())
}

fn packaged(status: &str, time: Option<String>, mut body: Map<String, Value>) -> Answer {
    let mut head = Map::new();
    head.insert(STATUS.into(), status.into());
    if let Some(time) = time {
        head.insert(TIME.into(), time.into());
    }
    body.insert(HEAD.into(), head.into());
    plain_http::json(StatusCode::OK, Value::from(body).to_string())
}
