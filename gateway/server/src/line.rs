//! A way to one address for threads that may wait: HTTP/1.1, over TLS or within the private network.

use std::sync::Arc;
use std::sync::mpsc::{self, SyncSender};
use std::time::Duration;

use anyhow::anyhow;
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;
use sluice_domain::Egress;
use sluice_transport::clock;
use sluice_transport::upstream::{ClientTls, Endpoint, PoolLimits, Upstream};

/// A question often follows the one before: the connection is kept.
const IDLE: Duration = Duration::from_secs(30);

/// The connection lives on a thread of its own, since pools stay where they were made; callers hand over a request and
/// wait for the answer.
pub(crate) struct Line {
    questions: SyncSender<Question>,
}

/// Where a line leads, and how long it waits.
pub(crate) struct Way<'w> {
    /// Name of its thread.
    pub(crate) name: &'w str,
    /// Such as `https://host:port`.
    pub(crate) origin: &'w str,
    pub(crate) tls: Option<ClientTls>,
    pub(crate) timeout: Duration,
    /// Bytes of an answer.
    pub(crate) answer_max: usize,
}

struct Question {
    request: Request<Full<Bytes>>,
    answer: SyncSender<anyhow::Result<(StatusCode, Bytes)>>,
}

impl Line {
    /// # Errors
    /// An address that cannot be used, or a thread that cannot be made.
    pub(crate) fn new(way: Way<'_>, egress: &Egress) -> anyhow::Result<Self> {
        let Way { name, origin, tls, timeout, answer_max } = way;
        let limits =
            PoolLimits { connections_max: 1, idle_max: 1, idle: IDLE, connect: timeout, ..PoolLimits::default() };
        let endpoint = Arc::new(Endpoint::new(origin, tls, limits, Arc::new(egress.of_operator()))?);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (questions, asked) = mpsc::sync_channel::<Question>(1);
        std::thread::Builder::new().name(name.into()).spawn(move || {
            let upstream = Upstream::new(endpoint);
            for Question { request, answer } in asked {
                let sent = runtime.block_on(upstream.send(request, clock::now() + timeout, answer_max));
                let told = sent.map(|answer| (answer.status(), answer.into_body()));
                // Whoever asked may have gone.
                let _ = answer.send(told.map_err(|fault| anyhow!("{fault}")));
            }
        })?;
        Ok(Self { questions })
    }

    /// Sends a request with its target in absolute form, and waits. Blocks.
    ///
    /// # Errors
    /// No whole answer in time.
    pub(crate) fn ask(&self, request: Request<Full<Bytes>>) -> anyhow::Result<(StatusCode, Bytes)> {
        let (answer, answered) = mpsc::sync_channel(1);
        let ended = || anyhow!("the thread that asks has ended");
        self.questions.send(Question { request, answer }).map_err(|_| ended())?;
        answered.recv().map_err(|_| ended())?
    }
}
