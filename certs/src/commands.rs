//! What `sluice certs init|issue|renew|revoke|crl|list` does: typed arguments in, answers out that
//! serialise to the JSON of `--json`. Parsing and printing belong to the binary.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::authority::{Authority, AuthorityTerms, CRL_DAYS_DEFAULT, Crl, Issued};
use crate::durable::{self, Access};
use crate::error::{CertsError, Result};
use crate::folder;
use crate::index::{CertificateRef, Entry, Fingerprint, Reason};
use crate::instant::{self, Validity};
use crate::profile::{self, CSR_BYTES_MAX};

/// Days for which a new CA is valid unless the command says otherwise: ten years.
pub const CA_DAYS_DEFAULT: u32 = 3_652;
/// Days for which a certificate is valid unless the command says otherwise.
pub const CERTIFICATE_DAYS_DEFAULT: u32 = 365;

/// Arguments of `init`.
#[derive(Debug, Clone)]
pub struct InitArgs {
    /// Folder of the CA; made if it does not exist.
    pub dir: PathBuf,
    /// Common name of the CA.
    pub name: String,
    /// Days of its validity; [`CA_DAYS_DEFAULT`] if `None`.
    pub days: Option<u32>,
    /// Days for which each CRL holds; [`CRL_DAYS_DEFAULT`] if `None`.
    pub crl_days: Option<u32>,
}

/// Answer of `init`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InitDone {
    /// The CA's certificate: what peers must trust.
    pub certificate: PathBuf,
    /// Its first CRL, which is empty.
    pub crl: PathBuf,
    /// SHA-256 of the CA's certificate, to compare by telephone.
    pub fingerprint: Fingerprint,
    /// When the CA ends.
    #[serde(with = "instant")]
    pub not_after: i64,
}

/// Whom a certificate is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// A departmental system, with the signing request's file if it made its own key.
    System {
        /// Its registered id.
        id: String,
        /// PEM file of its signing request.
        csr: Option<PathBuf>,
    },
    /// A listener with its DNS names and addresses.
    Server {
        /// DNS names and IP addresses, at least one.
        names: Vec<String>,
    },
}

/// Arguments of `issue`.
#[derive(Debug, Clone)]
pub struct IssueArgs {
    /// Folder of the CA.
    pub dir: PathBuf,
    /// Whom the certificate is for.
    pub subject: Subject,
    /// Days of validity; [`CERTIFICATE_DAYS_DEFAULT`] if `None`.
    pub days: Option<u32>,
    /// Folder for `cert.pem` and `key.pem`; made if it does not exist. Nothing is overwritten.
    pub out: PathBuf,
}

/// Arguments of `renew`.
#[derive(Debug, Clone)]
pub struct RenewArgs {
    /// Folder of the CA.
    pub dir: PathBuf,
    /// Which certificate gets a successor.
    pub certificate: CertificateRef,
    /// PEM file of a new signing request, for a system that makes its own keys.
    pub csr: Option<PathBuf>,
    /// Days of validity; [`CERTIFICATE_DAYS_DEFAULT`] if `None`.
    pub days: Option<u32>,
    /// Folder for `cert.pem` and `key.pem`, another than the old one's. Nothing is overwritten.
    pub out: PathBuf,
}

/// Answer of `issue` and `renew`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct IssueDone {
    /// The new certificate.
    #[serde(flatten)]
    pub entry: Entry,
    /// Where it was written.
    pub certificate: PathBuf,
    /// Where its private key was written; absent if it is the sender's of a signing request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<PathBuf>,
}

/// Arguments of `revoke`.
#[derive(Debug, Clone)]
pub struct RevokeArgs {
    /// Folder of the CA.
    pub dir: PathBuf,
    /// Which certificate.
    pub certificate: CertificateRef,
    /// Why.
    pub reason: Reason,
}

/// Answer of `revoke`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RevokeDone {
    /// The certificate that was revoked.
    #[serde(flatten)]
    pub entry: Entry,
    /// The CRL that says so: gateways must load it.
    pub crl: CrlDone,
}

/// Arguments of `crl`.
#[derive(Debug, Clone)]
pub struct CrlArgs {
    /// Folder of the CA.
    pub dir: PathBuf,
    /// From now on, days for which each CRL holds; as before if `None`.
    pub days: Option<u32>,
}

/// Answer of `crl`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CrlDone {
    /// Where the CRL stands.
    pub file: PathBuf,
    /// Its number.
    pub number: u64,
    /// When the next one is due at the latest.
    #[serde(with = "instant")]
    pub next_update: i64,
}

/// Arguments of `list`.
#[derive(Debug, Clone)]
pub struct ListArgs {
    /// Folder of the CA.
    pub dir: PathBuf,
    /// Only what is not revoked and ends within so many days, or has ended.
    pub ending_within_days: Option<u32>,
}

/// Answer of `list`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Listing {
    /// The certificates, the oldest first.
    pub certificates: Vec<Entry>,
}

/// Makes a CA as of `now` (unix seconds).
///
/// # Errors
/// As [`Authority::init`].
pub fn init(args: &InitArgs, now: i64) -> Result<InitDone> {
    let terms = AuthorityTerms {
        name: &args.name,
        validity: Validity::days(now, args.days.unwrap_or(CA_DAYS_DEFAULT))?,
        crl_days: args.crl_days.unwrap_or(CRL_DAYS_DEFAULT),
    };
    let authority = Authority::init(&args.dir, terms, now)?;
    Ok(InitDone {
        certificate: folder::certificate_file(&args.dir),
        crl: folder::crl_file(&args.dir),
        fingerprint: authority.fingerprint(),
        not_after: authority.validity().not_after,
    })
}

/// Issues a certificate as of `now` (unix seconds) and writes it, and its key, to new files.
///
/// # Errors
/// As the `issue_…` functions of [`Authority`]; file errors, before anything is issued where that
/// can be known; [`CertsError::Undelivered`] after.
pub fn issue(args: &IssueArgs, now: i64) -> Result<IssueDone> {
    let validity = Validity::days(now, args.days.unwrap_or(CERTIFICATE_DAYS_DEFAULT))?;
    let delivery = Delivery::prepare(&args.out)?;
    let mut authority = Authority::open(&args.dir)?;
    let issued = match &args.subject {
        Subject::System { id, csr: None } => authority.issue_system(id, validity)?,
        Subject::System { id, csr: Some(csr) } => authority.issue_from_csr(&read_csr(csr)?, id, validity)?,
        Subject::Server { names } => authority.issue_server(&profile::server_names(names)?, validity)?,
    };
    delivery.deliver(issued)
}

/// Issues a successor as of `now` (unix seconds); the old certificate stays valid.
///
/// # Errors
/// As [`Authority::renew`] and [`issue`].
pub fn renew(args: &RenewArgs, now: i64) -> Result<IssueDone> {
    let validity = Validity::days(now, args.days.unwrap_or(CERTIFICATE_DAYS_DEFAULT))?;
    let delivery = Delivery::prepare(&args.out)?;
    let csr = args.csr.as_deref().map(read_csr).transpose()?;
    let issued = Authority::open(&args.dir)?.renew(&args.certificate, csr.as_deref(), validity)?;
    delivery.deliver(issued)
}

/// Revokes a certificate as of `now` (unix seconds) and publishes a CRL.
///
/// # Errors
/// As [`Authority::revoke`].
pub fn revoke(args: &RevokeArgs, now: i64) -> Result<RevokeDone> {
    let (entry, crl) = Authority::open(&args.dir)?.revoke(&args.certificate, args.reason, now)?;
    Ok(RevokeDone { entry, crl: CrlDone::new(&args.dir, &crl) })
}

/// Publishes a CRL as of `now` (unix seconds).
///
/// # Errors
/// As [`Authority::crl`] and [`Authority::hold_crls_for`].
pub fn crl(args: &CrlArgs, now: i64) -> Result<CrlDone> {
    let mut authority = Authority::open(&args.dir)?;
    if let Some(days) = args.days {
        authority.hold_crls_for(days)?;
    }
    Ok(CrlDone::new(&args.dir, &authority.crl(now)?))
}

/// Lists certificates; works beside a running command, and without the CA's key.
///
/// # Errors
/// As [`crate::list`]; [`CertsError::Days`].
pub fn list(args: &ListArgs, now: i64) -> Result<Listing> {
    let mut certificates = folder::list(&args.dir)?;
    if let Some(days) = args.ending_within_days {
        let end = instant::after_days(now, days)?;
        certificates.retain(|entry| entry.revocation.is_none() && entry.not_after <= end);
    }
    Ok(Listing { certificates })
}

impl CrlDone {
    fn new(dir: &Path, crl: &Crl) -> Self {
        Self { file: folder::crl_file(dir), number: crl.number, next_update: crl.next_update }
    }
}

/// Where a certificate and its key go; made before anything is issued.
struct Delivery {
    cert: PathBuf,
    key: PathBuf,
}

impl Delivery {
    fn prepare(out: &Path) -> Result<Self> {
        durable::directory(out)?;
        let delivery = Self { cert: out.join("cert.pem"), key: out.join("key.pem") };
        for file in [&delivery.cert, &delivery.key] {
            if file.symlink_metadata().is_ok() {
                return Err(CertsError::io("create", file, std::io::ErrorKind::AlreadyExists.into()));
            }
        }
        Ok(delivery)
    }

    fn deliver(self, issued: Issued) -> Result<IssueDone> {
        let Issued { entry, cert_pem, key_pem } = issued;
        let written = key_pem
            .as_ref()
            .map_or(Ok(()), |key| durable::publish_new(&self.key, key.secret().as_bytes(), Access::Owner))
            .and_then(|()| durable::publish_new(&self.cert, cert_pem.as_bytes(), Access::Public));
        match written {
            Ok(()) => Ok(IssueDone { entry, certificate: self.cert, key: key_pem.map(|_| self.key) }),
            Err(source) => Err(CertsError::Undelivered { serial: entry.serial, source: Box::new(source) }),
        }
    }
}

fn read_csr(file: &Path) -> Result<String> {
    let bytes = durable::read(file, CSR_BYTES_MAX)?
        .ok_or_else(|| CertsError::io("read", file, std::io::ErrorKind::NotFound.into()))?;
    String::from_utf8(bytes).map_err(|_| CertsError::Csr { why: "it is not in PEM form" })
}
