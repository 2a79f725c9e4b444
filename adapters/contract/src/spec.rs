//! The declared form of a binding: what a department writes to dock its system.
//!
//! These types only say what may be written; [`RestSpec::check`] says whether it makes sense for a
//! resource, and [`crate::layout`] and [`crate::template`] compile it. Unknown members are refused.

mod check;
pub mod standard;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use sluice_domain::{ItemCode, ResourceCode};

pub use check::{FORBIDDEN_HEADERS, Operations, SpecFault};

/// A resource docked by REST: one `[[rest]]` table of a catalogue file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RestSpec {
    /// The resource that is served.
    pub resource: ResourceCode,
    /// Where the provider's interface begins: `https://host[:port][/path]`, without query.
    pub base_url: String,
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
    /// Most connections of one worker to this provider (1–1,024).
    #[serde(default = "connections_max", skip_serializing_if = "is_connections_max")]
    pub connections_max: u32,
    /// Longest answer in bytes (1 KiB–64 MiB).
    #[serde(default = "body_bytes_max", skip_serializing_if = "is_body_bytes_max")]
    pub body_bytes_max: u32,
    /// When a failing provider is left alone.
    #[serde(default)]
    pub breaker: BreakerSpec,
    /// TLS to the provider; system defaults do not apply, a CA is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsSpec>,
    /// Headers to send, such as an API key (`"file:…"` or `"env:…"` keep the secret elsewhere).
    /// `{request_id}` and `{caller}` may stand in values.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, HeaderText>,
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

/// A header value, which may be a secret: never shown by `Debug`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HeaderText(pub String);

impl HeaderText {
    /// Whether it names a secret kept elsewhere instead of being one.
    pub fn is_reference(&self) -> bool {
        self.0.starts_with("file:") || self.0.starts_with("env:")
    }
}

impl fmt::Debug for HeaderText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(redacted)")
    }
}

/// When a failing provider is left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BreakerSpec {
    /// Failures in a row that open the circuit (1–1,000).
    pub failures: u32,
    /// How long it stays open, in milliseconds (100–600,000).
    pub open_ms: u32,
}

impl Default for BreakerSpec {
    /// Five failures, ten seconds: a restart of the provider is bridged, a dead one costs little.
    fn default() -> Self {
        Self { failures: 5, open_ms: 10_000 }
    }
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

/// A call of the provider's interface and how its answer is read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OperationSpec {
    /// HTTP method.
    pub method: Method,
    /// Path below `base_url`, a template.
    pub path: String,
    /// Query parameters, templates. One whose items the call does not name is left out.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub query: BTreeMap<String, String>,
    /// Further headers of this operation.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, HeaderText>,
    /// Body, a template; only for POST.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// How the body is written, which decides how values are escaped in it.
    #[serde(default)]
    pub body_type: BodyType,
    /// JSON pointer to the records; empty is the whole document.
    #[serde(default)]
    pub records: String,
    /// `records` points to one object instead of an array of them.
    #[serde(default, skip_serializing_if = "is_false")]
    pub single_record: bool,
    /// The provider's name of each item that is not called by its code: a member of the record, or a
    /// pointer within it (`/person/name`).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<ItemCode, String>,
    /// Code maps: for an item, the provider's codes and what they mean in the catalogue's words.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub codes: BTreeMap<ItemCode, BTreeMap<String, String>>,
    /// Where the answer says that it is one. Without it a 2xx status is enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub success: Option<ConditionSpec>,
    /// Where the answer says that nothing was found. It is looked at before `success`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_found: Option<ConditionSpec>,
    /// Statuses that say that nothing was found, such as 404.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_found_status: Vec<u16>,
    /// JSON pointer to the date or time of the provider's data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_of: Option<String>,
    /// How more records than one answer holds are reached.
    #[serde(default)]
    pub paging: PagingSpec,
}

/// HTTP methods that verify and query may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// GET, without a body.
    Get,
    /// POST.
    Post,
}

/// How a request body is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BodyType {
    /// `application/json`.
    #[default]
    Json,
    /// `application/x-www-form-urlencoded`.
    Form,
}

/// A place in the answer and the values that make the condition true.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConditionSpec {
    /// JSON pointer to a scalar.
    pub pointer: String,
    /// Accepted values as texts; a number by its digits, `"true"`, `"false"`, `"null"`.
    pub equals: Vec<ScalarText>,
}

/// A scalar written in a binding: `"0"`, `0` and `true` are all understood and kept as text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct ScalarText(pub String);

impl<'de> Deserialize<'de> for ScalarText {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Scalar;
        impl serde::de::Visitor<'_> for Scalar {
            type Value = ScalarText;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, an integer or a boolean")
            }
            fn visit_str<E>(self, text: &str) -> Result<ScalarText, E> {
                Ok(ScalarText(text.to_owned()))
            }
            fn visit_i64<E>(self, number: i64) -> Result<ScalarText, E> {
                Ok(ScalarText(number.to_string()))
            }
            fn visit_u64<E>(self, number: u64) -> Result<ScalarText, E> {
                Ok(ScalarText(number.to_string()))
            }
            fn visit_bool<E>(self, truth: bool) -> Result<ScalarText, E> {
                Ok(ScalarText(truth.to_string()))
            }
        }
        deserializer.deserialize_any(Scalar)
    }
}

/// How more records than one answer holds are reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PagingSpec {
    /// The provider answers with all records at once.
    #[default]
    None,
    /// `{limit}` and `{offset}` stand in the operation and count records.
    Offset,
}

/// How claims are verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VerifySpec {
    /// Who compares.
    pub comparison: ComparisonSpec,
    /// The call. For `exchange` it may be left out: `query` is used then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<OperationSpec>,
    /// For `provider`: JSON pointer to the result of each item that may be claimed.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub results: BTreeMap<ItemCode, String>,
    /// For `provider`: results that mean the same value.
    #[serde(default, skip_serializing_if = "Vec::is_empty", rename = "match")]
    pub matching: Vec<ScalarText>,
    /// For `provider`: results that mean another value.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mismatch: Vec<ScalarText>,
    /// For `provider`: results that mean that it could not be compared.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub indeterminate: Vec<ScalarText>,
}

/// Who compares claims with stored values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ComparisonSpec {
    /// The provider, which never sends records.
    Provider,
    /// The exchange, from records that it fetches.
    Exchange,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_false(flag: &bool) -> bool {
    !flag
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
