//! Stand-ins: the departmental systems of the demo in miniature, each a process of its own that is
//! reached over a socket only, so that the exchange meets what it meets in a city.
//!
//! A stand-in reads one line of JSON (its [`Specification`]) from standard input, prints
//! `{"port":N}` once it listens on 127.0.0.1, and ends when standard input closes: even a demo that
//! was killed leaves none behind. It logs nothing.

pub(crate) mod binding;
pub(crate) mod compare;
pub(crate) mod envelope;
pub(crate) mod query_string;
pub(crate) mod records;
pub(crate) mod standard;

use std::io::{self, BufRead as _, Write as _};
use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use http::{Method, Request, StatusCode};
use serde::{Deserialize, Serialize};
use sluice_domain::{ItemType, Semantic};

use crate::clock;
use crate::plain_http::{self, Answer, Bounds};
use records::Record;

/// Largest specification, in bytes: a demo's fixtures have some ten kilobytes.
const SPECIFICATION_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Sized for a gateway that keeps many connections. Idle ones are kept far longer than any pool of
/// the gateway keeps them, so that it is never the provider that closes first.
const BOUNDS: Bounds = Bounds {
    connections_max: 1024,
    body_bytes_max: 64 * 1024,
    idle: Duration::from_mins(5),
    body: Duration::from_secs(10),
};

/// How a stand-in talks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Style {
    /// The exchange's standard docking interface.
    Standard,
    /// A vendor's own: GET with a query, nested envelope, other names, string codes.
    Envelope,
    /// Public-security bodies; compares and never sends a record.
    Compare,
}

/// What one stand-in is. It holds people's records, so it has no `Debug`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Specification {
    /// What it holds.
    pub(crate) resources: Vec<Docked>,
}

/// One resource behind a stand-in.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Docked {
    /// Catalogue code.
    pub(crate) code: String,
    /// How it is asked.
    pub(crate) style: Style,
    /// Its items, in catalogue order.
    pub(crate) items: Vec<DockedItem>,
    /// Sets of items by which records are found.
    pub(crate) key_sets: Vec<Vec<String>>,
    /// Date of the data; the time of the answer where there is none.
    pub(crate) as_of: Option<String>,
    /// The records, numbers with the digits of the fixture.
    pub(crate) records: Vec<Record>,
}

/// One item of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DockedItem {
    pub(crate) code: String,
    pub(crate) kind: ItemType,
    pub(crate) length: u32,
    pub(crate) semantic: Option<Semantic>,
    pub(crate) key: bool,
    pub(crate) out: bool,
}

impl Docked {
    pub(crate) fn item(&self, code: &str) -> Option<&DockedItem> {
        self.items.iter().find(|item| item.code == code)
    }

    fn as_of(&self, now_unix_s: i64) -> String {
        self.as_of.clone().unwrap_or_else(|| clock::shanghai(now_unix_s))
    }
}

impl Specification {
    /// Answers one request.
    pub(crate) fn answer(&self, request: &Request<Bytes>, now_unix_s: i64) -> Answer {
        let path = request.uri().path();
        match (request.method(), path) {
            (&Method::POST, standard::QUERY) => standard::query(self, request.body(), now_unix_s),
            (&Method::POST, standard::VERIFY) => standard::verify(self, request.body(), now_unix_s),
            (&Method::POST, compare::PATH) => compare::compare(self, request.body(), now_unix_s),
            (&Method::GET, path) => {
                match self.of_style(Style::Envelope).find(|docked| envelope::path(&docked.code) == path) {
                    Some(docked) => envelope::search(docked, request.uri().query().unwrap_or_default(), now_unix_s),
                    None => plain_http::text(StatusCode::NOT_FOUND, ""),
                }
            }
            _ => plain_http::text(StatusCode::NOT_FOUND, ""),
        }
    }

    fn of_style(&self, style: Style) -> impl Iterator<Item = &Docked> {
        self.resources.iter().filter(move |docked| docked.style == style)
    }
}

/// What a stand-in prints when it listens.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Listening {
    /// Its port on 127.0.0.1.
    pub(crate) port: u16,
}

/// Runs a stand-in until standard input closes.
///
/// # Errors
/// A specification that cannot be read, or no free port.
pub(crate) fn run() -> anyhow::Result<()> {
    let mut line = String::new();
    let stdin = io::BufReader::new(io::stdin());
    let mut bounded = io::Read::take(stdin, SPECIFICATION_BYTES_MAX);
    bounded.read_line(&mut line).context("cannot read the stand-in's specification")?;
    let specification: Specification =
        serde_json::from_str(&line).context("the stand-in's specification is not what it should be")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let listening = Listening { port: listener.local_addr()?.port() };
        writeln!(io::stdout(), "{}", serde_json::to_string(&listening)?)?;
        let closed = tokio::task::spawn_blocking(move || {
            let mut rest = bounded.into_inner();
            // Either way the demo that started this process is gone.
            let _ = io::copy(&mut rest, &mut io::sink());
        });
        let answer = move |request: Request<Bytes>| specification.answer(&request, clock::now_unix_s());
        tokio::select! {
            never = plain_http::serve(listener, answer, BOUNDS) => match never {},
            _ = closed => Ok(()),
        }
    })
}
