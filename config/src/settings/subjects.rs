//! `[subjects]`: the key under which citizens' identities become pseudonyms in the ledger.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::document::{Document, read_bounded};
use crate::fault::Fault;
use crate::material::hex32;
use crate::secret::{SecretRef, referenced};
use crate::settings::numbers::{Bound, bounded, count32};

/// Key of the subject tags (HMAC-SHA-256). `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct TagKey([u8; 32]);

impl TagKey {
    /// The bytes.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for TagKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TagKey(…)")
    }
}

/// Pseudonyms of data subjects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subjects {
    /// Where the keys come from.
    pub keys: SubjectKeys,
    /// So many days before a month begins, its missing key is told as an alarm. Key `warn_days`, default 7.
    pub warn_days: u32,
}

/// Where the keys of the tags come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SubjectKeys {
    /// One key of which each month's is derived.
    Master {
        /// Where it is kept: 64 hexadecimal digits.
        key: SecretRef,
        /// The key itself.
        tag_key: TagKey,
    },
    /// A folder with a file for each month, such as `2026-11.key`, 64 hexadecimal digits.
    Monthly(PathBuf),
}

/// Days of warning before a month without a key.
const WARN_DAYS: Bound = Bound { default: 7, least: 1, most: 28 };

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawSubjects {
    key: Option<String>,
    keys_dir: Option<PathBuf>,
    warn_days: Option<u64>,
}

impl Subjects {
    pub(crate) fn read(raw: &RawSubjects, document: &Document<'_>, faults: &mut Vec<Fault>) -> Option<Self> {
        let warn_days = bounded(raw.warn_days, &WARN_DAYS, "subjects.warn_days", document, faults);
        let keys = match (&raw.key, &raw.keys_dir) {
            (Some(key), None) => master(key, document, faults)?,
            (None, Some(dir)) => monthly(&document.resolve(dir), document, faults)?,
            _ => {
                let message = "\"key\" or \"keys_dir\": exactly one of them";
                let hint = Some(String::from("make one: openssl rand -hex 32"));
                faults.push(document.fault("subjects", message, hint));
                return None;
            }
        };
        Some(Self { keys, warn_days: count32(warn_days) })
    }
}

fn master(text: &str, document: &Document<'_>, faults: &mut Vec<Fault>) -> Option<SubjectKeys> {
    let (key, secret) = referenced(text, "subjects.key", document, faults)?;
    let bytes = std::str::from_utf8(secret.expose()).ok().and_then(|text| hex32(text.trim()));
    if bytes.is_none() {
        let hint = Some(String::from("make one: openssl rand -hex 32"));
        let message = "\"key\": the secret must be 64 hexadecimal digits (32 random bytes)";
        faults.push(document.fault("subjects.key", message, hint));
    }
    Some(SubjectKeys::Master { key, tag_key: TagKey(bytes?) })
}

fn monthly(dir: &Path, document: &Document<'_>, faults: &mut Vec<Fault>) -> Option<SubjectKeys> {
    if dir.is_dir() {
        return Some(SubjectKeys::Monthly(dir.to_owned()));
    }
    let hint = Some(String::from("make one: sluice subjects keygen --epoch 2026-11 --out DIR"));
    faults.push(document.fault("subjects.keys_dir", format!("\"keys_dir\": {} is no folder", dir.display()), hint));
    None
}

/// Reads one key file of a folder of monthly keys; `None` if there is none.
///
/// # Errors
/// A sentence: the file is there, and is not 64 hexadecimal digits.
pub fn monthly_key(file: &Path) -> Result<Option<TagKey>, String> {
    if !file.exists() {
        return Ok(None);
    }
    let bytes = read_bounded(file).map_err(|cause| format!("{} {cause}", file.display()))?;
    let bytes = std::str::from_utf8(&bytes).ok().and_then(|text| hex32(text.trim()));
    bytes.map(|bytes| Some(TagKey(bytes))).ok_or_else(|| format!("{} is not 64 hexadecimal digits", file.display()))
}
