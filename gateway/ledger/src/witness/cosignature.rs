//! Cosignatures: a witness's statement "at this time, this is the largest tree of this log that I know".

use std::io;

use crate::note::{NamedKey, Note, NoteError, Use};
use crate::signing::SecretKey;

const TIME_BYTES: usize = 8;

/// What an Ed25519 cosignature signs.
fn message(time_s: u64, text: &str) -> String {
    format!("cosignature/v1\ntime {time_s}\n{text}")
}

/// Public key of a witness (C2SP tlog-cosignature, type 0x04).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WitnessKey(NamedKey);

impl WitnessKey {
    /// Reads `name+hash+base64`.
    ///
    /// # Errors
    /// `BadKey`, also for a key of another use, such as a log's.
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        NamedKey::parse(text, Use::Cosignature).map(Self)
    }

    /// Name of the witness.
    pub fn name(&self) -> &str {
        self.0.name()
    }

    /// The public key alone, whatever its name.
    pub(super) fn public(&self) -> &[u8; 32] {
        self.0.public()
    }

    /// The text that `parse` reads.
    pub fn to_text(&self) -> String {
        self.0.to_text()
    }

    /// When this witness cosigned a checkpoint, in seconds since 1970. The log's own signature is not looked at.
    ///
    /// # Errors
    /// `Unsigned` if it did not, `BadSignature` if a line in its name does not hold, `Malformed`.
    pub fn cosigned_at(&self, note: &str) -> Result<u64, NoteError> {
        self.time_of(&Note::parse(note)?)
    }

    /// Picks this witness's line out of what a witness answered; checks it.
    pub(crate) fn line_over(&self, text: &str, lines: &str) -> Result<String, NoteError> {
        let note = Note::of(text, lines)?;
        self.time_of(&note)?;
        let signature = note.signatures_of(&self.0).next().ok_or(NoteError::Unsigned)?;
        Ok(self.0.line(signature))
    }

    /// As `cosigned_at`.
    pub(super) fn time_of(&self, note: &Note<'_>) -> Result<u64, NoteError> {
        let mut latest = None;
        for bytes in note.signatures_of(&self.0) {
            let (time, signature) = bytes.split_first_chunk::<TIME_BYTES>().ok_or(NoteError::BadSignature)?;
            let time_s = u64::from_be_bytes(*time);
            self.0.verify(message(time_s, note.text).as_bytes(), signature)?;
            latest = latest.max(Some(time_s));
        }
        latest.filter(|time_s| i64::try_from(*time_s).is_ok()).ok_or(NoteError::Unsigned)
    }
}

/// Private key of a witness. No `Debug`: it must not reach a log line.
pub struct WitnessSigner {
    secret: SecretKey,
    key: WitnessKey,
}

impl WitnessSigner {
    /// A new key, and its text `PRIVATE+KEY+name+hash+base64` with a line feed, to be kept secret.
    ///
    /// # Errors
    /// A name with white space or `+`, or no randomness.
    pub fn generate(name: &str) -> io::Result<(Self, String)> {
        let (secret, text) = SecretKey::generate(name, Use::Cosignature)?;
        Ok((Self::from(secret), text))
    }

    /// Reads the text that `generate` gives.
    ///
    /// # Errors
    /// `BadKey`.
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        SecretKey::parse(text, Use::Cosignature).map(Self::from)
    }

    /// Its public key.
    pub fn key(&self) -> &WitnessKey {
        &self.key
    }

    /// The signature line over the text of a checkpoint.
    pub(crate) fn cosign(&self, text: &str, time_s: u64) -> String {
        let mut bytes = time_s.to_be_bytes().to_vec();
        bytes.extend_from_slice(&self.secret.sign(message(time_s, text).as_bytes()));
        self.key.0.line(&bytes)
    }
}

impl From<SecretKey> for WitnessSigner {
    fn from(secret: SecretKey) -> Self {
        Self { key: WitnessKey(secret.public().clone()), secret }
    }
}
