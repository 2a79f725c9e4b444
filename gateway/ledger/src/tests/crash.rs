//! Power failures at any step on a disk with a volatile cache: what was acknowledged is there, what was not is whole
//! or absent, and the ledger starts again.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::sim_disk::SimDisk;
use super::support::{Seeded, access, options, run};
use crate::{Closed, Durable, FaultKind, Ledger, OpenError, State, verify_on};

/// Crashes on one disk before a new one is begun.
const CYCLES: usize = 3;
/// Crashes of an ordinary test run; `tests/soak` asks for more through this variable.
const CRASHES: usize = 120;
const CRASHES_VARIABLE: &str = "SLUICE_SIMULATED_CRASHES";
/// Kinds of operation at which so many crashes must have come.
const CRASH_POINTS_MIN: usize = 20;

/// Appends from a worker and from the control lane until the power fails; returns what was acknowledged.
fn work_until_failure(disk: &SimDisk, chance: &mut Seeded) -> Vec<Durable> {
    // Every third crash comes while the ledger is being opened.
    let operations = if chance.below(3) == 0 { chance.below(120) } else { 40 + chance.below(900) };
    disk.fail_after(operations);
    let mut acknowledged = Vec::new();
    let opened = Ledger::open_on(&options("unused".as_ref()), Arc::new(disk.clone()));
    let Ok((ledger, _)) = opened else {
        return acknowledged;
    };
    let Some(appender) = ledger.appender(0) else {
        return acknowledged;
    };
    for _ in 0..200 {
        let burst = 1 + chance.below(20);
        let pending: Vec<_> =
            (0..burst).map_while(|_| appender.append(|key, out| access(key).encode_into(out)).ok()).collect();
        for record in pending {
            match run(appender.drive(), record) {
                Ok(durable) => acknowledged.push(durable),
                Err(_) => return acknowledged,
            }
        }
        match ledger.append_blocking(|key, out| access(key).encode_into(out)) {
            Ok(durable) => acknowledged.push(durable),
            Err(_) => return acknowledged,
        }
    }
    acknowledged
}

#[test]
fn no_acknowledged_record_is_lost_and_none_is_half_visible() {
    let asked = std::env::var_os(CRASHES_VARIABLE).map(|count| count.to_str().unwrap().parse().unwrap());
    let crashes: usize = asked.unwrap_or(CRASHES);
    let mut points = BTreeMap::new();
    for seed in 0..crashes.div_ceil(CYCLES) as u64 {
        let mut chance = Seeded::new(seed);
        let mut disk = SimDisk::new();
        let mut acknowledged = Vec::new();
        for cycle in 0..CYCLES {
            acknowledged.extend(work_until_failure(&disk, &mut chance));
            if let Some(point) = disk.crash_point() {
                *points.entry(point).or_insert(0) += 1;
            }
            disk = disk.after_power_failure(&mut chance);
            check_after_crash(&disk, &acknowledged, &format!("seed {seed} cycle {cycle}"));
        }
    }
    println!("{} crashes at {} kinds of operation: {points:?}", points.values().sum::<usize>(), points.len());
    assert!(asked.is_none() || points.len() >= CRASH_POINTS_MIN, "{points:?}");
}

/// What was acknowledged is there, every record is whole, and the verifier agrees.
fn check_after_crash(disk: &SimDisk, acknowledged: &[Durable], when: &str) {
    let opened = Ledger::open_on(&options("unused".as_ref()), Arc::new(disk.clone()));
    let (ledger, _) = opened.unwrap_or_else(|error| panic!("{when}: {error}"));
    for record in acknowledged {
        let leaf = ledger.leaf(record.index()).unwrap_or_else(|error| panic!("{when}: {error}"));
        assert_eq!(&leaf.durable(), record, "{when}");
    }
    let mut records = 0;
    for leaf in ledger.scan(0).unwrap() {
        leaf.unwrap().record().unwrap();
        records += 1;
    }
    assert_eq!(records, ledger.size(), "{when}");
    ledger.stop().unwrap();
    drop(ledger);
    let report = verify_on(disk, None, &mut |_| {});
    assert_eq!(report.fault, None, "{when}");
}

#[test]
fn failed_sync_poisons_for_good_and_a_restart_reads_the_disk() {
    let disk = SimDisk::new();
    let (ledger, _) = Ledger::open_on(&options("unused".as_ref()), Arc::new(disk.clone())).unwrap();
    let write = |ledger: &Ledger| ledger.append_blocking(|key, out| access(key).encode_into(out));
    let kept = write(&ledger).unwrap();
    disk.break_sync_once();
    let results: Vec<_> = (0..3).map(|_| write(&ledger)).collect();
    let first_error = results.iter().find_map(|result| result.err());
    assert_eq!(first_error, Some(Closed::Poisoned));
    assert_eq!(write(&ledger), Err(Closed::Poisoned), "sticky");
    assert_eq!(ledger.state(), State::Poisoned);
    assert_eq!(ledger.metrics().write_errors, 1);
    assert_eq!(ledger.stop(), Err(Closed::Poisoned));
    drop(ledger);
    let disk = disk.after_power_failure(&mut Seeded::new(1));
    let (ledger, _) = Ledger::open_on(&options("unused".as_ref()), Arc::new(disk)).unwrap();
    assert_eq!(ledger.leaf(kept.index()).unwrap().durable(), kept);
    assert_ne!(ledger.state(), State::Poisoned);
}

#[test]
fn failed_write_closes_and_its_remains_are_quarantined_and_noted() {
    let disk = SimDisk::new();
    let (ledger, _) = Ledger::open_on(&options("unused".as_ref()), Arc::new(disk.clone())).unwrap();
    disk.break_write_once();
    let failed = (0..3).find_map(|_| ledger.append_blocking(|key, out| access(key).encode_into(out)).err());
    assert_eq!(failed, Some(Closed::WriteFailed));
    assert_eq!(ledger.state(), State::Closed);
    drop(ledger);
    let report = verify_on(&disk, None, &mut |_| {});
    assert_eq!(report.fault.map(|fault| fault.kind), Some(FaultKind::UnfinishedBatch));
    let (ledger, opening) = Ledger::open_on(&options("unused".as_ref()), Arc::new(disk.clone())).unwrap();
    assert_eq!(opening.quarantined.len(), 1);
    let recovery = ledger.leaf(opening.head.size).unwrap();
    assert_eq!(recovery.record().unwrap().kind().name(), "RECOVERY");
    ledger.stop().unwrap();
    drop(ledger);
    assert_eq!(verify_on(&disk, None, &mut |_| {}).fault, None);
}

#[test]
fn second_process_on_one_directory_is_refused() {
    let disk = SimDisk::new();
    let (_ledger, _) = Ledger::open_on(&options("unused".as_ref()), Arc::new(disk.clone())).unwrap();
    let second = Ledger::open_on(&options("unused".as_ref()), Arc::new(disk));
    assert!(matches!(second, Err(OpenError::Locked)));
}
