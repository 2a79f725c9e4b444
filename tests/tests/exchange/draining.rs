//! The end of the process: what was accepted is answered and recorded.

use std::time::Duration;

use serde_json::json;
use sluice_tests::city::City;
use sluice_tests::city::small::RESOURCE;
use sluice_tests::client::{Call, Connection};
use sluice_tests::clock;
use sluice_tests::http2::Http2;
use sluice_tests::ledger;
use sluice_tests::load::{Load, Outcome};
use sluice_tests::provider::{Provider, Reply, standard};
use sluice_tests::site::{Changes, Site};

fn slow_provider(city: &City, time: Duration) -> Provider {
    let city = city.clone();
    Provider::start(move |question| Reply::Later(time, Box::new(standard(&city, question))))
}

#[test]
fn a_drain_under_load_loses_no_accepted_request() {
    for signal in ["TERM", "INT", "QUIT"] {
        let city = City::small();
        let provider = slow_provider(&city, Duration::from_millis(5));
        let mut site = Site::serve(&city, &provider.url(), &Changes::default());
        let load = Load::start(16, &site.identity("ask"), site.base, &city.good_call());
        let busy = clock::within(Duration::from_secs(20), "answers", || (load.answers() > 300).then_some(()));
        assert!(busy.is_ok());
        site.process.signal(signal);
        let status = site.process.end(Duration::from_secs(30));
        assert!(status.success(), "{signal}: {status}\n{}", site.process.printed());
        let outcomes = load.end();
        let records = ledger::records(&site.ledger());
        for outcome in &outcomes {
            match outcome {
                Outcome::Answered(answer) if answer.status == 200 => {
                    let receipt = answer.receipt().unwrap();
                    let leaf = records.get(&receipt.index).map(|(leaf, _)| leaf);
                    assert_eq!(leaf, Some(&receipt.leaf), "{signal}");
                }
                Outcome::Answered(answer) => {
                    assert_eq!(answer.code(), "exchange.draining", "{signal}: {}", answer.text());
                }
                Outcome::Lost(_) => {}
            }
        }
        // A caller that lost its connection had not been accepted: every permitted access was answered.
        let answered = outcomes
            .iter()
            .filter(|outcome| matches!(outcome, Outcome::Answered(answer) if answer.status == 200))
            .count();
        let permitted =
            records.values().filter(|(_, record)| record["kind"] == "ACCESS" && record["decision"] == "permit").count();
        assert_eq!(answered, permitted, "{signal}");
        let outcomes = records.values().filter(|(_, record)| record["kind"] == "OUTCOME").count();
        assert!(outcomes >= permitted, "{signal}: {outcomes} of {permitted} outcomes");
        let verified = ledger::verify(&site.ledger(), &[]);
        assert_eq!(verified.code, 0, "{signal}: {}{}", verified.stdout, verified.stderr);
    }
}

#[test]
fn a_request_in_work_is_answered_and_its_connection_closed() {
    let city = City::small();
    let provider = slow_provider(&city, Duration::from_millis(800));
    let mut site = Site::serve(&city, &provider.url(), &Changes::default());
    let ask = site.identity("ask");
    std::thread::scope(|scope| {
        let first = scope.spawn(|| {
            let mut connection = Connection::open(&ask, site.base).unwrap();
            let answer = connection.send(&city.good_call()).unwrap();
            (answer, connection.is_closed())
        });
        let second = scope.spawn(|| Http2::open(&ask, site.base).send(&city.good_call()));
        let waited = clock::within(Duration::from_secs(5), "both at the provider", || {
            (site.ops("/metrics").0 == 200 && provider.waiting() == 2).then_some(())
        });
        assert!(waited.is_ok());
        site.process.signal("TERM");
        let not_ready = clock::within(Duration::from_millis(700), "not ready at once", || {
            (site.ops("/readyz").0 != 200).then_some(())
        });
        assert!(not_ready.is_ok());
        let (answer, closed) = first.join().unwrap();
        assert_eq!(answer.code(), "ok", "{}", answer.text());
        assert_eq!(answer.header("Connection").map(str::to_ascii_lowercase).as_deref(), Some("close"));
        assert!(closed);
        assert_eq!(second.join().unwrap().code(), "ok");
    });
    assert!(site.process.end(Duration::from_secs(20)).success());
}

#[test]
fn a_second_interrupt_ends_at_once() {
    let city = City::small();
    let provider = slow_provider(&city, Duration::from_secs(20));
    let settings = vec![("data.drain.timeout_ms", 60_000.into())];
    let binding = vec![("timeout_ms", 25_000.into())];
    let mut site = Site::serve(&city, &provider.url(), &Changes { settings, binding, ..Changes::default() });
    let ask = site.identity("ask");
    let mut connection = site.connect(&ask);
    let body = json!({"filter": {"ID": city.id(0)}}).to_string();
    let head = format!(
        "POST /v1/resources/{RESOURCE}/query HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\nExchange-Purpose: P1\r\nExchange-Handler: h-1\r\nExchange-Matter: C\r\nContent-Length: {}\r\n\r\n{body}",
        site.base,
        ask.token.clone().unwrap(),
        body.len()
    );
    connection.write(head.as_bytes()).unwrap();
    assert!(
        clock::within(Duration::from_secs(5), "at the provider", || (provider.waiting() == 1).then_some(())).is_ok()
    );
    site.process.signal("INT");
    assert!(
        clock::within(Duration::from_secs(5), "not ready", || (site.ops("/readyz").0 != 200).then_some(())).is_ok()
    );
    assert!(site.process.ended().is_none(), "the first interrupt drains");
    site.process.signal("INT");
    let _any = site.process.end(Duration::from_secs(5));
    // The ledger is whole all the same.
    site.start_again();
    assert_eq!(ledger::verify(&site.ledger(), &[]).code, 0);
}

#[test]
fn a_stopped_ledger_ends_with_a_checkpoint_over_its_last_record() {
    let city = City::small();
    let provider = Provider::of(&city);
    let mut site = Site::serve(&city, &provider.url(), &Changes::default());
    let ask = site.identity("ask");
    for _ in 0..5 {
        assert_eq!(site.send(&ask, &Call::clone(&city.good_call())).code(), "ok");
    }
    site.stop();
    let checkpoint = std::fs::read_to_string(site.ledger().join("checkpoint")).unwrap();
    let vkey = std::fs::read_to_string(site.ledger().join("keys/checkpoint.vkey")).unwrap();
    let checkpoint = sluice_tests::transparency::open(&checkpoint, &vkey).unwrap();
    let records = ledger::records(&site.ledger());
    assert_eq!(checkpoint.size, records.len() as u64);
    let leaves: Vec<_> =
        records.values().map(|(leaf, _)| sluice_tests::transparency::base64(leaf).try_into().unwrap()).collect();
    assert_eq!(
        checkpoint.root,
        sluice_tests::transparency::tree(&leaves),
        "the root is over the records that are shown"
    );
    let key = site.ledger().join("keys/checkpoint.vkey");
    let pinned = ledger::verify(&site.ledger(), &["--key", key.to_str().unwrap()]);
    assert_eq!(pinned.code, 0, "{}{}", pinned.stdout, pinned.stderr);
}
