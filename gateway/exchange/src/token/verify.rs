//! Verifying a token, once per token and worker.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use quick_cache::unsync::Cache;
use sluice_domain::{Code, Fault, Refusal};

use super::claims::{Header, Object, Presented};
use super::keys::TokenRules;

/// Longest token that is looked at, in bytes.
const TOKEN_BYTES_MAX: usize = 4096;

/// What a valid signature said. Whether it holds *now*, for *this* certificate, is checked on every use.
pub(crate) struct Verified {
    subject: Box<str>,
    not_after_s: i64,
    not_before_s: i64,
    fingerprint: [u8; 32],
    generation: u64,
}

impl Verified {
    /// Checks what may have changed since the signature was verified.
    ///
    /// # Errors
    /// In the contract's order: not yet valid, expired, another system's or certificate's.
    pub(crate) fn holds_for(
        &self,
        system: &str,
        fingerprint: &[u8; 32],
        leeway_s: i64,
        now_s: i64,
    ) -> Result<(), Refusal> {
        if now_s.saturating_add(leeway_s) < self.not_before_s {
            return Err(Refusal::fault(Code::IdentityTokenInvalid, Fault::TokenNotYetValid));
        }
        if now_s > self.not_after_s.saturating_add(leeway_s) {
            return Err(Code::IdentityTokenExpired.into());
        }
        if &*self.subject != system || &self.fingerprint != fingerprint {
            return Err(Code::IdentityBindingMismatch.into());
        }
        Ok(())
    }
}

/// A worker's bounded cache of verified tokens.
pub(crate) struct Verifier {
    cache: Cache<Box<[u8]>, std::rc::Rc<Verified>>,
    hits: u64,
    misses: u64,
}

impl Verifier {
    pub(crate) fn new(entries_max: usize) -> Self {
        Self { cache: Cache::new(entries_max.max(1)), hits: 0, misses: 0 }
    }

    /// Hits, misses and entries, for the metrics.
    pub(crate) fn figures(&self) -> (u64, u64, u64) {
        (self.hits, self.misses, u64::try_from(self.cache.len()).unwrap_or(u64::MAX))
    }

    /// The verified token, from the cache or by checking its signature.
    ///
    /// # Errors
    /// `identity.token_invalid` with the fault; never a word of the token.
    pub(crate) fn verify(&mut self, rules: &TokenRules, token: &[u8]) -> Result<std::rc::Rc<Verified>, Refusal> {
        if let Some(known) = self.cache.get(token).filter(|known| known.generation == rules.generation) {
            self.hits += 1;
            return Ok(known.clone());
        }
        self.misses += 1;
        let verified =
            std::rc::Rc::new(check(rules, token).map_err(|fault| Refusal::fault(Code::IdentityTokenInvalid, fault))?);
        self.cache.insert(token.into(), verified.clone());
        Ok(verified)
    }
}

fn check(rules: &TokenRules, token: &[u8]) -> Result<Verified, Fault> {
    if token.len() > TOKEN_BYTES_MAX {
        return Err(Fault::TokenForm);
    }
    let text = std::str::from_utf8(token).map_err(|_| Fault::TokenForm)?;
    let (signed, signature) = text.rsplit_once('.').ok_or(Fault::TokenForm)?;
    let (header, payload) = signed.split_once('.').ok_or(Fault::TokenForm)?;
    let header: Header = decode(header)?;
    if header.alg != "ES256" || header.crit.is_some() {
        return Err(Fault::TokenAlgorithm);
    }
    let claims: Presented = decode(payload).map_err(|_| Fault::TokenClaims)?;
    let issuer = rules.issuers.iter().find(|issuer| issuer.iss == claims.iss).ok_or(Fault::TokenIssuer)?;
    // URL_SAFE_NO_PAD refuses padding and stray bits, so a re-encoded signature is another token.
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| Fault::TokenForm)?;
    let mut keys = issuer.keys.iter().filter(|key| header.kid.as_ref().is_none_or(|kid| *kid == key.kid));
    if !keys.any(|key| key.key.verify_sig(signed.as_bytes(), &signature).is_ok()) {
        return Err(Fault::TokenSignature);
    }
    if !claims.aud.names(&issuer.audience) {
        return Err(Fault::TokenAudience);
    }
    let seconds = |time: u64| i64::try_from(time).map_err(|_| Fault::TokenClaims);
    let fingerprint: [u8; 32] = URL_SAFE_NO_PAD
        .decode(&claims.cnf.0.x5t_s256)
        .ok()
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or(Fault::TokenClaims)?;
    Ok(Verified {
        subject: claims.sub.into(),
        not_after_s: seconds(claims.exp)?,
        not_before_s: seconds(claims.nbf.unwrap_or(0).max(claims.iat.unwrap_or(0)))?,
        fingerprint,
        generation: rules.generation,
    })
}

fn decode<T: serde::de::DeserializeOwned>(part: &str) -> Result<T, Fault> {
    let bytes = URL_SAFE_NO_PAD.decode(part).map_err(|_| Fault::TokenForm)?;
    serde_json::from_slice(&bytes).map(|Object(part)| part).map_err(|_| Fault::TokenForm)
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
    use serde_json::{Value, json};

    use super::super::keys::{SigningKey, TokenTimes};
    use super::*;

    const URL: &str = "https://127.0.0.1:8443";
    const PRINT: [u8; 32] = [9; 32];

    fn pkcs8() -> Vec<u8> {
        let rng = aws_lc_rs::rand::SystemRandom::new();
        EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &rng).unwrap().as_ref().to_vec()
    }

    fn rules() -> TokenRules {
        let signing = SigningKey::from_pkcs8(&pkcs8()).unwrap();
        TokenRules::new(signing, URL, Vec::new(), TokenTimes { lifetime_s: 3600, leeway_s: 5 }, 1).unwrap()
    }

    fn claims() -> Value {
        json!({"iss": URL, "aud": URL, "sub": "mz.main", "iat": 1000, "exp": 4600, "jti": "j",
               "cnf": {"x5t#S256": URL_SAFE_NO_PAD.encode(PRINT)}})
    }

    fn with(name: &str, value: Value) -> Value {
        let mut claims = claims();
        claims[name] = value;
        claims
    }

    fn without(name: &str) -> Value {
        let mut claims = claims();
        claims.as_object_mut().unwrap().remove(name);
        claims
    }

    fn verify(rules: &TokenRules, token: &str) -> Result<std::rc::Rc<Verified>, Fault> {
        Verifier::new(8).verify(rules, token.as_bytes()).map_err(|refusal| match refusal.facts() {
            [sluice_domain::Fact::Fault(fault)] => *fault,
            other => unreachable!("{other:?}"),
        })
    }

    #[test]
    fn own_tokens_verify_and_hold_only_for_their_system_certificate_and_time() {
        let rules = rules();
        let token = rules.signing.sign(&claims()).unwrap();
        let verified = verify(&rules, &token).unwrap_or_else(|fault| unreachable!("{fault:?}"));
        let code = |system: &str, print: &[u8; 32], now_s| {
            verified.holds_for(system, print, 5, now_s).map_err(|refusal| refusal.code)
        };
        assert_eq!(code("mz.main", &PRINT, 4605), Ok(()));
        assert_eq!(code("mz.main", &PRINT, 4606), Err(Code::IdentityTokenExpired));
        assert_eq!(code("rs.main", &PRINT, 2000), Err(Code::IdentityBindingMismatch));
        assert_eq!(code("mz.main", &[8; 32], 2000), Err(Code::IdentityBindingMismatch));
        assert_eq!(code("mz.main", &PRINT, 900), Err(Code::IdentityTokenInvalid));
    }

    #[test]
    fn claims_that_are_missing_wrong_or_of_another_type_are_refused() {
        let rules = rules();
        for (payload, fault) in [
            (without("iss"), Fault::TokenClaims),
            (without("aud"), Fault::TokenClaims),
            (without("sub"), Fault::TokenClaims),
            (without("exp"), Fault::TokenClaims),
            (without("cnf"), Fault::TokenClaims),
            (with("exp", json!("4600")), Fault::TokenClaims),
            (with("exp", json!(4600.5)), Fault::TokenClaims),
            (with("exp", json!(-1)), Fault::TokenClaims),
            (with("nbf", json!("soon")), Fault::TokenClaims),
            (with("iss", json!("https://elsewhere")), Fault::TokenIssuer),
            (with("aud", json!("https://elsewhere")), Fault::TokenAudience),
            (with("aud", json!([])), Fault::TokenAudience),
            (with("cnf", json!({"x5t#S256": "short"})), Fault::TokenClaims),
            (with("cnf", json!({"jkt": "x"})), Fault::TokenClaims),
        ] {
            let token = rules.signing.sign(&payload).unwrap();
            assert_eq!(verify(&rules, &token).err(), Some(fault), "{payload}");
        }
        let listed = rules.signing.sign(&with("aud", json!(["x", URL]))).unwrap();
        assert!(verify(&rules, &listed).is_ok());
    }

    #[test]
    fn forged_confused_and_malleated_tokens_are_refused() {
        let rules = rules();
        let token = rules.signing.sign(&claims()).unwrap();
        let parts: Vec<&str> = token.split('.').collect();
        let header = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let stranger = SigningKey::from_pkcs8(&pkcs8()).unwrap().sign(&claims()).unwrap();
        let duplicate = format!(r#"{{"sub":"rs.main",{}"#, &claims().to_string()[1..]);
        for (token, fault) in [
            (format!("{}.{}.", header(r#"{"alg":"none"}"#), parts[1]), Fault::TokenAlgorithm),
            (format!("{}.{}.{}", header(r#"{"alg":"HS256"}"#), parts[1], parts[2]), Fault::TokenAlgorithm),
            (
                format!("{}.{}.{}", header(r#"{"alg":"ES256","crit":["b64"]}"#), parts[1], parts[2]),
                Fault::TokenAlgorithm,
            ),
            (
                format!("{}.{}.{}", header(r#"{"alg":"ES256","kid":"../../x"}"#), parts[1], parts[2]),
                Fault::TokenSignature,
            ),
            (format!("{}.{}.{}", parts[0], header(&duplicate), parts[2]), Fault::TokenClaims),
            (format!("{}.{}.{}", parts[0], parts[1], URL_SAFE_NO_PAD.encode([0; 64])), Fault::TokenSignature),
            (format!("{token}="), Fault::TokenForm),
            (format!("{}.{}", parts[0], parts[1]), Fault::TokenForm),
            (String::new(), Fault::TokenForm),
            ("a".repeat(5000), Fault::TokenForm),
            (stranger, Fault::TokenSignature),
        ] {
            assert_eq!(verify(&rules, &token).err(), Some(fault), "{token}");
        }
    }

    #[test]
    fn our_verdict_agrees_with_jsonwebtoken() {
        let rules = rules();
        let token = rules.signing.sign(&claims()).unwrap();
        let jwks: jsonwebtoken::jwk::JwkSet = serde_json::from_str(&rules.signing.jwks()).unwrap();
        let key = jsonwebtoken::DecodingKey::from_jwk(&jwks.keys[0]).unwrap();
        let mut validation = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::ES256);
        validation.set_audience(&[URL]);
        validation.set_issuer(&[URL]);
        validation.validate_exp = false;
        assert!(jsonwebtoken::decode::<Value>(&token, &key, &validation).is_ok());
        let mut broken = token.clone().into_bytes();
        for at in 0..broken.len() {
            let before = broken[at];
            broken[at] ^= 1;
            let text = String::from_utf8_lossy(&broken).into_owned();
            let oracle = jsonwebtoken::decode::<Value>(&text, &key, &validation).is_ok();
            assert_eq!(verify(&rules, &text).is_ok(), oracle, "byte {at}");
            broken[at] = before;
        }
    }

    #[test]
    fn a_cached_token_is_judged_again_when_the_keys_change() {
        let old = rules();
        let token = old.signing.sign(&claims()).unwrap();
        let mut verifier = Verifier::new(8);
        assert!(verifier.verify(&old, token.as_bytes()).is_ok());
        let signing = SigningKey::from_pkcs8(&pkcs8()).unwrap();
        let new = TokenRules::new(signing, URL, Vec::new(), TokenTimes { lifetime_s: 3600, leeway_s: 5 }, 2).unwrap();
        assert!(verifier.verify(&new, token.as_bytes()).is_err());
        assert_eq!(verifier.figures(), (0, 2, 1));
    }

    mod fuzz {
        use proptest::prelude::*;

        use super::*;

        thread_local! {
            static SIGNED: (TokenRules, String) = {
                let rules = rules();
                let token = rules.signing.sign(&claims()).unwrap();
                (rules, token)
            };
        }

        proptest! {
            #[test]
            fn no_other_token_is_made_of_a_good_one(changed in SIGNED.with(|(_, token)| sluice_fuzz::mutated(vec![token.clone().into_bytes()]))) {
                let judged = SIGNED.with(|(rules, token)| (check(rules, &changed).is_ok(), changed == token.as_bytes()));
                prop_assert_eq!(judged.0, judged.1);
            }
        }
    }
}
