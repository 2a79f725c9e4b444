//! What an outside party needs to check a receipt: RFC 6962 hashes and C2SP signed notes, written
//! here anew so that a fault of the ledger's own code cannot hide itself.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;

/// SHA-256.
pub type Hash = [u8; 32];

fn sha256(parts: &[&[u8]]) -> Hash {
    digest(&SHA256, &parts.concat()).as_ref().try_into().expect("32 bytes")
}

/// SHA-256 in hexadecimal digits.
pub fn sha256_hex(data: &[u8]) -> String {
    sha256(&[data]).iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

/// Hash of a leaf.
pub fn leaf_hash(data: &[u8]) -> Hash {
    sha256(&[&[0], data])
}

/// Bytes of standard base64.
pub fn base64(text: &str) -> Vec<u8> {
    BASE64_STANDARD.decode(text).expect("base64")
}

/// A checkpoint whose signature holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Log.
    pub origin: String,
    /// Records.
    pub size: u64,
    /// Root.
    pub root: Hash,
}

/// When a witness with this key (`name+id+key`, C2SP tlog-cosignature) cosigned a checkpoint, seconds since 1970.
///
/// # Errors
/// What does not hold.
pub fn cosigned_at(note: &str, vkey: &str) -> Result<i64, String> {
    let mut parts = vkey.trim().splitn(3, '+');
    let (name, _, key) = (parts.next().ok_or("no name")?, parts.next(), parts.next().ok_or("no key")?);
    let key = base64(key);
    let (text, signatures) = note.split_once("\n\n").ok_or("not a note")?;
    let prefix = format!("\u{2014} {name} ");
    let line = signatures.lines().find_map(|line| line.strip_prefix(&prefix)).ok_or("not cosigned by this witness")?;
    let line = base64(line);
    let id = sha256(&[name.as_bytes(), b"\n", &key]);
    if key.first() != Some(&4) || line.get(..4) != id.get(..4) || line.len() != 4 + 8 + 64 {
        return Err("another key".to_owned());
    }
    let time = u64::from_be_bytes(line[4..12].try_into().expect("eight bytes"));
    let message = format!("cosignature/v1\ntime {time}\n{text}\n");
    let public = UnparsedPublicKey::new(&ED25519, &key[1..]);
    public.verify(message.as_bytes(), &line[12..]).map_err(|_| "the cosignature does not hold")?;
    i64::try_from(time).map_err(|_| "no time".to_owned())
}

/// Opens a checkpoint with a verifier key (`name+id+key`).
///
/// # Errors
/// What does not hold.
pub fn open(note: &str, vkey: &str) -> Result<Checkpoint, String> {
    let mut parts = vkey.trim().splitn(3, '+');
    let (name, _, key) = (parts.next().ok_or("no name")?, parts.next(), parts.next().ok_or("no key")?);
    let key = base64(key);
    let (text, signatures) = note.split_once("\n\n").ok_or("not a note")?;
    let text = format!("{text}\n");
    let prefix = format!("\u{2014} {name} ");
    let signature = signatures.lines().find_map(|line| line.strip_prefix(&prefix)).ok_or("not signed by this key")?;
    let signature = base64(signature);
    let id = sha256(&[name.as_bytes(), b"\n", &key]);
    if signature.get(..4) != id.get(..4) {
        return Err("another key id".to_owned());
    }
    let public = UnparsedPublicKey::new(&ED25519, &key[1..]);
    public.verify(text.as_bytes(), &signature[4..]).map_err(|_| "the signature does not hold")?;
    let mut lines = text.lines();
    Ok(Checkpoint {
        origin: lines.next().unwrap_or_default().to_owned(),
        size: lines.next().and_then(|size| size.parse().ok()).ok_or("no size")?,
        root: lines.next().and_then(|root| base64(root).try_into().ok()).ok_or("no root")?,
    })
}

/// Checks a receipt document against the log's key; gives the leaf hash.
///
/// # Errors
/// What does not hold.
pub fn check(receipt: &Value, vkey: &str) -> Result<Hash, String> {
    let text = |member: &str| receipt[member].as_str().ok_or(format!("no {member}"));
    let checkpoint = open(text("checkpoint")?, vkey)?;
    if checkpoint.origin != text("origin")? {
        return Err("the checkpoint is another log's".to_owned());
    }
    let index = receipt["index"].as_u64().ok_or("no index")?;
    let leaf = leaf_hash(&base64(text("leaf_data")?));
    let proof: Vec<Hash> = receipt["proof"]
        .as_array()
        .ok_or("no proof")?
        .iter()
        .filter_map(|hash| base64(hash.as_str().unwrap_or_default()).try_into().ok())
        .collect();
    if root(index, checkpoint.size, leaf, &proof) == Some(checkpoint.root) {
        Ok(leaf)
    } else {
        Err("the proof does not hold".to_owned())
    }
}

/// The root that an inclusion proof leads to (RFC 9162, 2.1.3.2).
pub fn root(index: u64, size: u64, leaf: Hash, proof: &[Hash]) -> Option<Hash> {
    if index >= size {
        return None;
    }
    let (mut at, mut last, mut hash) = (index, size - 1, leaf);
    for step in proof {
        if last == 0 {
            return None;
        }
        if at & 1 == 1 || at == last {
            hash = sha256(&[&[1], step, &hash]);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            hash = sha256(&[&[1], &hash, step]);
        }
        at >>= 1;
        last >>= 1;
    }
    (last == 0).then_some(hash)
}

/// The root over leaf hashes (RFC 6962, 2.1).
pub fn tree(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => sha256(&[]),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
            sha256(&[&[1], &tree(left), &tree(right)])
        }
    }
}
