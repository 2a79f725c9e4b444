//! HTTP/2 streams on a worker. hyper bounds none of them. A stream lasts as long as its call, all of whose waits have
//! limits of their own; what is bounded here is a peer that does not take what it is given, by the rule that `wire`
//! has for connections: 64 KiB or everything within [`Timeouts::write`](crate::Timeouts::write).

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::rt::Executor;
use tokio::time::Sleep;

use crate::clock;
use crate::connection::Conn;
use crate::limits::WRITE_BYTES_MIN;
use crate::metrics::WorkerMetrics;
use crate::tracker::Tracker;

/// How an answer was left when its stream was last polled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Nobody asked for more: there is no answer yet, or the peer has not taken what it was given.
    #[default]
    Unasked,
    /// So many bytes were given, and the peer is to take them.
    Peers(usize),
    /// There is nothing to give at the moment.
    Ours,
}

/// Runs the streams of one connection.
#[derive(Clone)]
pub(crate) struct Streams {
    pub(crate) tracker: Tracker,
    pub(crate) conn: Rc<Conn>,
    pub(crate) write_max: Duration,
    pub(crate) metrics: Arc<WorkerMetrics>,
}

impl<F: Future<Output = ()> + 'static> Executor<F> for Streams {
    fn execute(&self, stream: F) {
        let (conn, metrics) = (Rc::clone(&self.conn), Arc::clone(&self.metrics));
        let mut taking = Taking { write_max: self.write_max, has_begun: false, stall: None };
        self.tracker.spawn(async move {
            let mut stream = pin!(stream);
            let is_whole = poll_fn(|cx| {
                let ended = stream.as_mut().poll(cx);
                // One thread: what was left there was left by this stream, just now.
                let turn = conn.turn.take();
                if ended.is_ready() { Poll::Ready(true) } else { taking.poll_late(turn, cx).map(|()| false) }
            });
            if !is_whole.await {
                metrics.cut_slow_stream.add(1);
            }
        });
    }
}

/// How a peer takes an answer.
struct Taking {
    write_max: Duration,
    has_begun: bool,
    stall: Option<Stall>,
}

/// The peer has not taken all it was given.
struct Stall {
    timer: Pin<Box<Sleep>>,
    /// What it has taken since.
    bytes: usize,
}

impl Taking {
    /// Ready when the peer has taken too little for too long.
    fn poll_late(&mut self, turn: Turn, cx: &mut Context<'_>) -> Poll<()> {
        self.has_begun |= turn != Turn::Unasked;
        if turn == Turn::Ours {
            self.stall = None;
        }
        if turn == Turn::Ours || !self.has_begun {
            return Poll::Pending;
        }
        let write_max = self.write_max;
        let begin = || Stall { timer: Box::pin(tokio::time::sleep(write_max)), bytes: 0 };
        let stall = self.stall.get_or_insert_with(begin);
        if let Turn::Peers(bytes) = turn {
            stall.bytes += bytes;
            if stall.bytes >= WRITE_BYTES_MIN {
                stall.bytes = 0;
                stall.timer.as_mut().reset(clock::timer_at(clock::now() + write_max));
            }
        }
        stall.timer.as_mut().poll(cx)
    }
}
