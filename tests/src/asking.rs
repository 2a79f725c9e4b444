//! Well-formed calls for whatever a city offers.

use serde_json::{Map, Value, json};

use crate::city::{City, Item, Record, Resource};
use crate::client::Call;
use crate::identifiers;
use crate::rights::Ask;
use crate::seed::Seed;

/// The text that a caller sends for an item of a record: strings decoded, numbers by their digits.
pub fn text_of(record: &Record, code: &str) -> Option<String> {
    let raw = record.iter().find(|(name, _)| name == code).map(|(_, raw)| raw.as_str())?;
    match serde_json::from_str(raw) {
        Ok(Value::String(text)) => Some(text),
        Ok(Value::Null) | Err(_) => None,
        Ok(_) => Some(raw.to_owned()),
    }
}

/// The value that a caller sends for an item: that of the record, else one of the right form.
pub fn value(item: &Item, record: Option<&Record>) -> String {
    if let Some(text) = record.and_then(|record| text_of(record, &item.code)) {
        return text;
    }
    let mut seed = Seed::repeat(item.length + 7);
    match (item.semantic.as_deref(), item.kind.as_str()) {
        (Some("cn_id18"), _) => identifiers::citizen(&mut seed),
        (Some("uscc"), _) => identifiers::organisation(&mut seed),
        (Some("mobile"), _) => "13800000000".to_owned(),
        (_, "D") => "2020-02-20".to_owned(),
        (_, "N" | "Y" | "B" | "I" | "F") => "1".to_owned(),
        _ => "0".to_owned(),
    }
}

/// The values of several items as members of an object.
pub fn values(resource: &Resource, codes: &[String], record: Option<&Record>) -> Map<String, Value> {
    codes.iter().map(|code| (code.clone(), json!(value(resource.item(code), record)))).collect()
}

/// The call that asks this about a record, by an active handler of the party.
pub fn call(city: &City, ask: &Ask<'_>, record: Option<&Record>) -> Call {
    let resource = city.resource(ask.resource);
    let key = values(resource, &ask.key, record);
    let fields = ask.fields.clone();
    let body = match ask.mode {
        "verify" => json!({"subject": key, "claims": values(resource, &fields.unwrap_or_default(), record)}),
        _ => fields.map_or_else(|| json!({"filter": key}), |fields| json!({"filter": key, "fields": fields})),
    };
    let call = Call::service(ask.resource, ask.mode, &body).by(ask.purpose, city.handler(ask.party), "CASE-1");
    if ask.matter { call } else { call.without("Exchange-Matter") }
}
