//! What security staff and outsiders do with a ledger, beside the running gateway: search, prove, export, delete.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use sluice_tests::binary::sluice;
use sluice_tests::city::City;
use sluice_tests::city::small::RESOURCE;
use sluice_tests::client::Call;
use sluice_tests::ledger;
use sluice_tests::process::{Ended, run};
use sluice_tests::provider::Provider;
use sluice_tests::site::{Changes, Site};

fn command(name: &str, dir: &Path, options: &[&str]) -> Ended {
    run(Command::new(sluice()).args(["ledger", name, "--dir"]).arg(dir).args(options))
}

fn lines(ended: &Ended) -> Vec<Value> {
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    ended.stdout.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect()
}

fn served() -> (City, Provider, Site) {
    let city = City::small();
    let provider = Provider::of(&city);
    let site = Site::serve(&city, &provider.url(), &Changes::default());
    (city, provider, site)
}

#[test]
fn records_are_found_by_what_staff_knows_and_the_coverage_is_stated() {
    let (city, _provider, site) = served();
    let ask = site.identity("ask");
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let permitted =
        site.send(&ask, &city.good_call().header("traceparent", &format!("00-{trace}-00f067aa0ba902b7-01")));
    let refused = site.send(&ask, &city.good_call().header("Exchange-Purpose", "NONE"));
    let (permitted, refused) = (permitted.receipt().unwrap(), refused.receipt().unwrap());
    let found = |options: &[&str]| {
        let mut found = lines(&command("show", &site.ledger(), &[options, &["--json"]].concat()));
        let coverage = found.pop().unwrap();
        assert_eq!(coverage["coverage"]["from_index"], 0, "{coverage}");
        assert_eq!(coverage["coverage"]["is_complete"], true, "{coverage}");
        found.iter().map(|shown| shown["index"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(found(&["--decision", "deny"]), [refused.index]);
    assert_eq!(found(&["--code", "purpose.unknown"]), [refused.index]);
    assert_eq!(found(&["--resource", RESOURCE, "--decision", "permit"]), [permitted.index]);
    assert_eq!(found(&["--party", "nobody"]), [0_u64; 0]);
    assert_eq!(found(&["--until", "2000-01-01"]), [0_u64; 0]);
    let shown = ledger::show(&site.ledger(), permitted.index);
    assert_eq!(shown["record"]["trace_id"], trace);
    let request = shown["record"]["request_id"].as_str().unwrap();
    let both = found(&["--request-id", request]);
    assert!(both.len() == 2 && both[0] == permitted.index, "the access and its outcome: {both:?}");
    let missing = command("show", &site.dir.join("nowhere"), &[]);
    assert!(missing.code == 1 && missing.stderr.contains("holds no ledger"), "{}", missing.stderr);
}

#[test]
fn a_search_for_a_person_is_recorded_and_finds_the_last_of_a_batch() {
    let (city, _provider, site) = served();
    let ids: Vec<String> = (0..3).map(|at| city.id(at)).collect();
    let mut items: Vec<Value> = Vec::new();
    for at in 0..100 {
        let id = sluice_tests::identifiers::citizen(&mut sluice_tests::seed::Seed::repeat(7_000 + at));
        items.push(json!({"subject": {"ID": id}, "claims": {"NAME": "n"}}));
    }
    items[99]["subject"]["ID"] = json!(ids[1]);
    let batch = Call::service(RESOURCE, "verify", &json!({"items": items})).by("P1", "h-1", "C-1");
    let answer = site.send(&site.identity("ask"), &batch);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let index = answer.receipt().unwrap().index;
    let search = |id: &str, reason: &str| {
        let input = site.file("identity");
        fs::write(&input, format!("{id}\n")).unwrap();
        let mut command = Command::new(sluice());
        command.args([
            "ledger",
            "search-subject",
            "--json",
            "--searcher",
            "wang",
            "--case",
            "案-7",
            "--reason",
            reason,
        ]);
        command.arg("--dir").arg(site.ledger()).arg("--key-file").arg(site.file("keys/subjects.key"));
        command.stdin(Stdio::from(fs::File::open(&input).unwrap()));
        let output = command.output().unwrap();
        fs::remove_file(input).unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let code = output.status.code().unwrap_or(-1);
        Ended { code, stdout: text(&output.stdout), stderr: text(&output.stderr) }
    };
    let mut found = lines(&search(&ids[1], "complaint"));
    let coverage = found.pop().unwrap();
    assert_eq!(coverage["coverage"]["is_complete"], true);
    assert_eq!(found.iter().map(|shown| shown["index"].as_u64().unwrap()).collect::<Vec<_>>(), [index]);
    assert_eq!(lines(&search(&ids[2], "complaint")).len(), 1, "only the coverage");
    assert_eq!(search(&ids[1], &ids[1]).code, 1, "an identity is not recorded");
    let records = ledger::records(&site.ledger());
    let queries: Vec<&Value> =
        records.values().map(|(_, record)| record).filter(|record| record["kind"] == "QUERY").collect();
    assert_eq!(queries.len(), 2);
    assert_eq!((&queries[0]["actor"], &queries[0]["reason"]), (&json!("wang"), &json!("案-7 | complaint")));
    assert!(!queries[0].to_string().contains(&ids[1]));
    assert_eq!(ledger::verify(&site.ledger(), &[]).code, 0);
}

#[test]
fn proofs_and_exports_are_checked_without_the_ledger() {
    let (city, _provider, site) = served();
    let receipt = site.send(&site.identity("ask"), &city.good_call()).receipt().unwrap();
    let key = site.file("pinned.vkey");
    fs::copy(site.ledger().join("keys/checkpoint.vkey"), &key).unwrap();
    let (proof, index) = (site.file("record.tlog-proof"), receipt.index.to_string());
    let written = command("prove", &site.ledger(), &["--index", &index, "--out", &proof.display().to_string()]);
    assert_eq!(written.code, 0, "{}", written.stderr);
    assert!(written.stderr.contains("unpinned"), "{}", written.stderr);
    let check = |file: &Path, options: &[&str]| {
        run(Command::new(sluice())
            .args(["ledger", "verify-proof", "--json"])
            .arg(file)
            .arg("--key")
            .arg(&key)
            .args(options))
    };
    let proven: Value = serde_json::from_str(&check(&proof, &["--leaf", &receipt.leaf]).stdout).unwrap();
    assert_eq!(
        (&proven["valid"], &proven["index"], &proven["leaf"]),
        (&json!(true), &json!(receipt.index), &json!(receipt.leaf))
    );
    let changed = fs::read_to_string(&proof).unwrap().replacen("index ", "index 1", 1);
    fs::write(&proof, changed).unwrap();
    assert_eq!(check(&proof, &[]).code, 10);

    let events = site.file("events.ndjson");
    let export = |options: &[&str]| {
        let cursor = site.file("cursor.json").display().to_string();
        let out = events.display().to_string();
        command(
            "export",
            &site.ledger(),
            &[&["--format", "ocsf", "--out", &out, "--cursor", &cursor], options].concat(),
        )
    };
    assert_eq!(export(&[]).code, 0);
    site.send(&site.identity("ask"), &city.good_call());
    assert_eq!(export(&[]).code, 0);
    let text = fs::read_to_string(&events).unwrap();
    let indices: Vec<u64> = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["metadata"]["sequence"].as_u64().unwrap())
        .collect();
    assert_eq!(indices, (0..indices.len() as u64).collect::<Vec<_>>(), "no gap, nothing twice");

    let folder = site.file("tiles").display().to_string();
    let exported = command("export", &site.ledger(), &["--format", "tlog-tiles", "--out", &folder]);
    assert_eq!(exported.code, 0, "{}", exported.stderr);
    assert!(Path::new(&folder).join("checkpoint").exists());
    let kept = site.file("tiles").join("checkpoint").display().to_string();
    assert_eq!(ledger::verify(&site.ledger(), &["--checkpoint", &kept]).code, 0, "the log contains what was kept");
}
