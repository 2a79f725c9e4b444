//! From a configuration that was found correct to the parts of a gateway: the same at the start and at
//! every reload. The one place that names an adapter.

use std::fs;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use aws_lc_rs::digest::{Context as Hasher, SHA256};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject as _;
use sluice_config::settings::{self, Settings};
use sluice_config::{Catalogue, Loaded};
use sluice_contract::Binding;
use sluice_contract::spec::RestSpec;
use sluice_domain::{Egress, PartyIx, Resource, ShareCondition};
use sluice_exchange::{Issuer, SigningKey, Snapshot, TokenRules, TokenTimes};
use sluice_rest::RestBinding;
use sluice_transport::edge::{AllowedHosts, EdgeLimits, EdgeRules};
use sluice_transport::{BodyLimits, ConnectionLimits, Revocations, Timeouts, TlsMaterial};

use crate::descriptors;

/// Calls to a provider that one batch makes at a time: a batch of a hundred is quick, and leaves
/// most of a provider's default concurrency of 64 to others.
const BATCH_PARALLEL: usize = 8;

/// Everything that a configuration becomes and that a running gateway can take over.
pub(crate) struct Assembled {
    /// What it was made of.
    pub(crate) settings: Settings,
    /// What decides and routes.
    pub(crate) snapshot: Snapshot,
    /// Certificate and trust of the data listener.
    pub(crate) tls: TlsMaterial,
    /// Rules of request heads.
    pub(crate) rules: EdgeRules,
    /// Bounds of each worker's connections.
    pub(crate) limits: ConnectionLimits,
    /// The bindings with what each was compiled from.
    pub(crate) docked: Vec<Docked>,
}

/// A compiled binding and what it was compiled from.
pub(crate) struct Docked {
    spec: RestSpec,
    resource: Resource,
    /// SHA-256 of the files that the declaration names.
    files: [u8; 32],
    /// Which addresses may be called.
    egress: Arc<Egress>,
    binding: Arc<dyn Binding>,
}

impl Assembled {
    /// Compiles a configuration. A binding whose declaration is one of `before` stays the same object, with its
    /// breaker, its places and its connections. `generation` differs between reloads. Reads files.
    ///
    /// # Errors
    /// What cannot be used, and why.
    pub(crate) fn of(loaded: Loaded, before: &[Docked], generation: u64) -> anyhow::Result<Self> {
        let Loaded { settings, catalogue } = loaded;
        let tls = tls(&settings.data)?;
        let revocations = revocations(&settings.data, &tls)?;
        let tokens = tokens(&settings, generation)?;
        let hosts = AllowedHosts::new(settings.data.hosts.iter().map(String::as_str))?;
        let given = &settings.data.limits;
        let limits = EdgeLimits {
            uri_bytes_max: given.uri_bytes_max,
            header_bytes_max: given.header_bytes_max,
            headers_max: given.headers_max,
        };
        let docked = docked(&catalogue, &settings, before)?;
        let mut bindings: Vec<_> = catalogue.policy.resources().iter().map(|_| None).collect();
        for (docking, docked) in catalogue.bindings.iter().zip(&docked) {
            if let Some(place) = bindings.get_mut(docking.resource.at()) {
                *place = Some(Arc::clone(&docked.binding));
            }
        }
        let snapshot = Snapshot {
            policy: Arc::new(catalogue.policy),
            bindings,
            tokens: Arc::new(tokens),
            revocations: Arc::new(revocations),
            settings: exchange_settings(&settings),
        };
        let rules = EdgeRules { hosts, limits };
        let limits = connection_limits(&settings.data);
        Ok(Self { settings, snapshot, tls, rules, limits, docked })
    }
}

/// Worker threads of the data listener.
pub(crate) fn workers(data: &settings::Data) -> usize {
    data.workers.or_else(|| thread::available_parallelism().ok()).map_or(1, NonZeroUsize::get)
}

/// The revocation lists of the data listener's authorities.
///
/// # Errors
/// The first file that cannot be used.
pub(crate) fn revocations(data: &settings::Data, tls: &TlsMaterial) -> anyhow::Result<Revocations> {
    Revocations::load(&data.crl, tls.authorities()).context("revocation list")
}

fn tls(data: &settings::Data) -> anyhow::Result<TlsMaterial> {
    let Some(key) = data.key.file() else {
        bail!("data.key: the listener's private key is read from a file, so its reference begins with \"file:\"");
    };
    TlsMaterial::load(&data.certificate, key, &data.client_ca).context("data listener")
}

/// The bindings in the order of their declarations.
fn docked(catalogue: &Catalogue, settings: &Settings, before: &[Docked]) -> anyhow::Result<Vec<Docked>> {
    let answer_bytes_max = u32::try_from(settings.data.limits.answer_bytes_max).unwrap_or(u32::MAX);
    let egress = Arc::new(settings.egress.clone());
    let dock = |docking: &sluice_config::Docking| {
        let resource = catalogue.policy.resource(docking.resource).context("a binding without its resource")?;
        let mut spec = docking.spec.clone();
        spec.body_bytes_max = spec.body_bytes_max.min(answer_bytes_max);
        let files = files(&spec).with_context(|| format!("binding of {}", resource.code))?;
        let itself = of_itself(resource);
        let same = |known: &&Docked| {
            known.spec == spec && known.files == files && known.resource == itself && known.egress == egress
        };
        let binding = match before.iter().find(same) {
            Some(known) => Arc::clone(&known.binding),
            None => RestBinding::compile(&spec, resource, &egress)
                .with_context(|| format!("binding of {}", resource.code))?,
        };
        Ok(Docked { spec, resource: itself, files, egress: Arc::clone(&egress), binding })
    };
    catalogue.bindings.iter().map(dock).collect()
}

/// A resource without its relations: positions of parties and purposes may change, and concern no binding.
fn of_itself(resource: &Resource) -> Resource {
    Resource { provider: PartyIx(0), condition: ShareCondition::default(), ..resource.clone() }
}

/// SHA-256 of the files that a declaration names: a certificate may be renewed in its place.
fn files(spec: &RestSpec) -> anyhow::Result<[u8; 32]> {
    let mut hasher = Hasher::new(&SHA256);
    let named = spec.tls.iter().flat_map(|tls| [&tls.ca, &tls.certificate, &tls.key]).flatten();
    for path in named {
        let bytes = fs::read(path).with_context(|| format!("cannot read {path}"))?;
        hasher.update(&u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes());
        hasher.update(&bytes);
    }
    let mut digest = [0; 32];
    digest.copy_from_slice(hasher.finish().as_ref());
    Ok(digest)
}

fn tokens(settings: &Settings, generation: u64) -> anyhow::Result<TokenRules> {
    let given = &settings.tokens;
    let der = PrivatePkcs8KeyDer::from_pem_slice(given.signing_key_pem.expose())
        .map_err(|_| anyhow!("{} is no private key", given.signing_key))?;
    let signing = SigningKey::from_pkcs8(der.secret_pkcs8_der()).with_context(|| given.signing_key.to_string())?;
    let issuers = given.issuers.iter().map(|issuer| {
        let jwks =
            fs::read_to_string(&issuer.jwks).with_context(|| format!("cannot read {}", issuer.jwks.display()))?;
        Issuer::from_jwks(&issuer.issuer, &issuer.audience, &jwks).with_context(|| issuer.jwks.display().to_string())
    });
    let issuers = issuers.collect::<anyhow::Result<_>>()?;
    let times =
        TokenTimes { lifetime_s: whole_seconds(given.pace.lifetime), leeway_s: whole_seconds(given.pace.leeway) };
    Ok(TokenRules::new(signing, &settings.data.public_url, issuers, times, generation)?)
}

fn whole_seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}

/// The configuration counts over all workers, a worker for itself.
fn connection_limits(data: &settings::Data) -> ConnectionLimits {
    let (given, workers) = (&data.timeouts, workers(data));
    let timeouts = Timeouts {
        handshake: given.handshake,
        head: given.head,
        idle: data.limits.idle,
        write: given.write,
        age: data.limits.connection_age_max,
        ..Timeouts::default()
    };
    ConnectionLimits {
        connections_max: data.limits.connections_max.div_ceil(workers),
        in_flight_max: data.limits.in_flight_max.div_ceil(workers),
        descriptors_max: descriptors::for_connections(),
        timeouts,
        ..ConnectionLimits::default()
    }
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
