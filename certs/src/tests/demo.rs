//! The demo's PKI: complete, kept on restart, mended where it no longer holds.

use std::fs;
use std::path::Path;

use rustls::{CertificateError, Error};

use super::{DAY, NOW, judge_client, judge_server, mode};
use crate::demo::{DemoPki, lay_out};
use crate::{CertsError, certificate_der, fingerprint};

const PARTIES: [&str; 3] = ["mz", "ga", "wj"];

fn lay(dir: &Path, now: i64) -> DemoPki {
    lay_out(dir, &PARTIES, "mz", now).unwrap()
}

#[test]
fn every_party_has_a_good_certificate_where_the_interface_says() {
    let dir = tempfile::tempdir().unwrap();
    let laid = lay(dir.path(), NOW);
    let pki = dir.path().join("pki");
    assert_eq!(laid.ca, pki.join("ca.pem"));
    assert_eq!(laid.crl, pki.join("crl.pem"));
    let revoked = Err(Error::InvalidCertificate(CertificateError::Revoked));
    let rows = [
        ("mz", "mz.main", Ok(())),
        ("ga", "ga.main", Ok(())),
        ("wj", "wj.main", Ok(())),
        ("unknown", "unknown.main", Ok(())),
        ("revoked", "mz.main", revoked),
    ];
    for (key, system, expected) in rows {
        let folder = pki.join("parties").join(key);
        let der = certificate_der(&fs::read(folder.join("cert.pem")).unwrap()).unwrap();
        assert_eq!(judge_client(&pki, &der, NOW), expected, "{key}");
        assert_eq!(mode(&folder.join("key.pem")), 0o600);
        assert_eq!(mode(&folder), 0o700);
        let (_, cert) = x509_parser::parse_x509_certificate(&der).unwrap();
        let san = cert.subject_alternative_name().unwrap().unwrap();
        assert_eq!(san.value.general_names[0].to_string(), format!("URI(urn:sluice:system:{system})"));
        let known = match key {
            "unknown" => &laid.unknown,
            "revoked" => &laid.revoked,
            party => &laid.parties[party],
        };
        assert_eq!(known.fingerprint, fingerprint(&der), "{key}");
        assert_eq!(known.cert, folder.join("cert.pem"));
    }
    let server = certificate_der(&fs::read(pki.join("server/cert.pem")).unwrap()).unwrap();
    for host in ["localhost", "127.0.0.1", "::1"] {
        assert_eq!(judge_server(&pki, &server, host), Ok(()), "{host}");
    }
}

#[test]
fn laying_out_again_changes_no_file() {
    let dir = tempfile::tempdir().unwrap();
    let first = lay(dir.path(), NOW);
    let before = snapshot(dir.path());
    assert_eq!(lay(dir.path(), NOW + 300 * DAY), first);
    assert_eq!(snapshot(dir.path()), before);
}

fn snapshot(dir: &Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(snapshot(&path));
        } else {
            files.push((path.clone(), fs::read(path).unwrap()));
        }
    }
    files.sort();
    files
}

#[test]
fn only_what_is_damaged_is_made_again() {
    type Damage = fn(&Path);
    let damages: [(&str, Damage); 5] = [
        ("certificate gone", |folder| {
            fs::remove_file(folder.join("cert.pem")).unwrap();
        }),
        ("key gone", |folder| {
            fs::remove_file(folder.join("key.pem")).unwrap();
        }),
        ("folder gone", |folder| fs::remove_dir_all(folder).unwrap()),
        ("certificate is garbage", |folder| {
            fs::write(folder.join("cert.pem"), "x").unwrap();
        }),
        ("another's certificate", |folder| {
            let other = folder.with_file_name("ga");
            for name in ["cert.pem", "key.pem"] {
                fs::copy(other.join(name), folder.join(name)).unwrap();
            }
        }),
    ];
    for (what, damage) in damages {
        for key in ["mz", "revoked"] {
            let dir = tempfile::tempdir().unwrap();
            let before = lay(dir.path(), NOW);
            let pki = dir.path().join("pki");
            damage(&pki.join("parties").join(key));
            let after = lay(dir.path(), NOW + 60);
            assert_eq!(after.parties["ga"], before.parties["ga"], "{what}");
            assert_eq!(after.server, before.server, "{what}");
            let (old, new) = match key {
                "mz" => (&before.parties["mz"], &after.parties["mz"]),
                _ => (&before.revoked, &after.revoked),
            };
            assert_ne!(old.fingerprint, new.fingerprint, "{what}");
            let der = certificate_der(&fs::read(&new.cert).unwrap()).unwrap();
            let good = judge_client(&pki, &der, NOW + 60).is_ok();
            assert_eq!(good, key == "mz", "{what}");
        }
    }
}

#[test]
fn what_ends_within_a_day_is_made_again() {
    for (now, same) in [(NOW + 364 * DAY, true), (NOW + 364 * DAY + 1, false)] {
        let dir = tempfile::tempdir().unwrap();
        let before = lay(dir.path(), NOW);
        let after = lay(dir.path(), now);
        assert_eq!(before == after, same);
        assert_eq!(before.ca, after.ca);
        let pki = dir.path().join("pki");
        let der = certificate_der(&fs::read(pki.join("parties/mz/cert.pem")).unwrap()).unwrap();
        assert_eq!(judge_client(&pki, &der, now + DAY), Ok(()), "with the CRL of then");
    }
}

#[test]
fn lost_or_foreign_crl_is_made_again() {
    let dir = tempfile::tempdir().unwrap();
    let pki = dir.path().join("pki");
    let laid = lay(dir.path(), NOW);
    let other = tempfile::tempdir().unwrap();
    lay(other.path(), NOW);
    let revoked = certificate_der(&fs::read(&laid.revoked.cert).unwrap()).unwrap();
    let foreign = fs::read(other.path().join("pki/crl.pem")).unwrap();
    for content in [None, Some(b"x".to_vec()), Some(foreign)] {
        match content {
            None => fs::remove_file(&laid.crl).unwrap(),
            Some(bytes) => fs::write(&laid.crl, bytes).unwrap(),
        }
        assert_eq!(lay(dir.path(), NOW), laid);
        let said = judge_client(&pki, &revoked, NOW);
        assert_eq!(said, Err(Error::InvalidCertificate(CertificateError::Revoked)));
    }
}

#[test]
fn party_that_joins_gets_a_certificate_and_the_others_keep_theirs() {
    let dir = tempfile::tempdir().unwrap();
    let before = lay(dir.path(), NOW);
    let after = lay_out(dir.path(), &["mz", "ga", "wj", "town"], "mz", NOW).unwrap();
    assert_eq!(after.parties.len(), 4);
    for party in PARTIES {
        assert_eq!(before.parties[party], after.parties[party]);
    }
}

#[test]
fn keys_that_are_no_folders_or_reserved_are_refused_before_anything_is_made() {
    for party in ["../mz", "", "a/b", "unknown", "revoked", ".."] {
        let dir = tempfile::tempdir().unwrap();
        let refused = lay_out(dir.path(), &["ga", party], "ga", NOW);
        assert!(matches!(refused, Err(CertsError::SystemId { .. })), "{party}: {refused:?}");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "{party}");
    }
}

#[test]
fn damaged_demo_ca_is_refused_and_kept() {
    let dir = tempfile::tempdir().unwrap();
    lay(dir.path(), NOW);
    fs::write(dir.path().join("pki/index.json"), "{").unwrap();
    let before = snapshot(dir.path());
    let refused = lay_out(dir.path(), &PARTIES, "mz", NOW);
    assert!(matches!(refused, Err(CertsError::Damaged { .. })), "{refused:?}");
    assert_eq!(snapshot(dir.path()), before);
}
