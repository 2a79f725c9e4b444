//! Salts of leaves. A leaked 32-byte leaf hash cannot be guessed back to its record without the salt, and
//! destroying a boot epoch's key makes the hashes of that epoch unlinkable.

use std::io;

use crate::hash::sha256;
use crate::storage::{Storage, read_small, replace};

/// Bytes of a salt in front of a record.
pub(crate) const SALT_BYTES: usize = 16;
const KEY_BYTES: usize = 32;
const PREFIX: &str = "salt-";
const SUFFIX: &str = ".key";

/// Key of one boot epoch, ready for use on the request path.
#[derive(Clone)]
pub(crate) struct SaltKey {
    epoch: u32,
    key: [u8; KEY_BYTES],
}

impl SaltKey {
    /// Makes and stores the key of a new epoch, durably, before any record can use it.
    pub(crate) fn create(storage: &dyn Storage, epoch: u32) -> io::Result<Self> {
        let mut bytes = [0; KEY_BYTES];
        aws_lc_rs::rand::fill(&mut bytes).map_err(|_| io::Error::other("no randomness"))?;
        replace(storage, "keys", &file_name(epoch), &bytes)?;
        Ok(Self::from_bytes(epoch, &bytes))
    }

    /// Reads the key of an epoch; `None` if it is missing or has the wrong length.
    pub(crate) fn load(storage: &dyn Storage, epoch: u32) -> io::Result<Option<Self>> {
        let bytes = read_small(storage, &format!("keys/{}", file_name(epoch)), KEY_BYTES as u64)?;
        Ok(bytes.and_then(|bytes| bytes.try_into().ok()).map(|bytes| Self::from_bytes(epoch, &bytes)))
    }

    pub(crate) fn from_bytes(epoch: u32, bytes: &[u8; KEY_BYTES]) -> Self {
        Self { epoch, key: *bytes }
    }

    pub(crate) fn epoch(&self) -> u32 {
        self.epoch
    }

    /// `SHA-256(key || epoch || worker || ctr)[..16]`, integers big-endian.
    ///
    /// One block instead of HMAC's four: the message has one length and the result is cut, so nothing can be
    /// appended to it, which is all that HMAC's second pass would prevent.
    pub(crate) fn salt(&self, worker: u16, ctr: u64) -> [u8; SALT_BYTES] {
        let mut message = [0; KEY_BYTES + 14];
        let (key, fields) = message.split_at_mut(KEY_BYTES);
        let (epoch, fields) = fields.split_at_mut(4);
        let (of_worker, of_record) = fields.split_at_mut(2);
        key.copy_from_slice(&self.key);
        epoch.copy_from_slice(&self.epoch.to_be_bytes());
        of_worker.copy_from_slice(&worker.to_be_bytes());
        of_record.copy_from_slice(&ctr.to_be_bytes());
        let mut salt = [0; SALT_BYTES];
        salt.copy_from_slice(sha256(&message).split_at(SALT_BYTES).0);
        salt
    }
}

/// Highest epoch that has a key, so that an epoch is never used twice even if `LOCK` is damaged.
pub(crate) fn newest_epoch(storage: &dyn Storage) -> io::Result<u32> {
    let names = storage.list("keys")?;
    let epoch = |name: &String| name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?.parse().ok();
    Ok(names.iter().filter_map(epoch).max().unwrap_or(0))
}

/// Destroys the keys of epochs before one: hashes of their records can then no longer be linked to content.
pub(crate) fn destroy_before(storage: &dyn Storage, epoch: u32) -> io::Result<u32> {
    let mut destroyed = 0;
    for name in storage.list("keys")? {
        let of = name.strip_prefix(PREFIX).and_then(|rest| rest.strip_suffix(SUFFIX)?.parse::<u32>().ok());
        if of.is_some_and(|of| of < epoch) {
            storage.remove(&format!("keys/{name}"))?;
            destroyed += 1;
        }
    }
    storage.sync_dir("keys")?;
    Ok(destroyed)
}

fn file_name(epoch: u32) -> String {
    format!("{PREFIX}{epoch:010}{SUFFIX}")
}

/// Keys of past epochs, loaded when a frame first needs them. Readers only.
pub(crate) struct SaltKeys<'s> {
    storage: &'s dyn Storage,
    current: Option<SaltKey>,
}

impl<'s> SaltKeys<'s> {
    pub(crate) fn new(storage: &'s dyn Storage) -> Self {
        Self { storage, current: None }
    }

    /// The key of an epoch. Frames of one epoch follow each other, so remembering the last key is enough.
    pub(crate) fn of_epoch(&mut self, epoch: u32) -> io::Result<Option<&SaltKey>> {
        if self.current.as_ref().is_none_or(|key| key.epoch != epoch) {
            self.current = SaltKey::load(self.storage, epoch)?;
        }
        Ok(self.current.as_ref())
    }
}
