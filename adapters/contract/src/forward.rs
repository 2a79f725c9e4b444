//! Calls of declared operations, forwarded as they are: bodies pass through in both directions.

use std::error::Error;
use std::pin::Pin;
use std::time::Instant;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use http_body::Body;
use sluice_domain::{OperationIx, Resource};

use crate::fault::ProviderFault;

/// A caller's body on its way. Its error aborts the request.
pub type Upload = Pin<Box<dyn Body<Data = Bytes, Error = Box<dyn Error + Send + Sync>>>>;

/// A provider's body on its way. Its error says that the answer is not whole.
pub type Download = Pin<Box<dyn Body<Data = Bytes, Error = ProviderFault>>>;

/// One permitted call of a declared operation.
pub struct Forward<'a> {
    /// The catalogue entry.
    pub resource: &'a Resource,
    /// Which of its operations: method, bounds and statuses stand there.
    pub operation: OperationIx,
    /// Path and query below the provider's base address, byte for byte as they were authorised.
    pub target: &'a str,
    /// What of the caller's headers is passed on; the adapter adds its own.
    pub headers: HeaderMap,
    /// The body, for operations that take one.
    pub body: Option<Upload>,
    /// When everything must be over.
    pub ends_at: Instant,
    /// Id of the request, sent as `X-Request-Id`.
    pub request_id: &'a str,
    /// Key of the calling party, sent as `X-Exchange-Department`.
    pub caller: &'a str,
}

impl std::fmt::Debug for Forward<'_> {
    /// Path and headers may name citizens, so only the operation is shown.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Forward")
            .field("resource", &self.resource.code)
            .field("operation", &self.operation)
            .field("request_id", &self.request_id)
            .finish_non_exhaustive()
    }
}

/// The head of a provider's answer: a success, or a status that the operation declares.
pub struct Forwarded {
    /// Status.
    pub status: StatusCode,
    /// The provider's headers without those of its connection. Which of them may be passed on is the exchange's to
    /// say.
    pub headers: HeaderMap,
    /// The body, unread and unencoded.
    pub body: Download,
}

impl std::fmt::Debug for Forwarded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Forwarded").field("status", &self.status).finish_non_exhaustive()
    }
}
