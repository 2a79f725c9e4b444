//! The seam between the exchange and departmental systems.

use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sluice_domain::compare::Verdict;
use sluice_domain::{ItemSet, Permit, Resource, ResourceCode};

use crate::answer::Page;
use crate::fault::{BadAnswer, ProviderFault};
use crate::forward::{Forward, Forwarded};
use crate::layout::Layout;
use crate::standing::{Standing, Upkeep};

/// An answer under way. Dropping it gives the call up: its connection is not used again.
pub type Answering<'a, T> = Pin<Box<dyn Future<Output = Result<T, ProviderFault>> + 'a>>;

/// How a resource is bound to a departmental system: shared by all workers, so what is counted
/// across them (circuit breaker, concurrency) lives here.
pub trait Binding: Send + Sync {
    /// The resource that it serves.
    fn resource(&self) -> &ResourceCode;
    /// Who compares claims with stored values.
    fn comparison(&self) -> Comparison;
    /// Names the provider's system in metrics and logs: host and port, never a secret.
    fn target(&self) -> &str;
    /// Longest time a call may take, all attempts together.
    fn timeout(&self) -> Duration;
    /// How the provider stands, for metrics.
    fn standing(&self) -> Standing;
    /// What has to be done beside calls, once per node; `None` if nothing has.
    fn upkeep(self: Arc<Self>) -> Option<Upkeep>;
    /// One worker's end. Called inside the worker; what it returns never leaves that thread.
    fn attach(self: Arc<Self>) -> Rc<dyn Adapter>;
}

/// One worker's end of a binding: its connections live here.
pub trait Adapter {
    /// Asks for records.
    ///
    /// The pages are as the provider wrote them: only [`crate::answer::read`] with the layout beside it
    /// may look inside. Not cancel safe in effect: the provider may have worked; safe for us.
    fn fetch<'a>(&'a self, permit: &'a Permit, ask: &'a Ask<'a>) -> Answering<'a, Fetched>;

    /// Lets the provider compare. Only for [`Comparison::ByProvider`]; other bindings answer
    /// `BadAnswer(NotAskable)`.
    fn compare<'a>(&'a self, permit: &'a Permit, ask: &'a Ask<'a>) -> Answering<'a, Compared>;

    /// Forwards a call of a declared operation and answers with the head. Adapters whose providers have no
    /// operations keep this answer: `BadAnswer(NotAskable)`.
    fn forward<'a>(&'a self, permit: &'a Permit, forward: Forward<'a>) -> Answering<'a, Forwarded> {
        let _ = (permit, forward);
        Box::pin(std::future::ready(Err(BadAnswer::NotAskable.into())))
    }
}

/// Who compares claims with stored values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// The provider, which never sends records.
    ByProvider,
    /// The exchange, from records that it fetches.
    ByExchange,
}

/// One permitted question, in the resource's own item positions.
#[derive(Clone, Copy)]
pub struct Ask<'a> {
    /// The catalogue entry that gives positions their meaning.
    pub resource: &'a Resource,
    /// Key items and their normalised values; every item of one key set.
    pub key: &'a [(usize, &'a str)],
    /// Claimed items and values; empty for a query.
    pub claims: &'a [(usize, &'a str)],
    /// Items wanted back.
    pub items: ItemSet,
    /// Most records wanted.
    pub limit: u32,
    /// Records to leave out at the beginning.
    pub offset: u32,
    /// When the answer must be there; the binding's own time-out may end earlier.
    pub deadline: Instant,
    /// Id of the request, sent as `X-Request-Id`.
    pub request_id: &'a str,
    /// Key of the calling party, sent as `X-Exchange-Department`.
    pub caller: &'a str,
}

impl std::fmt::Debug for Ask<'_> {
    /// Values name citizens, so only their number is shown.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ask")
            .field("resource", &self.resource.code)
            .field("request_id", &self.request_id)
            .field("key_items", &self.key.len())
            .field("claims", &self.claims.len())
            .finish_non_exhaustive()
    }
}

/// Records as the provider wrote them.
#[derive(Debug, Clone)]
pub struct Fetched {
    /// The pages of the answer, to be read as one sequence; none where nothing was found, known from the
    /// head alone.
    pub pages: Vec<Page>,
    /// How to read them.
    pub layout: Arc<Layout>,
    /// How many of the `offset` records the provider has left out already.
    pub skipped: u32,
}

impl Fetched {
    /// Bytes of all pages.
    pub fn len(&self) -> usize {
        self.pages.iter().map(Page::len).sum()
    }

    /// Whether there is nothing to read.
    pub fn is_empty(&self) -> bool {
        self.pages.is_empty()
    }
}

/// What the provider's own comparison says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Compared {
    /// No such subject.
    NotFound {
        /// State of the provider's data, where it says.
        as_of: Option<String>,
    },
    /// The subject is there.
    Found {
        /// One verdict per claim, in the order of [`Ask::claims`].
        verdicts: Vec<Verdict>,
        /// State of the provider's data, where it says.
        as_of: Option<String>,
    },
}
