//! The rules that a request head must keep before anything else looks at it.
//!
//! Whatever two readers could understand differently is refused here: framing, host, path form and
//! repeated or aliased headers. What passes needs no second look: the path decodes once to one
//! meaning, and each header of ours occurs at most once.
//!
//! Some heads never reach these rules because hyper answers them with a bare status and closes:
//! bytes that are no request (400), a transfer coding that does not end in `chunked` or stands in
//! HTTP/1.0 (400), a `Content-Length` that is no number or differs from another (400), more than
//! 100 headers, or a head that does not fit into the buffer of about 64 KiB (431). They are counted in
//! [`Snapshot::bare_malformed`](crate::Snapshot::bare_malformed) and `bare_too_large`. Two more
//! hyper repairs silently, and the `framing` module finds them in the raw bytes.
//!
//! hyper takes a bare LF as the end of a line (RFC 9112 2.2 allows it). Sluice terminates the
//! connection and writes its own heads, so no one behind it reads the sender's line ends.

mod headers;
mod hosts;
mod path;

use http::{HeaderMap, Method, Uri, Version};
use sluice_domain::{Code, Fact, Fault, Refusal};

use crate::limits::{HTTP1_HEADERS, LimitsError, within};

pub use hosts::{AllowedHosts, HostError};

/// Sizes of a request head; all below what hyper takes, so that our refusal answers.
#[derive(Debug, Clone)]
pub struct EdgeLimits {
    /// Request target in bytes (8 KiB).
    pub uri_bytes_max: usize,
    /// All header lines in bytes (16 KiB).
    pub header_bytes_max: usize,
    /// Header lines (64).
    pub headers_max: usize,
}

impl Default for EdgeLimits {
    fn default() -> Self {
        Self { uri_bytes_max: 8 * 1024, header_bytes_max: 16 * 1024, headers_max: 64 }
    }
}

impl EdgeLimits {
    pub(crate) fn check(&self) -> Result<(), LimitsError> {
        within("uri_bytes_max", self.uri_bytes_max, 256, 16 * 1024)?;
        within("header_bytes_max", self.header_bytes_max, 1024, 24 * 1024)?;
        within("headers_max", self.headers_max, 16, HTTP1_HEADERS - 4)
    }
}

/// What a listener accepts.
#[derive(Debug, Clone)]
pub struct EdgeRules {
    /// Names under which the exchange is called.
    pub hosts: AllowedHosts,
    /// Sizes.
    pub limits: EdgeLimits,
}

/// A request head as the rules see it.
#[derive(Debug, Clone, Copy)]
pub struct Head<'a> {
    /// Method.
    pub method: &'a Method,
    /// Request target.
    pub uri: &'a Uri,
    /// Version.
    pub version: Version,
    /// Header lines.
    pub headers: &'a HeaderMap,
    /// Server name of the TLS handshake.
    pub sni: Option<&'a str>,
}

/// Refuses a head that could be understood in two ways or is too large.
///
/// # Errors
/// `request.malformed` with its fault, `request.uri_too_long`, `request.headers_too_large` or
/// `request.misdirected`.
pub fn check(head: &Head<'_>, rules: &EdgeRules) -> Result<(), Refusal> {
    if *head.method == Method::CONNECT || *head.method == Method::TRACE {
        return Err(malformed(Fault::MethodUnsupported));
    }
    check_length(head.uri, &rules.limits)?;
    let seen = headers::check(head, &rules.limits)?;
    hosts::check(head, seen.host, &rules.hosts)?;
    path::check(head.uri.path()).map_err(malformed)?;
    head.uri.query().map_or(Ok(()), path::check_query).map_err(malformed)
}

fn check_length(uri: &Uri, limits: &EdgeLimits) -> Result<(), Refusal> {
    let authority = uri.authority().map_or(0, |authority| authority.as_str().len());
    let bytes = authority + uri.path_and_query().map_or(0, |target| target.as_str().len());
    if bytes > limits.uri_bytes_max {
        return Err(too_large(Code::RequestUriTooLong, limits.uri_bytes_max));
    }
    Ok(())
}

fn malformed(fault: Fault) -> Refusal {
    Refusal::fault(Code::RequestMalformed, fault)
}

fn too_large(code: Code, limit: usize) -> Refusal {
    Refusal::new(code).with(Fact::Limit(limit as u64))
}
