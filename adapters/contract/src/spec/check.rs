//! Does a binding make sense for its resource? Pure, so that `sluice check` can say so offline.

use std::borrow::Cow;

use http::Uri;
use sluice_domain::{Mode, Resource};

use crate::credentials::Credentials;
use crate::operation::{Operation, Purport};
use crate::outage::Outages;

use super::fault::placed;
use super::{ComparisonSpec, OperationSpec, PagingStyle, RestSpec, SpecFault, Style, VerifySpec, standard};

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

/// A binding, compiled.
pub struct Compiled {
    /// For queries, and for verification where the exchange compares and nothing else is declared.
    pub query: Option<Operation>,
    /// For verification.
    pub verify: Option<Operation>,
    /// Who compares.
    pub comparison: ComparisonSpec,
    /// Scheme, host and path of every instance; at least one.
    pub addresses: Vec<Uri>,
    /// How the exchange proves who it is, client certificates aside.
    pub credentials: Option<Credentials>,
    /// When the provider is known not to serve.
    pub outages: Outages,
}

impl RestSpec {
    /// Every fault of the binding; none means that [`Self::compile`] succeeds, secrets aside.
    pub fn check(&self, resource: &Resource) -> Vec<SpecFault> {
        let mut spec = self.clone();
        for (_, _, secret) in spec.secrets_mut() {
            if secret.is_reference() {
                "hidden".clone_into(&mut secret.0);
            }
        }
        spec.compile(resource).err().unwrap_or_default()
    }

    /// Compiles the operations and checks everything else.
    ///
    /// # Errors
    /// Every fault, in the order of the declaration. A text that still refers to a secret (`file:`,
    /// `env:`) is one: references are resolved before.
    pub fn compile(&self, resource: &Resource) -> Result<Compiled, Vec<SpecFault>> {
        let mut faults = Vec::new();
        if self.resource != resource.code {
            let example = format!("resource = \"{}\"", resource.code);
            faults.push(SpecFault::new("resource", "the binding is of another resource", example));
        }
        let addresses = self.addresses().map_err(|more| faults.extend(more)).ok();
        self.check_ranges(&mut faults);
        self.check_standing(&mut faults);
        self.check_tls(&mut faults);
        for (place, _, secret) in self.clone().secrets_mut() {
            if secret.is_reference() {
                faults.push(SpecFault::new(place, "a reference to a secret was not resolved", "\"file:keys/mz.key\""));
            }
        }
        let outages = Outages::compile(&self.outages).map_err(|more| faults.extend(more)).ok();
        let credentials = match self.auth.as_ref().map(Credentials::compile).transpose() {
            Ok(credentials) => credentials,
            Err(more) => {
                faults.extend(more.into_iter().map(|fault| fault.below("auth")));
                None
            }
        };
        let (query, verify) = self.declared(resource, &mut faults);
        self.check_modes(query.as_deref(), verify.as_deref(), resource, &mut faults);
        let query = query.and_then(|spec| {
            placed("query", Operation::compile(&spec, Purport::Records, &self.headers, resource), &mut faults)
        });
        let comparison = verify.as_ref().map_or(ComparisonSpec::Exchange, |verify| verify.comparison);
        let verify = verify.and_then(|verify| self.verification(&verify, resource, &mut faults));
        for operation in query.iter().chain(&verify) {
            faults.extend(credentials.iter().flat_map(|credentials| credentials.collisions(operation)));
        }
        faults.extend(credentials.iter().flat_map(|credentials| credentials.unfit(&resource.operations)));
        let (Some(addresses), Some(outages), []) = (addresses, outages, &*faults) else { return Err(faults) };
        Ok(Compiled { query, verify, comparison, addresses, credentials, outages })
    }

    fn check_ranges(&self, faults: &mut Vec<SpecFault>) {
        let outlier = self.outlier.unwrap_or_default();
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
            ("outlier.failures", outlier.failures, 1, 1_000),
            ("outlier.eject_ms", outlier.eject_ms, 100, 600_000),
            ("outlier.eject_max_percent", outlier.eject_max_percent, 0, 99),
        ] {
            if !(least..=most).contains(&value) {
                let key = place.rsplit('.').next().unwrap_or(place);
                let fault = format!("{value} is not between {least} and {most}");
                faults.push(SpecFault::new(place, fault, format!("{key} = {}", value.clamp(least, most))));
            }
        }
    }

    fn check_standing(&self, faults: &mut Vec<SpecFault>) {
        if self.outlier.is_some() && self.instances.len() < 2 {
            let example = "instances = [\"https://a.example.gov.cn\", \"https://b.example.gov.cn\"]";
            faults.push(SpecFault::new("outlier", "only one of several instances can be left out", example));
        }
        let Some(probe) = &self.probe else { return };
        let mut fault = |key: &str, fault: &str, example: &str| {
            faults.push(SpecFault::new(format!("probe.{key}"), fault, example));
        };
        let (path, query) = probe.path.split_once('?').unwrap_or((&probe.path, ""));
        let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic() && !b"{}#<>\"\\^`|".contains(&byte));
        if !crate::template::is_plain_path(path) || !plain(path) || !plain(query) {
            fault("path", "not a path that can be asked for as it stands", "path = \"/health\"");
        }
        if !(500..=600_000).contains(&probe.interval_ms) {
            fault("interval_ms", "not between 500 and 600000", "interval_ms = 10000");
        }
        for (key, count) in [("healthy_after", probe.healthy_after), ("unhealthy_after", probe.unhealthy_after)] {
            if !(1..=10).contains(&count) {
                fault(key, "not between 1 and 10", &format!("{key} = 2"));
            }
        }
        if probe.status.is_empty() || !probe.status.iter().all(|status| (200..500).contains(status)) {
            fault("status", "at least one status from 200 to 499", "status = [200, 204]");
        }
    }

    fn check_tls(&self, faults: &mut Vec<SpecFault>) {
        let addresses = self.instances.iter().chain([&self.base_url]);
        let token = self.auth.iter().filter_map(|auth| auth.token_url.as_ref());
        let is_https = addresses.chain(token).any(|text| text.to_ascii_lowercase().starts_with("https:"));
        let ca = "tls = { ca = \"pki/mz-ca.pem\" }";
        let mut fault = |place: &str, fault: &str, example: &str| faults.push(SpecFault::new(place, fault, example));
        match &self.tls {
            Some(_) if !is_https => fault("tls", "only an https address has TLS", "base_url = \"https://…\""),
            None if is_https => fault("tls", "the CA of the provider's certificate must be named", ca),
            Some(tls) => {
                if tls.ca.is_none() {
                    fault("tls.ca", "the CA of the provider's certificate must be named", "ca = \"pki/mz-ca.pem\"");
                }
                if tls.certificate.is_some() != tls.key.is_some() {
                    let both = "certificate = \"pki/out.pem\", key = \"pki/out.key\"";
                    fault("tls", "certificate and key belong together", both);
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
            faults.push(SpecFault::new(
                "style",
                "the standard interface declares query and verify itself",
                "style = \"custom\"",
            ));
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
        if query.is_none() && verify.is_none() && resource.operations.is_empty() {
            faults.push(SpecFault::new("query", "a binding needs an operation", "style = \"standard\""));
            return;
        }
        if resource.modes.contains(Mode::Query) && query.is_none() {
            let place = if self.style == Style::Custom { "query" } else { "style" };
            faults.push(SpecFault::new(
                place,
                "the resource offers queries, but the binding has no operation for them",
                "[rest.query]",
            ));
        }
        let verifies = verify.map_or(query.is_some(), |verify| verify.operation.is_some() || query.is_some());
        if resource.modes.contains(Mode::Verify) && !verifies {
            faults.push(SpecFault::new(
                "verify",
                "the resource offers verification, but the binding has no operation for it",
                "[rest.verify]",
            ));
        }
    }

    fn verification(&self, verify: &VerifySpec, resource: &Resource, faults: &mut Vec<SpecFault>) -> Option<Operation> {
        let declares_results = !(verify.results.is_empty()
            && verify.matching.is_empty()
            && verify.mismatch.is_empty()
            && verify.indeterminate.is_empty());
        match (verify.comparison, &verify.operation) {
            (ComparisonSpec::Exchange, _) if declares_results => {
                faults.push(SpecFault::new(
                    "verify.results",
                    "results belong to a provider that compares",
                    "comparison = \"provider\"",
                ));
                None
            }
            (ComparisonSpec::Exchange, None) => None,
            (ComparisonSpec::Exchange, Some(spec)) => {
                placed("verify.operation", Operation::compile(spec, Purport::Records, &self.headers, resource), faults)
            }
            (ComparisonSpec::Provider, None) => {
                faults.push(SpecFault::new(
                    "verify.operation",
                    "a provider that compares needs an operation",
                    "[rest.verify.operation]",
                ));
                None
            }
            (ComparisonSpec::Provider, Some(spec)) => {
                if verify.results.is_empty() {
                    faults.push(SpecFault::new(
                        "verify.results",
                        "say where each result stands",
                        "results = { XM = \"/data/XM\" }",
                    ));
                }
                let names =
                    [spec.fields.is_empty(), spec.codes.is_empty(), spec.formats.is_empty(), spec.records.is_empty()];
                if names.contains(&false) || spec.paging.style != PagingStyle::None {
                    let fault =
                        "a provider that compares sends no records: no records, fields, codes, formats or paging";
                    faults.push(SpecFault::new("verify.operation", fault, "results = { XM = \"/data/XM\" }"));
                }
                placed("verify", Operation::compile(spec, Purport::Verdicts(verify), &self.headers, resource), faults)
            }
        }
    }
}
