//! Reading the files again while the gateway serves: everything at SIGHUP, revocation lists also by
//! themselves. A new whole is built beside the running one and takes its place at once; whatever is
//! wrong with it, the last good one stays.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use sluice_config::settings::{Drain, Settings};
use sluice_exchange::{Act, Control, Snapshot};
use sluice_transport::{Change, TlsMaterial};

use crate::assembly::{self, Assembled, Docked};
use crate::clock;
use crate::failure::Failure;
use crate::reload_status::{Outcome, Status};

/// Whoever sent the signal may do so, and is not known by name.
const BY_SIGNAL: Act<'static> = Act { actor: "operator", action: "policy.reloaded" };
const BY_LISTS: Act<'static> = Act { actor: "revocation-lists", action: "revocations.reloaded" };
/// Before the server's certificate ends, operators are reminded for so long.
const REMIND_BEFORE_S: i64 = 30 * 86_400;
/// And so often.
const REMIND_EVERY_S: i64 = 3_600;

/// Reads the files of a running gateway again.
pub(crate) struct Reloader {
    config: PathBuf,
    control: Control,
    status: Arc<Status>,
    in_force: Mutex<InForce>,
    /// Apart from the rest, so that a reload that hangs on a disk keeps nobody from draining.
    pace: Mutex<Pace>,
}

/// What the running gateway was made of.
struct InForce {
    settings: Settings,
    tls: TlsMaterial,
    docked: Vec<Docked>,
    lists: Vec<Stamp>,
    generation: u64,
    reminded_at_s: i64,
}

struct Pace {
    drain: Drain,
    crl_check: Duration,
}

/// What tells one state of a file from another: inode, length and time of the last change; `None`
/// if it cannot be looked at.
type Stamp = Option<(u64, u64, i64, i64)>;

impl Reloader {
    /// Of a gateway that was made of `assembled`; `config` is read at every reload.
    pub(crate) fn new(config: PathBuf, control: Control, assembled: Assembled) -> Self {
        let Assembled { settings, snapshot, tls, docked, .. } = assembled;
        let status = Status::started(&settings.ledger.dir, snapshot.policy.revision(), certificates(&tls));
        let pace = Mutex::new(Pace::of(&settings));
        let lists = stamps(&settings.data.crl);
        let in_force = InForce { settings, tls, docked, lists, generation: 0, reminded_at_s: 0 };
        Self { config, control, status: Arc::new(status), in_force: Mutex::new(in_force), pace }
    }

    /// What operators see of it.
    pub(crate) fn status(&self) -> Arc<Status> {
        Arc::clone(&self.status)
    }

    /// How the process is to drain.
    pub(crate) fn drain(&self) -> Drain {
        self.pace().drain.clone()
    }

    /// Time between two calls of [`Self::look_at_lists`].
    pub(crate) fn crl_check(&self) -> Duration {
        self.pace().crl_check
    }

    fn pace(&self) -> MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn in_force(&self) -> MutexGuard<'_, InForce> {
        self.in_force.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn revision(&self) -> String {
        self.control.snapshot().policy.revision().to_owned()
    }

    /// Reads everything again and takes it over, whole or not at all. Blocks on the disk.
    pub(crate) fn reload(&self) {
        let mut in_force = self.in_force();
        self.status.begins();
        let before = self.revision();
        let outcome = self.take_over(&mut in_force);
        let revision = self.revision();
        match &outcome {
            Ok(()) => tracing::info!(%revision, %before, "reloaded"),
            Err(failure) => {
                tracing::error!(%revision, reason = %failure, "reload refused: the last good configuration stays in force");
            }
        }
        self.status.ends(outcome_of(outcome, revision));
    }

    fn take_over(&self, in_force: &mut InForce) -> Result<(), Failure> {
        let loaded = sluice_config::reload(&self.config, &in_force.settings)?;
        for warning in &loaded.catalogue.warnings {
            tracing::warn!("{warning}");
        }
        let lists = stamps(&loaded.settings.data.crl);
        let generation = in_force.generation + 1;
        let Assembled { settings, snapshot, tls, rules, limits, docked } =
            Assembled::of(loaded, &in_force.docked, generation)?;
        let is_same = tls.is_same_as(&in_force.tls);
        let other = (!is_same).then(|| tls.server_config().context("data listener")).transpose()?;
        // Who was verified by an authority that is trusted no more has to shake hands again.
        let change = Change { rules, limits, tls: other, renews_connections: !tls.trusts_as(&in_force.tls) };
        self.control.reload(snapshot, Some(change), BY_SIGNAL).context("nothing was changed")?;
        *self.pace() = Pace::of(&settings);
        self.status.uses(certificates(&tls));
        *in_force = InForce { settings, tls, docked, lists, generation, reminded_at_s: 0 };
        Ok(())
    }

    /// Takes revocation lists over whose files were replaced, and reminds of what ends soon. Blocks on
    /// the disk.
    pub(crate) fn look_at_lists(&self) {
        let mut in_force = self.in_force();
        let lists = stamps(&in_force.settings.data.crl);
        if lists != in_force.lists {
            let outcome = self.take_lists_over(&in_force);
            let revision = self.revision();
            match &outcome {
                Ok(()) => in_force.lists = lists,
                // Tried again at every look: a list that is being written is whole at the next.
                Err(failure) => tracing::error!(reason = %failure, "the last good revocation lists stay in force"),
            }
            self.status.notes(outcome_of(outcome, revision));
        }
        self.remind(&mut in_force, clock::now_unix_s());
    }

    fn take_lists_over(&self, in_force: &InForce) -> Result<(), Failure> {
        let revocations = assembly::revocations(&in_force.settings.data, &in_force.tls)?;
        let before = self.control.snapshot();
        if revocations.digest() == before.revocations.digest() {
            return Ok(());
        }
        let revoked = revocations.len();
        let snapshot = Snapshot { revocations: Arc::new(revocations), ..Snapshot::clone(&before) };
        self.control.reload(snapshot, None, BY_LISTS).context("nothing was changed")?;
        tracing::info!(revoked, "revocation lists reloaded");
        Ok(())
    }

    fn remind(&self, in_force: &mut InForce, now_s: i64) {
        if now_s - in_force.reminded_at_s < REMIND_EVERY_S {
            return;
        }
        in_force.reminded_at_s = now_s;
        let snapshot = self.control.snapshot();
        let revocations = &snapshot.revocations;
        let due = revocations.renew_by_s().is_some_and(|by_s| now_s > by_s);
        if let Some(until_s) = revocations.next_update_s().filter(|_| due) {
            tracing::warn!(until = %clock::shanghai(until_s), "a revocation list has to be replaced: past its next update every call is refused");
        }
        for (certificate, ends_s) in certificates(&in_force.tls) {
            if now_s > ends_s - REMIND_BEFORE_S {
                tracing::warn!(certificate, ends = %clock::shanghai(ends_s), "a certificate of the data listener ends soon");
            }
        }
    }
}

impl Pace {
    fn of(settings: &Settings) -> Self {
        Self { drain: settings.data.drain.clone(), crl_check: settings.data.crl_check }
    }
}

fn outcome_of(outcome: Result<(), Failure>, revision: String) -> Outcome {
    Outcome {
        succeeded: outcome.is_ok(),
        is_fault_of_files: matches!(outcome, Err(Failure::Configuration(_))),
        revision,
        at_unix_s: clock::now_unix_s(),
        reason: outcome.err().map(|failure| failure.to_string()).unwrap_or_default(),
    }
}

fn stamps(files: &[PathBuf]) -> Vec<Stamp> {
    let stamp = |path: &PathBuf| {
        let file = fs::metadata(path).ok()?;
        Some((file.ino(), file.len(), file.ctime(), file.ctime_nsec()))
    };
    files.iter().map(stamp).collect()
}

fn certificates(tls: &TlsMaterial) -> Vec<(&'static str, i64)> {
    let named = [("server", tls.server_ends_s()), ("client_ca", tls.authorities_end_s())];
    named.into_iter().filter_map(|(name, ends_s)| Some((name, ends_s?))).collect()
}
