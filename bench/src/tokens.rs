//! ES256 access tokens (RFC 7519, RFC 9068) for gateways that cache what they verified: every token is distinct.

use std::fs;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

use anyhow::{Context, anyhow};
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use serde_json::json;

use crate::{clock, pki};

/// Fewer tokens than this would let a small cache look like a good one.
const COUNT_MIN: i64 = 1_000;
/// Issued a little in the past, for gateways whose clock is read before ours.
const ISSUED_BEFORE_S: u64 = 5;

/// What the tokens say.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Private key, PKCS#8 PEM
    #[arg(long)]
    pub key: PathBuf,
    /// Key id in the header
    #[arg(long, default_value = pki::TOKEN_KEY_ID)]
    pub kid: String,
    /// How many tokens
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(COUNT_MIN..=100_000))]
    pub count: u32,
    /// Issuer
    #[arg(long)]
    pub iss: String,
    /// Audience
    #[arg(long)]
    pub aud: String,
    /// Subject; `{n}` becomes the token's number with five digits, from 00001
    #[arg(long)]
    pub sub: String,
    /// Lifetime in seconds from now
    #[arg(long, default_value_t = 3_600)]
    pub lifetime_s: u64,
    /// Certificate that the tokens are bound to (`cnf.x5t#S256`, RFC 8705)
    #[arg(long)]
    pub bind: Option<PathBuf>,
    /// File to write, one token per line
    #[arg(long)]
    pub out: PathBuf,
}

/// Writes `options.count` distinct tokens to `options.out`.
///
/// # Errors
/// If the key or certificate cannot be read or the file cannot be written.
pub fn run(options: &Options) -> anyhow::Result<()> {
    let mint = Mint::open(options)?;
    let now = clock::unix_seconds();
    let file = fs::File::create(&options.out).with_context(|| format!("write {}", options.out.display()))?;
    let mut out = BufWriter::new(file);
    for number in 1..=options.count {
        writeln!(out, "{}", mint.token(number, now)?)?;
    }
    out.flush().with_context(|| format!("write {}", options.out.display()))
}

struct Mint<'a> {
    options: &'a Options,
    key: EcdsaKeyPair,
    random: SystemRandom,
    thumbprint: Option<String>,
}

impl<'a> Mint<'a> {
    fn open(options: &'a Options) -> anyhow::Result<Self> {
        let der = PrivatePkcs8KeyDer::from_pem_file(&options.key)
            .map_err(|error| anyhow!("read key {}: {error}", options.key.display()))?;
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der.secret_pkcs8_der())
            .map_err(|rejected| anyhow!("key {} is not a P-256 key: {rejected}", options.key.display()))?;
        let thumbprint = options.bind.as_ref().map(|path| {
            let certificate = CertificateDer::from_pem_file(path)
                .map_err(|error| anyhow!("read certificate {}: {error}", path.display()))?;
            anyhow::Ok(URL_SAFE_NO_PAD.encode(digest(&SHA256, &certificate)))
        });
        Ok(Self { options, key, random: SystemRandom::new(), thumbprint: thumbprint.transpose()? })
    }

    fn token(&self, number: u32, now: u64) -> anyhow::Result<String> {
        let header = json!({ "alg": "ES256", "typ": "at+jwt", "kid": self.options.kid });
        let mut claims = json!({
            "iss": self.options.iss,
            "aud": self.options.aud,
            "sub": self.options.sub.replace("{n}", &format!("{number:05}")),
            "iat": now.saturating_sub(ISSUED_BEFORE_S),
            "exp": now + self.options.lifetime_s,
            "jti": format!("bench-{now}-{number}"),
        });
        if let (Some(thumbprint), Some(claims)) = (&self.thumbprint, claims.as_object_mut()) {
            claims.insert("cnf".into(), json!({ "x5t#S256": thumbprint }));
        }
        let signed =
            format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(claims.to_string()));
        let signature = self.key.sign(&self.random, signed.as_bytes()).map_err(|_| anyhow!("signing failed"))?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::path::Path;

    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use rustls_pki_types::SubjectPublicKeyInfoDer;
    use rustls_pki_types::pem::PemObject;
    use serde_json::Value;

    use super::{Options, run};
    use crate::pki;

    fn options(dir: &Path) -> Options {
        pki::run(&pki::Options { dir: dir.to_owned(), systems: vec!["bench.main".into()] }).unwrap();
        Options {
            key: dir.join("jwt_es.key"),
            kid: "bench".into(),
            count: 1_000,
            iss: "https://idp".into(),
            aud: "gw".into(),
            sub: "user-{n}".into(),
            lifetime_s: 60,
            bind: None,
            out: dir.join("tokens"),
        }
    }

    fn decoded(part: &str) -> Value {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
    }

    #[test]
    fn every_token_is_distinct_and_verifies_with_the_published_key() {
        let dir = tempfile::tempdir().unwrap();
        run(&options(dir.path())).unwrap();
        let spki = SubjectPublicKeyInfoDer::from_pem_file(dir.path().join("jwt_es.pub")).unwrap();
        // SPKI of P-256: a fixed prefix of 26 bytes, then the uncompressed point.
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, spki.get(26..).unwrap().to_vec());
        let text = std::fs::read_to_string(dir.path().join("tokens")).unwrap();
        let mut ids = HashSet::new();
        for (number, token) in (1..).zip(text.lines()) {
            let (signed, signature) = token.rsplit_once('.').unwrap();
            let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
            key.verify(signed.as_bytes(), &signature).unwrap();
            assert!(key.verify(format!("{signed}x").as_bytes(), &signature).is_err());
            let claims = decoded(signed.split_once('.').unwrap().1);
            assert_eq!(claims["iss"], "https://idp");
            assert_eq!(claims["aud"], "gw");
            assert_eq!(claims["sub"], format!("user-{number:05}"));
            assert_eq!(claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(), 65);
            assert_eq!(claims.get("cnf"), None);
            assert!(ids.insert(claims["jti"].as_str().unwrap().to_owned()));
        }
        assert_eq!(ids.len(), 1_000);
        let header = decoded(text.split('.').next().unwrap());
        assert_eq!((header["alg"].as_str(), header["kid"].as_str()), (Some("ES256"), Some("bench")));
    }

    #[test]
    fn the_jwks_holds_the_same_key() {
        let dir = tempfile::tempdir().unwrap();
        options(dir.path());
        let spki = SubjectPublicKeyInfoDer::from_pem_file(dir.path().join("jwt_es.pub")).unwrap();
        let jwks: Value = serde_json::from_slice(&std::fs::read(dir.path().join("jwks.json")).unwrap()).unwrap();
        let coordinate = |name: &str| URL_SAFE_NO_PAD.decode(jwks["keys"][0][name].as_str().unwrap()).unwrap();
        assert_eq!([coordinate("x"), coordinate("y")].concat(), spki.get(27..).unwrap());
    }

    #[test]
    fn a_bound_token_names_the_certificate() {
        let dir = tempfile::tempdir().unwrap();
        let mut options = options(dir.path());
        options.bind = Some(dir.path().join("bench.main.pem"));
        run(&options).unwrap();
        let text = std::fs::read_to_string(dir.path().join("tokens")).unwrap();
        let claims = decoded(text.split('.').nth(1).unwrap());
        assert_eq!(URL_SAFE_NO_PAD.decode(claims["cnf"]["x5t#S256"].as_str().unwrap()).unwrap().len(), 32);
    }

    #[test]
    fn a_key_of_another_kind_is_refused_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let mut options = options(dir.path());
        for file in ["ca.pem", "missing.key"] {
            options.key = dir.path().join(file);
            assert!(run(&options).unwrap_err().to_string().contains(file), "{file}");
        }
    }
}
