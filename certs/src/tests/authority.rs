//! What the CA issues and what a verifier makes of it.

use std::sync::Barrier;

use rcgen::{CertificateParams, DnType, IsCa, KeyPair, PublicKeyData as _, SanType};
use rustls::{CertificateError, Error};
use x509_parser::prelude::FromDer as _;
use x509_parser::revocation_list::CertificateRevocationList;

use super::{DAY, NOW, days, der, init, judge_client, judge_server, mode};
use crate::{Authority, CertificateRef, CertsError, Reason, Validity, crl_der, server_names};

fn names(names: &[&str]) -> Vec<rustls_pki_types::ServerName<'static>> {
    server_names(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap()
}

#[test]
fn system_certificate_is_a_client_within_its_validity_only() {
    let dir = tempfile::tempdir().unwrap();
    let mut ca = init(dir.path()).unwrap();
    let cert = der(&ca.issue_system("mz.main", days(5)).unwrap());
    for (unix_s, good) in
        [(NOW - 301, false), (NOW - 300, true), (NOW, true), (NOW + 5 * DAY, true), (NOW + 5 * DAY + 1, false)]
    {
        let said = judge_client(dir.path(), &cert, unix_s);
        assert_eq!(said.is_ok(), good, "{} s from now: {said:?}", unix_s - NOW);
    }
    assert!(judge_server(dir.path(), &cert, "mz.main").is_err(), "a client is no server");
}

#[test]
fn system_certificate_names_its_system_by_uri() {
    let dir = tempfile::tempdir().unwrap();
    let mut ca = init(dir.path()).unwrap();
    let issued = ca.issue_system("mz.main", days(5)).unwrap();
    let cert = der(&issued);
    let (_, parsed) = x509_parser::parse_x509_certificate(&cert).unwrap();
    assert_eq!(parsed.subject().to_string(), "CN=mz.main");
    let san = parsed.subject_alternative_name().unwrap().unwrap();
    let names: Vec<String> = san.value.general_names.iter().map(ToString::to_string).collect();
    assert_eq!(names, ["URI(urn:sluice:system:mz.main)"]);
    let usage = parsed.extended_key_usage().unwrap().unwrap().value;
    assert!(usage.client_auth && !usage.server_auth && !usage.any);
    assert!(!parsed.is_ca());
    let (_, authority) = x509_parser::parse_x509_certificate(ca.certificate()).unwrap();
    parsed.verify_signature(Some(authority.public_key())).unwrap();
    assert_eq!(parsed.issuer().as_raw(), authority.subject().as_raw());
    assert_eq!(issued.entry.fingerprint.0, crate::fingerprint(&cert));
    assert_eq!(parsed.serial.to_bytes_be(), issued.entry.serial.bytes());
}

#[test]
fn server_certificate_is_good_for_its_names_only() {
    let dir = tempfile::tempdir().unwrap();
    let mut ca = init(dir.path()).unwrap();
    let cert = der(&ca.issue_server(&names(&["localhost", "127.0.0.1", "::1"]), days(5)).unwrap());
    for (host, good) in
        [("localhost", true), ("127.0.0.1", true), ("::1", true), ("127.0.0.2", false), ("sluice.gov", false)]
    {
        assert_eq!(judge_server(dir.path(), &cert, host).is_ok(), good, "{host}");
    }
    assert!(judge_client(dir.path(), &cert, NOW).is_err(), "a server is no client");
}

#[test]
fn certificate_of_another_ca_with_the_same_name_is_refused() {
    let (ours, theirs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    init(ours.path()).unwrap();
    let cert = der(&init(theirs.path()).unwrap().issue_system("mz.main", days(5)).unwrap());
    assert!(judge_client(theirs.path(), &cert, NOW).is_ok());
    assert!(judge_client(ours.path(), &cert, NOW).is_err());
}

#[test]
fn revoked_certificate_stands_in_the_crl_and_its_sibling_does_not() {
    let dir = tempfile::tempdir().unwrap();
    let mut ca = init(dir.path()).unwrap();
    let (gone, stays) = (ca.issue_system("mz.main", days(5)).unwrap(), ca.issue_system("mz.main", days(5)).unwrap());
    let which: CertificateRef = gone.entry.fingerprint.to_string().parse().unwrap();
    let (entry, crl) = ca.revoke(&which, Reason::KeyCompromise, NOW + 60).unwrap();
    assert_eq!(entry.revocation.unwrap().at, NOW + 60);

    let (_, parsed) = CertificateRevocationList::from_der(&crl.der).unwrap();
    let listed: Vec<_> = parsed.iter_revoked_certificates().collect();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].serial().to_bytes_be(), gone.entry.serial.bytes());
    assert_eq!(listed[0].reason_code().unwrap().1, x509_parser::x509::ReasonCode::KeyCompromise);
    let said = judge_client(dir.path(), &der(&gone), NOW + 61);
    assert_eq!(said, Err(Error::InvalidCertificate(CertificateError::Revoked)));
    assert!(judge_client(dir.path(), &der(&stays), NOW + 61).is_ok());
}

#[test]
fn crl_number_grows_across_processes_and_next_update_follows_the_days() {
    let dir = tempfile::tempdir().unwrap();
    drop(init(dir.path()).unwrap());
    let mut last = 1;
    for held in [7, 7, 365] {
        let mut ca = Authority::open(dir.path()).unwrap();
        ca.hold_crls_for(held).unwrap();
        let crl = ca.crl(NOW).unwrap();
        assert_eq!(crl.number, last + 1);
        assert_eq!(crl.next_update, NOW + i64::from(held) * DAY);
        let file = std::fs::read(dir.path().join("crl.pem")).unwrap();
        assert_eq!(crl_der(&file).unwrap(), crl.der);
        last = crl.number;
    }
}

#[test]
fn crl_drops_what_expired_more_than_thirty_days_ago() {
    let dir = tempfile::tempdir().unwrap();
    let mut ca = init(dir.path()).unwrap();
    let issued = ca.issue_system("mz.main", days(1)).unwrap();
    ca.revoke(&CertificateRef::Serial(issued.entry.serial), Reason::Unspecified, NOW).unwrap();
    for (unix_s, listed) in [(NOW + 31 * DAY, 1), (NOW + 31 * DAY + 1, 0)] {
        let crl = ca.crl(unix_s).unwrap();
        let (_, parsed) = CertificateRevocationList::from_der(&crl.der).unwrap();
        assert_eq!(parsed.iter_revoked_certificates().count(), listed);
    }
}

#[test]
fn signing_request_gives_its_key_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let mut ca = init(dir.path()).unwrap();
    let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let mut wish = CertificateParams::new(vec!["sluice.gov".to_owned()]).unwrap();
    wish.distinguished_name.push(DnType::CommonName, "ga.main");
    wish.subject_alt_names.push(SanType::URI("urn:sluice:system:ga.main".try_into().unwrap()));
    wish.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let csr = wish.serialize_request(&key).unwrap().pem().unwrap();

    let issued = ca.issue_from_csr(&csr, "mz.main", days(5)).unwrap();
    assert_eq!(issued.key_pem, None);
    let cert = der(&issued);
    let (_, parsed) = x509_parser::parse_x509_certificate(&cert).unwrap();
    assert_eq!(*parsed.public_key().subject_public_key.data, *key.der_bytes());
    assert_eq!(parsed.subject().to_string(), "CN=mz.main");
    let san = parsed.subject_alternative_name().unwrap().unwrap();
    assert_eq!(san.value.general_names.len(), 1);
    assert!(!parsed.is_ca());
    assert!(judge_client(dir.path(), &cert, NOW).is_ok());
}

#[test]
fn renewal_keeps_names_changes_the_key_and_leaves_the_old_one_valid() {
    let dir = tempfile::tempdir().unwrap();
    let mut ca = init(dir.path()).unwrap();
    let system = ca.issue_system("mz.main", days(5)).unwrap();
    let server = ca.issue_server(&names(&["localhost", "::1"]), days(5)).unwrap();
    for old in [system, server] {
        let which = CertificateRef::Serial(old.entry.serial.clone());
        let new = ca.renew(&which, None, Validity::days(NOW + DAY, 5).unwrap()).unwrap();
        assert_eq!((&new.entry.system, &new.entry.names), (&old.entry.system, &old.entry.names));
        assert_eq!(new.entry.not_after, old.entry.not_after + DAY);
        assert_ne!(new.key_pem, old.key_pem);
        assert_eq!(ca.list().iter().find(|entry| **entry == old.entry), Some(&old.entry));
    }
}

#[test]
fn index_survives_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let mut ca = init(dir.path()).unwrap();
    ca.issue_server(&names(&["localhost"]), days(5)).unwrap();
    let issued = ca.issue_system("mz.main", days(5)).unwrap();
    ca.revoke(&CertificateRef::Serial(issued.entry.serial), Reason::Superseded, NOW).unwrap();
    let before = ca.list().to_vec();
    assert_eq!(crate::list(dir.path()).unwrap(), before, "readable beside a running process");
    drop(ca);
    assert_eq!(Authority::open(dir.path()).unwrap().list(), before);
}

#[test]
fn private_files_are_the_owners_alone_and_nothing_is_left_behind() {
    let dir = tempfile::tempdir().unwrap();
    let ca_dir = dir.path().join("a/b");
    init(&ca_dir).unwrap().issue_system("mz.main", days(5)).unwrap();
    for (path, expected) in
        [("", 0o700), ("ca.key", 0o600), ("index.json", 0o600), ("ca.lock", 0o600), ("ca.pem", 0o644)]
    {
        assert_eq!(mode(&ca_dir.join(path)), expected, "{path}");
    }
    assert_eq!(mode(&dir.path().join("a")), 0o700);
    let mut files: Vec<_> = std::fs::read_dir(&ca_dir).unwrap().map(|file| file.unwrap().file_name()).collect();
    files.sort();
    assert_eq!(files, ["ca.key", "ca.lock", "ca.pem", "crl.pem", "index.json"]);
}

#[test]
fn racing_inits_make_one_ca() {
    let dir = tempfile::tempdir().unwrap();
    // The lock belongs to the open file, so threads contend exactly as processes do.
    let start = Barrier::new(8);
    let results: Vec<_> = std::thread::scope(|scope| {
        let racers: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    start.wait();
                    init(dir.path()).map(|ca| ca.fingerprint())
                })
            })
            .collect();
        racers.into_iter().map(|racer| racer.join().unwrap()).collect()
    });
    let made: Vec<_> = results.iter().filter_map(|result| result.as_ref().ok()).collect();
    assert_eq!(made.len(), 1, "{results:?}");
    assert_eq!(*made[0], Authority::open(dir.path()).unwrap().fingerprint());
    for refused in results.iter().filter_map(|result| result.as_ref().err()) {
        assert!(matches!(refused, CertsError::Busy { .. } | CertsError::AuthorityExists { .. }), "{refused}");
    }
}
