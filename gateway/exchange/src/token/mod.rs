//! Access tokens: ES256 JWTs bound to the client certificate (RFC 8705).
//!
//! Issuing and verifying use keys that were parsed once; a verified token is cached by its bytes,
//! and what can change under a cached token (expiry, binding, the key set) is checked on every hit.

mod claims;
mod endpoint;
mod keys;
mod verify;

pub(crate) use endpoint::{answer, metadata};
pub use keys::{Issuer, KeyError, SigningKey, TokenRules, TokenTimes};
pub(crate) use verify::Verifier;
