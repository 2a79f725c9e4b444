//! `sluice reload`: lets a running gateway read its files again, and tells what became of it.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde::Serialize;

use crate::cli::Reload;
use crate::failure::{CONFIGURATION, Failure, Outcome};
use crate::reload_status::{self, Report};
use crate::{output, pid_file};

/// A city's catalogue is read in seconds; a disk that takes longer than this does not answer any more.
const WAIT_MAX: Duration = Duration::from_mins(1);
const LOOK_EVERY: Duration = Duration::from_millis(20);

#[derive(Serialize)]
struct Answer<'a> {
    reloaded: bool,
    revision: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    reason: &'a str,
}

pub(crate) fn run(given: &Reload) -> Outcome {
    // What is wrong with the files is told from here, with nothing changed.
    let loaded = sluice_config::load(&given.config)?;
    let dir = &loaded.settings.ledger.dir;
    let pid = pid_file::serving(dir)?;
    let last = asked(dir, pid)?;
    if !last.succeeded && !given.json {
        return Err(refused("nothing was changed", &last));
    }
    let answer = Answer { reloaded: last.succeeded, revision: &last.revision, reason: &last.reason };
    output::put(given.json, &answer, || format!("reloaded: revision {} is in force", last.revision))?;
    Ok(match (last.succeeded, last.is_fault_of_files) {
        (true, _) => ExitCode::SUCCESS,
        (false, true) => ExitCode::from(CONFIGURATION),
        (false, false) => ExitCode::FAILURE,
    })
}

/// What to say, and to end with, when the gateway did not take its files over.
pub(super) fn refused(so_far: &str, last: &reload_status::Outcome) -> Failure {
    let told = anyhow!("{so_far}, revision {} stays in force: {}", last.revision, last.reason);
    if last.is_fault_of_files { Failure::Files(told) } else { Failure::Failed(told) }
}

/// Sends the signal and waits for the end of the reload that it asks for.
///
/// # Errors
/// The gateway takes no signal, has ended, or does not answer.
pub(super) fn asked(dir: &Path, pid: Pid) -> anyhow::Result<reload_status::Outcome> {
    let of_process =
        || Report::read(dir).filter(|report| i64::from(report.pid) == i64::from(pid.as_raw_nonzero().get()));
    let before = of_process().map_or(0, |report| report.begun);
    kill_process(pid, Signal::HUP).context("the gateway takes no signal from this user")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let waiting = async {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            if let Some(report) = of_process().filter(|report| report.ended > before) {
                return Ok(report.last);
            }
            if pid_file::serving(dir).ok() != Some(pid) {
                bail!("the gateway has ended");
            }
        }
    };
    runtime
        .block_on(async { tokio::time::timeout(WAIT_MAX, waiting).await })
        .map_err(|_| anyhow!("the gateway did not answer within {} s", WAIT_MAX.as_secs()))?
}
