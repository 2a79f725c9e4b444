//! The wiring: from a configuration that was found correct to a gateway that serves. The one place
//! that knows every crate, and the only one that names an adapter.

use std::fs::DirBuilder;
use std::num::NonZeroUsize;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject as _;
use sluice_config::settings::{self, Settings, SubjectKeys};
use sluice_config::{Catalogue, Loaded};
use sluice_contract::Binding;
use sluice_domain::Egress;
use sluice_exchange::{
    Gateway, GatewayParts, Issuer, SigningKey, Snapshot, TagKey, TagKeys, TokenRules, TokenTimes, Watch,
};
use sluice_ledger::{Ledger, Options};
use sluice_rest::RestBinding;
use sluice_transport::edge::{AllowedHosts, EdgeLimits, EdgeRules};
use sluice_transport::{BodyLimits, ConnectionLimits, Revocations, Timeouts, TlsMaterial, TlsSwap, WorkersSpec, clock};

use crate::ops::{Check, Inspected};
use crate::witness_line;

/// Calls to a provider that one batch makes at a time: a batch of a hundred is quick, and leaves
/// most of a provider's default concurrency of 64 to others.
const BATCH_PARALLEL: usize = 8;
/// Remembers the fold over the ledger, beside it.
const USAGE_FILE: &str = "usage.json";

/// A gateway that serves.
pub(crate) struct Running {
    gateway: Gateway,
}

impl Running {
    /// Opens the ledger, compiles the snapshot, binds the data listener. Blocks on the disk.
    ///
    /// # Errors
    /// Whatever keeps it from serving; nothing is served then.
    pub(crate) fn start(loaded: Loaded) -> anyhow::Result<Self> {
        let Loaded { settings, catalogue } = loaded;
        let tls = tls(&settings.data)?;
        let revocations = Revocations::load(&settings.data.crl, tls.authorities()).context("revocation list")?;
        let answer_bytes_max = u32::try_from(settings.data.limits.answer_bytes_max).unwrap_or(u32::MAX);
        let egress = Arc::new(settings.egress.clone());
        let bindings = bindings(&catalogue, answer_bytes_max, &egress)?;
        let snapshot = Snapshot { policy: catalogue.policy, bindings, tokens: tokens(&settings)?, revocations };
        let tag_keys = tag_keys(&settings.subjects.keys)?;
        let listener = listener(&settings.data, &tls)?;

        make_spool(&settings.spool.dir)?;
        let options = ledger_options(&settings);
        let witnesses = witness_line::policy(&settings.ledger.witnesses, &egress)?;
        let (ledger, opening) = Ledger::open_witnessed(&options, witnesses)
            .with_context(|| format!("cannot open the ledger in {}", options.dir.display()))?;
        for found in &opening.quarantined {
            tracing::warn!(
                segment = found.segment,
                bytes = found.bytes,
                "an unfinished batch was set aside in quarantine"
            );
        }
        let parts = GatewayParts {
            ledger,
            snapshot,
            settings: exchange_settings(&settings),
            tag_keys,
            listener,
            usage_file: settings.ledger.dir.join(USAGE_FILE),
        };
        Ok(Self { gateway: Gateway::start(parts)? })
    }

    /// What the ops listener shows; outlives the drain.
    pub(crate) fn watch(&self) -> impl Inspected + use<> {
        Watched(self.gateway.watch())
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

struct Watched(Watch);

impl Inspected for Watched {
    fn readiness(&self) -> Vec<Check> {
        let checks = self.0.checks().into_iter();
        let told = |check: sluice_exchange::Check| {
            let fault = (!check.is_ready).then(|| check.detail.clone());
            Check::new(check.name, fault).detailed(check.detail)
        };
        checks.map(told).collect()
    }

    fn metrics(&self, out: &mut String) {
        out.push_str(&sluice_exchange::exposition(&self.0));
    }
}

fn tag_keys(keys: &SubjectKeys) -> anyhow::Result<TagKeys> {
    match keys {
        SubjectKeys::Master { tag_key, .. } => {
            let key = TagKey::new(tag_key.expose()).context("the key of [subjects] is too short")?;
            Ok(TagKeys::of_master(key))
        }
        SubjectKeys::Monthly(dir) => {
            let dir = dir.clone();
            Ok(TagKeys::monthly(move |epoch| {
                let read = settings::monthly_key(&dir.join(epoch.file_name()));
                let key = read.unwrap_or_else(|cause| {
                    tracing::error!("key of subject tags: {cause}");
                    None
                });
                TagKey::new(key?.expose())
            }))
        }
    }
}

fn tls(data: &settings::Data) -> anyhow::Result<TlsMaterial> {
    let Some(key) = data.key.file() else {
        bail!("data.key: the listener's private key is read from a file, so its reference begins with \"file:\"");
    };
    TlsMaterial::load(&data.certificate, key, &data.client_ca).context("data listener")
}

/// One binding for each resource that is docked, by position of the resource.
fn bindings(
    catalogue: &Catalogue,
    answer_bytes_max: u32,
    egress: &Arc<Egress>,
) -> anyhow::Result<Vec<Option<Arc<dyn Binding>>>> {
    let mut compiled: Vec<_> = catalogue.policy.resources().iter().map(|_| None).collect();
    for docking in &catalogue.bindings {
        let at = docking.resource.at();
        let (Some(resource), Some(place)) = (catalogue.policy.resource(docking.resource), compiled.get_mut(at)) else {
            continue;
        };
        let mut spec = docking.spec.clone();
        spec.body_bytes_max = spec.body_bytes_max.min(answer_bytes_max);
        let binding = RestBinding::compile(&spec, resource, egress);
        let binding = binding.with_context(|| format!("binding of {}", resource.code))?;
        *place = Some(binding);
    }
    Ok(compiled)
}

fn tokens(settings: &Settings) -> anyhow::Result<TokenRules> {
    let given = &settings.tokens;
    let der = PrivatePkcs8KeyDer::from_pem_slice(given.signing_key_pem.expose())
        .map_err(|_| anyhow!("{} is no private key", given.signing_key))?;
    let signing = SigningKey::from_pkcs8(der.secret_pkcs8_der()).with_context(|| given.signing_key.to_string())?;
    let issuers = given.issuers.iter().map(|issuer| {
        let jwks =
            std::fs::read_to_string(&issuer.jwks).with_context(|| format!("cannot read {}", issuer.jwks.display()))?;
        Issuer::from_jwks(&issuer.issuer, &issuer.audience, &jwks).with_context(|| issuer.jwks.display().to_string())
    });
    let issuers = issuers.collect::<anyhow::Result<_>>()?;
    let times =
        TokenTimes { lifetime_s: whole_seconds(given.pace.lifetime), leeway_s: whole_seconds(given.pace.leeway) };
    Ok(TokenRules::new(signing, &settings.data.public_url, issuers, times, 0)?)
}

fn whole_seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}

fn listener(data: &settings::Data, tls: &TlsMaterial) -> anyhow::Result<WorkersSpec> {
    let workers = data.workers.or_else(|| thread::available_parallelism().ok()).map_or(1, NonZeroUsize::get);
    let hosts = AllowedHosts::new(data.hosts.iter().map(String::as_str))?;
    let limits = EdgeLimits {
        uri_bytes_max: data.limits.uri_bytes_max,
        header_bytes_max: data.limits.header_bytes_max,
        headers_max: data.limits.headers_max,
    };
    Ok(WorkersSpec {
        addr: data.listen,
        workers,
        tls: TlsSwap::new(tls.server_config().context("data listener")?),
        rules: EdgeRules { hosts, limits },
        limits: connection_limits(data, workers),
    })
}

/// The configuration counts over all workers, a worker for itself.
fn connection_limits(data: &settings::Data, workers: usize) -> ConnectionLimits {
    let given = &data.timeouts;
    let timeouts = Timeouts {
        handshake: given.handshake,
        head: given.head,
        idle: data.limits.idle,
        write: given.write,
        // Reading the body, answering, and a reader that is as slow as one may be.
        stream: given.body + given.request + given.write,
        age: data.limits.connection_age_max,
        ..Timeouts::default()
    };
    ConnectionLimits {
        connections_max: data.limits.connections_max.div_ceil(workers),
        in_flight_max: data.limits.in_flight_max.div_ceil(workers),
        timeouts,
        ..ConnectionLimits::default()
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

fn exchange_settings(settings: &Settings) -> sluice_exchange::Settings {
    let body = BodyLimits::default();
    sluice_exchange::Settings {
        node: settings.node.id,
        request_max: settings.data.timeouts.request,
        body: BodyLimits {
            bytes_max: settings.data.limits.body_bytes_max,
            total: settings.data.timeouts.body,
            idle: body.idle.min(settings.data.timeouts.body),
            ..body
        },
        rows_max: settings.limits.rows_max,
        token_cache_entries: settings.tokens.pace.cache_entries,
        refusals_per_second: settings.limits.refusals_per_second,
        key_warning_days: settings.subjects.warn_days,
        witness_wait: settings.ledger.witnesses.pace.gate_wait,
        batch_parallel: BATCH_PARALLEL,
        answer_bytes_max: settings.data.limits.answer_bytes_max,
        spool_dir: settings.spool.dir.clone(),
        spool_bytes_max: settings.spool.bytes_max,
    }
}
