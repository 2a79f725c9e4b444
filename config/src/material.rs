//! The files that a configuration names: certificates, keys, revocation lists, key sets. Read at
//! load, so that a wrong one is named with its place instead of failing a handshake later.

use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RsaKeyPair,
};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer, PrivatePkcs8KeyDer};
use x509_parser::prelude::{CertificateRevocationList, FromDer, X509Certificate};

use crate::document::read_bounded;
use crate::secret::Secret;

/// The certificates of a PEM file, at least one, each readable as X.509.
pub(crate) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let name = path.display();
    let text = read_bounded(path).map_err(|cause| format!("certificate file {name} {cause}"))?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let found = found.map_err(|_| format!("certificate file {name} holds broken PEM"))?;
    if found.is_empty() {
        return Err(format!("certificate file {name} holds no certificate (-----BEGIN CERTIFICATE-----)"));
    }
    let readable = found.iter().all(|der| X509Certificate::from_der(der).is_ok_and(|(rest, _)| rest.is_empty()));
    if readable {
        Ok(found)
    } else {
        Err(format!("certificate file {name} holds something that is not an X.509 certificate"))
    }
}

/// Whether one of a file's certificates was signed in the name of this authority.
pub(crate) fn is_signed_by(authority: &str, path: &Path) -> bool {
    certificates(path).unwrap_or_default().iter().any(|der| {
        X509Certificate::from_der(der).is_ok_and(|(_, certificate)| {
            certificate.issuer().iter_common_name().any(|name| name.as_str() == Ok(authority))
        })
    })
}

/// SHA-256 of the first certificate of a PEM file: the one that the client itself presents.
pub(crate) fn fingerprint(path: &Path) -> Result<[u8; 32], String> {
    let found = certificates(path)?;
    let leaf = found.first().map(|der| digest(&SHA256, der));
    leaf.and_then(|print| print.as_ref().try_into().ok())
        .ok_or_else(|| format!("certificate file {} is empty", path.display()))
}

/// A fingerprint written in hexadecimal, with or without colons.
pub(crate) fn fingerprint_of_hex(text: &str) -> Option<[u8; 32]> {
    let plain: String = text.chars().filter(|c| *c != ':').collect();
    hex32(&plain)
}

/// 64 hexadecimal digits as 32 bytes.
pub(crate) fn hex32(text: &str) -> Option<[u8; 32]> {
    let digits: Vec<u8> =
        text.chars().map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok())).collect::<Option<_>>()?;
    let bytes: Vec<u8> =
        digits.chunks_exact(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect();
    (digits.len() == 64).then(|| bytes.try_into().ok()).flatten()
}

/// Checks a revocation list file.
pub(crate) fn revocation_lists(path: &Path) -> Result<(), String> {
    let name = path.display();
    let text = read_bounded(path).map_err(|cause| format!("revocation list {name} {cause}"))?;
    let found: Result<Vec<_>, _> = CertificateRevocationListDer::pem_slice_iter(&text).collect();
    let readable = found.is_ok_and(|lists| {
        !lists.is_empty() && lists.iter().all(|der| CertificateRevocationList::from_der(der).is_ok())
    });
    if readable {
        Ok(())
    } else {
        Err(format!("revocation list {name} holds no readable list (-----BEGIN X509 CRL-----)"))
    }
}

/// Checks that a private key is readable and belongs to the first certificate of a file.
pub(crate) fn key_of_certificate(key: &Secret, certificate: &Path) -> Result<(), String> {
    let public = public_key(key).ok_or_else(|| {
        String::from(
            "not a private key in PKCS#8 PEM (-----BEGIN PRIVATE KEY-----): ECDSA P-256, P-384, RSA or Ed25519",
        )
    })?;
    let found = certificates(certificate)?;
    let of_certificate = found.first().and_then(|der| X509Certificate::from_der(der).ok());
    let same = of_certificate.is_some_and(|(_, leaf)| leaf.public_key().subject_public_key.data.as_ref() == public);
    if same { Ok(()) } else { Err(format!("this key does not belong to the certificate in {}", certificate.display())) }
}

/// Whether a secret is an ECDSA P-256 key as ES256 needs it.
pub(crate) fn is_es256_key(key: &Secret) -> bool {
    PrivatePkcs8KeyDer::from_pem_slice(key.expose())
        .is_ok_and(|der| EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der.secret_pkcs8_der()).is_ok())
}

fn public_key(key: &Secret) -> Option<Vec<u8>> {
    let der = PrivatePkcs8KeyDer::from_pem_slice(key.expose()).ok()?;
    let der = der.secret_pkcs8_der();
    let ecdsa = || {
        [&ECDSA_P256_SHA256_FIXED_SIGNING, &ECDSA_P384_SHA384_ASN1_SIGNING]
            .into_iter()
            .find_map(|curve| EcdsaKeyPair::from_pkcs8(curve, der).ok())
    };
    ecdsa()
        .map(|pair| pair.public_key().as_ref().to_vec())
        .or_else(|| RsaKeyPair::from_pkcs8(der).ok().map(|pair| pair.public_key().as_ref().to_vec()))
        .or_else(|| {
            Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).ok().map(|pair| pair.public_key().as_ref().to_vec())
        })
}

/// Checks a JSON Web Key Set of an issuer: readable, at least one key.
pub(crate) fn key_set(path: &Path) -> Result<(), String> {
    let name = path.display();
    let text = read_bounded(path).map_err(|cause| format!("key set {name} {cause}"))?;
    let parsed: Option<serde_json::Value> = serde_json::from_slice(&text).ok();
    let filled = parsed.and_then(|set| set.get("keys")?.as_array().map(|keys| !keys.is_empty()));
    if filled == Some(true) {
        Ok(())
    } else {
        Err(format!("key set {name} is not {{\"keys\": [ … ]}} with at least one key"))
    }
}

/// Every path of a list that fails its check, with its position and the cause.
pub(crate) fn failing(paths: &[PathBuf], check: impl Fn(&Path) -> Result<(), String>) -> Vec<(usize, String)> {
    paths.iter().enumerate().filter_map(|(at, path)| check(path).err().map(|cause| (at, cause))).collect()
}
