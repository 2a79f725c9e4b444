//! `sluice subjects`: keys of subject tags, made where the privacy office keeps them.

use std::io::{self, Read as _, Write as _};
use std::process::ExitCode;

use anyhow::{Context as _, anyhow};
use sluice_exchange::Epoch;

use crate::cli::{Subjects, SubjectsKeygen, SubjectsRequestDigest};
use crate::failure::Outcome;
use crate::hex::hex;
use crate::{key_files, tag_keys};

/// Longer than any body that is read whole.
const BODY_BYTES_MAX: u64 = 1 << 30;

pub(crate) fn run(command: Subjects) -> Outcome {
    match command {
        Subjects::Keygen(given) => keygen(&given)?,
        Subjects::RequestDigest(given) => request_digest(&given)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// One file for each month, so that destroying a file makes the tags of its month unsearchable, and no others.
fn keygen(given: &SubjectsKeygen) -> anyhow::Result<()> {
    let first = month(&given.epoch)?;
    key_files::make(&given.out)?;
    for nth in 0..given.count {
        let mut secret = [0; 32];
        aws_lc_rs::rand::fill(&mut secret).map_err(|_| anyhow!("no randomness"))?;
        let path = given.out.join(first.after(nth).file_name());
        key_files::write_secret(&path, &format!("{}\n", hex(&secret)))?;
        writeln!(io::stdout(), "{}", path.display())?;
    }
    Ok(())
}

/// Whether a record is of a certain body, only the holder of the month's key can tell.
fn request_digest(given: &SubjectsRequestDigest) -> anyhow::Result<()> {
    let epoch = month(&given.epoch)?.number();
    let keys = tag_keys::Held::of(given.key_file.as_deref(), given.keys_dir.as_deref())?;
    let mut body = Vec::new();
    io::stdin().lock().take(BODY_BYTES_MAX).read_to_end(&mut body)?;
    let digest = keys.with(epoch, |key| key.request_digest(epoch, &body))?;
    let digest = digest.with_context(|| format!("there is no key for {}", given.epoch))?;
    writeln!(io::stdout(), "{}", hex(&digest))?;
    Ok(())
}

fn month(text: &str) -> anyhow::Result<Epoch> {
    Epoch::parse(text).with_context(|| format!("--epoch {text}: not a month, 2026-11"))
}
