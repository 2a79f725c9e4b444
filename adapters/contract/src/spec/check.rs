//! Does a binding make sense for its resource? Pure, so that `sluice check` can say so offline.

use std::borrow::Cow;
use std::net::IpAddr;

use http::Uri;
use serde::Serialize;
use sluice_domain::{Mode, Resource};

use crate::operation::{Operation, Purport};

use super::{ComparisonSpec, OperationSpec, RestSpec, Style, VerifySpec, standard};

/// Headers that a binding cannot set: they frame the message, steer the connection or are the
/// exchange's word on who asks.
pub const FORBIDDEN_HEADERS: &[&str] = &[
    "accept",
    "accept-encoding",
    "connection",
    "content-length",
    "content-type",
    "cookie",
    "expect",
    "host",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "range",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-exchange-department",
    "x-exchange-resource",
    "x-request-id",
];

/// What is wrong with a binding, for the person who wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SpecFault {
    /// Dotted path of the member within the binding, such as `query.fields.XM`.
    pub place: String,
    /// What is wrong.
    pub fault: String,
    /// How it could be written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub example: Option<String>,
}

impl SpecFault {
    pub(crate) fn new(place: impl Into<String>, fault: impl Into<String>) -> Self {
        Self { place: place.into(), fault: fault.into(), example: None }
    }

    pub(crate) fn example(mut self, example: impl Into<String>) -> Self {
        self.example = Some(example.into());
        self
    }
}

impl std::fmt::Display for SpecFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.place, self.fault)?;
        self.example.iter().try_for_each(|example| write!(f, "; for example {example}"))
    }
}

/// The operations of a binding, compiled.
pub struct Operations {
    /// For queries, and for verification where the exchange compares and nothing else is declared.
    pub query: Option<Operation>,
    /// For verification.
    pub verify: Option<Operation>,
    /// Who compares.
    pub comparison: ComparisonSpec,
}

impl RestSpec {
    /// Every fault of the binding; none means that [`Self::compile`] succeeds, secrets aside.
    pub fn check(&self, resource: &Resource) -> Vec<SpecFault> {
        let mut spec = Cow::Borrowed(self);
        if self.has_references() {
            spec.to_mut().hide_references();
        }
        spec.compile(resource).err().unwrap_or_default()
    }

    /// Compiles the operations and checks everything else.
    ///
    /// # Errors
    /// Every fault, in the order of the declaration. A header that still refers to a secret
    /// (`file:`, `env:`) is one: references are resolved before.
    pub fn compile(&self, resource: &Resource) -> Result<Operations, Vec<SpecFault>> {
        let mut faults = Vec::new();
        if self.resource != resource.code {
            faults.push(SpecFault::new("resource", "the binding is of another resource"));
        }
        if let Err(fault) = self.address() {
            faults.push(fault);
        }
        self.check_ranges(&mut faults);
        self.check_tls(&mut faults);
        if self.has_references() {
            faults.push(SpecFault::new("headers", "a reference to a secret was not resolved"));
        }
        let (query, verify) = self.declared(resource, &mut faults);
        self.check_modes(query.as_deref(), verify.as_deref(), resource, &mut faults);
        let query = query.and_then(|spec| {
            placed("query", Operation::compile(&spec, Purport::Records, &self.headers, resource), &mut faults)
        });
        let comparison = verify.as_ref().map_or(ComparisonSpec::Exchange, |verify| verify.comparison);
        let verify = verify.and_then(|verify| self.verification(&verify, resource, &mut faults));
        if faults.is_empty() { Ok(Operations { query, verify, comparison }) } else { Err(faults) }
    }

    /// Scheme, host and path of the provider.
    ///
    /// # Errors
    /// When `base_url` is not an address that the exchange may call.
    pub fn address(&self) -> Result<Uri, SpecFault> {
        let wrong = |fault: &str| SpecFault::new("base_url", fault).example("https://mz.example.gov.cn/exchange");
        let uri: Uri = self.base_url.parse().map_err(|_| wrong("not a URL"))?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(wrong("scheme and host are needed"));
        };
        if uri.query().is_some() || self.base_url.contains('#') {
            return Err(wrong("no query and no fragment: declare query parameters in the operation"));
        }
        if authority.as_str().contains('@') {
            return Err(wrong("no user and password in the URL: use headers"));
        }
        let bad_port = authority
            .as_str()
            .rsplit_once(':')
            .is_some_and(|(_, port)| !port.ends_with(']') && port.parse::<u16>().is_err());
        if authority.host().is_empty() || bad_port || authority.port_u16() == Some(0) {
            return Err(wrong("host and port are not valid"));
        }
        let path = uri.path().trim_end_matches('/');
        if !path.is_empty() && !crate::template::is_plain_path(path) {
            return Err(wrong("the path has empty segments, dot segments or encoded separators"));
        }
        check_host(scheme, authority.host()).map_err(wrong)?;
        Ok(uri)
    }

    fn has_references(&self) -> bool {
        let own = [self.query.as_ref(), self.verify.as_ref().and_then(|verify| verify.operation.as_ref())];
        let own = own.into_iter().flatten().flat_map(|operation| operation.headers.values());
        self.headers.values().chain(own).any(super::HeaderText::is_reference)
    }

    fn hide_references(&mut self) {
        let own = [self.query.as_mut(), self.verify.as_mut().and_then(|verify| verify.operation.as_mut())];
        let own = own.into_iter().flatten().flat_map(|operation| operation.headers.values_mut());
        self.headers
            .values_mut()
            .chain(own)
            .filter(|text| text.is_reference())
            .for_each(|text| "hidden".clone_into(&mut text.0));
    }

    fn check_ranges(&self, faults: &mut Vec<SpecFault>) {
        for (place, value, least, most) in [
            ("timeout_ms", self.timeout_ms, 1, 60_000),
            ("connect_timeout_ms", self.connect_timeout_ms, 1, self.timeout_ms.max(1)),
            ("retries", u32::from(self.retries), 0, 3),
            ("concurrency", self.concurrency, 1, 10_000),
            ("waiting_max", self.waiting_max, 0, 100_000),
            ("connections_max", self.connections_max, 1, 1_024),
            ("body_bytes_max", self.body_bytes_max, 1_024, 64 * 1024 * 1024),
            ("breaker.failures", self.breaker.failures, 1, 1_000),
            ("breaker.open_ms", self.breaker.open_ms, 100, 600_000),
        ] {
            if !(least..=most).contains(&value) {
                faults.push(SpecFault::new(place, format!("{value} is not between {least} and {most}")));
            }
        }
    }

    fn check_tls(&self, faults: &mut Vec<SpecFault>) {
        let is_https = self.base_url.to_ascii_lowercase().starts_with("https:");
        match &self.tls {
            Some(_) if !is_https => {
                faults.push(SpecFault::new("tls", "only an https address has TLS").example("base_url = \"https://…\""));
            }
            None if is_https => {
                faults.push(
                    SpecFault::new("tls", "the CA of the provider's certificate must be named")
                        .example("tls = { ca = \"pki/mz-ca.pem\" }"),
                );
            }
            Some(tls) => {
                if tls.ca.is_none() {
                    faults.push(
                        SpecFault::new("tls.ca", "the CA of the provider's certificate must be named")
                            .example("ca = \"pki/mz-ca.pem\""),
                    );
                }
                if tls.certificate.is_some() != tls.key.is_some() {
                    faults.push(
                        SpecFault::new("tls", "certificate and key belong together")
                            .example("certificate = \"pki/out.pem\", key = \"pki/out.key\""),
                    );
                }
            }
            None => {}
        }
    }

    /// The operations as declared, or as the standard interface has them.
    fn declared(
        &self,
        resource: &Resource,
        faults: &mut Vec<SpecFault>,
    ) -> (Option<Cow<'_, OperationSpec>>, Option<Cow<'_, VerifySpec>>) {
        if self.style != Style::Custom && (self.query.is_some() || self.verify.is_some()) {
            faults.push(
                SpecFault::new("style", "the standard interface declares query and verify itself")
                    .example("style = \"custom\""),
            );
        }
        match self.style {
            Style::Custom => (self.query.as_ref().map(Cow::Borrowed), self.verify.as_ref().map(Cow::Borrowed)),
            Style::Standard => (Some(Cow::Owned(standard::query(resource))), None),
            Style::StandardCompareOnly => (None, Some(Cow::Owned(standard::verify(resource)))),
        }
    }

    fn check_modes(
        &self,
        query: Option<&OperationSpec>,
        verify: Option<&VerifySpec>,
        resource: &Resource,
        faults: &mut Vec<SpecFault>,
    ) {
        if query.is_none() && verify.is_none() {
            faults.push(SpecFault::new("query", "a binding needs an operation").example("style = \"standard\""));
            return;
        }
        if resource.modes.contains(Mode::Query) && query.is_none() {
            let place = if self.style == Style::Custom { "query" } else { "style" };
            faults.push(
                SpecFault::new(place, "the resource offers queries, but the binding has no operation for them")
                    .example("[rest.query]"),
            );
        }
        let verifies = verify.map_or(query.is_some(), |verify| verify.operation.is_some() || query.is_some());
        if resource.modes.contains(Mode::Verify) && !verifies {
            faults.push(
                SpecFault::new("verify", "the resource offers verification, but the binding has no operation for it")
                    .example("[rest.verify]"),
            );
        }
    }

    fn verification(&self, verify: &VerifySpec, resource: &Resource, faults: &mut Vec<SpecFault>) -> Option<Operation> {
        let declares_results = !(verify.results.is_empty()
            && verify.matching.is_empty()
            && verify.mismatch.is_empty()
            && verify.indeterminate.is_empty());
        match (verify.comparison, &verify.operation) {
            (ComparisonSpec::Exchange, _) if declares_results => {
                faults.push(
                    SpecFault::new("verify.results", "results belong to a provider that compares")
                        .example("comparison = \"provider\""),
                );
                None
            }
            (ComparisonSpec::Exchange, None) => None,
            (ComparisonSpec::Exchange, Some(spec)) => {
                placed("verify.operation", Operation::compile(spec, Purport::Records, &self.headers, resource), faults)
            }
            (ComparisonSpec::Provider, None) => {
                faults.push(
                    SpecFault::new("verify.operation", "a provider that compares needs an operation")
                        .example("[rest.verify.operation]"),
                );
                None
            }
            (ComparisonSpec::Provider, Some(spec)) => {
                if verify.results.is_empty() {
                    faults.push(
                        SpecFault::new("verify.results", "say where each result stands")
                            .example("results = { XM = \"/data/XM\" }"),
                    );
                }
                if !(spec.fields.is_empty() && spec.codes.is_empty() && spec.records.is_empty()) {
                    faults.push(SpecFault::new(
                        "verify.operation",
                        "a provider that compares sends no records: no records, fields or codes",
                    ));
                }
                placed("verify", Operation::compile(spec, Purport::Verdicts(verify), &self.headers, resource), faults)
            }
        }
    }
}

/// Keeps the faults of a part, with the place of the part before theirs.
fn placed<T>(place: &str, compiled: Result<T, Vec<SpecFault>>, faults: &mut Vec<SpecFault>) -> Option<T> {
    let moved = |fault: SpecFault| SpecFault { place: format!("{place}.{}", fault.place), ..fault };
    compiled.map_err(|more| faults.extend(more.into_iter().map(moved))).ok()
}

/// Plain HTTP stays on the machine or in a private network; link-local addresses (cloud metadata
/// among them) are never called.
fn check_host(scheme: &str, host: &str) -> Result<(), &'static str> {
    let ip = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().ok();
    let (is_inside, is_barred) = match ip {
        Some(IpAddr::V4(v4)) => (
            v4.is_loopback() || v4.is_private(),
            v4.is_link_local() || v4.is_unspecified() || v4.is_multicast() || v4.is_broadcast(),
        ),
        Some(IpAddr::V6(v6)) => {
            let barred =
                v6.is_unicast_link_local() || v6.is_unspecified() || v6.is_multicast() || v6.to_ipv4_mapped().is_some();
            (v6.is_loopback() || v6.is_unique_local(), barred)
        }
        None => (host == "localhost", false),
    };
    match scheme {
        _ if is_barred => Err("link-local, unspecified and multicast addresses are not called"),
        "https" => Ok(()),
        "http" if is_inside => Ok(()),
        "http" => Err("plain http only to localhost or a private address"),
        _ => Err("the scheme is https, or http on a private address"),
    }
}
