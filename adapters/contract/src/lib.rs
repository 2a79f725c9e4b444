//! What every adapter to a departmental system promises, and what all of them share.
//!
//! An adapter turns a permitted question into a provider's dialect and gives back either bytes with
//! the [`layout::Layout`] that reads them, or verdicts of the provider's own comparison. It cannot be
//! called without a [`sluice_domain::Permit`]. Nothing that a provider wrote leaves as an error:
//! [`ProviderFault`] has no room for text.

pub mod adapter;
pub mod answer;
pub mod balance;
pub mod breaker;
mod charset;
pub mod credentials;
pub mod fault;
mod format;
pub mod forward;
pub mod gate;
pub mod layout;
pub mod operation;
pub mod outage;
pub mod paging;
pub mod pointer;
pub mod spec;
pub mod standing;
pub mod template;

pub use adapter::{Adapter, Answering, Ask, Binding, Compared, Comparison, Fetched};
pub use answer::{Cell, Envelope, Page, Row};
pub use fault::{BadAnswer, ProviderFault};
pub use forward::{Download, Forward, Forwarded, Upload};
pub use layout::Layout;
pub use standing::{Durations, Standing, Target, TargetState, Upkeep};
