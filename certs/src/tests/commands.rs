//! `sluice certs` from its arguments to its JSON.

use std::fs;
use std::path::Path;

use rcgen::{CertificateParams, KeyPair};
use serde_json::json;

use super::{DAY, NOW, mode};
use crate::commands::{
    CrlArgs, InitArgs, IssueArgs, ListArgs, RenewArgs, RevokeArgs, Subject, crl, init, issue, list, renew, revoke,
};
use crate::{CertificateRef, CertsError, Reason};

fn init_args(dir: &Path) -> InitArgs {
    InitArgs { dir: dir.join("ca"), name: "测试 CA".to_owned(), days: None, crl_days: None }
}

fn issue_args(dir: &Path, out: &str) -> IssueArgs {
    let subject = Subject::System { id: "mz.main".to_owned(), csr: None };
    IssueArgs { dir: dir.join("ca"), subject, days: Some(30), out: dir.join(out) }
}

#[test]
fn story_from_init_to_revocation() {
    let dir = tempfile::tempdir().unwrap();
    let made = serde_json::to_value(init(&init_args(dir.path()), NOW).unwrap()).unwrap();
    assert_eq!(made["not_after"], "2036-11-21T09:00:00+08:00");
    assert_eq!(made["fingerprint"].as_str().unwrap().len(), 64);

    let issued = issue(&issue_args(dir.path(), "mz"), NOW).unwrap();
    assert_eq!(mode(issued.key.as_ref().unwrap()), 0o600);
    let shown = serde_json::to_value(&issued).unwrap();
    assert_eq!(
        shown,
        json!({
            "serial": issued.entry.serial.to_string(),
            "subject": "CN=mz.main",
            "system": "mz.main",
            "not_before": "2026-11-22T08:55:00+08:00",
            "not_after": "2026-12-22T09:00:00+08:00",
            "state": "valid",
            "fingerprint": issued.entry.fingerprint.to_string(),
            "certificate": dir.path().join("mz/cert.pem"),
            "key": dir.path().join("mz/key.pem"),
        })
    );

    let which = CertificateRef::Fingerprint(issued.entry.fingerprint);
    let again = RenewArgs {
        dir: dir.path().join("ca"),
        certificate: which.clone(),
        csr: None,
        days: None,
        out: dir.path().join("mz-2"),
    };
    let renewed = renew(&again, NOW + DAY).unwrap();
    assert_eq!(renewed.entry.not_after, NOW + 366 * DAY);

    let args = RevokeArgs { dir: dir.path().join("ca"), certificate: which, reason: Reason::Superseded };
    let gone = serde_json::to_value(revoke(&args, NOW + 2 * DAY).unwrap()).unwrap();
    assert_eq!(gone["state"], "revoked");
    assert_eq!(gone["reason"], "superseded");
    assert_eq!(gone["revoked_at"], "2026-11-24T09:00:00+08:00");
    assert_eq!(gone["crl"]["number"], 2);
    assert_eq!(gone["crl"]["next_update"], "2026-12-01T09:00:00+08:00");

    let published = crl(&CrlArgs { dir: dir.path().join("ca"), days: Some(1) }, NOW + 2 * DAY).unwrap();
    assert_eq!((published.number, published.next_update), (3, NOW + 3 * DAY));
}

#[test]
fn list_shows_all_or_what_ends_soon_and_is_not_revoked() {
    let dir = tempfile::tempdir().unwrap();
    init(&init_args(dir.path()), NOW).unwrap();
    let [gone, _] = ["gone", "soon"].map(|out| issue(&issue_args(dir.path(), out), NOW).unwrap());
    let mut late = issue_args(dir.path(), "late");
    late.days = Some(60);
    issue(&late, NOW).unwrap();
    let revocation = RevokeArgs {
        dir: dir.path().join("ca"),
        certificate: CertificateRef::Serial(gone.entry.serial),
        reason: Reason::Superseded,
    };
    revoke(&revocation, NOW).unwrap();
    for (ending_within_days, shown) in
        [(None, vec![30, 30, 60]), (Some(29), vec![]), (Some(30), vec![30]), (Some(60), vec![30, 60])]
    {
        let args = ListArgs { dir: dir.path().join("ca"), ending_within_days };
        let listed: Vec<i64> =
            list(&args, NOW).unwrap().certificates.iter().map(|entry| (entry.not_after - NOW) / DAY).collect();
        assert_eq!(listed, shown, "{ending_within_days:?}");
    }
}

#[test]
fn existing_files_are_never_overwritten_and_nothing_is_issued() {
    for name in ["cert.pem", "key.pem"] {
        let dir = tempfile::tempdir().unwrap();
        init(&init_args(dir.path()), NOW).unwrap();
        fs::create_dir(dir.path().join("mz")).unwrap();
        fs::write(dir.path().join("mz").join(name), "precious").unwrap();
        let refused = issue(&issue_args(dir.path(), "mz"), NOW);
        assert!(matches!(refused, Err(CertsError::Io { .. })), "{refused:?}");
        assert_eq!(fs::read(dir.path().join("mz").join(name)).unwrap(), b"precious");
        assert!(crate::list(&dir.path().join("ca")).unwrap().is_empty());
    }
}

#[test]
fn signing_request_comes_from_its_file_and_leaves_no_key() {
    let dir = tempfile::tempdir().unwrap();
    init(&init_args(dir.path()), NOW).unwrap();
    let file = dir.path().join("mz.csr");
    let mut args = issue_args(dir.path(), "mz");
    args.subject = Subject::System { id: "mz.main".to_owned(), csr: Some(file.clone()) };

    let missing = issue(&args, NOW).unwrap_err();
    assert!(missing.to_string().contains("mz.csr"), "{missing}");
    fs::write(&file, vec![b'x'; 20_000]).unwrap();
    assert!(matches!(issue(&args, NOW), Err(CertsError::TooLarge { .. })));

    let key = KeyPair::generate().unwrap();
    let request = CertificateParams::default().serialize_request(&key).unwrap().pem().unwrap();
    fs::write(&file, request).unwrap();
    let issued = issue(&args, NOW).unwrap();
    assert_eq!(issued.key, None);
    assert!(!dir.path().join("mz/key.pem").exists());
}

#[test]
fn server_is_not_renewed_with_a_signing_request() {
    let dir = tempfile::tempdir().unwrap();
    init(&init_args(dir.path()), NOW).unwrap();
    let mut args = issue_args(dir.path(), "gw");
    args.subject = Subject::Server { names: vec!["gw.local".to_owned(), "10.0.0.1".to_owned()] };
    let issued = issue(&args, NOW).unwrap();
    assert_eq!(issued.entry.names, ["gw.local", "10.0.0.1"]);

    let csr = dir.path().join("x.csr");
    let request = CertificateParams::default().serialize_request(&KeyPair::generate().unwrap()).unwrap();
    fs::write(&csr, request.pem().unwrap()).unwrap();
    let again = RenewArgs {
        dir: dir.path().join("ca"),
        certificate: CertificateRef::Serial(issued.entry.serial),
        csr: Some(csr),
        days: None,
        out: dir.path().join("gw-2"),
    };
    assert!(matches!(renew(&again, NOW), Err(CertsError::CsrForServer { .. })));
}

#[test]
fn command_without_a_ca_says_where_and_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let args = ListArgs { dir: dir.path().join("ca"), ending_within_days: None };
    for error in [
        list(&args, NOW).unwrap_err(),
        issue(&issue_args(dir.path(), "mz"), NOW).unwrap_err(),
        crl(&CrlArgs { dir: dir.path().join("ca"), days: None }, NOW).unwrap_err(),
    ] {
        assert!(matches!(error, CertsError::NoAuthority { .. }), "{error}");
        let text = error.to_string();
        assert!(text.contains(&*dir.path().join("ca").to_string_lossy()), "{text}");
        assert!(text.contains("sluice certs init"), "{text}");
    }
}
