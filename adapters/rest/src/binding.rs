//! A compiled binding: shared by all workers.

use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{HeaderName, Uri};
use sluice_contract::balance::Balance;
use sluice_contract::breaker::Breaker;
use sluice_contract::credentials::Credentials;
use sluice_contract::gate::Gate;
use sluice_contract::operation::{Operation, shared_headers};
use sluice_contract::outage::Outages;
use sluice_contract::spec::{ComparisonSpec, ProbeSpec, RestSpec, SpecFault, TlsSpec};
use sluice_contract::template::Template;
use sluice_contract::{Adapter, Binding, Comparison, Durations, Standing, Target, Upkeep};
use sluice_domain::{Egress, Mode, Resource, ResourceCode};
use sluice_transport::upstream::{ClientTls, ClientTlsError, Endpoint, EndpointError, PoolLimits};
use sluice_transport::{LATENCY_BOUNDS_US, clock};

use crate::adapter::RestAdapter;
use crate::fault::Health;
use crate::token::Tokens;
use crate::upkeep;

/// Why a binding cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RestError {
    /// The declaration does not make sense.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Spec(Vec<SpecFault>),
    /// A TLS file cannot be used.
    #[error("tls: {0}")]
    Tls(#[from] ClientTlsError),
    /// An address cannot be used.
    #[error("{origin}: {cause}")]
    Endpoint {
        /// Scheme, host and port.
        origin: String,
        /// The cause.
        cause: EndpointError,
    },
}

/// A resource docked by REST.
pub struct RestBinding {
    pub(crate) resource: ResourceCode,
    /// Host and port of the first instance.
    target: String,
    comparison: Comparison,
    pub(crate) timeout: Duration,
    began: Instant,
    /// At least one; as many as `balance` has.
    pub(crate) instances: Vec<Instance>,
    pub(crate) balance: Balance,
    /// Address of the first instance.
    pub(crate) base: Uri,
    /// Its path, and that of all others, without a slash at its end.
    pub(crate) base_path: String,
    /// The binding's own headers, for operations that are forwarded.
    pub(crate) headers: Vec<(HeaderName, Template)>,
    query: Option<Operation>,
    verify: Option<Operation>,
    pub(crate) retries: u8,
    pub(crate) body_bytes_max: usize,
    pub(crate) breaker: Breaker,
    concurrency: u32,
    pub(crate) gate: Arc<Gate>,
    pub(crate) outages: Outages,
    pub(crate) probe: Option<ProbeSpec>,
    pub(crate) credentials: Option<Credentials>,
    pub(crate) tokens: Tokens,
    pub(crate) token_endpoint: Option<Arc<Endpoint>>,
}

/// One address at which the provider's interface is reached.
pub(crate) struct Instance {
    /// Host and port.
    pub(crate) name: String,
    pub(crate) base: Uri,
    pub(crate) endpoint: Arc<Endpoint>,
}

impl RestBinding {
    /// Compiles a declaration whose secrets are resolved and whose paths lead to files; reads the TLS
    /// files. Nothing is connected yet, and never to an address that `egress` bars.
    ///
    /// # Errors
    /// Every fault of the declaration, or the first file or address that cannot be used.
    pub fn compile(spec: &RestSpec, resource: &Resource, egress: &Arc<Egress>) -> Result<Arc<dyn Binding>, RestError> {
        let compiled = spec.compile(resource).map_err(RestError::Spec)?;
        let tls = spec.tls.as_ref().map(load_tls).transpose()?;
        let connections_max = usize::try_from(spec.connections_max).unwrap_or(usize::MAX);
        let limits = PoolLimits {
            connections_max,
            idle_max: connections_max,
            waiting_max: usize::try_from(spec.waiting_max).unwrap_or(usize::MAX),
            connect: Duration::from_millis(spec.connect_timeout_ms.into()),
            ..PoolLimits::default()
        };
        let endpoint = |address: &Uri, tls: Option<ClientTls>| {
            // Provider and token endpoint need not both be reached by TLS.
            let tls = tls.filter(|_| address.scheme_str() == Some("https"));
            let origin = format!("{}://{}", address.scheme_str().unwrap_or("https"), authority(address));
            let made = Endpoint::new(&origin, tls, limits.clone(), Arc::clone(egress));
            made.map(Arc::new).map_err(|cause| RestError::Endpoint { origin, cause })
        };
        let instances = compiled.addresses.iter().map(|base| {
            Ok(Instance { name: authority(base), base: base.clone(), endpoint: endpoint(base, tls.clone())? })
        });
        let instances = instances.collect::<Result<Vec<_>, RestError>>()?;
        let token_endpoint = match &compiled.credentials {
            Some(Credentials::OAuth2(oauth2)) => {
                let url = oauth2.token_url();
                let is_other = instances.iter().all(|instance| instance.base.host() != url.host());
                Some(endpoint(url, tls.as_ref().map(|tls| if is_other { tls.by_host() } else { tls.clone() }))?)
            }
            _ => None,
        };
        let base = compiled.addresses.into_iter().next().unwrap_or_default();
        Ok(Arc::new(Self {
            resource: resource.code.clone(),
            target: authority(&base),
            comparison: match compiled.comparison {
                ComparisonSpec::Provider => Comparison::ByProvider,
                ComparisonSpec::Exchange => Comparison::ByExchange,
            },
            timeout: Duration::from_millis(spec.timeout_ms.into()),
            began: clock::now(),
            balance: Balance::new(instances.len(), spec.outlier.unwrap_or_default()),
            instances,
            headers: shared_headers(&spec.headers, resource).map_err(RestError::Spec)?,
            base_path: base.path().trim_end_matches('/').to_owned(),
            base,
            query: compiled.query,
            verify: compiled.verify,
            retries: spec.retries,
            body_bytes_max: usize::try_from(spec.body_bytes_max).unwrap_or(usize::MAX),
            breaker: Breaker::new(spec.breaker.failures, spec.breaker.open_ms.into()),
            concurrency: spec.concurrency,
            gate: Gate::new(spec.concurrency, spec.waiting_max),
            outages: compiled.outages,
            probe: spec.probe.clone(),
            credentials: compiled.credentials,
            tokens: Tokens::default(),
            token_endpoint,
        }))
    }

    /// The operation that gives records in a mode.
    pub(crate) fn records_operation(&self, mode: Mode) -> Option<&Operation> {
        match (mode, self.comparison) {
            (Mode::Query, _) => self.query.as_ref(),
            (Mode::Verify, Comparison::ByExchange) => self.verify.as_ref().or(self.query.as_ref()),
            (Mode::Verify, Comparison::ByProvider) | (Mode::Push | Mode::Call, _) => None,
        }
    }

    /// The operation by which the provider compares.
    pub(crate) fn comparing_operation(&self) -> Option<&Operation> {
        self.verify.as_ref().filter(|_| self.comparison == Comparison::ByProvider)
    }

    /// An instance failed: too often in a row, and it is left out for a while.
    pub(crate) fn failed(&self, instance: usize) {
        if self.balance.failed(instance, self.now_ms()) {
            let target = self.instances.get(instance).map_or("", |instance| instance.name.as_str());
            tracing::warn!(resource = %self.resource, target, "an instance keeps failing and is left out for a while");
        }
    }

    /// Tells circuit breaker and instances what a call says about the provider.
    pub(crate) fn report(&self, instance: usize, health: Health) {
        match health {
            Health::Up => {
                self.breaker.succeeded();
                self.balance.succeeded(instance);
            }
            Health::Down => {
                self.breaker.failed(self.now_ms());
                self.failed(instance);
            }
            Health::Unknown => {}
        }
    }

    /// Monotonic milliseconds since the binding was compiled, above zero.
    pub(crate) fn now_ms(&self) -> u64 {
        u64::try_from(clock::now().saturating_duration_since(self.began).as_millis())
            .unwrap_or(u64::MAX)
            .saturating_add(1)
    }
}

impl Binding for RestBinding {
    fn resource(&self) -> &ResourceCode {
        &self.resource
    }

    fn comparison(&self) -> Comparison {
        self.comparison
    }

    fn target(&self) -> &str {
        &self.target
    }

    fn timeout(&self) -> Duration {
        self.timeout
    }

    fn standing(&self) -> Standing {
        let now_ms = self.now_ms();
        let target = |(at, instance): (usize, &Instance)| {
            let pools = instance.endpoint.snapshot();
            Target {
                name: instance.name.clone(),
                state: self.balance.state(at, now_ms),
                connections: pools.open,
                idle: pools.idle,
                connects: pools.connects_ok,
                connects_failed: pools.connects_failed,
                connecting: Durations {
                    bounds_us: &LATENCY_BOUNDS_US,
                    counts: pools.connect.counts.to_vec(),
                    sum_us: pools.connect.sum_us,
                },
            }
        };
        Standing {
            is_circuit_open: self.breaker.is_open(),
            calls: u64::from(self.concurrency).saturating_sub(self.gate.free() as u64),
            targets: self.instances.iter().enumerate().map(target).collect(),
        }
    }

    fn upkeep(self: Arc<Self>) -> Option<Upkeep> {
        upkeep::of(&self)
    }

    fn attach(self: Arc<Self>) -> Rc<dyn Adapter> {
        Rc::new(RestAdapter::new(self))
    }
}

fn authority(address: &Uri) -> String {
    address.authority().map(ToString::to_string).unwrap_or_default()
}

fn load_tls(spec: &TlsSpec) -> Result<ClientTls, RestError> {
    let missing = || RestError::Endpoint { origin: "tls.ca".to_owned(), cause: EndpointError::TlsMissing };
    let ca = spec.ca.as_deref().ok_or_else(missing)?;
    let identity = spec.certificate.as_deref().zip(spec.key.as_deref());
    let identity = identity.map(|(certificate, key)| (Path::new(certificate), Path::new(key)));
    Ok(ClientTls::load(Path::new(ca), identity, spec.server_name.as_deref())?)
}
