//! Records as a gateway writes them, for examples, tests and measurements.

use std::net::Ipv4Addr;

use sluice_ledger::RequestKey;
use sluice_ledger::record::{Access, Decision, Head, Method, Outcome, SubjectTags};

/// Elements 2–4.
pub(crate) fn head(key: RequestKey) -> Head {
    Head { wall_us: 1_700_000_000_000_000, mono_us: 5, key }
}

/// A permitted query that names nobody.
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
        subjects: SubjectTags::none(),
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
