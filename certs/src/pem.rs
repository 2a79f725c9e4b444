//! Certificates, keys and CRLs as text, and the fingerprint by which the exchange knows a system.

use std::fmt;

use aws_lc_rs::digest;
use rcgen::{KeyPair, PublicKeyData as _};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::CertificateRevocationListDer;
use rustls_pki_types::pem::PemObject as _;

use crate::error::{CertsError, Result};
use crate::instant::Validity;

/// SHA-256 of a certificate's DER form: the identity by which a system is registered, and the
/// value of `cnf.x5t#S256` (RFC 8705, section 3.1) before base64url.
pub fn fingerprint(cert_der: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    // The digest of SHA-256 has 32 bytes, so zip leaves none out.
    for (to, from) in out.iter_mut().zip(digest::digest(&digest::SHA256, cert_der).as_ref()) {
        *to = *from;
    }
    out
}

/// DER form of the first certificate in a PEM text.
///
/// # Errors
/// [`CertsError::Pem`] if there is none.
pub fn certificate_der(pem: &[u8]) -> Result<CertificateDer<'static>> {
    CertificateDer::from_pem_slice(pem).map_err(|_| CertsError::Pem { expected: "certificate" })
}

/// DER form of the first CRL in a PEM text.
///
/// # Errors
/// [`CertsError::Pem`] if there is none.
pub fn crl_der(pem: &[u8]) -> Result<CertificateRevocationListDer<'static>> {
    CertificateRevocationListDer::from_pem_slice(pem)
        .map_err(|_| CertsError::Pem { expected: "certificate revocation list" })
}

/// A private key as PKCS #8 in PEM form. Its `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct PrivateKeyPem(String);

impl PrivateKeyPem {
    /// The text, for the one file it is written to.
    pub fn secret(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PrivateKeyPem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKeyPem(…)")
    }
}

impl From<&KeyPair> for PrivateKeyPem {
    fn from(key: &KeyPair) -> Self {
        Self(key.serialize_pem())
    }
}

/// Whether a private key in PEM form is that of the certificate.
pub(crate) fn key_matches(key_pem: &[u8], cert_der: &[u8]) -> bool {
    std::str::from_utf8(key_pem)
        .ok()
        .and_then(|pem| KeyPair::from_pem(pem).ok())
        .is_some_and(|key| is_key_of(&key, cert_der))
}

pub(crate) fn is_key_of(key: &KeyPair, cert_der: &[u8]) -> bool {
    match x509_parser::parse_x509_certificate(cert_der) {
        Ok(([], cert)) => *cert.public_key().subject_public_key.data == *key.der_bytes(),
        _ => false,
    }
}

/// When a certificate is valid; `None` if it cannot be parsed.
pub(crate) fn validity(cert_der: &[u8]) -> Option<Validity> {
    match x509_parser::parse_x509_certificate(cert_der) {
        Ok(([], cert)) => Some(Validity {
            not_before: cert.validity().not_before.timestamp(),
            not_after: cert.validity().not_after.timestamp(),
        }),
        _ => None,
    }
}
