//! Parties (政务部门 and the undertakings of article 35), their systems and their handlers.

use serde::{Deserialize, Serialize};

use crate::ids::{HandlerId, PartyKey, SystemId};
use crate::policy::PartyIx;

/// Whether a party may take part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PartyState {
    /// Takes part.
    #[default]
    Active,
    /// Every call is refused with `party.suspended`.
    Suspended,
}

/// Whether a handler may be named on calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HandlerState {
    /// May be named.
    #[default]
    Active,
    /// Registered but barred: `handler.disabled`.
    Disabled,
}

/// A registered person of a party (X03): names who answers for a call (D22-2).
#[derive(Debug, Clone)]
pub struct Handler {
    /// Id within the party.
    pub id: HandlerId,
    /// Name, shown to administrators only.
    pub name: String,
    /// Post, such as 经办.
    pub post: String,
    /// Whether calls may name this person.
    pub state: HandlerState,
}

/// A registered party (D02-1).
#[derive(Debug, Clone)]
pub struct Party {
    /// Short key, unique.
    pub key: PartyKey,
    /// 统一社会信用代码, check digit verified at load.
    pub uscc: String,
    /// Full name.
    pub name: String,
    /// Kind, such as 行政机关.
    pub kind: String,
    /// Takes part or is suspended.
    pub state: PartyState,
    /// Registered people.
    pub handlers: Vec<Handler>,
}

/// A registered system of a party: what a client certificate stands for.
#[derive(Debug, Clone)]
pub struct System {
    /// Id, such as `mz.main`.
    pub id: SystemId,
    /// The party it belongs to.
    pub party: PartyIx,
    /// SHA-256 of each valid client certificate (DER); two at once while renewing.
    pub fingerprints: Vec<[u8; 32]>,
}
