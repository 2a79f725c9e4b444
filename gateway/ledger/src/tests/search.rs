//! Searches find every match, with sidecars and without, and say what they covered.

use super::build::{grow, grow_with};
use super::support::{access, head};
use crate::record::{Access, Decision, Kind, SubjectTag, SubjectTags, Subjects, TagList};
use crate::{Coverage, Filter, Leaf, Search, SubjectQuery, Take, read};

const PARTIES: [&str; 4] = ["rs", "mz", "ga", "zr"];

fn vary(at: usize, access: &Access<'static>) -> Access<'static> {
    let mut request_id = [0; 16];
    request_id[..8].copy_from_slice(&(at as u64).to_be_bytes());
    Access {
        consumer_party: PARTIES[at % 4],
        decision: if at % 10 == 3 { Decision::Deny } else { Decision::Permit },
        code: if at % 10 == 3 { "limit.rate" } else { "" },
        head: crate::record::Head { wall_us: 1_700_000_000_000_000 + at as u64 * 1_000_000, ..access.head },
        handler: if at == 2_345 { "h-rare" } else { access.handler },
        request_id,
        ..*access
    }
}

fn sample() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    grow_with(dir.path(), 5_000, vary);
    dir
}

fn run(dir: &std::path::Path, filter: &Filter, take: Take, uses_index: bool) -> (Vec<Leaf>, Coverage) {
    let search = Search { filter, from_index: 0, take, uses_index, threads: 0 };
    search.run(&read(dir).unwrap(), &mut |_| {}).unwrap()
}

/// Without sidecars, while they are made, and with them: the same matches.
fn check(dir: &std::path::Path, filter: &Filter, expected: usize) -> Coverage {
    let all = Take::First(usize::MAX);
    let (plain, coverage) = run(dir, filter, all, false);
    assert_eq!((plain.len(), coverage.is_complete, coverage.segments_skipped), (expected, true, 0), "{filter:?}");
    let (making, _) = run(dir, filter, all, true);
    let (indexed, coverage) = run(dir, filter, all, true);
    assert!(plain == making && plain == indexed, "{filter:?}");
    coverage
}

#[test]
fn conditions_find_the_same_with_and_without_sidecars() {
    let dir = sample();
    let text = |text: &str| Some(text.to_owned());
    check(dir.path(), &Filter { party: text("mz"), ..Filter::default() }, 1_250);
    check(dir.path(), &Filter { decision: Some(Decision::Deny), ..Filter::default() }, 500);
    check(dir.path(), &Filter { code: text("limit.rate"), party: text("zr"), ..Filter::default() }, 250);
    check(dir.path(), &Filter { kind: Some(Kind::Heartbeat), ..Filter::default() }, 1);
    let from = 1_700_000_000_000_000;
    let hour =
        Filter { from_us: Some(from + 1_000_000_000), until_us: Some(from + 1_100_000_000), ..Filter::default() };
    check(dir.path(), &Filter { kind: Some(Kind::Access), ..hour }, 100);
    let rare = check(dir.path(), &Filter { handler: text("h-rare"), ..Filter::default() }, 1);
    assert!(rare.segments_skipped >= 2 && rare.segments_read <= 3, "{rare:?}");
    assert_eq!((rare.from_index, rare.to_index, rare.records), (0, 5_001, 5_001));
    let mut request_id = [0; 16];
    request_id[..8].copy_from_slice(&4_321_u64.to_be_bytes());
    check(dir.path(), &Filter { request_id: Some(request_id), ..Filter::default() }, 1);
    check(dir.path(), &Filter { party: text("nobody"), ..Filter::default() }, 0);
}

#[test]
fn limits_cut_at_either_end_and_the_coverage_says_where() {
    let dir = sample();
    let filter = Filter { party: Some("mz".to_owned()), ..Filter::default() };
    let indices = |leaves: &[Leaf]| leaves.iter().map(|leaf| leaf.index).collect::<Vec<_>>();
    let (first, coverage) = run(dir.path(), &filter, Take::First(3), true);
    assert_eq!((indices(&first), coverage.is_complete, coverage.to_index), (vec![2, 6, 10], false, 11));
    let (last, coverage) = run(dir.path(), &filter, Take::Last(2), true);
    assert_eq!((indices(&last), coverage.is_complete), (vec![4_994, 4_998], false));
    assert_eq!((coverage.from_index, coverage.to_index), (4_994, 5_001));
    let (newest, _) = run(dir.path(), &Filter::default(), Take::Last(4_000), false);
    assert_eq!((newest.len(), newest[0].index, newest[3_999].index), (4_000, 1_001, 5_000));
}

#[test]
fn damage_is_named_and_the_rest_is_searched() {
    let dir = sample();
    let file = dir.path().join("seg/00000001.wal");
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[100_000] ^= 1;
    std::fs::write(file, bytes).unwrap();
    let filter = Filter { kind: Some(Kind::Access), ..Filter::default() };
    let (found, coverage) = run(dir.path(), &filter, Take::First(usize::MAX), true);
    let [damage] = coverage.damaged[..] else { panic!("{coverage:?}") };
    let until = damage.until.unwrap();
    assert!(damage.index < until && found.len() as u64 == 5_000 - (until - damage.index), "{damage:?}");
    assert_eq!(coverage.to_index, 5_001);
}

#[test]
fn sidecars_of_another_content_are_not_believed() {
    let dir = sample();
    let filter = Filter { handler: Some("h-rare".to_owned()), ..Filter::default() };
    run(dir.path(), &filter, Take::First(10), true);
    let sidecar = |number: u32| dir.path().join(format!("index/{number:08}.idx"));
    for number in 0..4 {
        std::fs::copy(sidecar(0), sidecar(number)).ok();
    }
    assert_eq!(run(dir.path(), &filter, Take::First(10), true).0.len(), 1, "one of another segment");
    let mut bytes = std::fs::read(sidecar(2)).unwrap();
    bytes[100] ^= 1;
    std::fs::write(sidecar(2), bytes).unwrap();
    assert_eq!(run(dir.path(), &filter, Take::First(10), true).0.len(), 1, "a damaged one");
}

#[test]
fn the_last_of_ten_thousand_people_is_found() {
    let dir = tempfile::tempdir().unwrap();
    grow(dir.path(), 500);
    let tag = |at: u64| {
        let mut tag = [0; 16];
        tag[..8].copy_from_slice(&at.to_be_bytes());
        SubjectTag { id_type: 1, tag }
    };
    let people: Vec<SubjectTag> = (0..10_000).map(tag).collect();
    let (ledger, _) = super::roomless::open(&super::support::options(dir.path())).unwrap();
    let subjects = |part, tags| SubjectTags { key_epoch: 682, total: 10_000, part, tags: TagList::Given(tags) };
    let opened = ledger.append_blocking(|key, out| {
        Access { subjects: subjects(0, &people[..16]), ..access(key) }.encode_into(out);
    });
    opened.unwrap();
    for (part, tags) in (1..).zip(people[16..].chunks(4_000)) {
        let written = ledger.append_blocking(|key, out| {
            Subjects { head: head(key), ref_ctr: 1, subjects: subjects(part, tags) }.encode_into(out);
        });
        written.unwrap();
    }
    ledger.stop().unwrap();
    drop(ledger);
    grow(dir.path(), 3_000);
    for (at, key_epoch, expected) in [(0, 682, 1), (9_999, 682, 1), (9_999, 681, 0), (10_000, 682, 0)] {
        let filter = Filter { subjects: vec![SubjectQuery { key_epoch, tag: tag(at) }], ..Filter::default() };
        check(dir.path(), &filter, expected);
    }
}
