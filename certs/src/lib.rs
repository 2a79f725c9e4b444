//! A small PKI for a site that has none: a CA in a folder, certificates for departmental systems
//! and for listeners, revocation by CRL, and the throw-away PKI of the demo.
//!
//! All keys are ECDSA P-256. Times are arguments, in unix seconds; nothing here reads a clock.
//! [`Authority`] is the CA, [`commands`] is what `sluice certs` does, [`demo`] is what
//! `sluice demo` lays out.

mod authority;
pub mod commands;
pub mod demo;
mod durable;
mod error;
mod folder;
mod index;
mod instant;
mod pem;
mod profile;
mod random;
mod revocation;
#[cfg(test)]
mod tests;

pub use authority::{Authority, AuthorityTerms, CRL_DAYS_DEFAULT, Crl, Issued};
pub use error::{CertsError, Result};
pub use folder::{certificate_file, crl_file, list};
pub use index::{CertificateRef, Entry, Fingerprint, Reason, Revocation, Serial};
pub use instant::{VALIDITY_DAYS_MAX, Validity};
pub use pem::{PrivateKeyPem, certificate_der, crl_der, fingerprint};
pub use profile::{server_names, system_urn};
