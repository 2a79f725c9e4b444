//! The ledger through its command line.

use std::collections::{BTreeMap, HashMap};
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::binary::sluice;
use crate::process::{Ended, run};

/// More records than any test writes.
const ALL: &str = "10000000";

/// `sluice ledger verify`.
pub fn verify(ledger: &Path, options: &[&str]) -> Ended {
    run(Command::new(sluice()).args(["ledger", "verify", "--dir"]).arg(ledger).args(options))
}

/// `sluice ledger show --index N --json`.
pub fn show(ledger: &Path, index: u64) -> Value {
    let shown = run(Command::new(sluice())
        .args(["ledger", "show", "--json", "--index", &index.to_string(), "--dir"])
        .arg(ledger));
    assert_eq!(shown.code, 0, "record {index}: {}", shown.stderr);
    serde_json::from_str(&shown.stdout).expect("show gives JSON")
}

/// Leaf hash of every record by its index, of a ledger too long to be held whole.
pub fn leaves(ledger: &Path) -> HashMap<u64, String> {
    #[derive(serde::Deserialize)]
    struct Line {
        index: u64,
        leaf: String,
    }
    let mut shown = Command::new(sluice())
        .args(["ledger", "show", "--json", "--last", ALL, "--dir"])
        .arg(ledger)
        .stdout(Stdio::piped())
        .spawn()
        .expect("the command can be started");
    let lines = BufReader::new(shown.stdout.take().expect("its output")).lines();
    let leaf = |line: std::io::Result<String>| {
        let line: Line = serde_json::from_str(&line.expect("a line")).expect("a line is JSON");
        (line.index, line.leaf)
    };
    let leaves = lines.map(leaf).collect();
    assert!(shown.wait().is_ok_and(|status| status.success()), "the ledger can be shown");
    leaves
}

/// Every record: index → (leaf hash as in `Exchange-Receipt`, record).
pub fn records(ledger: &Path) -> BTreeMap<u64, (String, Value)> {
    let shown = run(Command::new(sluice()).args(["ledger", "show", "--json", "--last", ALL, "--dir"]).arg(ledger));
    assert_eq!(shown.code, 0, "{}", shown.stderr);
    let line = |line: &str| {
        let document: Value = serde_json::from_str(line).expect("a line is JSON");
        let leaf = document["leaf"].as_str().expect("a leaf").to_owned();
        (document["index"].as_u64().expect("an index"), (leaf, document["record"].clone()))
    };
    shown.stdout.lines().map(line).collect()
}
