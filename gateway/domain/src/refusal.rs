//! Why a call was not served: a stable code, the facts that belong to it, and nothing else.
//!
//! A refusal never carries what a caller sent or a provider answered: both may hold a citizen's
//! identity. The words shown to people are in [`crate::texts`].

use crate::day::Day;
use crate::ids::GrantId;

/// Who has to act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The calling department.
    Caller,
    /// The exchange.
    Exchange,
    /// The providing department.
    Provider,
}

impl Origin {
    /// Stable word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Exchange => "exchange",
            Self::Provider => "provider",
        }
    }
}

macro_rules! codes {
    ($($variant:ident = $text:literal, $status:literal, $origin:ident, $retryable:literal;)*) => {
        /// Stable codes of the interface contract, in the order in which they are checked.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[expect(missing_docs, reason = "each code is explained to people in `texts`")]
        pub enum Code {
            $($variant,)*
        }

        impl Code {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The code as callers see it.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }

            /// HTTP status.
            pub fn status(self) -> u16 {
                match self {
                    $(Self::$variant => $status,)*
                }
            }

            /// Who has to act.
            pub fn origin(self) -> Origin {
                match self {
                    $(Self::$variant => Origin::$origin,)*
                }
            }

            /// Whether the same call may succeed later without a change.
            pub fn is_retryable(self) -> bool {
                match self {
                    $(Self::$variant => $retryable,)*
                }
            }
        }
    };
}

codes! {
    RequestMisdirected = "request.misdirected", 421, Caller, false;
    RequestUriTooLong = "request.uri_too_long", 414, Caller, false;
    RequestHeadersTooLarge = "request.headers_too_large", 431, Caller, false;
    RequestTimeout = "request.timeout", 408, Caller, true;
    ExchangeDraining = "exchange.draining", 503, Exchange, true;
    ExchangeOverloaded = "exchange.overloaded", 503, Exchange, true;
    RequestNotFound = "request.not_found", 404, Caller, false;
    RequestMethod = "request.method", 405, Caller, false;
    IdentityCertificateRevoked = "identity.certificate_revoked", 401, Caller, false;
    IdentityUnknownSystem = "identity.unknown_system", 401, Caller, false;
    IdentityTokenMissing = "identity.token_missing", 401, Caller, false;
    IdentityTokenInvalid = "identity.token_invalid", 401, Caller, false;
    IdentityTokenExpired = "identity.token_expired", 401, Caller, false;
    IdentityBindingMismatch = "identity.binding_mismatch", 401, Caller, false;
    PartySuspended = "party.suspended", 403, Caller, false;
    PolicyStale = "policy.stale", 503, Exchange, true;
    PurposeMissing = "purpose.missing", 400, Caller, false;
    PurposeUnknown = "purpose.unknown", 400, Caller, false;
    HandlerMissing = "handler.missing", 400, Caller, false;
    HandlerUnknown = "handler.unknown", 400, Caller, false;
    HandlerDisabled = "handler.disabled", 400, Caller, false;
    ResourceNotFound = "resource.not_found", 404, Caller, false;
    ShareNotShared = "share.not_shared", 403, Caller, false;
    ModeNotOffered = "mode.not_offered", 422, Caller, false;
    MatterMissing = "matter.missing", 400, Caller, false;
    GrantRequired = "grant.required", 403, Caller, false;
    GrantRevoked = "grant.revoked", 403, Caller, false;
    GrantSuspended = "grant.suspended", 403, Caller, false;
    GrantExpired = "grant.expired", 403, Caller, false;
    GrantModeNotGranted = "grant.mode_not_granted", 403, Caller, false;
    GrantPurposeMismatch = "grant.purpose_mismatch", 403, Caller, false;
    RequestMediaType = "request.media_type", 415, Caller, false;
    RequestTooLarge = "request.too_large", 413, Caller, false;
    RequestMalformed = "request.malformed", 400, Caller, false;
    RequestSchema = "request.schema", 400, Caller, false;
    RequestCursor = "request.cursor", 400, Caller, false;
    GrantFieldNotGranted = "grant.field_not_granted", 403, Caller, false;
    GrantRowScope = "grant.row_scope", 403, Caller, false;
    RequestIdempotencyConflict = "request.idempotency_conflict", 409, Caller, false;
    LimitRate = "limit.rate", 429, Caller, true;
    LimitQuota = "limit.quota", 429, Caller, true;
    LimitRefusals = "limit.refusals", 429, Caller, true;
    ProviderUnreachable = "provider.unreachable", 502, Provider, true;
    ProviderBadAnswer = "provider.bad_answer", 502, Provider, false;
    ProviderTimeout = "provider.timeout", 504, Provider, true;
    ProviderCircuitOpen = "provider.circuit_open", 503, Provider, true;
    LedgerUnavailable = "ledger.unavailable", 503, Exchange, true;
    ExchangeInternal = "exchange.internal", 500, Exchange, true;
}

/// What exactly is wrong with a request, for codes that cover several faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each fault is explained to people in `texts`")]
pub enum Fault {
    // framing (request.malformed)
    BadRequestLine,
    HostMissing,
    HostRepeated,
    HostMismatch,
    TransferEncoding,
    ContentLength,
    HeaderRepeated,
    HeaderCharacters,
    HeaderReserved,
    PathEncoding,
    PathSegments,
    MethodUnsupported,
    UpgradeUnsupported,
    ExpectUnsupported,
    BodyBroken,
    BodyEncoding,
    // body
    NotUtf8,
    NotJson,
    DuplicateMember,
    NotObject,
    UnknownMember,
    MissingMember,
    NotText,
    TooLong,
    UnknownItem,
    OutItemClaimed,
    KeySet,
    NoClaims,
    NoFields,
    RepeatedField,
    CheckDigit,
    ValueForm,
    LimitRange,
    BatchSize,
    BatchMixed,
    // limits
    BatchAboveRate,
    // header values
    PurposeForm,
    HandlerForm,
    MatterForm,
    // query string
    QueryParameter,
    // cursor
    CursorForm,
    CursorForeign,
    CursorExpired,
    // token endpoint and tokens
    TokenForm,
    TokenAlgorithm,
    TokenSignature,
    TokenIssuer,
    TokenAudience,
    TokenClaims,
    TokenNotYetValid,
    // provider
    PlannedOutage,
    ProviderBusy,
}

/// A fact that belongs to a refusal and may be shown to the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// Which fault, for codes that cover several.
    Fault(Fault),
    /// The member, header or parameter of our own interface that it concerns; never a caller's name for it.
    Member(&'static str),
    /// Item codes of the catalogue.
    Items(String),
    /// The grant that was looked at.
    Grant(GrantId),
    /// The day that decided.
    On(Day),
    /// Codes to choose from (purposes, modes, key sets).
    Choices(String),
    /// Statute, as the catalogue words it.
    LegalBasis(String),
    /// A limit that was reached or exceeded.
    Limit(u64),
    /// Whole seconds until it is worth trying again.
    RetryAfterS(u32),
    /// Position in a batch, from 0.
    Position(usize),
    /// Name of the providing party, to ask or to complain to.
    Provider(String),
}

/// A refused call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Stable code.
    pub code: Code,
    facts: Vec<Fact>,
}

impl Refusal {
    /// A refusal without facts.
    pub fn new(code: Code) -> Self {
        Self { code, facts: Vec::new() }
    }

    /// A refusal for one fault.
    pub fn fault(code: Code, fault: Fault) -> Self {
        Self::new(code).with(Fact::Fault(fault))
    }

    /// Adds a fact.
    #[must_use]
    pub fn with(mut self, fact: Fact) -> Self {
        self.facts.push(fact);
        self
    }

    /// The facts, in the order in which they were added.
    pub fn facts(&self) -> &[Fact] {
        &self.facts
    }

    /// Seconds for `Retry-After`, where the refusal knows.
    pub fn retry_after_s(&self) -> Option<u32> {
        self.facts.iter().find_map(|fact| match fact {
            Fact::RetryAfterS(seconds) => Some(*seconds),
            _ => None,
        })
    }
}

impl From<Code> for Refusal {
    fn from(code: Code) -> Self {
        Self::new(code)
    }
}
