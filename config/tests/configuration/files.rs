//! Files that the configuration names: each wrong one is told by its name at the key that names it.

use std::fs;

use rcgen::KeyPair;

use crate::site::Site;

#[test]
#[expect(clippy::too_many_lines, reason = "rows of data")]
fn wrong_files_are_named() {
    type Spoil = fn(&Site, &str);
    let gone: Spoil = |site, name| fs::remove_file(site.path(name)).unwrap();
    let folder: Spoil = |site, name| {
        fs::remove_file(site.path(name)).unwrap();
        fs::create_dir(site.path(name)).unwrap();
    };
    let garbage: Spoil = |site, name| site.write(name, "not what is expected");
    let broken_pem: Spoil = |site, name| site.write(name, &site.read(name).replace("\nM", "\n*"));
    let not_der: Spoil =
        |site, name| site.write(name, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    let other_key: Spoil = |site, name| site.write(name, &KeyPair::generate().unwrap().serialize_pem());
    let p384: Spoil =
        |site, name| site.write(name, &KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap().serialize_pem());
    let short: Spoil = |site, name| site.write(name, &"5a".repeat(31));
    let empty: Spoil = |site, name| site.write(name, "");
    let no_keys: Spoil = |site, name| site.write(name, r#"{"keys": []}"#);
    let two_lines: Spoil = |site, name| site.write(name, "one\ntwo");
    let rows: [(&str, Spoil, &str); 20] = [
        (
            "pki/server/cert.pem",
            gone,
            "sluice.toml:16:15: certificate file pki/server/cert.pem cannot be read: No such file or directory (os error 2)",
        ),
        ("pki/server/cert.pem", folder, "sluice.toml:16:15: certificate file pki/server/cert.pem is not a file"),
        (
            "pki/server/cert.pem",
            garbage,
            "sluice.toml:16:15: certificate file pki/server/cert.pem holds no certificate (-----BEGIN CERTIFICATE-----)",
        ),
        ("pki/server/cert.pem", broken_pem, "sluice.toml:16:15: certificate file pki/server/cert.pem holds broken PEM"),
        (
            "pki/server/cert.pem",
            not_der,
            "sluice.toml:16:15: certificate file pki/server/cert.pem holds something that is not an X.509 certificate",
        ),
        (
            "pki/server/key.pem",
            other_key,
            "sluice.toml:17:7: \"key\": this key does not belong to the certificate in pki/server/cert.pem",
        ),
        (
            "pki/server/key.pem",
            garbage,
            "sluice.toml:17:7: \"key\": not a private key in PKCS#8 PEM (-----BEGIN PRIVATE KEY-----): ECDSA P-256, P-384, RSA or Ed25519",
        ),
        (
            "pki/ca.pem",
            gone,
            "sluice.toml:18:13: certificate file pki/ca.pem cannot be read: No such file or directory (os error 2)",
        ),
        (
            "pki/crl.pem",
            garbage,
            "sluice.toml:19:8: revocation list pki/crl.pem holds no readable list (-----BEGIN X509 CRL-----)",
        ),
        (
            "pki/crl.pem",
            gone,
            "sluice.toml:19:8: revocation list pki/crl.pem cannot be read: No such file or directory (os error 2)",
        ),
        (
            "pki/parties/mz/cert.pem",
            gone,
            "catalogue.toml:27:17: certificate file pki/parties/mz/cert.pem cannot be read: No such file or directory (os error 2)",
        ),
        (
            "pki/parties/mz/cert.pem",
            garbage,
            "catalogue.toml:27:17: certificate file pki/parties/mz/cert.pem holds no certificate (-----BEGIN CERTIFICATE-----)",
        ),
        (
            "keys/token.pem",
            gone,
            "sluice.toml:59:15: file:keys/token.pem cannot be read: No such file or directory (os error 2)",
        ),
        (
            "keys/token.pem",
            p384,
            "sluice.toml:59:15: \"signing_key\": not an ECDSA P-256 private key in PKCS#8 PEM; make one: openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256",
        ),
        (
            "keys/subjects.hex",
            short,
            "sluice.toml:80:7: \"key\": the secret must be 64 hexadecimal digits (32 random bytes); make one: openssl rand -hex 32",
        ),
        ("keys/subjects.hex", empty, "sluice.toml:80:7: file:keys/subjects.hex is empty"),
        (
            "keys/sso.jwks.json",
            no_keys,
            "sluice.toml:68:8: key set keys/sso.jwks.json is not {\"keys\": [ … ]} with at least one key",
        ),
        (
            "keys/provider.txt",
            two_lines,
            "catalogue.toml:160:28: \"headers.X-App-Secret\": the secret is not one line of printable ASCII without braces",
        ),
        ("catalogue.toml", gone, "catalogue.toml:1:1: cannot be read: No such file or directory (os error 2)"),
        ("sluice.toml", gone, "sluice.toml:1:1: cannot be read: No such file or directory (os error 2)"),
    ];
    for (name, spoil, expected) in rows {
        let site = Site::of_samples();
        spoil(&site, name);
        assert_eq!(site.faults(), [expected], "{name}");
    }
}

#[test]
fn paths_of_a_binding_start_at_its_file() {
    let site = Site::of_samples();
    let url = "base_url = \"http://10.20.0.12:9002/api\"";
    site.replace("catalogue.toml", url, "base_url = \"https://ga.example.gov.cn\"\ntls = { ca = \"pki/ca.pem\" }");
    let loaded = site.load().unwrap_or_else(|faults| panic!("{faults}"));
    let ca = loaded.catalogue.bindings[1].spec.tls.as_ref().and_then(|tls| tls.ca.clone());
    assert_eq!(ca.as_deref(), site.path("pki/ca.pem").to_str());
    assert_eq!(loaded.catalogue.declared.rest[1].tls.as_ref().and_then(|tls| tls.ca.as_deref()), Some("pki/ca.pem"));
    fs::remove_file(site.path("pki/ca.pem")).unwrap();
    let expected =
        "catalogue.toml:159:14: certificate file pki/ca.pem cannot be read: No such file or directory (os error 2)";
    assert!(site.faults().iter().any(|fault| fault == expected), "{:?}", site.faults());
}

#[test]
fn faults_are_data_for_scripts() {
    let site = Site::of_samples();
    site.replace("sluice.toml", "origin = ", "orgin = ");
    let faults = serde_json::to_value(site.load().unwrap_err()).unwrap();
    assert_eq!(faults[0]["line"], 52);
    assert_eq!(faults[0]["column"], 1);
    assert_eq!(faults[0]["message"], "unknown key \"orgin\"");
    assert_eq!(faults[0]["hint"], "did you mean \"origin\"?");
}
