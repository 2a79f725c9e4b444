//! Keys and rules of tokens: ours, and those of configured issuers.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, ParsedPublicKey,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

/// Why a key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Not a PKCS#8 P-256 private key.
    #[error("not a PKCS#8 P-256 private key")]
    Private,
    /// Not a JWK set of P-256 keys.
    #[error("not a JWK set with at least one P-256 signing key")]
    JwkSet,
    /// Signing failed inside the crypto library.
    #[error("signing failed")]
    Sign,
}

/// The exchange's own signing key.
pub struct SigningKey {
    pair: EcdsaKeyPair,
    kid: String,
}

impl SigningKey {
    /// From a PKCS#8 DER document.
    ///
    /// # Errors
    /// When it is not a P-256 private key.
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, KeyError> {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der).map_err(|_| KeyError::Private)?;
        let (x, y) = coordinates(pair.public_key().as_ref()).ok_or(KeyError::Private)?;
        // RFC 7638: the thumbprint of the required members in lexicographic order.
        let canonical = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
        let print = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, canonical.as_bytes());
        Ok(Self { pair, kid: URL_SAFE_NO_PAD.encode(print) })
    }

    /// Key id: the RFC 7638 thumbprint.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// Signs a header and a payload into a compact JWS.
    ///
    /// # Errors
    /// When the crypto library fails.
    pub fn sign(&self, payload: &impl Serialize) -> Result<String, KeyError> {
        let header = format!(r#"{{"alg":"ES256","typ":"at+jwt","kid":"{}"}}"#, self.kid);
        let payload = serde_json::to_vec(payload).map_err(|_| KeyError::Sign)?;
        let mut token = URL_SAFE_NO_PAD.encode(header);
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(payload, &mut token);
        let signature = self.pair.sign(&SystemRandom::new(), token.as_bytes()).map_err(|_| KeyError::Sign)?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Ok(token)
    }

    /// The public half as a JWK set (RFC 7517).
    pub fn jwks(&self) -> String {
        let (x, y) = coordinates(self.pair.public_key().as_ref()).unwrap_or_default();
        format!(
            r#"{{"keys":[{{"kty":"EC","crv":"P-256","use":"sig","alg":"ES256","kid":"{}","x":"{x}","y":"{y}"}}]}}"#,
            self.kid
        )
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningKey").field("kid", &self.kid).finish_non_exhaustive()
    }
}

fn coordinates(uncompressed: &[u8]) -> Option<(String, String)> {
    let (0x04, rest) = uncompressed.split_first().map(|(first, rest)| (*first, rest))? else { return None };
    let (x, y) = rest.split_at_checked(32)?;
    Some((URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y)))
}

/// A public key that may have signed a token.
pub(crate) struct IssuerKey {
    pub(crate) kid: String,
    pub(crate) key: ParsedPublicKey,
}

/// Someone whose tokens are accepted.
pub struct Issuer {
    pub(crate) iss: String,
    pub(crate) audience: String,
    pub(crate) keys: Vec<IssuerKey>,
}

impl Issuer {
    /// From a JWK set; keys of other kinds than P-256 are passed over.
    ///
    /// # Errors
    /// When the set cannot be read or holds no P-256 key.
    pub fn from_jwks(issuer: &str, audience: &str, jwks: &str) -> Result<Self, KeyError> {
        #[derive(Deserialize)]
        struct Set {
            keys: Vec<Jwk>,
        }
        #[derive(Deserialize)]
        struct Jwk {
            kty: String,
            #[serde(default)]
            crv: String,
            #[serde(default)]
            kid: String,
            #[serde(default, rename = "use")]
            usage: Option<String>,
            #[serde(default)]
            x: String,
            #[serde(default)]
            y: String,
        }
        let set: Set = serde_json::from_str(jwks).map_err(|_| KeyError::JwkSet)?;
        let usable = set.keys.into_iter().filter(|jwk| {
            jwk.kty == "EC" && jwk.crv == "P-256" && jwk.usage.as_deref().is_none_or(|usage| usage == "sig")
        });
        let keys: Vec<IssuerKey> = usable
            .filter_map(|jwk| {
                let mut point = vec![0x04];
                URL_SAFE_NO_PAD.decode_vec(&jwk.x, &mut point).ok()?;
                URL_SAFE_NO_PAD.decode_vec(&jwk.y, &mut point).ok()?;
                let key = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).ok()?;
                Some(IssuerKey { kid: jwk.kid, key })
            })
            .collect();
        if keys.is_empty() {
            return Err(KeyError::JwkSet);
        }
        Ok(Self { iss: issuer.to_owned(), audience: audience.to_owned(), keys })
    }
}

/// What a token must satisfy; part of the snapshot.
pub struct TokenRules {
    /// The exchange's own key.
    pub signing: SigningKey,
    /// `iss` and `aud` of own tokens: the data listener's public address.
    pub public_url: String,
    /// Lifetime of own tokens in seconds.
    pub lifetime_s: i64,
    /// Clock difference tolerated, in seconds.
    pub leeway_s: i64,
    /// Accepted issuers; the first is the exchange itself.
    pub(crate) issuers: Vec<Issuer>,
    /// Changes whenever keys or issuers change, so that cached tokens are judged again.
    pub(crate) generation: u64,
}

impl TokenRules {
    /// Rules that accept the exchange's own tokens and those of `others`.
    ///
    /// # Errors
    /// When the own public key cannot be read back.
    pub fn new(
        signing: SigningKey,
        public_url: &str,
        others: Vec<Issuer>,
        times: TokenTimes,
        generation: u64,
    ) -> Result<Self, KeyError> {
        let own = Issuer::from_jwks(public_url, public_url, &signing.jwks())?;
        let issuers = std::iter::once(own).chain(others).collect();
        Ok(Self {
            signing,
            public_url: public_url.to_owned(),
            lifetime_s: times.lifetime_s,
            leeway_s: times.leeway_s,
            issuers,
            generation,
        })
    }
}

/// Times of tokens, in seconds.
#[derive(Debug, Clone, Copy)]
pub struct TokenTimes {
    /// Lifetime of own tokens.
    pub lifetime_s: i64,
    /// Clock difference tolerated.
    pub leeway_s: i64,
}
