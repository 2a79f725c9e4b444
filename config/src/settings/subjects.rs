//! `[subjects]`: the key under which citizens' identities become pseudonyms in the ledger.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use crate::document::{Document, read_bounded};
use crate::fault::Fault;
use crate::material::hex32;
use crate::secret::{SecretRef, referenced};
use crate::settings::numbers::{Bound, bounded, count32};
use crate::settings::url;
use crate::shape;

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
    /// A key service, which another office runs.
    Service(KeyService),
}

/// `[subjects.key_service]`: gives the same files as such a folder holds, to whom it knows by certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyService {
    /// Origin of its address, `https`.
    pub origin: String,
    /// Path in front of `/2026-11.key`, without a slash at its end; may be empty.
    pub path: String,
    /// Authorities that its certificate may come from.
    pub ca: PathBuf,
    /// The certificate that the gateway shows, with its chain.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// How long one question may take. Key `timeout_ms`, default 5,000.
    pub timeout: Duration,
}

/// Days of warning before a month without a key.
const WARN_DAYS: Bound = Bound { default: 7, least: 1, most: 28 };

/// Milliseconds of one question.
const TIMEOUT_MS: Bound = Bound { default: 5_000, least: 50, most: 60_000 };

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawSubjects {
    key: Option<String>,
    keys_dir: Option<PathBuf>,
    key_service: Option<RawKeyService>,
    warn_days: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawKeyService {
    url: String,
    ca: PathBuf,
    certificate: PathBuf,
    key: String,
    timeout_ms: Option<u64>,
}

impl Subjects {
    pub(crate) fn read(raw: &RawSubjects, document: &Document<'_>, faults: &mut Vec<Fault>) -> Option<Self> {
        let warn_days = bounded(raw.warn_days, &WARN_DAYS, "subjects.warn_days", document, faults);
        let keys = match (&raw.key, &raw.keys_dir, &raw.key_service) {
            (Some(key), None, None) => master(key, document, faults)?,
            (None, Some(dir), None) => monthly(&document.resolve(dir), document, faults)?,
            (None, None, Some(service)) => SubjectKeys::Service(service.read(document, faults)?),
            _ => {
                let message = "\"key\", \"keys_dir\" or \"key_service\": exactly one of them";
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
    let tag_key = monthly_key_of(secret.expose());
    if tag_key.is_none() {
        let hint = Some(String::from("make one: openssl rand -hex 32"));
        let message = "\"key\": the secret must be 64 hexadecimal digits (32 random bytes)";
        faults.push(document.fault("subjects.key", message, hint));
    }
    Some(SubjectKeys::Master { key, tag_key: tag_key? })
}

fn monthly(dir: &Path, document: &Document<'_>, faults: &mut Vec<Fault>) -> Option<SubjectKeys> {
    if dir.is_dir() {
        return Some(SubjectKeys::Monthly(dir.to_owned()));
    }
    let hint = Some(String::from("make one: sluice subjects keygen --epoch 2026-11 --out DIR"));
    faults.push(document.fault("subjects.keys_dir", format!("\"keys_dir\": {} is no folder", dir.display()), hint));
    None
}

impl RawKeyService {
    fn read(&self, document: &Document<'_>, faults: &mut Vec<Fault>) -> Option<KeyService> {
        let place = |key: &str| format!("subjects.key_service.{key}");
        let timeout_ms = bounded(self.timeout_ms, &TIMEOUT_MS, &place("timeout_ms"), document, faults);
        let address = url::origin_and_path(&self.url).filter(|(origin, _)| origin.starts_with("https://"));
        if address.is_none() {
            let message = "\"url\": an https address, without query or user: keys do not go in clear";
            faults.push(document.fault(&place("url"), message, shape::example("key_service_url")));
        }
        let key = SecretRef::parse(&self.key, document).and_then(|key| key.file().map(Path::to_owned));
        if key.is_none() {
            faults.push(document.fault(&place("key"), "\"key\": a file: file:PATH", None));
        }
        let (origin, path) = address?;
        Some(KeyService {
            origin,
            path,
            ca: document.resolve(&self.ca),
            certificate: document.resolve(&self.certificate),
            key: key?,
            timeout: Duration::from_millis(timeout_ms),
        })
    }
}

/// What a folder of monthly keys or a key service gives: 64 hexadecimal digits.
pub fn monthly_key_of(bytes: &[u8]) -> Option<TagKey> {
    std::str::from_utf8(bytes).ok().and_then(|text| hex32(text.trim())).map(TagKey)
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
    monthly_key_of(&bytes).map(Some).ok_or_else(|| format!("{} is not 64 hexadecimal digits", file.display()))
}
