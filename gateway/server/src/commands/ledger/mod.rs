//! `sluice ledger`: verifying, reading, proving and exporting an access ledger, offline or beside the gateway that
//! writes it; and deleting what its time is over for.

mod export;
mod prove;
mod retain;
mod search;
mod show;
mod subject;
mod verify;

use std::fs;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, anyhow, bail};
use sluice_ledger::{Offline, Pins, Progress, Quorum, TrustPolicy, VerifierKey, WitnessKey};

use crate::cli::{Ledger, Trusted};
use crate::clock;
use crate::failure::Outcome;

pub(crate) fn run(command: Ledger) -> Outcome {
    match command {
        Ledger::Verify(given) => return verify::run(&given),
        Ledger::VerifyProof(given) => return prove::check(&given),
        Ledger::Keys(given) => return super::ledger_keys::run(given),
        Ledger::Show(given) => show::run(&given)?,
        Ledger::Prove(given) => prove::run(&given)?,
        Ledger::Export(given) => export::run(&given)?,
        Ledger::SearchSubject(given) => subject::run(&given)?,
        Ledger::ApproverKey(given) => retain::new_key(&given)?,
        Ledger::Approve(given) => retain::approve(&given)?,
        Ledger::Retain(given) => retain::run(&given)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Opens a ledger for reading. A folder without one is told apart from a damaged one.
fn open(dir: &Path) -> anyhow::Result<Offline> {
    if !dir.join("origin").is_file() {
        bail!("{} holds no ledger", dir.display());
    }
    sluice_ledger::read(dir).with_context(|| format!("cannot read the ledger in {}", dir.display()))
}

fn text_of(file: &Path) -> anyhow::Result<String> {
    fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
}

fn verifier_key(file: &Path) -> anyhow::Result<VerifierKey> {
    VerifierKey::parse(text_of(file)?.trim()).map_err(|error| {
        anyhow!("{} is no public key such as keys/checkpoint.vkey of a ledger: {error}", file.display())
    })
}

/// What was pinned, for a ledger in a folder.
fn pins(given: &Trusted, dir: &Path) -> anyhow::Result<Pins> {
    let policy = given.policy.as_deref().map(policy).transpose()?;
    let root = given.root_key.as_deref().map(verifier_key).transpose()?;
    let key = match &given.key {
        Some(file) => Some(verifier_key(file)?),
        None if root.is_some() => None,
        // A policy can list several logs, and several keys of one: a checkpoint that cannot be read is of none.
        None => policy
            .as_ref()
            .and_then(|policy| policy.log_of(&text_of(&dir.join("checkpoint")).unwrap_or_default()))
            .cloned(),
    };
    let witnesses = match policy {
        Some(policy) => policy.quorum,
        None => quorum(&given.witness_key, given.quorum)?,
    };
    Ok(Pins { key, root, witnesses })
}

fn policy(file: &Path) -> anyhow::Result<TrustPolicy> {
    let bytes = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    TrustPolicy::parse(&bytes).with_context(|| format!("{} is no tlog-policy", file.display()))
}

/// The witnesses that count, given as key texts or files, and how many of them.
fn quorum(keys: &[String], needed: Option<usize>) -> anyhow::Result<Option<Quorum>> {
    if keys.is_empty() {
        return Ok(None);
    }
    let key = |given: &String| {
        let text = if given.contains('+') { given.clone() } else { text_of(Path::new(given))? };
        WitnessKey::parse(text.trim()).map_err(|error| anyhow!("{given} is no public key of a witness: {error}"))
    };
    let keys = keys.iter().map(key).collect::<anyhow::Result<Vec<_>>>()?;
    let needed = needed.unwrap_or(keys.len());
    let quorum = Quorum::of(keys, needed);
    let why = "--quorum must be between 1 and the number of witnesses given, and each of these another one";
    Ok(Some(quorum.context(why)?))
}

/// Writes a file that must not exist yet, readable by its owner only.
fn write_new(file: &Path, text: &str) -> anyhow::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let opened = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(file);
    let mut opened = opened.with_context(|| format!("cannot make {}", file.display()))?;
    opened.write_all(text.as_bytes()).and_then(|()| opened.sync_all())?;
    Ok(())
}

/// A line on standard error that tells how far long work is; nothing where nobody watches.
struct Watch {
    is_shown: bool,
}

impl Watch {
    fn new() -> Self {
        Self { is_shown: io::stderr().is_terminal() }
    }

    fn tell(&self, progress: Progress) {
        let Progress { segments_done, segments_total, records } = progress;
        self.line(&format!("segments {segments_done} of {segments_total}, records {records}"));
    }

    fn line(&self, text: &str) {
        if self.is_shown {
            // Progress that cannot be shown is no fault of the ledger.
            let _ = write!(io::stderr(), "\r{text}\x1b[K");
        }
    }

    fn end(&self) {
        self.line("");
        if self.is_shown {
            let _ = write!(io::stderr(), "\r");
        }
    }
}

/// A sentence on standard error, beside the answer.
fn remark(text: &str) {
    // Where nobody listens there is nothing to remark.
    let _ = writeln!(io::stderr(), "{text}");
}

/// Microseconds since 1970 of a date in Shanghai or of an RFC 3339 time.
fn time_us(text: &str) -> anyhow::Result<u64> {
    let seconds = clock::parse_shanghai(text).ok_or_else(|| {
        anyhow!("{text:?} is neither a date such as 2026-11-22 nor a time such as 2026-11-22T09:00:00+08:00")
    })?;
    Ok(u64::try_from(seconds).unwrap_or(0).saturating_mul(1_000_000))
}
