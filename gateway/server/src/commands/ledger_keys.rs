//! `sluice ledger keys`: the keys of a ledger over its life, changed where the root's key is, offline.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, anyhow};
use sluice_ledger::keys::{self, Manifest};
use sluice_ledger::{Signer, VerifierKey};

use crate::cli::LedgerKeys;
use crate::failure::Outcome;
use crate::key_files;

pub(crate) fn run(command: LedgerKeys) -> Outcome {
    match command {
        LedgerKeys::Root(given) => {
            let (root, secret) = Signer::generate(&given.name)?;
            let public = root.verifier().to_text();
            key_files::write_pair(&given.out, "root", (&secret, &public))?;
            writeln!(io::stdout(), "{public}")?;
        }
        LedgerKeys::Init(given) => {
            let manifest = keys::introduce(&given.dir, &root(&given.root)?).context(shown(&given.dir))?;
            told(&manifest)?;
        }
        LedgerKeys::Rotate(given) => {
            let (dir, root) = (&given.ledger.dir, root(&given.ledger.root)?);
            let manifest = keys::rotate(dir, &root, &given.reason).context(shown(dir))?;
            told(&manifest)?;
        }
        LedgerKeys::Revoke(given) => {
            let (dir, root) = (&given.ledger.dir, root(&given.ledger.root)?);
            let key = VerifierKey::parse(&given.key).map_err(|error| anyhow!("--key: {error}"))?;
            let manifest = keys::revoke(dir, &root, (&key, given.after), &given.reason).context(shown(dir))?;
            told(&manifest)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn shown(dir: &Path) -> String {
    dir.display().to_string()
}

fn root(path: &Path) -> anyhow::Result<Signer> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    Signer::parse(&text).map_err(|_| anyhow!("{} is not a root's private key", path.display()))
}

fn told(manifest: &Manifest) -> io::Result<()> {
    let mut out = io::stdout();
    writeln!(out, "{}: list of keys no. {}", manifest.origin(), manifest.issue())?;
    for listed in manifest.keys() {
        let last = listed.revoked_after.map_or_else(String::new, |last| format!(", revoked after index {last}"));
        writeln!(out, "from index {}{last}: {}", listed.valid_from, listed.key.to_text())?;
    }
    writeln!(out, "Witnesses of this ledger need the newest key as a further [[logs]] entry.")
}
