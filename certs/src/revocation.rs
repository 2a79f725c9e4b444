//! The CRL: making it from the index, and telling whether a written one is still good.

use std::ops::RangeInclusive;

use rcgen::{
    CertificateRevocationListParams, Issuer, KeyIdMethod, KeyPair, RevocationReason, RevokedCertParams, SerialNumber,
};
use x509_parser::prelude::FromDer as _;
use x509_parser::revocation_list::CertificateRevocationList;

use crate::authority::Crl;
use crate::error::Result;
use crate::index::{Entry, Index, Reason};
use crate::instant::{after_days, asn1};
use crate::pem;

/// Most that is read of a CRL: as many entries as an index can hold.
pub(crate) const CRL_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Seconds that a revoked certificate stays listed after its expiry (30 days): RFC 5280, section
/// 3.3, wants it in one regular CRL beyond that.
const LISTED_AFTER_EXPIRY_S: i64 = 30 * 86_400;

/// Signs the CRL with the index's number, as of `now`.
pub(crate) fn sign(index: &Index, issuer: &Issuer<'_, KeyPair>, now: i64) -> Result<Crl> {
    let next_update = after_days(now, index.crl_days)?;
    let crl = CertificateRevocationListParams {
        this_update: asn1(now)?.to_datetime(),
        next_update: asn1(next_update)?.to_datetime(),
        crl_number: SerialNumber::from_slice(&index.crl_number.to_be_bytes()),
        issuing_distribution_point: None,
        revoked_certs: index
            .certificates
            .iter()
            .filter(|entry| entry.not_after.saturating_add(LISTED_AFTER_EXPIRY_S) >= now)
            .filter_map(|entry| listed(entry).transpose())
            .collect::<Result<_>>()?,
        key_identifier_method: KeyIdMethod::Sha256,
    }
    .signed_by(issuer)?;
    Ok(Crl { number: index.crl_number, next_update, pem: crl.pem()?, der: crl.into() })
}

/// Whether a CRL file is this CA's CRL of this number and holds for the whole of `period`.
pub(crate) fn is_current(file: &[u8], ca_der: &[u8], number: u64, period: RangeInclusive<i64>) -> bool {
    let Ok(der) = pem::crl_der(file) else {
        return false;
    };
    let Ok(([], crl)) = CertificateRevocationList::from_der(&der) else {
        return false;
    };
    let Ok(([], ca)) = x509_parser::parse_x509_certificate(ca_der) else {
        return false;
    };
    crl.verify_signature(ca.public_key()).is_ok()
        && crl.crl_number().and_then(|number| u64::try_from(number).ok()) == Some(number)
        && crl.last_update().timestamp() <= *period.start()
        // At `next_update` itself verifiers already call it expired.
        && crl.next_update().is_some_and(|next| next.timestamp() > *period.end())
}

fn listed(entry: &Entry) -> Result<Option<RevokedCertParams>> {
    let Some(revocation) = entry.revocation else {
        return Ok(None);
    };
    Ok(Some(RevokedCertParams {
        serial_number: SerialNumber::from_slice(entry.serial.bytes()),
        revocation_time: asn1(revocation.at)?.to_datetime(),
        reason_code: reason_code(revocation.reason),
        invalidity_date: None,
    }))
}

const fn reason_code(reason: Reason) -> Option<RevocationReason> {
    Some(match reason {
        // RFC 5280, section 5.3.1: the extension is absent rather than "unspecified".
        Reason::Unspecified => return None,
        Reason::KeyCompromise => RevocationReason::KeyCompromise,
        Reason::AffiliationChanged => RevocationReason::AffiliationChanged,
        Reason::Superseded => RevocationReason::Superseded,
        Reason::CessationOfOperation => RevocationReason::CessationOfOperation,
        Reason::PrivilegeWithdrawn => RevocationReason::PrivilegeWithdrawn,
    })
}
