//! `sluice demo` as a person meets it: what it lays out, what it keeps, what it refuses.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read as _;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::support::{Process, free_base, http, output_until, sluice, start};

/// Last line of what a demo prints when it is ready.
const READY: &str = "Ctrl-C ends the demo";

pub(crate) struct Demo {
    process: Process,
    pub(crate) base: u16,
    printed: String,
}

impl Demo {
    pub(crate) fn start(dir: &Path, options: &[&str]) -> Self {
        for _ in 0..5 {
            let base = free_base();
            let mut process = start(demo(dir, base).args(options));
            if let Some(printed) = output_until(&mut process, READY) {
                return Self { process, base, printed };
            }
            let output = output_of(process);
            // Another test may have taken the port between the look and the start.
            assert!(output.contains("cannot be used"), "{output}");
        }
        panic!("no free ports");
    }

    pub(crate) fn stop(mut self) {
        signal("TERM", self.process.0.id());
        let status = self.process.0.wait().unwrap();
        assert_eq!(status.code(), Some(0), "a drained demo ends well");
    }

    fn status(&self, target: &str) -> u16 {
        http(self.base + 2, "GET", target, "").0
    }
}

fn demo(dir: &Path, base: u16) -> Command {
    let mut command = sluice();
    command.arg("demo").arg("--dir").arg(dir).arg("--port").arg(base.to_string());
    command
}

pub(crate) fn signal(name: &str, pid: u32) {
    assert!(Command::new("kill").arg(format!("-{name}")).arg(pid.to_string()).status().unwrap().success());
}

fn output_of(mut process: Process) -> String {
    let mut text = String::new();
    process.0.stderr.take().unwrap().read_to_string(&mut text).unwrap();
    text
}

fn refused(output: &Output, code: i32, words: &str) {
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{text}");
    assert!(text.contains(words), "{text}");
}

fn file(dir: &Path, name: &str) -> Vec<u8> {
    fs::read(dir.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn stand_ins(dir: &Path) -> Vec<Value> {
    serde_json::from_slice(&file(dir, "stand-ins.json")).unwrap()
}

/// Ports of the stand-ins, in the order of `stand-ins.json`.
fn ports(dir: &Path) -> Vec<u16> {
    let text = String::from_utf8(file(dir, "bindings.toml")).unwrap();
    let urls = text.lines().filter_map(|line| line.strip_prefix("base_url = \"http://127.0.0.1:")?.strip_suffix('"'));
    let mut ports: Vec<u16> = urls.map(|port| port.parse().unwrap()).collect();
    ports.dedup();
    ports
}

/// Waits until nobody listens on a port any more: a connection that is still taken by a process
/// that ends is closed with it.
fn until_closed(port: u16) {
    while let Ok(mut connection) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) {
        let read = connection.read(&mut [0; 1]);
        assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
    }
}

fn is_open(port: u16) -> bool {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
}

fn built_in(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name);
    fs::read_to_string(path).unwrap()
}

#[test]
fn everything_is_laid_out_and_secret_before_it_is_ready() {
    let temporary = tempfile::tempdir().unwrap();
    let dir = temporary.path().join("demo");
    let demo = Demo::start(&dir, &[]);
    for target in ["/livez", "/healthz", "/readyz", "/readyz?verbose", "/metrics"] {
        assert_eq!(demo.status(target), 200, "{target}");
    }
    assert!(demo.printed.contains("curl -sS"), "{}", demo.printed);

    let parties: BTreeMap<String, Value> = serde_json::from_value(
        serde_json::from_str::<Value>(&built_in("sample_catalog.json")).unwrap()["departments"].clone(),
    )
    .unwrap();
    for key in parties.keys().map(String::as_str).chain(["unknown", "revoked"]) {
        for secret in [format!("pki/parties/{key}/key.pem"), format!("tokens/{key}.jwt")] {
            assert!(!file(&dir, &secret).is_empty(), "{secret}");
            let mode = fs::metadata(dir.join(&secret)).unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0, "{secret}");
        }
        let token = String::from_utf8(file(&dir, &format!("tokens/{key}.jwt"))).unwrap();
        assert_eq!(token.split('.').count(), 3, "{key}");
    }
    for name in ["pki/ca.pem", "pki/crl.pem", "sluice.toml", "catalogue.toml", "bindings.toml"] {
        assert!(!file(&dir, name).is_empty(), "{name}");
    }
    assert_eq!(fs::metadata(&dir).unwrap().permissions().mode() & 0o077, 0);

    let catalogue: Value = serde_json::from_str(&built_in("sample_catalog.json")).unwrap();
    let codes: BTreeSet<&str> =
        catalogue["catalog"].as_array().unwrap().iter().map(|entry| entry["code"].as_str().unwrap()).collect();
    let listed = stand_ins(&dir);
    let docked: BTreeSet<&str> =
        listed.iter().flat_map(|one| one["resources"].as_array().unwrap()).map(|code| code.as_str().unwrap()).collect();
    assert_eq!(docked, codes, "every resource has its departmental system");
    let processes: BTreeSet<u64> = listed.iter().map(|one| one["pid"].as_u64().unwrap()).collect();
    assert_eq!(processes.len(), listed.len());
    let bindings = String::from_utf8(file(&dir, "bindings.toml")).unwrap();
    for style in ["style = \"standard\"", "/api/v2/", "/rkhc"] {
        assert!(bindings.contains(style), "{style}");
    }
    demo.stop();
}

#[test]
fn a_restart_keeps_identities_and_catalogue_and_fresh_makes_new_ones() {
    let temporary = tempfile::tempdir().unwrap();
    let dir = temporary.path();
    let kept = [
        "pki/ca.pem",
        "pki/parties/mz/cert.pem",
        "pki/server/cert.pem",
        "catalogue.toml",
        "keys/tokens.pem",
        "keys/subjects.key",
    ];
    let read = || kept.map(|name| file(dir, name));

    Demo::start(dir, &[]).stop();
    let first = read();
    let again = Demo::start(dir, &[]);
    assert_eq!(read(), first);
    again.stop();

    let fresh = Demo::start(dir, &["--fresh"]);
    let changed: Vec<&str> = kept
        .into_iter()
        .zip(read())
        .zip(&first)
        .filter(|((_, now), then)| now != *then)
        .map(|((name, _), _)| name)
        .collect();
    assert_eq!(
        changed,
        ["pki/ca.pem", "pki/parties/mz/cert.pem", "pki/server/cert.pem", "keys/tokens.pem", "keys/subjects.key"]
    );
    fresh.stop();
}

#[test]
fn a_second_demo_is_refused_by_its_folder_and_by_its_ports() {
    let temporary = tempfile::tempdir().unwrap();
    let dir = temporary.path().join("one");
    let first = Demo::start(&dir, &[]);

    refused(&demo(&dir, free_base()).output().unwrap(), 1, "another demo is running on");
    refused(&demo(&dir, free_base()).arg("--fresh").output().unwrap(), 1, "another demo is running on");
    let other = temporary.path().join("two");
    let taken = demo(&other, first.base).output().unwrap();
    refused(&taken, 1, &format!("port {} for the data listener cannot be used", first.base));
    assert!(!other.join("pki").exists(), "nothing was made");
    assert_eq!(first.status("/readyz"), 200);
    first.stop();
}

#[test]
fn a_taken_ops_port_is_named() {
    let temporary = tempfile::tempdir().unwrap();
    let base = free_base();
    let _taken = TcpListener::bind((Ipv4Addr::LOCALHOST, base + 2)).unwrap();
    let output = demo(&temporary.path().join("d"), base).output().unwrap();
    refused(&output, 1, &format!("port {} for the ops listener cannot be used", base + 2));
}

#[test]
fn a_folder_of_something_else_is_refused() {
    let temporary = tempfile::tempdir().unwrap();
    fs::write(temporary.path().join("thesis.txt"), "years of work").unwrap();
    let output = demo(temporary.path(), free_base()).arg("--fresh").output().unwrap();
    refused(&output, 1, "was not made by a demo");
    assert_eq!(file(temporary.path(), "thesis.txt"), b"years of work");
}

#[test]
fn stand_ins_end_with_a_demo_that_was_killed() {
    let temporary = tempfile::tempdir().unwrap();
    let mut demo = Demo::start(temporary.path(), &[]);
    let ports = ports(temporary.path());
    assert_eq!(ports.len(), stand_ins(temporary.path()).len());
    assert!(ports.iter().all(|port| is_open(*port)));
    demo.process.0.kill().unwrap();
    demo.process.0.wait().unwrap();
    ports.into_iter().for_each(until_closed);
}

#[test]
fn a_stand_in_that_is_killed_stays_away_and_the_gateway_up() {
    let temporary = tempfile::tempdir().unwrap();
    let demo = Demo::start(temporary.path(), &[]);
    let ports = ports(temporary.path());
    let pid = stand_ins(temporary.path())[0]["pid"].as_u64().unwrap();
    assert!(ports.iter().all(|port| is_open(*port)));
    signal("KILL", u32::try_from(pid).unwrap());
    until_closed(ports[0]);
    assert!(ports.iter().skip(1).all(|port| is_open(*port)), "the others answer on");
    assert_eq!(demo.status("/readyz"), 200);
    demo.stop();
}

/// The sample city reduced and renamed: nothing may depend on its parties, codes or people.
fn other_city() -> (Value, Value, Value) {
    let mut city: Value = serde_json::from_str(&built_in("sample_catalog.json")).unwrap();
    let mut departments = city["departments"].as_object().unwrap().clone();
    let renamed: serde_json::Map<String, Value> = ["ga", "mz", "zr", "sj"]
        .into_iter()
        .map(|key| (format!("x-{key}"), departments.remove(key).unwrap()))
        .collect();
    city["departments"] = renamed.into();
    let mut entries = city["catalog"].as_array().unwrap().clone();
    entries.retain(|entry| matches!(entry["provider_key"].as_str().unwrap(), "ga" | "sj"));
    for entry in &mut entries {
        entry["provider_key"] = json!(format!("x-{}", entry["provider_key"].as_str().unwrap()));
        entry["code"] = json!(entry["code"].as_str().unwrap().replace("/0000", "/0770"));
        if let Some(condition) = entry.get_mut("share_condition") {
            condition["departments"] = json!(["x-mz", "x-zr"]);
        }
    }
    city["catalog"] = entries.into();
    let mut grants: Value = serde_json::from_str(&built_in("demo_grants.json")).unwrap();
    let mut kept = grants.as_array().unwrap().clone();
    kept.retain(|grant| grant["id"] == "G-0001");
    kept[0]["party"] = json!("x-mz");
    kept[0]["resource"] = json!("101001001/077002");
    grants = kept.into();
    let records = json!({ "records": { "101001001/077002": [
        {"GMSFHM": "430689197811230058", "XM": "新人样例", "XB": "1", "MZ": "01", "CSRQ": "1978-11-23", "HJDZ": "某镇某村"}
    ] } });
    (city, grants, records)
}

#[test]
fn other_fixtures_make_another_city_and_say_so() {
    let temporary = tempfile::tempdir().unwrap();
    let (dir, fixtures) = (temporary.path().join("demo"), temporary.path().join("fixtures"));
    Demo::start(&dir, &[]).stop();
    fs::create_dir(&fixtures).unwrap();
    let (city, grants, records) = other_city();
    for (name, content) in
        [("sample_catalog.json", &city), ("demo_grants.json", &grants), ("demo_records.json", &records)]
    {
        fs::write(fixtures.join(name), content.to_string()).unwrap();
    }
    let demo = Demo::start(&dir, &["--fixtures", fixtures.to_str().unwrap()]);
    assert!(demo.printed.contains("The fixtures have changed"), "{}", demo.printed);
    assert!(demo.printed.contains("tokens/x-mz.jwt"), "{}", demo.printed);
    assert!(demo.printed.contains("430689197811230058"), "{}", demo.printed);
    assert!(!demo.printed.contains("430689198503120011"), "{}", demo.printed);
    assert_eq!(stand_ins(&dir).len(), 3, "two providers, and one that only compares");
    assert!(dir.join("pki/parties/x-zr/cert.pem").exists());
    demo.stop();
}

#[test]
fn fixtures_that_cannot_be_used_are_named() {
    let temporary = tempfile::tempdir().unwrap();
    let fixtures = temporary.path().join("fixtures");
    fs::create_dir(&fixtures).unwrap();
    let run = || {
        let dir = temporary.path().join("demo");
        demo(&dir, free_base()).arg("--fixtures").arg(&fixtures).output().unwrap()
    };
    refused(&run(), 1, "sample_catalog.json");
    let (mut city, grants, _) = other_city();
    city["catalog"][0]["share_type"] = json!("随便共享");
    for (name, content) in [
        ("sample_catalog.json", city.to_string()),
        ("demo_grants.json", grants.to_string()),
        ("demo_records.json", "[]".into()),
    ] {
        fs::write(fixtures.join(name), content).unwrap();
    }
    refused(&run(), 1, "demo_records.json");
    fs::write(fixtures.join("demo_records.json"), r#"{"records": {}}"#).unwrap();
    refused(&run(), 1, "101001001/077001");
}

#[test]
fn a_catalogue_that_was_broken_by_hand_is_reported_with_its_place() {
    let temporary = tempfile::tempdir().unwrap();
    Demo::start(temporary.path(), &[]).stop();
    let catalogue = temporary.path().join("catalogue.toml");
    let text = fs::read_to_string(&catalogue).unwrap().replacen("share_type", "share_tpye", 1);
    fs::write(&catalogue, &text).unwrap();
    refused(&demo(temporary.path(), free_base()).output().unwrap(), 78, "did you mean \"share_type\"?");
    assert_eq!(fs::read_to_string(&catalogue).unwrap(), text, "it is not overwritten");
}
