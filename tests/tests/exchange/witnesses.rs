//! The gateway and its witnesses, each a process of its own with nothing in common but public keys.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use sluice_tests::authority::{Authority, Issued};
use sluice_tests::city::City;
use sluice_tests::city::small::RESOURCE;
use sluice_tests::city::{Grant, Resource};
use sluice_tests::client::Call;
use sluice_tests::clock;
use sluice_tests::ledger;
use sluice_tests::process::run;
use sluice_tests::provider::Provider;
use sluice_tests::site::{Changes, Site};
use sluice_tests::transparency;
use sluice_tests::witness::Witness;
use toml::{Table, Value};

pub(super) const ORIGIN: &str = "demo.sluice.example/access";
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// A site that stopped after its first start, so that its ledger has a key, and witnesses of that ledger.
fn witnessed(city: &City, provider: &Provider, names: &[&str], quorum: i64) -> (Site, Vec<Witness>) {
    let mut site = Site::serve(city, &provider.url(), &Changes::default());
    site.stop();
    let key = site.ledger().join("keys/checkpoint.vkey");
    let witnesses: Vec<Witness> = names.iter().map(|name| Witness::start(name, ORIGIN, &key)).collect();
    let listed = witnesses.iter().map(Witness::listed).collect();
    site.change(&[
        ("ledger.witnesses", Value::Array(listed)),
        ("ledger.witness.quorum", quorum.into()),
        ("ledger.witness.start_wait_s", 1.into()),
        ("ledger.witness.gate_wait_ms", 2_000.into()),
    ]);
    (site, witnesses)
}

fn metric(site: &Site, name: &str) -> Option<u64> {
    let (_, page) = site.ops("/metrics");
    page.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
}

/// Makes a call and waits until its record is witnessed; gives its index.
pub(super) fn call_until_witnessed(site: &Site, call: &Call) -> u64 {
    let answer = site.send(&site.identity("ask"), call);
    assert_eq!(answer.code(), "ok", "{}", answer.text());
    let index = answer.receipt().expect("a receipt").index;
    let witnessed = || metric(site, "sluice_ledger_witnessed_size").filter(|size| *size > index);
    clock::within(PATIENCE, "the record is witnessed", witnessed).unwrap();
    index
}

pub(super) fn copy(from: &Path, to: &Path) {
    let copied = run(Command::new("cp").arg("-a").arg(from).arg(to));
    assert_eq!(copied.code, 0, "{}", copied.stderr);
}

#[test]
fn a_ledger_restored_from_backup_is_found_at_the_start_and_the_true_one_serves_on() {
    let city = City::small();
    let provider = Provider::of(&city);
    let (mut site, witnesses) = witnessed(&city, &provider, &["w.audit.example"], 1);
    site.start_again();
    call_until_witnessed(&site, &city.good_call());
    site.stop();
    let (ledger, backup, aside) = (site.ledger(), site.file("backup"), site.file("aside"));
    copy(&ledger, &backup);
    site.start_again();
    let index = call_until_witnessed(&site, &city.good_call());
    site.stop();

    fs::rename(&ledger, &aside).unwrap();
    copy(&backup, &ledger);
    assert_eq!(ledger::verify(&ledger, &[]).code, 0, "by itself the backup looks right");
    let printed = site.try_start_again().expect_err("a ledger that was set back must not serve");
    assert!(printed.contains("exit status: 1") && printed.contains("ROLLBACK: witness w.audit.example"), "{printed}");

    // Going on from the backup, without its witness, makes a fork: longer, and yet found.
    site.change(&[("ledger.witnesses", Value::Array(Vec::new())), ("ledger.witness", Value::Table(Table::new()))]);
    site.start_again();
    for _ in 0..20 {
        site.send(&site.identity("ask"), &city.good_call());
    }
    site.stop();
    site.change(&[("ledger.witnesses", Value::Array(vec![witnesses[0].listed()]))]);
    let printed = site.try_start_again().expect_err("a fork must not serve");
    assert!(printed.contains("exit status: 1") && printed.contains("FORK: witness w.audit.example"), "{printed}");

    fs::remove_dir_all(&ledger).unwrap();
    fs::rename(&aside, &ledger).unwrap();
    site.start_again();
    assert!(call_until_witnessed(&site, &city.good_call()) > index);
}

#[test]
fn a_witness_that_dies_delays_nobody_keeps_its_word_and_catches_up() {
    let city = City::small();
    let provider = Provider::of(&city);
    let (mut site, mut witnesses) = witnessed(&city, &provider, &["w.one", "w.two"], 1);
    site.start_again();
    let index = call_until_witnessed(&site, &city.good_call());
    for witness in &mut witnesses {
        witness.process.kill();
    }
    for _ in 0..20 {
        assert_eq!(site.send(&site.identity("ask"), &city.good_call()).code(), "ok");
    }
    let told = || site.ops("/readyz?verbose").1.contains("; w.one: ").then_some(());
    clock::within(PATIENCE, "readyz names the silent witness", told).unwrap();
    assert_eq!(site.ops("/readyz").0, 200, "{}", site.ops("/readyz?verbose").1);
    witnesses[0].start_again();
    assert!(call_until_witnessed(&site, &city.good_call()) > index + 20);

    // With one of two silent, nobody can say that the other's quorum was not larger: the start waits, then ends.
    site.stop();
    let printed = site.try_start_again().expect_err("too few witnesses answer");
    assert!(printed.contains("UNWITNESSED: 2 witnesses must answer") && printed.contains("w.two"), "{printed}");
    site.change(&[("ledger.witness.on_unreachable", "start".into())]);
    site.start_again();
    assert!(site.process.printed().contains("UNWITNESSED start"), "{}", site.process.printed());
}

#[test]
fn receipts_carry_cosignatures_that_an_outsider_can_check() {
    let city = City::small();
    let provider = Provider::of(&city);
    let (mut site, witnesses) = witnessed(&city, &provider, &["w.one", "w.two"], 2);
    site.start_again();
    let index = call_until_witnessed(&site, &city.good_call());
    let receipt = site.send(&site.identity("ask"), &Call::get(&format!("/v1/receipts/{index}"))).json();
    let note = receipt["checkpoint"].as_str().expect("a checkpoint");
    for witness in &witnesses {
        let cosigned_s = transparency::cosigned_at(note, &witness.vkey).unwrap();
        assert!((clock::unix_s() - cosigned_s).abs() < 600);
    }
    let stored = fs::read_to_string(site.ledger().join("witnessed")).unwrap();
    assert!(transparency::cosigned_at(&stored, &witnesses[1].vkey).is_ok());
}

#[test]
fn in_production_a_witness_may_be_on_this_machine_and_must_show_a_certificate_of_its_authority() {
    // No provider may: none is on this machine.
    let mut site = Site::serve(&City::small(), "http://10.20.0.11:9001", &Changes::default());
    site.stop();
    let key = site.ledger().join("keys/checkpoint.vkey");
    let witness = Witness::start_secured("w.secured", ORIGIN, &key);
    let other = Witness::start_secured("w.other", ORIGIN, &key);
    let authority = Authority::new("production");
    let Issued { certificate, key } = authority.server();
    let text = |path: PathBuf| path.display().to_string();
    let settings = [
        ("node.environment", "production".into()),
        ("data.certificate", text(certificate).into()),
        ("data.key", format!("file:{}", text(key)).into()),
        ("data.client_ca", text(authority.ca()).into()),
        ("data.crl", Value::Array(vec![text(authority.crl()).into()])),
        ("ledger.witness.start_wait_s", 1.into()),
    ];
    site.change(&settings);
    let mut listed = witness.listed();
    listed.as_table_mut().unwrap().insert("ca".into(), other.listed()["ca"].clone());
    site.change(&[("ledger.witnesses", Value::Array(vec![listed]))]);
    let printed = site.try_start_again().expect_err("a certificate of another authority");
    assert!(printed.contains("UNWITNESSED") && printed.contains("w.secured"), "{printed}");
    site.change(&[("ledger.witnesses", Value::Array(vec![witness.listed()]))]);
    site.start_again();
    let cosigned = || metric(&site, "sluice_ledger_witnessed_size").filter(|size| *size > 1);
    clock::within(PATIENCE, "its start is witnessed", cosigned).unwrap();
}

#[test]
fn a_gated_resource_answers_only_what_is_witnessed_and_others_do_not_wait() {
    const OTHER: &str = "430689001/000002";
    let mut city = City::small();
    city.resources.push(Resource::small(OTHER));
    city.grants.push(Grant::small("G-2000", OTHER));
    let records = city.records[RESOURCE].clone();
    city.records.insert(OTHER.to_owned(), records);
    let provider = Provider::of(&city);
    let (mut site, mut witnesses) = witnessed(&city, &provider, &["w.one"], 1);
    let path = site.file("catalogue.toml");
    let mut catalogue: Table = fs::read_to_string(&path).unwrap().parse().unwrap();
    for resource in catalogue["resources"].as_array_mut().unwrap() {
        if resource["code"].as_str() == Some(RESOURCE) {
            resource.as_table_mut().unwrap().insert("gate".into(), "local+witness".into());
        }
    }
    fs::write(&path, catalogue.to_string()).unwrap();
    site.start_again();

    let ask = site.identity("ask");
    let (gated, free) =
        (city.good_call(), Call { target: city.good_call().target.replace(RESOURCE, OTHER), ..city.good_call() });
    for call in [gated.clone(), city.good_verify()] {
        let answer = site.send(&ask, &call);
        assert_eq!(answer.code(), "ok", "{}", answer.text());
        let index = answer.receipt().unwrap().index;
        assert!(metric(&site, "sluice_ledger_witnessed_size") > Some(index), "answered before it was witnessed");
    }
    witnesses[0].process.kill();
    let refused = || {
        let asked = provider.questions().len();
        let answer = site.send(&ask, &gated);
        assert_eq!((answer.status, answer.code().as_str()), (503, "ledger.unavailable"));
        assert!(answer.receipt().is_none());
        (provider.questions().len() == asked).then_some(())
    };
    clock::within(PATIENCE, "the provider is not asked once the witness is known to be away", refused).unwrap();
    assert_eq!(refused(), Some(()));
    assert_eq!(site.send(&ask, &free).code(), "ok", "a resource with the usual gate");
    assert_eq!(site.send(&ask, &gated.clone().header("Exchange-Purpose", "NONE")).code(), "purpose.unknown");
    witnesses[0].start_again();
    let served = || (site.send(&ask, &gated).code() == "ok").then_some(());
    clock::within(PATIENCE, "the gated resource answers again", served).unwrap();

    // Without witnesses a gated resource would never answer: that is no configuration.
    site.stop();
    site.change(&[("ledger.witnesses", Value::Array(Vec::new())), ("ledger.witness", Value::Table(Table::new()))]);
    let checked = run(Command::new(sluice_tests::binary::sluice()).arg("check").arg("--config").arg(site.config()));
    assert_eq!(checked.code, 78);
    assert!(checked.stderr.contains("gate = \"local+witness\""), "{}", checked.stderr);
    let checked =
        run(Command::new(sluice_tests::binary::sluice()).arg("check").arg("--config").arg(witnesses[0].config()));
    assert_eq!(checked.code, 0, "{}", checked.stderr);
}
