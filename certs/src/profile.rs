//! What stands in a certificate of this PKI: names, usages, validity. One place, so that no way
//! of issuing can leave out a usage or let a caller choose its own name.

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, PublicKeyData, SanType, SerialNumber, SubjectPublicKeyInfo,
};
use rustls_pki_types::ServerName;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::prelude::FromDer as _;

use crate::error::{CertsError, Result};
use crate::index::{Entry, Serial};
use crate::instant::Validity;

/// Longest system id or CA name: the X.520 bound of a common name.
const NAME_CHARS_MAX: usize = 64;
/// Most names of one server certificate; more would be a mistake and bloat every handshake.
const SERVER_NAMES_MAX: usize = 32;
/// Largest signing request that is parsed; one with a P-256 key has some 500 bytes.
pub(crate) const CSR_BYTES_MAX: u64 = 16 * 1024;

/// Whom a certificate is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Profile {
    /// A departmental system, as a TLS client.
    System(String),
    /// A listener, as a TLS server.
    Server(Vec<ServerName<'static>>),
}

impl Profile {
    pub(crate) fn system(id: &str) -> Result<Self> {
        system_id(id).map(|()| Self::System(id.to_owned()))
    }

    pub(crate) fn server(names: &[ServerName<'_>]) -> Result<Self> {
        if names.is_empty() || names.len() > SERVER_NAMES_MAX {
            return Err(CertsError::ServerNameCount { given: names.len(), max: SERVER_NAMES_MAX });
        }
        Ok(Self::Server(names.iter().map(ServerName::to_owned).collect()))
    }

    /// The profile that an issued certificate had.
    pub(crate) fn of(entry: &Entry) -> Result<Self> {
        match &entry.system {
            Some(id) => Self::system(id),
            None => Self::server(&server_names(&entry.names)?),
        }
    }

    pub(crate) fn system_id(&self) -> Option<&str> {
        match self {
            Self::System(id) => Some(id),
            Self::Server(_) => None,
        }
    }

    /// DNS names and addresses as text; empty for a system.
    pub(crate) fn names(&self) -> Vec<String> {
        match self {
            Self::System(_) => Vec::new(),
            Self::Server(names) => names.iter().map(|name| name.to_str().into_owned()).collect(),
        }
    }

    fn common_name(&self) -> String {
        match self {
            Self::System(id) => id.clone(),
            // A DNS name may be longer than a common name; nobody matches by it.
            Self::Server(names) => {
                names.first().map(|name| name.to_str().chars().take(NAME_CHARS_MAX).collect()).unwrap_or_default()
            }
        }
    }

    pub(crate) fn subject(&self) -> String {
        format!("CN={}", self.common_name())
    }

    pub(crate) fn sign(
        &self,
        key: &impl PublicKeyData,
        issuer: &Issuer<'_, KeyPair>,
        validity: Validity,
        serial: &Serial,
    ) -> Result<Certificate> {
        let mut params = base(&self.common_name(), validity, serial)?;
        params.is_ca = IsCa::ExplicitNoCa;
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        match self {
            Self::System(id) => {
                params.subject_alt_names = vec![SanType::URI(system_urn(id).try_into()?)];
                params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
            }
            Self::Server(names) => {
                params.subject_alt_names = names.iter().map(subject_alt_name).collect::<Result<_>>()?;
                params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
            }
        }
        Ok(params.signed_by(key, issuer)?)
    }
}

/// The URI SAN by which a certificate names its system.
pub fn system_urn(system_id: &str) -> String {
    format!("urn:sluice:system:{system_id}")
}

/// Reads DNS names and IP addresses.
///
/// # Errors
/// [`CertsError::ServerName`] for the first that is neither; wildcards are not.
pub fn server_names(texts: &[String]) -> Result<Vec<ServerName<'static>>> {
    texts
        .iter()
        .map(|text| ServerName::try_from(text.clone()).map_err(|_| CertsError::ServerName { name: text.clone() }))
        .collect()
}

/// Refuses what cannot stand in a certificate, a URN and a path alike.
pub(crate) fn system_id(id: &str) -> Result<()> {
    let allowed = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b'-');
    if id.len() <= NAME_CHARS_MAX
        && id.bytes().all(allowed)
        && id.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric())
    {
        Ok(())
    } else {
        Err(CertsError::SystemId { id: id.to_owned() })
    }
}

/// The CA's own certificate: it signs end entities and CRLs, and no further CA.
pub(crate) fn authority(name: &str, key: &KeyPair, validity: Validity) -> Result<Certificate> {
    let count = name.chars().count();
    if count == 0 || count > NAME_CHARS_MAX || name.chars().any(char::is_control) {
        return Err(CertsError::AuthorityName);
    }
    let mut params = base(name, validity, &Serial::random()?)?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(params.self_signed(key)?)
}

/// The public key of a signing request whose signature proves that its sender holds the private
/// one. Names and extensions in it are not read.
pub(crate) fn csr_public_key(pem: &str) -> Result<SubjectPublicKeyInfo> {
    let refuse = |why| CertsError::Csr { why };
    if pem.len() as u64 > CSR_BYTES_MAX {
        return Err(refuse("it is too large"));
    }
    let (_, block) = x509_parser::pem::parse_x509_pem(pem.as_bytes()).map_err(|_| refuse("it is not in PEM form"))?;
    // The second label is the one that older tools write.
    if !matches!(block.label.as_str(), "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST") {
        return Err(refuse("it holds something else"));
    }
    let (rest, csr) = X509CertificationRequest::from_der(&block.contents).map_err(|_| refuse("it cannot be parsed"))?;
    if !rest.is_empty() {
        return Err(refuse("something follows it"));
    }
    let key = SubjectPublicKeyInfo::from_der(csr.certification_request_info.subject_pki.raw)
        .ok()
        .filter(|key| key.algorithm() == &rcgen::PKCS_ECDSA_P256_SHA256)
        .ok_or_else(|| refuse("its key is not ECDSA P-256"))?;
    csr.verify_signature().map_err(|_| refuse("its signature is wrong"))?;
    Ok(key)
}

fn base(common_name: &str, validity: Validity, serial: &Serial) -> Result<CertificateParams> {
    let mut params = CertificateParams::default();
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    params.distinguished_name = name;
    params.serial_number = Some(SerialNumber::from_slice(serial.bytes()));
    validity.apply(&mut params)?;
    Ok(params)
}

fn subject_alt_name(name: &ServerName<'static>) -> Result<SanType> {
    match name {
        ServerName::DnsName(dns) => Ok(SanType::DnsName(dns.as_ref().try_into()?)),
        ServerName::IpAddress(address) => Ok(SanType::IpAddress((*address).into())),
        other => Err(CertsError::ServerName { name: other.to_str().into_owned() }),
    }
}
