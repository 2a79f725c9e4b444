//! Keys of a log over its life: a root lists them, a rotation leaves a record, and what the list does not name does not
//! start.

use std::path::Path;

use super::support::access;
use crate::keys::{self, KeyError, Manifest};
use crate::{Ledger, NoteError, OpenError, Options, Record, Signer, VerifierKey, read, verify};

const ORIGIN: &str = "gw.test/ledger/1";

fn options(dir: &Path, root: Option<&Signer>) -> Options {
    let root = root.map(|root| root.verifier().clone());
    Options { segment_bytes: 256 * 1024, root, ..Options::new(dir, ORIGIN) }
}

/// Starts, writes some records, stops; gives the key in use and the size.
fn serve(dir: &Path, root: Option<&Signer>, records: usize) -> (VerifierKey, u64) {
    let (ledger, _) = super::roomless::open(&options(dir, root)).unwrap();
    for _ in 0..records {
        ledger.append_blocking(|key, out| access(key).encode_into(out)).unwrap();
    }
    ledger.stop().unwrap();
    (ledger.verifier_key().clone(), ledger.size())
}

fn manifest(dir: &Path, root: &Signer) -> Manifest {
    let note = std::fs::read_to_string(dir.join("keys/manifest.note")).unwrap();
    Manifest::open(&note, root.verifier()).unwrap()
}

#[test]
fn a_rotated_key_signs_what_comes_after_and_the_list_names_each_for_its_part() {
    let (root, _) = Signer::generate("root.test").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let (first, _) = serve(dir, None, 5);
    assert!(matches!(keys::rotate(dir, &root, "early"), Err(KeyError::NotIntroduced)));
    keys::introduce(dir, &root).unwrap();
    assert!(matches!(keys::introduce(dir, &root), Err(KeyError::Introduced)));
    let (_, before) = serve(dir, Some(&root), 5);

    let (stranger, _) = Signer::generate("root.test").unwrap();
    assert!(matches!(keys::rotate(dir, &stranger, "theft"), Err(KeyError::Note(NoteError::Unsigned))));
    let listed = keys::rotate(dir, &root, "scheduled").unwrap();
    assert_eq!(listed, manifest(dir, &root));
    let (second, after) = serve(dir, Some(&root), 5);
    assert_ne!(first, second);
    let turn = listed.keys()[1].valid_from;
    assert!(before < turn && turn < after);
    assert_eq!((listed.key_for(turn - 1), listed.key_for(turn)), (Some(&first), Some(&second)));
    assert_eq!(verify(dir, Some(&second), |_| {}).fault, None);

    // The record of it: signed by both keys over the same words.
    let leaves: Vec<_> = read(dir).unwrap().leaves(0).unwrap().map(Result::unwrap).collect();
    let record = leaves.iter().find_map(|leaf| match leaf.record().unwrap() {
        Record::Notice(notice) if notice.action == "key.rotated" => Some((leaf.index, notice.data.to_vec())),
        _ => None,
    });
    let (index, signatures) = record.unwrap();
    assert!(index < turn, "the old key's last checkpoint covers it");
    let said = format!("sluice.key.rotated/v1\n{}\n{}\n", first.to_text(), second.to_text());
    first.0.verify(said.as_bytes(), &signatures[..64]).unwrap();
    second.0.verify(said.as_bytes(), &signatures[64..]).unwrap();

    // The stolen old key signs nothing any more after the revocation, from its index on.
    let revoked = keys::revoke(dir, &root, (&first, before - 1), "stolen").unwrap();
    assert_eq!((revoked.key_for(before - 1), revoked.key_for(before)), (Some(&first), None));
    serve(dir, Some(&root), 1);
    keys::revoke(dir, &root, (&second, after), "stolen too").unwrap();
    let refused = Ledger::open(&options(dir, Some(&root))).err().unwrap();
    assert_eq!(refused.to_string(), "keys: the key of this log was revoked: rotate it");
}

#[test]
fn a_rotation_that_broke_off_is_completed_by_the_same_command() {
    let (root, _) = Signer::generate("root.test").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let (first, _) = serve(dir, None, 3);
    keys::introduce(dir, &root).unwrap();
    // Broken off after the new key was made: it is the one that is used.
    let (next, secret) = Signer::generate(ORIGIN).unwrap();
    std::fs::write(dir.join("keys/next.key"), &secret).unwrap();
    // Broken off once more, after the list was signed and before the key was put in place.
    let old = std::fs::read(dir.join("keys/checkpoint.key")).unwrap();
    keys::rotate(dir, &root, "scheduled").unwrap();
    std::fs::write(dir.join("keys/checkpoint.key"), old).unwrap();
    std::fs::write(dir.join("keys/next.key"), &secret).unwrap();
    let refused = Ledger::open(&options(dir, Some(&root))).err().unwrap();
    assert!(matches!(refused, OpenError::Keys(_)), "{refused}");
    let listed = keys::rotate(dir, &root, "scheduled").unwrap();
    assert_eq!(listed.keys().iter().map(|listed| &listed.key).collect::<Vec<_>>(), [&first, next.verifier()]);
    assert_eq!(serve(dir, Some(&root), 1).0, *next.verifier());
}

#[test]
fn with_a_pinned_root_nothing_starts_without_its_list() {
    let (root, _) = Signer::generate("root.test").unwrap();
    let (other, _) = Signer::generate("root.test").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let refusal = |root: &Signer| Ledger::open(&options(dir, Some(root))).err().map(|error| error.to_string());
    serve(dir, None, 1);
    assert_eq!(refusal(&root).unwrap(), "keys: keys/manifest.note is missing, and a root key is configured");
    keys::introduce(dir, &root).unwrap();
    assert_eq!(refusal(&other).unwrap(), "keys: keys/manifest.note is not a list of keys signed by the root");
    assert_eq!(refusal(&root), None);
    // A key that somebody put in place of the listed one.
    let (_, secret) = Signer::generate(ORIGIN).unwrap();
    std::fs::write(dir.join("keys/checkpoint.key"), secret).unwrap();
    assert_eq!(refusal(&root).unwrap(), "keys: keys/checkpoint.key is not the key that keys/manifest.note names now");
}
