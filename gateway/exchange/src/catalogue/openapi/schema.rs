//! JSON Schemas (2020-12) of what is sent and answered, from the items of a resource.

use serde_json::{Map, Value, json};
use sluice_domain::{Item, ItemSet, ItemType, Resource, Semantic};

use crate::ask::BATCH_MAX;
use crate::catalogue::rights::ModeRights;

/// What a verify body looks like: one subject, or a batch of them.
pub(super) fn verify_request(resource: &Resource, rights: &ModeRights) -> Value {
    let claims = properties(resource, &claimable(resource, rights), sent);
    let one = json!({
        "type": "object",
        "required": ["subject", "claims"],
        "additionalProperties": false,
        "properties": {
            "subject": keys(resource, rights),
            "claims": { "type": "object", "minProperties": 1, "additionalProperties": false, "properties": claims },
        },
    });
    let batch = json!({
        "type": "object",
        "required": ["items"],
        "additionalProperties": false,
        "properties": { "items": { "type": "array", "minItems": 1, "maxItems": BATCH_MAX, "items": one } },
    });
    json!({ "oneOf": [one, batch] })
}

/// What a verify answer looks like.
pub(super) fn verify_answer(resource: &Resource, rights: &ModeRights) -> Value {
    let verdict = |_: &Item| json!({ "enum": ["match", "mismatch", "indeterminate"] });
    let one = json!({
        "type": "object",
        "required": ["result", "claims", "as_of"],
        "additionalProperties": false,
        "properties": {
            "result": { "enum": ["match", "mismatch", "indeterminate", "not_found"] },
            "claims": {
                "type": "object",
                "additionalProperties": false,
                "properties": properties(resource, &claimable(resource, rights), verdict),
            },
            "as_of": { "type": "string", "format": "date-time" },
        },
    });
    let batch = json!({
        "type": "object",
        "required": ["results"],
        "additionalProperties": false,
        "properties": { "results": { "type": "array", "maxItems": BATCH_MAX, "items": one } },
    });
    json!({ "oneOf": [one, batch] })
}

/// What a query body looks like.
pub(super) fn query_request(resource: &Resource, rights: &ModeRights) -> Value {
    let given = given(resource, rights);
    let fields: Vec<&str> = resource.items_of(&given).map(|(_, item)| item.code.as_str()).collect();
    json!({
        "type": "object",
        "required": ["filter"],
        "additionalProperties": false,
        "properties": {
            "filter": keys(resource, rights),
            "fields": {
                "type": ["array", "null"], "minItems": 1, "uniqueItems": true,
                "items": { "type": "string", "enum": fields },
            },
            "limit": { "type": ["integer", "null"], "minimum": 1, "maximum": u32::MAX, "default": 20 },
            "cursor": { "type": ["string", "null"] },
        },
    })
}

/// What a query answer looks like: each item as this party sees it.
pub(super) fn query_answer(resource: &Resource, rights: &ModeRights) -> Value {
    let (fields, clear, masked) = rights.fields();
    let item = |(at, item): (usize, &Item)| {
        let masked_text = json!({ "type": ["string", "null"], "title": item.name });
        let schema = match (clear.contains(at), masked.contains(at)) {
            (true, false) => answered(item),
            (true, true) => json!({ "anyOf": [answered(item), masked_text] }),
            _ => masked_text,
        };
        (item.code.to_string(), schema)
    };
    let fields = if rights.ways.is_empty() { given(resource, rights) } else { fields };
    let record: Map<String, Value> = resource.items_of(&fields).map(item).collect();
    json!({
        "type": "object",
        "required": ["records", "next_cursor", "as_of"],
        "additionalProperties": false,
        "properties": {
            "records": {
                "type": "array",
                "items": { "type": "object", "additionalProperties": false, "properties": record },
            },
            "next_cursor": { "type": ["string", "null"] },
            "as_of": { "type": "string", "format": "date-time" },
        },
    })
}

/// A problem document (RFC 9457).
pub(super) fn problem() -> Value {
    let text = || json!({ "type": "string" });
    json!({
        "type": "object",
        "required": ["type", "title", "status", "detail", "code", "origin", "request_id", "retryable"],
        "properties": {
            "type": text(), "title": text(), "detail": text(), "instance": text(), "code": text(),
            "status": { "type": "integer" },
            "origin": { "enum": ["caller", "exchange", "provider"] },
            "rule": { "type": ["string", "null"] },
            "article": { "type": ["string", "null"] },
            "next_step": text(), "request_id": text(),
            "retryable": { "type": "boolean" },
        },
    })
}

/// Items that may be given out: what is granted, or all of them while nothing is.
fn given(resource: &Resource, rights: &ModeRights) -> ItemSet {
    if rights.ways.is_empty() { ItemSet::first(resource.items.len()) } else { rights.fields().0 }
}

/// Items that may be claimed: never what the provider makes.
pub(super) fn claimable(resource: &Resource, rights: &ModeRights) -> ItemSet {
    let given = given(resource, rights);
    resource.items_of(&given).filter(|(_, item)| !item.out).map(|(at, _)| at).collect()
}

/// The key sets that a call may name: those that are granted, or all of them while nothing is.
pub(super) fn key_sets(resource: &Resource, rights: &ModeRights) -> Vec<ItemSet> {
    if rights.ways.is_empty() { resource.key_sets.clone() } else { rights.key_sets(&resource.key_sets) }
}

fn keys(resource: &Resource, rights: &ModeRights) -> Value {
    let set = |set: &ItemSet| {
        let required: Vec<&str> = resource.items_of(set).map(|(_, item)| item.code.as_str()).collect();
        json!({
            "type": "object",
            "required": required,
            "additionalProperties": false,
            "properties": properties(resource, set, sent),
        })
    };
    let mut sets: Vec<Value> = key_sets(resource, rights).iter().map(set).collect();
    match sets.len() {
        1 => sets.remove(0),
        _ => json!({ "oneOf": sets }),
    }
}

fn properties(resource: &Resource, set: &ItemSet, schema: impl Fn(&Item) -> Value) -> Map<String, Value> {
    resource.items_of(set).map(|(_, item)| (item.code.to_string(), schema(item))).collect()
}

/// A value that a caller sends: always a text.
fn sent(item: &Item) -> Value {
    let mut schema = json!({ "type": "string", "title": item.name, "minLength": 1 });
    let Value::Object(members) = &mut schema else { return schema };
    let pattern = match item.semantic {
        _ if item.kind.is_number() => Some(r"^[+-]?[0-9][0-9,]*(\.[0-9]+)?$"),
        Some(Semantic::CnId18) => Some("^[0-9]{17}[0-9Xx]$"),
        Some(Semantic::Uscc) => Some("^[0-9A-HJ-NP-RTUW-Ya-hj-np-rtuw-y]{18}$"),
        Some(Semantic::Mobile) => Some("^1[0-9]{10}$"),
        _ => None,
    };
    members.extend(pattern.map(|pattern| ("pattern".to_owned(), pattern.into())));
    let is_measured = item.length > 0 && !item.kind.is_number() && item.kind != ItemType::D;
    members.extend(is_measured.then(|| ("maxLength".to_owned(), item.length.into())));
    schema
}

/// A value that an answer shows in clear, in the provider's own digits.
fn answered(item: &Item) -> Value {
    let kind = match item.kind {
        kind if kind.is_number() => "number",
        kind if kind.is_boolean() => "boolean",
        _ => "string",
    };
    let mut schema = json!({ "type": [kind, "null"], "title": item.name });
    let is_measured = item.length > 0 && kind == "string" && !matches!(item.kind, ItemType::D | ItemType::T);
    if let (true, Value::Object(members)) = (is_measured, &mut schema) {
        members.insert("maxLength".to_owned(), item.length.into());
    }
    schema
}
