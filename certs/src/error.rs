//! What can go wrong with the PKI, each with the file it is about and what to do.

use std::io;
use std::path::PathBuf;

use crate::index::{CertificateRef, Serial};
use crate::instant::rfc3339;

/// Why an operation of the PKI was refused or failed. No variant carries key material.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CertsError {
    /// The file system said no.
    #[error("cannot {action} {}: {source}", file.display())]
    Io {
        /// What was tried, as a verb: `read`, `write`, `create` …
        action: &'static str,
        /// The file or directory it was tried on.
        file: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
    /// A file is far larger than anything this crate writes.
    #[error("{} is larger than {bytes_max} bytes, so it is not what it should be: check the path", file.display())]
    TooLarge {
        /// The file.
        file: PathBuf,
        /// The most that is read, in bytes.
        bytes_max: u64,
    },
    /// `init` never overwrites a CA, or what may be the rest of one.
    #[error("{} exists: a CA is never overwritten; choose another folder, or move this one away", file.display())]
    AuthorityExists {
        /// The file of the CA that stands there.
        file: PathBuf,
    },
    /// There is no CA in the folder, or its making was cut off.
    #[error("{} holds no finished CA: run `sluice certs init` for it first", dir.display())]
    NoAuthority {
        /// The folder.
        dir: PathBuf,
    },
    /// Another process is working on the same CA.
    #[error("{} is locked: another process is working on this CA; run the command again when it has ended", file.display())]
    Busy {
        /// The lock file.
        file: PathBuf,
    },
    /// A certificate, key or CRL file cannot be read as what it should be.
    #[error("{} is damaged ({why}): restore it from a backup", file.display())]
    Damaged {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The CA's private key can be read by others.
    #[error("{} can be read by others (mode {mode:o}): run `chmod 600` on it, and consider the key disclosed", file.display())]
    KeyExposed {
        /// The key file.
        file: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Text that should hold one PEM block does not.
    #[error("this is not a {expected} in PEM form")]
    Pem {
        /// What was expected.
        expected: &'static str,
    },
    /// A certificate signing request that cannot be accepted.
    #[error("the certificate signing request is refused: {why}; make it anew with an ECDSA P-256 key")]
    Csr {
        /// What is wrong with it.
        why: &'static str,
    },
    /// A system id or party key that cannot be a name in a certificate and in a path.
    #[error("`{id}` cannot name a system: 1–64 of A–Z a–z 0–9 . _ -, the first a letter or a digit")]
    SystemId {
        /// What was given.
        id: String,
    },
    /// A name that a CA cannot carry.
    #[error("a CA's name has 1–64 characters and no control characters")]
    AuthorityName,
    /// A host name or address that a server certificate cannot carry.
    #[error("`{name}` is neither a DNS name nor an IP address")]
    ServerName {
        /// What was given.
        name: String,
    },
    /// A server certificate needs names, and not without end.
    #[error("a server certificate carries 1–{max} names, {given} were given")]
    ServerNameCount {
        /// How many were given.
        given: usize,
        /// The most it can carry.
        max: usize,
    },
    /// A number of days outside the sensible range.
    #[error("{days} days is outside 1–{days_max}")]
    Days {
        /// What was given.
        days: u32,
        /// The most that is allowed.
        days_max: u32,
    },
    /// A time that a certificate cannot express.
    #[error("the time {unix_s} (unix seconds) is outside the years 1970–9999: check the clock")]
    Instant {
        /// The time, in unix seconds.
        unix_s: i64,
    },
    /// A certificate would be valid when its CA is not.
    #[error(
        "the certificate would not lie within the CA's validity, {} to {}: ask for fewer days, check the clock, or make a new CA",
        rfc3339(*not_before), rfc3339(*not_after)
    )]
    OutsideAuthority {
        /// When the CA's validity begins, unix seconds.
        not_before: i64,
        /// When the CA's validity ends, unix seconds.
        not_after: i64,
    },
    /// Text that is neither a serial nor a fingerprint.
    #[error("`{text}` is neither a serial (32 hex digits) nor a SHA-256 fingerprint (64)")]
    Reference {
        /// What was given.
        text: String,
    },
    /// Text that is no reason for a revocation.
    #[error("`{text}` is no reason: {known}")]
    Reason {
        /// What was given.
        text: String,
        /// The reasons there are.
        known: String,
    },
    /// The CA has not issued such a certificate.
    #[error("this CA has issued no certificate {reference}: see `sluice certs list`")]
    NotFound {
        /// The serial or fingerprint that was looked for.
        reference: CertificateRef,
    },
    /// The certificate is revoked already; a revocation is final.
    #[error("certificate {serial} was revoked at {}: a revocation is final; `sluice certs crl` publishes it again", rfc3339(*at))]
    AlreadyRevoked {
        /// Its serial.
        serial: Serial,
        /// When it was revoked, unix seconds.
        at: i64,
    },
    /// A CSR names a system, never a server.
    #[error("certificate {serial} belongs to a server: renew it without a signing request")]
    CsrForServer {
        /// Serial of the certificate to renew.
        serial: Serial,
    },
    /// A certificate was issued and entered in the index, but its files could not be written.
    #[error("certificate {serial} is issued but could not be written: revoke it and issue another; {source}")]
    Undelivered {
        /// Its serial.
        serial: Serial,
        /// Why it could not be written.
        source: Box<CertsError>,
    },
    /// The crypto library failed.
    #[error("cannot sign: {0}")]
    Sign(#[from] rcgen::Error),
    /// The system gave no randomness.
    #[error("the system's random source failed")]
    Random,
}

impl CertsError {
    pub(crate) fn io(action: &'static str, file: &std::path::Path, source: io::Error) -> Self {
        Self::Io { action, file: file.to_owned(), source }
    }

    pub(crate) fn damaged(file: &std::path::Path, why: impl Into<String>) -> Self {
        Self::Damaged { file: file.to_owned(), why: why.into() }
    }
}

/// Result of this crate's operations.
pub type Result<T> = std::result::Result<T, CertsError>;
