//! Tokens of a configured issuer, good and forged: `tests/corpus/tokens`.

use std::fs;

use sluice_tests::clock::unix_s;
use sluice_tests::corpus::{self, Entry, Names};
use sluice_tests::issuer::{AUDIENCE, ISSUER, Issuer, thumbprint};
use sluice_tests::site::Site;

use super::Run;
use crate::problem;

struct Issuers {
    known: Issuer,
    stranger: Issuer,
}

impl Issuers {
    fn names(&self, site: &Site) -> Names {
        let print = |party: &str| thumbprint(&site.file(&format!("pki/parties/{party}/cert.pem")));
        let own = |party: &str| site.identity(party).token.unwrap();
        let names = [
            ("iss", ISSUER.to_owned()),
            ("aud", AUDIENCE.to_owned()),
            ("sub", "ask.main".to_owned()),
            ("url", site.url()),
            ("print", print("ask")),
            ("print-other", print("other")),
            ("stranger", self.stranger.jwk().to_string()),
            ("own", own("ask")),
            ("own-other", own("other")),
            ("bom", "\u{feff}".to_owned()),
            ("now", unix_s().to_string()),
        ];
        names.map(|(name, value)| (name.to_owned(), value)).into()
    }

    /// One line is a token, two are what it says.
    fn token(&self, case: &Entry, names: &Names) -> String {
        match case.lines(names).as_slice() {
            [token] => token.clone(),
            [header, claims] => match case.note("sign").unwrap_or("well") {
                "stranger" => self.stranger.token(header, claims, "well"),
                way => self.known.token(header, claims, way),
            },
            other => panic!("{}: {} lines", case.name, other.len()),
        }
    }
}

fn check(run: &Run, case: &Entry, token: &str) -> Result<(), String> {
    let before = run.provider.questions().len();
    let answer = run.site.send(&run.ask.clone().with_token(token), &run.city.good_call());
    let (code, wanted) = (answer.code(), case.expected());
    if code != wanted {
        return Err(format!("{code} instead: {}", answer.text()));
    }
    if code != "ok" {
        problem::check(&case.name, &answer, wanted);
    }
    run.asked(before, usize::from(code == "ok"))
}

#[test]
fn every_token_of_the_corpus_is_what_it_is_worth() {
    let mut run = Run::start();
    let issuers = Issuers { known: Issuer::fresh(), stranger: Issuer::fresh() };
    fs::write(run.site.file("sso.jwks"), issuers.known.jwks()).unwrap();
    let members = [("issuer", ISSUER), ("audience", AUDIENCE), ("jwks", "sso.jwks")];
    let entry = toml::Table::from_iter(members.map(|(key, value)| (key.to_owned(), value.into())));
    run.site.stop();
    run.site.change(&[("tokens.issuers", toml::Value::Array(vec![entry.into()]))]);
    run.site.start_again();
    let cases = corpus::folder("tokens");
    let faults = cases.iter().filter_map(|case| {
        // Names anew for each: some lie seconds from now.
        let token = issuers.token(case, &issuers.names(&run.site));
        Some(format!("{}: {}", case.name, check(&run, case, &token).err()?))
    });
    corpus::report(cases.len(), 130, &faults.collect::<Vec<_>>());
}
