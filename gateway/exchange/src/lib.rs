//! The data plane: the stages of a request, from who calls to what leaves.
//!
//! ```text
//! identify → admit → read → authorize → limit → record → call → disclose → respond
//! who?       may they?      which items? how much? durable  ask    minimise   answer
//! ```
//!
//! [`service`](mod@self) holds the order; each stage is a function that takes what the one before it
//! made. Start with [`Gateway::start`].

#![deny(clippy::indexing_slicing)]

mod access;
mod ask;
mod call;
mod catalogue;
mod cursor;
mod decimal;
mod disclose;
mod epochs;
mod facts;
mod failure;
mod gateway;
mod identify;
mod limit;
mod metrics;
mod outcome;
mod query;
mod record;
mod reload;
mod respond;
mod route;
mod service;
mod settings;
mod shared;
mod snapshot;
mod spool;
mod subjects;
mod summary;
mod tally;
mod token;
mod upkeep;
mod usage;
mod verify;
mod visit;
mod worker;

pub use epochs::{Epoch, KeySource, TagKeys, Unavailable};
pub use gateway::{Check, Gateway, GatewayError, GatewayParts, Watch};
pub use metrics::exposition;
pub use reload::{Act, Control, ReloadError};
pub use settings::Settings;
pub use snapshot::Snapshot;
pub use subjects::TagKey;
pub use token::{Issuer, KeyError, SigningKey, TokenRules, TokenTimes};
