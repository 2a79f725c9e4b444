//! `sluice ledger export`.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};
use sluice_ledger::{Offline, export_tiles, ocsf_event};

use super::{Watch, open, remark, verifier_key};
use crate::cli::{ExportFormat, LedgerExport};

/// The cursor is brought up to date after so many events.
const CURSOR_EVERY: u64 = 10_000;

/// Runs the command.
pub(super) fn run(given: &LedgerExport) -> anyhow::Result<()> {
    let ledger = open(&given.dir)?;
    match (given.format, &given.out) {
        (ExportFormat::TlogTiles, Some(out)) => tiles(given, &ledger, out),
        (ExportFormat::TlogTiles, None) => bail!("--out names the folder to export to"),
        (ExportFormat::Ocsf, _) => ocsf(given, &ledger),
    }
}

fn tiles(given: &LedgerExport, ledger: &Offline, out: &Path) -> anyhow::Result<()> {
    if given.after.is_some() || given.cursor.is_some() {
        bail!("--after and --cursor are for events; a folder of tiles is brought up to date by exporting again");
    }
    let key = given.key.as_deref().map(verifier_key).transpose()?;
    let watch = Watch::new();
    let exported =
        export_tiles(ledger, key.as_ref(), out, |done, all| watch.line(&format!("records {done} of {all}")))?;
    watch.end();
    remark(&format!(
        "{} records in {}, {} files written; records before {} are not there",
        exported.head.size,
        out.display(),
        exported.files_written,
        exported.minimum_index
    ));
    Ok(())
}

/// Where an export went on to: a gap between two runs would show in the indices.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Cursor {
    origin: String,
    /// Index of the last record exported.
    after: Option<u64>,
}

fn ocsf(given: &LedgerExport, ledger: &Offline) -> anyhow::Result<()> {
    let origin = fs::read_to_string(given.dir.join("origin"))?.trim_end().to_owned();
    let mut cursor = match &given.cursor {
        Some(file) => load(file, &origin)?,
        None => Cursor { origin: origin.clone(), after: given.after },
    };
    let mut out: Box<dyn Write> = match &given.out {
        Some(file) => Box::new(BufWriter::new(appended(file)?)),
        None => Box::new(BufWriter::new(io::stdout().lock())),
    };
    let from = cursor.after.map_or(0, |after| after.saturating_add(1));
    if from < ledger.first_index() {
        remark(&format!("records {from} to {} were deleted by order", ledger.first_index() - 1));
    }
    let (watch, mut count) = (Watch::new(), 0_u64);
    for leaf in ledger.leaves(from)? {
        let leaf = leaf?;
        let event = ocsf_event(&origin, &leaf).with_context(|| format!("record {} cannot be read", leaf.index))?;
        serde_json::to_writer(&mut out, &event)?;
        out.write_all(b"\n")?;
        cursor.after = Some(leaf.index);
        count += 1;
        if count.is_multiple_of(CURSOR_EVERY) {
            watch.line(&format!("events {count}"));
            out.flush()?;
            save(given.cursor.as_deref(), &cursor)?;
        }
    }
    out.flush()?;
    watch.end();
    save(given.cursor.as_deref(), &cursor)
}

fn appended(file: &Path) -> anyhow::Result<File> {
    let opened = OpenOptions::new().append(true).create(true).open(file);
    opened.with_context(|| format!("cannot write {}", file.display()))
}

fn load(file: &Path, origin: &str) -> anyhow::Result<Cursor> {
    let bytes = match fs::read(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(Cursor { origin: origin.to_owned(), after: None });
        }
        bytes => bytes.with_context(|| format!("cannot read {}", file.display()))?,
    };
    let cursor: Cursor = serde_json::from_slice(&bytes).with_context(|| format!("{} is no cursor", file.display()))?;
    if cursor.origin != origin {
        bail!("{} is the cursor of {}", file.display(), cursor.origin);
    }
    Ok(cursor)
}

/// Events may come twice after a crash, never not at all: the cursor follows what was written.
fn save(file: Option<&Path>, cursor: &Cursor) -> anyhow::Result<()> {
    let Some(file) = file else { return Ok(()) };
    let part = file.with_extension("part");
    fs::write(&part, serde_json::to_vec(cursor)?)?;
    fs::rename(&part, file).with_context(|| format!("cannot write {}", file.display()))
}
