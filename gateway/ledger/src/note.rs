//! C2SP signed notes with Ed25519, as checkpoints use them: a text, and lines that sign it.

use std::io;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use crate::hash::sha256;
use crate::storage::{Storage, read_small, replace};

/// Signature type of Ed25519 in key ids and key texts.
const ALGORITHM: u8 = 0x01;
const SIGNATURE_MARK: &str = "\u{2014} ";
const KEY_FILE_BYTES_MAX: u64 = 4_096;

/// Why a note or key text was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Not a signed note.
    #[error("not a signed note")]
    Malformed,
    /// No line is signed by the wanted key.
    #[error("the note has no signature of this key")]
    Unsigned,
    /// A line names the wanted key, and its signature does not hold.
    #[error("the signature does not hold")]
    BadSignature,
    /// Not a verifier key `name+hash+base64`.
    #[error("not a verifier key text")]
    BadKey,
}

/// Public key of a log: checks checkpoints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    public: [u8; 32],
}

impl VerifierKey {
    /// Reads `name+hash+base64` (C2SP signed-note).
    ///
    /// # Errors
    /// `BadKey`, also if the hash does not belong to the key.
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let mut parts = text.strip_suffix('\n').unwrap_or(text).splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(NoteError::BadKey);
        };
        let key = BASE64_STANDARD.decode(key).map_err(|_| NoteError::BadKey)?;
        let (algorithm, public) = key.split_first().ok_or(NoteError::BadKey)?;
        let public: [u8; 32] = public.try_into().map_err(|_| NoteError::BadKey)?;
        let key = Self { name: name.to_owned(), public };
        if *algorithm != ALGORITHM || !is_name(name) || id != format!("{:08x}", u32::from_be_bytes(key.id())) {
            return Err(NoteError::BadKey);
        }
        Ok(key)
    }

    /// The key's name: the origin of the log.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The text that `parse` reads.
    pub fn to_text(&self) -> String {
        format!("{}+{:08x}+{}", self.name, u32::from_be_bytes(self.id()), encode_key(&self.public))
    }

    /// First four bytes of `SHA-256(name || "\n" || 0x01 || public key)`.
    fn id(&self) -> [u8; 4] {
        let mut bytes = self.name.as_bytes().to_vec();
        bytes.extend_from_slice(&[b'\n', ALGORITHM]);
        bytes.extend_from_slice(&self.public);
        let [a, b, c, d, ..] = sha256(&bytes);
        [a, b, c, d]
    }

    /// The signed text of a note, if this key signed it. Lines of other keys are ignored.
    ///
    /// # Errors
    /// Any other case.
    pub fn open<'n>(&self, note: &'n str) -> Result<&'n str, NoteError> {
        let split = note.rfind("\n\n").ok_or(NoteError::Malformed)?;
        let (text, signatures) = (note.get(..=split), note.get(split + 2..));
        let (Some(text), Some(signatures)) = (text, signatures) else {
            return Err(NoteError::Malformed);
        };
        if signatures.is_empty() || !signatures.ends_with('\n') {
            return Err(NoteError::Malformed);
        }
        let mut is_signed = false;
        for line in signatures.lines() {
            let signed = line.strip_prefix(SIGNATURE_MARK).and_then(|line| line.split_once(' '));
            let (name, signature) = signed.ok_or(NoteError::Malformed)?;
            let bytes = BASE64_STANDARD.decode(signature).map_err(|_| NoteError::Malformed)?;
            let (id, signature) = bytes.split_first_chunk().ok_or(NoteError::Malformed)?;
            if name != self.name || *id != self.id() {
                continue;
            }
            let key = UnparsedPublicKey::new(&ED25519, &self.public);
            key.verify(text.as_bytes(), signature).map_err(|_| NoteError::BadSignature)?;
            is_signed = true;
        }
        if is_signed { Ok(text) } else { Err(NoteError::Unsigned) }
    }
}

/// Private key of a log. No `Debug`: it must not reach a log line.
pub(crate) struct Signer {
    pair: Ed25519KeyPair,
    verifier: VerifierKey,
}

impl Signer {
    /// Loads `keys/checkpoint.key`, or makes it together with `keys/checkpoint.vkey` at the first open.
    pub(crate) fn load_or_create(storage: &dyn Storage, name: &str) -> io::Result<Self> {
        let stored = read_small(storage, "keys/checkpoint.key", KEY_FILE_BYTES_MAX)?;
        let signer = if let Some(bytes) = stored {
            Self::from_text(&bytes, name).ok_or_else(|| invalid("keys/checkpoint.key is not a key of this origin"))?
        } else {
            let mut seed = [0; 32];
            aws_lc_rs::rand::fill(&mut seed).map_err(|_| io::Error::other("no randomness"))?;
            let signer = Self::from_seed(&seed, name).ok_or_else(|| io::Error::other("no key pair"))?;
            let id = u32::from_be_bytes(signer.verifier.id());
            let text = format!("PRIVATE+KEY+{name}+{id:08x}+{}\n", encode_key(&seed));
            replace(storage, "keys", "checkpoint.key", text.as_bytes())?;
            signer
        };
        let public = format!("{}\n", signer.verifier.to_text());
        if read_small(storage, "keys/checkpoint.vkey", KEY_FILE_BYTES_MAX)?.as_deref() != Some(public.as_bytes()) {
            replace(storage, "keys", "checkpoint.vkey", public.as_bytes())?;
        }
        Ok(signer)
    }

    fn from_seed(seed: &[u8], name: &str) -> Option<Self> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).ok()?;
        let public = pair.public_key().as_ref().try_into().ok()?;
        Some(Self { pair, verifier: VerifierKey { name: name.to_owned(), public } })
    }

    fn from_text(text: &[u8], name: &str) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?.trim_end().strip_prefix("PRIVATE+KEY+")?;
        let (key_name, rest) = text.split_once('+')?;
        let (id, key) = rest.split_once('+')?;
        let key = BASE64_STANDARD.decode(key).ok()?;
        let signer = Self::from_seed(key.strip_prefix(&[ALGORITHM])?, key_name)?;
        let is_ours = key_name == name && id == format!("{:08x}", u32::from_be_bytes(signer.verifier.id()));
        is_ours.then_some(signer)
    }

    pub(crate) fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }

    /// The note of a text that ends with a line feed.
    pub(crate) fn sign(&self, text: &str) -> String {
        let mut signature = self.verifier.id().to_vec();
        signature.extend_from_slice(self.pair.sign(text.as_bytes()).as_ref());
        format!("{text}\n{SIGNATURE_MARK}{} {}\n", self.verifier.name, BASE64_STANDARD.encode(signature))
    }
}

/// A key name of C2SP signed-note: not empty, no white space, no `+`.
pub(crate) fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c.is_control() || c == '+')
}

fn encode_key(key: &[u8; 32]) -> String {
    let mut bytes = vec![ALGORITHM];
    bytes.extend_from_slice(key);
    BASE64_STANDARD.encode(bytes)
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
