//! `sluice demo`, as a person meets it.

use std::fs;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use sluice_tests::binary::workspace;
use sluice_tests::city::City;
use sluice_tests::client::Call;
use sluice_tests::clock;
use sluice_tests::demo::Demo;
use sluice_tests::exchange::Exchange;
use sluice_tests::ledger;
use sluice_tests::process::{Ended, run};
use sluice_tests::seed::Seed;

#[test]
fn everything_is_there_when_it_is_ready() {
    let demo = Demo::embedded();
    for party in City::embedded().parties.iter().map(|party| party.key.as_str()).chain(["unknown", "revoked"]) {
        for name in [
            format!("pki/parties/{party}/cert.pem"),
            format!("pki/parties/{party}/key.pem"),
            format!("tokens/{party}.jwt"),
        ] {
            assert!(demo.file(&name).is_file(), "{name}");
        }
        let mode = std::os::unix::fs::PermissionsExt::mode(
            &fs::metadata(demo.file(&format!("pki/parties/{party}/key.pem"))).unwrap().permissions(),
        );
        assert_eq!(mode & 0o077, 0, "the key of {party} is its owner's alone");
    }
    for name in ["pki/ca.pem", "sluice.toml", "stand-ins.json"] {
        assert!(demo.file(name).is_file(), "{name}");
    }
    for name in ["ledger", "store"] {
        assert!(demo.file(name).is_dir(), "{name}");
    }
    let docked: Vec<String> = demo.stand_ins().into_iter().flat_map(|(resources, _)| resources).collect();
    for resource in City::embedded().resources {
        assert!(docked.contains(&resource.code), "{} in {docked:?}", resource.code);
    }
    assert_eq!((demo.ops("/livez").0, demo.ops("/healthz").0, demo.ops("/readyz").0), (200, 200, 200));
    assert!(demo.ops("/readyz?verbose").1.contains("ok"));
    let metrics = demo.ops("/metrics").1;
    for name in ["sluice_ledger_records_total", "sluice_http_requests_total", "sluice_connections_active", "process_"] {
        assert!(metrics.contains(name), "{name} in {metrics}");
    }
    assert!(demo.process.printed().contains(&demo.url()));
}

#[test]
fn the_printed_lines_work() {
    for city in [City::embedded(), City::random(&mut Seed::fresh("printed lines"))] {
        let demo = Demo::of(&city);
        let lines: Vec<String> = demo
            .process
            .printed()
            .lines()
            .filter(|line| line.starts_with("curl ") || line.starts_with("N=$("))
            .map(str::to_owned)
            .collect();
        assert!(lines.len() >= 3, "{}", demo.process.printed());
        let ends = lines.iter().map(|line| shell(&lines, line)).collect::<Vec<_>>();
        for (line, ended) in lines.iter().zip(&ends) {
            assert_eq!(ended.code, 0, "{line}\n{}", ended.stderr);
            assert!(!ended.stdout.trim().is_empty(), "{line}");
        }
    }
    let demo = Demo::of(&City::embedded());
    let lines: Vec<String> = demo
        .process
        .printed()
        .lines()
        .filter(|line| line.starts_with("curl ") || line.starts_with("N=$("))
        .map(str::to_owned)
        .collect();
    let all: String = lines.iter().map(|line| shell(&lines, line).stdout).collect();
    for shown in ["access_token", "\"match\"", "\"mismatch\"", "grant.required", "share.not_shared", "leaf_data", "**"]
    {
        assert!(all.contains(shown), "{shown} in {all}");
    }
    let commands = demo.process.printed();
    let checks: Vec<&str> = commands.lines().filter(|line| line.contains(" ledger ")).collect();
    assert_eq!(checks.len(), 2, "{checks:?}");
    let receipt = lines.iter().find(|line| line.starts_with("N=$(")).unwrap();
    for line in checks {
        let ended = run(Command::new("bash").arg("-c").arg(format!("{receipt}\n{line}")));
        assert_eq!(ended.code, 0, "{line}: {}", ended.stderr);
    }
}

/// A line in a shell, after the one that it takes `$N` from.
fn shell(lines: &[String], line: &str) -> Ended {
    let before =
        lines.iter().find(|before| before.starts_with("N=$(") && line.contains("$N\"")).cloned().unwrap_or_default();
    run(Command::new("bash").arg("-c").arg(format!("{before}\n{line}")))
}

#[test]
fn a_restart_keeps_the_data_and_fresh_starts_over() {
    let city = City::small();
    let mut demo = Demo::of(&city);
    let first = demo.send(&demo.identity("ask"), &city.good_call()).receipt().unwrap();
    let certificate = fs::read(demo.file("pki/parties/ask/cert.pem")).unwrap();
    demo.stop();
    demo.start_again(&[]);
    let ask = demo.identity("ask");
    assert_eq!(fs::read(demo.file("pki/parties/ask/cert.pem")).unwrap(), certificate);
    let receipt = demo.send(&ask, &Call::get(&format!("/v1/receipts/{}", first.index)));
    assert_eq!(receipt.code(), "ok", "{}", receipt.text());
    let second = demo.send(&ask, &city.good_call()).receipt().unwrap();
    assert!(second.index > first.index);
    assert_eq!(ledger::verify(&demo.ledger(), &[]).code, 0);
    demo.process.kill();
    demo.start_again(&[]);
    let third = demo.send(&demo.identity("ask"), &city.good_call()).receipt().unwrap();
    assert!(third.index > second.index);
    demo.stop();
    demo.start_again(&["--fresh"]);
    assert_ne!(fs::read(demo.file("pki/parties/ask/cert.pem")).unwrap(), certificate);
    let fresh = demo.send(&demo.identity("ask"), &city.good_call()).receipt().unwrap();
    assert!(fresh.index <= first.index, "a new ledger begins: {}", fresh.index);
}

#[test]
fn a_second_demo_is_refused_and_the_first_unharmed() {
    let city = City::small();
    let demo = Demo::of(&city);
    let elsewhere = tempfile::tempdir().unwrap();
    let rows = [
        ("the same folder", Demo::command(&demo.dir, Exchange::free_base())),
        ("the same ports", Demo::command(elsewhere.path(), demo.base)),
    ];
    for (what, mut command) in rows {
        let second = run(&mut command);
        assert_eq!(second.code, 1, "{what}: {}", second.stderr);
        assert!(second.stderr.contains("demo"), "{what}: {}", second.stderr);
    }
    let foreign = tempfile::tempdir().unwrap();
    fs::write(foreign.path().join("thesis"), "x").unwrap();
    let refused = run(Demo::command(foreign.path(), Exchange::free_base()).arg("--fresh"));
    assert_eq!(refused.code, 1, "{}", refused.stderr);
    assert!(foreign.path().join("thesis").exists());
    assert_eq!(demo.send(&demo.identity("ask"), &city.good_call()).code(), "ok");
}

#[test]
fn stand_ins_end_with_the_demo_however_it_ends() {
    let mut demo = Demo::of(&City::small());
    for end in [Demo::stop, |demo: &mut Demo| demo.process.kill()] {
        let pids: Vec<u32> = demo.stand_ins().into_iter().map(|(_, pid)| pid).collect();
        let lives =
            |pid: &u32| fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "));
        assert!(!pids.is_empty() && pids.iter().all(lives));
        end(&mut demo);
        let ended =
            clock::within(Duration::from_secs(5), "the stand-ins end", || (!pids.iter().any(lives)).then_some(()));
        assert!(ended.is_ok());
        demo.start_again(&[]);
    }
}

#[test]
fn departmental_systems_are_reached_in_different_styles_and_numbers_keep_their_digits() {
    let city = City::embedded();
    let demo = Demo::of(&city);
    let bindings: toml::Table = fs::read_to_string(demo.file("bindings.toml")).unwrap().parse().unwrap();
    let styles: std::collections::BTreeSet<&str> = bindings["rest"]
        .as_array()
        .unwrap()
        .iter()
        .map(|binding| binding.get("style").and_then(toml::Value::as_str).unwrap_or("custom"))
        .collect();
    assert!(styles.contains("standard") && styles.contains("custom"), "{styles:?}");
    let records: Value =
        serde_json::from_slice(&fs::read(workspace().join("gateway/server/fixtures/demo_records.json")).unwrap())
            .unwrap();
    assert!(records.is_object());
    let company = city
        .records_of("102001001/000004")
        .iter()
        .find(|record| record.iter().any(|(_, raw)| raw == "2000000.00"))
        .unwrap();
    let key =
        company.iter().find(|(code, _)| code == "TYSHXYDM").map(|(_, raw)| raw.trim_matches('"').to_owned()).unwrap();
    let call = Call::service("102001001/000004", "query", &serde_json::json!({"filter": {"TYSHXYDM": key}})).by(
        "QYJC",
        city.handler("rs"),
        "C",
    );
    let answer = demo.send(&demo.identity("rs"), &call);
    assert!(answer.text().contains("\"ZCZB\":2000000.00"), "{}", answer.text());
}

#[test]
fn the_catalogue_shows_each_party_its_own_access() {
    let city = City::embedded();
    let demo = Demo::of(&city);
    for party in ["mz", "sw", "town"] {
        let mut connection = demo.connect(&demo.identity(party));
        let mut seen = std::collections::BTreeMap::new();
        let mut cursor = String::new();
        loop {
            let page = connection.send(&Call::get(&format!("/v1/resources?limit=4{cursor}"))).unwrap();
            assert_eq!(page.code(), "ok", "{}", page.text());
            for resource in page.json()["resources"].as_array().unwrap() {
                seen.insert(
                    resource["code"].as_str().unwrap().to_owned(),
                    resource["access"].as_str().unwrap().to_owned(),
                );
            }
            match page.json()["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(seen.len(), city.resources.len());
        for resource in &city.resources {
            let in_force = city
                .grants
                .iter()
                .any(|grant| grant.party == party && grant.resource == resource.code && grant.state == "active");
            let access = match resource.share {
                "unconditional" => "open",
                "not_shared" => "closed",
                _ if in_force => "granted",
                _ => "apply",
            };
            assert_eq!(seen[&resource.code], access, "{party} {}", resource.code);
            let entry = connection.send(&Call::get(&format!("/v1/resources/{}", resource.code))).unwrap().json();
            assert_eq!(entry["code"], resource.code, "{entry}");
            let items: Vec<&str> =
                entry["items"].as_array().unwrap().iter().map(|item| item["code"].as_str().unwrap()).collect();
            assert_eq!(items, resource.codes());
            assert!(entry["next_step"].is_string(), "{entry}");
        }
        let unknown = connection.send(&Call::get("/v1/resources/1/2")).unwrap();
        assert_eq!(unknown.code(), "resource.not_found");
        let filtered = connection.send(&Call::get("/v1/resources?share_type=not_shared")).unwrap().json();
        assert_eq!(
            filtered["resources"].as_array().map(Vec::len),
            Some(city.resources.iter().filter(|resource| resource.share == "not_shared").count())
        );
        assert_eq!(connection.send(&Call::get("/v1/resources?share_type=secret")).unwrap().code(), "request.schema");
    }
}
