//! Throw-away keys that serve every gateway of the comparison alike.
//!
//! All ECDSA P-256, so that no gateway pays for a larger key than another. Dates are fixed and far apart: these keys
//! live as long as one run and must not depend on the machine's clock.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, SanType, SerialNumber, date_time_ymd,
};
use serde_json::json;

/// Key id of the token key, in the JWKS and in token headers.
pub const TOKEN_KEY_ID: &str = "bench";

const FIRST_YEAR: i32 = 2024;
const LAST_YEAR: i32 = 2049;

/// Where to write, and for whom.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Directory for the files; made if missing
    #[arg(long)]
    pub dir: PathBuf,
    /// System ids that get a client certificate (`<id>.pem`, `<id>.key`)
    #[arg(long = "system", default_value = "bench.main")]
    pub systems: Vec<String>,
}

/// Writes `ca.pem`, `crl.pem`, `server.pem`, `server.key`, `server.both.pem` (certificate, then key), a certificate and
/// key for every system, `jwt_es.key`, `jwt_es.pub` (SPKI) and `jwks.json`. Private keys are readable by the owner only.
///
/// # Errors
/// If a file cannot be written or a system id cannot stand in a certificate.
pub fn run(options: &Options) -> anyhow::Result<()> {
    let dir = &options.dir;
    fs::create_dir_all(dir).with_context(|| format!("make {}", dir.display()))?;

    let authority_key = KeyPair::generate()?;
    let mut authority = parameters("Sluice bench CA", Vec::new());
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    write(dir, "ca.pem", &authority.self_signed(&authority_key)?.pem())?;
    let issuer = Issuer::new(authority, authority_key);
    write(dir, "crl.pem", &empty_crl().signed_by(&issuer)?.pem()?)?;

    let names = [
        SanType::DnsName("localhost".try_into()?),
        SanType::IpAddress([127, 0, 0, 1].into()),
        SanType::IpAddress(std::net::Ipv6Addr::LOCALHOST.into()),
    ];
    let (certificate, key) = issue(&issuer, "localhost", names.to_vec(), ExtendedKeyUsagePurpose::ServerAuth)?;
    write(dir, "server.pem", &certificate)?;
    write_secret(dir, "server.key", &key)?;
    write_secret(dir, "server.both.pem", &format!("{certificate}{key}"))?;

    for system in &options.systems {
        let uri = SanType::URI(format!("urn:sluice:system:{system}").try_into()?);
        let (certificate, key) = issue(&issuer, system, vec![uri], ExtendedKeyUsagePurpose::ClientAuth)?;
        write(dir, &format!("{system}.pem"), &certificate)?;
        write_secret(dir, &format!("{system}.key"), &key)?;
    }

    let token_key = KeyPair::generate()?;
    write_secret(dir, "jwt_es.key", &token_key.serialize_pem())?;
    write(dir, "jwt_es.pub", &token_key.public_key_pem())?;
    write(dir, "jwks.json", &jwks(token_key.public_key_raw())?)
}

fn parameters(common_name: &str, names: Vec<SanType>) -> CertificateParams {
    let mut parameters = CertificateParams::default();
    parameters.not_before = date_time_ymd(FIRST_YEAR, 1, 1);
    parameters.not_after = date_time_ymd(LAST_YEAR, 12, 31);
    parameters.distinguished_name = rcgen::DistinguishedName::new();
    parameters.distinguished_name.push(DnType::CommonName, common_name);
    parameters.subject_alt_names = names;
    parameters
}

fn issue(
    issuer: &Issuer<'_, KeyPair>,
    common_name: &str,
    names: Vec<SanType>,
    usage: ExtendedKeyUsagePurpose,
) -> anyhow::Result<(String, String)> {
    let key = KeyPair::generate()?;
    let mut parameters = parameters(common_name, names);
    parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    parameters.extended_key_usages = vec![usage];
    parameters.use_authority_key_identifier_extension = true;
    let certificate = parameters.signed_by(&key, issuer)?;
    Ok((certificate.pem(), key.serialize_pem()))
}

fn empty_crl() -> CertificateRevocationListParams {
    CertificateRevocationListParams {
        this_update: date_time_ymd(FIRST_YEAR, 1, 1),
        next_update: date_time_ymd(LAST_YEAR, 12, 31),
        crl_number: SerialNumber::from(1_u64),
        issuing_distribution_point: None,
        revoked_certs: Vec::new(),
        key_identifier_method: KeyIdMethod::Sha256,
    }
}

fn jwks(public_point: &[u8]) -> anyhow::Result<String> {
    // SEC 1: 0x04, then x and y of 32 bytes each.
    let (x, y) = public_point
        .strip_prefix(&[4])
        .and_then(|xy| xy.split_at_checked(32))
        .context("public key is not an uncompressed P-256 point")?;
    let key = json!({
        "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": TOKEN_KEY_ID,
        "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y),
    });
    Ok(json!({ "keys": [key] }).to_string())
}

fn write(dir: &Path, name: &str, text: &str) -> anyhow::Result<()> {
    let path = dir.join(name);
    fs::write(&path, text).with_context(|| format!("write {}", path.display()))
}

fn write_secret(dir: &Path, name: &str, text: &str) -> anyhow::Result<()> {
    let path = dir.join(name);
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&path)
        .with_context(|| format!("write {}", path.display()))?;
    file.write_all(text.as_bytes()).with_context(|| format!("write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::sync::Arc;

    use rustls::RootCertStore;
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, UnixTime};
    use rustls::server::WebPkiClientVerifier;

    use super::{Options, run};

    #[test]
    fn client_certificates_are_of_the_authority_and_carry_the_system() {
        let dir = tempfile::tempdir().unwrap();
        run(&Options { dir: dir.path().to_owned(), systems: vec!["bench.main".into(), "other.main".into()] }).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(dir.path().join("ca.pem")).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
        let now = UnixTime::since_unix_epoch(std::time::Duration::from_hours(500_000));
        for system in ["bench.main", "other.main"] {
            let certificate = CertificateDer::from_pem_file(dir.path().join(format!("{system}.pem"))).unwrap();
            verifier.verify_client_cert(&certificate, &[], now).unwrap();
            let uri = format!("urn:sluice:system:{system}");
            assert!(certificate.windows(uri.len()).any(|window| window == uri.as_bytes()), "{uri}");
        }
        let server = CertificateDer::from_pem_file(dir.path().join("server.both.pem")).unwrap();
        assert!(verifier.verify_client_cert(&server, &[], now).is_err(), "a server's certificate is no client's");
    }

    #[test]
    fn private_keys_are_for_the_owner_only() {
        let dir = tempfile::tempdir().unwrap();
        run(&Options { dir: dir.path().join("made"), systems: vec!["bench.main".into()] }).unwrap();
        for name in ["server.key", "server.both.pem", "bench.main.key", "jwt_es.key"] {
            let mode = std::fs::metadata(dir.path().join("made").join(name)).unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0, "{name}");
        }
    }
}
