//! Certificates that callers show, with TLS 1.2 and TLS 1.3 apart: `tests/corpus/certificates`.

use std::collections::BTreeMap;
use std::fs;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    SanType, date_time_ymd,
};
use rustls::version::{TLS12, TLS13};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use sluice_tests::client::{Connection, Identity};
use sluice_tests::clock;
use sluice_tests::corpus::{self, Entry, Names, unescape};

use super::Run;
use crate::problem;

/// What a case says, by key.
struct Said(BTreeMap<String, String>);

impl Said {
    fn of(case: &Entry) -> Self {
        let pair = |line: String| {
            let (key, value) = line.split_once('=').unwrap_or_else(|| panic!("{}: {line}", case.name));
            let value = unescape(value.trim()).unwrap_or_else(|why| panic!("{}: {why}", case.name));
            (key.trim().to_owned(), String::from_utf8(value).unwrap())
        };
        Self(case.lines(&Names::new()).into_iter().map(pair).collect())
    }

    fn get<'s>(&'s self, key: &str, default: &'s str) -> &'s str {
        self.0.get(key).map_or(default, String::as_str)
    }

    fn params(&self) -> CertificateParams {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        match self.get("subject", "any") {
            "" => {}
            subject => params.distinguished_name.push(DnType::CommonName, subject),
        }
        params.subject_alt_names = self.get("names", "").split(' ').filter(|name| !name.is_empty()).map(name).collect();
        params.extended_key_usages = self.get("usage", "client").split(' ').filter_map(usage).collect();
        let midnight = |days: &str| {
            let day = clock::day(days.parse().unwrap());
            let number = |at: usize| day.split('-').nth(at).unwrap().parse::<u16>().unwrap();
            date_time_ymd(i32::from(number(0)), number(1).try_into().unwrap(), number(2).try_into().unwrap())
        };
        let (from, until) = self.get("days", "-1..1").split_once("..").unwrap();
        (params.not_before, params.not_after) = (midnight(from), midnight(until));
        if self.get("authority", "no") == "yes" {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        }
        params
    }
}

fn name(text: &str) -> SanType {
    match text.split_once(':') {
        Some(("dns", name)) => SanType::DnsName(name.try_into().unwrap()),
        Some(("uri", name)) => SanType::URI(name.try_into().unwrap()),
        _ => panic!("{text} is neither dns: nor uri:"),
    }
}

fn usage(word: &str) -> Option<ExtendedKeyUsagePurpose> {
    match word {
        "" => None,
        "client" => Some(ExtendedKeyUsagePurpose::ClientAuth),
        "server" => Some(ExtendedKeyUsagePurpose::ServerAuth),
        "code" => Some(ExtendedKeyUsagePurpose::CodeSigning),
        _ => panic!("{word} is no usage"),
    }
}

/// Who signs: by the word of a case, with the certificates to show beside the signed one.
struct Authorities<'r> {
    run: &'r Run,
    other: KeyPair,
}

impl Authorities<'_> {
    fn file(&self, name: &str) -> String {
        fs::read_to_string(self.run.site.file(name)).unwrap()
    }

    fn issuer(&self, word: &str) -> Issuer<'static, KeyPair> {
        let key = |pem: &str| KeyPair::from_pem(pem).unwrap();
        let of = |folder: &str, certificate: &str, private: &str| {
            let private = key(&self.file(&format!("{folder}/{private}")));
            Issuer::from_ca_cert_pem(&self.file(&format!("{folder}/{certificate}")), private).unwrap()
        };
        let other = key(&self.other.serialize_pem());
        match word {
            "ours" => of("pki", "ca.pem", "ca.key"),
            "ask" => of("pki/parties/ask", "cert.pem", "key.pem"),
            "namesake" => Issuer::from_ca_cert_pem(&self.file("pki/ca.pem"), other).unwrap(),
            "other" => Issuer::new(CertificateParams::default(), other),
            _ => panic!("{word} is no authority"),
        }
    }

    /// What a case's caller shows.
    fn shown(&self, said: &Said) -> Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)> {
        let key = KeyPair::generate().unwrap();
        let certificate = match said.get("issuer", "ours") {
            "nobody" => return None,
            "itself" => said.params().self_signed(&key).unwrap(),
            word => said.params().signed_by(&key, &self.issuer(word)).unwrap(),
        };
        let mut chain = vec![certificate.der().clone()];
        if said.get("issuer", "ours") == "ask" {
            chain.push(CertificateDer::from_pem_slice(self.file("pki/parties/ask/cert.pem").as_bytes()).unwrap());
        }
        Some((chain, PrivateKeyDer::try_from(key.serialize_der()).unwrap()))
    }
}

fn check(run: &Run, case: &Entry, said: &Said, authorities: &Authorities<'_>) -> Result<(), String> {
    for (version, protocol) in [("1.2", &TLS12), ("1.3", &TLS13)] {
        let ca = run.site.file("pki/ca.pem");
        let identity = Identity::of_versions(case.name.clone(), &ca, authorities.shown(said), &[protocol])
            .with_token(run.ask.token.as_deref().unwrap());
        let answer = Connection::open(&identity, run.site.base).and_then(|mut open| open.send(&run.city.good_call()));
        match (answer, case.expected()) {
            (Err(_), "refused") => {}
            (Ok(answer), code) if answer.code() == code => problem::check(&case.name, &answer, code),
            (answer, _) => return Err(format!("TLS {version}: {answer:?}")),
        }
    }
    Ok(())
}

#[test]
fn every_certificate_of_the_corpus_is_let_in_or_not() {
    let run = Run::start();
    let authorities = Authorities { run: &run, other: KeyPair::generate().unwrap() };
    let cases = corpus::folder("certificates");
    let faults = cases
        .iter()
        .filter_map(|case| Some(format!("{}: {}", case.name, check(&run, case, &Said::of(case), &authorities).err()?)));
    corpus::report(cases.len(), 20, &faults.collect::<Vec<_>>());
    assert_eq!(run.asked(0, 0), Ok(()));
}
