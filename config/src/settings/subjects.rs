//! `[subjects]`: the key under which citizens' identities become pseudonyms in the ledger.

use std::fmt;

use serde::Deserialize;

use crate::document::Document;
use crate::fault::Fault;
use crate::material::hex32;
use crate::secret::{SecretRef, referenced};

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
    /// Where the key is kept: 64 hexadecimal digits.
    pub key: SecretRef,
    /// The key itself.
    pub tag_key: TagKey,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawSubjects {
    key: String,
}

impl Subjects {
    pub(crate) fn read(raw: &RawSubjects, document: &Document<'_>, faults: &mut Vec<Fault>) -> Option<Self> {
        let (key, secret) = referenced(&raw.key, "subjects.key", document, faults)?;
        let bytes = std::str::from_utf8(secret.expose()).ok().and_then(|text| hex32(text.trim()));
        if bytes.is_none() {
            let hint = Some(String::from("make one: openssl rand -hex 32"));
            faults.push(document.fault(
                "subjects.key",
                "\"key\": the secret must be 64 hexadecimal digits (32 random bytes)",
                hint,
            ));
        }
        Some(Self { key, tag_key: TagKey(bytes?) })
    }
}
