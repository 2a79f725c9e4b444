//! `sluice ledger verify`.

use std::path::Path;
use std::process::ExitCode;

use serde::Serialize;
use sluice_ledger::{Pins, Report, Verification};

use super::{Watch, pins, text_of, verifier_key};
use crate::cli::LedgerVerify;
use crate::failure::Outcome;
use crate::hex::hex;
use crate::{clock, output};

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
    witnessed: Option<Witnessed<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pruned: Option<Pruned<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<Fault<'a>>,
}

/// Records under the newest checkpoint that enough of the pinned witnesses cosigned.
#[derive(Serialize)]
struct Witnessed<'a> {
    records: u64,
    by: &'a [String],
    at: String,
}

#[derive(Serialize)]
struct Pruned<'a> {
    records: u64,
    order: u64,
    basis: &'a str,
    approved_by: &'a [String],
}

#[derive(Serialize)]
struct Fault<'a> {
    message: String,
    first_bad_index: Option<u64>,
    file: &'a str,
    offset: u64,
}

/// Runs the command.
pub(super) fn run(given: &LedgerVerify) -> Outcome {
    let kept = given.checkpoint.iter().map(|file| Ok((file.display().to_string(), text_of(file)?)));
    let Pins { key, root, witnesses } = pins(&given.trusted, &given.dir)?;
    let verification = Verification {
        key,
        root,
        witnesses,
        kept: kept.collect::<anyhow::Result<_>>()?,
        approvers: given.approver_key.iter().map(|file| verifier_key(file)).collect::<anyhow::Result<_>>()?,
        threads: given.threads.map_or(0, usize::from),
    };
    let watch = Watch::new();
    let report = verification.run(&given.dir, |progress| watch.tell(progress));
    watch.end();
    let verdict = Verdict::of(&report);
    output::put(given.json, &verdict, || verdict.text(&given.dir))?;
    Ok(ExitCode::from(report.exit_code()))
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
            witnessed: report.witnessed.as_ref().map(|witnessed| Witnessed {
                records: witnessed.size,
                by: &witnessed.by,
                at: clock::shanghai(i64::try_from(witnessed.at_s).unwrap_or(0)),
            }),
            pruned: report.pruned.as_ref().map(|pruned| Pruned {
                records: pruned.records,
                order: pruned.order,
                basis: &pruned.basis,
                approved_by: &pruned.approved_by,
            }),
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
        let witnessed = self.witnessed.as_ref().map_or_else(
            || "not checked: give --witness-key or --policy to prove that no history was rewritten".to_owned(),
            |Witnessed { records, by, at }| format!("over {records} records, by {} at {at}", by.join(", ")),
        );
        let pruned = self.pruned.as_ref().map_or_else(String::new, Pruned::text);
        format!(
            "{dir} holds: {} records in {} segments{live}\nlog        {}\nroot       {}\ncheckpoint {signed}, checked with {key}\nwitnesses  {witnessed}\noutcomes unknown {}, tiles to be made again {}{pruned}",
            self.records, self.segments, self.origin, self.root, self.outcomes_unknown, self.tiles_missing
        )
    }
}

impl Pruned<'_> {
    fn text(&self) -> String {
        let approved = if self.approved_by.is_empty() {
            "approvals not checked: give --approver-key".to_owned()
        } else {
            format!("approved by {}", self.approved_by.join(", "))
        };
        format!(
            "\nthe first {} were deleted by order, record {}: {} ({approved})",
            self.records, self.order, self.basis
        )
    }
}
