//! What only a restart can change: what a running process holds open, and what names its records.

use crate::document::Document;
use crate::fault::Fault;
use crate::settings::Settings;

/// A fault for each key whose written value differs from the one in force and cannot be taken over.
pub(crate) fn refuse_restarts(
    running: &Settings,
    written: &Settings,
    document: &Document<'_>,
    faults: &mut Vec<Fault>,
) {
    for key in differing(running, written) {
        let name = key.rsplit('.').next().unwrap_or(key);
        let message = format!("\"{name}\" cannot change while the gateway runs");
        faults.push(document.fault(key, message, Some(format!("restart the gateway to change {key}"))));
    }
}

fn differing(running: &Settings, written: &Settings) -> Vec<&'static str> {
    let (node, ledger, pace) = (&running.node, &running.ledger, &running.ledger.pace);
    let mut keys = vec![
        ("node.name", node.name == written.node.name),
        ("node.id", node.id == written.node.id),
        ("node.environment", node.environment == written.node.environment),
        ("data.listen", running.data.listen == written.data.listen),
        ("data.workers", running.data.workers == written.data.workers),
        ("ops.listen", running.ops.listen == written.ops.listen),
        ("tokens.cache_entries", running.tokens.pace.cache_entries == written.tokens.pace.cache_entries),
        ("subjects.key", running.subjects.keys == written.subjects.keys),
        ("spool.dir", running.spool.dir == written.spool.dir),
        ("spool.bytes_max", running.spool.bytes_max == written.spool.bytes_max),
        ("log.level", running.log.level == written.log.level),
        ("log.format", running.log.format == written.log.format),
    ];
    let of_ledger = [
        ("ledger.dir", ledger.dir == written.ledger.dir),
        ("ledger.origin", ledger.origin == written.ledger.origin),
        ("ledger.segment_bytes", pace.segment_bytes == written.ledger.pace.segment_bytes),
        ("ledger.commit_window_us", pace.commit_window == written.ledger.pace.commit_window),
        ("ledger.backlog_max", pace.backlog_max == written.ledger.pace.backlog_max),
        ("ledger.checkpoint_interval_ms", pace.checkpoint_interval == written.ledger.pace.checkpoint_interval),
    ];
    keys.extend(of_ledger);
    // Whatever else the section holds belongs to the open ledger as well.
    let is_told = of_ledger.iter().any(|(_, is_same)| !is_same);
    keys.push(("ledger", is_told || ledger == &written.ledger));
    keys.into_iter().filter(|(_, is_same)| !is_same).map(|(key, _)| key).collect()
}
