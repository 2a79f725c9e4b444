//! Records survive the round trip byte for byte, stay small, and bad bytes are refused.

use crate::RequestKey;
use crate::appender::CBOR_BYTES_MAX;
use crate::record::{
    Clock, Heartbeat, Notice, NoticeKind, Outcome, Record, Recovery, RejectSummary, SUBJECTS_PER_RECORD_MAX,
    SubjectTag, SubjectTags, Subjects, TagList,
};
use crate::tests::support::{access, head};

const KEY: RequestKey = RequestKey { boot_epoch: 3, node: 1, worker: 2, ctr: 70_000 };

fn tags(count: usize) -> Vec<SubjectTag> {
    let types = [1, 2, 1, 4];
    let tag = |at: usize| {
        let mut tag = [0; 16];
        tag[..8].copy_from_slice(&(at as u64).to_be_bytes());
        SubjectTag { id_type: types[at % types.len()], tag }
    };
    (0..count).map(tag).collect()
}

fn subjects(tags: &[SubjectTag]) -> SubjectTags<'_> {
    let total = u32::try_from(tags.len()).unwrap();
    SubjectTags { key_epoch: 11, total, part: 0, tags: TagList::Given(tags) }
}

fn check(record: &Record<'_>, bytes_max: usize, names: &[&str]) {
    let mut first = Vec::new();
    record.encode_into(&mut first);
    let read = Record::decode(&first).unwrap();
    let mut second = Vec::new();
    read.encode_into(&mut second);
    assert_eq!(first, second, "{:?}", record.kind());
    assert!(first.len() <= bytes_max, "{:?} has {} bytes", record.kind(), first.len());
    let json = read.to_json();
    assert_eq!(json["kind"], record.kind().name());
    for name in names {
        assert!(!json[name].is_null(), "{name} in {json}");
    }
    for cut in 0..first.len() {
        assert!(Record::decode(&first[..cut]).is_err(), "{:?} cut to {cut}", record.kind());
    }
}

#[test]
fn every_kind_survives_the_round_trip() {
    let tags = tags(16);
    let subjects = subjects(&tags);
    let access = crate::record::Access { subjects, trace_id: Some([4; 16]), ..access(KEY) };
    let (head, client) = (head(KEY), [1, 2, 3]);
    let outcome = Outcome {
        head,
        ref_ctr: 69_999,
        subjects: SubjectTags::none(),
        response_digest: Some([9; 32]),
        http_status: 200,
        response_bytes: 289,
        duration_us: 1_800,
        upstream_us: 900,
        origin_code: "",
        aborted: false,
        rows: 1,
    };
    let summary =
        RejectSummary { head, window_s: 9, listener: "data", reason: "limit.refusals", client: &client, count: 12 };
    check(
        &Record::Access(access),
        620,
        &["consumer_party", "src_ip", "subjects", "fields_mask", "request_id", "units"],
    );
    check(
        &Record::Outcome(outcome),
        145,
        &["ref_ctr", "http_status", "upstream_us", "rows_returned", "response_digest"],
    );
    check(&Record::Subjects(Subjects { head, ref_ctr: 1, subjects }), 400, &["ref_ctr", "subjects"]);
    check(&Record::RejectSummary(summary), 110, &["window_s", "reason", "client", "count"]);
}

#[test]
fn notices_survive_the_round_trip() {
    let head = head(KEY);
    for kind in [
        NoticeKind::Admin,
        NoticeKind::Query,
        NoticeKind::Key,
        NoticeKind::Retention,
        NoticeKind::Redaction,
        NoticeKind::Segment,
    ] {
        let notice = Notice { kind, head, actor: "a", action: "policy.reloaded", object: "o", reason: "r", data: &[1] };
        check(&Record::Notice(notice), 110, &["actor", "action"]);
    }
}

#[test]
fn the_nodes_own_records_survive_the_round_trip() {
    let head = head(KEY);
    let recovery = Recovery { head, segment: 1, offset: 2, bytes: 3, sha256: [4; 32] };
    check(&Record::Recovery(recovery), 110, &["segment", "sha256"]);
    check(&Record::Clock(Clock { head, expected_us: 5 }), 60, &["expected_us"]);
    check(&Record::Heartbeat(Heartbeat { head, size: 6 }), 60, &["size"]);
}

#[test]
fn access_without_subjects_stays_within_its_budget() {
    let mut bytes = Vec::new();
    access(KEY).encode_into(&mut bytes);
    assert!(bytes.len() <= 300, "{} bytes", bytes.len());
}

#[test]
fn four_thousand_subjects_fit_one_leaf_and_all_are_found() {
    let tags = tags(SUBJECTS_PER_RECORD_MAX);
    let mut bytes = Vec::new();
    Subjects { head: head(KEY), ref_ctr: 1, subjects: subjects(&tags) }.encode_into(&mut bytes);
    assert!(bytes.len() <= CBOR_BYTES_MAX, "{} bytes", bytes.len());
    let Record::Subjects(read) = Record::decode(&bytes).unwrap() else { panic!("another kind") };
    let mut found: Vec<SubjectTag> = read.subjects.tags.iter().collect();
    let mut expected = tags;
    found.sort_by_key(|tag| tag.tag);
    expected.sort_by_key(|tag| tag.tag);
    assert_eq!(found, expected);
}

#[test]
fn unknown_elements_at_the_end_are_tolerated() {
    let mut bytes = Vec::new();
    Heartbeat { head: head(KEY), size: 6 }.encode_into(&mut bytes);
    assert_eq!(bytes[0], 0x86, "array of six");
    bytes[0] = 0x88;
    bytes.extend_from_slice(&[0x63, b'n', b'e', b'w', 0x01]);
    assert!(matches!(Record::decode(&bytes), Ok(Record::Heartbeat(Heartbeat { size: 6, .. }))));
}

#[test]
fn bytes_that_are_no_record_are_refused_and_never_shown() {
    for bytes in
        [&b""[..], b"\x80", b"\x9f\x01\xff", b"\x85\x02\x01\x00\x80\x80", b"\x86\x01\x63abc", b"hello", &[0xff; 64]]
    {
        let error = Record::decode(bytes).unwrap_err().to_string();
        assert!(!error.contains("abc") && !error.contains("hello"), "{error}");
    }
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_decoding_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
        let _either = Record::decode(&bytes).map(|record| record.to_json());
    }

    #[test]
    fn changed_records_decode_or_are_refused_without_panic(at in 0_usize..250, to in proptest::num::u8::ANY) {
        let mut bytes = Vec::new();
        access(KEY).encode_into(&mut bytes);
        let at = at % bytes.len();
        bytes[at] = to;
        let _either = Record::decode(&bytes).map(|record| record.to_json());
    }
}
