//! A segment whose bytes are fixed for ever: what was written once can be read, and is written the same.

use std::path::Path;

use super::support::{access, head, outcome};
use crate::frame::{self, FrameHeader};
use crate::hash::{Hash, leaf_hash};
use crate::note::Signer;
use crate::record::{
    Clock, Heartbeat, Notice, NoticeKind, Record, Recovery, RejectSummary, SubjectTag, SubjectTags, Subjects, TagList,
};
use crate::salt::SaltKey;
use crate::segment::{self, SegmentHeader};
use crate::storage::{DirStorage, replace};
use crate::tree::Frontier;
use crate::{Checkpoint, RequestKey, read, verify};

/// The used part of the segment; zeros follow up to `SEGMENT_BYTES`.
const SEGMENT: &[u8] = include_bytes!("golden/segment.bin");
/// The records as JSON, one a line.
const RECORDS: &str = include_str!("golden/records.ndjson");
/// The checkpoint over them.
const CHECKPOINT: &str = include_str!("golden/checkpoint");
const SEGMENT_BYTES: u64 = 256 * 1024;
const ORIGIN: &str = "golden.example/ledger/1";
/// Ed25519 signs the same text with the same key in the same way.
const SECRET: &str = "PRIVATE+KEY+golden.example/ledger/1+@ID@+AQICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIC";
const SALT_KEY: [u8; 32] = [9; 32];
const TAGS: [SubjectTag; 3] = [
    SubjectTag { id_type: 1, tag: [0x11; 16] },
    SubjectTag { id_type: 2, tag: [0x22; 16] },
    SubjectTag { id_type: 1, tag: [0x33; 16] },
];

fn key(ctr: u64) -> RequestKey {
    RequestKey { boot_epoch: 1, node: 7, worker: 2, ctr }
}

/// One record of every kind, every field set.
fn records() -> Vec<Vec<u8>> {
    let subjects = SubjectTags { key_epoch: 682, total: 3, part: 0, tags: TagList::Given(&TAGS) };
    let full = crate::record::Access {
        subjects,
        operation: "read",
        resource_id_tag: Some([5; 16]),
        legal_basis: "law",
        request_digest: Some([6; 32]),
        trace_id: Some([4; 16]),
        ..access(key(1))
    };
    let notice = |kind| Notice {
        kind,
        head: head(key(5)),
        actor: "a",
        action: "policy.reloaded",
        object: "o",
        reason: "r",
        data: &[1, 2],
    };
    let kinds = [
        NoticeKind::Admin,
        NoticeKind::Query,
        NoticeKind::Key,
        NoticeKind::Retention,
        NoticeKind::Redaction,
        NoticeKind::Segment,
    ];
    let more = SubjectTags { part: 1, ..subjects };
    let client = [1, 2, 3];
    let summary = RejectSummary {
        head: head(key(4)),
        window_s: 1_700_000_000,
        listener: "data",
        reason: "limit.refusals",
        client: &client,
        count: 12,
    };
    let all = [
        Record::Heartbeat(Heartbeat { head: head(key(0)), size: 0 }),
        Record::Access(full),
        Record::Access(access(key(3))),
        Record::Outcome(outcome(key(2), 1)),
        Record::Subjects(Subjects { head: head(key(3)), ref_ctr: 1, subjects: more }),
        Record::RejectSummary(summary),
        Record::Recovery(Recovery { head: head(key(6)), segment: 1, offset: 2, bytes: 3, sha256: [4; 32] }),
        Record::Clock(Clock { head: head(key(7)), expected_us: 5 }),
    ];
    let encode = |record: &Record<'_>| {
        let mut cbor = Vec::new();
        record.encode_into(&mut cbor);
        cbor
    };
    all.iter().map(encode).chain(kinds.map(|kind| encode(&Record::Notice(notice(kind))))).collect()
}

/// Segment header and two frames.
fn segment_of(records: &[Vec<u8>]) -> (Vec<u8>, Frontier) {
    let mut frontier = Frontier::new();
    let header = SegmentHeader {
        number: 0,
        first_leaf_index: 0,
        prev_root: frontier.root(),
        prev_end_offset: 0,
        first_batch_no: 0,
        boot_epoch: 1,
        created_us: 1_700_000_000_000_000,
        segment_bytes: SEGMENT_BYTES,
        origin_hash: segment::origin_hash(ORIGIN),
    };
    let mut bytes = header.encode();
    let salts = SaltKey::from_bytes(1, &SALT_KEY);
    for (batch_no, batch) in (0..).zip(records.chunks(5)) {
        let mut buffer = Vec::new();
        frame::begin(&mut buffer);
        let (first_index, prev_root) = (frontier.size(), frontier.root());
        for (cbor, ctr) in batch.iter().zip(first_index + 1..) {
            frame::push_entry(&mut buffer, 2, ctr, cbor);
            let leaf: Vec<u8> = salts.salt(2, ctr).into_iter().chain(cbor.iter().copied()).collect();
            frontier.push(leaf_hash(&leaf));
        }
        let header = FrameHeader {
            batch_no,
            first_index,
            count: u32::try_from(batch.len()).unwrap(),
            body_len: frame::body_len(&buffer),
            ts_us: 1_700_000_000_000_001,
            prev_root,
            root_after: frontier.root(),
            boot_epoch: 1,
        };
        frame::finish(&mut buffer, &header);
        bytes.extend_from_slice(&buffer);
    }
    (bytes, frontier)
}

fn signer() -> Signer {
    let id = crate::hash::sha256(&public_bytes())[..4].iter().fold(String::new(), |id, byte| format!("{id}{byte:02x}"));
    Signer::parse(&SECRET.replace("@ID@", &id)).unwrap()
}

/// What the id in the key text is made of.
fn public_bytes() -> Vec<u8> {
    use aws_lc_rs::signature::KeyPair as _;
    let pair = aws_lc_rs::signature::Ed25519KeyPair::from_seed_unchecked(&[2; 32]).unwrap();
    [ORIGIN.as_bytes(), b"\n\x01", pair.public_key().as_ref()].concat()
}

fn lay_out(dir: &Path) {
    let disk = DirStorage::new(dir);
    for folder in ["seg", "keys"] {
        std::fs::create_dir_all(dir.join(folder)).unwrap();
    }
    let mut segment = SEGMENT.to_vec();
    segment.resize(usize::try_from(SEGMENT_BYTES).unwrap(), 0);
    let vkey = format!("{}\n", signer().verifier().to_text());
    for (folder, name, content) in [
        ("", "origin", format!("{ORIGIN}\n").as_bytes()),
        ("", "checkpoint", CHECKPOINT.as_bytes()),
        ("keys", "salt-0000000001.key", &SALT_KEY),
        ("keys", "checkpoint.vkey", vkey.as_bytes()),
        ("seg", "00000000.wal", &segment),
    ] {
        replace(&disk, folder, name, content).unwrap();
    }
}

#[test]
fn the_golden_segment_is_written_the_same_for_ever() {
    let (bytes, frontier) = segment_of(&records());
    let head = crate::tree::TreeHead { size: frontier.size(), root: frontier.root() };
    let checkpoint = Checkpoint::sign(&signer(), head);
    if let Some(folder) = std::env::var_os("SLUICE_NEW_GOLDEN") {
        // For a first version of a format only: what stands there must never change.
        let folder = Path::new(&folder).to_path_buf();
        std::fs::write(folder.join("segment.bin"), &bytes).unwrap();
        std::fs::write(folder.join("checkpoint"), checkpoint.note()).unwrap();
        let lines: Vec<String> =
            records().iter().map(|cbor| format!("{}\n", Record::decode(cbor).unwrap().to_json())).collect();
        std::fs::write(folder.join("records.ndjson"), lines.concat()).unwrap();
        return;
    }
    assert!(bytes == SEGMENT, "the format of segments or records changed");
    assert_eq!(checkpoint.note(), CHECKPOINT);
}

#[test]
fn the_golden_segment_is_read_and_verified_for_ever() {
    let dir = tempfile::tempdir().unwrap();
    lay_out(dir.path());
    let report = verify(dir.path(), Some(signer().verifier()), |_| {});
    assert_eq!((report.fault, report.head.size), (None, 14));
    let ledger = read(dir.path()).unwrap();
    let lines = RECORDS.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    for (index, line) in (0..).zip(lines) {
        let leaf = ledger.leaf(index).unwrap();
        assert_eq!(leaf.record().unwrap().to_json(), line, "record {index}");
    }
    let hashes: Vec<Hash> = ledger.leaves(0).unwrap().map(|leaf| *leaf.unwrap().durable().leaf_hash()).collect();
    assert_eq!(hashes.len(), 14);
}
