//! What a failed exchange says about the provider, and what the caller is told.

use sluice_contract::{BadAnswer, ProviderFault};
use sluice_transport::upstream::{UnreachableKind, UpstreamFault};

/// What an outcome says about the provider's health.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Health {
    /// It answers, well or badly.
    Up,
    /// It cannot be reached, is too slow or broken.
    Down,
    /// Nothing: our own limit stood in the way.
    Unknown,
}

/// A failed exchange in the contract's words, and what it says about the provider.
pub(crate) fn fault(fault: UpstreamFault) -> (Health, ProviderFault) {
    match fault {
        UpstreamFault::Unreachable(UnreachableKind::Busy) => {
            (Health::Unknown, ProviderFault::Busy { retry_after_s: 1 })
        }
        UpstreamFault::Unreachable(_) | UpstreamFault::Broken { answered: false, .. } => {
            (Health::Down, ProviderFault::Unreachable)
        }
        UpstreamFault::Timeout { .. } => (Health::Down, ProviderFault::Timeout),
        UpstreamFault::Broken { answered: true, .. } => (Health::Down, BadAnswer::Broken.into()),
        UpstreamFault::TooLarge { .. } => (Health::Up, BadAnswer::TooLarge.into()),
        UpstreamFault::Interrupted => (Health::Unknown, ProviderFault::Interrupted),
    }
}

/// Whether the provider cannot have seen the request, so that it may be sent again.
pub(crate) fn is_unsent(fault: UpstreamFault) -> bool {
    match fault {
        UpstreamFault::Unreachable(kind) => matches!(
            kind,
            UnreachableKind::Refused
                | UnreachableKind::ConnectTimeout
                | UnreachableKind::Network
                | UnreachableKind::Unresolved
                | UnreachableKind::Tls
        ),
        UpstreamFault::Timeout { .. }
        | UpstreamFault::Broken { .. }
        | UpstreamFault::TooLarge { .. }
        | UpstreamFault::Interrupted => false,
    }
}
