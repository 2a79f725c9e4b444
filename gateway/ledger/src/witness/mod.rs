//! Witnesses: others who remember how far a log had come, so that it can neither go back nor tell two stories
//! (C2SP tlog-witness and tlog-cosignature).
//!
//! A witness cosigns a checkpoint only after it has proved to contain the last one, and stores it before it
//! answers. A node sends its checkpoints, keeps what comes back, and asks before it starts how far each witness
//! has seen it. Both sides stand here; sockets do not: the process brings them ([`WitnessLine`]).

mod cosignature;
mod policy;
mod question;
mod quorum;
mod request;
mod rounds;
mod state;

pub use cosignature::{WitnessKey, WitnessSigner};
pub use policy::{PolicyError, TrustPolicy};
pub(crate) use question::{Known, Tree, confront};
pub use question::{OnUnreachable, WitnessPeer, WitnessPolicy};
pub use quorum::Quorum;
pub(crate) use request::parse_size;
pub use request::{Answer, BODY_BYTES_MAX, LineError, WitnessLine};
pub(crate) use rounds::{Rounds, attend};
pub use rounds::{WitnessFigures, Witnessing};
pub use state::{KnownLog, Witness, WitnessError};
