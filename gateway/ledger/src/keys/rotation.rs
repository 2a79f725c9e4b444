//! Changing the keys of a ledger that no process holds: each step leaves either the old state or one that the same
//! command, given again, completes.

use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::keys::manifest::{Manifest, load, store};
use crate::ledger::Ledger;
use crate::note::{NoteError, Signer, VerifierKey};
use crate::options::Options;
use crate::record::{Notice, NoticeKind};
use crate::recovery::OpenError;
use crate::state::Closed;
use crate::storage::{DirStorage, Storage, read_small, replace};

const NEXT: &str = "next.key";
const SMALL_BYTES_MAX: u64 = 4_096;

/// Why keys were not changed.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// There is no ledger in the folder.
    #[error("the folder holds no ledger")]
    NoLedger,
    /// The log has a list of keys already.
    #[error("the ledger has keys/manifest.note already")]
    Introduced,
    /// The log has no list of keys yet.
    #[error("the ledger has no keys/manifest.note yet: `sluice ledger keys init` makes it")]
    NotIntroduced,
    /// The key is not one of the list.
    #[error("keys/manifest.note lists no such key")]
    NoSuchKey,
    /// A key or a list does not hold.
    #[error("keys of the ledger: {0}")]
    Note(#[from] NoteError),
    /// The ledger cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The ledger takes no records.
    #[error("the ledger takes no records: {0}")]
    Closed(#[from] Closed),
    /// The disk failed.
    #[error("keys of the ledger: {0}")]
    Io(#[from] io::Error),
}

/// Signs the first list of a ledger's keys: the one it has, from its first record on.
///
/// # Errors
/// `KeyError`.
pub fn introduce(dir: &Path, root: &Signer) -> Result<Manifest, KeyError> {
    let disk = DirStorage::new(dir);
    if load(&disk)?.is_some() {
        return Err(KeyError::Introduced);
    }
    let current = read_small(&disk, "keys/checkpoint.vkey", SMALL_BYTES_MAX)?.ok_or(KeyError::NoLedger)?;
    let manifest = Manifest::first(VerifierKey::parse(&String::from_utf8_lossy(&current))?);
    store(&disk, &manifest.sign(root))?;
    Ok(manifest)
}

/// Gives the ledger a new key, which signs all that comes after its last record: a KEY record signed by old and new
/// key, a list signed by the root, then the key itself.
///
/// # Errors
/// `KeyError`; given again, it completes what it began.
pub fn rotate(dir: &Path, root: &Signer, reason: &str) -> Result<Manifest, KeyError> {
    let disk = DirStorage::new(dir);
    let origin = origin(&disk)?;
    let listed = Manifest::open(&load(&disk)?.ok_or(KeyError::NotIntroduced)?, root.verifier())?;
    let next = next_key(&disk, &origin)?;
    let manifest = if listed.keys().iter().any(|known| known.key == *next.verifier()) {
        listed
    } else {
        let old = Signer::load_or_create(&disk, &origin)?;
        let signed = statement("key.rotated", &old, next.verifier());
        let signatures = [old.signature(&signed), next.signature(&signed)].concat();
        let record = Act { action: "key.rotated", key: next.verifier(), reason, signatures: &signatures };
        let size = append(dir, &origin, root, &record)?;
        let manifest = listed.with_key(next.verifier().clone(), size).ok_or(KeyError::NoSuchKey)?;
        store(&disk, &manifest.sign(root))?;
        manifest
    };
    disk.rename(&format!("keys/{NEXT}"), "keys/checkpoint.key")?;
    disk.sync_dir("keys")?;
    // A start and a stop: the new key signs a checkpoint over its first record at once.
    open(dir, &origin, root)?.stop()?;
    Ok(manifest)
}

/// Takes back a key: checkpoints of it that end after an index hold no longer.
///
/// # Errors
/// `KeyError`.
pub fn revoke(
    dir: &Path,
    root: &Signer,
    (key, after): (&VerifierKey, u64),
    reason: &str,
) -> Result<Manifest, KeyError> {
    let disk = DirStorage::new(dir);
    let origin = origin(&disk)?;
    let listed = Manifest::open(&load(&disk)?.ok_or(KeyError::NotIntroduced)?, root.verifier())?;
    let manifest = listed.with_revoked(key, after).ok_or(KeyError::NoSuchKey)?;
    let current = Signer::load_or_create(&disk, &origin)?;
    let signatures = current.signature(&statement("key.revoked", &current, key));
    append(dir, &origin, root, &Act { action: "key.revoked", key, reason, signatures: &signatures })?;
    store(&disk, &manifest.sign(root))?;
    Ok(manifest)
}

/// What a KEY record says.
struct Act<'a> {
    action: &'a str,
    key: &'a VerifierKey,
    reason: &'a str,
    signatures: &'a [u8],
}

/// Appends a KEY record, stops the ledger, and gives its size.
fn append(dir: &Path, origin: &str, root: &Signer, act: &Act<'_>) -> Result<u64, KeyError> {
    let ledger = open(dir, origin, root)?;
    let object = act.key.to_text();
    ledger.append_blocking(|key, out| {
        let head = ledger.head_of(key);
        let actor = root.verifier().name();
        let (action, reason, data) = (act.action, act.reason, act.signatures);
        Notice { kind: NoticeKind::Key, head, actor, action, object: &object, reason, data }.encode_into(out);
    })?;
    ledger.stop()?;
    Ok(ledger.size())
}

/// Without its witnesses: what this adds, they are told at the next start.
fn open(dir: &Path, origin: &str, root: &Signer) -> Result<Ledger, OpenError> {
    let options = Options { root: Some(root.verifier().clone()), ..Options::new(dir, origin) };
    Ok(Ledger::open_on(&options, Arc::new(DirStorage::new(dir)))?.0)
}

/// What the signatures in a KEY record are over.
fn statement(action: &str, current: &Signer, key: &VerifierKey) -> Vec<u8> {
    format!("sluice.{action}/v1\n{}\n{}\n", current.verifier().to_text(), key.to_text()).into_bytes()
}

fn origin(disk: &dyn Storage) -> Result<String, KeyError> {
    let bytes = read_small(disk, "origin", SMALL_BYTES_MAX)?.ok_or(KeyError::NoLedger)?;
    Ok(String::from_utf8_lossy(&bytes).trim_end().to_owned())
}

/// The key that a rotation began with, or a new one; stored before anything names it.
fn next_key(disk: &dyn Storage, origin: &str) -> Result<Signer, KeyError> {
    if let Some(bytes) = read_small(disk, &format!("keys/{NEXT}"), SMALL_BYTES_MAX)? {
        return Ok(Signer::parse(&String::from_utf8_lossy(&bytes))?);
    }
    let (signer, text) = Signer::generate(origin)?;
    replace(disk, "keys", NEXT, text.as_bytes())?;
    Ok(signer)
}
