//! The words and the decisions of the exchange.
//!
//! Everything here is pure: no I/O, no clock, no randomness. Who may see what is decided in
//! [`decision`] from an immutable [`policy::Policy`], and the answer is either a
//! [`decision::Permit`], which nothing else can make, or a [`refusal::Refusal`] with a stable code.

pub mod catalogue;
pub mod compare;
pub mod day;
pub mod deadline;
mod decimal;
pub mod decision;
pub mod egress;
mod folding;
pub mod grant;
pub mod identifiers;
pub mod ids;
pub mod items;
pub mod mask;
pub mod moment;
pub mod operation;
pub mod party;
pub mod policy;
pub mod refusal;
pub mod subject;
pub mod texts;
pub mod workflow;
pub mod working_days;

pub use catalogue::{
    Gate, Item, ItemType, Level, Mode, Modes, ProvisionMode, Resource, Semantic, ShareCondition, ShareType,
};
pub use day::Day;
pub use decision::{Admission, Asked, Caller, Permit, Question};
pub use egress::{Egress, Network, NetworkError};
pub use grant::{Grant, GrantState, Limits};
pub use ids::{
    GrantId, HandlerId, ItemCode, OperationId, PartyKey, PurposeCode, RecordId, ResourceCode, SystemId, UserId,
};
pub use items::ItemSet;
pub use operation::{Operation, OperationIx, OperationSet};
pub use party::{Handler, HandlerState, Party, PartyState, System};
pub use policy::{GrantIx, PartyIx, Policy, PolicyError, PurposeIx, ResourceIx, SystemIx};
pub use refusal::{Code, Fact, Fault, Origin, Refusal};
