//! What the CA refuses: damaged files, forged requests, impossible wishes.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use base64::Engine as _;
use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384};
use rustls_pki_types::CertificateSigningRequestDer;
use rustls_pki_types::pem::PemObject as _;

use super::{NOW, days, init};
use crate::{Authority, AuthorityTerms, CertificateRef, CertsError, Reason, Validity, server_names};

fn init_with_one(dir: &Path) {
    let mut ca = init(dir).unwrap();
    let issued = ca.issue_system("mz.main", days(5)).unwrap();
    ca.revoke(&CertificateRef::Serial(issued.entry.serial), Reason::Superseded, NOW).unwrap();
    ca.issue_system("ga.main", days(5)).unwrap();
}

#[test]
fn damaged_index_is_refused_and_left_as_it_is() {
    type Damage = fn(&str) -> String;
    let damages: [(&str, Damage); 9] = [
        ("cut off", |text| text[..text.len() / 2].to_owned()),
        ("empty", |_| String::new()),
        ("something after it", |text| format!("{text}{{}}")),
        ("unknown member", |text| text.replacen("\"format\"", "\"colour\": 1, \"format\"", 1)),
        ("another format", |text| text.replacen("\"format\": 1", "\"format\": 2", 1)),
        ("revoked without a reason", |text| text.replacen("\"reason\": \"superseded\",", "", 1)),
        ("valid with a revocation", |text| text.replacen("\"revoked\"", "\"valid\"", 1)),
        ("serial too short", |text| text.replacen("\"serial\": \"", "\"serial\": \"x", 1)),
        ("nobody's", |text| text.replacen("\"system\": \"ga.main\",", "", 1)),
    ];
    for (what, damage) in damages {
        let dir = tempfile::tempdir().unwrap();
        init_with_one(dir.path());
        let file = dir.path().join("index.json");
        let before = fs::read_to_string(&file).unwrap();
        let after = damage(&before);
        assert_ne!(before, after, "{what}: the damage does nothing");
        fs::write(&file, &after).unwrap();
        for result in [Authority::open(dir.path()).map(|_| ()), crate::list(dir.path()).map(|_| ())] {
            let error = result.expect_err(what);
            assert!(matches!(&error, CertsError::Damaged { file: named, .. } if *named == file), "{what}: {error}");
        }
        assert_eq!(fs::read_to_string(&file).unwrap(), after, "{what}");
    }
}

#[test]
fn index_with_a_certificate_twice_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    init_with_one(dir.path());
    let file = dir.path().join("index.json");
    let mut index: serde_json::Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    let list = index["certificates"].as_array_mut().unwrap();
    list.push(list[0].clone());
    fs::write(&file, index.to_string()).unwrap();
    assert!(matches!(Authority::open(dir.path()), Err(CertsError::Damaged { .. })));
}

#[test]
fn missing_or_foreign_file_of_a_ca_is_refused_by_name() {
    let other = tempfile::tempdir().unwrap();
    init(other.path()).unwrap();
    for name in ["ca.pem", "ca.key", "index.json"] {
        let dir = tempfile::tempdir().unwrap();
        init(dir.path()).unwrap();
        let file = dir.path().join(name);
        fs::copy(other.path().join(name), &file).unwrap();
        assert!(matches!(Authority::open(dir.path()), Err(CertsError::Damaged { .. })), "foreign {name}");
        fs::remove_file(&file).unwrap();
        let error = Authority::open(dir.path()).unwrap_err();
        assert!(matches!(&error, CertsError::Damaged { file: named, .. } if *named == file), "{error}");
        let terms = AuthorityTerms { name: "x", validity: days(5), crl_days: 7 };
        let error = Authority::init(dir.path(), terms, NOW).unwrap_err();
        assert!(matches!(error, CertsError::AuthorityExists { .. }), "init beside the rest: {error}");
    }
}

#[test]
fn init_never_overwrites_and_one_that_was_cut_off_is_made_anew() {
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(Authority::open(dir.path()), Err(CertsError::NoAuthority { .. })));
    let first = init(dir.path()).unwrap().fingerprint();
    assert!(matches!(init(dir.path()), Err(CertsError::AuthorityExists { .. })));
    assert_eq!(Authority::open(dir.path()).unwrap().fingerprint(), first);

    fs::write(dir.path().join("init.unfinished"), "").unwrap();
    fs::remove_file(dir.path().join("index.json")).unwrap();
    assert!(matches!(Authority::open(dir.path()), Err(CertsError::NoAuthority { .. })));
    let second = init(dir.path()).unwrap().fingerprint();
    assert_ne!(first, second);
    assert_eq!(Authority::open(dir.path()).unwrap().fingerprint(), second);
}

#[test]
fn ca_in_use_is_busy_and_free_afterwards() {
    let dir = tempfile::tempdir().unwrap();
    let ca = init(dir.path()).unwrap();
    assert!(matches!(Authority::open(dir.path()), Err(CertsError::Busy { .. })));
    drop(ca);
    Authority::open(dir.path()).unwrap();
}

#[test]
fn key_that_others_can_read_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    init(dir.path()).unwrap();
    for (mode, good) in [(0o600, true), (0o400, true), (0o640, false), (0o604, false)] {
        fs::set_permissions(dir.path().join("ca.key"), fs::Permissions::from_mode(mode)).unwrap();
        let opened = Authority::open(dir.path()).map(|_| ());
        assert_eq!(opened.is_ok(), good, "{mode:o}: {opened:?}");
        if let Err(error) = opened {
            assert!(matches!(error, CertsError::KeyExposed { .. }), "{error}");
        }
    }
}

fn csr(key: &KeyPair) -> String {
    CertificateParams::default().serialize_request(key).unwrap().pem().unwrap()
}

#[test]
fn bad_signing_requests_are_refused_and_nothing_is_issued() {
    let dir = tempfile::tempdir().unwrap();
    let mut ca = init(dir.path()).unwrap();
    let good = csr(&KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap());
    let mut der = CertificateSigningRequestDer::from_pem_slice(good.as_bytes()).unwrap().to_vec();
    // The last byte is the end of the signature.
    *der.last_mut().unwrap() ^= 1;
    let forged = pem("CERTIFICATE REQUEST", &der);
    let rows = [
        ("signature", forged),
        ("trailing bytes", {
            *der.last_mut().unwrap() ^= 1;
            pem("CERTIFICATE REQUEST", &[&der[..], &[0]].concat())
        }),
        ("P-384", csr(&KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap())),
        ("not PEM", "hello".to_owned()),
        ("empty", String::new()),
        ("a certificate", pem("CERTIFICATE", ca.certificate())),
        ("wrong label", pem("CERTIFICATE", &der)),
        ("garbage", pem("CERTIFICATE REQUEST", b"garbage")),
        ("too large", format!("{}{good}", "\n".repeat(16 * 1024))),
    ];
    for (what, request) in rows {
        let refused = ca.issue_from_csr(&request, "mz.main", days(5));
        assert!(matches!(refused, Err(CertsError::Csr { .. })), "{what}: {refused:?}");
    }
    assert!(ca.list().is_empty());
    ca.issue_from_csr(&good, "mz.main", days(5)).unwrap();
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n")
}

#[test]
fn names_that_cannot_be_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let mut ca = init(dir.path()).unwrap();
    let long = "a".repeat(65);
    for id in ["", "..", ".mz", "-mz", "mz/main", "mz main", "mz\0", "民政", "mz\n", &long] {
        let refused = ca.issue_system(id, days(5));
        assert!(matches!(refused, Err(CertsError::SystemId { .. })), "{id:?}");
    }
    ca.issue_system(&"a".repeat(64), days(5)).unwrap();

    for name in ["", "*.gov", "a b", "127.0.0.256", "localhost\0", "民政"] {
        let refused = server_names(&[name.to_owned()]);
        assert!(matches!(refused, Err(CertsError::ServerName { .. })), "{name:?}: {refused:?}");
    }
    for count in [0, 33] {
        let names = server_names(&vec!["localhost".to_owned(); count]).unwrap();
        let refused = ca.issue_server(&names, days(5));
        assert!(matches!(refused, Err(CertsError::ServerNameCount { .. })), "{count}");
    }
    assert_eq!(ca.list().len(), 1);
}

#[test]
fn ca_names_are_bounded() {
    for (name, good) in
        [("数".repeat(64), true), (String::new(), false), ("数".repeat(65), false), ("a\nb".into(), false)]
    {
        let dir = tempfile::tempdir().unwrap();
        let terms = AuthorityTerms { name: &name, validity: days(5), crl_days: 7 };
        assert_eq!(Authority::init(dir.path(), terms, NOW).is_ok(), good, "{name:?}");
    }
}

#[test]
fn validity_stays_within_reason_and_within_the_ca() {
    for (now, length, good) in [
        (NOW, 0, false),
        (NOW, 1, true),
        (NOW, 7_305, true),
        (NOW, 7_306, false),
        (-1, 1, false),
        (i64::MIN, 1, false),
        (i64::MAX, 1, false),
        (253_402_300_799, 1, false),
    ] {
        assert_eq!(Validity::days(now, length).is_ok(), good, "{now} {length}");
    }
    let dir = tempfile::tempdir().unwrap();
    let mut ca = init(dir.path()).unwrap();
    for (validity, good) in [
        (days(3_650), true),
        (days(3_651), false),
        (Validity::days(NOW - 1, 5).unwrap(), false),
        (Validity::days(NOW + 3_650 * 86_400, 1).unwrap(), false),
    ] {
        let issued = ca.issue_system("mz.main", validity);
        assert_eq!(issued.is_ok(), good, "{issued:?}");
        if let Err(error) = issued {
            assert!(matches!(error, CertsError::OutsideAuthority { .. }), "{error}");
        }
    }
}

#[test]
fn revocation_is_final_and_of_what_was_issued() {
    let dir = tempfile::tempdir().unwrap();
    let mut ca = init(dir.path()).unwrap();
    let serial = ca.issue_system("mz.main", days(5)).unwrap().entry.serial;
    let which = CertificateRef::Serial(serial);
    ca.revoke(&which, Reason::KeyCompromise, NOW).unwrap();
    let again = ca.revoke(&which, Reason::Superseded, NOW + 1);
    assert!(matches!(again, Err(CertsError::AlreadyRevoked { at: NOW, .. })), "{again:?}");
    assert!(matches!(ca.renew(&which, None, days(5)), Err(CertsError::AlreadyRevoked { .. })));

    let stranger: CertificateRef = "00".repeat(32).parse().unwrap();
    assert!(matches!(ca.revoke(&stranger, Reason::Superseded, NOW), Err(CertsError::NotFound { .. })));
    assert!(matches!(ca.renew(&stranger, None, days(5)), Err(CertsError::NotFound { .. })));
}

#[test]
fn references_and_reasons_are_read_as_other_tools_print_them() {
    let hex = "4a".repeat(16);
    for (text, good) in [
        (hex.clone(), true),
        (hex.to_uppercase(), true),
        (vec!["4A"; 16].join(":"), true),
        (vec!["4A"; 32].join(":"), true),
        ("4a".repeat(15), false),
        ("zz".repeat(16), false),
        (String::new(), false),
        ("数".repeat(16), false),
    ] {
        assert_eq!(text.parse::<CertificateRef>().is_ok(), good, "{text}");
    }
    assert_eq!("key_compromise".parse::<Reason>().unwrap(), Reason::KeyCompromise);
    let error = "bored".parse::<Reason>().unwrap_err().to_string();
    assert!(error.contains("bored") && error.contains("superseded"), "{error}");
}

#[test]
fn private_keys_show_nothing_in_debug() {
    let dir = tempfile::tempdir().unwrap();
    let mut ca = init(dir.path()).unwrap();
    let issued = ca.issue_system("mz.main", days(5)).unwrap();
    let secret = issued.key_pem.as_ref().unwrap().secret().lines().nth(1).unwrap().to_owned();
    let ca_secret = fs::read_to_string(dir.path().join("ca.key")).unwrap().lines().nth(1).unwrap().to_owned();
    let shown = format!("{issued:?} {ca:?}");
    assert!(!shown.contains(&secret) && !shown.contains(&ca_secret) && !shown.contains("PRIVATE"));
}
