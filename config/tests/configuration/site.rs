//! A site's folder: the samples with every file that they name, made fresh for each test.

use std::fs;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, IsCa, Issuer, KeyIdMethod, KeyPair,
    SerialNumber,
};
use sluice_config::{Faults, Loaded};
use tempfile::TempDir;

pub(crate) struct Site {
    folder: TempDir,
}

impl Site {
    /// The samples as they stand.
    pub(crate) fn of_samples() -> Self {
        let site = Self { folder: tempfile::tempdir().unwrap() };
        let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples");
        for name in ["sluice.toml", "catalogue.toml", "calls.toml"] {
            site.write(name, &fs::read_to_string(samples.join(name)).unwrap());
        }
        site.make_pki();
        site.write("keys/token.pem", &KeyPair::generate().unwrap().serialize_pem());
        site.write("keys/subjects.hex", &format!("{}\n", "5a".repeat(32)));
        site.write("keys/sso.jwks.json", r#"{"keys": [{"kty": "EC"}]}"#);
        site.write("keys/provider.txt", "provider-secret-0815\n");
        site
    }

    /// Nothing but a folder.
    pub(crate) fn empty() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn make_pki(&self) {
        let ca_key = KeyPair::generate().unwrap();
        let mut ca = CertificateParams::new(Vec::new()).unwrap();
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        ca.key_usages = vec![rcgen::KeyUsagePurpose::KeyCertSign, rcgen::KeyUsagePurpose::CrlSign];
        self.write("pki/ca.pem", &ca.self_signed(&ca_key).unwrap().pem());
        let issuer = Issuer::new(ca, ca_key);
        for (name, folder) in
            [("exchange.example.gov.cn", "pki/server"), ("mz.main", "pki/parties/mz"), ("ga.main", "pki/parties/ga")]
        {
            let key = KeyPair::generate().unwrap();
            let certificate = CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
            self.write(&format!("{folder}/cert.pem"), &certificate.pem());
            self.write(&format!("{folder}/key.pem"), &key.serialize_pem());
        }
        let list = CertificateRevocationListParams {
            this_update: rcgen::date_time_ymd(2026, 1, 1),
            next_update: rcgen::date_time_ymd(2027, 1, 1),
            crl_number: SerialNumber::from(1_u64),
            issuing_distribution_point: None,
            revoked_certs: Vec::new(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        self.write("pki/crl.pem", &list.signed_by(&issuer).unwrap().pem().unwrap());
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Replaces one text of a file; it must stand there once.
    pub(crate) fn replace(&self, name: &str, old: &str, new: &str) {
        let text = self.read(name);
        assert_eq!(text.matches(old).count(), 1, "{old:?} stands once in {name}");
        self.write(name, &text.replacen(old, new, 1));
    }

    pub(crate) fn load(&self) -> Result<Loaded, Faults> {
        sluice_config::load(&self.path("sluice.toml"))
    }

    /// The faults of the site as lines, without its folder.
    pub(crate) fn faults(&self) -> Vec<String> {
        let prefix = format!("{}/", self.folder.path().display());
        let faults = self.load().expect_err("the site is faulty");
        faults.list().iter().map(|fault| fault.to_string().replace(&prefix, "")).collect()
    }
}
