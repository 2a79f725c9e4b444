//! The metrics page: Prometheus text format 0.0.4, names of `conventions.md`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use sluice_contract::{Durations, Standing, TargetState};
use sluice_ledger::{FSYNC_BOUNDS_US, Metrics, Room, State, Witnessing};
use sluice_transport::{HANDSHAKE_FAILURES, LATENCY_BOUNDS_US, REFUSAL_CODES, Snapshot as Transport};

use crate::gateway::Watch;
use crate::tally::{DURATION_BOUNDS_US, Figures};

/// Everything that is counted, as `/metrics` shows it.
pub fn exposition(watch: &Watch) -> String {
    let mut page = Page(String::with_capacity(16 * 1024));
    requests(&mut page, &watch.figures());
    transport(&mut page, &watch.transport());
    providers(&mut page, &watch.providers());
    ledger(&mut page, &watch.ledger().metrics(), watch.ledger().state());
    room(&mut page, watch.ledger().room());
    witnesses(&mut page, &watch.ledger().witnessing());
    let ahead = watch.keys_ahead();
    let help = "1 while the next month has no key of subject tags.";
    page.single(("sluice_subject_key_missing", "gauge"), help, u8::from(ahead.missing_next.is_some()));
    page.head("sluice_config_hash_info", "gauge", "Revision of the policy in force.");
    page.line("sluice_config_hash_info", &[("hash", &watch.revision())], 1);
    if let Some(until_s) = watch.next_update_s() {
        page.single(
            ("sluice_crl_next_update_timestamp_seconds", "gauge"),
            "When the first revocation list is due to be replaced; past it every call is refused.",
            until_s,
        );
    }
    page.0
}

struct Page(String);

impl Page {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn line(&mut self, name: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        self.0.push_str(name);
        for (nth, (label, text)) in labels.iter().enumerate() {
            let escaped = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let _ = write!(self.0, "{}{label}=\"{escaped}\"", if nth == 0 { '{' } else { ',' });
        }
        let _ = writeln!(self.0, "{} {value}", if labels.is_empty() { "" } else { "}" });
    }

    fn single(&mut self, (name, kind): (&str, &str), help: &str, value: impl std::fmt::Display) {
        self.head(name, kind, help);
        self.line(name, &[], value);
    }

    /// A histogram from counts per bucket, not cumulative, with bounds in microseconds.
    fn histogram(&mut self, name: &str, help: &str, (bounds_us, counts): (&[u64], &[u64]), sum_us: u64) {
        self.head(name, "histogram", help);
        let mut total = 0;
        for (bound, count) in bounds_us.iter().zip(counts) {
            total += count;
            self.line(&format!("{name}_bucket"), &[("le", &seconds(*bound))], total);
        }
        total += counts.get(bounds_us.len()).copied().unwrap_or_default();
        self.line(&format!("{name}_bucket"), &[("le", "+Inf")], total);
        self.line(&format!("{name}_sum"), &[], seconds(sum_us));
        self.line(&format!("{name}_count"), &[], total);
    }
}

/// Microseconds as seconds in decimal digits, without rounding.
fn seconds(micros: u64) -> String {
    let text = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn requests(page: &mut Page, figures: &Figures) {
    let name = "sluice_http_requests_total";
    page.head(name, "counter", "Answered requests by route template, status, stable code and calling party.");
    let mut sorted: Vec<_> = figures.requests.iter().collect();
    sorted.sort_by(|a, b| a.0.cmp(b.0));
    for (labels, count) in sorted {
        let status = labels.status.to_string();
        let labels = [
            ("route", labels.route),
            ("method", labels.method),
            ("code", status.as_str()),
            ("party", labels.party.as_str()),
            ("outcome", labels.outcome),
        ];
        page.line(name, &labels, count);
    }
    decisions(page, figures);
    let histogram = |page: &mut Page, name: &str, help: &str, of: &crate::tally::Histogram| {
        page.histogram(name, help, (&DURATION_BOUNDS_US, &of.counts), of.sum_us);
    };
    histogram(page, "sluice_http_request_duration_seconds", "From head to the end of the answer.", &figures.duration);
    histogram(
        page,
        "sluice_gateway_overhead_seconds",
        "The same without the wait for the provider.",
        &figures.overhead,
    );
    histogram(page, "sluice_upstream_request_duration_seconds", "Wait for the provider.", &figures.upstream);
    let (hits, misses, entries) = figures.token_cache;
    page.single(("sluice_jwt_cache_hits_total", "counter"), "Tokens found verified.", hits);
    page.single(("sluice_jwt_cache_misses_total", "counter"), "Tokens whose signature was checked.", misses);
    page.single(("sluice_jwt_cache_entries", "gauge"), "Verified tokens remembered.", entries);
    let name = "sluice_masked_fields_total";
    page.head(name, "counter", "Values given out masked, by resource.");
    let mut masked: Vec<_> = figures.masked.iter().collect();
    masked.sort();
    for (resource, count) in masked {
        page.line(name, &[("resource", resource)], count);
    }
    page.single(("sluice_answers_aborted_total", "counter"), "Answers whose caller went away.", figures.aborted);
}

/// The same counts by what operators alert on.
fn decisions(page: &mut Page, figures: &Figures) {
    let mut by_outcome: BTreeMap<&str, u64> = BTreeMap::new();
    for (labels, count) in
        figures.requests.iter().filter(|(labels, _)| labels.route.starts_with("/v1/resources/{code}/"))
    {
        *by_outcome.entry(labels.outcome).or_default() += count;
    }
    let of = |prefixes: &'static [&'static str]| {
        by_outcome.iter().filter(move |(outcome, _)| prefixes.iter().any(|prefix| outcome.starts_with(prefix)))
    };
    let name = "sluice_authn_failures_total";
    page.head(name, "counter", "Calls on resources refused because of certificate or token.");
    for (outcome, count) in of(&["identity."]) {
        page.line(name, &[("reason", outcome)], count);
    }
    let name = "sluice_authz_decisions_total";
    page.head(name, "counter", "Decided calls on resources: permitted, or refused for a reason.");
    let permitted: u64 = of(&["ok", "provider."]).map(|(_, count)| count).sum();
    page.line(name, &[("decision", "permit"), ("reason", "")], permitted);
    for (outcome, count) in of(&["party.", "purpose.", "handler.", "resource.", "share.", "mode.", "matter.", "grant."])
    {
        page.line(name, &[("decision", "deny"), ("reason", outcome)], count);
    }
    let name = "sluice_ratelimit_rejected_total";
    page.head(name, "counter", "Calls on resources refused by a limit.");
    for (outcome, count) in of(&["limit."]) {
        page.line(name, &[("policy", outcome)], count);
    }
}

fn transport(page: &mut Page, workers: &[Transport]) {
    let sum = |of: fn(&Transport) -> u64| workers.iter().map(of).sum::<u64>();
    let name = "sluice_connections_active";
    page.head(name, "gauge", "Open connections of the data listener.");
    page.line(name, &[("listener", "data"), ("proto", "http/1.1")], sum(|worker| worker.active_http1));
    page.line(name, &[("listener", "data"), ("proto", "h2")], sum(|worker| worker.active_http2));
    page.single(
        ("sluice_connections_accepted_total", "counter"),
        "Accepted TCP connections.",
        sum(|worker| worker.accepted),
    );
    page.single(("sluice_requests_in_flight", "gauge"), "Requests being answered.", sum(|worker| worker.in_flight));
    let name = "sluice_tls_handshake_failures_total";
    page.head(name, "counter", "Failed TLS handshakes by reason.");
    for (nth, reason) in HANDSHAKE_FAILURES.iter().enumerate() {
        let count: u64 = workers.iter().filter_map(|worker| worker.handshakes_failed.get(nth)).sum();
        page.line(name, &[("reason", reason)], count);
    }
    let name = "sluice_edge_refusals_total";
    page.head(name, "counter", "Requests refused by the edge rules.");
    for (nth, code) in REFUSAL_CODES.iter().enumerate() {
        let count: u64 = workers.iter().filter_map(|worker| worker.refusals.get(nth)).sum();
        page.line(name, &[("code", code.as_str())], count);
    }
    page.line(name, &[("code", "bare_400")], sum(|worker| worker.bare_malformed));
    page.line(name, &[("code", "bare_431")], sum(|worker| worker.bare_too_large));
    let name = "sluice_connections_ended_total";
    page.head(name, "counter", "Connections and HTTP/2 streams that the data listener ended, by reason.");
    let mut ended: BTreeMap<&str, u64> = BTreeMap::new();
    for (reason, count) in workers.iter().flat_map(Transport::ended) {
        *ended.entry(reason).or_default() += count;
    }
    for (reason, count) in ended {
        page.line(name, &[("reason", reason)], count);
    }
    let histogram = |of: fn(&Transport) -> &sluice_transport::HistogramSnapshot| {
        workers.iter().map(of).fold((vec![0; LATENCY_BOUNDS_US.len() + 1], 0), |(mut counts, sum), one| {
            counts.iter_mut().zip(&one.counts).for_each(|(all, one)| *all += one);
            (counts, sum + one.sum_us)
        })
    };
    let (counts, sum_us) = histogram(|worker| &worker.handshake);
    page.histogram(
        "sluice_tls_handshake_duration_seconds",
        "Successful TLS handshakes.",
        (&LATENCY_BOUNDS_US, &counts),
        sum_us,
    );
    page.single(("sluice_task_panics_total", "counter"), "Tasks that panicked.", sum(|worker| worker.task_panics));
}

/// How providers stand, by the code of the resource that they serve and the host and port of each instance: both are
/// bounded by the catalogue.
fn providers(page: &mut Page, providers: &[(String, Standing)]) {
    let targets =
        || providers.iter().flat_map(|(code, standing)| standing.targets.iter().map(move |target| (code, target)));
    let name = "sluice_upstream_health";
    page.head(name, "gauge", "Instances of providers; 1 at the current state.");
    for (code, target) in targets() {
        for state in TargetState::ALL {
            let labels = [("upstream", code.as_str()), ("target", &target.name), ("state", state.as_str())];
            page.line(name, &labels, u8::from(state == target.state));
        }
    }
    let name = "sluice_upstream_circuit_open";
    page.head(name, "gauge", "Whether calls are held back because the provider failed repeatedly.");
    for (code, standing) in providers {
        page.line(name, &[("upstream", code)], u8::from(standing.is_circuit_open));
    }
    let name = "sluice_upstream_calls_in_flight";
    page.head(name, "gauge", "Calls to the provider under way.");
    for (code, standing) in providers {
        page.line(name, &[("upstream", code)], standing.calls);
    }
    let name = "sluice_upstream_connections";
    page.head(name, "gauge", "Open connections to providers.");
    for (code, target) in targets() {
        let mut line = |state, count: u64| {
            page.line(name, &[("upstream", code.as_str()), ("target", &target.name), ("state", state)], count);
        };
        line("active", target.connections.saturating_sub(target.idle));
        line("idle", target.idle);
    }
    let name = "sluice_upstream_connects_total";
    page.head(name, "counter", "Connections made to providers, and those that failed.");
    for (code, target) in targets() {
        for (result, count) in [("ok", target.connects), ("failed", target.connects_failed)] {
            let labels = [("upstream", code.as_str()), ("target", &target.name), ("result", result)];
            page.line(name, &labels, count);
        }
    }
    let mut connecting = Durations::default();
    targets().for_each(|(_, target)| connecting.add(&target.connecting));
    page.histogram(
        "sluice_upstream_connect_duration_seconds",
        "Successful connects to providers, TLS included.",
        (connecting.bounds_us, &connecting.counts),
        connecting.sum_us,
    );
}

fn ledger(page: &mut Page, metrics: &Metrics, state: State) {
    page.single(("sluice_ledger_records_total", "counter"), "Records made durable.", metrics.records);
    page.single(("sluice_ledger_batches_total", "counter"), "Group commits.", metrics.batches);
    page.single(("sluice_ledger_bytes_total", "counter"), "Bytes of frames written.", metrics.bytes);
    page.single(("sluice_ledger_queue_depth", "gauge"), "Records not yet durable.", metrics.queue_depth);
    page.single(("sluice_ledger_write_errors_total", "counter"), "Failed writes and syncs.", metrics.write_errors);
    page.single(("sluice_ledger_spare_segments", "gauge"), "Spare segments ready.", metrics.spares);
    page.single(
        ("sluice_ledger_last_seal_timestamp_seconds", "gauge"),
        "When the last checkpoint was stored.",
        seconds(metrics.last_checkpoint_us),
    );
    page.histogram(
        "sluice_ledger_fsync_duration_seconds",
        "fdatasync of the log.",
        (&FSYNC_BOUNDS_US, &metrics.fsync_counts),
        metrics.fsync_sum_us,
    );
    let name = "sluice_ledger_state";
    page.head(name, "gauge", "State of the ledger; 1 at the current one.");
    for (of, label) in
        [(State::Ok, "ok"), (State::Low, "low"), (State::Closed, "closed"), (State::Poisoned, "poisoned")]
    {
        page.line(name, &[("state", label)], u8::from(of == state));
    }
}

fn room(page: &mut Page, room: Option<Room>) {
    let Some(room) = room else { return };
    page.single(("sluice_ledger_free_bytes", "gauge"), "Room on the ledger's disk.", room.free);
    let help = "What the ledger writes in a day at its rate of the last minutes.";
    page.single(("sluice_ledger_bytes_per_day", "gauge"), help, room.per_day);
    let help = "How long the room lasts at that rate.";
    page.single(("sluice_ledger_forecast_seconds", "gauge"), help, room.lasts.as_secs());
}

fn witnesses(page: &mut Page, witnessing: &Witnessing) {
    if witnessing.quorum == 0 {
        return;
    }
    let lag = witnessing.lag.as_micros().try_into().unwrap_or(u64::MAX);
    page.single(("sluice_ledger_witnessed_size", "gauge"), "Records that a quorum has cosigned.", witnessing.size);
    let help = "For how long the newest checkpoint has been without its quorum.";
    page.single(("sluice_ledger_witness_lag_seconds", "gauge"), help, seconds(lag));
    let name = "sluice_ledger_witness_size";
    page.head(name, "gauge", "Records that each witness has cosigned.");
    for witness in &witnessing.witnesses {
        page.line(name, &[("witness", &witness.name)], witness.size);
    }
    let name = "sluice_ledger_witness_failures_total";
    page.head(name, "counter", "Questions to a witness that gave no cosignature.");
    for witness in &witnessing.witnesses {
        page.line(name, &[("witness", &witness.name)], witness.failures);
    }
    let name = "sluice_ledger_witness_contradicts";
    page.head(name, "gauge", "1 where a witness has cosigned more than, or other than, the ledger holds.");
    for witness in &witnessing.witnesses {
        page.line(name, &[("witness", &witness.name)], u8::from(witness.is_contradicting));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn microseconds_are_written_as_seconds_without_rounding() {
        for (micros, text) in [(0, "0"), (500, "0.0005"), (1_000_000, "1"), (1_234_567, "1.234567"), (10_000_000, "10")]
        {
            assert_eq!(seconds(micros), text);
        }
    }

    #[test]
    fn a_histogram_is_cumulative_and_ends_with_its_count() {
        let mut page = Page(String::new());
        page.histogram("x_seconds", "X.", (&[1_000, 2_000], &[1, 2, 3]), 5_000);
        for line in [
            "x_seconds_bucket{le=\"0.001\"} 1",
            "x_seconds_bucket{le=\"0.002\"} 3",
            "x_seconds_bucket{le=\"+Inf\"} 6",
            "x_seconds_sum 0.005",
            "x_seconds_count 6",
        ] {
            assert!(page.0.lines().any(|each| each == line), "{line}\n{}", page.0);
        }
    }
}
