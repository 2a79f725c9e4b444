//! Finding records: by time, party, system, handler, resource, decision, code, purpose, case, request and person.
//!
//! A search reads the segments on all cores. A sealed segment that was read once has a sidecar file with the span of
//! its times and a Bloom filter of its terms, so that the next search passes it over if it cannot hold a match.
//! Sidecars are derived, made again where they are missing, and prove nothing: a search can do without them, and its
//! coverage says how many segments it passed over.

mod filter;
mod scan;
mod search;
mod sidecar;

pub use filter::{Filter, SubjectQuery};
pub use search::{Coverage, Damage, Search, Take};
pub(crate) use sidecar::path;
