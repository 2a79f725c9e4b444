//! Witness against log, without sockets: who goes back, forks or replaces the key is found; a witness keeps its word
//! whatever moment it dies at; what it signs is what C2SP says.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use super::sim_disk::SimDisk;
use super::support::{Seeded, access, options, run};
use crate::checkpoint::{self, Checkpoint};
use crate::hash::leaf_hash;
use crate::state::lock;
use crate::tree::{self, Frontier, TreeHead};
use crate::witness::parse_size;
use crate::{
    KnownLog, Ledger, LineError, NoteError, OnUnreachable, OpenError, Opening, Quorum, Signer, Storage, VerifierKey,
    Witness, WitnessKey, WitnessLine, WitnessPeer, WitnessPolicy, WitnessSigner, verify_on,
};

const ORIGIN: &str = "gw.test/ledger/1";
const NOW_S: u64 = 1_795_309_200;

/// A way to a witness in this process, which can be cut.
#[derive(Clone)]
struct Direct {
    witness: Arc<Witness>,
    is_cut: Arc<AtomicBool>,
}

impl WitnessLine for Direct {
    fn add_checkpoint(&mut self, body: Vec<u8>) -> Result<(u16, String), LineError> {
        if self.is_cut.load(Ordering::SeqCst) {
            return Err(LineError(String::from("cut")));
        }
        let answer = self.witness.add_checkpoint(&body, NOW_S);
        Ok((answer.status, answer.body))
    }
}

fn witness_on(disk: &SimDisk, name: &str, log: &VerifierKey) -> Direct {
    let (signer, _) = WitnessSigner::generate(name).unwrap();
    let logs = vec![KnownLog { origin: ORIGIN.to_owned(), keys: vec![log.clone()] }];
    let witness = Witness::open_on(Box::new(disk.clone()), signer, logs).unwrap();
    Direct { witness: Arc::new(witness), is_cut: Arc::default() }
}

fn policy(quorum: usize, witnesses: &[&Direct], on_unreachable: OnUnreachable) -> WitnessPolicy {
    let peer = |direct: &&Direct| WitnessPeer { key: direct.witness.key().clone(), line: Box::new((*direct).clone()) };
    WitnessPolicy { peers: witnesses.iter().map(peer).collect(), quorum, on_unreachable }
}

fn open(disk: &SimDisk, policy: WitnessPolicy) -> Result<(Ledger, Opening), OpenError> {
    Ledger::open_with(&options("unused".as_ref()), Arc::new(disk.clone()), policy)
}

fn start(disk: &SimDisk, witnesses: &[&Direct]) -> Result<(Ledger, Opening), OpenError> {
    open(disk, policy(witnesses.len(), witnesses, OnUnreachable::Wait(Duration::from_millis(50))))
}

/// The key that a ledger on this disk signs with.
fn log_key(disk: &SimDisk) -> VerifierKey {
    disk.create_dir("keys").unwrap();
    Signer::load_or_create(disk, ORIGIN).unwrap().verifier().clone()
}

fn write(ledger: &Ledger, records: usize) -> u64 {
    let mut last = 0;
    for _ in 0..records {
        last = ledger.append_blocking(|key, out| access(key).encode_into(out)).unwrap().index();
    }
    last
}

/// Blocks until a quorum of witnesses has cosigned the record.
fn wait_witnessed(ledger: &Ledger, index: u64) {
    let appender = ledger.appender(900).unwrap();
    run(appender.drive(), ledger.witnessed(index));
}

#[test]
fn checkpoints_come_back_cosigned_and_receipts_carry_the_cosignatures() {
    let (disk, places) = (SimDisk::new(), [SimDisk::new(), SimDisk::new(), SimDisk::new()]);
    let key = log_key(&disk);
    let witnesses: Vec<Direct> =
        places.iter().zip(["w.a", "w.b", "w.c"]).map(|(at, name)| witness_on(at, name, &key)).collect();
    let all: Vec<&Direct> = witnesses.iter().collect();
    // One of three may be away: at a start the others still meet every earlier quorum.
    witnesses[2].is_cut.store(true, Ordering::SeqCst);
    let (ledger, _) = open(&disk, policy(2, &all, OnUnreachable::Wait(Duration::from_secs(5)))).unwrap();
    for _ in 0..3 {
        let index = write(&ledger, 300);
        wait_witnessed(&ledger, index);
        assert!(ledger.witnessing().size > index);
        let quorum = |needed| {
            let keys = all.iter().map(|direct| direct.witness.key().clone()).collect();
            Quorum::of(keys, needed).unwrap()
        };
        let receipt = ledger.receipt(index).unwrap();
        crate::verify_receipt(&receipt, &key).unwrap();
        assert_eq!(quorum(2).check(&receipt.checkpoint), Ok(vec!["w.a", "w.b"]));
        assert_eq!(quorum(3).check(&receipt.checkpoint), Err(NoteError::Unsigned));
    }
    let away = &ledger.witnessing().witnesses[2];
    assert_eq!((away.name.as_str(), away.size, away.is_contradicting), ("w.c", 0, false));
    assert!(away.failures > 0 && away.trouble.is_some());
    let last = ledger.stop().unwrap().unwrap();
    drop(ledger);
    let stored = checkpoint::load_witnessed(&disk).unwrap().unwrap();
    assert_eq!(Checkpoint::open(&stored, &key).unwrap().head(), last.head(), "a stop ends with a witnessed checkpoint");
    assert!(!disk.list("ckpt").unwrap().is_empty());
    assert_eq!(verify_on(&disk, Some(&key), &mut |_| {}).fault, None);
}

#[test]
fn a_ledger_set_back_from_a_backup_does_not_start() {
    let (disk, place) = (SimDisk::new(), SimDisk::new());
    let witness = witness_on(&place, "w.a", &log_key(&disk));
    let (ledger, _) = start(&disk, &[&witness]).unwrap();
    write(&ledger, 10);
    ledger.stop().unwrap();
    drop(ledger);
    let backup = disk.after_power_failure(&mut Seeded::new(1));
    let (ledger, _) = start(&disk, &[&witness]).unwrap();
    let index = write(&ledger, 10);
    wait_witnessed(&ledger, index);
    let head = ledger.stop().unwrap().unwrap().head().size;
    drop(ledger);
    assert_eq!(verify_on(&backup, None, &mut |_| {}).fault, None, "by itself the backup looks right");
    let error = start(&backup, &[&witness]).err().unwrap();
    let expected = format!("ROLLBACK: witness w.a has cosigned {head} records, the log holds 11; nothing was changed");
    assert_eq!(error.to_string(), expected);
    // Whoever really lost the disk must decide; the policy for silent witnesses does not.
    let lenient = policy(1, &[&witness], OnUnreachable::Start);
    assert!(
        matches!(open(&backup, lenient), Err(OpenError::WitnessedRollback { witnessed, found: 11, .. }) if witnessed == head)
    );
    start(&disk, &[&witness]).unwrap();
}

#[test]
fn another_history_under_the_right_key_does_not_start() {
    let (disk, place) = (SimDisk::new(), SimDisk::new());
    let witness = witness_on(&place, "w.a", &log_key(&disk));
    let twin = disk.after_power_failure(&mut Seeded::new(3));
    let (ledger, _) = start(&disk, &[&witness]).unwrap();
    write(&ledger, 5);
    let witnessed = ledger.stop().unwrap().unwrap().head().size;
    drop(ledger);
    for records in [5, 40] {
        // An attacker with the log's key and without the witness writes a history of their own.
        let forged = twin.after_power_failure(&mut Seeded::new(4));
        let (ledger, _) = Ledger::open_on(&options("unused".as_ref()), Arc::new(forged.clone())).unwrap();
        write(&ledger, records);
        ledger.stop().unwrap();
        drop(ledger);
        assert_eq!(verify_on(&forged, Some(&log_key(&disk)), &mut |_| {}).fault, None, "the log's key is theirs");
        let error = start(&forged, &[&witness]).err().unwrap();
        assert!(matches!(&error, OpenError::WitnessedFork { size, .. } if *size == witnessed), "{records}: {error}");
        assert!(error.to_string().starts_with("FORK: witness w.a"), "{error}");
    }
}

#[test]
fn a_fresh_directory_in_place_of_a_witnessed_ledger_does_not_start() {
    let (disk, place) = (SimDisk::new(), SimDisk::new());
    let witness = witness_on(&place, "w.a", &log_key(&disk));
    let (ledger, _) = start(&disk, &[&witness]).unwrap();
    write(&ledger, 5);
    ledger.stop().unwrap();
    drop(ledger);
    let error = start(&SimDisk::new(), &[&witness]).err().unwrap();
    assert!(matches!(error, OpenError::WitnessRefuses { .. }), "another key: {error}");
    let fresh = SimDisk::new();
    fresh.create_dir("keys").unwrap();
    let file = fresh.create("keys/checkpoint.key").unwrap();
    let mut stolen = vec![0; 4096];
    let len = disk.open("keys/checkpoint.key", false).unwrap().read_at(&mut stolen, 0).unwrap();
    file.write_at(&stolen[..len], 0).unwrap();
    let error = start(&fresh, &[&witness]).err().unwrap();
    assert!(error.to_string().starts_with("ROLLBACK"), "the old key, no records: {error}");
}

#[test]
fn silent_witnesses_delay_a_start_or_are_told_aloud_but_never_lie() {
    let (disk, places) = (SimDisk::new(), [SimDisk::new(), SimDisk::new()]);
    let key = log_key(&disk);
    let (a, b) = (witness_on(&places[0], "w.a", &key), witness_on(&places[1], "w.b", &key));
    a.is_cut.store(true, Ordering::SeqCst);
    let wait = OnUnreachable::Wait(Duration::from_millis(20));
    let error = open(&disk, policy(1, &[&a, &b], wait)).err().unwrap();
    assert_eq!(
        error.to_string(),
        "UNWITNESSED: 2 witnesses must answer before a start; without an answer: w.a (cut)",
        "with a quorum of 1, the silent one alone may know of more"
    );
    open(&disk, policy(2, &[&a, &b], wait)).unwrap().0.stop().unwrap();
    open(&disk, policy(1, &[&a, &b], OnUnreachable::Start)).unwrap().0.stop().unwrap();
}

/// A log of plain leaves, for requests that no real ledger would send.
struct Plain {
    signer: Signer,
    leaves: Vec<crate::Hash>,
}

impl Plain {
    fn new(story: &str) -> Self {
        let leaves = (0..64).map(|nth| leaf_hash(format!("{story} {nth}").as_bytes())).collect();
        Self { signer: Signer::generate(ORIGIN).unwrap().0, leaves }
    }

    fn node(&self, level: u8, at: u64) -> crate::Hash {
        let (from, width) = (usize::try_from(at).unwrap() << level, 1_usize << level);
        let mut frontier = Frontier::new();
        self.leaves[from..from + width].iter().for_each(|leaf| frontier.push(*leaf));
        frontier.root()
    }

    fn head(&self, size: u64) -> TreeHead {
        let Ok(root) = tree::root(size, |level, at| Ok::<_, Infallible>(self.node(level, at)));
        TreeHead { size, root }
    }

    fn note(&self, size: u64) -> String {
        Checkpoint::sign(&self.signer, self.head(size)).note().to_owned()
    }

    fn request(&self, old: u64, size: u64) -> Vec<u8> {
        let Ok(proof) = tree::consistency_proof(old, size, |level, at| Ok::<_, Infallible>(self.node(level, at)));
        let mut body = format!("old {old}\n");
        for hash in proof {
            body.push_str(&(BASE64_STANDARD.encode(hash) + "\n"));
        }
        (body + "\n" + &self.note(size)).into_bytes()
    }
}

#[test]
fn the_witness_answers_as_c2sp_says() {
    let (signer, secret) = Signer::generate(ORIGIN).unwrap();
    let log = Plain { signer, ..Plain::new("ours") };
    let fork = Plain { signer: Signer::parse(&secret).unwrap(), ..Plain::new("theirs") };
    let stranger = Plain::new("ours");
    let witness = witness_on(&SimDisk::new(), "w.a", log.signer.verifier()).witness;
    let ask = |body: &[u8]| witness.add_checkpoint(body, NOW_S);
    assert_eq!(ask(&log.request(0, 20)).status, 200);
    let elsewhere = String::from_utf8(log.request(0, 20)).unwrap().replacen(ORIGIN, "gw.test/ledger/2", 1).into_bytes();
    let rows: [(&str, Vec<u8>, u16, &str); 12] = [
        ("not a request", b"hello".to_vec(), 400, ""),
        ("no note", b"old 20\n\nhello\n".to_vec(), 400, ""),
        ("unknown log", elsewhere, 404, ""),
        ("another key", stranger.request(20, 30), 403, ""),
        ("a continuation", log.request(20, 30), 200, ""),
        ("from zero again", log.request(0, 40), 409, "30\n"),
        ("from an older size", log.request(20, 40), 409, "30\n"),
        ("smaller than known", log.request(20, 25), 409, "30\n"),
        ("proof of other sizes", [b"old 30\n".as_slice(), &log.request(20, 40)[7..]].concat(), 422, ""),
        ("another history", fork.request(30, 40), 422, ""),
        ("another root for the same size", fork.request(30, 30), 409, "30\n"),
        ("the same again", log.request(30, 30), 200, ""),
    ];
    for (what, body, status, expected) in rows {
        let answer = ask(&body);
        assert_eq!(answer.status, status, "{what}: {}", answer.body);
        if status == 409 {
            assert_eq!((answer.body.as_str(), answer.content_type), (expected, "text/x.tlog.size"), "{what}");
        }
    }
    let mut above = log.request(0, 20);
    above.splice(0..5, *b"old 99");
    assert_eq!(ask(&above).status, 400, "old above the checkpoint");
    assert_eq!(witness.sizes(), [(ORIGIN, 30)]);
}

#[test]
fn a_cosignature_is_the_bytes_of_the_specification() {
    let log = Plain::new("ours");
    let witness = witness_on(&SimDisk::new(), "w.example/a", log.signer.verifier()).witness;
    let line = witness.add_checkpoint(&log.request(0, 7), NOW_S).body;
    let note = format!("{}{line}", log.note(7));
    assert_eq!(witness.key().cosigned_at(&note), Ok(NOW_S));
    // By hand, from the text of tlog-cosignature: key id, eight bytes of time, Ed25519 over header, time and text.
    let vkey = witness.key().to_text();
    let public = BASE64_STANDARD.decode(vkey.splitn(3, '+').nth(2).unwrap()).unwrap();
    let bytes = BASE64_STANDARD.decode(line.trim_end().rsplit(' ').next().unwrap()).unwrap();
    assert_eq!((public[0], public.len(), bytes.len()), (4, 33, 4 + 8 + 64));
    let text = log.note(7).split("\n\n").next().unwrap().to_owned();
    let message = format!("cosignature/v1\ntime {NOW_S}\n{text}\n");
    UnparsedPublicKey::new(&ED25519, &public[1..]).verify(message.as_bytes(), &bytes[12..]).unwrap();
    // The log's part stays good for other people's tools, which pass over the line of the witness.
    let theirs = signed_note::Note::from_bytes(note.as_bytes()).unwrap();
    let key = signed_note::StandardVerifier::new(&log.signer.verifier().to_text()).unwrap();
    let (verified, unverified) = theirs.verify(&signed_note::VerifierList::new(vec![Box::new(key)])).unwrap();
    assert_eq!((verified.len(), unverified.len()), (1, 1));
    assert_eq!(tlog_tiles::checkpoint::Checkpoint::from_bytes(theirs.text()).unwrap().size(), 7);
    // Neither another time, nor another text, nor a key of another use.
    let other = note.replace("\n7\n", "\n8\n");
    assert_eq!(witness.key().cosigned_at(&other), Err(NoteError::BadSignature));
    assert_eq!(WitnessKey::parse(&log.signer.verifier().to_text()), Err(NoteError::BadKey));
    assert_eq!(VerifierKey::parse(&vkey), Err(NoteError::BadKey));
}

#[test]
fn a_witness_that_dies_at_any_step_keeps_its_word() {
    let log = Plain::new("ours");
    let (_, secret) = WitnessSigner::generate("w.a").unwrap();
    let open = |disk: &SimDisk| {
        let logs = vec![KnownLog { origin: ORIGIN.to_owned(), keys: vec![log.signer.verifier().clone()] }];
        Witness::open_on(Box::new(disk.clone()), WitnessSigner::parse(&secret).unwrap(), logs)
    };
    for operations in 0..60 {
        for seed in 0..4 {
            let disk = SimDisk::new();
            open(&disk).unwrap();
            disk.fail_after(operations);
            let mut promised = 0;
            if let Ok(witness) = open(&disk) {
                let mut at = 0;
                for size in [3, 4, 17, 17, 40] {
                    let answer = witness.add_checkpoint(&log.request(at, size), NOW_S);
                    match answer.status {
                        200 => (promised, at) = (size, size),
                        status => assert_eq!(status, 503, "{operations}: {}", answer.body),
                    }
                }
            }
            let witness = open(&disk.after_power_failure(&mut Seeded::new(seed))).unwrap();
            let (_, remembered) = witness.sizes()[0];
            assert!(remembered >= promised, "{operations}: promised {promised}, remembers {remembered}");
        }
    }
}

#[test]
fn of_two_requests_at_once_one_wins() {
    let log = Plain::new("ours");
    let witness = witness_on(&SimDisk::new(), "w.a", log.signer.verifier()).witness;
    let sizes = Mutex::new(HashMap::new());
    std::thread::scope(|scope| {
        for size in 1..=16_u64 {
            let (witness, log, sizes) = (&witness, &log, &sizes);
            scope.spawn(move || {
                let mut old = 0;
                loop {
                    let answer = witness.add_checkpoint(&log.request(old, size), NOW_S);
                    if answer.status == 200 {
                        lock(sizes).insert(size, answer.body);
                        return;
                    }
                    old = parse_size(answer.body.trim_end()).unwrap();
                    if old > size {
                        return;
                    }
                }
            });
        }
    });
    assert_eq!(witness.sizes(), [(ORIGIN, 16)]);
    assert!(lock(&sizes).contains_key(&16));
}
