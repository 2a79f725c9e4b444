//! Connections to providers: a small pool of our own per worker and endpoint.
//!
//! The pool of `hyper-util` has one lock for all hosts, no upper bound and no age; this one is a
//! stack on one thread. A connection has no task of its own: whoever waits for its answer drives it,
//! so dropping that future closes it, and an idle connection costs nothing.
//!
//! A provider's words never leave this module as an error: faults carry kinds only.

mod address;
mod connect;
mod counts;
mod download;
mod endpoint;
mod fault;
mod heads;
mod hygiene;
mod line;
mod payload;
mod pool;

pub use counts::PoolSnapshot;
pub use download::{Download, StreamTimes};
pub use endpoint::{ClientTls, ClientTlsError, Endpoint, EndpointError, PoolLimits};
pub use fault::{UnreachableKind, UpstreamFault};
pub use payload::Upload;
pub use pool::Upstream;
