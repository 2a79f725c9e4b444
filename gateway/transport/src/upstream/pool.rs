//! The pool: a stack of idle connections to one endpoint, on one worker.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use foldhash::fast::RandomState;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout_at;

use super::connect::connect;
use super::counts::Counts;
use super::endpoint::Endpoint;
use super::fault::{UnreachableKind, UpstreamFault};
use super::hygiene;
use super::line::{Failure, Line};
use super::payload::Payload;
use crate::clock;

/// One worker's connections to one endpoint.
pub struct Upstream {
    endpoint: Arc<Endpoint>,
    counts: Arc<Counts>,
    places: Arc<Semaphore>,
    waiting: Cell<usize>,
    /// Most recently used last.
    idle: RefCell<VecDeque<Idle>>,
    opened: Cell<u64>,
    jitter: RandomState,
}

struct Idle {
    line: Counted,
    since: Instant,
}

impl Upstream {
    /// An empty pool, whose counts the endpoint adds to those of other workers.
    pub fn new(endpoint: Arc<Endpoint>) -> Self {
        Self {
            places: Arc::new(Semaphore::new(endpoint.limits.connections_max)),
            counts: endpoint.counts(),
            endpoint,
            waiting: Cell::new(0),
            idle: RefCell::default(),
            opened: Cell::new(0),
            jitter: RandomState::default(),
        }
    }

    /// Sends `request` and reads the answer whole, all before `deadline`.
    ///
    /// The target becomes origin-form and `Host` the endpoint's; hop-by-hop headers and lengths are
    /// dropped both ways; redirects, cookies and encodings are left as they are. A request is sent a
    /// second time only if the first went to a kept connection and nothing of it left. Dropping the
    /// future closes the connection in use.
    ///
    /// # Errors
    /// Kinds only, never anything that the provider sent.
    pub async fn send(
        &self,
        request: Request<Full<Bytes>>,
        deadline: Instant,
        body_bytes_max: usize,
    ) -> Result<Response<Bytes>, UpstreamFault> {
        let sent = Cell::new(false);
        let answering = async {
            let _place = self.place().await?;
            let (mut line, answer) = self.begin(Box::new(request.map(Payload::Whole)), &sent).await?;
            let answer = line.line.read(answer, body_bytes_max).await?;
            if line.line.is_usable().await {
                self.keep(line);
            }
            Ok(answer)
        };
        timeout_at(clock::timer_at(deadline), answering)
            .await
            .unwrap_or_else(|_| Err(UpstreamFault::Timeout { sent: sent.get() }))
    }

    /// Sends a request and waits for the head of its answer. It comes boxed, because futures within futures would
    /// otherwise copy it from each to the next.
    pub(super) async fn begin(
        &self,
        mut request: Box<Request<Payload>>,
        sent: &Cell<bool>,
    ) -> Result<(Counted, Response<Incoming>), UpstreamFault> {
        hygiene::clean_request(&mut request, &self.endpoint.authority);
        if let Some(mut line) = self.take().await {
            self.counts.reused.add(1);
            sent.set(true);
            match line.line.send(request).await {
                Ok(answer) => return Ok((line, answer)),
                Err(Failure::Fault(fault)) => return Err(fault),
                Err(Failure::Unsent(unsent)) => request = unsent,
            }
            sent.set(false);
            self.counts.retries.add(1);
        }
        // Boxed: a future is as large as its largest branch and is copied whole, and this one is seldom gone.
        let mut line = Box::pin(self.open()).await.map_err(UpstreamFault::Unreachable)?;
        sent.set(true);
        match line.line.send(request).await {
            Ok(answer) => Ok((line, answer)),
            Err(Failure::Fault(fault)) => Err(fault),
            Err(Failure::Unsent(_)) => Err(UpstreamFault::Unreachable(UnreachableKind::Network)),
        }
    }

    /// A place among the connections in use; waits in line if there is none, up to a number.
    pub(super) async fn place(&self) -> Result<OwnedSemaphorePermit, UpstreamFault> {
        let busy = UpstreamFault::Unreachable(UnreachableKind::Busy);
        if let Ok(place) = Arc::clone(&self.places).try_acquire_owned() {
            return Ok(place);
        }
        if self.waiting.get() >= self.endpoint.limits.waiting_max {
            return Err(busy);
        }
        let _waiting = Waiting::begin(&self.waiting);
        Arc::clone(&self.places).acquire_owned().await.map_err(|_| busy)
    }

    /// The connection used last that can still be used. Drops those that cannot.
    async fn take(&self) -> Option<Counted> {
        loop {
            let Idle { mut line, since } = self.idle.borrow_mut().pop_back()?;
            self.counts.idle.sub(1);
            let now = clock::now();
            let is_fresh = now < line.line.ends_at && now < since + self.endpoint.limits.idle;
            let is_fresh = is_fresh && self.endpoint.addresses.has(line.line.address);
            if is_fresh && line.line.is_usable().await {
                return Some(line);
            }
        }
    }

    pub(super) fn keep(&self, line: Counted) {
        let now = clock::now();
        let limits = &self.endpoint.limits;
        let mut idle = self.idle.borrow_mut();
        // The oldest are at the front; whoever was not needed for so long is not needed.
        while idle.front().is_some_and(|oldest| idle.len() >= limits.idle_max || now >= oldest.since + limits.idle) {
            idle.pop_front();
            self.counts.idle.sub(1);
        }
        if limits.idle_max > 0 && now < line.line.ends_at {
            idle.push_back(Idle { line, since: now });
            self.counts.idle.add(1);
        }
    }

    async fn open(&self) -> Result<Counted, UnreachableKind> {
        let started = clock::now();
        let opened = async {
            let connected = connect(&self.endpoint).await?;
            Line::open(connected, started + self.age_max()).await.ok_or(UnreachableKind::Network)
        };
        match opened.await {
            Ok(line) => {
                self.counts.connects_ok.add(1);
                self.counts.connect.observe(clock::now().saturating_duration_since(started));
                Ok(Counted::new(line, &self.counts))
            }
            Err(kind) => {
                self.counts.connects_failed.add(1);
                Err(kind)
            }
        }
    }

    /// 90 to 110 % of the limit, so that connections opened together do not end together.
    fn age_max(&self) -> Duration {
        let opened = self.opened.get();
        self.opened.set(opened.wrapping_add(1));
        let percent = 90 + u32::try_from(self.jitter.hash_one(opened) % 21).unwrap_or(10);
        self.endpoint.limits.age_max * percent / 100
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.counts.idle.sub(self.idle.borrow().len() as u64);
    }
}

/// A connection that is counted as open.
pub(super) struct Counted {
    /// Boxed: hyper's connection is kilobytes, and a kept one is moved several times for each request.
    pub(super) line: Box<Line>,
    counts: Arc<Counts>,
}

impl Counted {
    fn new(line: Line, counts: &Arc<Counts>) -> Self {
        counts.open.add(1);
        Self { line: Box::new(line), counts: Arc::clone(counts) }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.counts.open.sub(1);
    }
}

struct Waiting<'a>(&'a Cell<usize>);

impl<'a> Waiting<'a> {
    fn begin(waiting: &'a Cell<usize>) -> Self {
        waiting.set(waiting.get() + 1);
        Self(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get().saturating_sub(1));
    }
}
