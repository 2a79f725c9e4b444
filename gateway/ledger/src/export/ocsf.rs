//! Records as OCSF events of class 6003, API Activity, for a security department's collector. What OCSF has no place
//! for stands in `unmapped`. The event names log, index and leaf hash, so that any event can be proven.

use serde_json::{Map, Value, json};

use crate::archive::Leaf;
use crate::record::{Access, Decision, Method, Outcome, Record, RecordError, Subjects, hex};

/// Version of the schema that the events follow.
pub const OCSF_VERSION: &str = "1.6.0";
const CATEGORY: u32 = 6;
const CLASS: u32 = 6003;
/// Activities of the class.
const CREATE: u32 = 1;
const READ: u32 = 2;
const UPDATE: u32 = 3;
const DELETE: u32 = 4;
const OTHER: u32 = 99;

/// The event of a record.
///
/// # Errors
/// The leaf is no record of a known version.
pub fn ocsf_event(origin: &str, leaf: &Leaf) -> Result<Value, RecordError> {
    let record = leaf.record()?;
    let mut unmapped = match record.to_json() {
        Value::Object(fields) => fields,
        _ => Map::new(),
    };
    let mut event = Map::new();
    let activity = activity(&record);
    let head = record.head();
    merge(
        &mut event,
        json!({
            "activity_id": activity, "activity_name": name(activity), "category_uid": CATEGORY, "class_uid": CLASS,
            "type_uid": CLASS * 100 + activity, "time": head.wall_us / 1_000, "message": record.kind().name(),
            "severity_id": 1, "severity": "Informational",
        }),
    );
    let mut metadata = json!({
        "version": OCSF_VERSION, "uid": format!("{origin}#{}", leaf.index), "log_name": origin,
        "log_version": unmapped.get("ver"), "logged_time": head.wall_us / 1_000, "sequence": leaf.index,
        "product": { "name": "Sluice", "vendor_name": "Sluice" },
    });
    match &record {
        Record::Access(access) => {
            if let Some(metadata) = metadata.as_object_mut() {
                metadata.insert("correlation_uid".to_owned(), unmapped.get("request_id").cloned().unwrap_or_default());
            }
            self::access(access, &mut unmapped, &mut event);
        }
        Record::Outcome(outcome) => self::outcome(outcome, &mut unmapped, &mut event),
        _ => merge(&mut event, json!({ "status_id": 1, "status": "Success" })),
    }
    if let Some(metadata) = metadata.as_object_mut()
        && let Record::Outcome(Outcome { ref_ctr, .. }) | Record::Subjects(Subjects { ref_ctr, .. }) = &record
    {
        // The access has the same node, worker and epoch.
        let key = format!("{}-{}-{}-{ref_ctr}", head.key.boot_epoch, head.key.node, head.key.worker);
        metadata.insert("original_event_uid".to_owned(), key.into());
    }
    for taken in ["ver", "ts_wall_us"] {
        unmapped.remove(taken);
    }
    let key = format!("{}-{}-{}-{}", head.key.boot_epoch, head.key.node, head.key.worker, head.key.ctr);
    unmapped.insert("request_key".to_owned(), key.into());
    unmapped.insert("leaf_hash".to_owned(), leaf.durable().leaf_base64().into());
    event.insert("metadata".to_owned(), metadata);
    event.insert("unmapped".to_owned(), unmapped.into());
    Ok(event.into())
}

fn access(access: &Access<'_>, unmapped: &mut Map<String, Value>, event: &mut Map<String, Value>) {
    let is_permitted = access.decision == Decision::Permit;
    let mut take = |name: &str| unmapped.remove(name).filter(|value| value != "").unwrap_or_default();
    let (party, system, handler) = (take("consumer_party"), take("consumer_system"), take("handler"));
    let (provider, resource) = (take("provider_party"), take("resource"));
    let request_id = take("request_id");
    let (operation, mode, version) = (take("operation"), take("mode"), take("resource_version"));
    let subjects: Vec<Value> = access
        .subjects
        .tags
        .iter()
        .map(|subject| json!({ "type": "data subject", "uid": hex(&subject.tag) }))
        .collect();
    merge(
        event,
        json!({
            "status_id": if is_permitted { 1 } else { 2 }, "status": if is_permitted { "Success" } else { "Failure" },
            "status_code": take("code"), "severity_id": if is_permitted { 1 } else { 2 },
            "severity": if is_permitted { "Informational" } else { "Low" },
            "action_id": if is_permitted { 1 } else { 2 }, "action": if is_permitted { "Allowed" } else { "Denied" },
            "actor": {
                "user": { "uid": handler, "org": { "uid": party } }, "app_uid": system,
                "session": { "credential_uid": take("client_cert_fp") },
            },
            "src_endpoint": { "ip": take("src_ip"), "port": take("src_port"), "interface_name": take("listener") },
            "dst_endpoint": { "name": provider, "svc_name": resource },
            "api": {
                "service": { "name": resource }, "operation": if operation.is_null() { mode } else { operation },
                "version": version, "request": { "uid": request_id },
            },
            "http_request": { "http_method": take("method"), "url": { "path": take("path_template") } },
            "resources": std::iter::once(json!({ "name": resource, "uid": take("resource_id_tag"), "type": "resource" }))
                .chain(subjects).collect::<Vec<_>>(),
            "authorizations": [{
                "decision": take("decision"),
                "policy": { "uid": take("grant"), "version": take("policy_revision"), "desc": take("purpose") },
            }],
            "raw_data_hash": access.request_digest.map(|_| json!({
                "algorithm_id": OTHER, "algorithm": "HMAC-SHA-256", "value": take("request_digest"),
            })),
        }),
    );
}

fn outcome(outcome: &Outcome<'_>, unmapped: &mut Map<String, Value>, event: &mut Map<String, Value>) {
    let is_success = outcome.origin_code.is_empty() && !outcome.aborted;
    let mut take = |name: &str| unmapped.remove(name).filter(|value| value != "").unwrap_or_default();
    merge(
        event,
        json!({
            "status_id": if is_success { 1 } else { 2 }, "status": if is_success { "Success" } else { "Failure" },
            "status_code": take("origin_code"), "duration": outcome.duration_us / 1_000, "count": take("rows_returned"),
            "http_response": {
                "code": take("http_status"), "length": take("response_bytes"), "latency": outcome.upstream_us / 1_000,
            },
        }),
    );
}

/// What a caller does to a resource: reading, unless the method says otherwise.
fn activity(record: &Record<'_>) -> u32 {
    let Record::Access(access) = record else { return OTHER };
    match (access.mode, access.method) {
        ("verify" | "query", _) | (_, Method::Get | Method::Head | Method::Options) => READ,
        (_, Method::Post) => CREATE,
        (_, Method::Put | Method::Patch) => UPDATE,
        (_, Method::Delete) => DELETE,
        (_, Method::Other) => OTHER,
    }
}

fn name(activity: u32) -> &'static str {
    match activity {
        CREATE => "Create",
        READ => "Read",
        UPDATE => "Update",
        DELETE => "Delete",
        _ => "Other",
    }
}

/// Adds members that have a value, at any depth.
fn merge(event: &mut Map<String, Value>, more: Value) {
    if let Value::Object(more) = without_nulls(more) {
        event.extend(more);
    }
}

fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let kept = members.into_iter().map(|(name, value)| (name, without_nulls(value)));
            Value::Object(kept.filter(|(_, value)| !value.is_null()).collect())
        }
        Value::Array(values) => Value::Array(values.into_iter().map(without_nulls).collect()),
        other => other,
    }
}
