//! The binding that docks each style of stand-in: an ordinary one, as a department would write it.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use sluice_contract::spec::RestSpec;

use super::{Docked, Style, compare, envelope};

/// The binding of a resource whose stand-in listens on this port.
///
/// # Errors
/// A resource code or item code that the catalogue would not have taken.
pub(crate) fn of(docked: &Docked, port: u16) -> anyhow::Result<RestSpec> {
    let mut binding = Map::new();
    binding.insert("resource".into(), docked.code.clone().into());
    binding.insert("base_url".into(), format!("http://127.0.0.1:{port}").into());
    match docked.style {
        Style::Standard => binding.insert("style".into(), "standard".into()),
        Style::Envelope => binding.insert("query".into(), search(docked)),
        Style::Compare => binding.insert("verify".into(), comparison(docked)),
    };
    Ok(serde_json::from_value(binding.into())?)
}

fn search(docked: &Docked) -> Value {
    let keys = docked.items.iter().filter(|item| item.key);
    let mut query: BTreeMap<String, String> =
        keys.map(|item| (envelope::name(docked, item), format!("{{{}}}", item.code))).collect();
    query.insert(envelope::PAGE_SIZE.to_owned(), "{limit}".to_owned());
    query.insert(envelope::START.to_owned(), "{offset}".to_owned());
    let fields: BTreeMap<&str, String> =
        docked.items.iter().map(|item| (item.code.as_str(), envelope::name(docked, item))).collect();
    let codes: BTreeMap<&str, BTreeMap<String, String>> =
        envelope::coded(docked).map(|item| (item.code.as_str(), codes(docked, &item.code))).into_iter().collect();
    json!({
        "method": "GET",
        "path": envelope::path(&docked.code),
        "query": query,
        "records": "/data/rows",
        "fields": fields,
        "codes": codes,
        "success": { "pointer": "/code", "equals": [envelope::CODE_OK] },
        "not_found": { "pointer": "/code", "equals": [envelope::CODE_NOTHING] },
        "as_of": "/data/gxsj",
        "paging": "offset",
    })
}

/// Their code list: the ten digits that one-character codes of the catalogue have, and whatever
/// else the records hold.
fn codes(docked: &Docked, item: &str) -> BTreeMap<String, String> {
    let held = docked.records.iter().filter_map(|record| super::records::text(record.get(item)?));
    let digits = (0..10).map(|digit: u8| digit.to_string());
    held.chain(digits).map(|value| (envelope::code_of(&value), value)).collect()
}

fn comparison(docked: &Docked) -> Value {
    let status = format!("/{}/{}", compare::HEAD, compare::STATUS);
    let body = format!(
        r#"{{"{}":"{}","{}":{{key.*}},"{}":{{claim.*}}}}"#,
        compare::SERVICE,
        docked.code,
        compare::KEY,
        compare::CLAIMS
    );
    let claimable = docked.items.iter().filter(|item| !item.out);
    let results: BTreeMap<&str, String> =
        claimable.map(|item| (item.code.as_str(), format!("/{}", compare::result_name(docked, &item.code)))).collect();
    json!({
        "comparison": "provider",
        "operation": {
            "method": "POST",
            "path": compare::PATH,
            "body": body,
            "single_record": true,
            "success": { "pointer": status, "equals": [compare::STATUS_FOUND] },
            "not_found": { "pointer": status, "equals": [compare::STATUS_NOBODY] },
            "as_of": format!("/{}/{}", compare::HEAD, compare::TIME),
        },
        "results": results,
        "match": [compare::MATCH],
        "mismatch": [compare::MISMATCH],
        "indeterminate": [compare::INDETERMINATE],
    })
}
