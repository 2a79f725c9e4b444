//! What `bench/sluice.sh` writes is a configuration that Sluice accepts: it must not go stale between two runs of the
//! bench.

use std::path::Path;
use std::process::Command;

use sluice_bench::{answers, pki};

#[test]
fn the_bench_configures_sluice_correctly() {
    let dir = tempfile::tempdir().unwrap();
    let pki_dir = dir.path().join("pki");
    pki::run(&pki::Options { dir: pki_dir.clone(), systems: vec!["bench.main".into()] }).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("sluice.sh");
    let written = Command::new("bash")
        .args(["-euc", r#". "$0"; write_sluice_files sluice 8443 "$LEDGER""#])
        .arg(&script)
        .env("RUN", dir.path())
        .env("PKI", &pki_dir)
        .env("LEDGER", dir.path().join("ledger"))
        .status()
        .unwrap();
    assert!(written.success(), "{written}");

    let loaded = sluice_config::load(&dir.path().join("sluice.toml")).unwrap_or_else(|faults| panic!("{faults}"));
    assert_eq!(
        loaded.settings.data.workers.map(std::num::NonZeroUsize::get),
        Some(1),
        "one worker on the proxy's core"
    );
    assert!(loaded.catalogue.warnings.is_empty(), "{:?}", loaded.catalogue.warnings);
    let declared = &loaded.catalogue.declared;
    let granted: Vec<&[String]> = declared.grants.iter().map(|grant| grant.fields.as_slice()).collect();
    assert_eq!(granted.len(), declared.resources.len(), "every resource of the bench is granted");
    assert!(
        granted.contains(&answers::PENALTY_ITEMS_GRANTED.map(String::from).as_slice()),
        "the grant keeps what the upstream's sizes assume"
    );
}
