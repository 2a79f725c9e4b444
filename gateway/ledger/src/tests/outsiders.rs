//! What outsiders get: proof files and tiles that other people's implementations accept.

use std::path::{Path, PathBuf};

use signed_note::{Note, StandardVerifier, VerifierList};
use tlog_tiles::tile::{Tile, TileHashReader, TileReader};
use tlog_tiles::tlog::{Hash as OracleHash, check_record, prove_record, record_hash};

use super::build::{grow, grow_with};
use crate::{Pins, Proof, ProofError, export_tiles, ocsf_event, read};

/// A folder as a client of a static server sees it.
struct Served(PathBuf);

impl Served {
    fn entries(&self, size: u64) -> Vec<Vec<u8>> {
        let mut entries = Vec::new();
        for number in 0..size.div_ceil(256) {
            let width = (size - number * 256).min(256);
            let suffix = if width < 256 { format!(".p/{width}") } else { String::new() };
            let bundle = std::fs::read(self.0.join(format!("tile/entries/{number:03}{suffix}"))).unwrap();
            let mut rest = bundle.as_slice();
            while let Some((len, after)) = rest.split_first_chunk() {
                let (entry, after) = after.split_at(usize::from(u16::from_be_bytes(*len)));
                entries.push(entry.to_vec());
                rest = after;
            }
        }
        entries
    }
}

impl TileReader for Served {
    fn height(&self) -> u8 {
        8
    }

    fn read_tiles(&self, tiles: &[Tile]) -> Result<Vec<Vec<u8>>, tlog_tiles::tlog::Error> {
        let path = |tile: &Tile| self.0.join(tile.path().replacen("tile/8/", "tile/", 1));
        Ok(tiles.iter().map(|tile| std::fs::read(path(tile)).unwrap()).collect())
    }

    fn save_tiles(&self, _tiles: &[Tile], _data: &[Vec<u8>]) {}
}

fn checked_by_the_oracle(ledger: &Path, out: &Path) -> u64 {
    let key = std::fs::read_to_string(ledger.join("keys/checkpoint.vkey")).unwrap();
    let note = Note::from_bytes(&std::fs::read(out.join("checkpoint")).unwrap()).unwrap();
    let verifiers = VerifierList::new(vec![Box::new(StandardVerifier::new(key.trim()).unwrap())]);
    assert_eq!(note.verify(&verifiers).unwrap().0.len(), 1);
    let checkpoint = tlog_tiles::checkpoint::Checkpoint::from_bytes(note.text()).unwrap();
    let served = Served(out.to_path_buf());
    let root = OracleHash(checkpoint.hash().0);
    let reader = TileHashReader::new(checkpoint.size(), root, &served);
    let entries = served.entries(checkpoint.size());
    assert_eq!(entries.len() as u64, checkpoint.size());
    for (index, entry) in (0..).zip(&entries).filter(|(index, _)| index % 61 == 0 || *index + 1 == checkpoint.size()) {
        let proof = prove_record(checkpoint.size(), index, &reader).unwrap();
        check_record(&proof, checkpoint.size(), root, index, record_hash(entry)).unwrap();
    }
    checkpoint.size()
}

#[test]
fn an_exported_folder_satisfies_the_oracle_and_grows() {
    let (dir, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut sizes = Vec::new();
    for records in [0, 1, 254, 1, 300, 2_000] {
        grow(dir.path(), records);
        let exported = export_tiles(&read(dir.path()).unwrap(), None, out.path(), |_, _| {}).unwrap();
        assert_eq!(checked_by_the_oracle(dir.path(), out.path()), exported.head.size);
        sizes.push(exported.head.size);
        let again = export_tiles(&read(dir.path()).unwrap(), None, out.path(), |_, _| {}).unwrap();
        assert_eq!(again.files_written, 0, "what stands there is kept");
    }
    assert_eq!(sizes, [1, 3, 258, 260, 561, 2_562]);
}

#[test]
fn a_changed_record_is_not_exported() {
    let (dir, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    grow(dir.path(), 600);
    let ledger = read(dir.path()).unwrap();
    let note = std::fs::read_to_string(dir.path().join("checkpoint")).unwrap();
    let other = tempfile::tempdir().unwrap();
    grow(other.path(), 600);
    std::fs::write(dir.path().join("keys/salt-0000000001.key"), [1; 32]).unwrap();
    assert!(export_tiles(&ledger, None, out.path(), |_, _| {}).is_err());
    assert!(!out.path().join("checkpoint").exists(), "{note}");
}

#[test]
fn proof_files_stand_alone_and_changed_ones_prove_nothing() {
    let dir = tempfile::tempdir().unwrap();
    grow(dir.path(), 700);
    let ledger = read(dir.path()).unwrap();
    let key = ledger.verifier_key().unwrap();
    for index in [0, 1, 255, 256, 511, 600, 700] {
        let proof = ledger.proof(index, &Pins { key: Some(key.clone()), ..Pins::default() }).unwrap();
        let leaf = *ledger.leaf(index).unwrap().durable().leaf_hash();
        let read = Proof::parse(&proof.to_text()).unwrap();
        assert_eq!(read, proof);
        assert_eq!(read.verify(&key, Some(&leaf)).unwrap().leaf_hash, leaf);
        assert_eq!(read.verify(&key, Some(&[0; 32])), Err(ProofError::OtherLeaf));
        let note = Note::from_bytes(read.checkpoint.as_bytes()).unwrap();
        let theirs = tlog_tiles::checkpoint::Checkpoint::from_bytes(note.text()).unwrap();
        let hashes: Vec<OracleHash> = read.hashes.iter().map(|hash| OracleHash(*hash)).collect();
        check_record(&hashes, theirs.size(), OracleHash(theirs.hash().0), index, OracleHash(leaf)).unwrap();
    }
    let good = ledger.proof(300, &Pins::default()).unwrap();
    let text = good.to_text();
    let changes = [
        text.replacen("index 300", "index 301", 1),
        text.replacen("extra ", "extra AAAA", 1),
        text.replacen("\n701\n", "\n702\n", 1),
        text.replacen("tlog-proof@v1", "tlog-proof@v2", 1),
        text.replacen("index 300", "index 0300", 1),
        text.split_inclusive('\n').filter(|line| !line.starts_with("extra")).collect(),
        String::new(),
    ];
    for (at, changed) in changes.iter().enumerate() {
        let refused = Proof::parse(changed).and_then(|proof| proof.verify(&key, None));
        assert!(refused.is_err(), "change {at}");
    }
    assert!(matches!(ledger.proof(701, &Pins::default()), Err(crate::ReadError::NotCovered(701))));
}

#[test]
fn events_carry_what_the_table_of_the_schema_asks_for() {
    let dir = tempfile::tempdir().unwrap();
    grow_with(dir.path(), 2, |at, access| crate::record::Access {
        decision: if at == 0 { crate::record::Decision::Permit } else { crate::record::Decision::Deny },
        code: if at == 0 { "" } else { "grant.expired" },
        ..*access
    });
    let ledger = read(dir.path()).unwrap();
    let event = |index| ocsf_event("gw.test/ledger/1", &ledger.leaf(index).unwrap()).unwrap();
    let permitted = event(1);
    for (pointer, expected) in [
        ("/class_uid", "6003"),
        ("/category_uid", "6"),
        ("/type_uid", "600302"),
        ("/time", "1700000000000"),
        ("/metadata/uid", "\"gw.test/ledger/1#1\""),
        ("/metadata/correlation_uid", "\"01010101-0101-0101-0101-010101010101\""),
        ("/actor/user/uid", "\"H-0007\""),
        ("/actor/user/org/uid", "\"rs\""),
        ("/actor/app_uid", "\"rs.main\""),
        ("/src_endpoint/ip", "\"127.0.0.1\""),
        ("/api/operation", "\"query\""),
        ("/api/service/name", "\"101001001/000001\""),
        ("/http_request/http_method", "\"POST\""),
        ("/authorizations/0/policy/uid", "\"G-0001\""),
        ("/status_id", "1"),
    ] {
        assert_eq!(permitted.pointer(pointer).map(ToString::to_string).as_deref(), Some(expected), "{pointer}");
    }
    let denied = event(2);
    assert_eq!((&denied["status_id"], &denied["status_code"]), (&2.into(), &"grant.expired".into()));
    let heartbeat = event(0);
    assert_eq!((&heartbeat["activity_id"], &heartbeat["message"]), (&99.into(), &"HEARTBEAT".into()));
    assert_eq!(heartbeat["unmapped"]["leaf_hash"], ledger.leaf(0).unwrap().durable().leaf_base64());
}
