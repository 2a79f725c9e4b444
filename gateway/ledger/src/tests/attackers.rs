//! Attackers with the log's own key: what they sign holds in itself, and is contradicted by what others kept.

use std::path::Path;

use super::build::{copy, grow, grow_with};
use super::tamper::edit;
use crate::{FaultKind, Quorum, Report, Verification, WitnessSigner, read, verify};

/// What an outsider kept of the honest log.
struct Outside {
    verification: Verification,
}

impl Outside {
    fn of(dir: &Path) -> Self {
        let key = Some(read(dir).unwrap().verifier_key().unwrap());
        let kept = vec![("kept".to_owned(), std::fs::read_to_string(dir.join("checkpoint")).unwrap())];
        Self { verification: Verification { key, kept, ..Verification::default() } }
    }

    fn audit(&self, dir: &Path) -> Report {
        self.verification.run(dir, |_| {})
    }
}

/// Another history under the same keys: nothing in the folder contradicts it.
fn rewrite(honest: &Path, forged: &Path, records: usize) {
    for file in ["origin", "keys/checkpoint.key", "keys/checkpoint.vkey"] {
        std::fs::create_dir_all(forged.join("keys")).unwrap();
        std::fs::copy(honest.join(file), forged.join(file)).unwrap();
    }
    grow_with(forged, records, |_, access| crate::record::Access { handler: "somebody-else", ..*access });
}

/// Name, what the attacker does to an empty folder given the honest one, and what must be found.
type Row = (&'static str, fn(&Path, &Path), FaultKind);

const ROWS: [Row; 5] = [
    ("another history of the same size", |honest, forged| rewrite(honest, forged, 900), FaultKind::Fork),
    ("another, longer history", |honest, forged| rewrite(honest, forged, 1_500), FaultKind::Fork),
    ("another, shorter history", |honest, forged| rewrite(honest, forged, 300), FaultKind::Rollback),
    (
        "another history with the honest tiles",
        |honest, forged| {
            rewrite(honest, forged, 900);
            copy(&honest.join("tile"), &forged.join("tile"));
        },
        FaultKind::Tile,
    ),
    (
        "the honest checkpoint over another history",
        |honest, forged| {
            rewrite(honest, forged, 900);
            std::fs::copy(honest.join("checkpoint"), forged.join("checkpoint")).unwrap();
        },
        FaultKind::Fork,
    ),
];

#[test]
fn what_the_log_key_alone_can_forge_is_contradicted_by_a_kept_checkpoint() {
    let honest = tempfile::tempdir().unwrap();
    grow(honest.path(), 900);
    let outside = Outside::of(honest.path());
    for (name, attack, kind) in ROWS {
        let forged = tempfile::tempdir().unwrap();
        attack(honest.path(), forged.path());
        let report = outside.audit(forged.path());
        assert_eq!(report.fault.map(|fault| fault.kind), Some(kind), "{name}");
    }
    let older = tempfile::tempdir().unwrap();
    copy(honest.path(), older.path());
    grow(honest.path(), 200);
    let outside = Outside::of(honest.path());
    let report = outside.audit(older.path());
    assert_eq!(report.fault.map(|fault| fault.kind), Some(FaultKind::Rollback), "an older copy of the whole folder");
    assert_eq!(verify(older.path(), None, |_| {}).fault, None, "which shows nothing by itself");
}

/// The ledger's checkpoint, cosigned at a time, in its place.
fn witness(dir: &Path, witness: &WitnessSigner, time_s: u64) {
    let note = std::fs::read_to_string(dir.join("checkpoint")).unwrap();
    let (text, _) = note.split_once("\n\n").unwrap();
    let line = witness.cosign(&format!("{text}\n"), time_s);
    std::fs::write(dir.join("witnessed"), format!("{note}{line}")).unwrap();
}

#[test]
fn the_log_key_does_not_replace_the_witnesses() {
    let honest = tempfile::tempdir().unwrap();
    let now_s = crate::clock::wall_us() / 1_000_000;
    let signers: Vec<WitnessSigner> =
        ["w1.example", "w2.example"].iter().map(|name| WitnessSigner::generate(name).unwrap().0).collect();
    let quorum = |needed| {
        let witnesses = Quorum::of(signers.iter().map(|signer| signer.key().clone()).collect(), needed);
        assert!(witnesses.is_some());
        Verification { witnesses, ..Verification::default() }
    };
    let found = |dir: &Path, needed| quorum(needed).run(dir, |_| {}).fault.map(|fault| (fault.kind, fault.index));
    grow(honest.path(), 400);
    assert_eq!(found(honest.path(), 1), Some((FaultKind::Unwitnessed, Some(0))));
    witness(honest.path(), &signers[0], now_s);
    assert_eq!(found(honest.path(), 1), None);
    assert_eq!(quorum(1).run(honest.path(), |_| {}).witnessed.unwrap().by, ["w1.example"]);
    assert_eq!(found(honest.path(), 2), Some((FaultKind::Unwitnessed, Some(0))), "one of two");
    grow(honest.path(), 10);
    assert_eq!(found(honest.path(), 1), None, "the last moments may be without one");

    let forged = tempfile::tempdir().unwrap();
    rewrite(honest.path(), forged.path(), 600);
    assert_eq!(found(forged.path(), 1), Some((FaultKind::Unwitnessed, Some(0))), "no cosignature is shown");
    std::fs::copy(honest.path().join("witnessed"), forged.path().join("witnessed")).unwrap();
    assert_eq!(found(forged.path(), 1), Some((FaultKind::Fork, None)), "that of the honest log is shown");

    let continued = tempfile::tempdir().unwrap();
    copy(honest.path(), continued.path());
    witness(continued.path(), &signers[0], now_s - 3_600);
    grow(continued.path(), 50);
    assert_eq!(found(continued.path(), 1), Some((FaultKind::Unwitnessed, Some(412))), "an old one with much behind it");
}

#[test]
fn clean_ledgers_raise_no_alarm() {
    let dir = tempfile::tempdir().unwrap();
    let mut outside: Option<Outside> = None;
    for round in 0..200_usize {
        grow(dir.path(), round * 7 % 90);
        let report = verify(dir.path(), None, |_| {});
        assert_eq!((report.fault, report.tiles_missing), (None, 0), "round {round}");
        if let Some(outside) = &outside {
            assert_eq!(outside.audit(dir.path()).fault, None, "round {round}: it grew honestly");
        }
        if round % 20 == 0 {
            outside = Some(Outside::of(dir.path()));
        }
    }
}

#[test]
fn any_number_of_threads_finds_the_same() {
    let dir = tempfile::tempdir().unwrap();
    grow(dir.path(), 4_000);
    let run = |threads| Verification { threads, ..Verification::default() }.run(dir.path(), |_| {});
    let clean = run(1);
    assert_eq!((clean.fault.clone(), clean.segments > 3), (None, true));
    edit(dir.path(), "seg/00000002.wal", |bytes| bytes[50_000] ^= 1);
    let found = run(1);
    assert!(found.fault.is_some());
    for threads in [2, 3, 16] {
        assert_eq!(run(threads), found, "{threads} threads");
    }
    std::fs::remove_dir_all(dir.path().join("tile")).unwrap();
    let without = run(4);
    assert_eq!(
        (without.fault.map(|fault| fault.kind), without.head),
        (found.fault.map(|fault| fault.kind), found.head)
    );
}
