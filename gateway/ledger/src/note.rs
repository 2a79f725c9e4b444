//! C2SP signed notes with Ed25519, as checkpoints use them: a text, and lines that sign it.

use std::io;

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use crate::hash::sha256;
use crate::signing::SecretKey;
use crate::storage::{Storage, read_small, replace};

const SIGNATURE_MARK: &str = "\u{2014} ";
const KEY_FILE_BYTES_MAX: u64 = 4_096;

/// What a key signs; stands in key ids and key texts, so that a key of one use is none of the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Use {
    /// The text of a note: a log's checkpoints, a root's lists of keys.
    Note = 0x01,
    /// A time and the text of a checkpoint: a witness.
    Cosignature = 0x04,
}

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

/// An Ed25519 public key with the name and the use it is known by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NamedKey {
    name: String,
    r#use: Use,
    public: [u8; 32],
}

impl NamedKey {
    pub(crate) fn new(name: &str, r#use: Use, public: [u8; 32]) -> Self {
        Self { name: name.to_owned(), r#use, public }
    }

    /// Reads `name+hash+base64`; the hash must belong to name, use and key.
    pub(crate) fn parse(text: &str, r#use: Use) -> Result<Self, NoteError> {
        let mut parts = text.strip_suffix('\n').unwrap_or(text).splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(NoteError::BadKey);
        };
        let key = BASE64_STANDARD.decode(key).map_err(|_| NoteError::BadKey)?;
        let (found, public) = key.split_first().ok_or(NoteError::BadKey)?;
        let key = Self::new(name, r#use, public.try_into().map_err(|_| NoteError::BadKey)?);
        let is_right = *found == r#use as u8 && is_name(name) && id == key.id_text();
        is_right.then_some(key).ok_or(NoteError::BadKey)
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The public key, whatever its name.
    pub(crate) fn public(&self) -> &[u8; 32] {
        &self.public
    }

    /// The text that `parse` reads.
    pub(crate) fn to_text(&self) -> String {
        format!("{}+{}+{}", self.name, self.id_text(), encode_key(self.r#use, &self.public))
    }

    /// First four bytes of `SHA-256(name || "\n" || use || public key)`.
    pub(crate) fn id(&self) -> [u8; 4] {
        let mut bytes = self.name.as_bytes().to_vec();
        bytes.extend_from_slice(&[b'\n', self.r#use as u8]);
        bytes.extend_from_slice(&self.public);
        let [a, b, c, d, ..] = sha256(&bytes);
        [a, b, c, d]
    }

    /// The id in hexadecimal, as key texts carry it.
    pub(crate) fn id_text(&self) -> String {
        format!("{:08x}", u32::from_be_bytes(self.id()))
    }

    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), NoteError> {
        let key = UnparsedPublicKey::new(&ED25519, &self.public);
        key.verify(message, signature).map_err(|_| NoteError::BadSignature)
    }

    /// Line of a note that carries a signature of this key.
    pub(crate) fn line(&self, signature: &[u8]) -> String {
        let mut bytes = self.id().to_vec();
        bytes.extend_from_slice(signature);
        format!("{SIGNATURE_MARK}{} {}\n", self.name, BASE64_STANDARD.encode(bytes))
    }
}

/// A note taken apart; nothing of it is verified yet.
#[derive(Debug)]
pub(crate) struct Note<'n> {
    /// What is signed, with its last line feed.
    pub(crate) text: &'n str,
    lines: Vec<SignatureLine<'n>>,
}

#[derive(Debug)]
struct SignatureLine<'n> {
    name: &'n str,
    id: [u8; 4],
    signature: Vec<u8>,
}

impl<'n> Note<'n> {
    pub(crate) fn parse(note: &'n str) -> Result<Self, NoteError> {
        let split = note.rfind("\n\n").ok_or(NoteError::Malformed)?;
        let (Some(text), Some(lines)) = (note.get(..=split), note.get(split + 2..)) else {
            return Err(NoteError::Malformed);
        };
        Ok(Self { text, lines: signature_lines(lines)? })
    }

    /// A text with signature lines that came apart from it.
    pub(crate) fn of(text: &'n str, lines: &'n str) -> Result<Self, NoteError> {
        Ok(Self { text, lines: signature_lines(lines)? })
    }

    /// Signatures in lines that name the key. Lines of other keys are ignored.
    pub(crate) fn signatures_of(&self, key: &NamedKey) -> impl Iterator<Item = &[u8]> {
        let (name, id) = (key.name().to_owned(), key.id());
        self.lines.iter().filter(move |line| line.name == name && line.id == id).map(|line| line.signature.as_slice())
    }
}

fn signature_lines(lines: &str) -> Result<Vec<SignatureLine<'_>>, NoteError> {
    if lines.is_empty() || !lines.ends_with('\n') {
        return Err(NoteError::Malformed);
    }
    let parse = |line: &'_ str| -> Option<(usize, [u8; 4], Vec<u8>)> {
        let (name, signature) = line.strip_prefix(SIGNATURE_MARK)?.split_once(' ')?;
        let bytes = BASE64_STANDARD.decode(signature).ok()?;
        let (id, signature) = bytes.split_first_chunk()?;
        Some((name.len(), *id, signature.to_vec()))
    };
    let found = lines.lines().map(|line| {
        let (name_len, id, signature) = parse(line)?;
        let name = line.get(SIGNATURE_MARK.len()..SIGNATURE_MARK.len() + name_len)?;
        Some(SignatureLine { name, id, signature })
    });
    found.collect::<Option<_>>().ok_or(NoteError::Malformed)
}

/// Public key of a log, or of a root that vouches for logs' keys: checks notes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifierKey(pub(crate) NamedKey);

impl VerifierKey {
    /// Reads `name+hash+base64` (C2SP signed-note).
    ///
    /// # Errors
    /// `BadKey`, also if the hash does not belong to the key.
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        NamedKey::parse(text, Use::Note).map(Self)
    }

    /// The key's name: the origin of the log.
    pub fn name(&self) -> &str {
        self.0.name()
    }

    /// The text that `parse` reads.
    pub fn to_text(&self) -> String {
        self.0.to_text()
    }

    /// The signed text of a note, if this key signed it. Lines of other keys are ignored.
    ///
    /// # Errors
    /// Any other case.
    pub fn open<'n>(&self, note: &'n str) -> Result<&'n str, NoteError> {
        let note = Note::parse(note)?;
        let mut is_signed = false;
        for signature in note.signatures_of(&self.0) {
            self.0.verify(note.text.as_bytes(), signature)?;
            is_signed = true;
        }
        if is_signed { Ok(note.text) } else { Err(NoteError::Unsigned) }
    }
}

/// Private key of a log, or of a root. No `Debug`: it must not reach a log line.
pub struct Signer {
    secret: SecretKey,
    verifier: VerifierKey,
}

impl Signer {
    /// Loads `keys/checkpoint.key`, or makes it together with `keys/checkpoint.vkey` at the first open.
    pub(crate) fn load_or_create(storage: &dyn Storage, name: &str) -> io::Result<Self> {
        let stored = read_small(storage, "keys/checkpoint.key", KEY_FILE_BYTES_MAX)?;
        let signer = if let Some(bytes) = stored {
            let read = std::str::from_utf8(&bytes).ok().and_then(|text| Self::parse(text).ok());
            read.filter(|signer| signer.verifier.name() == name)
                .ok_or_else(|| invalid("keys/checkpoint.key is not a key of this origin"))?
        } else {
            let (signer, text) = Self::generate(name)?;
            replace(storage, "keys", "checkpoint.key", text.as_bytes())?;
            signer
        };
        let public = format!("{}\n", signer.verifier.to_text());
        if read_small(storage, "keys/checkpoint.vkey", KEY_FILE_BYTES_MAX)?.as_deref() != Some(public.as_bytes()) {
            replace(storage, "keys", "checkpoint.vkey", public.as_bytes())?;
        }
        Ok(signer)
    }

    /// A new key, and its text `PRIVATE+KEY+name+hash+base64` with a line feed, to be kept secret.
    ///
    /// # Errors
    /// A name with white space or `+`, or no randomness.
    pub fn generate(name: &str) -> io::Result<(Self, String)> {
        let (secret, text) = SecretKey::generate(name, Use::Note)?;
        Ok((Self::from(secret), text))
    }

    /// Reads the text that `generate` gives.
    ///
    /// # Errors
    /// `BadKey`.
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        SecretKey::parse(text, Use::Note).map(Self::from)
    }

    /// Its public key.
    pub fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }

    /// A bare signature, for records.
    pub(crate) fn signature(&self, message: &[u8]) -> Vec<u8> {
        self.secret.sign(message)
    }

    /// The note of a text that ends with a line feed.
    pub fn sign(&self, text: &str) -> String {
        format!("{text}\n{}", self.verifier.0.line(&self.secret.sign(text.as_bytes())))
    }
}

impl From<SecretKey> for Signer {
    fn from(secret: SecretKey) -> Self {
        Self { verifier: VerifierKey(secret.public().clone()), secret }
    }
}

/// A key name of C2SP signed-note: not empty, no white space, no `+`.
pub(crate) fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c.is_control() || c == '+')
}

/// Use and key as key texts carry them.
pub(crate) fn encode_key(r#use: Use, key: &[u8; 32]) -> String {
    let mut bytes = vec![r#use as u8];
    bytes.extend_from_slice(key);
    BASE64_STANDARD.encode(bytes)
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
