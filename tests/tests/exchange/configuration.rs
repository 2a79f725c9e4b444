//! `sluice check` and what the process does with a configuration that does not hold.

use std::fs;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use sluice_tests::binary::{sluice, workspace};
use sluice_tests::city::City;
use sluice_tests::clock;
use sluice_tests::process::{Ended, run};
use sluice_tests::provider::Provider;
use sluice_tests::site::{Changes, Site};

use super::problem;

fn check(site: &Site) -> Ended {
    run(Command::new(sluice()).arg("check").arg("--config").arg(site.config()))
}

/// A line of a file that is replaced, and what the message must then name.
struct Row {
    file: &'static str,
    from: &'static str,
    to: &'static str,
    says: &'static [&'static str],
}

const ROWS: [Row; 14] = [
    Row { file: "sluice.toml", from: "[ledger]", to: "[ledgr]", says: &["ledgr", "\"ledger\""] },
    Row { file: "sluice.toml", from: "public_url", to: "publik_url", says: &["publik_url", "public_url"] },
    Row { file: "sluice.toml", from: "origin =", to: "orign =", says: &["orign", "\"origin\""] },
    Row {
        file: "sluice.toml",
        from: "certificate = \"pki/server/cert.pem\"",
        to: "certificate = \"pki/none.pem\"",
        says: &["certificate", "none.pem"],
    },
    Row {
        file: "sluice.toml",
        from: "client_ca = \"pki/ca.pem\"",
        to: "client_ca = \"sluice.toml\"",
        says: &["certificate"],
    },
    Row {
        file: "sluice.toml",
        from: "files = [\"catalogue.toml\"",
        to: "files = [\"nothing.toml\"",
        says: &["nothing.toml"],
    },
    Row {
        file: "sluice.toml",
        from: "segment_bytes = 8388608",
        to: "segment_bytes = \"many\"",
        says: &["segment_bytes"],
    },
    Row { file: "catalogue.toml", from: "share_type", to: "share_tpye", says: &["share_tpye", "share_type"] },
    Row {
        file: "catalogue.toml",
        from: "\"conditional\"",
        to: "\"konditional\"",
        says: &["konditional", "conditional"],
    },
    Row { file: "catalogue.toml", from: "provider = \"give\"", to: "provider = \"gibe\"", says: &["gibe", "give"] },
    Row { file: "catalogue.toml", from: "party = \"ask\"", to: "party = \"akk\"", says: &["akk", "ask"] },
    Row { file: "catalogue.toml", from: "purposes = [\"P1\"]", to: "purposes = [\"P9\"]", says: &["P9"] },
    Row { file: "bindings.toml", from: "base_url", to: "base_ur1", says: &["base_ur1", "base_url"] },
    Row { file: "bindings.toml", from: "http://127", to: "gopher://127", says: &["base_url"] },
];

#[test]
fn a_mistake_is_named_with_its_line_and_the_nearest_word() {
    let city = City::small();
    let provider = Provider::of(&city);
    let mut site = Site::serve(&city, &provider.url(), &Changes::default());
    site.stop();
    let fine = check(&site);
    assert_eq!(fine.code, 0, "{}{}", fine.stdout, fine.stderr);
    for row in ROWS {
        let path = site.file(row.file);
        let before = fs::read_to_string(&path).unwrap();
        assert!(before.contains(row.from), "{} has no {}:\n{before}", row.file, row.from);
        let after = before.replacen(row.from, row.to, 1);
        fs::write(&path, &after).unwrap();
        let checked = check(&site);
        let said = checked.stdout + &checked.stderr;
        assert_eq!(checked.code, 78, "{}: {said}", row.to);
        row.says.iter().for_each(|word| assert!(said.contains(word), "{}: {word} in {said}", row.to));
        // A file that is not there has no line; the message is about that file.
        let place = if said.contains("nothing.toml:") { "nothing.toml" } else { row.file };
        let has_line = said
            .split(place)
            .skip(1)
            .any(|rest| rest.strip_prefix(':').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit())));
        assert!(has_line, "{}: file:line in {said}", row.to);
        let served = run(Command::new(sluice()).arg("serve").arg("--config").arg(site.config()));
        assert_eq!(served.code, 78, "serve with {}: {}", row.to, served.stderr);
        let json = run(Command::new(sluice()).args(["check", "--json", "--config"]).arg(site.config()));
        assert_eq!(json.code, 78);
        assert!(serde_json::from_str::<Value>(&json.stdout).is_ok(), "{}", json.stdout);
        fs::write(&path, before).unwrap();
    }
    let missing = run(Command::new(sluice()).args(["check", "--config"]).arg(site.file("nothing.toml")));
    assert_eq!(missing.code, 78, "{}", missing.stderr);
    assert_eq!(check(&site).code, 0);
}

#[test]
fn the_samples_are_valid_but_for_the_files_of_their_site() {
    for sample in ["sluice.toml", "catalogue.toml"] {
        let text = fs::read_to_string(workspace().join("config/samples").join(sample)).unwrap();
        assert!(text.parse::<toml::Table>().is_ok(), "{sample}");
    }
}

#[test]
fn an_outdated_revocation_list_closes_the_exchange() {
    let city = City::small();
    let provider = Provider::of(&city);
    let mut site = Site::serve(&city, &provider.url(), &Changes::default());
    site.stop();
    let ca_pem = fs::read_to_string(site.file("pki/ca.pem")).unwrap();
    let key = rcgen::KeyPair::from_pem(&fs::read_to_string(site.file("pki/ca.key")).unwrap()).unwrap();
    let issuer = rcgen::Issuer::from_ca_cert_pem(&ca_pem, key).unwrap();
    let outdated = rcgen::CertificateRevocationListParams {
        this_update: rcgen::date_time_ymd(2020, 1, 1),
        next_update: rcgen::date_time_ymd(2020, 2, 1),
        crl_number: rcgen::SerialNumber::from(9000_u64),
        issuing_distribution_point: None,
        revoked_certs: Vec::new(),
        key_identifier_method: rcgen::KeyIdMethod::Sha256,
    };
    fs::write(site.file("pki/crl.pem"), outdated.signed_by(&issuer).unwrap().pem().unwrap()).unwrap();
    site.start_unready();
    let told = clock::within(Duration::from_secs(10), "the policy is told stale", || {
        site.ops("/readyz?verbose").1.contains("[-]policy").then_some(())
    });
    assert!(told.is_ok(), "{}", site.ops("/readyz?verbose").1);
    let answer = site.send(&site.identity("ask"), &city.good_call());
    problem::check("an outdated list", &answer, "policy.stale");
    assert!(provider.questions().is_empty());
    let suspended = site.send(&site.identity("gone"), &city.good_call());
    problem::check("a suspended party is told so first", &suspended, "party.suspended");
}

#[test]
fn a_ledger_has_one_writer() {
    let city = City::small();
    let provider = Provider::of(&city);
    let site = Site::serve(&city, &provider.url(), &Changes::default());
    let other = site.file("other.toml");
    let text = fs::read_to_string(site.config()).unwrap();
    let base = sluice_tests::exchange::Exchange::free_base();
    let text = text
        .replace(&site.base.to_string(), &base.to_string())
        .replace(&(site.base + 2).to_string(), &(base + 2).to_string());
    fs::write(&other, text).unwrap();
    let second = run(Command::new("timeout").arg("20").arg(sluice()).arg("serve").arg("--config").arg(&other));
    assert_eq!(second.code, 1, "{}{}", second.stdout, second.stderr);
    assert!(second.stderr.contains("ledger"), "{}", second.stderr);
    let same_ports =
        run(Command::new("timeout").arg("20").arg(sluice()).arg("serve").arg("--config").arg(site.config()));
    assert_eq!(same_ports.code, 1, "{}{}", same_ports.stdout, same_ports.stderr);
    let ports = [site.base.to_string(), (site.base + 2).to_string()];
    assert!(ports.iter().any(|port| same_ports.stderr.contains(port)), "the port is named: {}", same_ports.stderr);
    assert_eq!(site.send(&site.identity("ask"), &city.good_call()).code(), "ok");
}

#[test]
fn wrong_usage_ends_with_two() {
    let rows: [&[&str]; 5] = [&[], &["serve"], &["frobnicate"], &["demo", "--port", "none"], &["ledger", "show"]];
    for row in rows {
        let ended = run(Command::new(sluice()).args(row));
        assert_eq!(ended.code, 2, "{row:?}: {}{}", ended.stdout, ended.stderr);
        assert!(ended.stderr.contains("--help"), "{row:?}: {}", ended.stderr);
    }
    assert_eq!(run(Command::new(sluice()).arg("--version")).code, 0);
}
