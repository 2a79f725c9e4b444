//! The corpus of hostile and careless peers, against a running gateway: here callers of HTTP/1.1 over mutual TLS, each
//! with one answer or none, while the provider sees what was permitted and nothing else.

mod certificates;
mod heads;
mod providers;
mod tokens;

use std::time::Duration;

use sluice_tests::city::City;
use sluice_tests::client::{Answer, Identity};
use sluice_tests::clock;
use sluice_tests::corpus::{self, Entry, Expected, Names, Wanted};
use sluice_tests::provider::{Provider, Question};
use sluice_tests::site::{Changes, Site};

use super::problem;

/// Header lines that a request of the gateway's own making has.
const OURS: &[&str] = &[
    "accept",
    "accept-encoding",
    "content-length",
    "content-type",
    "host",
    "x-exchange-department",
    "x-exchange-resource",
    "x-request-id",
];

struct Run {
    city: City,
    provider: Provider,
    site: Site,
    ask: Identity,
}

impl Run {
    fn start() -> Self {
        let city = City::small();
        let provider = Provider::of(&city);
        let settings = vec![
            ("data.timeouts.body_ms", 3000.into()),
            ("limits.per_second", 100_000.into()),
            ("limits.refusals_per_second", 10_000.into()),
        ];
        let site = Site::serve(&city, &provider.url(), &Changes { settings, ..Changes::default() });
        let ask = site.identity("ask");
        Self { city, provider, site, ask }
    }

    /// What the files may name.
    fn names(&self) -> Names {
        let call = self.city.good_call();
        let body = String::from_utf8(call.body.clone()).unwrap();
        let host = format!("127.0.0.1:{}", self.site.base);
        let token = self.ask.token.clone().unwrap();
        let good = format!(
            "POST {} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n\
             Exchange-Purpose: P1\r\nExchange-Handler: h-1\r\nExchange-Matter: CASE-1\r\nContent-Length: {}\r\n\r\n{body}",
            call.target,
            body.len()
        );
        let chunk = |piece: &[u8]| format!("{:x}\r\n{}\r\n", piece.len(), String::from_utf8_lossy(piece));
        let end = "0\r\n\r\n";
        let names = [
            ("port", self.site.base.to_string()),
            ("length", body.len().to_string()),
            ("length-hex", format!("{:x}", body.len())),
            ("chunked", chunk(body.as_bytes()) + end),
            ("chunks", body.as_bytes().chunks(7).map(chunk).collect::<String>() + end),
            ("good-length", good.len().to_string()),
            ("good", good),
            ("host", host),
            ("token", token),
            ("body", body),
        ];
        names.map(|(name, value)| (name.to_owned(), value)).into()
    }

    fn check(&self, case: &Entry, names: &Names) -> Result<(), String> {
        let expected = Expected::of(case);
        let before = self.provider.questions().len();
        let mut connection = self.site.connect(&self.ask);
        // A gateway that has refused may close before it has taken everything.
        let _ = connection.write(&[&case.message(names), names["good"].as_bytes()].concat());
        let answers = if expected.closes {
            connection.read_to_close()
        } else {
            [connection.read(), connection.read()].into_iter().flatten().collect()
        };
        judge(&case.name, &expected, &answers)?;
        self.asked(before, expected.asked + usize::from(!expected.closes))
    }

    /// Whether the provider was asked what was authorised, so many times since it had been asked `before` times.
    fn asked(&self, before: usize, wanted: usize) -> Result<(), String> {
        let questions = self.provider.questions().split_off(before);
        if questions.len() != wanted {
            return Err(format!("the provider was asked {} times, not {wanted}: {questions:?}", questions.len()));
        }
        questions.iter().try_for_each(|question| well_framed(question, &self.city))
    }
}

fn judge(name: &str, expected: &Expected, answers: &[Answer]) -> Result<(), String> {
    let shown = || answers.iter().map(|answer| format!("{} {}", answer.status, answer.code())).collect::<Vec<_>>();
    let of_case = usize::from(expected.answer != Wanted::Nothing);
    let wanted = of_case + usize::from(!expected.closes);
    if answers.len() != wanted {
        return Err(format!("{wanted} answers are due, not {:?}", shown()));
    }
    if let (false, Some(last)) = (expected.closes, answers.last())
        && last.status != 200
    {
        return Err(format!("the good request behind it: {:?}", shown()));
    }
    let Some(answer) = answers.first() else { return Ok(()) };
    let is_right = match &expected.answer {
        Wanted::Refused(code) => answer.code() == *code,
        Wanted::Status(200) => answer.status == 200,
        Wanted::Status(status) => answer.status == *status && answer.body.is_empty(),
        Wanted::Nothing => true,
        Wanted::Reset => false,
    };
    if !is_right {
        return Err(format!("{:?} instead: {}", shown(), answer.text().chars().take(200).collect::<String>()));
    }
    if let Wanted::Refused(code) = &expected.answer {
        problem::check(name, answer, code);
    }
    Ok(())
}

/// A question to the provider is the one that was authorised, in lines of ours.
fn well_framed(question: &Question, city: &City) -> Result<(), String> {
    let json = question.json();
    let asked = json["filter"]["ID"].as_str().unwrap_or_default();
    let names: Vec<String> = question
        .head
        .lines()
        .skip(1)
        .filter_map(|line| line.split_once(':'))
        .map(|(name, _)| name.to_ascii_lowercase())
        .collect();
    let strange: Vec<&String> = names.iter().filter(|name| !OURS.contains(&name.as_str())).collect();
    let mut once = names.clone();
    once.sort();
    once.dedup();
    if asked != city.id(0) || !strange.is_empty() || once.len() != names.len() {
        return Err(format!("not of our making: {strange:?} in {question:?}"));
    }
    Ok(())
}

#[test]
fn every_request_of_the_corpus_gets_what_it_deserves_and_nothing_more() {
    let run = Run::start();
    let (cases, names) = (corpus::folder("callers"), run.names());
    let faults = cases.iter().filter_map(|case| Some(format!("{}: {}", case.name, run.check(case, &names).err()?)));
    corpus::report(cases.len(), 350, &faults.collect::<Vec<_>>());
    bare_answers_are_counted(&run, &cases);
    assert_eq!(run.site.ops("/livez").0, 200);
}

/// What the HTTP library answers or ends without us is seen in the metrics, one by one.
fn bare_answers_are_counted(run: &Run, cases: &[Entry]) {
    let bare = |wanted: &[Wanted]| cases.iter().filter(|case| wanted.contains(&Expected::of(case).answer)).count();
    let malformed = bare(&[Wanted::Status(400), Wanted::Nothing]);
    let too_large = bare(&[Wanted::Status(414), Wanted::Status(431)]);
    for (label, wanted) in [("bare_400", malformed), ("bare_431", too_large)] {
        let line = format!("sluice_edge_refusals_total{{code=\"{label}\"}} {wanted}");
        let counted =
            clock::within(Duration::from_secs(5), &line, || run.site.ops("/metrics").1.contains(&line).then_some(()));
        assert_eq!(counted, Ok(()), "{}", run.site.ops("/metrics").1);
    }
}
