//! `sluice catalog`: check, compare, apply and export, as an administrator and a pipeline use them.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use sluice_tests::binary::sluice;
use sluice_tests::city::City;
use sluice_tests::city::small::RESOURCE;
use sluice_tests::process::{Ended, run};
use sluice_tests::provider::Provider;
use sluice_tests::site::{Changes, Site};

fn served() -> (City, Provider, Site) {
    let city = City::small();
    let provider = Provider::of(&city);
    let site = Site::serve(&city, &provider.url(), &Changes::default());
    (city, provider, site)
}

/// `sluice catalog WORDS FILE --config sluice.toml OPTIONS`.
fn catalog(site: &Site, verb: &str, file: &Path, options: &[&str]) -> Ended {
    let mut command = Command::new(sluice());
    command.args(["catalog", verb]).arg(file).arg("--config").arg(site.config()).args(options);
    run(&mut command)
}

/// The node's catalogue in a file of its own, with an edit.
fn wanted(site: &Site, from: &str, to: &str) -> std::path::PathBuf {
    let file = site.file("wanted.toml");
    let _ = fs::remove_file(&file);
    let exported = catalog(site, "export", &file, &[]);
    assert_eq!(exported.code, 0, "{}", exported.stderr);
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains(from), "{from} stands in\n{text}");
    fs::write(&file, text.replacen(from, to, 1)).unwrap();
    file
}

/// The revision of a catalogue.
fn revision_of(site: &Site, file: &Path) -> String {
    let compared = catalog(site, "diff", file, &["--json"]);
    let json: Value = serde_json::from_str(&compared.stdout).unwrap();
    json["revision"]["new"].as_str().unwrap().to_owned()
}

fn code_of_good_call(site: &Site, city: &City) -> String {
    site.send(&site.identity("ask"), &city.good_call()).code()
}

#[test]
fn exported_catalogue_is_checked_and_nothing_differs() {
    let (_, _provider, site) = served();
    let file = wanted(&site, "[[parties]]", "[[parties]]");
    let checked = run(Command::new(sluice()).args(["catalog", "check"]).arg(&file));
    assert_eq!(checked.code, 0, "{}", checked.stderr);
    let compared = catalog(&site, "diff", &file, &[]);
    assert_eq!((compared.code, compared.stdout.starts_with("nothing differs")), (0, true), "{}", compared.stdout);
    let again = catalog(&site, "export", &file, &[]);
    assert_eq!(again.code, 1, "an export overwrites nothing: {}", again.stdout);
    let json =
        run(Command::new(sluice()).args(["catalog", "export", "--format", "json", "--config"]).arg(site.config()));
    let exported = json.stdout;
    let json: Value = serde_json::from_str(&exported).unwrap();
    assert_eq!(json["grants"][0]["id"], "G-1000");
    let in_json = site.file("wanted.json");
    fs::write(&in_json, &exported).unwrap();
    assert_eq!(catalog(&site, "diff", &in_json, &[]).code, 0, "what is exported in JSON reads back");
    let suspended = exported.replacen(
        "\"state\": \"active\",\n      \"valid_from\"",
        "\"state\": \"suspended\",\n      \"valid_from\"",
        1,
    );
    assert_ne!(suspended, exported);
    fs::write(&in_json, &suspended).unwrap();
    let applied = catalog(&site, "apply", &in_json, &["--yes"]);
    assert_eq!(applied.code, 0, "{}{}", applied.stdout, applied.stderr);
    assert_eq!(catalog(&site, "diff", &in_json, &[]).code, 0);
    let written = fs::read_to_string(site.file("catalogue.toml")).unwrap();
    assert!(written.contains("state = \"suspended\""), "the node's file stays in TOML");
    fs::write(&in_json, exported.replacen("\"share_type\"", "\"share_tpye\"", 1)).unwrap();
    let checked = run(Command::new(sluice()).args(["catalog", "check", "--json"]).arg(&in_json));
    let report: Value = serde_json::from_str(&checked.stdout).unwrap();
    let line = exported.lines().position(|line| line.contains("\"share_type\"")).unwrap() + 1;
    assert_eq!((checked.code, &report["faults"][0]["line"]), (78, &line.into()), "{report}");
    assert_eq!(catalog(&site, "apply", &file, &["--yes"]).code, 0, "and back");
    fs::write(&file, fs::read_to_string(&file).unwrap().replacen("share_type", "share_tpye", 1)).unwrap();
    let checked = run(Command::new(sluice()).args(["catalog", "check", "--json"]).arg(&file));
    let report: Value = serde_json::from_str(&checked.stdout).unwrap();
    assert_eq!((checked.code, &report["faults"][0]["hint"]), (78, &"did you mean \"share_type\"?".into()));
    assert_eq!(
        catalog(&site, "diff", &file, &[]).code,
        1,
        "a comparison with a faulty file is an error, not a difference"
    );
}

#[test]
fn differences_are_data_for_scripts() {
    let (_, _provider, site) = served();
    let file = wanted(&site, "state = \"active\"\nvalid_from", "state = \"suspended\"\nvalid_from");
    let compared = catalog(&site, "diff", &file, &["--json"]);
    let json: Value = serde_json::from_str(&compared.stdout).unwrap();
    assert_eq!(compared.code, 2);
    assert_eq!(json["summary"], serde_json::json!({"creating": 0, "updating": 1, "deleting": 0}));
    let change = &json["changes"]["updating"][0];
    assert_eq!((&change["kind"], &change["id"]), (&"grant".into(), &"G-1000".into()));
    assert_eq!((&change["old"]["state"], &change["new"]["state"]), (&"active".into(), &"suspended".into()));
    assert_eq!(change["members"][0]["member"], "state");
    assert_ne!(json["revision"]["old"], json["revision"]["new"]);
}

#[test]
fn applied_catalogue_decides_calls() {
    let (city, _provider, mut site) = served();
    let (ask, call) = (site.identity("ask"), city.good_call());
    let mut open = site.connect(&ask);
    assert_eq!(open.send(&call).unwrap().code(), "ok");
    let file = wanted(&site, "state = \"active\"\nvalid_from", "state = \"suspended\"\nvalid_from");
    let bindings = fs::read(site.file("bindings.toml")).unwrap();

    let shown = catalog(&site, "apply", &file, &["--dry-run"]);
    assert!(shown.code == 0 && shown.stdout.contains("~ grant G-1000"), "{}{}", shown.stdout, shown.stderr);
    let unasked = catalog(&site, "apply", &file, &[]);
    assert!(unasked.code == 1 && unasked.stderr.contains("--yes"), "{}", unasked.stderr);
    assert_eq!(catalog(&site, "apply", &file, &["--yes", "--base", "0123456789abcdef"]).code, 1);
    assert_eq!(code_of_good_call(&site, &city), "ok", "nothing was changed so far");

    let applied = catalog(&site, "apply", &file, &["--yes"]);
    assert_eq!(applied.code, 0, "{}{}", applied.stdout, applied.stderr);
    let revision = revision_of(&site, &file);
    assert!(applied.stdout.contains(&format!("taken up by the running gateway: revision {revision} is in force")));
    assert_eq!(open.send(&call).unwrap().code(), "grant.suspended", "on the connection that was open, at once");
    assert_eq!(fs::read(site.file("bindings.toml")).unwrap(), bindings, "files that do not change are not written");
    assert!(site.file("catalogue.toml.1.bak").is_file() && !site.file("catalogue.toml.new").exists());
    assert_eq!(catalog(&site, "diff", &file, &[]).code, 0);
    let again = catalog(&site, "apply", &file, &["--yes"]);
    assert!(again.code == 0 && again.stdout.starts_with("nothing differs"), "{}", again.stdout);

    site.stop();
    let file = wanted(&site, "state = \"suspended\"\nvalid_from", "state = \"active\"\nvalid_from");
    let stopped = catalog(&site, "apply", &file, &["--yes"]);
    assert!(stopped.code == 0 && stopped.stdout.contains("at the next start"), "{}{}", stopped.stdout, stopped.stderr);
    site.start_again();
    assert_eq!(code_of_good_call(&site, &city), "ok");
}

#[test]
fn applied_catalogue_that_the_running_node_refuses_is_told() {
    let (city, _provider, site) = served();
    let file = wanted(&site, "state = \"active\"\nvalid_from", "state = \"suspended\"\nvalid_from");
    // Another fault of the node's files, which only the running gateway can know: this key needs a restart.
    site.change(&[("ledger.backlog_max", 100.into())]);
    let applied = catalog(&site, "apply", &file, &["--yes"]);
    assert_eq!(applied.code, 78, "{}{}", applied.stdout, applied.stderr);
    for told in ["the files are written, but refused", "stays in force", "\"backlog_max\" cannot change"] {
        assert!(applied.stderr.contains(told), "{told}: {}", applied.stderr);
    }
    assert_eq!(code_of_good_call(&site, &city), "ok", "the last good catalogue decides");
}

#[test]
fn what_live_grants_need_is_deleted_only_when_told_so() {
    let (_, _provider, site) = served();
    let file = wanted(&site, "id = \"G-1000\"", "id = \"G-2000\"");
    let before = fs::read(site.file("catalogue.toml")).unwrap();
    let refused = catalog(&site, "apply", &file, &["--yes"]);
    assert!(refused.code == 1 && refused.stderr.contains("grant G-1000 is live"), "{}", refused.stderr);
    assert_eq!(fs::read(site.file("catalogue.toml")).unwrap(), before);
    let applied = catalog(&site, "apply", &file, &["--yes", "--prune"]);
    assert_eq!(applied.code, 0, "{}", applied.stderr);
    assert_eq!(catalog(&site, "diff", &file, &[]).code, 0);
}

#[test]
fn faulty_catalogue_changes_nothing() {
    let (_, _provider, site) = served();
    let file = wanted(&site, &format!("resource = \"{RESOURCE}\""), "resource = \"430689001/999999\"");
    let before = fs::read(site.file("catalogue.toml")).unwrap();
    let refused = catalog(&site, "apply", &file, &["--yes"]);
    assert_eq!(refused.code, 78, "{}", refused.stderr);
    assert!(refused.stderr.contains("there is no resource \"430689001/999999\""), "{}", refused.stderr);
    assert_eq!(fs::read(site.file("catalogue.toml")).unwrap(), before);
}

#[test]
fn demo_certificates_do_not_pass_for_production() {
    let (_, _provider, site) = served();
    site.change(&[("node.environment", "production".into())]);
    let checked = run(Command::new(sluice()).arg("check").arg("--config").arg(site.config()));
    assert_eq!(checked.code, 78);
    assert!(checked.stderr.contains("a certificate of the demo's authority in production"), "{}", checked.stderr);
}
