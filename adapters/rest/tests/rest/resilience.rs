//! Providers that are down, slow or overloaded.

use std::net::TcpListener;

use sluice_contract::{BadAnswer, ProviderFault};
use sluice_domain::Mode;

use crate::provider::{Provider, Reply, json, with_head};
use crate::world::{attach, fetch};

fn binding(settings: &str) -> String {
    format!("{settings}\n[query]\nmethod = 'GET'\npath = '/p/{{ID}}'")
}

#[tokio::test]
async fn nobody_listening_is_unreachable() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let adapter = attach(address, &binding("retries = 2"));
    assert_eq!(fetch(&*adapter, Mode::Query, "43", &[0]).await, Err(ProviderFault::Unreachable));
}

#[tokio::test]
async fn silence_is_a_timeout_and_what_was_sent_is_not_sent_again() {
    let provider = Provider::start(|_, _| Reply::Silence);
    let adapter = attach(provider.address, &binding("timeout_ms = 100\nconnect_timeout_ms = 100\nretries = 3"));
    assert_eq!(fetch(&*adapter, Mode::Query, "43", &[0]).await, Err(ProviderFault::Timeout));
    assert_eq!(provider.seen().len(), 1);
}

#[tokio::test]
async fn a_reset_after_the_request_is_not_sent_again() {
    let provider = Provider::start(|_, _| Reply::Reset);
    let adapter = attach(provider.address, &binding("retries = 3"));
    assert_eq!(fetch(&*adapter, Mode::Query, "43", &[0]).await, Err(ProviderFault::Unreachable));
    assert_eq!(provider.seen().len(), 1);
}

#[tokio::test]
async fn repeated_failures_open_the_circuit_and_a_probe_closes_it() {
    let provider = Provider::start(|number, _| match number {
        0 => Reply::Reset,
        1 => with_head("503 Busy", "retry-after: 1", b""),
        _ => json("[]"),
    });
    let adapter = attach(provider.address, &binding("breaker = { failures = 2, open_ms = 100 }"));
    for _ in 0..2 {
        assert_eq!(fetch(&*adapter, Mode::Query, "43", &[0]).await, Err(ProviderFault::Unreachable));
    }
    assert_eq!(fetch(&*adapter, Mode::Query, "43", &[0]).await, Err(ProviderFault::CircuitOpen { retry_after_s: 1 }));
    assert_eq!(provider.seen().len(), 2, "an open circuit asks nothing");
    let closed = loop {
        match fetch(&*adapter, Mode::Query, "43", &[0]).await {
            Err(ProviderFault::CircuitOpen { .. }) => tokio::task::yield_now().await,
            other => break other,
        }
    };
    assert_eq!(closed, Ok(Some(vec![])));
    assert_eq!(fetch(&*adapter, Mode::Query, "43", &[0]).await, Ok(Some(vec![])));
}

#[tokio::test]
async fn bad_answers_do_not_open_the_circuit() {
    let provider = Provider::start(|_, _| json("{"));
    let adapter = attach(provider.address, &binding("breaker = { failures = 1, open_ms = 60000 }"));
    for _ in 0..3 {
        assert_eq!(fetch(&*adapter, Mode::Query, "43", &[0]).await, Err(BadAnswer::NotJson.into()));
    }
}

#[tokio::test]
async fn server_errors_open_the_circuit() {
    let provider = Provider::start(|_, _| with_head("500 Oops", "x: y", b""));
    let adapter = attach(provider.address, &binding("breaker = { failures = 1, open_ms = 60000 }"));
    assert_eq!(fetch(&*adapter, Mode::Query, "43", &[0]).await, Err(BadAnswer::Status.into()));
    assert_eq!(fetch(&*adapter, Mode::Query, "43", &[0]).await, Err(ProviderFault::CircuitOpen { retry_after_s: 60 }));
}

#[tokio::test]
async fn calls_beyond_the_concurrency_limit_are_refused_at_once() {
    let provider = Provider::start(|_, _| Reply::Silence);
    let settings = "timeout_ms = 200\nconnect_timeout_ms = 200\nconcurrency = 1\nwaiting_max = 0";
    let adapter = attach(provider.address, &binding(settings));
    let (first, second) =
        tokio::join!(fetch(&*adapter, Mode::Query, "43", &[0]), fetch(&*adapter, Mode::Query, "44", &[0]));
    assert_eq!(first, Err(ProviderFault::Timeout));
    assert_eq!(second, Err(ProviderFault::Busy { retry_after_s: 1 }));
}

#[tokio::test]
async fn a_call_that_is_given_up_gives_its_place_back() {
    let provider = Provider::start(|number, _| if number == 0 { Reply::Silence } else { json("[]") });
    let adapter = attach(provider.address, &binding("concurrency = 1\nwaiting_max = 0"));
    let given_up = fetch(&*adapter, Mode::Query, "43", &[0]);
    let asked = async {
        while provider.seen().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! { got = given_up => panic!("{got:?}"), () = asked => {} }
    assert_eq!(fetch(&*adapter, Mode::Query, "44", &[0]).await, Ok(Some(vec![])));
}
