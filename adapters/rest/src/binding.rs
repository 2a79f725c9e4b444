//! A compiled binding: shared by all workers.

use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::Uri;
use sluice_contract::breaker::Breaker;
use sluice_contract::gate::Gate;
use sluice_contract::operation::Operation;
use sluice_contract::spec::{ComparisonSpec, RestSpec, SpecFault, TlsSpec};
use sluice_contract::{Adapter, Binding, Comparison};
use sluice_domain::{Egress, Mode, Resource, ResourceCode};
use sluice_transport::clock;
use sluice_transport::upstream::{ClientTls, ClientTlsError, Endpoint, EndpointError, PoolLimits};

use crate::adapter::RestAdapter;

/// Why a binding cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RestError {
    /// The declaration does not make sense.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Spec(Vec<SpecFault>),
    /// A TLS file cannot be used.
    #[error("tls: {0}")]
    Tls(#[from] ClientTlsError),
    /// The address cannot be used.
    #[error("base_url: {0}")]
    Endpoint(#[from] EndpointError),
}

/// A resource docked by REST.
pub struct RestBinding {
    resource: ResourceCode,
    target: String,
    comparison: Comparison,
    timeout: Duration,
    began: Instant,
    pub(crate) endpoint: Arc<Endpoint>,
    /// Path of the base URL without a slash at its end.
    pub(crate) base_path: String,
    query: Option<Operation>,
    verify: Option<Operation>,
    pub(crate) retries: u8,
    pub(crate) body_bytes_max: usize,
    pub(crate) breaker: Breaker,
    pub(crate) gate: Gate,
}

impl RestBinding {
    /// Compiles a declaration whose secrets are resolved and whose paths lead to files; reads the TLS
    /// files. Nothing is connected yet, and never to an address that `egress` bars.
    ///
    /// # Errors
    /// Every fault of the declaration, or the first file or address that cannot be used.
    pub fn compile(spec: &RestSpec, resource: &Resource, egress: &Arc<Egress>) -> Result<Arc<dyn Binding>, RestError> {
        let operations = spec.compile(resource).map_err(RestError::Spec)?;
        let address = spec.address().map_err(|fault| RestError::Spec(vec![fault]))?;
        let (origin, target) = origin(&address);
        let tls = spec.tls.as_ref().map(load_tls).transpose()?;
        let connections_max = usize::try_from(spec.connections_max).unwrap_or(usize::MAX);
        let limits = PoolLimits {
            connections_max,
            idle_max: connections_max,
            waiting_max: usize::try_from(spec.waiting_max).unwrap_or(usize::MAX),
            connect: Duration::from_millis(spec.connect_timeout_ms.into()),
            ..PoolLimits::default()
        };
        let comparison = match operations.comparison {
            ComparisonSpec::Provider => Comparison::ByProvider,
            ComparisonSpec::Exchange => Comparison::ByExchange,
        };
        Ok(Arc::new(Self {
            resource: resource.code.clone(),
            target,
            comparison,
            timeout: Duration::from_millis(spec.timeout_ms.into()),
            began: clock::now(),
            endpoint: Arc::new(Endpoint::new(&origin, tls, limits, Arc::clone(egress))?),
            base_path: address.path().trim_end_matches('/').to_owned(),
            query: operations.query,
            verify: operations.verify,
            retries: spec.retries,
            body_bytes_max: usize::try_from(spec.body_bytes_max).unwrap_or(usize::MAX),
            breaker: Breaker::new(spec.breaker.failures, spec.breaker.open_ms.into()),
            gate: Gate::new(spec.concurrency, spec.waiting_max),
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

    fn attach(self: Arc<Self>) -> Rc<dyn Adapter> {
        Rc::new(RestAdapter::new(self))
    }
}

/// `scheme://host[:port]` and `host[:port]`.
fn origin(address: &Uri) -> (String, String) {
    let authority = address.authority().map(ToString::to_string).unwrap_or_default();
    (format!("{}://{authority}", address.scheme_str().unwrap_or("https")), authority)
}

fn load_tls(spec: &TlsSpec) -> Result<ClientTls, RestError> {
    let missing = || RestError::Endpoint(EndpointError::TlsMissing);
    let ca = spec.ca.as_deref().ok_or_else(missing)?;
    let identity = spec.certificate.as_deref().zip(spec.key.as_deref());
    let identity = identity.map(|(certificate, key)| (Path::new(certificate), Path::new(key)));
    Ok(ClientTls::load(Path::new(ca), identity, spec.server_name.as_deref())?)
}
