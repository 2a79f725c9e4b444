//! Times of the PKI: unix seconds inside, RFC 3339 with +08:00 in files and answers.

use jiff::Timestamp;
use jiff::tz::{Offset, offset};
use rcgen::CertificateParams;
use serde::{Deserialize, Deserializer, Serializer};
use x509_parser::time::ASN1Time;

use crate::error::{CertsError, Result};

const DAY_S: i64 = 86_400;
/// How far validity begins before issue, seconds: peers' clocks may lag by that much.
const BACKDATE_S: i64 = 300;
/// Longest validity in days, twenty years: a typing error must not make an eternal certificate.
pub const VALIDITY_DAYS_MAX: u32 = 7_305;
/// Last second of the year 9999, the end of X.509's calendar (RFC 5280, section 4.1.2.5).
const LAST_S: i64 = 253_402_300_799;
const SHANGHAI: Offset = offset(8);

/// When a certificate is valid, both ends included (RFC 5280, section 4.1.2.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    pub(crate) not_before: i64,
    pub(crate) not_after: i64,
}

impl Validity {
    /// From five minutes before `now` (unix seconds) until `days` days after it.
    ///
    /// # Errors
    /// [`CertsError::Days`] outside 1–[`VALIDITY_DAYS_MAX`]; [`CertsError::Instant`] outside
    /// the years 1970–9999.
    pub fn days(now: i64, days: u32) -> Result<Self> {
        Ok(Self { not_before: (calendar(now)? - BACKDATE_S).max(0), not_after: after_days(now, days)? })
    }

    pub(crate) fn covers(self, other: Self) -> bool {
        self.not_before <= other.not_before && other.not_after <= self.not_after
    }

    pub(crate) fn apply(self, params: &mut CertificateParams) -> Result<()> {
        params.not_before = asn1(self.not_before)?.to_datetime();
        params.not_after = asn1(self.not_after)?.to_datetime();
        Ok(())
    }
}

/// `now` plus `days` days.
pub(crate) fn after_days(now: i64, days: u32) -> Result<i64> {
    if days == 0 || days > VALIDITY_DAYS_MAX {
        return Err(CertsError::Days { days, days_max: VALIDITY_DAYS_MAX });
    }
    calendar(calendar(now)? + i64::from(days) * DAY_S)
}

pub(crate) fn asn1(unix_s: i64) -> Result<ASN1Time> {
    ASN1Time::from_timestamp(calendar(unix_s)?).map_err(|_| CertsError::Instant { unix_s })
}

fn calendar(unix_s: i64) -> Result<i64> {
    if (0..=LAST_S).contains(&unix_s) { Ok(unix_s) } else { Err(CertsError::Instant { unix_s }) }
}

/// RFC 3339 with the offset +08:00; a time outside the calendar is shown as its seconds.
pub(crate) fn rfc3339(unix_s: i64) -> String {
    Timestamp::from_second(unix_s)
        .map_or_else(|_| unix_s.to_string(), |at| at.display_with_offset(SHANGHAI).to_string())
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the shape that serde calls")]
pub(crate) fn serialize<S: Serializer>(unix_s: &i64, to: S) -> std::result::Result<S::Ok, S::Error> {
    to.serialize_str(&rfc3339(*unix_s))
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> std::result::Result<i64, D::Error> {
    let text = String::deserialize(from)?;
    let at: Timestamp = text.parse().map_err(serde::de::Error::custom)?;
    Ok(at.as_second())
}

/// The same for a time that may be absent.
pub(crate) mod optional {
    use serde::{Deserialize, Deserializer, Serializer};

    #[derive(Deserialize)]
    struct Wrapped(#[serde(deserialize_with = "super::deserialize")] i64);

    #[expect(clippy::ref_option, reason = "the shape that serde calls")]
    pub(crate) fn serialize<S: Serializer>(unix_s: &Option<i64>, to: S) -> std::result::Result<S::Ok, S::Error> {
        match unix_s {
            Some(unix_s) => super::serialize(unix_s, to),
            None => to.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> std::result::Result<Option<i64>, D::Error> {
        Ok(Option::<Wrapped>::deserialize(from)?.map(|wrapped| wrapped.0))
    }
}
