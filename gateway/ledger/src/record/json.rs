//! A record as JSON for people and scripts: the table's names, bytes in lower-case hex.

use std::fmt::Write;

use serde_json::{Map, Value, json};

use super::access::{Access, Decision};
use super::tags::SubjectTags;
use super::{Outcome, Record, VERSION};

impl Record<'_> {
    /// The record under the names of the field table. Rows that do not apply are absent.
    pub fn to_json(&self) -> Value {
        let head = self.head();
        let mut fields = Map::new();
        let common = json!({
            "ver": VERSION, "kind": self.kind().name(), "ts_wall_us": head.wall_us, "ts_mono_us": head.mono_us,
            "boot_epoch": head.key.boot_epoch, "node": head.key.node, "worker": head.key.worker, "ctr": head.key.ctr,
        });
        extend(&mut fields, common);
        extend(
            &mut fields,
            match self {
                Self::Access(record) => access(record),
                Self::Outcome(record) => outcome(record),
                Self::Subjects(record) => {
                    json!({ "ref_ctr": record.ref_ctr, "subjects": subjects(&record.subjects) })
                }
                Self::RejectSummary(record) => json!({
                    "window_s": record.window_s, "listener": record.listener, "reason": record.reason,
                    "client": hex(record.client), "count": record.count,
                }),
                Self::Notice(record) => json!({
                    "actor": record.actor, "action": record.action, "object": record.object, "reason": record.reason,
                    "data": hex(record.data),
                }),
                Self::Recovery(record) => json!({
                    "segment": record.segment, "offset": record.offset, "bytes": record.bytes,
                    "sha256": hex(&record.sha256),
                }),
                Self::Clock(record) => json!({ "expected_us": record.expected_us }),
                Self::Heartbeat(record) => json!({ "size": record.size }),
            },
        );
        Value::Object(fields)
    }
}

fn extend(fields: &mut Map<String, Value>, more: Value) {
    if let Value::Object(more) = more {
        fields.extend(more.into_iter().filter(|(_, value)| !value.is_null()));
    }
}

fn access(record: &Access<'_>) -> Value {
    let mut fields = Map::new();
    extend(
        &mut fields,
        json!({
            "consumer_party": record.consumer_party, "consumer_system": record.consumer_system,
            "handler": record.handler, "client_cert_fp": record.client_cert_fp.map(|fp| hex(&fp)),
            "src_ip": record.src_ip, "src_port": record.src_port, "listener": record.listener,
            "provider_party": record.provider_party, "resource": record.resource,
            "resource_version": record.resource_version, "operation": record.operation,
            "method": record.method.name(), "path_template": record.path_template,
            "resource_id_tag": record.resource_id_tag.map(|tag| hex(&tag)),
            "level": record.level, "categories": record.categories, "subjects": subjects(&record.subjects),
        }),
    );
    extend(
        &mut fields,
        json!({
            "purpose": record.purpose, "legal_basis": record.legal_basis,
            "matter_tag": record.matter_tag.map(|tag| hex(&tag)),
            "grant": record.grant, "policy_revision": record.policy_revision,
            "snapshot_revision": record.snapshot_revision,
            "decision": if record.decision == Decision::Permit { "permit" } else { "deny" }, "code": record.code,
            "request_digest": record.request_digest.map(|digest| hex(&digest)),
            "fields_mask": hex(record.disclosed), "masked_mask": hex(record.masked), "risk_flags": record.risk_flags,
            "request_id": uuid(&record.request_id), "mode": record.mode, "share_type": record.share_type,
            "flags": record.flags, "units": record.units, "trace_id": record.trace_id.map(|id| hex(&id)),
        }),
    );
    Value::Object(fields)
}

fn outcome(record: &Outcome<'_>) -> Value {
    let mut fields = json!({
        "ref_ctr": record.ref_ctr, "subjects": subjects(&record.subjects), "http_status": record.http_status,
        "response_bytes": record.response_bytes, "duration_us": record.duration_us,
        "upstream_us": record.upstream_us, "origin_code": record.origin_code, "aborted": record.aborted,
        "rows_returned": record.rows,
    });
    // Younger than the first records: it stands only where there is one.
    if let (Some(digest), Value::Object(fields)) = (record.response_digest, &mut fields) {
        fields.insert("response_digest".to_owned(), hex(&digest).into());
    }
    fields
}

fn subjects(subjects: &SubjectTags<'_>) -> Value {
    let tags: Vec<Value> =
        subjects.tags.iter().map(|subject| json!({ "type": subject.id_type, "tag": hex(&subject.tag) })).collect();
    json!({ "epoch": subjects.key_epoch, "total": subjects.total, "part": subjects.part, "tags": tags })
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _infallible = write!(text, "{byte:02x}");
        text
    })
}

/// Canonical text form of the request id, as callers saw it in `Exchange-Request-Id`.
fn uuid(bytes: &[u8; 16]) -> String {
    let mut text = hex(bytes);
    for at in [20, 16, 12, 8] {
        text.insert(at, '-');
    }
    text
}
