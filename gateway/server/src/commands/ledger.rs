//! `sluice ledger`: verifying and reading an access ledger, offline or beside the gateway that writes it.

use std::collections::VecDeque;
use std::fs;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, anyhow};
use serde::Serialize;
use serde_json::Value;
use sluice_ledger::{Leaf, Progress, Report, VerifierKey};

use crate::cli::{Ledger, LedgerShow, LedgerVerify};
use crate::failure::Outcome;
use crate::hex::hex;
use crate::{clock, output};

/// Most records that the list remembers while it looks for the newest ones.
const LAST_MAX: usize = 100_000;

pub(crate) fn run(command: Ledger) -> Outcome {
    match command {
        Ledger::Verify(given) => verify(&given),
        Ledger::Keys(given) => super::ledger_keys::run(given),
        Ledger::Show(given) => {
            show(&given)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

#[derive(Serialize)]
struct Verdict<'a> {
    valid: bool,
    exit_code: u8,
    origin: &'a str,
    records: u64,
    root: String,
    segments: u32,
    frames: u64,
    /// Records under the newest checkpoint whose signature holds.
    signed: Option<u64>,
    key_pinned: bool,
    live: bool,
    outcomes_unknown: u64,
    tiles_missing: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<Fault<'a>>,
}

#[derive(Serialize)]
struct Fault<'a> {
    message: String,
    first_bad_index: Option<u64>,
    file: &'a str,
    offset: u64,
}

fn verify(given: &LedgerVerify) -> Outcome {
    let key = given.key.as_deref().map(pinned).transpose()?;
    let shows_progress = !given.json && io::stderr().is_terminal();
    let report = sluice_ledger::verify(&given.dir, key.as_ref(), |progress| {
        if shows_progress {
            show_progress(progress);
        }
    });
    if shows_progress {
        // Clears the line of the progress.
        let _ = write!(io::stderr(), "\r\x1b[K");
    }
    let verdict = Verdict::of(&report);
    output::put(given.json, &verdict, || verdict.text(&given.dir))?;
    Ok(ExitCode::from(report.exit_code()))
}

fn pinned(file: &Path) -> anyhow::Result<VerifierKey> {
    let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    VerifierKey::parse(text.trim()).map_err(|error| {
        anyhow!("{} is no checkpoint key such as keys/checkpoint.vkey of a ledger: {error}", file.display())
    })
}

fn show_progress(progress: Progress) {
    let Progress { segments_done, segments_total, records } = progress;
    // Progress that cannot be shown is no fault of the ledger.
    let _ = write!(io::stderr(), "\rsegments {segments_done} of {segments_total}, records {records} ");
}

impl<'a> Verdict<'a> {
    fn of(report: &'a Report) -> Self {
        Self {
            valid: report.fault.is_none(),
            exit_code: report.exit_code(),
            origin: &report.origin,
            records: report.head.size,
            root: hex(&report.head.root),
            segments: report.segments,
            frames: report.frames,
            signed: report.checkpoint.map(|head| head.size),
            key_pinned: report.is_key_pinned,
            live: report.is_live,
            outcomes_unknown: report.outcomes_unknown,
            tiles_missing: report.tiles_missing,
            fault: report.fault.as_ref().map(|fault| Fault {
                message: fault.to_string(),
                first_bad_index: fault.index,
                file: &fault.file,
                offset: fault.offset,
            }),
        }
    }

    fn text(&self, dir: &Path) -> String {
        let dir = dir.display();
        if let Some(fault) = &self.fault {
            return format!("{dir} does NOT hold: {}\n{} records before it hold", fault.message, self.records);
        }
        let signed = self.signed.map_or_else(|| "none yet".to_owned(), |size| format!("over {size} records"));
        let key = if self.key_pinned {
            "the pinned key"
        } else {
            "the ledger's own key, unpinned: give --key to prove who signed"
        };
        let live = if self.live { ", being written now" } else { "" };
        format!(
            "{dir} holds: {} records in {} segments{live}\nlog        {}\nroot       {}\ncheckpoint {signed}, checked with {key}\noutcomes unknown {}, tiles to be made again {}",
            self.records, self.segments, self.origin, self.root, self.outcomes_unknown, self.tiles_missing
        )
    }
}

#[derive(Serialize)]
struct Shown {
    index: u64,
    leaf: String,
    record: Value,
}

fn show(given: &LedgerShow) -> anyhow::Result<()> {
    let ledger = sluice_ledger::read(&given.dir)
        .with_context(|| format!("cannot read the ledger in {}", given.dir.display()))?;
    if let Some(index) = given.index {
        let shown = shown(&ledger.leaf(index)?)?;
        let text = serde_json::to_string_pretty(&shown.record)?;
        output::put(given.json, &shown, || format!("record {index}, leaf {}\n{text}", shown.leaf))?;
        return Ok(());
    }
    let last = given.last.min(LAST_MAX);
    let mut newest = VecDeque::with_capacity(last);
    for leaf in ledger.leaves(0)? {
        if newest.len() == last {
            newest.pop_front();
        }
        newest.push_back(leaf?);
    }
    for leaf in newest.iter().take(last) {
        let shown = shown(leaf)?;
        output::put(given.json, &shown, || shown.row())?;
    }
    Ok(())
}

fn shown(leaf: &Leaf) -> anyhow::Result<Shown> {
    let record = leaf
        .record()
        .with_context(|| format!("record {} cannot be read; `sluice ledger verify` tells more", leaf.index))?;
    Ok(Shown { index: leaf.index, leaf: leaf.durable().leaf_base64(), record: record.to_json() })
}

impl Shown {
    /// One line: what an auditor scans for.
    fn row(&self) -> String {
        let wall_us = self.record.get("ts_wall_us").and_then(Value::as_i64).unwrap_or_default();
        let columns = [
            "kind",
            "consumer_system",
            "handler",
            "purpose",
            "resource",
            "mode",
            "grant",
            "decision",
            "code",
            "http_status",
        ];
        let columns: Vec<String> = columns
            .iter()
            .filter_map(|name| self.record.get(*name))
            .map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
            .filter(|text| !text.is_empty())
            .collect();
        format!("{:>8}  {}  {}", self.index, clock::shanghai(wall_us.div_euclid(1_000_000)), columns.join("  "))
    }
}
