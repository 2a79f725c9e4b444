//! Private keys: made once, kept as text by whoever may sign.

use std::io;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use crate::note::{NamedKey, NoteError, Use, encode_key, is_name};

const MARK: &str = "PRIVATE+KEY+";

/// An Ed25519 private key with name and use. No `Debug`: it must not reach a log line.
pub(crate) struct SecretKey {
    pair: Ed25519KeyPair,
    public: NamedKey,
}

impl SecretKey {
    /// A new key and its text `PRIVATE+KEY+name+hash+base64`, with a line feed.
    pub(crate) fn generate(name: &str, r#use: Use) -> io::Result<(Self, String)> {
        if !is_name(name) {
            let what = "a key's name has no white space and no `+`";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        }
        let mut seed = [0; 32];
        aws_lc_rs::rand::fill(&mut seed).map_err(|_| io::Error::other("no randomness"))?;
        let secret = Self::from_seed(&seed, name, r#use).ok_or_else(|| io::Error::other("no key pair"))?;
        let text = format!("{MARK}{name}+{}+{}\n", secret.public.id_text(), encode_key(r#use, &seed));
        Ok((secret, text))
    }

    /// Reads the text that `generate` gives.
    pub(crate) fn parse(text: &str, r#use: Use) -> Result<Self, NoteError> {
        let read = || {
            let (name, rest) = text.trim_end().strip_prefix(MARK)?.split_once('+')?;
            let (id, key) = rest.split_once('+')?;
            let key = BASE64_STANDARD.decode(key).ok()?;
            let secret = Self::from_seed(key.strip_prefix(&[r#use as u8])?, name, r#use)?;
            (is_name(name) && id == secret.public.id_text()).then_some(secret)
        };
        read().ok_or(NoteError::BadKey)
    }

    fn from_seed(seed: &[u8], name: &str, r#use: Use) -> Option<Self> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).ok()?;
        let public = pair.public_key().as_ref().try_into().ok()?;
        Some(Self { pair, public: NamedKey::new(name, r#use, public) })
    }

    pub(crate) fn public(&self) -> &NamedKey {
        &self.public
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.pair.sign(message).as_ref().to_vec()
    }
}
