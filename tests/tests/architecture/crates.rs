//! Crate edges, compared with the map of `ARCHITECTURE.md`.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{CargoOpt, DependencyKind, MetadataCommand};

/// What each crate may use of ours. An arrow that is missing here is a design decision, not a typo.
const ALLOWED: [(&str, &[&str]); 13] = [
    ("sluice-domain", &[]),
    // An auditor builds the ledger alone.
    ("sluice-ledger", &[]),
    ("sluice-certs", &[]),
    ("sluice-store", &["sluice-domain"]),
    ("sluice-transport", &["sluice-domain"]),
    ("sluice-contract", &["sluice-domain"]),
    ("sluice-rest", &["sluice-contract", "sluice-domain", "sluice-transport"]),
    ("sluice-config", &["sluice-contract", "sluice-domain", "sluice-ledger"]),
    ("sluice-exchange", &["sluice-contract", "sluice-domain", "sluice-ledger", "sluice-transport"]),
    (
        "sluice-server",
        &[
            "sluice-certs",
            "sluice-config",
            "sluice-contract",
            "sluice-domain",
            "sluice-exchange",
            "sluice-ledger",
            "sluice-rest",
            "sluice-transport",
        ],
    ),
    ("sluice-bench", &["sluice-certs"]),
    ("sluice-tests", &[]),
    ("sluice-fuzz", &[]),
];

/// Our crates and what they use of ours, tests aside.
fn edges() -> BTreeMap<String, BTreeSet<String>> {
    let manifest = sluice_tests::binary::workspace().join("Cargo.toml");
    let metadata =
        MetadataCommand::new().manifest_path(manifest).features(CargoOpt::AllFeatures).no_deps().exec().unwrap();
    let packages = metadata.workspace_packages();
    let ours = |package: &cargo_metadata::Package| -> BTreeSet<String> {
        let used = package.dependencies.iter().filter(|dependency| dependency.kind != DependencyKind::Development);
        used.map(|dependency| dependency.name.clone()).filter(|name| name.starts_with("sluice-")).collect()
    };
    packages.iter().map(|package| (package.name.to_string(), ours(package))).collect()
}

#[test]
fn arrows_point_down_only() {
    let edges = edges();
    let known: BTreeSet<&str> = ALLOWED.iter().map(|(name, _)| *name).collect();
    assert_eq!(
        edges.keys().map(String::as_str).collect::<BTreeSet<_>>(),
        known,
        "every crate has its place on the map"
    );
    for (name, allowed) in ALLOWED {
        let extra: Vec<&String> = edges[name].iter().filter(|used| !allowed.contains(&used.as_str())).collect();
        assert!(extra.is_empty(), "{name} must not use {extra:?}");
    }
}

#[test]
fn a_crate_lies_where_its_name_says_and_follows_the_lints() {
    let root = sluice_tests::binary::workspace();
    for name in edges().keys() {
        let folder = name.strip_prefix("sluice-").unwrap();
        let places = ["gateway", "adapters", "tests", "."].map(|above| format!("{above}/{folder}"));
        let place = places.iter().map(|place| root.join(place)).find(|place| place.join("Cargo.toml").is_file());
        let place = place.unwrap_or_else(|| panic!("{name} lies in none of {places:?}"));
        let manifest: toml::Table = std::fs::read_to_string(place.join("Cargo.toml")).unwrap().parse().unwrap();
        assert_eq!(manifest["lints"]["workspace"].as_bool(), Some(true), "{name}");
    }
}
