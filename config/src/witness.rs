//! The configuration of a witness: a process of its own, for other people's ledgers, on another machine.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use sluice_ledger::{KnownLog, VerifierKey, WitnessSigner};

use crate::document::{Document, Source};
use crate::fault::{Fault, Faults};
use crate::material;
use crate::secret::{SecretRef, referenced};
use crate::settings::{Log, address};

const SECTIONS: [&str; 3] = ["witness", "logs", "log"];

/// A configuration of a witness that was found correct. No `Debug`: it holds the private key.
pub struct WitnessSettings {
    /// Address to listen on.
    pub listen: SocketAddr,
    /// Certificate chain and private key, both PEM; plain HTTP without.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// Where it remembers.
    pub state_dir: PathBuf,
    /// Its key.
    pub signer: WitnessSigner,
    /// The logs that it watches, at least one.
    pub logs: Vec<KnownLog>,
    /// `[log]`: what the process says of itself.
    pub log: Log,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawWitness {
    listen: String,
    key: String,
    state_dir: PathBuf,
    certificate: Option<PathBuf>,
    certificate_key: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLog {
    origin: String,
    key: String,
}

/// Whether a file is meant as the configuration of a witness.
pub fn is_witness(path: &Path) -> bool {
    let source = Source::read(path);
    source.is_ok_and(|source| Document::parse(&source, &mut Vec::new()).is_some_and(|document| document.has("witness")))
}

/// Reads the configuration of a witness with the files that it names.
///
/// # Errors
/// Everything that is wrong.
pub fn load(path: &Path) -> Result<WitnessSettings, Faults> {
    let source = Source::read(path).map_err(Faults::one)?;
    let mut faults = Vec::new();
    let read = Document::parse(&source, &mut faults).and_then(|document| read(&document, &mut faults));
    Faults::refuse_any(faults)?;
    read.ok_or_else(Faults::unexplained)
}

fn read(document: &Document<'_>, faults: &mut Vec<Fault>) -> Option<WitnessSettings> {
    document.only(&SECTIONS, faults);
    if !document.has("witness") {
        faults.push(document.fault("witness", "section [witness] is missing", None));
    }
    let logs = logs(document, faults);
    let log = if document.has("log") { document.section("log", faults) } else { Some(Log::default()) };
    let raw: RawWitness = document.section("witness", faults)?;
    let listen = address("witness.listen", &raw.listen, document, faults);
    let signer = referenced(&raw.key, "witness.key", document, faults).and_then(|(_, secret)| {
        let read = std::str::from_utf8(secret.expose()).ok().and_then(|text| WitnessSigner::parse(text).ok());
        if read.is_none() {
            let hint = Some(String::from("make one: sluice witness keygen --name NAME --out DIR"));
            faults.push(document.fault("witness.key", "\"key\": not the private key of a witness", hint));
        }
        read
    });
    let tls = tls(&raw, document, faults);
    let state_dir = document.resolve(&raw.state_dir);
    Some(WitnessSettings { listen: listen?, tls: tls?, state_dir, signer: signer?, logs, log: log? })
}

/// Certificate and key, or neither; `None` if what is given does not do.
#[expect(clippy::option_option, reason = "no certificate is one of two right forms, and no form is a fault")]
fn tls(raw: &RawWitness, document: &Document<'_>, faults: &mut Vec<Fault>) -> Option<Option<(PathBuf, PathBuf)>> {
    let (certificate, key) = match (&raw.certificate, &raw.certificate_key) {
        (None, None) => return Some(None),
        (Some(certificate), Some(key)) => (document.resolve(certificate), key),
        _ => {
            let message = "\"certificate\" and \"certificate_key\" go together";
            faults.push(document.fault("witness.certificate", message, None));
            return None;
        }
    };
    let (reference, secret) = referenced(key, "witness.certificate_key", document, faults)?;
    if let Err(cause) = material::key_of_certificate(&secret, &certificate) {
        faults.push(document.fault("witness.certificate_key", cause, None));
    }
    let SecretRef::File(key) = reference else {
        let message = "\"certificate_key\": read from a file, so its reference begins with \"file:\"";
        faults.push(document.fault("witness.certificate_key", message, None));
        return None;
    };
    Some(Some((certificate, key)))
}

fn logs(document: &Document<'_>, faults: &mut Vec<Fault>) -> Vec<KnownLog> {
    let mut logs: Vec<KnownLog> = Vec::new();
    let count = document.count("logs", faults);
    if count == 0 {
        let hint = Some(String::from("write [[logs]] before each, with origin and key"));
        faults.push(document.fault("logs", "a witness watches at least one log", hint));
    }
    for at in 0..count {
        let Some(RawLog { origin, key }) = document.entry("logs", at, faults) else { continue };
        let Some(key) = VerifierKey::parse(key.trim()).ok().filter(|key| key.name() == origin) else {
            let message = "\"key\": not the public key of this origin, name+hash+base64";
            let hint = Some(String::from("it stands in keys/checkpoint.vkey of the ledger"));
            faults.push(document.fault(&format!("logs.{at}.key"), message, hint));
            continue;
        };
        // A second entry of one origin is its next key, while keys are rotated.
        match logs.iter_mut().find(|log| log.origin == origin) {
            Some(log) => log.keys.push(key),
            None => logs.push(KnownLog { origin, keys: vec![key] }),
        }
    }
    logs
}
