//! `keys/manifest.note`: which key signs which part of the log.
//!
//! A signed note of the root. Its text is `sluice.keys/v1`, the origin, `issue N`, and for each key in the order of
//! their use `key FROM LAST VKEY`: checkpoints whose last record is `FROM` or later are signed by it, up to the next
//! key's; `LAST` is `-`, or the last record that a revoked key may have signed.

use std::io;

use crate::checkpoint::Checkpoint;
use crate::note::{Note, NoteError, Signer, VerifierKey};
use crate::recovery::OpenError;
use crate::storage::{Storage, read_small, replace};
use crate::witness::parse_size;

const HEADER: &str = "sluice.keys/v1";
const FILE: &str = "manifest.note";
const BYTES_MAX: u64 = 256 * 1024;

/// A key and what it may sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedKey {
    /// The key.
    pub key: VerifierKey,
    /// First index that a checkpoint of it may end with.
    pub valid_from: u64,
    /// It was revoked: last index that a checkpoint of it may end with.
    pub revoked_after: Option<u64>,
}

/// The keys of one log, in the order of their use; at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    origin: String,
    issue: u64,
    keys: Vec<ListedKey>,
}

impl Manifest {
    /// The first list of a log.
    pub(crate) fn first(key: VerifierKey) -> Self {
        let origin = key.name().to_owned();
        Self { origin, issue: 1, keys: vec![ListedKey { key, valid_from: 0, revoked_after: None }] }
    }

    /// Reads a list that this root signed.
    ///
    /// # Errors
    /// The signature does not hold, or the text is no list of keys.
    pub fn open(note: &str, root: &VerifierKey) -> Result<Self, NoteError> {
        root.open(note)?;
        Self::of_text(note)
    }

    /// Reads a list whose signature nobody has checked.
    pub(crate) fn of_text(note: &str) -> Result<Self, NoteError> {
        let text = Note::parse(note)?.text;
        let read = || {
            let mut lines = text.lines();
            (lines.next()? == HEADER).then_some(())?;
            let origin = lines.next()?.to_owned();
            let issue = parse_size(lines.next()?.strip_prefix("issue ")?)?;
            let keys: Vec<ListedKey> = lines.map(listed).collect::<Option<_>>()?;
            let is_ordered = keys.windows(2).all(|pair| matches!(pair, [a, b] if a.valid_from < b.valid_from));
            let is_whole = keys.first()?.valid_from == 0 && keys.iter().all(|listed| listed.key.name() == origin);
            (is_ordered && is_whole).then_some(Self { origin, issue, keys })
        };
        read().ok_or(NoteError::Malformed)
    }

    /// The log.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Counts up with each list that the root signs.
    pub fn issue(&self) -> u64 {
        self.issue
    }

    /// The keys in the order of their use.
    pub fn keys(&self) -> &[ListedKey] {
        &self.keys
    }

    /// The key that signs a checkpoint whose last record is `index`; `None` if it was revoked before that.
    pub fn key_for(&self, index: u64) -> Option<&VerifierKey> {
        let listed = self.keys.iter().rev().find(|listed| listed.valid_from <= index)?;
        listed.revoked_after.is_none_or(|last| index <= last).then_some(&listed.key)
    }

    /// The next list, with a new key from an index on; `None` unless it comes after the others.
    pub(crate) fn with_key(&self, key: VerifierKey, valid_from: u64) -> Option<Self> {
        let is_next = self.keys.last().is_some_and(|last| last.valid_from < valid_from && last.key != key);
        let mut next = Self { issue: self.issue + 1, ..self.clone() };
        next.keys.push(ListedKey { key, valid_from, revoked_after: None });
        is_next.then_some(next)
    }

    /// The next list, with a key revoked after an index; `None` if the key is not in it. A revocation is never
    /// moved to a later index.
    pub(crate) fn with_revoked(&self, key: &VerifierKey, after: u64) -> Option<Self> {
        let mut next = Self { issue: self.issue + 1, ..self.clone() };
        let listed = next.keys.iter_mut().find(|listed| listed.key == *key)?;
        listed.revoked_after = Some(listed.revoked_after.map_or(after, |before| before.min(after)));
        Some(next)
    }

    /// The signed note.
    pub(crate) fn sign(&self, root: &Signer) -> String {
        let line = |ListedKey { key, valid_from, revoked_after }: &ListedKey| {
            let last = revoked_after.map_or_else(|| String::from("-"), |last| last.to_string());
            format!("key {valid_from} {last} {}\n", key.to_text())
        };
        let lines: String = self.keys.iter().map(line).collect();
        root.sign(&format!("{HEADER}\n{}\nissue {}\n{lines}", self.origin, self.issue))
    }
}

fn listed(line: &str) -> Option<ListedKey> {
    let mut parts = line.strip_prefix("key ")?.split(' ');
    let valid_from = parse_size(parts.next()?)?;
    let revoked_after = match parts.next()? {
        "-" => None,
        last => Some(parse_size(last)?),
    };
    let key = VerifierKey::parse(parts.next()?).ok()?;
    parts.next().is_none().then_some(ListedKey { key, valid_from, revoked_after })
}

/// The note in the ledger's folder; `None` if it has no list of keys.
pub(crate) fn load(storage: &dyn Storage) -> io::Result<Option<String>> {
    let bytes = read_small(storage, &format!("keys/{FILE}"), BYTES_MAX)?;
    Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
}

pub(crate) fn store(storage: &dyn Storage, note: &str) -> io::Result<()> {
    replace(storage, "keys", FILE, note.as_bytes())
}

/// The list of a ledger that is being opened: signed by the root if one is pinned, and then it must be there.
pub(crate) fn of_ledger(
    storage: &dyn Storage,
    root: Option<&VerifierKey>,
    origin: &str,
) -> Result<Option<Manifest>, OpenError> {
    let manifest = match (load(storage)?, root) {
        (None, None) => return Ok(None),
        (None, Some(_)) => return Err(OpenError::Keys("keys/manifest.note is missing, and a root key is configured")),
        (Some(note), Some(root)) => Manifest::open(&note, root),
        (Some(note), None) => Manifest::of_text(&note),
    };
    match manifest {
        Ok(manifest) if manifest.origin == origin => Ok(Some(manifest)),
        Ok(_) => Err(OpenError::Keys("keys/manifest.note is of another origin")),
        Err(_) => Err(OpenError::Keys("keys/manifest.note is not a list of keys signed by the root")),
    }
}

/// The key in use must be the one that the list names for the next record.
pub(crate) fn check_current(
    storage: &dyn Storage,
    root: Option<&VerifierKey>,
    (signer, size): (&Signer, u64),
) -> Result<Option<Manifest>, OpenError> {
    let manifest = of_ledger(storage, root, signer.verifier().name())?;
    match manifest.as_ref().map(|manifest| manifest.key_for(size)) {
        None => Ok(None),
        Some(Some(key)) if key == signer.verifier() => Ok(manifest),
        Some(Some(_)) => Err(OpenError::Keys("keys/checkpoint.key is not the key that keys/manifest.note names now")),
        Some(None) => Err(OpenError::Keys("the key of this log was revoked: rotate it")),
    }
}

/// The key that must have signed a checkpoint, by the list if there is one.
pub(crate) fn key_of_checkpoint<'k>(
    manifest: Option<&'k Manifest>,
    current: &'k VerifierKey,
    note: &str,
) -> Result<&'k VerifierKey, NoteError> {
    let Some(manifest) = manifest else { return Ok(current) };
    let size = Checkpoint::of_text(note, current.name())?.head().size;
    manifest.key_for(size.saturating_sub(1)).ok_or(NoteError::Unsigned)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORIGIN: &str = "gw.test/ledger/1";

    #[test]
    fn each_index_has_the_key_that_was_valid_then() {
        let [a, b] = [(); 2].map(|()| Signer::generate(ORIGIN).unwrap().0.verifier().clone());
        let (root, _) = Signer::generate("root.test").unwrap();
        let list = Manifest::first(a.clone()).with_key(b.clone(), 100).unwrap().with_revoked(&a, 60).unwrap();
        assert_eq!(list.with_revoked(&a, 80).unwrap().key_for(61), None, "a revocation is not taken back");
        let list = Manifest::open(&list.sign(&root), root.verifier()).unwrap();
        assert_eq!((list.origin(), list.issue(), list.keys().len()), (ORIGIN, 3, 2));
        let rows = [(0, Some(&a)), (60, Some(&a)), (61, None), (99, None), (100, Some(&b)), (u64::MAX, Some(&b))];
        for (index, key) in rows {
            assert_eq!(list.key_for(index), key, "{index}");
        }
        assert_eq!(list.with_key(a.clone(), 100), None, "keys follow each other");
        assert_eq!(list.with_key(b.clone(), 101), None, "the same key again");
    }

    #[test]
    fn only_a_whole_list_of_the_root_is_read() {
        let (a, _) = Signer::generate(ORIGIN).unwrap();
        let (root, _) = Signer::generate("root.test").unwrap();
        let (other, _) = Signer::generate("root.test").unwrap();
        let key = a.verifier().to_text();
        let rows = [
            (format!("{HEADER}\n{ORIGIN}\nissue 1\nkey 0 - {key}\n"), true),
            (format!("{HEADER}\n{ORIGIN}\nissue 1\n"), false),
            (format!("{HEADER}\n{ORIGIN}\nissue 1\nkey 1 - {key}\n"), false),
            (format!("{HEADER}\n{ORIGIN}\nissue 1\nkey 0 - {key}\nkey 0 - {key}\n"), false),
            (format!("{HEADER}\n{ORIGIN}\nissue 1\nkey 0 {key}\n"), false),
            (format!("{HEADER}\n{ORIGIN}\nissue 1\nkey 00 - {key}\n"), false),
            (format!("{HEADER}\n{ORIGIN}\nissue 1\nkey 0 - {key} \n"), false),
            (format!("{HEADER}\nother\nissue 1\nkey 0 - {key}\n"), false),
            (format!("sluice.keys/v2\n{ORIGIN}\nissue 1\nkey 0 - {key}\n"), false),
        ];
        for (text, is_right) in rows {
            assert_eq!(Manifest::open(&root.sign(&text), root.verifier()).is_ok(), is_right, "{text}");
            assert!(Manifest::open(&other.sign(&text), root.verifier()).is_err(), "{text}");
        }
    }
}
