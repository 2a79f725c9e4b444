//! The demo's keys and tokens.

use std::fs;

use anyhow::{Context as _, anyhow};
use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject as _;
use sluice_certs::demo::{DemoPki, REVOKED, UNKNOWN, system_of};
use sluice_exchange::{SigningKey, TokenRules, TokenTimes};

use super::directory::Directory;
use crate::hex::hex;

/// Key that signs tokens, in the demo's folder.
pub(super) const TOKEN_KEY: &str = "keys/tokens.pem";
/// Key of the subjects' pseudonyms, in the demo's folder.
pub(super) const SUBJECT_KEY: &str = "keys/subjects.key";
/// Life of the tokens that are handed out at each start, in seconds: an hour.
const LIFETIME_S: i64 = 3600;
/// Characters on a line of a PEM file (RFC 7468, section 2).
const PEM_LINE: usize = 64;

/// Makes the keys that are missing.
///
/// # Errors
/// The file system or the random source says no.
pub(super) fn make_keys(dir: &Directory) -> anyhow::Result<()> {
    dir.folder("keys")?;
    if !dir.file(TOKEN_KEY).exists() {
        let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())
            .map_err(|_| anyhow!("cannot make a signing key"))?;
        dir.write(TOKEN_KEY, pem(key.as_ref()).as_bytes())?;
    }
    if !dir.file(SUBJECT_KEY).exists() {
        let mut key = [0; 32];
        SystemRandom::new().fill(&mut key).map_err(|_| anyhow!("cannot make a key for pseudonyms"))?;
        dir.write(SUBJECT_KEY, hex(&key).as_bytes())?;
    }
    Ok(())
}

fn pem(pkcs8: &[u8]) -> String {
    let text = STANDARD.encode(pkcs8);
    let mut pem = String::from("-----BEGIN PRIVATE KEY-----\n");
    for (at, character) in text.chars().enumerate() {
        if at > 0 && at % PEM_LINE == 0 {
            pem.push('\n');
        }
        pem.push(character);
    }
    pem.push_str("\n-----END PRIVATE KEY-----\n");
    pem
}

/// Writes a fresh token for every certificate of the demo, signed as the token endpoint signs.
/// `revoked_party` is the party whose system the revoked certificate is for.
///
/// # Errors
/// The file system or the signing key says no.
pub(super) fn hand_out_tokens(
    dir: &Directory,
    pki: &DemoPki,
    revoked_party: &str,
    public_url: &str,
    now_unix_s: i64,
) -> anyhow::Result<()> {
    let file = dir.file(TOKEN_KEY);
    let pem = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let der =
        PrivatePkcs8KeyDer::from_pem_slice(&pem).with_context(|| format!("{} holds no private key", file.display()))?;
    let key = SigningKey::from_pkcs8(der.secret_pkcs8_der()).with_context(|| file.display().to_string())?;
    let times = TokenTimes { lifetime_s: LIFETIME_S, leeway_s: 0 };
    let rules = TokenRules::new(key, public_url, Vec::new(), times, 0)?;

    dir.folder("tokens")?;
    let parties = pki.parties.iter().map(|(party, certificate)| (party.as_str(), party.as_str(), certificate));
    let others = [(UNKNOWN, UNKNOWN, &pki.unknown), (REVOKED, revoked_party, &pki.revoked)];
    for (name, party, certificate) in parties.chain(others) {
        let token = rules.issue(&system_of(party), &certificate.fingerprint, now_unix_s)?;
        dir.write(&format!("tokens/{name}.jwt"), token.as_bytes())?;
    }
    Ok(())
}
