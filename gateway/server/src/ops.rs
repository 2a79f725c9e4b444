//! The ops listener: is the process alive, can it serve, what has it counted.

use std::fmt::Write as _;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, StatusCode};

use crate::plain_http::{Answer, Bounds, answer, text};
use crate::process_metrics;

/// Probes and one or two scrapers; more are a mistake.
pub(crate) const BOUNDS: Bounds =
    Bounds { connections_max: 64, body_bytes_max: 1024, idle: Duration::from_mins(1), body: Duration::from_secs(2) };
const METRICS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// One condition of being ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Check {
    /// Its name, for `exclude=`.
    pub(crate) name: &'static str,
    /// Why it does not hold; `None` if it does.
    pub(crate) fault: Option<String>,
    /// What stands there if it holds, for people; mostly empty.
    pub(crate) detail: String,
}

impl Check {
    /// A condition that holds unless `fault` says why not.
    pub(crate) fn new(name: &'static str, fault: Option<String>) -> Self {
        Self { name, fault, detail: String::new() }
    }

    /// The same with something to say also while it holds.
    pub(crate) fn detailed(self, detail: String) -> Self {
        Self { detail, ..self }
    }
}

/// What can be asked of a running gateway.
pub(crate) trait Inspected: Send + Sync {
    /// Conditions of being ready.
    fn readiness(&self) -> Vec<Check>;
    /// Appends metrics in the text format 0.0.4.
    fn metrics(&self, out: &mut String);
}

/// What the ops listener knows of the process.
pub(crate) struct View {
    started_unix_s: i64,
    running: OnceLock<Box<dyn Inspected>>,
    draining: AtomicBool,
}

impl View {
    /// Of a process that is starting.
    pub(crate) fn starting(started_unix_s: i64) -> Self {
        Self { started_unix_s, running: OnceLock::new(), draining: AtomicBool::new(false) }
    }

    /// It serves from now on.
    pub(crate) fn serves(&self, running: Box<dyn Inspected>) {
        // A process starts to serve once.
        let _ = self.running.set(running);
    }

    /// It is not ready any more.
    pub(crate) fn drains(&self) {
        self.draining.store(true, Ordering::Release);
    }

    fn readiness(&self) -> Vec<Check> {
        let fault = match self.running.get() {
            None => Some("starting"),
            Some(_) if self.draining.load(Ordering::Acquire) => Some("draining"),
            Some(_) => None,
        };
        let serving = Check::new("serving", fault.map(str::to_owned));
        let others = self.running.get().map(|running| running.readiness()).unwrap_or_default();
        std::iter::once(serving).chain(others).collect()
    }

    /// Answers one request.
    pub(crate) fn answer(&self, request: &Request<Bytes>) -> Answer {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut refused = text(StatusCode::METHOD_NOT_ALLOWED, "GET or HEAD\n");
            refused.headers_mut().insert(http::header::ALLOW, http::HeaderValue::from_static("GET, HEAD"));
            return refused;
        }
        match request.uri().path() {
            "/livez" | "/healthz" => text(StatusCode::OK, "ok\n"),
            "/readyz" => readyz(&self.readiness(), request.uri().query().unwrap_or_default()),
            "/metrics" => {
                let mut out = String::new();
                process_metrics::append(&mut out, self.started_unix_s);
                if let Some(running) = self.running.get() {
                    running.metrics(&mut out);
                }
                answer(StatusCode::OK, METRICS_TYPE, out)
            }
            _ => text(StatusCode::NOT_FOUND, "/livez, /readyz, /metrics\n"),
        }
    }
}

/// As Kubernetes' own: the status for machines, `?verbose` for people, `?exclude=a,b` to leave
/// conditions out.
fn readyz(checks: &[Check], query: &str) -> Answer {
    let pairs = || query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let verbose = pairs().any(|(name, _)| name == "verbose");
    let excluded = |check: &Check| {
        pairs().any(|(name, value)| name == "exclude" && value.split(',').any(|each| each == check.name))
    };

    let mut lines = String::new();
    let mut ready = true;
    for check in checks {
        let name = check.name;
        let _ = match &check.fault {
            _ if excluded(check) => writeln!(lines, "[+]{name} excluded: ok"),
            None if check.detail.is_empty() => writeln!(lines, "[+]{name} ok"),
            None => writeln!(lines, "[+]{name} ok: {}", check.detail),
            Some(fault) => {
                ready = false;
                writeln!(lines, "[-]{name} failed: {fault}")
            }
        };
    }
    let (status, verdict) =
        if ready { (StatusCode::OK, "ok\n") } else { (StatusCode::SERVICE_UNAVAILABLE, "not ready\n") };
    if verbose || !ready { text(status, lines + verdict) } else { text(status, verdict) }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Half(Option<&'static str>);

    impl Inspected for Half {
        fn readiness(&self) -> Vec<Check> {
            vec![Check::new("ledger", self.0.map(str::to_owned)), Check::new("workers", None)]
        }

        fn metrics(&self, out: &mut String) {
            out.push_str("sluice_ledger_records_total 7\n");
        }
    }

    fn status(view: &View, method: Method, target: &str) -> u16 {
        let request = Request::builder().method(method).uri(target).body(Bytes::new()).unwrap();
        view.answer(&request).status().as_u16()
    }

    #[test]
    fn ready_only_between_start_and_drain_with_every_condition_met() {
        let view = View::starting(0);
        assert_eq!(status(&view, Method::GET, "/livez"), 200);
        assert_eq!(status(&view, Method::GET, "/readyz"), 503);
        view.serves(Box::new(Half(None)));
        assert_eq!(status(&view, Method::GET, "/readyz"), 200);
        view.drains();
        assert_eq!(status(&view, Method::GET, "/readyz"), 503);
        assert_eq!(status(&view, Method::GET, "/healthz"), 200);
    }

    #[test]
    fn a_failed_condition_can_be_excluded_by_name() {
        let view = View::starting(0);
        view.serves(Box::new(Half(Some("disk full"))));
        let rows = [
            ("/readyz", 503),
            ("/readyz?verbose", 503),
            ("/readyz?exclude=workers", 503),
            ("/readyz?exclude=ledger", 200),
            ("/readyz?verbose&exclude=workers,ledger", 200),
            ("/metrics", 200),
            ("/other", 404),
        ];
        for (target, expected) in rows {
            assert_eq!(status(&view, Method::GET, target), expected, "{target}");
        }
        assert_eq!(status(&view, Method::POST, "/metrics"), 405);
    }
}
