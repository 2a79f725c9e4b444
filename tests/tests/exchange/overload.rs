//! More is asked than can be served: what fits is served as before, the rest is told so at once, and
//! no party takes the places of another.

use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::json;
use sluice_tests::binary::sluice;
use sluice_tests::city::small::RESOURCE;
use sluice_tests::city::{City, Grant};
use sluice_tests::client::{Call, Connection, Identity};
use sluice_tests::clock;
use sluice_tests::ledger;
use sluice_tests::process::Process;
use sluice_tests::provider::{Provider, Reply, standard};
use sluice_tests::site::{Changes, Site};

use super::problem;

/// Places of the one worker; a party alone gets all but an eighth of them.
const PLACES: usize = 16;
const ALONE: usize = 14;
/// What a provider takes to answer: it, not this machine's processors, bounds what can be served.
const PROVIDER_TAKES: Duration = Duration::from_millis(40);
/// An impatient caller's pause after it was turned away, a hundredth of what it is told to wait.
const IMPATIENCE: Duration = Duration::from_millis(10);
/// Length of a measurement.
const MEASURED: Duration = Duration::from_secs(2);

fn slow(city: &City, time: Duration) -> Provider {
    let city = city.clone();
    Provider::forgetful(move |question| Reply::Later(time, Box::new(standard(&city, question))))
}

fn narrow(city: &City, provider: &Provider, settings: &[(&'static str, toml::Value)]) -> Site {
    let places = i64::try_from(PLACES).unwrap();
    let mut all = vec![("data.workers", 1.into()), ("data.limits.in_flight_max", places.into())];
    all.extend(settings.iter().cloned());
    Site::serve(city, &provider.url(), &Changes { settings: all, ..Changes::default() })
}

/// What callers got in the time of a measurement.
#[derive(Default, Debug)]
struct Got {
    served: usize,
    turned_away: Vec<Duration>,
}

/// So many callers ask without pause until told to stop.
fn ask_without_pause(site: &Site, (identity, call): (&Identity, &Call), callers: usize, stop: &AtomicBool) -> Got {
    let caller = || {
        let mut connection = Connection::open(identity, site.base).unwrap();
        let mut got = Got::default();
        while !stop.load(Ordering::Acquire) {
            let asked = clock::now();
            let answer = connection.send(call).unwrap();
            match answer.code().as_str() {
                "ok" => got.served += 1,
                "exchange.overloaded" => {
                    assert_eq!(answer.header("Retry-After"), Some("1"), "{:?}", answer.headers);
                    assert_eq!(answer.header("Connection"), None, "the connection goes on");
                    got.turned_away.push(asked.elapsed());
                    clock::pass(IMPATIENCE);
                }
                other => panic!("{other}: {}", answer.text()),
            }
        }
        got
    };
    std::thread::scope(|scope| {
        let callers: Vec<_> = (0..callers).map(|_| scope.spawn(caller)).collect();
        let all = callers.into_iter().map(|caller| caller.join().unwrap());
        all.fold(Got::default(), |mut sum, one| {
            sum.served += one.served;
            sum.turned_away.extend(one.turned_away);
            sum
        })
    })
}

fn measure(site: &Site, asking: (&Identity, &Call), callers: usize) -> Got {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let got = scope.spawn(|| ask_without_pause(site, asking, callers, &stop));
        clock::pass(MEASURED);
        stop.store(true, Ordering::Release);
        got.join().unwrap()
    })
}

#[test]
fn three_times_the_load_keeps_its_goodput_and_the_rest_is_turned_away_at_once() {
    let city = City::small();
    let provider = slow(&city, PROVIDER_TAKES);
    // The ledger keeps each refusal of a system only up to its quota; all the others are told the same.
    let site = narrow(&city, &provider, &[("limits.refusals_per_second", 50.into())]);
    let (ask, call) = (site.identity("ask"), city.good_call());
    let stop = AtomicBool::new(false);
    let (best, got, unanswered) = std::thread::scope(|scope| {
        let probing = scope.spawn(|| {
            let mut failed = 0;
            while !stop.load(Ordering::Acquire) {
                failed += usize::from(site.ops("/livez").0 != 200) + usize::from(site.ops("/metrics").0 != 200);
            }
            failed
        });
        measure(&site, (&ask, &call), ALONE);
        let before = site.metric("process_resident_memory_bytes").unwrap();
        // Other tests run beside this one: the best of a few rounds is what the exchange can do.
        let (mut best, mut all) = (0.0_f64, Got::default());
        for _ in 0..4 {
            let capacity = measure(&site, (&ask, &call), ALONE);
            assert!(capacity.turned_away.is_empty(), "as many as there are places: {:?}", capacity.turned_away.len());
            let got = measure(&site, (&ask, &call), 3 * ALONE);
            best = best.max(ratio(got.served, capacity.served));
            all.turned_away.extend(got.turned_away);
            if best >= 0.9 {
                break;
            }
        }
        stop.store(true, Ordering::Release);
        let after = site.metric("process_resident_memory_bytes").unwrap();
        assert!(after < before + 32.0 * 1024.0 * 1024.0, "memory grew from {before} to {after}");
        (best, all, probing.join().unwrap())
    });
    assert_eq!(unanswered, 0, "the ops listener answers throughout");
    assert!(best >= 0.9, "goodput fell to {best}");
    let mut waits = got.turned_away;
    waits.sort();
    assert!(waits.len() > 50, "{}", waits.len());
    let median = waits[waits.len() / 2];
    // Callers that do not wait as they are told are read again a little later, all of them together 500 times a second.
    assert!(median < PROVIDER_TAKES * 6, "half of the refusals took more than {median:?}");
    let summary = clock::within(Duration::from_secs(5), "the summary", || {
        let records = ledger::records(&site.ledger());
        let is_it = |record: &serde_json::Value| {
            record["kind"] == "REJECT_SUMMARY" && record["reason"] == "exchange.overloaded"
        };
        records.into_values().find(|(_, record)| is_it(record))
    });
    assert!(summary.is_ok(), "{summary:?}");
}

fn ratio(part: usize, whole: usize) -> f64 {
    f64::from(u32::try_from(part).unwrap()) / f64::from(u32::try_from(whole.max(1)).unwrap())
}

#[test]
fn a_party_that_floods_leaves_room_for_another() {
    let mut city = City::small();
    city.grants.push(Grant { party: "other".to_owned(), ..Grant::small("G-2000", RESOURCE) });
    let provider = slow(&city, PROVIDER_TAKES);
    let site = narrow(&city, &provider, &[]);
    let (ask, other, call) = (site.identity("ask"), site.identity("other"), city.good_call());
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let flood = scope.spawn(|| ask_without_pause(&site, (&ask, &call), 4 * PLACES, &stop));
        let busy = clock::within(Duration::from_secs(20), "the flood", || {
            site.metric("sluice_edge_refusals_total{code=\"exchange.overloaded\"}").filter(|count| *count > 100.0)
        });
        assert!(busy.is_ok());
        let mut connection = site.connect(&other);
        for _ in 0..30 {
            assert_eq!(connection.send(&call).unwrap().code(), "ok", "a newcomer finds a place");
        }
        // Several at once, as many as its share is.
        let own = AtomicBool::new(false);
        let got = std::thread::scope(|scope| {
            let got = scope.spawn(|| ask_without_pause(&site, (&other, &call), ALONE / 2, &own));
            clock::pass(MEASURED);
            own.store(true, Ordering::Release);
            got.join().unwrap()
        });
        assert!(got.served > got.turned_away.len(), "{} served, {} turned away", got.served, got.turned_away.len());
        stop.store(true, Ordering::Release);
        let flood = flood.join().unwrap();
        assert!(flood.served > 0 && !flood.turned_away.is_empty());
    });
}

#[test]
fn a_busy_node_that_drains_says_that_it_drains() {
    let city = City::small();
    let provider = slow(&city, Duration::from_millis(1500));
    let settings = vec![("data.workers", 1.into()), ("data.limits.in_flight_max", 1.into())];
    let mut site = Site::serve(&city, &provider.url(), &Changes { settings, ..Changes::default() });
    let (ask, call) = (site.identity("ask"), city.good_call());
    let mut waiting = site.connect(&ask);
    problem::check(
        "before",
        &site.send(&ask, &call.clone().header("Exchange-Purpose", "P2")),
        "grant.purpose_mismatch",
    );
    std::thread::scope(|scope| {
        let held = scope.spawn(|| site.send(&ask, &call));
        let full = clock::within(Duration::from_secs(5), "full", || (provider.waiting() == 1).then_some(()));
        assert!(full.is_ok());
        problem::check("full", &waiting.send(&call).unwrap(), "exchange.overloaded");
        site.process.signal("TERM");
        let told = clock::within(Duration::from_secs(1), "draining", || {
            let answer = waiting.send(&call).ok()?;
            (answer.code() == "exchange.draining").then_some(())
        });
        assert!(told.is_ok(), "{told:?}");
        assert_eq!(held.join().unwrap().code(), "ok");
    });
    assert!(site.process.end(Duration::from_secs(20)).success());
}

#[test]
fn when_descriptors_run_out_health_and_open_connections_are_served() {
    let city = City::small();
    let provider = Provider::of(&city);
    let mut site = Site::serve(&city, &provider.url(), &Changes::default());
    site.stop();
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -n 120; exec \"$0\" serve --config \"$1\""]).arg(sluice()).arg(site.config());
    site.process = Process::start(&mut command, folder.path());
    let (ask, call) = (site.identity("ask"), city.good_call());
    let ready = clock::within(Duration::from_mins(1), "serves", || (site.ops("/readyz").0 == 200).then_some(()));
    assert!(ready.is_ok(), "{}", site.process.printed());
    let mut open = site.connect(&ask);
    assert_eq!(open.send(&call).unwrap().code(), "ok");
    let mut crowd = Vec::new();
    let full = clock::within(Duration::from_mins(1), "no more connections are taken", || {
        let Ok(connection) = Connection::open(&ask, site.base) else { return Some(()) };
        crowd.push(connection);
        None
    });
    assert!(full.is_ok(), "{} connections and no end", crowd.len());
    assert!((20..120).contains(&crowd.len()), "{}", crowd.len());
    assert_eq!(site.ops("/livez").0, 200);
    assert_eq!(site.ops("/metrics").0, 200);
    assert!(site.process.printed().contains("descriptors"), "{}", site.process.printed());
    assert_eq!(open.send(&call).unwrap().code(), "ok", "who is there is served");
    drop(crowd);
    let served = clock::within(Duration::from_secs(10), "new connections are served again", || {
        let mut connection = Connection::open(&ask, site.base).ok()?;
        (connection.send(&call).ok()?.code() == "ok").then_some(())
    });
    assert!(served.is_ok(), "{}", site.process.printed());
    assert_eq!(site.send(&ask, &Call::service(RESOURCE, "query", &json!({}))).code(), "purpose.missing");
}

#[test]
fn what_was_masked_is_counted_by_resource() {
    let mut city = City::small();
    city.grants[0].clear_level = 2;
    let provider = Provider::of(&city);
    let site = Site::serve(&city, &provider.url(), &Changes::default());
    let ask = site.identity("ask");
    let call = Call::service(RESOURCE, "query", &json!({"filter": {"ID": city.id(0)}})).by("P1", "h-1", "C");
    let answer = site.send(&ask, &call);
    let masked = answer.header("Exchange-Masked").unwrap().split(", ").count();
    site.send(&ask, &call);
    let counted = site.metric(&format!("sluice_masked_fields_total{{resource=\"{RESOURCE}\"}}"));
    assert_eq!(counted, Some(f64::from(u32::try_from(2 * masked).unwrap())));
}
