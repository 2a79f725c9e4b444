//! `sluice catalog apply`: from files to the node's catalogue, all of it or nothing.

use std::fs::{self, File};
use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, anyhow, bail};
use sluice_config::catalogue::{Rewrite, Text, digest_of};
use sluice_config::{Catalogue, Loaded};
use sluice_domain::Day;

use super::replace::{self, Staged};
use super::{files_of, shown};
use crate::cli::CatalogApply;
use crate::commands::reload;
use crate::failure::Outcome;
use crate::{clock, output, pid_file};

pub(super) fn run(given: &CatalogApply) -> Outcome {
    let files = files_of(&given.file)?;
    let Loaded { catalogue: node, settings, .. } = sluice_config::load(&given.config)?;
    let wanted = sluice_config::load_proposed(&given.config, &files)?.catalogue;
    let revision = node.policy.revision();
    if given.base.as_deref().is_some_and(|base| base != revision) {
        return Err(
            anyhow!("the node's catalogue has revision {revision}, not the one of --base: compare again").into()
        );
    }
    let difference = node.difference(&wanted);
    output::line(&shown(&difference, &node, &wanted))?;
    if difference.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    let losses = node.losses(&difference, Day::at(clock::now_unix_s()));
    if !given.prune && !losses.is_empty() {
        return Err(anyhow!(
            "this would take away what is in use (--prune does it all the same):\n{}",
            losses.join("\n")
        )
        .into());
    }
    if given.dry_run {
        return Ok(ExitCode::SUCCESS);
    }
    if !given.yes && !confirmed()? {
        return Err(anyhow!("nothing was changed").into());
    }
    let rewrites = node.rewrites(&wanted).context("the catalogue has no form in TOML")?;
    for (file, backup) in replace_all(&node, &wanted, &rewrites)? {
        output::line(&format!("wrote {} (before: {})", file.display(), backup.display()))?;
    }
    take_up(&settings.ledger.dir)
}

/// Lets the node read what was written, if it runs.
fn take_up(ledger: &Path) -> Outcome {
    let Some(pid) = pid_file::found(ledger)? else {
        output::line("no gateway runs here: it is taken up at the next start")?;
        return Ok(ExitCode::SUCCESS);
    };
    let last = reload::asked(ledger, pid).context("the files are written, but not taken up by the running gateway")?;
    if !last.succeeded {
        return Err(reload::refused("the files are written, but refused by the running gateway", &last));
    }
    output::line(&format!("taken up by the running gateway: revision {} is in force", last.revision))?;
    Ok(ExitCode::SUCCESS)
}

fn confirmed() -> anyhow::Result<bool> {
    if !io::stdin().is_terminal() {
        bail!("nobody is there to be asked: look at it with --dry-run, then apply with --yes");
    }
    write!(io::stderr(), "Apply? [y/N] ")?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// Replaces the files, after reading back what will stand there.
fn replace_all(node: &Catalogue, wanted: &Catalogue, rewrites: &[Rewrite]) -> anyhow::Result<Vec<(PathBuf, PathBuf)>> {
    let _locks = lock(rewrites)?;
    let mut staged = Vec::new();
    for rewrite in rewrites {
        let bytes = match &rewrite.text {
            Text::Canonical(text) => text.clone().into_bytes(),
            Text::Of(file) => fs::read(file).with_context(|| format!("cannot read {}", file.display()))?,
        };
        staged.push(Staged::write(&rewrite.path, &bytes)?);
    }
    read_back(node, wanted, rewrites, &staged)?;
    for file in &node.files {
        let standing = fs::read(&file.path).with_context(|| format!("cannot read {}", file.path.display()))?;
        if digest_of(&standing) != file.digest {
            bail!("{} was changed meanwhile: compare again", file.path.display());
        }
    }
    let mut done: Vec<(PathBuf, PathBuf)> = Vec::new();
    for (rewrite, staged) in rewrites.iter().zip(staged) {
        match staged.place() {
            Ok(backup) => done.push((rewrite.path.clone(), backup)),
            Err(error) => return Err(undone(error, &done)),
        }
    }
    Ok(done)
}

/// Two appliers of one folder wait for nobody: the second is told.
fn lock(rewrites: &[Rewrite]) -> anyhow::Result<Vec<File>> {
    let mut folders: Vec<&Path> = rewrites.iter().map(|rewrite| replace::folder_of(&rewrite.path)).collect();
    folders.sort_unstable();
    folders.dedup();
    let lock = |folder: &Path| -> anyhow::Result<File> {
        let file = File::open(folder).with_context(|| format!("cannot open {}", folder.display()))?;
        file.try_lock().map_err(|_| anyhow!("another catalog apply is at work in {}", folder.display()))?;
        Ok(file)
    };
    folders.into_iter().map(lock).collect()
}

/// What is about to stand there has to hold, and to say what was shown.
fn read_back(node: &Catalogue, wanted: &Catalogue, rewrites: &[Rewrite], staged: &[Staged]) -> anyhow::Result<()> {
    let files = node.files.iter().map(|file| {
        let new = rewrites.iter().zip(staged).find(|(rewrite, _)| rewrite.path == file.path);
        new.map_or_else(|| file.path.clone(), |(_, staged)| staged.path().to_path_buf())
    });
    let written = Catalogue::load(&files.collect::<Vec<_>>(), wanted.policy.default_limits())?;
    if !written.difference(wanted).is_empty() {
        bail!("the written files do not say what was to be applied; nothing was changed");
    }
    Ok(())
}

/// Puts back what was already replaced when one of several files could not be.
fn undone(error: anyhow::Error, done: &[(PathBuf, PathBuf)]) -> anyhow::Error {
    for (file, backup) in done {
        if let Err(also) = replace::restore(backup, file) {
            return error.context(format!("{} could not be put back either ({also:#})", file.display()));
        }
    }
    error
}
