//! Operations and sealed files as they are written.

use serde::{Deserialize, Serialize};
use sluice_domain::operation::{DigestAlgorithm, Method};

/// Request bodies hold forms and documents; larger ones are declared.
const REQUEST_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Answers hold documents and pictures; larger ones are declared.
const RESPONSE_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// As long as a call of a binding may take by default, and as much again for a slow report.
const FIRST_BYTE_MS: u32 = 10_000;
/// Longer pauses within a body mean that the other side is gone.
const IDLE_MS: u32 = 10_000;
/// The default largest answer over a line of 2 Mbit/s.
const TOTAL_MS: u32 = 300_000;

/// An operation: one `[[resources.operations]]` table.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OperationEntry {
    /// Id, unique in the resource; grants name it.
    pub id: String,
    /// GET, POST, PUT, PATCH or DELETE.
    pub method: Method,
    /// Path below the binding's `base_url`, such as `/orders/{id}`.
    pub path: String,
    /// Query parameters that may be sent. Default none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub query: Vec<String>,
    /// Media types of request bodies. Default none: no body is taken.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub request_types: Vec<String>,
    /// Media types of answers. Default `application/json`.
    #[serde(default = "json")]
    pub response_types: Vec<String>,
    /// Items that it may give out; a grant must show all of them in clear.
    pub items: Vec<String>,
    /// Where people stand in request and answer.
    #[serde(default, skip_serializing_if = "SubjectsEntry::is_empty")]
    pub subjects: SubjectsEntry,
    /// Whether it changes nothing at the provider. Default: for GET.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub safe: Option<bool>,
    /// Statuses 400–499 that are passed on, without their body. Default none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub statuses: Vec<u16>,
    /// Longest request body in bytes. Default 16 MiB.
    #[serde(default = "request_bytes_max")]
    pub request_bytes_max: u64,
    /// Longest answer in bytes. Default 64 MiB.
    #[serde(default = "response_bytes_max")]
    pub response_bytes_max: u64,
    /// Time limits.
    #[serde(default)]
    pub times: TimesEntry,
}

/// The sealed files of a resource: its `[resources.files]` table.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FilesEntry {
    /// Path below the binding's `base_url` with one parameter, such as `/files/{id}`.
    pub path: String,
    /// Media types of files, such as `application/ofd`.
    pub types: Vec<String>,
    /// Items that a file may show; a grant must show all of them in clear.
    pub items: Vec<String>,
    /// Where people stand in the request and in headers of the answer.
    #[serde(default, skip_serializing_if = "SubjectsEntry::is_empty")]
    pub subjects: SubjectsEntry,
    /// A header in which the provider tells the digest. Default: only `Repr-Digest`, where it is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<DigestEntry>,
    /// Statuses 400–499 that are passed on, such as 404. Default none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub statuses: Vec<u16>,
    /// Longest file in bytes. Default 64 MiB.
    #[serde(default = "response_bytes_max")]
    pub bytes_max: u64,
    /// Time limits.
    #[serde(default)]
    pub times: TimesEntry,
}

/// Where people stand.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SubjectsEntry {
    /// `path:NAME`, `query:NAME`, or a JSON pointer into the body with `*` for every element of an array.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub request: Vec<SubjectEntry>,
    /// `header:NAME`, or a JSON pointer into the body.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub response: Vec<SubjectEntry>,
}

impl SubjectsEntry {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A place and the item that its values are of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubjectEntry {
    /// Where.
    pub at: String,
    /// Code of an item whose semantic names a person.
    pub item: String,
}

/// A header with a digest in hexadecimal or base64.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DigestEntry {
    /// Its name. A file without it is refused.
    pub header: String,
    /// `sha256` or `sm3`.
    pub algorithm: DigestAlgorithm,
}

/// Time limits of one call, in milliseconds.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TimesEntry {
    /// From the end of the request to the head of the answer. Default 10,000.
    pub first_byte_ms: u32,
    /// Silence within a body. Default 10,000.
    pub idle_ms: u32,
    /// The whole call. Default 300,000.
    pub total_ms: u32,
}

impl Default for TimesEntry {
    fn default() -> Self {
        Self { first_byte_ms: FIRST_BYTE_MS, idle_ms: IDLE_MS, total_ms: TOTAL_MS }
    }
}

fn json() -> Vec<String> {
    vec![String::from("application/json")]
}

fn request_bytes_max() -> u64 {
    REQUEST_BYTES_MAX
}

fn response_bytes_max() -> u64 {
    RESPONSE_BYTES_MAX
}
