//! Certificates, authorities, revocation lists and signing keys are replaced while the exchange serves.

use std::fs;
use std::process::Command;
use std::time::Duration;

use sluice_tests::binary::sluice;
use sluice_tests::city::City;
use sluice_tests::client::{Call, Connection, Identity};
use sluice_tests::clock;
use sluice_tests::ledger;
use sluice_tests::process::run;
use sluice_tests::provider::Provider;
use sluice_tests::site::{Changes, Site};
use toml::Value;

use super::problem;
use super::reload::revoke;

#[test]
fn a_new_server_certificate_is_shown_to_new_connections_only() {
    let city = City::small();
    let provider = Provider::of(&city);
    let site = Site::serve(&city, &provider.url(), &Changes::default());
    let (ask, call) = (site.identity("ask"), city.good_call());
    let mut open = site.connect(&ask);
    assert_eq!(open.send(&call).unwrap().code(), "ok");
    let first = open.server_fingerprint();
    let issued = run(Command::new(sluice())
        .args(["certs", "issue", "--server", "localhost", "127.0.0.1", "--days", "20", "--dir"])
        .arg(site.file("pki"))
        .arg("--out")
        .arg(site.file("pki/renewed")));
    assert_eq!(issued.code, 0, "{}", issued.stderr);
    site.change(&[
        ("data.certificate", "pki/renewed/cert.pem".into()),
        ("data.key", "file:pki/renewed/key.pem".into()),
    ]);
    let reloaded = site.reload();
    assert_eq!(reloaded.code, 0, "{}", reloaded.stderr);
    assert_eq!(open.send(&call).unwrap().code(), "ok", "an open connection lives on");
    let mut fresh = site.connect(&ask);
    assert!(!fresh.is_resumed(), "a session of the old configuration is not resumed at the new one");
    assert_eq!(fresh.server_fingerprint(), sluice_tests::client::fingerprint(&site.file("pki/renewed/cert.pem")));
    assert_ne!(fresh.server_fingerprint(), first);
    assert_eq!(fresh.send(&call).unwrap().code(), "ok");
    assert!(site.connect(&ask).is_resumed());
    let ends = site.metric("sluice_cert_expiry_timestamp_seconds{cert=\"server\"}").unwrap();
    let days = (ends - f64::from(u32::try_from(clock::unix_s()).unwrap())) / 86_400.0;
    assert!((19.0..21.0).contains(&days), "{days}");
}

#[test]
fn an_authority_that_is_trusted_no_more_loses_its_connections() {
    let city = City::small();
    let provider = Provider::of(&city);
    let site = Site::serve(&city, &provider.url(), &Changes::default());
    let (ask, call) = (site.identity("ask"), city.good_call());
    let (mut http1, mut idle) = (site.connect(&ask), site.connect(&ask));
    assert_eq!(http1.send(&call).unwrap().code(), "ok");
    let made =
        run(Command::new(sluice()).args(["certs", "init", "--name", "another CA", "--dir"]).arg(site.file("other-ca")));
    assert_eq!(made.code, 0, "{}", made.stderr);
    site.change(&[
        ("data.client_ca", "other-ca/ca.pem".into()),
        ("data.crl", Value::Array(vec!["other-ca/crl.pem".into()])),
    ]);
    let reloaded = site.reload();
    assert_eq!(reloaded.code, 0, "{}", reloaded.stderr);
    assert!(idle.is_closed());
    assert!(http1.is_closed());
    let again = Connection::open(&ask, site.base).and_then(|mut connection| connection.send(&call));
    assert!(again.is_err(), "{again:?}");
}

#[test]
fn revocation_lists_are_taken_over_by_themselves() {
    let city = City::small();
    let provider = Provider::of(&city);
    let settings = vec![("data.crl_check_s", 1.into())];
    let site = Site::serve(&city, &provider.url(), &Changes { settings, ..Changes::default() });
    let (ask, call) = (site.identity("ask"), city.good_call());
    let mut connection = site.connect(&ask);
    assert_eq!(connection.send(&call).unwrap().code(), "ok");
    let good = fs::read(site.file("pki/crl.pem")).unwrap();
    fs::write(site.file("pki/crl.pem"), "half a lis").unwrap();
    let noticed = clock::within(Duration::from_secs(10), "the broken list is told", || {
        site.metric("sluice_config_last_reload_successful").filter(|value| *value == 0.0)
    });
    assert!(noticed.is_ok());
    assert_eq!(connection.send(&call).unwrap().code(), "ok", "the last good list stays in force");
    fs::write(site.file("pki/crl.pem"), good).unwrap();
    revoke(&site, "ask");
    let bites = clock::within(Duration::from_secs(10), "the new list counts", || {
        (connection.send(&call).unwrap().code() == "identity.certificate_revoked").then_some(())
    });
    assert!(bites.is_ok(), "{}", site.process.printed());
    assert_eq!(site.metric("sluice_config_last_reload_successful"), Some(1.0));
    let records = ledger::records(&site.ledger());
    let acts: Vec<_> = records.values().filter(|(_, record)| record["kind"] == "ADMIN").collect();
    assert!(acts.iter().any(|(_, record)| record["action"] == "revocations.reloaded"), "{acts:?}");
}

#[test]
fn tokens_of_a_key_that_was_replaced_are_judged_again() {
    let city = City::small();
    let provider = Provider::of(&city);
    let site = Site::serve(&city, &provider.url(), &Changes::default());
    let (ask, call) = (site.identity("ask"), city.good_call());
    let mut connection = site.connect(&ask);
    assert_eq!(connection.send(&call).unwrap().code(), "ok");
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    fs::write(site.file("other.pem"), key.serialize_pem()).unwrap();
    site.change(&[("tokens.signing_key", "file:other.pem".into())]);
    let reloaded = site.reload();
    assert_eq!(reloaded.code, 0, "{}", reloaded.stderr);
    problem::check("a token of the old key", &connection.send(&call).unwrap(), "identity.token_invalid");
    let fresh = connection.send(&Call::token("grant_type=client_credentials")).unwrap().json();
    let renewed: Identity = ask.with_token(fresh["access_token"].as_str().unwrap());
    assert_eq!(site.send(&renewed, &call).code(), "ok");
}
