//! The samples are complete and correct, and every key that they show behind "#" is a real one.

use crate::site::Site;
use sluice_config::settings::SubjectKeys;
use sluice_domain::Mode;

#[test]
fn samples_are_correct() {
    let loaded = Site::of_samples().load().unwrap_or_else(|faults| panic!("{faults}"));
    let policy = &loaded.catalogue.policy;
    assert_eq!(policy.parties().len(), 2);
    assert_eq!(policy.resources().len(), 3);
    assert_eq!(policy.grants().len(), 1);
    assert_eq!(loaded.catalogue.bindings.len(), 2);
    assert_eq!(policy.default_limits().rows_per_call, Some(100));
    assert!(policy.grants()[0].modes.contains(Mode::Query) && !policy.grants()[0].modes.contains(Mode::Verify));
    // The sample reaches its providers by plain HTTP, as most sites begin.
    assert!(loaded.catalogue.warnings.iter().all(|warning| warning.message.contains("plain HTTP")));
    assert_eq!(loaded.settings.data.hosts, ["exchange.example.gov.cn:8443"]);
    assert_eq!(loaded.settings.data.limits.connections_max, 10_000);
    assert_eq!(loaded.settings.ledger.pace.checkpoint_interval.as_millis(), 1_000);
}

/// A documented default that is wrong or misspelt would mislead: with every `# key = value` made
/// real, the sample must read the same.
#[test]
fn documented_defaults_are_the_defaults() {
    let site = Site::of_samples();
    let before = format!("{:?}", site.load().unwrap().settings);
    let is_key = |line: &str| {
        line.split_once(" = ").is_some_and(|(key, _)| key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'))
    };
    let made_real: Vec<String> = site
        .read("sluice.toml")
        .lines()
        .map(|line| match line.strip_prefix("# ").filter(|rest| is_key(rest)) {
            Some(rest) => rest.replace("per_day = 100000", "# not a default"),
            None => line.to_owned(),
        })
        .collect();
    assert!(
        made_real.iter().filter(|line| line.starts_with("idle_s") || line.starts_with("commit_window_us")).count() == 2
    );
    site.write("sluice.toml", &made_real.join("\n"));
    assert_eq!(format!("{:?}", site.load().unwrap_or_else(|faults| panic!("{faults}")).settings), before);
}

#[test]
fn secrets_show_in_no_debug_output() {
    let loaded = Site::of_samples().load().unwrap();
    let shown = format!("{loaded:?}");
    for secret in ["BEGIN PRIVATE KEY", "5a5a5a", "provider-secret"] {
        assert!(!shown.contains(secret), "{secret}");
    }
    let binding = loaded.catalogue.bindings.iter().find(|binding| !binding.spec.headers.is_empty()).unwrap();
    assert_eq!(binding.spec.headers["X-App-Secret"].0, "provider-secret-0815");
    let SubjectKeys::Master { tag_key, .. } = &loaded.settings.subjects.keys else { panic!("the sample has a master") };
    assert_eq!(tag_key.expose(), &[0x5a; 32]);
}

#[test]
fn the_sample_of_a_witness_is_correct_and_what_is_not_is_told() {
    let site = Site::of_samples();
    let (signer, secret) = sluice_ledger::WitnessSigner::generate("witness.audit.example.gov.cn").unwrap();
    site.write("keys/witness.key", &secret);
    let sample = include_str!("../../samples/witness.toml");
    let load = |text: &str| {
        site.write("witness.toml", text);
        sluice_config::witness::load(&site.path("witness.toml"))
    };
    let loaded = load(sample).unwrap_or_else(|faults| panic!("{faults}"));
    assert_eq!(loaded.signer.key().to_text(), signer.key().to_text());
    assert_eq!((loaded.logs.len(), loaded.logs[0].keys.len(), loaded.tls.is_some()), (1, 1, true));
    assert!(sluice_config::witness::is_witness(&site.path("witness.toml")));
    assert!(!sluice_config::witness::is_witness(&site.path("sluice.toml")));
    let rows = [
        ("state_dir =", "state_folder =", "unknown key \"state_folder\""),
        ("access/node-1\"", "access/node-2\"", "not the public key of this origin"),
        ("keys/witness.key", "keys/token.pem", "not the private key of a witness"),
        ("[[logs]]", "[[log_s]]", "a witness watches at least one log"),
        ("certificate_key =", "# =", "go together"),
    ];
    for (old, new, expected) in rows {
        let faults = load(&sample.replacen(old, new, 1)).err().expect(old).to_string();
        assert!(faults.contains(expected), "{new}: {faults}");
    }
}
