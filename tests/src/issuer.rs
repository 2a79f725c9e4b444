//! An issuer of tokens beside the exchange: it signs well, badly, and in ways that nobody should accept.

use std::path::Path;

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD as B64};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use serde_json::{Value, json};

/// `iss` of its tokens.
pub const ISSUER: &str = "https://sso.example.gov.cn";
/// `aud` of its tokens.
pub const AUDIENCE: &str = "sluice";

/// Bytes of one half of a signature of P-256.
const HALF: usize = 32;
/// Order of the curve P-256.
const ORDER: [u8; HALF] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa,
    0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

/// A key for ES256.
pub struct Issuer {
    key: EcdsaKeyPair,
}

impl Issuer {
    /// With a key of its own.
    pub fn fresh() -> Self {
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &SystemRandom::new()).expect("a key");
        Self { key: EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref()).expect("a key") }
    }

    /// Its public key by RFC 7517, with the id `k1`.
    pub fn jwk(&self) -> Value {
        let (x, y) = self.key.public_key().as_ref()[1..].split_at(HALF);
        json!({"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": "k1",
               "x": B64.encode(x), "y": B64.encode(y)})
    }

    /// Its keys as a file of the exchange's configuration.
    pub fn jwks(&self) -> String {
        json!({"keys": [self.jwk()]}).to_string()
    }

    /// A token of this header and these claims, both as text, signed in the way of a name.
    pub fn token(&self, header: &str, claims: &str, way: &str) -> String {
        let signed = format!("{}.{}", B64.encode(header), B64.encode(claims));
        if way == "absent" {
            return signed;
        }
        format!("{signed}.{}", self.signature(&signed, way))
    }

    fn signature(&self, signed: &str, way: &str) -> String {
        let signature = self.sign(signed);
        let (r, s) = signature.split_at(HALF);
        match way {
            "well" => B64.encode(&signature),
            "empty" => String::new(),
            "elsewhere" => B64.encode(self.sign("another content")),
            "hmac" => {
                let key = hmac::Key::new(hmac::HMAC_SHA256, self.jwks().as_bytes());
                B64.encode(hmac::sign(&key, signed.as_bytes()))
            }
            "padded" => URL_SAFE.encode(&signature),
            // Not every signature has a letter in which the alphabets differ.
            "standard" => {
                let written = STANDARD_NO_PAD.encode(&signature);
                if written.contains(['+', '/']) { written } else { self.signature(signed, way) }
            }
            // 64 bytes leave four bits of the last letter unused.
            "stray" => {
                let mut written = B64.encode(&signature).into_bytes();
                if let Some(last) = written.last_mut() {
                    *last += 1;
                }
                String::from_utf8(written).expect("ASCII")
            }
            "longer" => B64.encode([&signature[..], &[0]].concat()),
            "shorter" => B64.encode(&signature[..2 * HALF - 1]),
            "zeros" => B64.encode([0; 2 * HALF]),
            "order" => B64.encode([ORDER, ORDER].concat()),
            "exchanged" => B64.encode([s, r].concat()),
            "malleated" => B64.encode([r, below_order(s).as_slice()].concat()),
            "der" => B64.encode(der(r, s)),
            other => panic!("{other} is no way to sign"),
        }
    }

    fn sign(&self, content: &str) -> Vec<u8> {
        self.key.sign(&SystemRandom::new(), content.as_bytes()).expect("a signature").as_ref().to_vec()
    }
}

/// The order less a number.
fn below_order(number: &[u8]) -> Vec<u8> {
    let mut borrow = 0;
    let digits = ORDER.iter().zip(number).rev().map(|(order, digit)| {
        let left = i16::from(*order) - i16::from(*digit) - borrow;
        borrow = i16::from(left < 0);
        u8::try_from(left + 256 * borrow).unwrap_or(0)
    });
    let mut digits: Vec<u8> = digits.collect();
    digits.reverse();
    digits
}

/// A signature as X.509 writes it (RFC 3279 section 2.2.3).
fn der(r: &[u8], s: &[u8]) -> Vec<u8> {
    let integer = |number: &[u8]| {
        let length = u8::try_from(number.len() + 1).unwrap_or(0);
        [&[2, length, 0][..], number].concat()
    };
    let both = [integer(r), integer(s)].concat();
    [&[0x30, u8::try_from(both.len()).unwrap_or(0)][..], &both].concat()
}

/// `x5t#S256` of the first certificate of a file.
pub fn thumbprint(certificate: &Path) -> String {
    let certificate = CertificateDer::from_pem_file(certificate).expect("a certificate");
    B64.encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &certificate))
}
