//! The commands that scripts call: exit codes, JSON, sentences.

use std::fs;
use std::io::BufReader;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::Output;

use serde_json::Value;

use crate::demo::{Demo, signal};
use crate::support::{http, lines_until, sluice, start};

fn run(arguments: &[&str]) -> Output {
    sluice().args(arguments).output().unwrap()
}

fn stdout_json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
}

fn path(dir: &Path, name: &str) -> String {
    dir.join(name).to_str().unwrap().to_owned()
}

#[test]
fn exit_codes_tell_usage_from_failure_from_configuration() {
    let temporary = tempfile::tempdir().unwrap();
    let nowhere = path(temporary.path(), "nowhere");
    let rows: [(&[&str], i32); 8] = [
        (&["--version"], 0),
        (&["demo", "--help"], 0),
        (&[], 2),
        (&["witness"], 2),
        (&["serve"], 2),
        (&["check", "--config", &nowhere], 78),
        (&["serve", "--config", &nowhere], 78),
        (&["certs", "list", "--dir", &nowhere], 1),
    ];
    for (arguments, code) in rows {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {output:?}");
    }
    let help = String::from_utf8(run(&["--help"]).stdout).unwrap();
    assert!(!help.lines().any(|line| line.trim_start().starts_with("stand-in")), "{help}");
}

#[test]
fn a_configuration_is_checked_and_served_without_the_demo() {
    let temporary = tempfile::tempdir().unwrap();
    let demo = Demo::start(temporary.path(), &[]);
    let base = demo.base;
    demo.stop();
    let config = path(temporary.path(), "sluice.toml");

    let valid = run(&["check", "--config", &config, "--json"]);
    assert_eq!(valid.status.code(), Some(0), "{valid:?}");
    assert_eq!(stdout_json(&valid)["valid"], true);

    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, text.replacen("listen", "lisen", 1)).unwrap();
    let misspelt = run(&["check", "--config", &config]);
    assert_eq!(misspelt.status.code(), Some(78));
    let told = String::from_utf8(misspelt.stderr).unwrap();
    assert!(told.contains("sluice.toml:8:1") && told.contains("\"listen\""), "{told}");
    let misspelt = run(&["check", "--config", &config, "--json"]);
    assert_eq!(misspelt.status.code(), Some(78));
    assert_eq!(stdout_json(&misspelt)["faults"][0]["line"], 8);
    fs::write(&config, text.replace("\"warn\"", "\"info\"").replace("\"text\"", "\"json\"")).unwrap();

    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, base)).unwrap();
    let refused = run(&["serve", "--config", &config]);
    assert_eq!(refused.status.code(), Some(1));
    let told = String::from_utf8(refused.stderr).unwrap();
    assert!(told.contains(&format!("127.0.0.1:{base}")), "{told}");
    drop(taken);

    for name in ["TERM", "QUIT", "INT"] {
        let mut gateway = start(sluice().args(["serve", "--config", &config]));
        let mut log = BufReader::new(gateway.0.stderr.take().unwrap());
        let started = lines_until(&mut log, "\"serving\"");
        assert!(started.is_some(), "it logs JSON lines where no terminal is");
        assert_eq!(http(base + 2, "GET", "/readyz", "").0, 200);
        signal(name, gateway.0.id());
        assert_eq!(gateway.0.wait().unwrap().code(), Some(0), "SIG{name} drains");
    }
}

#[test]
fn a_second_interrupt_stops_at_once() {
    let temporary = tempfile::tempdir().unwrap();
    Demo::start(temporary.path(), &[]).stop();
    let config = path(temporary.path(), "sluice.toml");
    // A drain that would outlast the test.
    let text = fs::read_to_string(&config).unwrap().replace("delay_ms = 0 ", "delay_ms = 300000 ");
    fs::write(&config, text.replace("\"warn\"", "\"info\"")).unwrap();
    let mut gateway = start(sluice().args(["serve", "--config", &config]));
    let mut log = BufReader::new(gateway.0.stderr.take().unwrap());
    for wanted in ["serving", "draining"] {
        assert!(lines_until(&mut log, wanted).is_some(), "{wanted}");
        signal("INT", gateway.0.id());
    }
    assert_eq!(gateway.0.wait().unwrap().code(), Some(1));
}

#[test]
fn a_ledger_is_verified_and_shown_live_and_at_rest() {
    let temporary = tempfile::tempdir().unwrap();
    let ledger = path(temporary.path(), "ledger");
    let nothing = run(&["ledger", "verify", "--dir", &ledger, "--json"]);
    let code = nothing.status.code().unwrap();
    assert!((10..=63).contains(&code), "{code}");
    assert_eq!(stdout_json(&nothing)["exit_code"], code);

    let demo = Demo::start(temporary.path(), &[]);
    let live = run(&["ledger", "verify", "--dir", &ledger, "--json"]);
    assert_eq!(live.status.code(), Some(0), "{live:?}");
    assert_eq!(stdout_json(&live)["live"], true);
    demo.stop();

    let key = path(temporary.path(), "ledger/keys/checkpoint.vkey");
    let pinned = run(&["ledger", "verify", "--dir", &ledger, "--key", &key, "--json"]);
    assert_eq!(pinned.status.code(), Some(0), "{pinned:?}");
    let pinned = stdout_json(&pinned);
    assert_eq!((&pinned["key_pinned"], &pinned["live"]), (&Value::Bool(true), &Value::Bool(false)));
    assert_eq!(pinned["signed"], pinned["records"], "a clean end signs all of it");

    let shown = run(&["ledger", "show", "--dir", &ledger, "--index", "0", "--json"]);
    let shown = stdout_json(&shown);
    assert_eq!(shown["index"], 0);
    assert!(shown["record"]["kind"].is_string() && shown["leaf"].is_string(), "{shown}");
    let list = run(&["ledger", "show", "--dir", &ledger, "--last", "1"]);
    assert_eq!(String::from_utf8(list.stdout).unwrap().lines().count(), 1);
    assert_eq!(run(&["ledger", "show", "--dir", &ledger, "--index", "999999"]).status.code(), Some(1));
    let wrong = path(temporary.path(), "sluice.toml");
    assert_eq!(run(&["ledger", "verify", "--dir", &ledger, "--key", &wrong]).status.code(), Some(1));
}

#[test]
fn a_site_runs_its_own_authority() {
    let temporary = tempfile::tempdir().unwrap();
    let (ca, out) = (path(temporary.path(), "ca"), path(temporary.path(), "out"));
    let done = |arguments: &[&str]| {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {output:?}");
        stdout_json(&output)
    };
    done(&["certs", "init", "--dir", &ca, "--name", "样例 CA", "--json"]);
    let issued = done(&["certs", "issue", "--dir", &ca, "--system", "mz.main", "--out", &out, "--json"]);
    let serial = issued["serial"].as_str().unwrap();
    done(&["certs", "renew", "--dir", &ca, "--certificate", serial, "--out", &format!("{out}2"), "--json"]);
    done(&[
        "certs",
        "issue",
        "--dir",
        &ca,
        "--server",
        "localhost",
        "127.0.0.1",
        "--out",
        &format!("{out}3"),
        "--json",
    ]);
    done(&["certs", "revoke", "--dir", &ca, "--certificate", serial, "--reason", "superseded", "--json"]);
    done(&["certs", "crl", "--dir", &ca, "--json"]);
    let listed = done(&["certs", "list", "--dir", &ca, "--json"]);
    let states: Vec<&str> =
        listed["certificates"].as_array().unwrap().iter().map(|entry| entry["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["revoked", "valid", "valid"]);
    let again = run(&["certs", "init", "--dir", &ca, "--name", "x"]);
    assert_eq!(again.status.code(), Some(1));
    assert!(String::from_utf8(again.stderr).unwrap().contains("never overwritten"));
}
