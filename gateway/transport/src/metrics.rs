//! Counters of one worker.
//!
//! Each worker writes its own block and nobody else's, so a count is a plain load and store without
//! a locked instruction or a shared cache line; readers sum the snapshots.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sluice_domain::Code;

/// Upper bounds of the duration buckets, in microseconds; one more bucket holds the rest.
pub const LATENCY_BOUNDS_US: [u64; 13] =
    [250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 5_000_000];

const BUCKETS: usize = LATENCY_BOUNDS_US.len() + 1;

/// A number that only its worker changes.
#[derive(Debug, Default)]
pub(crate) struct Number(AtomicU64);

impl Number {
    pub(crate) fn add(&self, by: u64) {
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(by), Ordering::Relaxed);
    }

    pub(crate) fn sub(&self, by: u64) {
        self.0.store(self.0.load(Ordering::Relaxed).saturating_sub(by), Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Durations in buckets.
#[derive(Debug, Default)]
pub(crate) struct Histogram {
    buckets: [Number; BUCKETS],
    sum_us: Number,
}

impl Histogram {
    pub(crate) fn observe(&self, duration: Duration) {
        let us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let bucket = LATENCY_BOUNDS_US.iter().position(|bound| us <= *bound).unwrap_or(BUCKETS - 1);
        if let Some(count) = self.buckets.get(bucket) {
            count.add(1);
        }
        self.sum_us.add(us);
    }

    pub(crate) fn snapshot(&self) -> HistogramSnapshot {
        HistogramSnapshot { counts: self.buckets.each_ref().map(Number::get), sum_us: self.sum_us.get() }
    }
}

/// Why a TLS handshake failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HandshakeFailure {
    Timeout,
    Aborted,
    NoCertificate,
    CertificateExpired,
    CertificateUntrusted,
    CertificateOther,
    Incompatible,
    Protocol,
}

/// Labels of [`Snapshot::handshakes_failed`], in its order.
pub const HANDSHAKE_FAILURES: [&str; 8] = [
    "timeout",
    "aborted",
    "no_certificate",
    "certificate_expired",
    "certificate_untrusted",
    "certificate_other",
    "incompatible",
    "protocol",
];

/// Codes with which the edge refuses, in the order of [`Snapshot::refusals`].
pub const REFUSAL_CODES: [Code; 5] = [
    Code::RequestMalformed,
    Code::RequestUriTooLong,
    Code::RequestHeadersTooLarge,
    Code::RequestMisdirected,
    Code::ExchangeOverloaded,
];

/// The counters of one worker.
#[derive(Debug, Default)]
pub struct WorkerMetrics {
    pub(crate) accepted: Number,
    pub(crate) accept_errors: Number,
    pub(crate) connections_refused: Number,
    pub(crate) handshakes_ok: Number,
    pub(crate) handshakes_resumed: Number,
    pub(crate) handshakes_failed: [Number; HANDSHAKE_FAILURES.len()],
    pub(crate) handshake: Histogram,
    pub(crate) active_http1: Number,
    pub(crate) active_http2: Number,
    pub(crate) requests: Number,
    pub(crate) in_flight: Number,
    pub(crate) refusals: [Number; REFUSAL_CODES.len()],
    pub(crate) bare_malformed: Number,
    pub(crate) bare_too_large: Number,
    pub(crate) cut_silent: Number,
    pub(crate) cut_slow_head: Number,
    pub(crate) cut_slow_reader: Number,
    pub(crate) cut_slow_stream: Number,
    pub(crate) cut_http2: Number,
    pub(crate) cut_forced: Number,
    pub(crate) closed_idle: Number,
    pub(crate) closed_age: Number,
    pub(crate) task_panics: Number,
}

impl WorkerMetrics {
    pub(crate) fn handshake_failed(&self, failure: HandshakeFailure) {
        if let Some(count) = self.handshakes_failed.get(failure as usize) {
            count.add(1);
        }
    }

    pub(crate) fn refused(&self, code: Code) {
        if let Some(position) = REFUSAL_CODES.iter().position(|known| *known == code)
            && let Some(count) = self.refusals.get(position)
        {
            count.add(1);
        }
    }

    /// The numbers now. Each is exact; together they are not one moment.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            accepted: self.accepted.get(),
            accept_errors: self.accept_errors.get(),
            connections_refused: self.connections_refused.get(),
            handshakes_ok: self.handshakes_ok.get(),
            handshakes_resumed: self.handshakes_resumed.get(),
            handshakes_failed: self.handshakes_failed.each_ref().map(Number::get),
            handshake: self.handshake.snapshot(),
            active_http1: self.active_http1.get(),
            active_http2: self.active_http2.get(),
            requests: self.requests.get(),
            in_flight: self.in_flight.get(),
            refusals: self.refusals.each_ref().map(Number::get),
            bare_malformed: self.bare_malformed.get(),
            bare_too_large: self.bare_too_large.get(),
            cut_silent: self.cut_silent.get(),
            cut_slow_head: self.cut_slow_head.get(),
            cut_slow_reader: self.cut_slow_reader.get(),
            cut_slow_stream: self.cut_slow_stream.get(),
            cut_http2: self.cut_http2.get(),
            cut_forced: self.cut_forced.get(),
            closed_idle: self.closed_idle.get(),
            closed_age: self.closed_age.get(),
            task_panics: self.task_panics.get(),
        }
    }
}

/// Durations counted by [`LATENCY_BOUNDS_US`]; not cumulative.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HistogramSnapshot {
    /// Observations per bucket; the last holds everything above the last bound.
    pub counts: [u64; BUCKETS],
    /// Sum of all observations in microseconds.
    pub sum_us: u64,
}

impl HistogramSnapshot {
    pub(crate) fn add(&mut self, other: &Self) {
        self.counts.iter_mut().zip(&other.counts).for_each(|(ours, theirs)| *ours += theirs);
        self.sum_us += other.sum_us;
    }
}

/// The counters of one worker at a moment.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// TCP connections accepted.
    pub accepted: u64,
    /// Failed accepts, such as no file descriptor left.
    pub accept_errors: u64,
    /// Connections closed at once because the worker had its maximum.
    pub connections_refused: u64,
    /// TLS handshakes that succeeded.
    pub handshakes_ok: u64,
    /// Of those, resumed sessions.
    pub handshakes_resumed: u64,
    /// Failed handshakes by [`HANDSHAKE_FAILURES`].
    pub handshakes_failed: [u64; HANDSHAKE_FAILURES.len()],
    /// Duration of successful handshakes.
    pub handshake: HistogramSnapshot,
    /// Open HTTP/1.1 connections.
    pub active_http1: u64,
    /// Open HTTP/2 connections.
    pub active_http2: u64,
    /// Requests whose head arrived.
    pub requests: u64,
    /// Requests whose answer has not been handed over.
    pub in_flight: u64,
    /// Requests refused by the edge, by [`REFUSAL_CODES`].
    pub refusals: [u64; REFUSAL_CODES.len()],
    /// Heads that hyper refused without us, status 400.
    pub bare_malformed: u64,
    /// Heads that hyper refused without us, status 414 or 431.
    pub bare_too_large: u64,
    /// Connections cut because nothing came after the handshake.
    pub cut_silent: u64,
    /// Connections cut because a head did not end in time.
    pub cut_slow_head: u64,
    /// Connections cut because the peer did not read.
    pub cut_slow_reader: u64,
    /// HTTP/2 streams cut because their peer took too little.
    pub cut_slow_stream: u64,
    /// Connections cut because the peer broke the rules of HTTP/2, floods included.
    pub cut_http2: u64,
    /// Connections cut by force at the end of a drain or after their age.
    pub cut_forced: u64,
    /// Connections closed because no request came.
    pub closed_idle: u64,
    /// Connections closed because of their age or the end of the certificate.
    pub closed_age: u64,
    /// Tasks that panicked.
    pub task_panics: u64,
}

impl Snapshot {
    /// Connections and streams that we ended, by a word for the reason.
    pub fn ended(&self) -> [(&'static str, u64); 9] {
        [
            ("full", self.connections_refused),
            ("silent", self.cut_silent),
            ("slow_head", self.cut_slow_head),
            ("slow_reader", self.cut_slow_reader),
            ("slow_stream", self.cut_slow_stream),
            ("http2_fault", self.cut_http2),
            ("idle", self.closed_idle),
            ("age", self.closed_age),
            ("forced", self.cut_forced),
        ]
    }
}
