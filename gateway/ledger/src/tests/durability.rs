//! The ledger on a real directory: waiting, receipts, restarts, segment changes, limits.

use std::time::Duration;

use super::roomless::open;
use super::support::{access, options, run};
use crate::record::{Head, Heartbeat, Record};
use crate::{Closed, Ledger, OpenError, Options, RequestKey, State, read, verify, verify_receipt};

fn write(key: RequestKey, out: &mut Vec<u8>) {
    access(key).encode_into(out);
}

/// Blocks until the checkpoint covers the record.
fn wait_covered(ledger: &Ledger, index: u64) {
    let appender = ledger.appender(900).unwrap();
    run(appender.drive(), ledger.covered(index));
}

#[test]
fn records_of_many_workers_get_distinct_indices_and_survive_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let (ledger, opening) = open(&options(dir.path())).unwrap();
    assert_eq!((opening.head.size, opening.boot_epoch), (0, 1));
    let workers: Vec<_> = (0..4)
        .map(|worker| {
            let ledger = ledger.clone();
            std::thread::spawn(move || {
                let appender = ledger.appender(worker).unwrap();
                let mut durable = Vec::new();
                for _ in 0..50 {
                    let gating = appender.append(write).unwrap();
                    drop(appender.append_trailing(write).unwrap());
                    durable.push(run(appender.drive(), gating).unwrap());
                }
                durable
            })
        })
        .collect();
    let mut all: Vec<_> = workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect();
    all.sort_by_key(crate::Durable::index);
    all.dedup();
    assert_eq!(all.len(), 200);
    let checkpoint = ledger.stop().unwrap().unwrap();
    assert_eq!(checkpoint.head().size, 401, "the start's HEARTBEAT and every record, awaited or not");
    drop(ledger);

    let (ledger, opening) = open(&options(dir.path())).unwrap();
    assert_eq!((opening.head, opening.boot_epoch), (*checkpoint.head(), 2));
    assert!(opening.quarantined.is_empty());
    for record in &all {
        assert_eq!(&ledger.leaf(record.index()).unwrap().durable(), record);
    }
    ledger.stop().unwrap();
    drop(ledger);
    let report = verify(dir.path(), None, |_| {});
    assert_eq!((report.fault, report.is_live, report.head.size), (None, false, 402));
}

#[test]
fn receipts_prove_every_record_over_many_segments_restarts_and_lost_tiles() {
    let dir = tempfile::tempdir().unwrap();
    let (ledger, _) = open(&options(dir.path())).unwrap();
    for _ in 0..30 {
        let appender = ledger.appender(0).unwrap();
        let pending: Vec<_> = (0..100).map(|_| appender.append(write).unwrap()).collect();
        for record in pending {
            run(appender.drive(), record).unwrap();
        }
    }
    ledger.stop().unwrap();
    drop(ledger);
    std::fs::remove_file(dir.path().join("tile/0/002")).unwrap();
    let mut damaged = std::fs::read(dir.path().join("tile/0/003")).unwrap();
    damaged[40] ^= 1;
    std::fs::write(dir.path().join("tile/0/003"), damaged).unwrap();

    let (ledger, _) = open(&options(dir.path())).unwrap();
    let key = ledger.verifier_key().clone();
    wait_covered(&ledger, 3_001);
    for index in (0..3_002).step_by(97).chain([0, 255, 256, 512, 1023, 3_001]) {
        let receipt = ledger.receipt(index).unwrap();
        let durable = ledger.leaf(index).unwrap().durable();
        assert_eq!(verify_receipt(&receipt, &key).unwrap(), *durable.leaf_hash(), "record {index}");
        assert_eq!(
            verify_receipt(&read(dir.path()).unwrap().receipt(index).unwrap(), &key).unwrap(),
            *durable.leaf_hash()
        );
    }
    let report = verify(dir.path(), Some(&key), |_| {});
    assert_eq!((report.fault, report.is_live, report.is_key_pinned), (None, true, true));
    assert!(report.segments > 2, "{} segments", report.segments);
    assert!(ledger.receipt(1_000_000).is_err());
}

#[test]
fn receipts_that_were_changed_prove_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (ledger, _) = open(&options(dir.path())).unwrap();
    let record = ledger.append_blocking(write).unwrap();
    wait_covered(&ledger, record.index());
    let (good, key) = (ledger.receipt(record.index()).unwrap(), ledger.verifier_key().clone());
    assert_eq!(verify_receipt(&good, &key), Ok(*record.leaf_hash()));
    let other = crate::VerifierKey::parse("other+2ae7a6e5+AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    assert!(other.is_err(), "a key text with a wrong hash is refused");
    let changes: [fn(&mut crate::Receipt); 5] = [
        |receipt| receipt.index += 1,
        |receipt| receipt.origin.push('x'),
        |receipt| receipt.leaf_data = "AAAA".to_owned(),
        |receipt| receipt.proof.clear(),
        |receipt| receipt.checkpoint = receipt.checkpoint.replacen("gw.test", "gw.tess", 1),
    ];
    for (at, change) in changes.iter().enumerate() {
        let mut receipt = good.clone();
        change(&mut receipt);
        assert!(verify_receipt(&receipt, &key).is_err(), "change {at}");
    }
}

#[test]
fn backlog_is_refused_when_full_and_bad_records_always() {
    let dir = tempfile::tempdir().unwrap();
    let mut options = options(dir.path());
    options.backlog_records = 3;
    options.commit_window = Duration::from_mins(10);
    let (ledger, _) = open(&options).unwrap();
    let appender = ledger.appender(1).unwrap();
    assert_eq!(appender.append(|_, _| {}).err(), Some(Closed::BadRecord));
    assert_eq!(appender.append(|_, out| out.clear()).err(), Some(Closed::BadRecord));
    assert_eq!(appender.append(|_, out| out.resize(70_000, 1)).err(), Some(Closed::BadRecord));
    // More than two waiters make load; the window of the next commit then holds the writer, and the lane fills.
    let results = std::iter::repeat_with(|| appender.append(write).map(drop).err());
    assert_eq!(results.take(1_000_000).flatten().next(), Some(Closed::Backlog));
    ledger.stop().unwrap();
    assert_eq!(appender.append(write).err(), Some(Closed::Stopped));
    assert_eq!(ledger.state(), State::Closed);
}

#[test]
fn worker_numbers_are_exclusive_and_free_again_after_drop() {
    let dir = tempfile::tempdir().unwrap();
    let (ledger, _) = open(&options(dir.path())).unwrap();
    let first = ledger.appender(1).unwrap();
    assert!(ledger.appender(1).is_none());
    assert!(ledger.appender(u16::MAX).is_none(), "the control lane's");
    let before = run(first.drive(), first.append(write).unwrap()).unwrap();
    drop(first);
    let second = ledger.appender(1).unwrap();
    let pending = second.append(write).unwrap();
    assert_eq!(pending.key().ctr, 2, "counters go on, so that salts never repeat");
    assert_eq!(run(second.drive(), pending).unwrap().index(), before.index() + 1);
}

#[test]
fn silence_is_filled_with_heartbeats() {
    let dir = tempfile::tempdir().unwrap();
    let mut options = options(dir.path());
    options.heartbeat_every = Duration::from_millis(1);
    let (ledger, _) = open(&options).unwrap();
    wait_covered(&ledger, 3);
    for leaf in ledger.scan(0).unwrap() {
        assert!(matches!(leaf.unwrap().record(), Ok(Record::Heartbeat(Heartbeat { head: Head { .. }, .. }))));
    }
}

#[test]
fn wrong_options_and_foreign_directories_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let with = |change: fn(&mut Options)| {
        let mut options = options(dir.path());
        change(&mut options);
        open(&options).err().map(|error| matches!(error, OpenError::Options(_)))
    };
    assert_eq!(with(|options| options.origin = "white space".to_owned()), Some(true));
    assert_eq!(with(|options| options.segment_bytes = 4_096), Some(true));
    assert_eq!(with(|options| options.segment_bytes += 1), Some(true));
    assert_eq!(with(|options| options.backlog_records = 0), Some(true));
    assert_eq!(with(|_| {}), None);
    assert_eq!(with(|options| options.origin = "gw.test/ledger/2".to_owned()), Some(false));
}

#[test]
fn consistency_is_proven_between_checkpoints() {
    let dir = tempfile::tempdir().unwrap();
    let (ledger, _) = open(&options(dir.path())).unwrap();
    wait_covered(&ledger, 0);
    let old = *ledger.checkpoint().unwrap().head();
    for _ in 0..20 {
        ledger.append_blocking(write).unwrap();
    }
    wait_covered(&ledger, 20);
    let (proof, new) = ledger.consistency(old.size).unwrap();
    assert!(crate::tree::verify_consistency(&old, new.head(), &proof));
}

#[test]
fn verification_beside_a_living_gateway_finds_no_fault() {
    let dir = tempfile::tempdir().unwrap();
    let (ledger, _) = open(&options(dir.path())).unwrap();
    assert!(matches!(open(&options(dir.path())), Err(OpenError::Locked)));
    let is_done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let appender = ledger.appender(0).unwrap();
            for _ in 0..400 {
                let pending: Vec<_> = (0..20).map(|_| appender.append(write).unwrap()).collect();
                for record in pending {
                    run(appender.drive(), record).unwrap();
                }
            }
            is_done.store(true, std::sync::atomic::Ordering::SeqCst);
        });
        let mut rounds = 0;
        while !is_done.load(std::sync::atomic::Ordering::SeqCst) || rounds == 0 {
            let report = verify(dir.path(), None, |_| {});
            assert_eq!((report.fault, report.is_live), (None, true), "round {rounds}");
            rounds += 1;
        }
    });
    ledger.stop().unwrap();
    drop(ledger);
    let report = verify(dir.path(), None, |_| {});
    assert_eq!((report.fault, report.head.size), (None, 8_001));
}
