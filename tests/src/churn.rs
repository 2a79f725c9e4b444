//! Everything changes at once and again: files are reloaded, certificates revoked and taken back,
//! providers go away and come back, connections come and go, while departments call without pause. No
//! accepted request may be lost or unrecorded, and the process may not grow.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use toml::Value;

use crate::binary::sluice;
use crate::city::City;
use crate::city::small::RESOURCE;
use crate::client::{Answer, Call, Connection, Identity, fingerprint};
use crate::clock;
use crate::http2::Http2;
use crate::ledger;
use crate::process::run;
use crate::provider::{Provider, Reply, standard};
use crate::site::{Changes, Site, edit};

/// Pause of a caller between two calls: the changes are to be many, not the calls.
const BREATH: Duration = Duration::from_millis(4);
/// Pause between two changes.
const STEP: Duration = Duration::from_millis(150);
/// How far the resident memory may grow after the first third: an allocator's slack, no leak.
const GROWTH_MAX: f64 = 24.0 * 1024.0 * 1024.0;
/// Descriptors beside those of the callers that may be open once the callers have gone.
const DESCRIPTORS_SLACK: f64 = 24.0;
/// Codes that a caller may meet here; anything else is a fault of the exchange.
const EXPECTED: [&str; 7] = [
    "ok",
    "grant.revoked",
    "identity.certificate_revoked",
    "provider.unreachable",
    "provider.bad_answer",
    "provider.circuit_open",
    "provider.timeout",
];

/// What was done and seen.
#[derive(Debug, Default, Clone)]
pub struct Churned {
    /// Answers by code.
    pub answers: BTreeMap<String, usize>,
    /// Reloads that took files over.
    pub reloads: usize,
    /// Reloads that were refused, as they should be.
    pub refused: usize,
    /// Times a certificate was revoked or taken back.
    pub revocations: usize,
    /// Times a provider went away.
    pub outages: usize,
    /// Resident memory after the first third and at the end, bytes.
    pub resident: (f64, f64),
}

/// What one caller saw.
#[derive(Default)]
struct Seen {
    codes: BTreeMap<String, usize>,
    receipts: Vec<(u64, String)>,
    faults: Vec<String>,
}

impl Seen {
    fn note(&mut self, answer: &Answer) {
        let code = answer.code();
        match answer.receipt() {
            Some(receipt) => self.receipts.push((receipt.index, receipt.leaf)),
            None => self.faults.push(format!("{code} without a receipt")),
        }
        if !EXPECTED.contains(&code.as_str()) {
            self.faults.push(format!("unexpected: {}", answer.text()));
        }
        *self.codes.entry(code).or_default() += 1;
    }
}

/// Callers at work.
struct Callers {
    stop: Arc<AtomicBool>,
    seen: Arc<Mutex<Seen>>,
    threads: Vec<JoinHandle<()>>,
}

/// How a caller keeps its connection.
#[derive(Clone, Copy)]
enum Habit {
    Keeps,
    KeepsHttp2,
    ConnectsAnew,
}

impl Callers {
    fn start(site: &Site, call: &Call) -> Self {
        use Habit::{ConnectsAnew, Keeps, KeepsHttp2};
        let (stop, seen) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Seen::default())));
        let habits = [("ask", Keeps), ("ask", Keeps), ("ask", KeepsHttp2), ("ask", ConnectsAnew), ("other", Keeps)];
        let spawn = |(party, habit): (&str, Habit)| {
            let (stop, seen, call, port) = (stop.clone(), seen.clone(), call.clone(), site.base);
            let identity = site.identity(party);
            std::thread::spawn(move || {
                let outcome = converse((&identity, port), habit, &call, (&stop, &seen));
                if let Err(why) = outcome {
                    lock(&seen).faults.push(format!("a call of {} was lost: {why}", identity.name));
                }
            })
        };
        let threads = habits.into_iter().map(spawn).collect();
        Self { stop, seen, threads }
    }

    fn end(self) -> Result<Seen, String> {
        self.stop.store(true, Ordering::Release);
        for thread in self.threads {
            thread.join().map_err(|_| String::from("a caller broke off"))?;
        }
        Ok(std::mem::take(&mut *lock(&self.seen)))
    }
}

fn lock(seen: &Mutex<Seen>) -> std::sync::MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

fn converse(
    (identity, port): (&Identity, u16),
    habit: Habit,
    call: &Call,
    (stop, seen): (&AtomicBool, &Mutex<Seen>),
) -> std::io::Result<()> {
    let mut kept = None;
    let mut http2 = matches!(habit, Habit::KeepsHttp2).then(|| Http2::open(identity, port));
    while !stop.load(Ordering::Acquire) {
        let answer = match (&mut http2, habit) {
            (Some(connection), _) => connection.send(call),
            (None, Habit::ConnectsAnew) => Connection::open(identity, port)?.send(call)?,
            (None, _) => {
                if kept.is_none() {
                    kept = Some(Connection::open(identity, port)?);
                }
                kept.as_mut().map_or_else(|| Err(std::io::ErrorKind::NotConnected.into()), |kept| kept.send(call))?
            }
        };
        lock(seen).note(&answer);
        clock::pass(BREATH);
    }
    Ok(())
}

/// A provider that can be away: its connections break, and none of its answers arrives.
struct Department {
    provider: Provider,
    is_away: Arc<AtomicBool>,
}

impl Department {
    fn of(city: &City) -> Self {
        let is_away = Arc::new(AtomicBool::new(false));
        let provider =
            {
                let (city, is_away) = (city.clone(), is_away.clone());
                Provider::forgetful(move |question| {
                    if is_away.load(Ordering::Acquire) { Reply::Close } else { standard(&city, question) }
                })
            };
        Self { provider, is_away }
    }
}

/// The files that are exchanged for each other.
struct Files {
    catalogues: [String; 2],
    bindings: [String; 2],
    lists: [Vec<u8>; 2],
}

impl Files {
    /// Without and with the grant of `ask`; at one provider and at the other; with `other` in good
    /// standing and revoked.
    fn of(site: &Site, providers: [&Provider; 2]) -> Self {
        let catalogue = site.file("catalogue.toml");
        let read = |name: &str| fs::read_to_string(site.file(name)).expect("a file");
        let granted = read("catalogue.toml");
        edit(&catalogue, |table| {
            let grants = table["grants"].as_array_mut().expect("grants");
            for grant in grants.iter_mut().filter(|grant| grant["id"].as_str() == Some("G-1000")) {
                grant.as_table_mut().expect("a grant").insert("state".to_owned(), Value::from("revoked"));
            }
        });
        let revoked = read("catalogue.toml");
        fs::write(&catalogue, &granted).expect("the catalogue can be written");
        let bindings = providers.map(|provider| {
            edit(&site.file("bindings.toml"), |table| {
                for binding in table["rest"].as_array_mut().expect("bindings") {
                    binding.as_table_mut().expect("a binding").insert("base_url".to_owned(), provider.url().into());
                }
            });
            read("bindings.toml")
        });
        let list = site.file("pki/crl.pem");
        let good = fs::read(&list).expect("a list");
        let print = fingerprint(&site.file("pki/parties/other/cert.pem"));
        let revoking = run(Command::new(sluice())
            .args(["certs", "revoke", "--certificate", &print, "--dir"])
            .arg(site.file("pki")));
        assert_eq!(revoking.code, 0, "{}", revoking.stderr);
        let lists = [good.clone(), fs::read(&list).expect("a list")];
        fs::write(&list, good).expect("the list can be written");
        Self { catalogues: [granted, revoked], bindings, lists }
    }
}

/// Changes everything for so long.
///
/// # Errors
/// What was lost, unrecorded, grown or not taken over.
pub fn churn(time: Duration) -> Result<Churned, String> {
    let mut city = City::small();
    city.grants.push(crate::city::Grant { party: "other".to_owned(), ..crate::city::Grant::small("G-2000", RESOURCE) });
    let departments = [Department::of(&city), Department::of(&city)];
    let settings = vec![("limits.refusals_per_second", 100_000.into())];
    let breaker = toml::Table::from_iter([("open_ms".to_owned(), Value::from(200))]);
    let binding = vec![("breaker", Value::Table(breaker))];
    let mut site =
        Site::serve(&city, &departments[0].provider.url(), &Changes { settings, binding, ..Changes::default() });
    let files = Files::of(&site, [&departments[0].provider, &departments[1].provider]);
    let descriptors = site.metric("process_open_fds").unwrap_or_default();
    let callers = Callers::start(&site, &city.good_call());
    let mut churned = Churned::default();
    let changed = change_everything(&site, (&files, &departments), clock::now() + time, &mut churned);
    let seen = callers.end()?;
    changed?;
    if let Some(fault) = seen.faults.first() {
        return Err(format!("{} faults, the first: {fault}", seen.faults.len()));
    }
    let (early, late) = churned.resident;
    if late > early + GROWTH_MAX {
        return Err(format!("resident memory grew from {early} to {late} bytes"));
    }
    clock::within(Duration::from_secs(20), "descriptors are given back", || {
        site.metric("process_open_fds").filter(|open| *open <= descriptors + DESCRIPTORS_SLACK)
    })?;
    site.stop();
    find_all(&site, &seen)?;
    churned.answers = seen.codes;
    Ok(churned)
}

fn change_everything(
    site: &Site,
    (files, departments): (&Files, &[Department; 2]),
    end: Instant,
    churned: &mut Churned,
) -> Result<(), String> {
    let began = clock::now();
    let mut early: Option<f64> = None;
    let mut round = 0_usize;
    while clock::now() < end || round < 8 {
        let (here, other) = (round / 4 % 2, round / 8 % 2);
        match round % 4 {
            0 => replace(site, "catalogue.toml", files.catalogues[here].as_bytes()),
            1 => replace(site, "bindings.toml", files.bindings[other].as_bytes()),
            2 => {
                replace(site, "pki/crl.pem", &files.lists[here]);
                churned.revocations += 1;
            }
            _ => {
                departments[other].is_away.store(here == 0, Ordering::Release);
                churned.outages += usize::from(here == 0);
                replace(site, "catalogue.toml", b"[[parties]]\nkey = \"broken\n");
                site.process.signal("HUP");
            }
        }
        let is_broken = round % 4 == 3;
        let told = site.reload();
        match (told.code, is_broken) {
            (0, false) => churned.reloads += 1,
            (78, true) => {
                churned.refused += 1;
                replace(site, "catalogue.toml", files.catalogues[here].as_bytes());
            }
            _ => return Err(format!("round {round}: reload ends with {}: {}", told.code, told.stderr)),
        }
        let resident = site.metric("process_resident_memory_bytes").ok_or("the ops listener does not answer")?;
        if clock::now() - began > (end - began) / 3 {
            early.get_or_insert(resident);
        }
        churned.resident = (early.unwrap_or(resident), resident);
        round += 1;
        clock::pass(STEP);
    }
    for department in departments {
        department.is_away.store(false, Ordering::Release);
    }
    Ok(())
}

fn replace(site: &Site, name: &str, content: &[u8]) {
    let part = site.file("replacement.part");
    fs::write(&part, content).expect("a file can be written");
    fs::rename(&part, site.file(name)).expect("a file can be replaced");
}

/// Every answer has its record.
fn find_all(site: &Site, seen: &Seen) -> Result<(), String> {
    let verified = ledger::verify(&site.ledger(), &[]);
    if verified.code != 0 {
        return Err(format!("verify exits with {}: {}{}", verified.code, verified.stdout, verified.stderr));
    }
    let leaves = ledger::leaves(&site.ledger());
    match seen.receipts.iter().find(|(index, leaf)| leaves.get(index) != Some(leaf)) {
        Some((index, _)) => Err(format!("record {index} was acknowledged and is not in the ledger")),
        None if seen.receipts.is_empty() => Err(String::from("nobody was answered")),
        None => Ok(()),
    }
}
