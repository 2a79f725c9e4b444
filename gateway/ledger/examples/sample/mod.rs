//! Records as a gateway writes them, and the CPU time of this process.

use std::error::Error;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use sluice_ledger::RequestKey;
use sluice_ledger::record::{Access, Decision, Head, Method, Outcome, SubjectTag, SubjectTags, TagList};

const TAGS: [SubjectTag; 1] = [SubjectTag { id_type: 1, tag: [8; 16] }];

/// A monotonic time.
#[expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// CPU time of all threads that have run so far, those that ended included.
pub(crate) fn cpu() -> Result<Duration, Box<dyn Error>> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<u64>().ok()).ok_or("stat");
    // USER_HZ is 100 on Linux.
    Ok(Duration::from_millis((ticks(11)? + ticks(12)?) * 10))
}

fn head(key: RequestKey) -> Head {
    Head { wall_us: 1_700_000_000_000_000, mono_us: 5_000_000, key }
}

/// A permitted query about one person.
pub(crate) fn access(key: RequestKey) -> Access<'static> {
    Access {
        head: head(key),
        consumer_party: "rs",
        consumer_system: "rs.main",
        handler: "H-0007",
        client_cert_fp: Some([7; 16]),
        src_ip: Ipv4Addr::LOCALHOST.into(),
        src_port: 40_000,
        listener: "data",
        provider_party: "ga",
        resource: "101001001/000001",
        resource_version: "3",
        operation: "",
        method: Method::Post,
        path_template: "/v1/resources/{code}/query",
        resource_id_tag: None,
        level: 3,
        categories: 1,
        subjects: SubjectTags { key_epoch: 682, total: 1, part: 0, tags: TagList::Given(&TAGS) },
        purpose: "social_assistance",
        legal_basis: "",
        matter_tag: Some([9; 16]),
        grant: "G-0001",
        policy_revision: "12",
        snapshot_revision: "s-77",
        decision: Decision::Permit,
        code: "",
        request_digest: None,
        disclosed: &[0b1011],
        masked: &[0b0010],
        risk_flags: 0,
        request_id: [1; 16],
        mode: "query",
        share_type: "conditional",
        flags: 0,
        units: 1,
        trace_id: None,
    }
}

/// Its outcome.
pub(crate) fn outcome(key: RequestKey, ref_ctr: u64) -> Outcome<'static> {
    Outcome {
        head: head(key),
        ref_ctr,
        subjects: SubjectTags::none(),
        response_digest: None,
        http_status: 200,
        response_bytes: 289,
        duration_us: 1_800,
        upstream_us: 900,
        origin_code: "",
        aborted: false,
        rows: 1,
    }
}
