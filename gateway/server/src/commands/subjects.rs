//! `sluice subjects`: keys of subject tags, made where the privacy office keeps them.

use std::io::{self, Write as _};
use std::process::ExitCode;

use anyhow::{Context as _, anyhow};
use sluice_exchange::Epoch;

use crate::cli::{Subjects, SubjectsKeygen};
use crate::failure::Outcome;
use crate::hex::hex;
use crate::key_files;

pub(crate) fn run(command: Subjects) -> Outcome {
    match command {
        Subjects::Keygen(given) => keygen(&given)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// One file for each month, so that destroying a file makes the tags of its month unsearchable, and no others.
fn keygen(given: &SubjectsKeygen) -> anyhow::Result<()> {
    let first = Epoch::parse(&given.epoch).with_context(|| format!("--epoch {}: not a month, 2026-11", given.epoch))?;
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
