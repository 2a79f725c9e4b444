//! Every bound of the edge, with the reason for its default.

use std::time::Duration;

use thiserror::Error;

/// Ours must stay below what hyper accepts, or hyper answers with a bare status instead of us.
pub(crate) const HTTP1_BUFFER_BYTES: usize = 64 * 1024;
/// hyper's own default, which parses on the stack.
pub(crate) const HTTP1_HEADERS: usize = 100;
/// Pseudo-headers and 32 bytes per field count here (RFC 9113 6.5.2).
pub(crate) const HTTP2_HEADER_LIST_BYTES: u32 = 48 * 1024;
/// What one stream may send before we read it.
pub(crate) const HTTP2_STREAM_WINDOW_BYTES: u32 = 64 * 1024;
/// What all streams of a connection may send before we read it.
pub(crate) const HTTP2_CONNECTION_WINDOW_BYTES: u32 = 1024 * 1024;
/// Pieces in which a body is handed to HTTP/2, so that a stream without window holds one piece, not a body.
pub(crate) const HTTP2_PIECE_BYTES: usize = 16 * 1024;
/// Resets that a peer may have pending before it is cut off (rapid reset).
pub(crate) const HTTP2_PENDING_RESETS: usize = 20;
/// Protocol errors per connection before it is cut off.
pub(crate) const HTTP2_LOCAL_RESETS: usize = 256;
/// Pings find peers that vanished and header blocks that never end.
pub(crate) const HTTP2_PING_INTERVAL: Duration = Duration::from_secs(20);
/// How long a ping may stay unanswered.
pub(crate) const HTTP2_PING_TIMEOUT: Duration = Duration::from_secs(10);
/// What a stalled reader must take within [`Timeouts::write`] not to be cut off.
pub(crate) const WRITE_BYTES_MIN: usize = 64 * 1024;
/// Seconds after which an overloaded worker is worth another try.
pub(crate) const OVERLOADED_RETRY_S: u32 = 1;
/// Refusals of requests beyond what a worker can take. Each costs a good part of an answer: callers that do not wait
/// as they are told would leave no time for those that are served.
pub(crate) const OVERLOADED_PER_SECOND_MAX: u32 = 500;
/// Reads, of some kilobytes each, after which a connection that always has more lets the others of its
/// worker go on: whoever floods waits for the flood, nobody else.
pub(crate) const READS_PER_TURN: u32 = 16;
/// How long and how much is read and thrown away after our last byte, so that the answer is not
/// lost to a TCP reset.
pub(crate) const LINGER: Duration = Duration::from_secs(1);
/// See [`LINGER`].
pub(crate) const LINGER_BYTES: usize = 1024 * 1024;

/// Time limits of a connection.
#[derive(Debug, Clone)]
pub struct Timeouts {
    /// TLS handshake, from accept to finished (10 s).
    pub handshake: Duration,
    /// First byte of a connection, and first to last byte of a request head (10 s).
    pub head: Duration,
    /// Between two requests (75 s: longer than common clients keep a connection).
    pub idle: Duration,
    /// A stalled reader, of a connection or of an HTTP/2 stream, must take 64 KiB or everything within this (30 s).
    pub write: Duration,
    /// A connection is closed after this, once its requests are answered (1 h), so that identity is
    /// verified again.
    pub age: Duration,
    /// After the decision to finish, an idle HTTP/1.1 connection still takes a request for this
    /// long (500 ms): what the caller sent at that moment is answered, not lost.
    pub farewell: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            handshake: Duration::from_secs(10),
            head: Duration::from_secs(10),
            idle: Duration::from_secs(75),
            write: Duration::from_secs(30),
            age: Duration::from_hours(1),
            farewell: Duration::from_millis(500),
        }
    }
}

/// Limits of one worker's connections. All numbers are per worker.
#[derive(Debug, Clone)]
pub struct ConnectionLimits {
    /// Open connections; further ones are closed at once (10,000).
    pub connections_max: usize,
    /// Requests being answered; further ones are refused as `exchange.overloaded` (1,024). Near it a
    /// party gets no more than its fair share.
    pub in_flight_max: usize,
    /// File descriptor number from which connections are closed at once, so that providers, ledger
    /// and health probes never lack one (no bound).
    pub descriptors_max: i32,
    /// Concurrent streams of one HTTP/2 connection (100).
    pub streams_max: u32,
    /// Time limits.
    pub timeouts: Timeouts,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self {
            connections_max: 10_000,
            in_flight_max: 1024,
            descriptors_max: i32::MAX,
            streams_max: 100,
            timeouts: Timeouts::default(),
        }
    }
}

/// Limits of one request body.
#[derive(Debug, Clone)]
pub struct BodyLimits {
    /// Largest body in bytes (1 MiB).
    pub bytes_max: usize,
    /// First to last byte (60 s).
    pub total: Duration,
    /// Between two arrivals (10 s).
    pub idle: Duration,
    /// Average bytes per second after the first `idle` (1,024).
    pub rate_min: u32,
}

impl Default for BodyLimits {
    fn default() -> Self {
        Self { bytes_max: 1024 * 1024, total: Duration::from_mins(1), idle: Duration::from_secs(10), rate_min: 1024 }
    }
}

/// A limit that cannot be kept.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("{name} must be between {min} and {max}, not {value}")]
pub struct LimitsError {
    /// Name of the limit.
    pub name: &'static str,
    /// What was asked for.
    pub value: usize,
    /// Smallest allowed.
    pub min: usize,
    /// Largest allowed.
    pub max: usize,
}

/// `value` if it lies within the bounds.
pub(crate) fn within(name: &'static str, value: usize, min: usize, max: usize) -> Result<(), LimitsError> {
    if (min..=max).contains(&value) { Ok(()) } else { Err(LimitsError { name, value, min, max }) }
}

impl ConnectionLimits {
    pub(crate) fn check(&self) -> Result<(), LimitsError> {
        within("connections_max", self.connections_max, 1, 1_000_000)?;
        within("in_flight_max", self.in_flight_max, 1, 1_000_000)?;
        within("descriptors_max", usize::try_from(self.descriptors_max).unwrap_or(0), 1, usize::MAX)?;
        within("streams_max", self.streams_max as usize, 1, 1000)
    }
}
