//! What a CA has issued: the index file, the one place that knows every certificate.

use std::collections::HashSet;
use std::fmt;
use std::path::Path;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::durable::{self, Access};
use crate::error::{CertsError, Result};
use crate::instant;
use crate::random;

/// Version of the index file's form; another one is refused.
const FORMAT: u32 = 1;
/// Most that is read of an index: some 100,000 certificates.
const INDEX_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// A certificate's serial number: 16 bytes, positive, as 32 lower-case hex digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Serial([u8; 16]);

impl Serial {
    /// A fresh one. 122 random bits: RFC 5280 (section 4.1.2.2) asks for positive and unique,
    /// the CA/Browser Forum for at least 64 unpredictable bits.
    pub(crate) fn random() -> Result<Self> {
        let mut bytes = random::bytes::<16>()?;
        // First byte 0x40–0x7f: positive, and always the same length.
        if let Some(first) = bytes.first_mut() {
            *first = (*first & 0x3f) | 0x40;
        }
        Ok(Self(bytes))
    }

    /// Its bytes, the most significant first.
    pub const fn bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

/// SHA-256 of a certificate's DER form, as 64 lower-case hex digits in files and answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Fingerprint(pub [u8; 32]);

/// Hex in both directions for the fixed-size names.
macro_rules! hex_text {
    ($name:ident, $bytes:literal) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.to_string()
            }
        }

        impl TryFrom<String> for $name {
            type Error = CertsError;

            fn try_from(text: String) -> Result<Self> {
                unhex::<$bytes>(&text).map(Self).ok_or(CertsError::Reference { text })
            }
        }
    };
}
hex_text!(Serial, 16);
hex_text!(Fingerprint, 32);

/// How a person names an issued certificate: by serial or by fingerprint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CertificateRef {
    /// Its serial number.
    Serial(Serial),
    /// The SHA-256 of its DER form.
    Fingerprint(Fingerprint),
}

impl fmt::Display for CertificateRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Serial(serial) => serial.fmt(f),
            Self::Fingerprint(fingerprint) => fingerprint.fmt(f),
        }
    }
}

impl FromStr for CertificateRef {
    type Err = CertsError;

    /// Hex digits, upper or lower case, with or without the colons that other tools print.
    fn from_str(text: &str) -> Result<Self> {
        let hex: String = text.chars().filter(|c| *c != ':').collect::<String>().to_ascii_lowercase();
        if let Some(bytes) = unhex(&hex) {
            return Ok(Self::Serial(Serial(bytes)));
        }
        unhex(&hex)
            .map(|bytes| Self::Fingerprint(Fingerprint(bytes)))
            .ok_or_else(|| CertsError::Reference { text: text.to_owned() })
    }
}

/// Why a certificate was revoked: the reasons of RFC 5280, section 5.3.1, that are final and
/// concern a system's certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// No reason is given.
    Unspecified,
    /// The private key is, or may be, known to others.
    KeyCompromise,
    /// The system now belongs to another party, or is named otherwise.
    AffiliationChanged,
    /// A newer certificate takes its place.
    Superseded,
    /// The system has been shut down.
    CessationOfOperation,
    /// The party may no longer take part.
    PrivilegeWithdrawn,
}

impl Reason {
    const ALL: [(&str, Self); 6] = [
        ("unspecified", Self::Unspecified),
        ("key_compromise", Self::KeyCompromise),
        ("affiliation_changed", Self::AffiliationChanged),
        ("superseded", Self::Superseded),
        ("cessation_of_operation", Self::CessationOfOperation),
        ("privilege_withdrawn", Self::PrivilegeWithdrawn),
    ];
}

impl FromStr for Reason {
    type Err = CertsError;

    fn from_str(text: &str) -> Result<Self> {
        Self::ALL.iter().find(|(name, _)| *name == text).map(|(_, reason)| *reason).ok_or_else(|| CertsError::Reason {
            text: text.to_owned(),
            known: Self::ALL.map(|(name, _)| name).join(", "),
        })
    }
}

/// That a certificate was revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Revocation {
    /// Since when, unix seconds.
    pub at: i64,
    /// Why.
    pub reason: Reason,
}

/// One issued certificate. As JSON flat, with `state` `valid` or `revoked` and times in RFC 3339.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RawEntry", into = "RawEntry")]
pub struct Entry {
    /// Its serial number, unique in this CA.
    pub serial: Serial,
    /// Its subject, `CN=…`.
    pub subject: String,
    /// The system it identifies; `None` for a server certificate.
    pub system: Option<String>,
    /// DNS names and addresses of a server certificate; empty for a system.
    pub names: Vec<String>,
    /// First second of validity, unix seconds.
    pub not_before: i64,
    /// Last second of validity, unix seconds.
    pub not_after: i64,
    /// `None` while it has not been revoked; says nothing about expiry.
    pub revocation: Option<Revocation>,
    /// SHA-256 of its DER form.
    pub fingerprint: Fingerprint,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawEntry {
    serial: Serial,
    subject: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    system: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    names: Vec<String>,
    #[serde(with = "instant")]
    not_before: i64,
    #[serde(with = "instant")]
    not_after: i64,
    state: RawState,
    #[serde(default, with = "instant::optional", skip_serializing_if = "Option::is_none")]
    revoked_at: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<Reason>,
    fingerprint: Fingerprint,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum RawState {
    Valid,
    Revoked,
}

impl TryFrom<RawEntry> for Entry {
    type Error = String;

    fn try_from(raw: RawEntry) -> std::result::Result<Self, String> {
        let revocation = match (raw.state, raw.revoked_at, raw.reason) {
            (RawState::Valid, None, None) => None,
            (RawState::Revoked, Some(at), Some(reason)) => Some(Revocation { at, reason }),
            _ => {
                return Err(format!("state of {} contradicts revoked_at and reason", raw.serial));
            }
        };
        if raw.system.is_some() != raw.names.is_empty() {
            return Err(format!("{} is neither a system's nor a server's", raw.serial));
        }
        if raw.not_after < raw.not_before {
            return Err(format!("{} ends before it begins", raw.serial));
        }
        Ok(Self {
            serial: raw.serial,
            subject: raw.subject,
            system: raw.system,
            names: raw.names,
            not_before: raw.not_before,
            not_after: raw.not_after,
            revocation,
            fingerprint: raw.fingerprint,
        })
    }
}

impl From<Entry> for RawEntry {
    fn from(entry: Entry) -> Self {
        Self {
            serial: entry.serial,
            subject: entry.subject,
            system: entry.system,
            names: entry.names,
            not_before: entry.not_before,
            not_after: entry.not_after,
            state: if entry.revocation.is_some() { RawState::Revoked } else { RawState::Valid },
            revoked_at: entry.revocation.map(|revocation| revocation.at),
            reason: entry.revocation.map(|revocation| revocation.reason),
            fingerprint: entry.fingerprint,
        }
    }
}

/// The whole index file.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Index {
    format: u32,
    /// Ties the index to its CA, so that files of two CAs cannot be mixed up.
    pub(crate) ca_fingerprint: Fingerprint,
    /// Number of the newest CRL, written before the CRL itself so that it never goes back.
    pub(crate) crl_number: u64,
    /// How long a CRL holds, in days.
    pub(crate) crl_days: u32,
    pub(crate) certificates: Vec<Entry>,
}

impl Index {
    pub(crate) const fn new(ca_fingerprint: Fingerprint, crl_days: u32) -> Self {
        Self { format: FORMAT, ca_fingerprint, crl_number: 0, crl_days, certificates: Vec::new() }
    }

    /// Reads and checks an index; `None` if there is no such file.
    pub(crate) fn load(file: &Path) -> Result<Option<Self>> {
        let Some(bytes) = durable::read(file, INDEX_BYTES_MAX)? else {
            return Ok(None);
        };
        let index: Self =
            serde_json::from_slice(&bytes).map_err(|error| CertsError::damaged(file, error.to_string()))?;
        if index.format != FORMAT {
            return Err(CertsError::damaged(file, format!("format {}, known is {FORMAT}", index.format)));
        }
        let mut serials = HashSet::new();
        let mut fingerprints = HashSet::new();
        for entry in &index.certificates {
            if !serials.insert(&entry.serial) || !fingerprints.insert(entry.fingerprint) {
                return Err(CertsError::damaged(file, format!("{} stands in it twice", entry.serial)));
            }
        }
        Ok(Some(index))
    }

    pub(crate) fn save(&self, file: &Path) -> Result<()> {
        let mut bytes = serde_json::to_vec_pretty(self).map_err(|error| CertsError::io("write", file, error.into()))?;
        bytes.push(b'\n');
        durable::replace(file, &bytes, Access::Owner)
    }

    pub(crate) fn find(&self, reference: &CertificateRef) -> Result<&Entry> {
        self.certificates
            .iter()
            .find(|entry| matches(entry, reference))
            .ok_or_else(|| CertsError::NotFound { reference: reference.clone() })
    }

    pub(crate) fn find_mut(&mut self, reference: &CertificateRef) -> Result<&mut Entry> {
        self.certificates
            .iter_mut()
            .find(|entry| matches(entry, reference))
            .ok_or_else(|| CertsError::NotFound { reference: reference.clone() })
    }
}

fn matches(entry: &Entry, reference: &CertificateRef) -> bool {
    match reference {
        CertificateRef::Serial(serial) => entry.serial == *serial,
        CertificateRef::Fingerprint(fingerprint) => entry.fingerprint == *fingerprint,
    }
}

/// Exactly `2 * N` lower-case hex digits.
fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != 2 * N || !text.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f')) {
        return None;
    }
    let mut out = [0; N];
    for (place, byte) in out.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * place..2 * place + 2)?, 16).ok()?;
    }
    Some(out)
}
