//! `[tokens]`: our own access tokens, and other issuers whose tokens are taken.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use crate::document::Document;
use crate::fault::Fault;
use crate::material;
use crate::secret::{Secret, SecretRef, referenced};
use crate::settings::numbers::{count, numbers};
use crate::settings::url;

/// Tokens.
#[derive(Debug, Clone)]
pub struct Tokens {
    /// Where the ES256 key that signs our tokens is kept.
    pub signing_key: SecretRef,
    /// The key itself: PKCS#8 PEM, checked to be ECDSA P-256.
    pub signing_key_pem: Secret,
    /// Times and sizes.
    pub pace: TokenPace,
    /// Other issuers.
    pub issuers: Vec<Issuer>,
}

numbers! {
    /// Times and sizes of tokens; their keys stand in `[tokens]` itself.
    TokenPace from RawTokenPace {
        /// Life of a token, seconds. An hour: stolen ones are useless without the certificate anyway.
        lifetime_s => lifetime: Duration = 3_600 in 60..=86_400, Duration::from_secs;
        /// Difference of clocks that is forgiven, seconds.
        leeway_s => leeway: Duration = 5 in 0..=30, Duration::from_secs;
        /// Verified tokens remembered per worker; about 300 bytes each.
        cache_entries => cache_entries: usize = 16_384 in 16..=1_000_000, count;
    }
}

/// An issuer whose tokens are taken beside our own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issuer {
    /// `iss`, exactly; an `https` origin with or without a path.
    pub issuer: String,
    /// `aud`, exactly.
    pub audience: String,
    /// Its public keys as a JSON Web Key Set.
    pub jwks: PathBuf,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawTokens {
    signing_key: String,
    lifetime_s: Option<u64>,
    leeway_s: Option<u64>,
    cache_entries: Option<u64>,
    #[serde(default)]
    issuers: Vec<RawIssuer>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawIssuer {
    issuer: String,
    audience: String,
    jwks: PathBuf,
}

impl Tokens {
    pub(crate) fn read(raw: RawTokens, document: &Document<'_>, faults: &mut Vec<Fault>) -> Option<Self> {
        let key = referenced(&raw.signing_key, "tokens.signing_key", document, faults);
        if key.as_ref().is_some_and(|(_, secret)| !material::is_es256_key(secret)) {
            let message = "\"signing_key\": not an ECDSA P-256 private key in PKCS#8 PEM";
            let hint = "make one: openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256";
            faults.push(document.fault("tokens.signing_key", message, Some(hint.to_owned())));
        }
        let pace =
            RawTokenPace { lifetime_s: raw.lifetime_s, leeway_s: raw.leeway_s, cache_entries: raw.cache_entries };
        let pace = TokenPace::read(&pace, "tokens", document, faults);
        let issuers = issuers(raw.issuers, document, faults);
        let (signing_key, signing_key_pem) = key?;
        Some(Self { signing_key, signing_key_pem, pace, issuers })
    }
}

fn issuers(raw: Vec<RawIssuer>, document: &Document<'_>, faults: &mut Vec<Fault>) -> Vec<Issuer> {
    let mut valid: Vec<Issuer> = Vec::new();
    for (at, given) in raw.into_iter().enumerate() {
        let place = |key: &str| format!("tokens.issuers.{at}.{key}");
        let origin = given.issuer.strip_prefix("https://").and_then(|rest| rest.split('/').next());
        if !origin.is_some_and(url::is_authority) {
            let hint = Some(String::from("example: issuer = \"https://sso.example.gov.cn\""));
            faults.push(document.fault(&place("issuer"), "\"issuer\": an https URL", hint));
        }
        if valid.iter().any(|other| other.issuer == given.issuer) {
            faults.push(document.fault(
                &place("issuer"),
                format!("issuer \"{}\" is declared twice", given.issuer),
                None,
            ));
        }
        if given.audience.is_empty() {
            faults.push(document.fault(&place("audience"), "\"audience\": must not be empty", None));
        }
        let jwks = document.resolve(&given.jwks);
        faults.extend(material::key_set(&jwks).err().map(|cause| document.fault(&place("jwks"), cause, None)));
        valid.push(Issuer { issuer: given.issuer, audience: given.audience, jwks });
    }
    valid
}
