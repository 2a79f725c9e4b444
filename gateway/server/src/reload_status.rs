//! What became of the last reload: for `/readyz?verbose` and `/metrics`, and in a file beside the ledger
//! for `sluice reload`, which reaches it without any listener.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use crate::clock;
use crate::ops::Check;

const NAME: &str = "reload.json";

/// How a reload ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Outcome {
    /// Whether the files read are in force.
    pub(crate) succeeded: bool,
    /// Whether the files themselves are wrong.
    pub(crate) is_fault_of_files: bool,
    /// Revision of the policy in force.
    pub(crate) revision: String,
    /// When it ended, seconds since 1970.
    pub(crate) at_unix_s: i64,
    /// Why not; empty if it succeeded.
    pub(crate) reason: String,
}

/// The file's content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Report {
    /// The process that wrote it.
    pub(crate) pid: u32,
    /// Reloads begun by this process. Whoever asks for one has been served when `ended` passes the
    /// `begun` that he saw before: the files were read after he asked.
    pub(crate) begun: u64,
    /// Reloads that have ended.
    pub(crate) ended: u64,
    /// How the last one ended, the start included.
    pub(crate) last: Outcome,
}

/// The report of this process, with what belongs beside it on the metrics page.
pub(crate) struct Status {
    path: PathBuf,
    state: Mutex<State>,
}

struct State {
    report: Report,
    in_force_since_unix_s: i64,
    /// Certificates of the data listener and their last second.
    certificates: Vec<(&'static str, i64)>,
}

impl Report {
    /// The report in a ledger's folder, if there is a readable one.
    pub(crate) fn read(dir: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(dir.join(NAME)).ok()?).ok()
    }

    fn write(&self, path: &Path) -> io::Result<()> {
        let part = path.with_extension("part");
        fs::write(&part, serde_json::to_vec(self)?)?;
        fs::rename(&part, path)
    }
}

impl Status {
    /// Of a process that has just taken its files over; writes the file.
    pub(crate) fn started(dir: &Path, revision: &str, certificates: Vec<(&'static str, i64)>) -> Self {
        let at_unix_s = clock::now_unix_s();
        let last = Outcome {
            succeeded: true,
            is_fault_of_files: false,
            revision: revision.to_owned(),
            at_unix_s,
            reason: String::new(),
        };
        let report = Report { pid: std::process::id(), begun: 0, ended: 0, last };
        let state = State { report, in_force_since_unix_s: at_unix_s, certificates };
        let status = Self { path: dir.join(NAME), state: Mutex::new(state) };
        status.publish(&status.lock().report);
        status
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn publish(&self, report: &Report) {
        if let Err(error) = report.write(&self.path) {
            tracing::warn!(%error, "the outcome of a reload could not be written for `sluice reload`");
        }
    }

    /// A reload that was asked for begins.
    pub(crate) fn begins(&self) {
        let mut state = self.lock();
        state.report.begun += 1;
        self.publish(&state.report);
    }

    /// It has ended.
    pub(crate) fn ends(&self, last: Outcome) {
        self.notes(last);
        let mut state = self.lock();
        state.report.ended = state.report.begun;
        self.publish(&state.report);
    }

    /// Something was taken over, or was not, without being asked for.
    pub(crate) fn notes(&self, last: Outcome) {
        let mut state = self.lock();
        if last.succeeded {
            state.in_force_since_unix_s = last.at_unix_s;
        }
        state.report.last = last;
    }

    /// Other certificates are in use.
    pub(crate) fn uses(&self, certificates: Vec<(&'static str, i64)>) {
        self.lock().certificates = certificates;
    }

    /// For `/readyz`: a failed reload leaves the gateway ready, with what it had.
    pub(crate) fn check(&self) -> Check {
        let last = &self.lock().report.last;
        let at = clock::shanghai(last.at_unix_s);
        let note = match last.reason.lines().next() {
            None => format!("revision {} since {at}", last.revision),
            Some(why) => format!("failed at {at}, revision {} stays in force: {why}", last.revision),
        };
        Check::new("reload", None).detailed(note)
    }

    /// Appends the metrics.
    pub(crate) fn metrics(&self, out: &mut String) {
        let state = self.lock();
        let mut gauge = |name: &str, help: &str, value: i64| {
            let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} gauge\n{name} {value}");
        };
        gauge(
            "sluice_config_last_reload_successful",
            "Whether the last reload took its files over.",
            i64::from(state.report.last.succeeded),
        );
        gauge(
            "sluice_config_last_reload_timestamp_seconds",
            "When files were last taken over, seconds since 1970.",
            state.in_force_since_unix_s,
        );
        let name = "sluice_cert_expiry_timestamp_seconds";
        let _ = writeln!(out, "# HELP {name} End of a certificate, seconds since 1970.\n# TYPE {name} gauge");
        for (certificate, ends_s) in &state.certificates {
            let _ = writeln!(out, "{name}{{cert=\"{certificate}\"}} {ends_s}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(reason: &str) -> Outcome {
        let reason = reason.to_owned();
        Outcome { succeeded: false, is_fault_of_files: true, revision: "aa".to_owned(), at_unix_s: 7, reason }
    }

    #[test]
    fn a_failed_reload_is_told_everywhere_and_keeps_the_time_of_what_is_in_force() {
        let dir = tempfile::tempdir().unwrap();
        let status = Status::started(dir.path(), "aa", vec![("server", 99)]);
        let mut before = String::new();
        status.metrics(&mut before);
        status.begins();
        assert_eq!(Report::read(dir.path()).map(|report| (report.begun, report.ended)), Some((1, 0)));
        status.ends(failed("sluice.toml:3:1: wrong\nand more"));
        let report = Report::read(dir.path()).unwrap();
        assert_eq!((report.begun, report.ended, report.last), (1, 1, failed("sluice.toml:3:1: wrong\nand more")));
        let mut after = String::new();
        status.metrics(&mut after);
        assert_eq!(after, before.replace("_successful 1", "_successful 0"));
        assert!(after.contains("sluice_cert_expiry_timestamp_seconds{cert=\"server\"} 99"));
        let note = status.check().detail;
        assert!(
            note.contains("revision aa stays in force: sluice.toml:3:1: wrong") && !note.contains("more"),
            "{note}"
        );
    }
}
