//! A certificate authority in one folder: its key, its certificate, its index, its CRL.
//!
//! One process at a time works on it (a file lock), and the index is saved before a certificate or
//! a CRL leaves the CA, so that nothing can exist that the index does not know.

use std::path::Path;

use rcgen::{Issuer, KeyPair};
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer, ServerName};

use crate::error::{CertsError, Result};
use crate::folder::{Content, Folder};
use crate::index::{CertificateRef, Entry, Fingerprint, Index, Reason, Revocation, Serial};
use crate::instant::{self, Validity};
use crate::pem::{self, PrivateKeyPem};
use crate::profile::{self, Profile};
use crate::revocation;

/// Days for which a CRL holds unless the CA is made with another number.
pub const CRL_DAYS_DEFAULT: u32 = 7;

/// How a new CA is to be.
#[derive(Debug, Clone, Copy)]
pub struct AuthorityTerms<'a> {
    /// Common name of the CA, 1–64 characters of any script.
    pub name: &'a str,
    /// Validity of the CA's certificate.
    pub validity: Validity,
    /// Days for which each CRL holds.
    pub crl_days: u32,
}

/// A certificate authority, locked for this process until the value is dropped.
#[derive(Debug)]
pub struct Authority {
    folder: Folder,
    certificate: CertificateDer<'static>,
    validity: Validity,
    issuer: Issuer<'static, KeyPair>,
    index: Index,
}

/// A certificate that has just been issued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issued {
    /// What the index says of it.
    pub entry: Entry,
    /// The certificate in PEM form; peers need no chain, the CA signs directly.
    pub cert_pem: String,
    /// Its private key, here only; `None` if the key is the sender's of a signing request.
    pub key_pem: Option<PrivateKeyPem>,
}

/// A CRL that has just been made; it stands in `crl.pem` too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crl {
    /// Its number; each CRL of a CA has a greater one (RFC 5280, section 5.2.3).
    pub number: u64,
    /// When the next one is due at the latest, unix seconds.
    pub next_update: i64,
    /// In PEM form.
    pub pem: String,
    /// In DER form.
    pub der: CertificateRevocationListDer<'static>,
}

/// What is to be issued: for whom, and for a key of ours or of a signing request.
pub(crate) struct Order<'a> {
    pub(crate) profile: Profile,
    pub(crate) csr_pem: Option<&'a str>,
    pub(crate) validity: Validity,
}

impl Authority {
    /// Makes a new CA in `dir`, which is created if need be, with a first, empty CRL as of `now`
    /// (unix seconds). An `init` that was cut off is made anew.
    ///
    /// # Errors
    /// [`CertsError::AuthorityExists`] if any file of a CA stands there; [`CertsError::Busy`] if
    /// another process is at it; name, days and file errors.
    pub fn init(dir: &Path, terms: AuthorityTerms<'_>, now: i64) -> Result<Self> {
        let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
        let cert = profile::authority(terms.name, &key, terms.validity)?;
        instant::after_days(now, terms.crl_days)?;

        let folder = Folder::begin(dir)?;
        folder.write_key(&PrivateKeyPem::from(&key))?;
        folder.write_certificate(&cert.pem())?;
        let fingerprint = Fingerprint(pem::fingerprint(cert.der()));
        folder.write_index(&Index::new(fingerprint, terms.crl_days))?;
        let mut authority = Self::load(folder)?;
        authority.crl(now)?;
        authority.folder.finish()?;
        Ok(authority)
    }

    /// Opens the CA in `dir`. Its files are checked against each other.
    ///
    /// # Errors
    /// [`CertsError::NoAuthority`], [`CertsError::Busy`], [`CertsError::KeyExposed`],
    /// [`CertsError::Damaged`] with the file that does not fit, and file errors.
    pub fn open(dir: &Path) -> Result<Self> {
        Self::load(Folder::open(dir)?)
    }

    /// Issues a certificate with a new key for a departmental system, a TLS client.
    ///
    /// # Errors
    /// [`CertsError::SystemId`], [`CertsError::OutsideAuthority`], file errors.
    pub fn issue_system(&mut self, system_id: &str, validity: Validity) -> Result<Issued> {
        self.issue(Order { profile: Profile::system(system_id)?, csr_pem: None, validity })
    }

    /// Issues a certificate with a new key for a listener, a TLS server, with 1–32 names.
    ///
    /// # Errors
    /// [`CertsError::ServerNameCount`], [`CertsError::OutsideAuthority`], file errors.
    pub fn issue_server(&mut self, names: &[ServerName<'_>], validity: Validity) -> Result<Issued> {
        self.issue(Order { profile: Profile::server(names)?, csr_pem: None, validity })
    }

    /// Issues a certificate for a system that keeps its private key to itself. Only the public key
    /// is taken from the signing request, and only if its signature holds.
    ///
    /// # Errors
    /// [`CertsError::Csr`], and those of [`Self::issue_system`].
    pub fn issue_from_csr(&mut self, csr_pem: &str, system_id: &str, validity: Validity) -> Result<Issued> {
        self.issue(Order { profile: Profile::system(system_id)?, csr_pem: Some(csr_pem), validity })
    }

    /// Issues a successor with the same names and another key: a new one, or that of the signing
    /// request. The old certificate stays as it is, so that a system can change over in its own
    /// time; revoke it afterwards as superseded.
    ///
    /// # Errors
    /// [`CertsError::NotFound`], [`CertsError::AlreadyRevoked`], [`CertsError::CsrForServer`], and
    /// those of issuing.
    pub fn renew(&mut self, old: &CertificateRef, csr_pem: Option<&str>, validity: Validity) -> Result<Issued> {
        let entry = self.index.find(old)?;
        not_revoked(entry)?;
        if csr_pem.is_some() && entry.system.is_none() {
            return Err(CertsError::CsrForServer { serial: entry.serial.clone() });
        }
        self.issue(Order { profile: Profile::of(entry)?, csr_pem, validity })
    }

    /// Revokes a certificate as of `now` (unix seconds), for good, and publishes a new CRL.
    ///
    /// # Errors
    /// [`CertsError::NotFound`], [`CertsError::AlreadyRevoked`], file errors. If only the CRL could
    /// not be written the revocation stands, and [`Self::crl`] publishes it.
    pub fn revoke(&mut self, which: &CertificateRef, reason: Reason, now: i64) -> Result<(Entry, Crl)> {
        let mut index = self.index.clone();
        let entry = index.find_mut(which)?;
        not_revoked(entry)?;
        entry.revocation = Some(Revocation { at: now, reason });
        let entry = entry.clone();
        Ok((entry, self.publish(index, now)?))
    }

    /// Makes and publishes a CRL as of `now` (unix seconds) with the next number.
    ///
    /// # Errors
    /// [`CertsError::Instant`] for an impossible `now`, and file errors.
    pub fn crl(&mut self, now: i64) -> Result<Crl> {
        self.publish(self.index.clone(), now)
    }

    /// Changes for how many days this CA's CRLs hold, from the next one on.
    ///
    /// # Errors
    /// [`CertsError::Days`], file errors.
    pub fn hold_crls_for(&mut self, crl_days: u32) -> Result<()> {
        instant::after_days(0, crl_days)?;
        let mut index = self.index.clone();
        index.crl_days = crl_days;
        self.save(index)
    }

    /// All certificates that this CA has issued, the oldest first.
    pub fn list(&self) -> &[Entry] {
        &self.index.certificates
    }

    /// SHA-256 of the CA's certificate.
    pub const fn fingerprint(&self) -> Fingerprint {
        self.index.ca_fingerprint
    }

    /// The CA's certificate.
    pub const fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// When the CA itself is valid.
    pub const fn validity(&self) -> Validity {
        self.validity
    }

    /// Whether `crl.pem` is the newest CRL and holds until `until` (unix seconds) at least.
    pub(crate) fn crl_is_current(&self, now: i64, until: i64) -> Result<bool> {
        let bytes = self.folder.read_crl()?;
        Ok(bytes
            .is_some_and(|bytes| revocation::is_current(&bytes, &self.certificate, self.index.crl_number, now..=until)))
    }

    /// Issues all orders or none, with one write of the index.
    pub(crate) fn issue_all(&mut self, orders: Vec<Order<'_>>) -> Result<Vec<Issued>> {
        let issued: Vec<Issued> = orders.into_iter().map(|order| self.sign(order)).collect::<Result<_>>()?;
        let mut index = self.index.clone();
        index.certificates.extend(issued.iter().map(|issued| issued.entry.clone()));
        self.save(index)?;
        Ok(issued)
    }

    fn issue(&mut self, order: Order<'_>) -> Result<Issued> {
        let issued = self.sign(order)?;
        let mut index = self.index.clone();
        index.certificates.push(issued.entry.clone());
        self.save(index)?;
        Ok(issued)
    }

    fn sign(&self, order: Order<'_>) -> Result<Issued> {
        let Order { profile, csr_pem, validity } = order;
        if !self.validity.covers(validity) {
            let Validity { not_before, not_after } = self.validity;
            return Err(CertsError::OutsideAuthority { not_before, not_after });
        }
        let serial = Serial::random()?;
        let (cert, key_pem) = if let Some(pem) = csr_pem {
            let key = profile::csr_public_key(pem)?;
            (profile.sign(&key, &self.issuer, validity, &serial)?, None)
        } else {
            let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
            let cert = profile.sign(&key, &self.issuer, validity, &serial)?;
            (cert, Some(PrivateKeyPem::from(&key)))
        };
        let entry = Entry {
            serial,
            subject: profile.subject(),
            system: profile.system_id().map(str::to_owned),
            names: profile.names(),
            not_before: validity.not_before,
            not_after: validity.not_after,
            revocation: None,
            fingerprint: Fingerprint(pem::fingerprint(cert.der())),
        };
        Ok(Issued { entry, cert_pem: cert.pem(), key_pem })
    }

    fn publish(&mut self, mut index: Index, now: i64) -> Result<Crl> {
        index.crl_number += 1;
        let crl = revocation::sign(&index, &self.issuer, now)?;
        self.save(index)?;
        self.folder.write_crl(&crl.pem)?;
        Ok(crl)
    }

    fn save(&mut self, index: Index) -> Result<()> {
        self.folder.write_index(&index)?;
        self.index = index;
        Ok(())
    }

    fn load(folder: Folder) -> Result<Self> {
        let Content { certificate, validity, key, index } = folder.load()?;
        let issuer = Issuer::from_ca_cert_der(&certificate, key)?;
        Ok(Self { folder, certificate, validity, issuer, index })
    }
}

fn not_revoked(entry: &Entry) -> Result<()> {
    match entry.revocation {
        None => Ok(()),
        Some(revocation) => Err(CertsError::AlreadyRevoked { serial: entry.serial.clone(), at: revocation.at }),
    }
}
