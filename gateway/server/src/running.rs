//! The life of a gateway from a configuration that was found correct to the end of its drain.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use sluice_config::Loaded;
use sluice_config::settings::Settings;
use sluice_exchange::{Gateway, GatewayParts, Watch};
use sluice_ledger::{Ledger, Options};
use sluice_transport::{TlsSwap, WorkersSpec, clock};

use crate::assembly::{self, Assembled};
use crate::ops::{Check, Inspected};
use crate::pid_file::PidFile;
use crate::reload::Reloader;
use crate::reload_status::Status;
use crate::{tag_keys, witness_line};

/// Remembers the fold over the ledger, beside it.
const USAGE_FILE: &str = "usage.json";

/// A gateway that serves.
pub(crate) struct Running {
    gateway: Gateway,
    reloader: Arc<Reloader>,
    /// Removed with the end of the drain.
    _pid_file: PidFile,
}

impl Running {
    /// Opens the ledger, compiles the snapshot, binds the data listener. `config` is the file that a
    /// reload reads. Blocks on the disk.
    ///
    /// # Errors
    /// Whatever keeps it from serving; nothing is served then.
    pub(crate) fn start(loaded: Loaded, config: PathBuf) -> anyhow::Result<Self> {
        let assembled = Assembled::of(loaded, &[], 0)?;
        let settings = &assembled.settings;
        let tag_keys = tag_keys::of_settings(&settings.subjects.keys, &settings.egress)?;
        let tls = TlsSwap::new(assembled.tls.server_config().context("data listener")?);
        let listener = WorkersSpec {
            addr: settings.data.listen,
            workers: assembly::workers(&settings.data),
            tls,
            rules: assembled.rules.clone(),
            limits: assembled.limits.clone(),
        };
        make_spool(&settings.spool.dir)?;
        let options = ledger_options(settings);
        let witnesses = witness_line::policy(&settings.ledger.witnesses, &settings.egress)?;
        let (ledger, opening) = Ledger::open_witnessed(&options, witnesses)
            .with_context(|| format!("cannot open the ledger in {}", options.dir.display()))?;
        for found in &opening.quarantined {
            tracing::warn!(
                segment = found.segment,
                bytes = found.bytes,
                "an unfinished batch was set aside in quarantine"
            );
        }
        let pid_file = PidFile::write(&options.dir)?;
        let parts = GatewayParts {
            ledger,
            snapshot: assembled.snapshot.clone(),
            tag_keys,
            listener,
            usage_file: settings.ledger.dir.join(USAGE_FILE),
        };
        let gateway = Gateway::start(parts)?;
        let reloader = Arc::new(Reloader::new(config, gateway.control(), assembled));
        Ok(Self { gateway, reloader, _pid_file: pid_file })
    }

    /// What the ops listener shows; outlives the drain.
    pub(crate) fn watch(&self) -> impl Inspected + use<> {
        Watched { gateway: self.gateway.watch(), reloads: self.reloader.status() }
    }

    /// What reads its files again.
    pub(crate) fn reloader(&self) -> Arc<Reloader> {
        Arc::clone(&self.reloader)
    }

    /// Answers what was accepted, within `timeout`, and stops. Blocks the thread.
    ///
    /// # Errors
    /// Requests that had to be cut, or workers that had failed.
    pub(crate) fn drain(self, timeout: Duration) -> anyhow::Result<()> {
        let report = self.gateway.drain(clock::now() + timeout);
        if report.requests_cut > 0 || report.workers_failed > 0 {
            bail!(
                "{} requests were cut at the end of the drain, {} workers had failed",
                report.requests_cut,
                report.workers_failed
            );
        }
        Ok(())
    }
}

struct Watched {
    gateway: Watch,
    reloads: Arc<Status>,
}

impl Inspected for Watched {
    fn readiness(&self) -> Vec<Check> {
        let told = |check: sluice_exchange::Check| {
            let fault = (!check.is_ready).then(|| check.detail.clone());
            Check::new(check.name, fault).detailed(check.detail)
        };
        self.gateway.checks().into_iter().map(told).chain([self.reloads.check()]).collect()
    }

    fn metrics(&self, out: &mut String) {
        out.push_str(&sluice_exchange::exposition(&self.gateway));
        self.reloads.metrics(out);
    }
}

fn ledger_options(settings: &Settings) -> Options {
    let (ledger, pace) = (&settings.ledger, &settings.ledger.pace);
    Options {
        node: settings.node.id,
        segment_bytes: pace.segment_bytes,
        commit_window: pace.commit_window,
        checkpoint_every: pace.checkpoint_interval,
        root: ledger.root_key.clone(),
        backlog_records: u32::try_from(pace.backlog_max).unwrap_or(u32::MAX),
        ..Options::new(&ledger.dir, &ledger.origin)
    }
}

/// Sealed files hold citizens' data, so nobody else may look into their folder.
fn make_spool(dir: &Path) -> anyhow::Result<()> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(dir);
    made.with_context(|| format!("cannot make the folder {} of [spool]", dir.display()))
}
