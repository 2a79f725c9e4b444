//! Where the keys of subject tags come from, and what happens without one.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::Value as Json;
use sluice_tests::authority::{Authority, Issued};
use sluice_tests::binary::sluice;
use sluice_tests::city::City;
use sluice_tests::client::Call;
use sluice_tests::clock;
use sluice_tests::ledger;
use sluice_tests::process::run;
use sluice_tests::provider::{Provider, Reply};
use sluice_tests::site::{Changes, Site, edit};
use toml::{Table, Value};

const PATIENCE: Duration = Duration::from_secs(90);

/// This month and the next in Asia/Shanghai.
fn months() -> [String; 2] {
    let month = |days| clock::day(days)[..7].to_owned();
    let this = month(0);
    let next = (28..=31).map(month).find(|month| *month != this).expect("a month has at most 31 days");
    [this, next]
}

/// A city without records of its own, its provider, and its site, stopped.
fn stopped() -> (City, Provider, Site) {
    let city = City::small();
    let provider = Provider::of(&city);
    let mut site = Site::serve(&city, &provider.url(), &Changes::default());
    site.stop();
    (city, provider, site)
}

/// Takes the keys of the demo away and names others.
fn name_keys(site: &Site, key: &str, value: &Value) {
    edit(&site.config(), |table| {
        table.insert("subjects".into(), Value::Table(Table::from_iter([(key.to_owned(), value.clone())])));
    });
}

fn keygen(out: &Path, epoch: &str, count: &str) {
    let made =
        run(Command::new(sluice()).args(["subjects", "keygen", "--epoch", epoch, "--count", count, "--out"]).arg(out));
    assert_eq!(made.code, 0, "{}", made.stderr);
}

fn asked(site: &Site, call: &Call) -> String {
    site.send(&site.identity("ask"), call).code()
}

/// Looks a person up with the keys of a folder; gives how many accesses were found, or what was printed.
fn search(site: &Site, keys: &Path, id: &str) -> Result<usize, String> {
    let input = site.file("identity");
    fs::write(&input, id).unwrap();
    let mut command = Command::new(sluice());
    command.args(["ledger", "search-subject", "--json", "--searcher", "w", "--reason", "r", "--case", "c", "--dir"]);
    command.arg(site.ledger()).arg("--keys-dir").arg(keys).stdin(Stdio::from(fs::File::open(&input).unwrap()));
    let output = command.output().unwrap();
    let (text, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if output.status.success() { Ok(text.lines().count() - 1) } else { Err(error.into_owned()) }
}

#[test]
fn without_the_months_key_nothing_is_served_and_a_destroyed_one_finds_nobody() {
    let (city, provider, mut site) = stopped();
    let keys = site.file("subject-keys");
    let [this, next] = months();
    keygen(&keys, &next, "1");
    name_keys(&site, "keys_dir", &keys.display().to_string().into());
    site.start_unready();
    assert_eq!(asked(&site, &city.good_call()), "policy.stale");
    assert!(provider.questions().is_empty(), "no provider is asked for what could not be recorded");
    let (status, told) = site.ops("/readyz?verbose");
    assert!(status == 503 && told.contains("no key of subject tags for this month"), "{told}");

    keygen(&keys, &this, "1");
    let served = || (asked(&site, &city.good_call()) == "ok").then_some(());
    clock::within(PATIENCE, "the key is found without a restart", served).unwrap();
    assert!(site.ops("/readyz?verbose").1.contains("keys of this month and the next"));
    assert_eq!(search(&site, &keys, &city.id(0)), Ok(1));

    fs::remove_file(keys.join(format!("{this}.key"))).unwrap();
    let stale = || (asked(&site, &city.good_call()) == "policy.stale").then_some(());
    clock::within(PATIENCE, "the destroyed key is let go of", stale).unwrap();
    assert_eq!(search(&site, &keys, &city.id(0)), Ok(0), "the key of another month finds nobody");
    assert_eq!(ledger::verify(&site.ledger(), &[]).code, 0);
}

/// A key service as the privacy office runs one: it gives a folder's files to whom its authority knows.
struct KeyService {
    provider: Provider,
    is_out: Arc<AtomicBool>,
    questions: Arc<AtomicUsize>,
}

impl KeyService {
    fn start(authority: &Authority, folder: &Path) -> Self {
        let (folder, is_out, questions) = (folder.to_owned(), Arc::new(AtomicBool::new(false)), Arc::default());
        let (out, count): (_, Arc<AtomicUsize>) = (Arc::clone(&is_out), Arc::clone(&questions));
        let provider = Provider::secured(authority.mutual(), move |question| {
            count.fetch_add(1, Ordering::SeqCst);
            let name = question.path.strip_prefix("/epochs/").unwrap_or_default();
            match fs::read(folder.join(name)) {
                _ if out.load(Ordering::SeqCst) => Reply::Close,
                Ok(key) => Reply::Http(200, Vec::new(), key),
                Err(_) => Reply::Http(404, Vec::new(), Vec::new()),
            }
        });
        Self { provider, is_out, questions }
    }

    fn configured(&self, authority: &Authority, shown: &Issued) -> Value {
        let texts = [
            ("url", format!("{}/epochs/", self.provider.url().replace("http:", "https:"))),
            ("ca", authority.ca().display().to_string()),
            ("certificate", shown.certificate.display().to_string()),
            ("key", format!("file:{}", shown.key.display())),
        ];
        Value::Table(texts.into_iter().map(|(name, text)| (name.to_owned(), Value::String(text))).collect())
    }
}

#[test]
fn keys_come_from_a_service_that_knows_the_gateway_and_the_next_ones_ahead() {
    let (city, provider, mut site) = stopped();
    let keys = site.file("subject-keys");
    let [this, next] = months();
    keygen(&keys, &this, "2");
    let (authority, stranger) = (Authority::new("privacy office"), Authority::new("somebody else"));
    let service = KeyService::start(&authority, &keys);
    name_keys(&site, "key_service", &service.configured(&authority, &stranger.system("gateway")));
    site.start_unready();
    assert_eq!(asked(&site, &city.good_call()), "policy.stale");
    assert_eq!(service.questions.load(Ordering::SeqCst), 0, "a stranger gets no answer");
    assert!(provider.questions().is_empty());
    site.stop();

    name_keys(&site, "key_service", &service.configured(&authority, &authority.system("gateway")));
    service.is_out.store(true, Ordering::SeqCst);
    site.start_unready();
    assert_eq!(asked(&site, &city.good_call()), "policy.stale", "an outage at the start");
    service.is_out.store(false, Ordering::SeqCst);
    let served = || (asked(&site, &city.good_call()) == "ok").then_some(());
    clock::within(PATIENCE, "the service is asked again", served).unwrap();
    let told = site.ops("/readyz?verbose").1;
    assert!(told.contains("keys of this month and the next"), "{told}");
    assert_eq!(search(&site, &keys, &city.id(0)), Ok(1), "the tags are those of the month's key");

    // Without the service it goes on: both keys are held, and the next month has begun long before they are missed.
    service.is_out.store(true, Ordering::SeqCst);
    assert_eq!(asked(&site, &city.good_call()), "ok");
    let key = fs::read_to_string(keys.join(format!("{this}.key"))).unwrap();
    let next = fs::read_to_string(keys.join(format!("{next}.key"))).unwrap();
    let printed = site.process.printed();
    assert!(!printed.contains(key.trim()) && !printed.contains(next.trim()), "keys are printed nowhere");
}

#[test]
fn the_digest_of_a_request_is_settled_by_the_holder_of_the_key() {
    let (city, _provider, mut site) = stopped();
    let keys = site.file("subject-keys");
    let [this, _] = months();
    keygen(&keys, &this, "2");
    name_keys(&site, "keys_dir", &keys.display().to_string().into());
    edit(&site.file("catalogue.toml"), |table| {
        let grant = table["grants"].as_array_mut().unwrap()[0].as_table_mut().unwrap();
        grant.insert("legal_basis".into(), "《社会救助暂行办法》第五十八条".into());
    });
    site.start_again();
    let call = city.good_call();
    let index = site.send(&site.identity("ask"), &call).receipt().unwrap().index;
    site.send(&site.identity("ask"), &city.good_verify());
    let record = ledger::show(&site.ledger(), index)["record"].clone();
    assert_eq!(record["legal_basis"], "《社会救助暂行办法》第五十八条");

    let body = site.file("body");
    fs::write(&body, &call.body).unwrap();
    let digest = |options: &[&str]| {
        let mut command = Command::new(sluice());
        command.args(["subjects", "request-digest", "--epoch", &this]).args(options);
        let output = command.stdin(Stdio::from(fs::File::open(&body).unwrap())).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    let told = digest(&["--keys-dir", &keys.display().to_string()]);
    assert_eq!(record["request_digest"], Json::from(told.clone()));
    let plain = sluice_tests::transparency::sha256_hex(&call.body);
    assert_ne!(record["request_digest"], Json::from(plain), "no hash that anybody could try identities against");
    let found = |options: &[&str]| {
        let shown =
            run(Command::new(sluice()).args(["ledger", "show", "--json", "--dir"]).arg(site.ledger()).args(options));
        shown
            .stdout
            .lines()
            .filter_map(|line| serde_json::from_str::<Json>(line).ok()?["index"].as_u64())
            .collect::<Vec<_>>()
    };
    assert_eq!(found(&["--request-digest", &told]), [index]);
    assert_eq!(found(&["--legal-basis", "《社会救助暂行办法》第五十八条"]).len(), 2);
    assert_eq!(found(&["--legal-basis", "another"]), [0_u64; 0]);
}
