//! Files are read again while the exchange serves: what is taken away bites at the next request, on
//! connections that are open and on sessions that are resumed; a bad file changes nothing.

use std::fs;
use std::process::Command;
use std::time::Duration;

use serde_json::json;
use sluice_tests::binary::sluice;
use sluice_tests::city::City;
use sluice_tests::city::small::RESOURCE;
use sluice_tests::client::{Answer, Call, Connection};
use sluice_tests::clock;
use sluice_tests::demo::Demo;
use sluice_tests::exchange::Exchange;
use sluice_tests::http2::Http2;
use sluice_tests::ledger;
use sluice_tests::process::run;
use sluice_tests::provider::{Provider, Reply, standard};
use sluice_tests::site::{Changes, Site, edit};
use toml::{Table, Value};

use super::problem;

/// Longest time from the signal to the first request that is judged by the new files.
const AT_ONCE: Duration = Duration::from_secs(1);

/// The entry of a catalogue table that has this member.
fn entry<'t>(catalogue: &'t mut Table, table: &str, member: &str, value: &str) -> &'t mut Table {
    let entries = catalogue[table].as_array_mut().unwrap();
    let found = entries.iter_mut().find(|entry| entry[member].as_str() == Some(value));
    found.unwrap().as_table_mut().unwrap()
}

fn set(entry: &mut Table, member: &str, value: impl Into<Value>) {
    entry.insert(member.to_owned(), value.into());
}

/// Sends a signal and waits until a call on this connection is answered with the code; until then
/// with the one before. No request is lost.
fn hang_up(site: &Exchange, process: u32, (connection, call): (&mut Connection, &Call), (before, code): (&str, &str)) {
    sluice_tests::process::signal(process, "HUP");
    let turned = clock::within(AT_ONCE, code, || {
        let answer = connection.send(call).unwrap();
        let got = answer.code();
        assert!(got == before || got == code, "{code}: {}", answer.text());
        (got == code).then_some(())
    });
    assert!(turned.is_ok(), "{turned:?}\n{}", site.ops("/readyz?verbose").1);
}

#[test]
fn rights_taken_away_bite_on_open_connections_and_resumed_sessions() {
    type Edit = fn(&mut Table);
    let rows: [(&str, Edit); 5] = [
        ("party.suspended", |catalogue| set(entry(catalogue, "parties", "key", "ask"), "state", "suspended")),
        ("handler.disabled", |catalogue| {
            let ask = entry(catalogue, "parties", "key", "ask");
            set(entry(ask, "handlers", "id", "h-1"), "state", "disabled");
        }),
        ("grant.revoked", |catalogue| set(entry(catalogue, "grants", "id", "G-1000"), "state", "revoked")),
        ("grant.suspended", |catalogue| set(entry(catalogue, "grants", "id", "G-1000"), "state", "suspended")),
        ("identity.unknown_system", |catalogue| {
            let systems = catalogue["systems"].as_array_mut().unwrap();
            systems.retain(|system| system["id"].as_str() != Some("ask.main"));
        }),
    ];
    let city = City::small();
    let provider = Provider::of(&city);
    let site = Site::serve(&city, &provider.url(), &Changes::default());
    let ask = site.identity("ask");
    let call = city.good_call();
    let mut http1 = site.connect(&ask);
    let mut http2 = Http2::open(&ask, site.base);
    let good = fs::read_to_string(site.file("catalogue.toml")).unwrap();
    for (code, change) in rows {
        assert_eq!((http1.send(&call).unwrap().code(), http2.send(&call).code()), ("ok".into(), "ok".into()), "{code}");
        edit(&site.file("catalogue.toml"), change);
        hang_up(&site, site.process.pid(), (&mut http1, &call), ("ok", code));
        problem::check("a connection with HTTP/2", &http2.send(&call), code);
        let mut resumed = site.connect(&ask);
        assert!(resumed.is_resumed(), "{code}: certificates did not change, so sessions go on");
        problem::check("a resumed session", &resumed.send(&call).unwrap(), code);
        fs::write(site.file("catalogue.toml"), &good).unwrap();
        hang_up(&site, site.process.pid(), (&mut http1, &call), (code, "ok"));
    }
    revoke(&site, "ask");
    hang_up(&site, site.process.pid(), (&mut http1, &call), ("ok", "identity.certificate_revoked"));
    problem::check("HTTP/2", &http2.send(&call), "identity.certificate_revoked");
    let mut resumed = site.connect(&ask);
    assert!(resumed.is_resumed());
    problem::check("a resumed session", &resumed.send(&call).unwrap(), "identity.certificate_revoked");
    let refused = resumed.send(&Call::token("grant_type=client_credentials")).unwrap();
    assert_eq!(refused.status, 401, "no token either: {}", refused.text());
}

/// Revokes the certificate of a party's system, as an administrator does.
pub(crate) fn revoke(site: &Exchange, party: &str) {
    let certificate = site.file(&format!("pki/parties/{party}/cert.pem"));
    let print = sluice_tests::client::fingerprint(&certificate);
    let revoked =
        run(Command::new(sluice()).args(["certs", "revoke", "--certificate", &print, "--dir"]).arg(site.file("pki")));
    assert_eq!(revoked.code, 0, "{}", revoked.stderr);
}

#[test]
fn a_bad_file_changes_nothing_and_is_told_with_its_line() {
    let city = City::small();
    let provider = Provider::of(&city);
    let site = Site::serve(&city, &provider.url(), &Changes::default());
    let (ask, call) = (site.identity("ask"), city.good_call());
    let mut connection = site.connect(&ask);
    let good = fs::read_to_string(site.file("catalogue.toml")).unwrap();
    let revision = |text: &str| text.split("revision ").nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
    let before = revision(&site.ops("/readyz?verbose").1);
    fs::write(site.file("catalogue.toml"), good.replacen("share_type", "share_tpye", 1)).unwrap();

    let told = site.reload();
    assert_eq!(told.code, 78, "{}{}", told.stdout, told.stderr);
    let is_line = |text: &str| text.contains("catalogue.toml:") && text.contains("share_tpye");
    assert!(is_line(&told.stderr), "{}", told.stderr);

    site.process.signal("HUP");
    let noticed = clock::within(AT_ONCE, "the failure on the metrics page", || {
        site.metric("sluice_config_last_reload_successful").filter(|value| *value == 0.0)
    });
    assert!(noticed.is_ok(), "{}", site.ops("/metrics").1);
    let (status, shown) = site.ops("/readyz?verbose");
    assert_eq!(status, 200, "it serves with what it had: {shown}");
    assert!(is_line(&shown) && shown.contains(&before), "{shown}");
    assert!(is_line(&site.process.printed()), "{}", site.process.printed());
    assert_eq!(connection.send(&call).unwrap().code(), "ok");

    fs::write(site.file("catalogue.toml"), good.replace("valid_until", "# by hand\nvalid_until")).unwrap();
    let mended = site.reload();
    assert_eq!(mended.code, 0, "{}", mended.stderr);
    assert_eq!(site.metric("sluice_config_last_reload_successful"), Some(1.0));
    assert_eq!(revision(&mended.stdout), before, "the content is the same");
    assert!(site.metric("sluice_config_last_reload_timestamp_seconds").unwrap() > 1.7e9);
    assert!(site.metric("sluice_crl_next_update_timestamp_seconds").unwrap() > 1.7e9);
    assert!(site.metric("sluice_cert_expiry_timestamp_seconds{cert=\"server\"}").unwrap() > 1.7e9);
}

#[test]
fn what_needs_a_restart_is_refused_by_its_key() {
    let rows: [(&str, Value); 12] = [
        ("node.id", 9.into()),
        ("node.name", "other".into()),
        ("data.listen", "127.0.0.1:1".into()),
        ("data.workers", 7.into()),
        ("ops.listen", "127.0.0.1:1".into()),
        ("ledger.origin", "other.example/log".into()),
        ("ledger.segment_bytes", 16_777_216.into()),
        ("ledger.backlog_max", 100.into()),
        ("tokens.cache_entries", 100.into()),
        ("log.level", "debug".into()),
        ("subjects.key", "file:other.hex".into()),
        ("ledger.dir", "elsewhere".into()),
    ];
    let city = City::small();
    let provider = Provider::of(&city);
    let site = Site::serve(&city, &provider.url(), &Changes::default());
    fs::write(site.file("other.hex"), "ab".repeat(32)).unwrap();
    let good = fs::read_to_string(site.config()).unwrap();
    for (key, value) in rows {
        site.change(&[(key, value)]);
        let told = site.reload();
        let name = key.rsplit('.').next().unwrap();
        if key == "ledger.dir" {
            // Nobody is found there; the process itself names the key.
            assert_eq!(told.code, 1, "{}", told.stderr);
            assert!(told.stderr.contains("no gateway runs"), "{}", told.stderr);
            site.process.signal("HUP");
            let named = clock::within(AT_ONCE, "the key in the log", || {
                site.process.printed().contains("\"dir\" cannot change").then_some(())
            });
            assert!(named.is_ok(), "{}", site.process.printed());
        } else {
            assert_eq!(told.code, 78, "{key}: {}{}", told.stdout, told.stderr);
            let line =
                told.stderr.contains("sluice.toml:") && told.stderr.contains(&format!("\"{name}\" cannot change"));
            assert!(line && told.stderr.contains(&format!("restart the gateway to change {key}")), "{}", told.stderr);
        }
        fs::write(site.config(), &good).unwrap();
    }
    let json = run(Command::new(sluice()).args(["reload", "--json", "--config"]).arg(site.config()));
    assert_eq!(json.code, 0, "{}", json.stderr);
    assert_eq!(serde_json::from_str::<serde_json::Value>(&json.stdout).unwrap()["reloaded"], true);
    assert_eq!(site.send(&site.identity("ask"), &city.good_call()).code(), "ok");
}

#[test]
fn limits_change_and_what_was_used_stays_used() {
    let mut city = City::small();
    city.grants[0].per_day = Some(5);
    let provider = Provider::of(&city);
    let site = Site::serve(&city, &provider.url(), &Changes::default());
    let (ask, call) = (site.identity("ask"), city.good_call());
    let mut connection = site.connect(&ask);
    let left = |answer: &Answer| answer.header("X-RateLimit-Remaining").map(str::to_owned);
    for used in 1..=3_u32 {
        assert_eq!(left(&connection.send(&call).unwrap()), Some((5 - used).to_string()));
    }
    edit(&site.file("catalogue.toml"), |catalogue| {
        let limits = Table::from_iter([("per_day".to_owned(), Value::from(4))]);
        set(entry(catalogue, "grants", "id", "G-1000"), "limits", limits);
    });
    site.change(&[("data.limits.body_bytes_max", 1024.into()), ("data.limits.uri_bytes_max", 256.into())]);
    assert_eq!(site.reload().code, 0);
    let long = city.good_call().bytes(format!("{{\"filter\": {{\"ID\": \"{}\"}}}}", "1".repeat(2000)));
    problem::check("a body above the new limit", &connection.send(&long).unwrap(), "request.too_large");
    let mut other = site.connect(&ask);
    let long = Call::get(&format!("/v1/resources/{}", "1".repeat(300)));
    problem::check("a target above the new limit", &other.send(&long).unwrap(), "request.uri_too_long");
    let mut connection = site.connect(&ask);
    assert_eq!(left(&connection.send(&call).unwrap()), Some("0".to_owned()));
    problem::check("the day goes on", &connection.send(&call).unwrap(), "limit.quota");
}

#[test]
fn a_call_in_work_ends_where_it_began_and_the_next_goes_to_the_new_system() {
    let city = City::small();
    let slow = {
        let city = city.clone();
        Provider::start(move |question| Reply::Later(Duration::from_millis(700), Box::new(standard(&city, question))))
    };
    let other = Provider::of(&city);
    let site = Site::serve(&city, &slow.url(), &Changes::default());
    let (ask, call) = (site.identity("ask"), city.good_call());
    std::thread::scope(|scope| {
        let in_work = scope.spawn(|| site.connect(&ask).send(&call).unwrap());
        assert!(clock::within(AT_ONCE * 5, "at the provider", || (slow.waiting() == 1).then_some(())).is_ok());
        let url = other.url();
        edit(&site.file("bindings.toml"), |bindings| {
            set(entry(bindings, "rest", "resource", RESOURCE), "base_url", url);
        });
        let reloaded = site.reload();
        assert_eq!(reloaded.code, 0, "{}", reloaded.stderr);
        assert_eq!(slow.waiting(), 1, "the reload waits for nobody");
        assert_eq!(site.send(&ask, &call).code(), "ok");
        assert_eq!(in_work.join().unwrap().code(), "ok");
    });
    assert_eq!((slow.questions().len(), other.questions().len()), (1, 1));
}

#[test]
fn a_binding_that_did_not_change_keeps_its_breaker() {
    let city = City::small();
    let failing = Provider::start(|_| Reply::Http(500, Vec::new(), Vec::new()));
    let breaker = Table::from_iter([("failures".to_owned(), Value::from(2)), ("open_ms".to_owned(), 60_000.into())]);
    let binding = vec![("breaker", Value::Table(breaker)), ("retries", 0.into())];
    let site = Site::serve(&city, &failing.url(), &Changes { binding, ..Changes::default() });
    let (ask, call) = (site.identity("ask"), city.good_call());
    let opened = clock::within(Duration::from_secs(10), "the circuit opens", || {
        (site.send(&ask, &call).code() == "provider.circuit_open").then_some(())
    });
    assert!(opened.is_ok());
    edit(&site.file("catalogue.toml"), |catalogue| set(entry(catalogue, "parties", "key", "other"), "kind", "changed"));
    assert_eq!(site.reload().code, 0);
    problem::check("nothing of the binding changed", &site.send(&ask, &call), "provider.circuit_open");
    edit(&site.file("bindings.toml"), |bindings| {
        set(entry(bindings, "rest", "resource", RESOURCE), "timeout_ms", 2000);
    });
    assert_eq!(site.reload().code, 0);
    problem::check("another binding begins anew", &site.send(&ask, &call), "provider.bad_answer");
}

#[test]
fn a_reload_is_recorded_with_both_revisions() {
    let city = City::small();
    let provider = Provider::of(&city);
    let mut site = Site::serve(&city, &provider.url(), &Changes::default());
    let (ask, call) = (site.identity("ask"), city.good_call());
    let of = |answer: &Answer| {
        ledger::show(&site.ledger(), answer.receipt().unwrap().index)["record"]["policy_revision"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let before = of(&site.send(&ask, &call));
    edit(&site.file("catalogue.toml"), |catalogue| set(entry(catalogue, "parties", "key", "other"), "kind", "changed"));
    assert_eq!(site.reload().code, 0);
    let after = of(&site.send(&ask, &call));
    assert_ne!(before, after);
    let records = ledger::records(&site.ledger());
    // Others may stand there too: a machine with little room says so.
    let act = records.values().map(|(_, record)| record).find(|record| record["action"] == "policy.reloaded").unwrap();
    assert_eq!((&act["actor"], &act["kind"]), (&json!("operator"), &json!("ADMIN")), "{act}");
    assert_eq!(act["object"], json!(after), "{act}");
    assert!(act["reason"].as_str().unwrap().contains(&before), "{act}");
    assert!(site.file("ledger/sluice.pid").exists());
    site.stop();
    assert!(!site.file("ledger/sluice.pid").exists(), "a clean stop leaves no process number");
    let verified = ledger::verify(&site.ledger(), &[]);
    assert_eq!(verified.code, 0, "{}{}", verified.stdout, verified.stderr);
    let nobody = site.reload();
    assert_eq!(nobody.code, 1, "{}", nobody.stderr);
    assert!(nobody.stderr.contains("no gateway runs"), "{}", nobody.stderr);
}

#[test]
fn the_demo_reads_its_files_again_too() {
    let city = City::small();
    let mut demo = Demo::of(&city);
    let (ask, call) = (demo.identity("ask"), city.good_call());
    let mut connection = demo.connect(&ask);
    assert_eq!(connection.send(&call).unwrap().code(), "ok");
    edit(&demo.file("catalogue.toml"), |catalogue| {
        set(entry(catalogue, "grants", "id", "G-1000"), "state", "revoked");
    });
    hang_up(&demo, demo.process.pid(), (&mut connection, &call), ("ok", "grant.revoked"));
    assert!(demo.process.ended().is_none());
}
