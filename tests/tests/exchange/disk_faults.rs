//! A disk that fails under the running gateway: nothing is served that is not recorded, what stands is told, and what
//! was acknowledged is there after a restart.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use sluice_tests::city::City;
use sluice_tests::client::{Answer, Identity};
use sluice_tests::clock;
use sluice_tests::crash::library;
use sluice_tests::ledger;
use sluice_tests::load::{Load, Outcome};
use sluice_tests::provider::Provider;
use sluice_tests::site::{Changes, Site};

const PATIENCE: Duration = Duration::from_mins(1);
/// errno of Linux.
const EIO: i32 = 5;
const ENOSPC: i32 = 28;
const EROFS: i32 = 30;

struct Patient {
    site: Site,
    city: City,
    ask: Identity,
    control: PathBuf,
    /// Kept: it answers the gateway's questions.
    _provider: Provider,
}

impl Patient {
    /// A gateway whose ledger lies on a disk that can be told to fail.
    fn new() -> Self {
        let city = City::small();
        let provider = Provider::of(&city);
        let settings = vec![
            ("ledger.segment_bytes", (1 << 20).into()),
            ("limits.refusals_per_second", 100_000.into()),
            ("data.timeouts.request_ms", 1_000.into()),
        ];
        let mut site = Site::serve(&city, &provider.url(), &Changes { settings, ..Changes::default() });
        site.stop();
        let control = site.file("disk-faults.control");
        let ledger = fs::canonicalize(site.ledger()).unwrap();
        site.set_environment(vec![
            ("LD_PRELOAD", library(&site.dir, "disk_faults")),
            ("DISK_FAULTS_DIR", ledger),
            ("DISK_FAULTS_CONTROL", control.clone()),
        ]);
        site.start_again();
        let ask = site.identity("ask");
        Self { site, city, ask, control, _provider: provider }
    }

    /// From now on the disk fails so (see `tests/preload/disk_faults.c`); empty for a healthy one.
    fn ail(&self, rule: &str) {
        let beside = self.control.with_extension("new");
        fs::write(&beside, rule).unwrap();
        fs::rename(beside, &self.control).unwrap();
    }

    fn call(&self) -> Answer {
        self.site.send(&self.ask, &self.city.good_call())
    }

    fn assert_unserved(&self, what: &str) {
        let answer = self.call();
        assert_eq!((answer.status, answer.code().as_str()), (503, "ledger.unavailable"), "{what}: {}", answer.text());
        assert!(answer.receipt().is_none() && !answer.text().contains("样例"), "{what}: {}", answer.text());
    }

    fn wait_for_readyz(&self, status: u16, words: &str) {
        let told = || {
            let (found, text) = self.site.ops("/readyz?verbose");
            (found == status && text.contains(words)).then_some(())
        };
        let waited = clock::within(PATIENCE, words, told);
        assert!(waited.is_ok(), "{words}: {}", self.site.ops("/readyz?verbose").1);
    }

    /// Ends it, whatever state it is in, starts it on a healthy disk, and looks for what was acknowledged.
    fn restart_and_look_for(&mut self, acknowledged: &[Answer]) {
        self.site.process.kill();
        self.ail("");
        self.site.start_again();
        let verified = ledger::verify(&self.site.ledger(), &[]);
        assert_eq!(verified.code, 0, "{}{}", verified.stdout, verified.stderr);
        let records = ledger::records(&self.site.ledger());
        for answer in acknowledged {
            let receipt = answer.receipt().unwrap();
            assert_eq!(records.get(&receipt.index).map(|(leaf, _)| leaf), Some(&receipt.leaf), "{}", receipt.index);
        }
        assert_eq!(self.call().code(), "ok");
    }
}

#[test]
fn a_sync_that_fails_once_is_never_trusted_again() {
    let mut patient = Patient::new();
    let before = patient.call();
    patient.ail(&format!("sync .wal errno {EIO} 1"));
    patient.assert_unserved("the sync fails");
    patient.assert_unserved("a later sync would succeed, and proves nothing");
    patient.wait_for_readyz(503, "poisoned");
    assert!(patient.site.ops("/metrics").1.contains("sluice_ledger_state{state=\"poisoned\"} 1"));
    patient.restart_and_look_for(&[before]);
}

#[test]
fn a_write_that_fails_closes_the_ledger_until_a_restart() {
    for errno in [EIO, EROFS] {
        let mut patient = Patient::new();
        let before = patient.call();
        patient.ail(&format!("write .wal errno {errno} 1"));
        patient.assert_unserved("the write fails");
        patient.ail("");
        patient.assert_unserved("the disk is well, but what it holds is unknown");
        patient.wait_for_readyz(503, "closed");
        patient.restart_and_look_for(&[before]);
    }
}

#[test]
fn a_write_in_pieces_is_a_write() {
    let mut patient = Patient::new();
    patient.ail("write .wal short 100 0");
    let answers: Vec<Answer> = (0..5).map(|_| patient.call()).collect();
    assert!(answers.iter().all(|answer| answer.code() == "ok"));
    patient.restart_and_look_for(&answers);
}

#[test]
fn a_stalled_disk_lets_answers_wait_and_then_go_without_data() {
    let mut patient = Patient::new();
    patient.ail("sync .wal stall 5000 1");
    let began = clock::now();
    patient.assert_unserved("the disk stalls");
    let took = clock::now().duration_since(began);
    assert!(took > Duration::from_secs(1) && took < Duration::from_millis(4_500), "{took:?}");
    let served = || Some(patient.call()).filter(|answer| answer.code() == "ok");
    let after = clock::within(PATIENCE, "the disk goes on", served).unwrap();
    patient.restart_and_look_for(&[after]);
}

#[test]
fn a_full_disk_is_told_early_closes_late_and_opens_by_itself() {
    let mut patient = Patient::new();
    patient.wait_for_readyz(200, "takes records; 2 spare segments");
    patient.ail(&format!("write .wal.tmp errno {ENOSPC} 0"));
    // Two segments of a megabyte are left: enough for some thousand calls.
    let load = Load::start(4, &patient.ask, patient.site.base, &patient.city.good_call());
    patient.wait_for_readyz(200, "low");
    patient.wait_for_readyz(503, "closed");
    let answers: Vec<Answer> = load
        .end()
        .into_iter()
        .filter_map(|outcome| match outcome {
            Outcome::Answered(answer) if answer.code() == "ok" => Some(answer),
            Outcome::Answered(answer) => {
                assert_eq!(answer.code(), "ledger.unavailable");
                None
            }
            Outcome::Lost(_) => None,
        })
        .collect();
    assert!(answers.len() > 500, "{} answers", answers.len());
    patient.assert_unserved("the disk is full");
    assert!(
        !patient
            .site
            .ledger()
            .join("seg")
            .read_dir()
            .unwrap()
            .any(|entry| { entry.unwrap().file_name().to_string_lossy().ends_with(".tmp") })
    );
    patient.ail("");
    let served = || Some(patient.call()).filter(|answer| answer.code() == "ok");
    clock::within(PATIENCE, "there is room again", served).unwrap();
    patient.wait_for_readyz(200, "takes records; 2 spare segments");
    patient.restart_and_look_for(&answers);
    let records = ledger::records(&patient.site.ledger());
    let acts: Vec<_> = records.values().filter_map(|(_, record)| record["action"].as_str()).collect();
    assert_eq!(acts, ["ledger.low", "ledger.low_over"]);
}
