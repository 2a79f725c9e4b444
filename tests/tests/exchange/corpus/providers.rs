//! What departmental systems answer, byte by byte: `tests/corpus/providers`.

use std::sync::{Arc, Mutex, PoisonError};

use sluice_tests::city::City;
use sluice_tests::clock;
use sluice_tests::corpus::{self, Entry, Names};
use sluice_tests::provider::{Provider, Reply, standard};
use sluice_tests::site::{Changes, Site};

use crate::problem;

/// Stands in whatever must not go on to a caller.
const CANARY: &str = "provider-text-canary";
/// Longest wait of the gateway for a provider here.
const PATIENCE_MS: i64 = 1500;

/// What the next questions are answered; the city's records if nothing.
type Script = Arc<Mutex<Option<Reply>>>;

fn names(city: &City) -> Names {
    let record = |name: &str| format!(r#"{{"records":[{{"ID":"{}","NAME":"{name}"}}]}}"#, city.id(0));
    let body = record("某人");
    let other = record(CANARY);
    let chunk = |piece: &[u8]| [format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat();
    let text = |bytes: Vec<u8>| bytes.iter().fold(String::new(), |text, byte| text + &format!("\\x{byte:02x}"));
    let chunks = body.as_bytes().chunks(7).flat_map(chunk).chain(*b"0\r\n\r\n").collect();
    let names = [
        ("length", body.len().to_string()),
        ("length-hex", format!("{:x}", body.len())),
        ("chunked", text([&chunk(body.as_bytes())[..], b"0\r\n\r\n"].concat())),
        ("chunks", text(chunks)),
        ("body", text(body.into_bytes())),
        (
            "poison",
            format!(
                "HTTP/1.1 200 OK\\r\\nContent-Type: application/json\\r\\nContent-Length: {}\\r\\n\\r\\n{other}",
                other.len()
            ),
        ),
        ("canary", CANARY.to_owned()),
    ];
    names.map(|(name, value)| (name.to_owned(), value)).into()
}

fn check(site: &Site, city: &City, (case, names): (&Entry, &Names), script: &Script) -> Result<(), String> {
    let set = |reply: Option<Reply>| *script.lock().unwrap_or_else(PoisonError::into_inner) = reply;
    let bytes = case.message(names);
    set(Some(if case.note("stays").is_some() { Reply::Raw(bytes) } else { Reply::Bytes(bytes) }));
    let began = clock::now();
    let mut connection = site.connect(&site.identity("ask"));
    let answer = connection.send(&city.good_call()).map_err(|error| error.to_string())?;
    set(None);
    let shown = format!("{:?}{}", answer.headers, answer.text());
    if answer.code() != case.expected() {
        return Err(format!("{} instead, after {:?}: {}", answer.code(), began.elapsed(), answer.text()));
    }
    if answer.status == 200 {
        if !answer.text().contains("某人") {
            return Err(format!("another record: {}", answer.text()));
        }
    } else {
        problem::check(&case.name, &answer, case.expected());
    }
    if shown.contains(CANARY) {
        return Err(format!("the provider's words: {shown}"));
    }
    // Nothing of it is left for whoever asks next.
    for _ in 0..2 {
        let next = connection.send(&city.good_call()).map_err(|error| error.to_string())?;
        if next.code() != "ok" || !next.text().contains(&city.value(0, "NAME")) {
            return Err(format!("the question behind it: {}", next.text()));
        }
    }
    Ok(())
}

#[test]
fn every_answer_of_the_corpus_has_one_meaning_or_none() {
    let city = City::small();
    let script = Script::default();
    let provider = Provider::forgetful({
        let (city, script) = (city.clone(), script.clone());
        move |question| {
            let told = script.lock().unwrap_or_else(PoisonError::into_inner).clone();
            told.unwrap_or_else(|| standard(&city, question))
        }
    });
    let breaker = toml::Table::from_iter([("failures".to_owned(), 1000.into()), ("open_ms".to_owned(), 1000.into())]);
    let binding = vec![("timeout_ms", PATIENCE_MS.into()), ("breaker", breaker.into())];
    let site = Site::serve(&city, &provider.url(), &Changes { binding, ..Changes::default() });
    let (cases, names) = (corpus::folder("providers"), names(&city));
    let faults = cases
        .iter()
        .filter_map(|case| Some(format!("{}: {}", case.name, check(&site, &city, (case, &names), &script).err()?)));
    corpus::report(cases.len(), 75, &faults.collect::<Vec<_>>());
    let printed = site.process.printed() + &site.ops("/metrics").1;
    assert!(!printed.contains(CANARY), "{printed}");
}
