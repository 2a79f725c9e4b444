//! What an answer says about the provider, and for the call; its body stays unread.

use bytes::Bytes;
use http::{Response, StatusCode};
use sluice_contract::answer::{Page, Received, receive};
use sluice_contract::layout::Layout;
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

/// Judges an answer; `None` where it says, without records, that nothing was found.
pub(crate) fn judge(response: Response<Bytes>, layout: &Layout) -> (Health, Result<Option<Page>, ProviderFault>) {
    let (head, body) = response.into_parts();
    let is_down = head.status.is_server_error() || head.status == StatusCode::TOO_MANY_REQUESTS;
    let health = if is_down { Health::Down } else { Health::Up };
    match receive(layout, head.status, &head.headers, body) {
        Ok(Received::Answer(page)) => (health, Ok(Some(page))),
        Ok(Received::NotFound) => (Health::Up, Ok(None)),
        Ok(Received::Retryable) => (Health::Down, Err(ProviderFault::Unreachable)),
        Ok(Received::Busy { retry_after_s }) => (health, Err(ProviderFault::Busy { retry_after_s })),
        Err(bad) => (health, Err(bad.into())),
    }
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
        ),
        UpstreamFault::Timeout { .. } | UpstreamFault::Broken { .. } | UpstreamFault::TooLarge { .. } => false,
    }
}
