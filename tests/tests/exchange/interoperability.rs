//! The ledger and its witness beside other people's programs, which share specifications with ours and no code.

use std::fs;
use std::path::Path;
use std::process::Command;

use sluice_tests::binary::sluice;
use sluice_tests::city::City;
use sluice_tests::clock;
use sluice_tests::ledger;
use sluice_tests::outsiders::{TheirWitness, script};
use sluice_tests::process::{Ended, run};
use sluice_tests::provider::Provider;
use sluice_tests::site::{Changes, Site};
use sluice_tests::witness::Witness;
use toml::Value;

use super::witnesses::{ORIGIN, PATIENCE, call_until_witnessed, copy};

fn command(name: &str, dir: &Path, options: &[&str]) -> Ended {
    let ended = run(Command::new(sluice()).args(["ledger", name, "--dir"]).arg(dir).args(options));
    assert_eq!(ended.code, 0, "{}{}", ended.stdout, ended.stderr);
    ended
}

#[test]
fn their_witness_cosigns_our_log_and_finds_it_set_back_and_their_verifier_accepts_it() {
    let city = City::small();
    let provider = Provider::of(&city);
    let mut site = Site::serve(&city, &provider.url(), &Changes::default());
    site.stop();
    let key = fs::read_to_string(site.ledger().join("keys/checkpoint.vkey")).unwrap().trim().to_owned();
    let theirs = TheirWitness::start("w.theirs.example", ORIGIN, &key);
    site.change(&[
        ("ledger.witnesses", Value::Array(vec![theirs.listed()])),
        ("ledger.witness.start_wait_s", 5.into()),
    ]);
    site.start_again();
    call_until_witnessed(&site, &city.good_call());
    site.stop();
    let backup = site.file("backup");
    copy(&site.ledger(), &backup);
    site.start_again();
    for _ in 0..300 {
        assert_eq!(site.send(&site.identity("ask"), &city.good_call()).code(), "ok");
    }
    let index = call_until_witnessed(&site, &city.good_call()).to_string();
    let (pinned, policy) = (site.file("pinned.vkey"), site.file("trust.policy"));
    fs::write(&pinned, &key).unwrap();
    fs::write(&policy, format!("log {key}\nwitness theirs {}\nquorum theirs\n", theirs.vkey)).unwrap();
    let policy = policy.display().to_string();
    assert_eq!(ledger::verify(&site.ledger(), &["--policy", &policy]).code, 0);

    let (tiles, proof) = (site.file("tiles").display().to_string(), site.file("proof").display().to_string());
    command("prove", &site.ledger(), &["--index", &index, "--out", &proof, "--policy", &policy]);
    command("export", &site.ledger(), &["--format", "tlog-tiles", "--out", &tiles]);
    let checked = run(script("check.py").args([&tiles, &proof, &key, &theirs.vkey]));
    assert_eq!(checked.code, 0, "{}{}", checked.stdout, checked.stderr);
    assert!(checked.stdout.contains(&format!("record {index} of")), "{}", checked.stdout);

    let at = Path::new(&tiles).join("tile/0/000");
    let mut tile = fs::read(&at).unwrap();
    tile[70] ^= 1;
    fs::write(&at, tile).unwrap();
    assert_ne!(run(script("check.py").args([&tiles, &proof, &key])).code, 0, "a changed tile");

    site.stop();
    fs::rename(site.ledger(), site.file("aside")).unwrap();
    copy(&backup, &site.ledger());
    let printed = site.try_start_again().expect_err("a ledger that was set back must not serve");
    assert!(printed.contains("ROLLBACK: witness w.theirs.example"), "{printed}");
}

#[test]
fn our_witness_cosigns_their_log_and_refuses_its_forks() {
    const THEIRS: &str = "log.theirs.example/a";
    let folder = tempfile::tempdir().unwrap();
    let (secret, public) = (folder.path().join("key"), folder.path().join("log.vkey"));
    let made = run(script("feed.py").arg("keygen").arg(&secret).arg(THEIRS));
    assert_eq!(made.code, 0, "{}", made.stderr);
    fs::write(&public, &made.stdout).unwrap();
    let witness = Witness::start("w.ours.example", THEIRS, &public);
    let fed = run(script("feed.py").arg("feed").arg(&secret).args([THEIRS, &witness.url(), &witness.vkey]));
    assert_eq!(fed.code, 0, "{}{}", fed.stdout, fed.stderr);
    assert!(fed.stdout.contains("a fork refused"), "{}", fed.stdout);
    let metrics = || {
        witness.metrics().contains("sluice_witness_cosigned_size{origin=\"log.theirs.example/a\"} 1000").then_some(())
    };
    clock::within(PATIENCE, "the largest size that it cosigned", metrics).unwrap();
}
