//! Keys of a log over its life. A root that never touches the gateway signs the list of them, so that a verifier pins
//! the root alone, and a key can be replaced, or be taken back after an index.

mod manifest;
mod rotation;
mod trusted;

pub use manifest::{ListedKey, Manifest};
pub(crate) use manifest::{check_current, key_of_checkpoint};
pub use rotation::{KeyError, introduce, revoke, rotate};
pub(crate) use trusted::{KeysFault, TrustedKeys, own_key};
