//! The declared form of a binding: what a department writes to dock its system.
//!
//! These types only say what may be written; [`RestSpec::check`] says whether it makes sense for a
//! resource, and [`crate::layout`], [`crate::template`], [`crate::credentials`] and [`crate::outage`] compile
//! it. Unknown members are refused.

mod address;
mod auth;
mod check;
mod condition;
mod fault;
mod format;
mod operation;
mod paging;
pub mod standard;
mod standing;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sluice_domain::ResourceCode;

pub(crate) use address::address;
pub use auth::{AuthKind, AuthSpec, CredentialsIn, SecretText, SignatureEncoding, SignaturePut, SigningAlgorithm};
pub use check::{Compiled, FORBIDDEN_HEADERS};
pub use condition::{ConditionSpec, ErrorSpec, Meaning, ScalarText};
pub use fault::SpecFault;
pub use format::{FormatSpec, NumberForm};
pub use operation::{AnswerType, BodyType, Charset, ComparisonSpec, Method, OperationSpec, VerifySpec};
pub use paging::{PagingSpec, PagingStyle};
pub use standing::{BreakerSpec, OutageSpec, OutlierSpec, ProbeSpec};

/// A resource docked by REST: one `[[rest]]` table of a catalogue file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RestSpec {
    /// The resource that is served.
    pub resource: ResourceCode,
    /// Where the provider's interface begins: `https://host[:port][/path]`, without query.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub base_url: String,
    /// Instead of `base_url`: the same interface at several addresses (1–32) of one scheme and path.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub instances: Vec<String>,
    /// `standard`: our docking interface ([`standard`]), nothing more to declare.
    #[serde(default)]
    pub style: Style,
    /// Longest time for a call, all attempts together, in milliseconds (1–60,000).
    #[serde(default = "timeout_ms", skip_serializing_if = "is_timeout_ms")]
    pub timeout_ms: u32,
    /// Longest time to connect, TLS included, in milliseconds.
    #[serde(default = "connect_timeout_ms", skip_serializing_if = "is_connect_timeout_ms")]
    pub connect_timeout_ms: u32,
    /// How often a call that the provider cannot have seen is tried again (0–3).
    #[serde(default = "retries", skip_serializing_if = "is_retries")]
    pub retries: u8,
    /// Most calls under way to this provider, all workers together (1–10,000).
    #[serde(default = "concurrency", skip_serializing_if = "is_concurrency")]
    pub concurrency: u32,
    /// Most calls that wait for a place (0–100,000); beyond them callers are refused at once.
    #[serde(default = "waiting_max", skip_serializing_if = "is_waiting_max")]
    pub waiting_max: u32,
    /// Most connections of one worker to one instance (1–1,024).
    #[serde(default = "connections_max", skip_serializing_if = "is_connections_max")]
    pub connections_max: u32,
    /// Longest answer in bytes (1 KiB–64 MiB).
    #[serde(default = "body_bytes_max", skip_serializing_if = "is_body_bytes_max")]
    pub body_bytes_max: u32,
    /// When a failing provider is left alone.
    #[serde(default)]
    pub breaker: BreakerSpec,
    /// When one of several instances is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outlier: Option<OutlierSpec>,
    /// How instances are looked after between calls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe: Option<ProbeSpec>,
    /// Times in which the provider is known not to serve: callers are told when it serves again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outages: Vec<OutageSpec>,
    /// TLS to the provider; system defaults do not apply, a CA is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsSpec>,
    /// How the exchange proves who it is, client certificates aside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<AuthSpec>,
    /// Headers to send (`"file:…"` or `"env:…"` keep a secret elsewhere). `{request_id}` and `{caller}` may
    /// stand in values.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, SecretText>,
    /// How records are asked for. Without it queries cannot be served.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<OperationSpec>,
    /// How claims are verified. Without it the exchange compares with records that `query` fetches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verify: Option<VerifySpec>,
}

/// Whose interface the provider speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Style {
    /// Our docking interface, records are given out and the exchange compares.
    Standard,
    /// Our docking interface, but verification only: the provider compares and never sends records.
    StandardCompareOnly,
    /// The provider's own interface, declared in `query` and `verify`.
    #[default]
    Custom,
}

/// TLS to the provider. Paths resolve against the file that declares them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TlsSpec {
    /// PEM file of the CA certificates that the provider's certificate must lead to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca: Option<String>,
    /// PEM file of our client certificate, where the provider wants one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
    /// PEM file of its key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Name that the provider's certificate must carry, if not the host of `base_url`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_name: Option<String>,
}

/// What a secret of a binding is for, which decides which characters it may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretUse {
    /// A header's template: one line of printable ASCII without braces.
    Header,
    /// A header's or parameter's value as it is: one line of printable ASCII.
    Value,
    /// A key, a password: any text of one line.
    Key,
}

impl RestSpec {
    /// Every text that may be a secret, with its place within the binding and its use.
    pub fn secrets_mut(&mut self) -> Vec<(String, SecretUse, &mut SecretText)> {
        let mut found = Vec::new();
        if let Some(query) = &mut self.query {
            found.extend(headers("query.headers", &mut query.headers));
        }
        if let Some(operation) = self.verify.as_mut().and_then(|verify| verify.operation.as_mut()) {
            found.extend(headers("verify.operation.headers", &mut operation.headers));
        }
        found.extend(headers("headers", &mut self.headers));
        if let Some(auth) = &mut self.auth {
            let AuthSpec { password, value, client_secret, secret, .. } = auth;
            let secrets = [
                ("auth.password", SecretUse::Key, password),
                ("auth.value", SecretUse::Value, value),
                ("auth.client_secret", SecretUse::Key, client_secret),
                ("auth.secret", SecretUse::Key, secret),
            ];
            let given = |(place, purpose, secret): (&str, SecretUse, _)| {
                Option::as_mut(secret).map(|secret| (place.to_owned(), purpose, secret))
            };
            found.extend(secrets.into_iter().filter_map(given));
        }
        found
    }
}

fn headers<'h>(
    place: &'h str,
    headers: &'h mut BTreeMap<String, SecretText>,
) -> impl Iterator<Item = (String, SecretUse, &'h mut SecretText)> {
    headers.iter_mut().map(move |(name, value)| (format!("{place}.{name}"), SecretUse::Header, value))
}

macro_rules! defaults {
    ($($(#[$doc:meta])* $name:ident, $is:ident: $kind:ty = $value:expr;)*) => {
        $($(#[$doc])* fn $name() -> $kind { $value }
        fn $is(value: &$kind) -> bool { *value == $name() })*
    };
}

defaults! {
    /// Three seconds: a counter clerk waits that long, a worker's memory is held no longer.
    timeout_ms, is_timeout_ms: u32 = 3_000;
    /// One second: three SYN retransmissions are not worth waiting for inside a city network.
    connect_timeout_ms, is_connect_timeout_ms: u32 = 1_000;
    /// Once: covers a connection that the provider closed while it was idle.
    retries, is_retries: u8 = 1;
    /// Departmental systems rarely bear more.
    concurrency, is_concurrency: u32 = 64;
    /// As many again may wait; they are served within one time-out.
    waiting_max, is_waiting_max: u32 = 128;
    /// Per worker.
    connections_max, is_connections_max: u32 = 64;
    /// Four mebibytes: thousands of records, far below a worker's memory.
    body_bytes_max, is_body_bytes_max: u32 = 4 * 1024 * 1024;
}
