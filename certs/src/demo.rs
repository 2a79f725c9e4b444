//! The demo's throw-away PKI: one CA, a server certificate, one certificate per party, and two
//! that show refusals. Laying it out again keeps what is still good, so that a restart changes
//! no identity, and a lay-out that was cut off is completed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::authority::{Authority, AuthorityTerms, Issued, Order};
use crate::durable::{self, Access};
use crate::error::{CertsError, Result};
use crate::folder::{self, PEM_BYTES_MAX};
use crate::index::{CertificateRef, Entry, Fingerprint, Reason};
use crate::instant::Validity;
use crate::pem;
use crate::profile::{self, Profile};

/// Key of the certificate that names a system nobody registers.
pub const UNKNOWN: &str = "unknown";
/// Key of the certificate that is revoked.
pub const REVOKED: &str = "revoked";

const CA_NAME: &str = "Sluice 数闸 demo CA";
const CA_DAYS: u32 = 3_650;
const LEAF_DAYS: u32 = 365;
const CRL_DAYS: u32 = 365;
/// What is kept must hold for another day, seconds: a demo is not left running longer.
const KEPT_FOR_S: i64 = 86_400;
const SERVER_NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// A certificate of the demo and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DemoCertificate {
    /// The certificate, PEM.
    pub cert: PathBuf,
    /// Its private key, PEM, mode 0600.
    pub key: PathBuf,
    /// SHA-256 of its DER form.
    pub fingerprint: [u8; 32],
}

/// The demo's PKI on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DemoPki {
    /// The CA's certificate, PEM.
    pub ca: PathBuf,
    /// The newest CRL, PEM.
    pub crl: PathBuf,
    /// The listeners' certificate, for `localhost`, `127.0.0.1` and `::1`.
    pub server: DemoCertificate,
    /// By party key, the certificate of its system `<key>.main`.
    pub parties: BTreeMap<String, DemoCertificate>,
    /// From this CA, for the system `unknown.main`.
    pub unknown: DemoCertificate,
    /// A second certificate of the system of the party named for it, listed in the CRL.
    pub revoked: DemoCertificate,
}

/// The system id of a demo party.
pub fn system_of(party: &str) -> String {
    format!("{party}.main")
}

/// Makes or completes the PKI under `dir`/`pki` as of `now` (unix seconds) for the given party
/// keys; `revoked_party` names whose system the revoked certificate is for. What exists, fits and
/// holds for another day is kept.
///
/// # Errors
/// [`CertsError::SystemId`] for a key that cannot be a folder, or is `unknown` or `revoked`; those
/// of [`Authority::open`] and of issuing. A damaged PKI is refused rather than replaced.
pub fn lay_out(dir: &Path, parties: &[&str], revoked_party: &str, now: i64) -> Result<DemoPki> {
    let pki = dir.join("pki");
    let slots = slots(&pki, parties, revoked_party)?;
    let mut authority = match Authority::open(&pki) {
        Err(CertsError::NoAuthority { .. }) => {
            let validity = Validity::days(now, CA_DAYS)?;
            Authority::init(&pki, AuthorityTerms { name: CA_NAME, validity, crl_days: CRL_DAYS }, now)?
        }
        opened => opened?,
    };

    let mut done = BTreeMap::new();
    let mut missing = Vec::new();
    for slot in slots {
        match kept(&slot, authority.list(), now)? {
            Some(fingerprint) => {
                done.insert(slot.folder.clone(), slot.certificate(fingerprint));
            }
            None => missing.push(slot),
        }
    }
    let issued = issue(&mut authority, &missing, now)?;
    for (slot, issued) in missing.iter().zip(&issued) {
        if slot.revoked {
            let which = CertificateRef::Serial(issued.entry.serial.clone());
            authority.revoke(&which, Reason::Superseded, now)?;
        }
        slot.write(issued)?;
        done.insert(slot.folder.clone(), slot.certificate(issued.entry.fingerprint));
    }
    if !authority.crl_is_current(now, now.saturating_add(KEPT_FOR_S))? {
        authority.crl(now)?;
    }
    assemble(&pki, parties, &done)
}

/// One certificate that the demo needs.
struct Slot {
    folder: PathBuf,
    profile: Profile,
    revoked: bool,
}

impl Slot {
    fn cert(&self) -> PathBuf {
        self.folder.join("cert.pem")
    }

    fn key(&self) -> PathBuf {
        self.folder.join("key.pem")
    }

    fn certificate(&self, fingerprint: Fingerprint) -> DemoCertificate {
        DemoCertificate { cert: self.cert(), key: self.key(), fingerprint: fingerprint.0 }
    }

    fn write(&self, issued: &Issued) -> Result<()> {
        durable::directory(&self.folder)?;
        // Cut off between the two, key and certificate do not match, and the next start sees it.
        if let Some(key) = &issued.key_pem {
            durable::replace(&self.key(), key.secret().as_bytes(), Access::Owner)?;
        }
        durable::replace(&self.cert(), issued.cert_pem.as_bytes(), Access::Public)
    }
}

fn slots(pki: &Path, parties: &[&str], revoked_party: &str) -> Result<Vec<Slot>> {
    let mut slots = Vec::new();
    for party in parties.iter().copied().collect::<BTreeSet<_>>() {
        if party == UNKNOWN || party == REVOKED {
            return Err(CertsError::SystemId { id: party.to_owned() });
        }
        slots.push((party, party, false));
    }
    slots.push((UNKNOWN, UNKNOWN, false));
    slots.push((REVOKED, revoked_party, true));

    let mut slots = slots
        .into_iter()
        .map(|(folder, party, revoked)| {
            profile::system_id(folder)?;
            let profile = Profile::system(&system_of(party))?;
            Ok(Slot { folder: party_folder(pki, folder), profile, revoked })
        })
        .collect::<Result<Vec<_>>>()?;
    let names = profile::server_names(&SERVER_NAMES.map(str::to_owned))?;
    slots.push(Slot { folder: server_folder(pki), profile: Profile::server(&names)?, revoked: false });
    Ok(slots)
}

/// The fingerprint of what stands in the slot, if it is good for another day.
fn kept(slot: &Slot, issued: &[Entry], now: i64) -> Result<Option<Fingerprint>> {
    let cert = durable::read(&slot.cert(), PEM_BYTES_MAX)?;
    let key = durable::read(&slot.key(), PEM_BYTES_MAX)?;
    let (Some(cert), Some(key)) = (cert, key) else {
        return Ok(None);
    };
    let Ok(der) = pem::certificate_der(&cert) else {
        return Ok(None);
    };
    let fingerprint = Fingerprint(pem::fingerprint(&der));
    let good = pem::key_matches(&key, &der)
        && issued.iter().any(|entry| {
            // The index knows every certificate of this CA by its hash, so it can be believed
            // about what stands in the certificate.
            entry.fingerprint == fingerprint
                && entry.system.as_deref() == slot.profile.system_id()
                && entry.names == slot.profile.names()
                && entry.revocation.is_some() == slot.revoked
                && entry.not_before <= now
                && entry.not_after >= now.saturating_add(KEPT_FOR_S)
        });
    Ok(good.then_some(fingerprint))
}

fn issue(authority: &mut Authority, missing: &[Slot], now: i64) -> Result<Vec<Issued>> {
    if missing.is_empty() {
        return Ok(Vec::new());
    }
    let validity = Validity::days(now, LEAF_DAYS)?;
    let orders = missing.iter().map(|slot| Order { profile: slot.profile.clone(), csr_pem: None, validity }).collect();
    authority.issue_all(orders)
}

fn assemble(pki: &Path, parties: &[&str], done: &BTreeMap<PathBuf, DemoCertificate>) -> Result<DemoPki> {
    let take = |folder: PathBuf| done.get(&folder).cloned().ok_or_else(|| CertsError::damaged(&folder, "missing"));
    Ok(DemoPki {
        ca: folder::certificate_file(pki),
        crl: folder::crl_file(pki),
        server: take(server_folder(pki))?,
        unknown: take(party_folder(pki, UNKNOWN))?,
        revoked: take(party_folder(pki, REVOKED))?,
        parties: parties
            .iter()
            .map(|party| Ok(((*party).to_owned(), take(party_folder(pki, party))?)))
            .collect::<Result<_>>()?,
    })
}

fn server_folder(pki: &Path) -> PathBuf {
    pki.join("server")
}

fn party_folder(pki: &Path, key: &str) -> PathBuf {
    pki.join("parties").join(key)
}
