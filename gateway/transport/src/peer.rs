//! Who is at the other end of a connection, computed once per connection.

use std::net::SocketAddr;

use aws_lc_rs::digest::{SHA256, digest};
use thiserror::Error;

/// HTTP version of a connection, by ALPN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1, also when the client offered no ALPN.
    Http1,
    /// HTTP/2.
    Http2,
}

/// The client of one connection, as its certificate and its handshake show it.
///
/// TLS verified the certificate at the handshake, or at that of the session that was resumed:
/// revocation and the state of the party are checked on every request.
#[derive(Debug, Clone)]
pub struct Peer {
    /// SHA-256 of the certificate's DER form.
    pub fingerprint: [u8; 32],
    /// Serial number, big endian without leading zeros.
    pub serial: Box<[u8]>,
    /// SHA-256 of the issuer's name in DER form.
    pub issuer: [u8; 32],
    /// Start of validity, seconds since 1970.
    pub not_before_s: i64,
    /// End of validity, seconds since 1970.
    pub not_after_s: i64,
    /// Remote address.
    pub addr: SocketAddr,
    /// Server name that the client asked for, in lower case.
    pub sni: Option<Box<str>>,
    /// Protocol of the connection.
    pub protocol: Protocol,
    /// Whether the TLS session was resumed, so that the certificate was not verified again.
    pub tls_resumed: bool,
}

/// A client certificate that cannot be read.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("the client certificate is not readable X.509")]
pub struct CertificateError;

impl Peer {
    /// The peer that shows the certificate `der` from `addr`, over HTTP/1.1 and without server name.
    ///
    /// # Errors
    /// If `der` is not one X.509 certificate.
    pub fn from_certificate(der: &[u8], addr: SocketAddr) -> Result<Self, CertificateError> {
        let (rest, certificate) = x509_parser::parse_x509_certificate(der).map_err(|_| CertificateError)?;
        if !rest.is_empty() {
            return Err(CertificateError);
        }
        Ok(Self {
            fingerprint: sha256(der),
            serial: canonical_serial(certificate.raw_serial()).into(),
            issuer: sha256(certificate.issuer().as_raw()),
            not_before_s: certificate.validity().not_before.timestamp(),
            not_after_s: certificate.validity().not_after.timestamp(),
            addr,
            sni: None,
            protocol: Protocol::Http1,
            tls_resumed: false,
        })
    }

    /// Whether the certificate is within its validity.
    pub fn is_current(&self, now_s: i64) -> bool {
        (self.not_before_s..=self.not_after_s).contains(&now_s)
    }
}

pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest(&SHA256, bytes).as_ref());
    out
}

/// DER puts a zero in front of a number whose first bit is set; equal serials must compare equal.
pub(crate) fn canonical_serial(raw: &[u8]) -> &[u8] {
    let zeros = raw.iter().take_while(|byte| **byte == 0).count();
    raw.get(zeros..).unwrap_or_default()
}
