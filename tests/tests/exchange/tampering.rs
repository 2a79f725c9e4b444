//! Whatever `tests/tampering.toml` lists is found by the real verifier in a ledger that a real gateway wrote.

use std::fs;
use std::path::Path;

use sluice_tests::city::City;
use sluice_tests::ledger;
use sluice_tests::provider::Provider;
use sluice_tests::site::{Changes, Site};
use sluice_tests::tampering::{Case, cases, tamper};
use sluice_tests::witness::Witness;
use toml::Value;

use super::witnesses::{ORIGIN, call_until_witnessed, copy};

/// So many that a tile is full.
const CALLS: usize = 140;

fn call(site: &Site, city: &City, count: usize) {
    let mut connection = site.connect(&site.identity("ask"));
    for _ in 0..count {
        assert_eq!(connection.send(&city.good_call()).expect("an answer").code(), "ok");
    }
}

#[test]
fn each_change_of_the_list_is_found_with_its_first_bad_record() {
    let city = City::small();
    let provider = Provider::of(&city);
    let settings = vec![("ledger.segment_bytes", (1 << 20).into())];
    let mut site = Site::serve(&city, &provider.url(), &Changes { settings, ..Changes::default() });
    site.stop();
    let key = site.ledger().join("keys/checkpoint.vkey");
    let witness = Witness::start("w.audit.example", ORIGIN, &key);
    site.change(&[("ledger.witnesses", Value::Array(vec![witness.listed()]))]);
    site.start_again();
    call(&site, &city, CALLS / 2);
    site.stop();
    let (before, kept, pinned) = (site.file("before"), site.file("kept"), site.file("pinned.vkey"));
    copy(&site.ledger(), &before);
    fs::copy(key, &pinned).unwrap();
    site.start_again();
    call(&site, &city, CALLS / 2);
    call_until_witnessed(&site, &city.good_call());
    site.stop();
    // As the log's own key signed it: without the words of the witness.
    let own = fs::read_to_string(site.ledger().join("checkpoint")).unwrap();
    let lines: Vec<&str> = own.lines().filter(|line| !line.contains("w.audit.example")).collect();
    fs::write(&kept, format!("{}\n", lines.join("\n"))).unwrap();

    let options = |case: &Case| -> Vec<String> {
        let text = |path: &Path| path.display().to_string();
        let known = [("@key", text(&pinned)), ("@kept", text(&kept)), ("@witness", witness.vkey.clone())];
        let meant = |word: &String| {
            known.iter().find(|(name, _)| name == word).map_or_else(|| word.clone(), |(_, meant)| meant.clone())
        };
        case.verify.iter().map(meant).chain(["--json".to_owned()]).collect()
    };
    let mut wrong = Vec::new();
    let cases = cases();
    for case in &cases {
        let ledger = site.file("tampered");
        copy(&site.ledger(), &ledger);
        for change in &case.change {
            tamper(&ledger, &before, &kept, change);
        }
        let options = options(case);
        let verified = ledger::verify(&ledger, &options.iter().map(String::as_str).collect::<Vec<_>>());
        let told: serde_json::Value = serde_json::from_str(&verified.stdout).unwrap_or_default();
        let index = told["fault"]["first_bad_index"].as_u64();
        if verified.code != case.exit || case.index.is_some() && index != case.index {
            wrong.push(format!(
                "{}: exit {}, {} {}",
                case.name,
                verified.code,
                verified.stdout.trim(),
                verified.stderr
            ));
        }
        fs::remove_dir_all(&ledger).unwrap();
    }
    assert!(wrong.is_empty() && cases.len() > 20, "{}", wrong.join("\n"));
}
