//! Which client certificates are revoked.
//!
//! TLS does not look at revocation lists here: a revoked certificate is refused per request, so that
//! the caller is told and the refusal is recorded, and so that long connections and resumed sessions
//! are covered too.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use foldhash::fast::RandomState;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer};
use thiserror::Error;
use x509_parser::prelude::{CertificateRevocationList, FromDer, X509Certificate};

use crate::peer::{Peer, canonical_serial, sha256};

/// Revoked certificates by issuer and serial number.
#[derive(Debug, Default)]
pub struct Revocations {
    by_issuer: HashMap<[u8; 32], HashSet<Box<[u8]>, RandomState>, RandomState>,
    next_update_s: Option<i64>,
    renew_by_s: Option<i64>,
    digest: [u8; 32],
}

/// A list should be replaced before the last part of its life begins.
const LAST_PART: i64 = 4;

/// Why a revocation list cannot be used.
#[derive(Debug, Error)]
pub enum RevocationError {
    /// The file cannot be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The content cannot be used.
    #[error("{}: {fault}", path.display())]
    List {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        fault: ListFault,
    },
}

/// What is wrong with a revocation list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ListFault {
    /// Not PEM, or no list in it.
    #[error("holds no revocation list in PEM form")]
    NoList,
    /// Not a list.
    #[error("is not a readable X.509 revocation list")]
    Unreadable,
    /// Issued by nobody we trust.
    #[error("was not issued by a trusted CA, or its signature is wrong")]
    Untrusted,
    /// Without the time of the next list nobody could tell that one is missing.
    #[error("does not say when the next list is due")]
    NoNextUpdate,
    /// A critical extension, such as a partial or delta list.
    #[error("carries a critical extension that narrows it; only complete lists are accepted")]
    Narrowed,
}

impl Revocations {
    /// Reads every list of `files` and verifies it with one of the trusted `cas`.
    ///
    /// # Errors
    /// The first file that cannot be read, verified or understood.
    pub fn load(files: &[PathBuf], cas: &[CertificateDer<'_>]) -> Result<Self, RevocationError> {
        let mut all = Self::default();
        for path in files {
            let pem = std::fs::read(path).map_err(|source| RevocationError::Read { path: path.clone(), source })?;
            all.add_pem(&pem, cas).map_err(|fault| RevocationError::List { path: path.clone(), fault })?;
        }
        Ok(all)
    }

    /// Adds every list of a PEM text.
    ///
    /// # Errors
    /// What is wrong with the first list that cannot be used.
    pub fn add_pem(&mut self, pem: &[u8], cas: &[CertificateDer<'_>]) -> Result<(), ListFault> {
        let mut found = false;
        for list in CertificateRevocationListDer::pem_slice_iter(pem) {
            let list = list.map_err(|_| ListFault::NoList)?;
            self.add_list(&list, cas)?;
            found = true;
        }
        if found { Ok(()) } else { Err(ListFault::NoList) }
    }

    fn add_list(&mut self, der: &[u8], cas: &[CertificateDer<'_>]) -> Result<(), ListFault> {
        let (rest, list) = CertificateRevocationList::from_der(der).map_err(|_| ListFault::Unreadable)?;
        if !rest.is_empty() {
            return Err(ListFault::Unreadable);
        }
        if !cas.iter().any(|ca| is_signed_by(&list, ca)) {
            return Err(ListFault::Untrusted);
        }
        if list.extensions().iter().any(|extension| extension.critical) {
            return Err(ListFault::Narrowed);
        }
        let next = list.next_update().ok_or(ListFault::NoNextUpdate)?.timestamp();
        let renew_by = next - (next - list.last_update().timestamp()).max(0) / LAST_PART;
        let first = |known: Option<i64>, new: i64| Some(known.map_or(new, |known| known.min(new)));
        self.next_update_s = first(self.next_update_s, next);
        self.renew_by_s = first(self.renew_by_s, renew_by);
        self.digest = sha256(&[&self.digest, der].concat());
        let revoked = self.by_issuer.entry(sha256(list.issuer().as_raw())).or_default();
        revoked.extend(list.iter_revoked_certificates().map(|entry| canonical_serial(entry.raw_serial()).into()));
        Ok(())
    }

    /// Whether the peer's certificate stands on a list of its issuer.
    pub fn is_revoked(&self, peer: &Peer) -> bool {
        self.by_issuer.get(&peer.issuer).is_some_and(|serials| serials.contains(&*peer.serial))
    }

    /// When the first of the lists is due to be replaced, seconds since 1970; `None` without lists.
    pub fn next_update_s(&self) -> Option<i64> {
        self.next_update_s
    }

    /// When the last quarter of a list's life begins, for the first of the lists, seconds since 1970:
    /// by then its successor should be there.
    pub fn renew_by_s(&self) -> Option<i64> {
        self.renew_by_s
    }

    /// SHA-256 chained over the lists in their order: names what is in force. Zeros without lists.
    pub fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// Revoked certificates known.
    pub fn len(&self) -> usize {
        self.by_issuer.values().map(HashSet::len).sum()
    }

    /// Whether nothing is revoked.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl RevocationError {
    /// The file that cannot be used.
    pub fn path(&self) -> &Path {
        match self {
            Self::Read { path, .. } | Self::List { path, .. } => path,
        }
    }
}

fn is_signed_by(list: &CertificateRevocationList<'_>, ca: &CertificateDer<'_>) -> bool {
    X509Certificate::from_der(ca).is_ok_and(|(_, ca)| {
        ca.subject().as_raw() == list.issuer().as_raw() && list.verify_signature(ca.public_key()).is_ok()
    })
}
