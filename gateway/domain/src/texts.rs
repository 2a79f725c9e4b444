//! What a refusal says to people: title, detail and next step in Chinese and English, with the
//! article of the regulation that it rests on.
//!
//! The table lies in the files of this folder, by meaning; `row` and `faults::sentence` are its
//! exhaustive indexes. Its sentences are filled with facts of the refusal and with nothing else.

mod basis;
mod faults;
mod identity;
mod lang;
mod requests;
mod rights;
mod supply;
mod template;

use crate::refusal::{Code, Refusal};
use basis::Basis;
pub use lang::Lang;
use template::{Facts, fill};

/// The words of one refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Texts {
    /// What happened: the same for every refusal with this code.
    pub title: String,
    /// What happened here, with the facts of the refusal.
    pub detail: String,
    /// What the caller's engineer does next.
    pub next_step: String,
    /// Requirement id, such as `D17-4`, where one exists.
    pub rule: Option<&'static str>,
    /// The regulation's article, where one applies.
    pub article: Option<&'static str>,
}

/// One sentence in both languages: Chinese, English.
type Both = [&'static str; 2];

/// What the table says about one code.
struct Row {
    title: Both,
    detail: Both,
    next_step: Both,
    basis: Option<&'static Basis>,
}

/// The words for a refusal, in one language.
///
/// They hold facts of the refusal only, never anything that a caller or a provider sent.
pub fn problem(refusal: &Refusal, lang: Lang) -> Texts {
    let facts = Facts::of(refusal);
    let row = row(refusal.code);
    let mut detail = fill(lang.of(template::POSITION), &facts);
    detail.push_str(&fill(lang.of(facts.fault().map_or(row.detail, faults::sentence)), &facts));
    Texts {
        title: lang.of(row.title).to_owned(),
        detail,
        next_step: fill(lang.of(row.next_step), &facts),
        rule: row.basis.map(|basis| basis.rule),
        article: row.basis.map(|basis| basis.article),
    }
}

const fn row(code: Code) -> &'static Row {
    match code {
        Code::RequestMisdirected => &requests::MISDIRECTED,
        Code::RequestUriTooLong => &requests::URI_TOO_LONG,
        Code::RequestHeadersTooLarge => &requests::HEADERS_TOO_LARGE,
        Code::RequestTimeout => &requests::TIMEOUT,
        Code::RequestNotFound => &requests::NOT_FOUND,
        Code::RequestMethod => &requests::METHOD,
        Code::RequestMediaType => &requests::MEDIA_TYPE,
        Code::RequestTooLarge => &requests::TOO_LARGE,
        Code::RequestMalformed => &requests::MALFORMED,
        Code::RequestSchema => &requests::SCHEMA,
        Code::RequestCursor => &requests::CURSOR,
        Code::RequestIdempotencyConflict => &requests::IDEMPOTENCY_CONFLICT,
        Code::IdentityCertificateRevoked => &identity::CERTIFICATE_REVOKED,
        Code::IdentityUnknownSystem => &identity::UNKNOWN_SYSTEM,
        Code::IdentityTokenMissing => &identity::TOKEN_MISSING,
        Code::IdentityTokenInvalid => &identity::TOKEN_INVALID,
        Code::IdentityTokenExpired => &identity::TOKEN_EXPIRED,
        Code::IdentityBindingMismatch => &identity::BINDING_MISMATCH,
        Code::PartySuspended => &identity::PARTY_SUSPENDED,
        Code::PurposeMissing => &rights::PURPOSE_MISSING,
        Code::PurposeUnknown => &rights::PURPOSE_UNKNOWN,
        Code::HandlerMissing => &rights::HANDLER_MISSING,
        Code::HandlerUnknown => &rights::HANDLER_UNKNOWN,
        Code::HandlerDisabled => &rights::HANDLER_DISABLED,
        Code::ResourceNotFound => &rights::RESOURCE_NOT_FOUND,
        Code::ShareNotShared => &rights::NOT_SHARED,
        Code::ModeNotOffered => &rights::MODE_NOT_OFFERED,
        Code::MatterMissing => &rights::MATTER_MISSING,
        Code::GrantRequired => &rights::GRANT_REQUIRED,
        Code::GrantRevoked => &rights::GRANT_REVOKED,
        Code::GrantSuspended => &rights::GRANT_SUSPENDED,
        Code::GrantExpired => &rights::GRANT_EXPIRED,
        Code::GrantModeNotGranted => &rights::MODE_NOT_GRANTED,
        Code::GrantPurposeMismatch => &rights::PURPOSE_MISMATCH,
        Code::GrantFieldNotGranted => &rights::FIELD_NOT_GRANTED,
        Code::GrantRowScope => &rights::ROW_SCOPE,
        Code::LimitRate => &supply::LIMIT_RATE,
        Code::LimitQuota => &supply::LIMIT_QUOTA,
        Code::LimitRefusals => &supply::LIMIT_REFUSALS,
        Code::ProviderUnreachable => &supply::UNREACHABLE,
        Code::ProviderBadAnswer => &supply::BAD_ANSWER,
        Code::ProviderTimeout => &supply::TIMEOUT,
        Code::ProviderCircuitOpen => &supply::CIRCUIT_OPEN,
        Code::LedgerUnavailable => &supply::LEDGER_UNAVAILABLE,
        Code::PolicyStale => &supply::POLICY_STALE,
        Code::ExchangeDraining => &supply::DRAINING,
        Code::ExchangeOverloaded => &supply::OVERLOADED,
        Code::ExchangeInternal => &supply::INTERNAL,
    }
}

#[cfg(test)]
mod tests;
