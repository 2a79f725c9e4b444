//! A department whose vendor had its own ideas: GET with a query, names and codes of its own, an
//! envelope in an envelope, HTTP 200 whatever happens, and columns that are nobody else's business.

use std::collections::BTreeMap;

use http::StatusCode;
use serde::Serialize;
use serde_json::value::RawValue;
use sluice_domain::ItemType;

use super::{Docked, DockedItem, query_string, records};
use crate::plain_http::{self, Answer};

/// Status text of an answer with rows.
pub(crate) const CODE_OK: &str = "00";
/// Status text when nothing was found.
pub(crate) const CODE_NOTHING: &str = "0404";
const CODE_ERROR: &str = "9999";
/// Parameter for the most rows wanted.
pub(crate) const PAGE_SIZE: &str = "pageSize";
/// Parameter for how many rows to leave out.
pub(crate) const START: &str = "start";
const PAGE_SIZE_DEFAULT: usize = 10;
/// A column that must never come through: who last touched the row.
const OPERATOR: (&str, &str) = ("czyxm", "系统操作员(样例)");
/// Another one: an internal remark.
const REMARK: (&str, &str) = ("nbbz", "内部备注,不得外传(样例)");

/// Where a resource is searched.
pub(crate) fn path(code: &str) -> String {
    format!("/api/v2/zy{}/search", code.replace('/', "_"))
}

/// Their name of an item, as parameter and as column; the position keeps names apart that differ
/// in case only.
pub(crate) fn name(docked: &Docked, item: &DockedItem) -> String {
    let position = docked.items.iter().position(|other| other.code == item.code).unwrap_or_default();
    format!("f{position:02}_{}", item.code.to_lowercase())
}

/// The one item whose values they write in codes of their own: the first that is a single
/// character and no key.
pub(crate) fn coded(docked: &Docked) -> Option<&DockedItem> {
    docked.items.iter().find(|item| item.kind == ItemType::C && item.length == 1 && !item.key && !item.out)
}

/// Their code of a value.
pub(crate) fn code_of(value: &str) -> String {
    format!("C{value}")
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Envelope {
    code: &'static str,
    msg: &'static str,
    data: Option<Data>,
    trace_id: String,
}

#[derive(Serialize)]
struct Data {
    total: usize,
    gxsj: String,
    rows: Vec<BTreeMap<String, Box<RawValue>>>,
}

/// Answers a search.
pub(crate) fn search(docked: &Docked, query: &str, now_unix_s: i64) -> Answer {
    let Some(asked) = asked(docked, query) else { return enveloped(CODE_ERROR, "参数错误", None, now_unix_s) };
    let found = records::find(docked, &asked.key);
    if found.is_empty() {
        return enveloped(CODE_NOTHING, "未查询到数据", None, now_unix_s);
    }
    let rows = found.iter().skip(asked.start).take(asked.page_size).filter_map(|record| row(docked, record));
    let data = Data { total: found.len(), gxsj: docked.as_of(now_unix_s), rows: rows.collect() };
    enveloped(CODE_OK, "成功", Some(data), now_unix_s)
}

struct Asked {
    key: BTreeMap<String, String>,
    page_size: usize,
    start: usize,
}

/// `None` for a parameter that is not theirs, a bad number, or a key that is no key set. A key
/// parameter without a value counts as not given, as such forms have it.
fn asked(docked: &Docked, query: &str) -> Option<Asked> {
    let mut asked = Asked { key: BTreeMap::new(), page_size: PAGE_SIZE_DEFAULT, start: 0 };
    for (parameter, value) in query_string::decode(query)? {
        match parameter.as_str() {
            PAGE_SIZE => asked.page_size = value.parse().ok()?,
            START => asked.start = value.parse().ok()?,
            _ => {
                let item = docked.items.iter().find(|item| item.key && name(docked, item) == parameter)?;
                if !value.is_empty() {
                    asked.key.insert(item.code.clone(), value);
                }
            }
        }
    }
    records::is_key_set(docked, &asked.key).then_some(asked)
}

fn row(docked: &Docked, record: &records::Record) -> Option<BTreeMap<String, Box<RawValue>>> {
    let coded = coded(docked).map(|item| item.code.as_str());
    let mut row = BTreeMap::new();
    for item in &docked.items {
        let Some(raw) = record.get(&item.code) else { continue };
        let theirs = match records::text(raw) {
            Some(value) if coded == Some(item.code.as_str()) => string(&code_of(&value))?,
            _ => raw.clone(),
        };
        row.insert(name(docked, item), theirs);
    }
    for (column, value) in [OPERATOR, REMARK] {
        row.insert(column.to_owned(), string(value)?);
    }
    Some(row)
}

fn string(text: &str) -> Option<Box<RawValue>> {
    serde_json::value::to_raw_value(text).ok()
}

fn enveloped(code: &'static str, msg: &'static str, data: Option<Data>, now_unix_s: i64) -> Answer {
    let envelope = Envelope { code, msg, data, trace_id: format!("T{now_unix_s:016x}") };
    match serde_json::to_vec(&envelope) {
        Ok(body) => plain_http::json(StatusCode::OK, body),
        Err(_) => plain_http::json(StatusCode::INTERNAL_SERVER_ERROR, "{}"),
    }
}
