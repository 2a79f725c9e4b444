//! A provider with several instances: calls go to those that serve.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sluice_contract::{Binding, ProviderFault, TargetState};
use sluice_domain::Mode;

use crate::provider::{Provider, Reply, json, with_head};
use crate::world::{bind_at, fetch, until};

const QUERY: &str = "[query]\nmethod = 'GET'\npath = '/p/{ID}'";

fn binding(settings: &str, addresses: &[SocketAddr]) -> Arc<dyn Binding> {
    let instances: Vec<String> = addresses.iter().map(|address| format!("'http://{address}/api'")).collect();
    bind_at(&format!("instances = [{}]\n{settings}\n{QUERY}", instances.join(", ")))
}

fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn states(binding: &dyn Binding) -> Vec<TargetState> {
    binding.standing().targets.iter().map(|target| target.state).collect()
}

#[tokio::test]
async fn equally_busy_instances_take_turns() {
    let providers = [Provider::start(|_, _| json("[]")), Provider::start(|_, _| json("[]"))];
    let adapter = binding("", &[providers[0].address, providers[1].address]).attach();
    for _ in 0..6 {
        assert_eq!(fetch(&*adapter, Mode::Query, "43", &[0]).await, Ok(Some(vec![])));
    }
    assert_eq!(providers.each_ref().map(|provider| provider.seen().len()), [3, 3]);
}

#[tokio::test]
async fn a_slow_instance_gets_fewer_calls() {
    let slow = Provider::start(|_, _| Reply::Silence);
    let quick = Provider::start(|_, _| json("[]"));
    let adapter = binding("timeout_ms = 500\nconnect_timeout_ms = 500", &[slow.address, quick.address]).attach();
    let stuck = fetch(&*adapter, Mode::Query, "1", &[0]);
    let others = async {
        until(|| slow.seen().len() == 1).await;
        for _ in 0..5 {
            assert_eq!(fetch(&*adapter, Mode::Query, "43", &[0]).await, Ok(Some(vec![])));
        }
    };
    let (stuck, ()) = tokio::join!(stuck, others);
    assert_eq!(stuck, Err(ProviderFault::Timeout));
    assert_eq!((slow.seen().len(), quick.seen().len()), (1, 5));
}

#[tokio::test]
async fn what_was_not_sent_goes_to_another_instance() {
    let provider = Provider::start(|_, _| json("[]"));
    let binding = binding("outlier = { failures = 1000 }", &[nobody(), provider.address]);
    let adapter = binding.clone().attach();
    for _ in 0..4 {
        assert_eq!(fetch(&*adapter, Mode::Query, "43", &[0]).await, Ok(Some(vec![])));
    }
    assert_eq!(provider.seen().len(), 4);
    assert_eq!(binding.standing().targets[0].connects_failed, 2, "it was tried in its turn");
}

#[tokio::test]
async fn an_instance_that_declines_is_passed_over_but_one_that_may_have_worked_is_not() {
    for (reply, expected, asked) in
        [("503 Busy", Ok(Some(vec![])), 1), ("500 Oops", Err(sluice_contract::BadAnswer::Status.into()), 0)]
    {
        let declining = Provider::start(move |_, _| with_head(reply, "x: y", b""));
        let serving = Provider::start(|_, _| json("[]"));
        let adapter = binding("", &[declining.address, serving.address]).attach();
        assert_eq!(fetch(&*adapter, Mode::Query, "43", &[0]).await, expected, "{reply}");
        assert_eq!((declining.seen().len(), serving.seen().len()), (1, asked), "{reply}");
    }
}

#[tokio::test]
async fn an_instance_that_keeps_failing_is_left_out_for_a_while() {
    let fails = Arc::new(AtomicBool::new(true));
    let flag = Arc::clone(&fails);
    let failing = Provider::start(move |_, _| if flag.load(Ordering::Acquire) { Reply::Reset } else { json("[]") });
    let serving = Provider::start(|_, _| json("[]"));
    let settings = "outlier = { failures = 2, eject_ms = 300 }\nbreaker = { failures = 100, open_ms = 1000 }";
    let binding = binding(settings, &[failing.address, serving.address]);
    let adapter = binding.clone().attach();
    let mut outcomes = BTreeMap::new();
    while binding.standing().targets[0].state == TargetState::Healthy {
        *outcomes.entry(fetch(&*adapter, Mode::Query, "43", &[0]).await.is_ok()).or_insert(0) += 1;
    }
    assert_eq!((outcomes[&false], failing.seen().len()), (2, 2));
    fails.store(false, Ordering::Release);
    assert_eq!(fetch(&*adapter, Mode::Query, "43", &[0]).await, Ok(Some(vec![])));
    assert_eq!(failing.seen().len(), 2, "left out");
    until(|| states(&*binding) == [TargetState::Healthy; 2]).await;
    for _ in 0..2 {
        assert_eq!(fetch(&*adapter, Mode::Query, "43", &[0]).await, Ok(Some(vec![])));
    }
    assert_eq!(failing.seen().len(), 3, "back again");
}

#[tokio::test]
async fn probes_tell_which_instances_live() {
    let lives = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&lives);
    let sick = Provider::start(move |_, request| match request.starts_with("GET /api/health?deep=1 HTTP/1.1") {
        true if flag.load(Ordering::Acquire) => with_head("204 Fine", "x: y", b""),
        true => with_head("503 Ill", "x: y", b""),
        false => json("[]"),
    });
    let well = Provider::start(|_, request| {
        if request.starts_with("GET /api/health") { with_head("204 Fine", "x: y", b"") } else { json("[]") }
    });
    let settings = "probe = { path = '/health?deep=1', interval_ms = 500, healthy_after = 1, unhealthy_after = 1, status = [204] }";
    let binding = binding(settings, &[sick.address, well.address]);
    let upkeep = Arc::clone(&binding).upkeep().unwrap();
    let story = async {
        until(|| states(&*binding) == [TargetState::Unhealthy, TargetState::Healthy]).await;
        let adapter = binding.clone().attach();
        for _ in 0..3 {
            assert_eq!(fetch(&*adapter, Mode::Query, "43", &[0]).await, Ok(Some(vec![])));
        }
        assert!(sick.seen().iter().all(|request| request.contains("/health")), "{:?}", sick.seen());
        lives.store(true, Ordering::Release);
        until(|| states(&*binding) == [TargetState::Healthy; 2]).await;
        drop((adapter, binding));
    };
    // The upkeep ends by itself when nobody holds the binding any more.
    tokio::join!(story, upkeep);
}

#[tokio::test]
async fn nothing_to_look_after_is_no_upkeep() {
    let provider = Provider::start(|_, _| json("[]"));
    assert!(binding("", &[provider.address, nobody()]).upkeep().is_none());
}

#[tokio::test]
async fn a_planned_outage_is_told_with_its_end() {
    let provider = Provider::start(|_, _| json("[]"));
    let outage =
        "outages = [{ from = '2020-01-01T00:00:00+08:00', until = '2999-01-01T00:00:00+08:00', reason = '升级' }]";
    let adapter = binding(outage, &[provider.address, nobody()]).attach();
    let told = fetch(&*adapter, Mode::Query, "43", &[0]).await;
    assert!(
        matches!(told, Err(ProviderFault::PlannedOutage { retry_after_s }) if retry_after_s > 1_000_000),
        "{told:?}"
    );
    assert!(provider.seen().is_empty());
}

#[tokio::test]
async fn operators_see_how_a_provider_stands() {
    let provider = Provider::start(|_, _| json("[]"));
    let binding = binding("breaker = { failures = 1, open_ms = 60000 }\nretries = 0", &[nobody(), provider.address]);
    let adapter = binding.clone().attach();
    assert_eq!(fetch(&*adapter, Mode::Query, "43", &[0]).await, Err(ProviderFault::Unreachable));
    let standing = binding.standing();
    assert!(standing.is_circuit_open && standing.calls == 0);
    let counts: Vec<_> =
        standing.targets.iter().map(|target| (target.connects, target.connects_failed, target.connections)).collect();
    assert_eq!(counts, [(0, 1, 0), (0, 0, 0)]);
    assert_eq!(standing.targets[1].name, provider.address.to_string());
}
