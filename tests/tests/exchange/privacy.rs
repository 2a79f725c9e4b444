//! An identity, wherever it enters, is nowhere in what the exchange writes.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use base64::Engine as _;
use serde_json::{Value, json};
use sluice_tests::binary::sluice;
use sluice_tests::city::City;
use sluice_tests::city::small::{RESOURCE, person};
use sluice_tests::client::{Call, Identity};
use sluice_tests::clock;
use sluice_tests::exchange::Exchange;
use sluice_tests::identifiers;
use sluice_tests::process::run;
use sluice_tests::provider::{Provider, Reply, standard};
use sluice_tests::seed::Seed;
use sluice_tests::site::{Changes, Site};

/// A name that stands nowhere else.
const NAME: &str = "欧阳样例㐀";
const MATTER: &str = "MATTER-CANARY-2026-77";

/// Every way in, each with an identity of its own.
fn calls(city: &City, id: &dyn Fn() -> String) -> Vec<(&'static str, Call)> {
    let verify = |body: &Value| Call::service(RESOURCE, "verify", body).by("P1", "h-1", MATTER);
    let good = city.good_call();
    let batch: Vec<Value> = (0..100).map(|_| json!({"subject": {"ID": id()}, "claims": {"NAME": NAME}})).collect();
    vec![
        ("path", Call::get(&format!("/v1/resources/{}/000001", id()))),
        ("path segment", Call::post(&format!("/v1/people/{}/query", id()), &json!({}))),
        ("code", Call::service(&format!("{}/{}", id(), id()), "query", &json!({})).by("P1", "h-1", "C")),
        ("receipt", Call::get(&format!("/v1/receipts/{}", id()))),
        ("query string", Call::get(&format!("/v1/resources?query={}", id()))),
        ("unknown parameter", Call::get(&format!("/v1/resources?{}=1", id()))),
        ("query string of a service", Call { target: format!("{}?who={}", good.target, id()), ..good.clone() }),
        ("handler", good.clone().header("Exchange-Handler", &id())),
        ("purpose", good.clone().header("Exchange-Purpose", &id())),
        ("matter", good.clone().header("Exchange-Matter", &id())),
        ("trace", good.clone().header("traceparent", &id())),
        ("request id", good.clone().header("X-Request-Id", &id())),
        ("user agent", good.clone().header("User-Agent", &id())),
        ("bearer", good.clone().header("Authorization", &format!("Bearer {}", id()))),
        ("content type", good.clone().header("Content-Type", &format!("application/{}", id()))),
        ("language", good.clone().header("Accept-Language", &id())),
        ("header name", good.clone().header(&format!("X-{}", id()), "1")),
        ("host", good.clone().header("Host", &id())),
        ("JSON string", verify(&json!({"subject": {"ID": id()}, "claims": {"NAME": NAME}}))),
        ("JSON number", verify(&json!({"subject": {"ID": number(&id())}, "claims": {"NAME": NAME}}))),
        ("claim", verify(&json!({"subject": {"NO": "N-0"}, "claims": {"ID": id()}}))),
        ("unknown member", verify(&json!({"subject": {"ID": id()}, "claims": {"NAME": NAME}, id(): 1}))),
        ("unknown item", verify(&json!({"subject": {id(): "1"}, "claims": {"NAME": NAME}}))),
        ("wrong place", verify(&json!({"subject": {"NO": id()}, "claims": {"NAME": NAME}}))),
        ("not JSON", verify(&json!(0)).bytes(format!("{{{}", id()))),
        ("batch", verify(&json!({"items": batch}))),
        (
            "cursor",
            Call::service(RESOURCE, "query", &json!({"filter": {"ID": id()}, "cursor": id()})).by("P1", "h-1", "C"),
        ),
        (
            "field",
            Call::service(RESOURCE, "query", &json!({"filter": {"ID": id()}, "fields": [id()]})).by("P1", "h-1", "C"),
        ),
        ("token form", Call::token(&format!("grant_type={}&client_id={}", id(), id()))),
    ]
}

/// The id as a JSON number, but for those that end in X.
fn number(id: &str) -> Value {
    id.parse::<u64>().map_or_else(|_| json!(id), |number| json!(number))
}

fn needles(people: &[String]) -> Vec<Vec<u8>> {
    let texts = people.iter().map(String::as_str).chain([NAME, MATTER]);
    texts
        .flat_map(|text| {
            let base64 = base64::prelude::BASE64_STANDARD_NO_PAD.encode(text);
            let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
            [text.as_bytes().to_vec(), base64.into_bytes(), utf16]
        })
        .collect()
}

#[test]
fn an_identity_that_enters_anywhere_is_written_nowhere() {
    let mut seed = Seed::fresh("canaries");
    let mut city = City::small();
    let known: Vec<String> = (0..3).map(|_| identifiers::citizen(&mut seed)).collect();
    let records = city.records.get_mut(RESOURCE).unwrap();
    for (at, id) in known.iter().enumerate() {
        let mut record = person(id, at + 20);
        record.iter_mut().find(|(code, _)| code == "NAME").unwrap().1 = json!(NAME).to_string();
        records.push(record);
    }
    let broken = identifiers::citizen(&mut seed);
    let (failing, stored) = (broken.clone(), city.clone());
    let provider = Provider::start(move |question| {
        if String::from_utf8_lossy(&question.body).contains(&failing) {
            let text = format!("ORA-00001: {failing} {NAME}");
            return Reply::Http(
                500,
                vec![("X-Error", failing.clone()), ("Content-Type", "text/plain".into())],
                text.into_bytes(),
            );
        }
        standard(&stored, question)
    });
    let settings = vec![("log.level", "debug".into())];
    let site = Site::serve(&city, &provider.url(), &Changes { settings, ..Changes::default() });
    let ask = site.identity("ask");

    let used = std::cell::RefCell::new(Vec::new());
    let next = std::cell::RefCell::new(seed);
    let fresh = || {
        let id = identifiers::citizen(&mut next.borrow_mut());
        used.borrow_mut().push(id.clone());
        id
    };
    let mut refusals = BTreeMap::new();
    for (what, call) in calls(&city, &fresh) {
        send(&site, &ask, what, &call, &mut refusals);
    }
    for id in known.iter().chain([&broken]) {
        let query = Call::service(RESOURCE, "query", &json!({"filter": {"ID": id}})).by("P1", "h-1", MATTER);
        send(&site, &ask, "a query", &query, &mut refusals);
    }
    let mut people = used.into_inner();
    people.extend(known);
    people.push(broken);
    // The last outcome records follow the answers.
    clock::pass(Duration::from_millis(300));
    let mut written = Exchange::files_below(&site.ledger());
    written.extend(exports(&site));
    written.push(("stdout and stderr".into(), site.process.printed().into_bytes()));
    written.push(("/metrics".into(), site.ops("/metrics").1.into_bytes()));
    written.push(("/readyz".into(), site.ops("/readyz?verbose").1.into_bytes()));
    written.extend(refusals.into_iter().map(|(what, text)| (what.into(), text)));
    let needles = needles(&people);
    for (path, bytes) in &written {
        let hit = needles.iter().find(|needle| contains(bytes, needle));
        assert!(hit.is_none(), "{} holds {:?}", path.display(), String::from_utf8_lossy(hit.unwrap()));
    }
    assert!(contains(&written[0].1, &written[0].1[..1]), "the search finds what is there");
    let records = sluice_tests::ledger::records(&site.ledger());
    let subjects: u64 = records.values().filter_map(|(_, record)| record["subjects"]["total"].as_u64()).sum();
    assert!(subjects >= 104, "subjects are recorded under their pseudonyms: {subjects}");
}

/// What is given to outsiders and auditors, as files.
fn exports(site: &Site) -> Vec<(PathBuf, Vec<u8>)> {
    let (tiles, events) = (site.file("exported-tiles"), site.file("exported-events"));
    let ledger = |arguments: &[&str], out: &Path| {
        let done = run(Command::new(sluice()).arg("ledger").args(arguments).arg(out).arg("--dir").arg(site.ledger()));
        assert_eq!(done.code, 0, "{}", done.stderr);
        done.stdout
    };
    ledger(&["export", "--format", "tlog-tiles", "--out"], &tiles);
    ledger(&["export", "--format", "ocsf", "--out"], &events);
    ledger(&["prove", "--index", "1", "--out"], &site.file("exported-proof"));
    let mut files = Exchange::files_below(&tiles);
    for file in [events, site.file("exported-proof")] {
        files.push((file.clone(), fs::read(file).unwrap()));
    }
    let shown = run(Command::new(sluice()).args(["ledger", "show", "--last", "100000", "--dir"]).arg(site.ledger()));
    assert!(files.len() > 4 && shown.code == 0, "{files:?}{}", shown.stderr);
    files.push(("ledger show".into(), shown.stdout.into_bytes()));
    files
}

fn send(site: &Site, identity: &Identity, what: &'static str, call: &Call, refusals: &mut BTreeMap<String, Vec<u8>>) {
    let answer = site.send(identity, call);
    if answer.status != 200 {
        refusals.insert(
            format!("{what}: answer {}", answer.status),
            format!("{:?}{}", answer.headers, answer.text()).into_bytes(),
        );
    }
}

#[test]
fn the_ten_thousandth_person_of_an_answer_is_found_by_a_search_and_stands_nowhere_in_clear() {
    const PEOPLE: usize = 10_000;
    let mut seed = Seed::fresh("ten thousand");
    let mut city = City::small();
    let people: Vec<String> = (0..PEOPLE).map(|_| identifiers::citizen(&mut seed)).collect();
    // One number, of all of them.
    let records = people.iter().map(|id| person(id, 77)).collect();
    city.records.insert(RESOURCE.to_owned(), records);
    city.grants[0].rows = Some(10_000);
    let provider = Provider::of(&city);
    let settings = vec![("limits.rows_max", 10_000.into()), ("limits.rows_per_call", 10_000.into())];
    let site = Site::serve(&city, &provider.url(), &Changes { settings, ..Changes::default() });
    let ask = json!({"filter": {"NO": "N-77"}, "fields": ["ID"], "limit": PEOPLE});
    let answer = site.send(&site.identity("ask"), &Call::service(RESOURCE, "query", &ask).by("P1", "h-1", "C-1"));
    assert_eq!(answer.json()["records"].as_array().map(Vec::len), Some(PEOPLE), "{}", answer.code());
    let index = answer.receipt().unwrap().index;

    let input = site.file("identity");
    fs::write(&input, &people[9_999]).unwrap();
    let mut search = Command::new(sluice());
    search.args(["ledger", "search-subject", "--json", "--searcher", "w", "--reason", "r", "--case", "c", "--dir"]);
    search.arg(site.ledger()).arg("--key-file").arg(site.file("keys/subjects.key"));
    let output = search.stdin(Stdio::from(fs::File::open(&input).unwrap())).output().unwrap();
    fs::remove_file(input).unwrap();
    let found = String::from_utf8(output.stdout).unwrap();
    let found: Vec<Value> = found.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((found.len(), &found[0]["index"]), (2, &json!(index)), "{}", String::from_utf8_lossy(&output.stderr));

    let mut written = Exchange::files_below(&site.ledger());
    written.extend(exports(&site));
    written.push(("stdout and stderr".into(), site.process.printed().into_bytes()));
    for needle in needles(&[people[0].clone(), people[4_095].clone(), people[9_999].clone()]) {
        let hit = written.iter().find(|(_, bytes)| contains(bytes, &needle));
        assert!(hit.is_none(), "{} holds {:?}", hit.unwrap().0.display(), String::from_utf8_lossy(&needle));
    }
}

/// Looks for the first byte, then for the rest: the files are megabytes of zeros.
fn contains(bytes: &[u8], needle: &[u8]) -> bool {
    let Some((first, rest)) = needle.split_first() else { return true };
    let mut from = 0;
    while let Some(at) = bytes[from..].iter().position(|byte| byte == first) {
        from += at + 1;
        if bytes[from..].starts_with(rest) {
            return true;
        }
    }
    false
}
