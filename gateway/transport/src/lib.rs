//! Listeners, TLS, the HTTP edge rules, problem documents and the upstream pool.
//!
//! This crate decides how bytes become requests, and nothing about what a request may do. A worker
//! is one thread with one single-threaded runtime, its own accept queue and its own upstream
//! connections; workers share the TLS configuration, the rules and limits of the listener and the phase.
//!
//! The life of a connection, file by file: `listen` → `worker` (accept, handshake) → `connection`
//! (limits, close) → `request` → [`edge`] (rules of a head) → [`Service`].

pub mod body;
pub mod clock;
mod connection;
pub mod edge;
mod framing;
mod limits;
mod listen;
mod metrics;
mod outgoing;
mod pace;
mod peer;
pub mod problem;
mod request;
mod revocation;
mod service;
mod share;
mod streams;
mod tls;
mod tracker;
mod upload;
pub mod upstream;
mod wire;
mod worker;
mod workers;

pub use limits::{BodyLimits, ConnectionLimits, LimitsError, Timeouts};
pub use listen::ListenError;
pub use metrics::{HANDSHAKE_FAILURES, HistogramSnapshot, LATENCY_BOUNDS_US, REFUSAL_CODES, Snapshot, WorkerMetrics};
pub use outgoing::Outgoing;
pub use pace::StreamBounds;
pub use peer::{CertificateError, Peer, Protocol};
pub use revocation::{RevocationError, Revocations};
pub use service::{Phase, PhaseFlag, Service, WorkerContext, WorkerIx};
pub use tls::{TlsError, TlsMaterial, TlsSwap};
pub use tracker::Tracker;
pub use upload::{Upload, UploadFault};
pub use workers::{Change, DrainReport, Ended, StartError, Steering, Workers, WorkersSpec};
