//! One connection from handshake to close.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use http::{HeaderMap, Method};
use sluice_domain::Fault;
use tokio::time::Sleep;

use crate::clock;
use crate::framing::HeadWatch;
use crate::limits::{READS_PER_TURN, Timeouts};
use crate::peer::{Peer, Protocol};
use crate::share::Share;
use crate::streams::Turn;

/// The client preface of HTTP/2; who sent less has said nothing yet.
const HTTP2_PREFACE_BYTES: usize = 24;

/// Why we ended a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    Silent,
    SlowHead,
    SlowReader,
    Forced,
    Idle,
    Age,
}

/// What the parts of one connection share: its driver, its wire and its requests.
pub(crate) struct Conn {
    pub(crate) peer: Rc<Peer>,
    /// What the party behind the certificate holds of the worker's places.
    pub(crate) share: Rc<Share>,
    finishing: Cell<bool>,
    cut: Cell<Option<Cut>>,
    waker: RefCell<Option<Waker>>,
    requests: Cell<usize>,
    last_active: Cell<Instant>,
    bytes_heard: Cell<usize>,
    /// Reads left of the current turn.
    reads_left: Cell<u32>,
    /// How long nothing is read from now on.
    pause: Cell<Option<Duration>>,
    watch: RefCell<HeadWatch>,
    /// How the answer whose stream is being polled was left.
    pub(crate) turn: Cell<Turn>,
}

impl Conn {
    pub(crate) fn new(peer: Peer, share: Rc<Share>) -> Self {
        let watch = match peer.protocol {
            Protocol::Http1 => HeadWatch::http1(),
            Protocol::Http2 => HeadWatch::off(),
        };
        Self {
            peer: Rc::new(peer),
            share,
            finishing: Cell::new(false),
            cut: Cell::new(None),
            waker: RefCell::new(None),
            requests: Cell::new(0),
            last_active: Cell::new(clock::now()),
            bytes_heard: Cell::new(0),
            reads_left: Cell::new(READS_PER_TURN),
            pause: Cell::new(None),
            watch: RefCell::new(watch),
            turn: Cell::default(),
        }
    }

    /// Answers what was sent, then closes.
    pub(crate) fn finish(&self) {
        if !self.finishing.replace(true)
            && let Some(waker) = &*self.waker.borrow()
        {
            waker.wake_by_ref();
        }
    }

    pub(crate) fn is_finishing(&self) -> bool {
        self.finishing.get()
    }

    pub(crate) fn cut(&self, cut: Cut) {
        self.cut.set(Some(cut));
    }

    pub(crate) fn why_cut(&self) -> Option<Cut> {
        self.cut.get()
    }

    /// One more read of this turn; `false` if the others of the worker are to go on first.
    pub(crate) fn may_read(&self) -> bool {
        let left = self.reads_left.get();
        self.reads_left.set(left.saturating_sub(1));
        left > 0
    }

    /// Reads nothing for so long, from the next read on.
    pub(crate) fn pause(&self, time: Duration) {
        self.pause.set(Some(time));
    }

    pub(crate) fn take_pause(&self) -> Option<Duration> {
        self.pause.take()
    }

    pub(crate) fn heard(&self, bytes: &[u8]) {
        self.bytes_heard.set(self.bytes_heard.get().saturating_add(bytes.len()));
        self.watch.borrow_mut().observe(bytes);
    }

    /// Whether a head has begun while nothing is being answered.
    pub(crate) fn is_mid_head(&self) -> bool {
        self.requests.get() == 0 && self.watch.borrow().is_mid_head()
    }

    pub(crate) fn judge_head(&self, method: &Method, headers: &HeaderMap) -> Result<(), Fault> {
        self.watch.borrow_mut().judge(method, headers)
    }

    pub(crate) fn begin_request(&self) {
        self.requests.set(self.requests.get() + 1);
    }

    pub(crate) fn end_request(&self) {
        self.requests.set(self.requests.get().saturating_sub(1));
        self.last_active.set(clock::now());
        self.watch.borrow_mut().answered();
    }

    fn has_spoken(&self) -> bool {
        match self.peer.protocol {
            Protocol::Http1 => self.bytes_heard.get() > 0,
            Protocol::Http2 => self.bytes_heard.get() >= HTTP2_PREFACE_BYTES,
        }
    }

    /// Any wake-up through this reaches the driver; the task's waker never changes.
    fn keep_waker(&self, cx: &Context<'_>) {
        let mut waker = self.waker.borrow_mut();
        if waker.is_none() {
            *waker = Some(cx.waker().clone());
        }
    }
}

/// Runs a connection of hyper to its end, within its limits; `finish` begins hyper's graceful shutdown.
///
/// `None` if the connection was cut.
pub(crate) async fn drive<C>(
    connection: C,
    finish: impl Fn(Pin<&mut C>),
    conn: &Conn,
    timeouts: &Timeouts,
) -> Option<hyper::Result<()>>
where
    C: Future<Output = hyper::Result<()>>,
{
    let mut connection = pin!(connection);
    let mut plan = Plan::new(clock::now(), conn, timeouts);
    let mut timer: Pin<&mut Sleep> = pin!(tokio::time::sleep_until(clock::timer_at(plan.next)));
    poll_fn(|cx| {
        conn.keep_waker(cx);
        conn.reads_left.set(READS_PER_TURN);
        loop {
            let planned = plan.next;
            match plan.step(conn, timeouts) {
                Step::Run => {}
                Step::Finish => finish(connection.as_mut()),
                Step::Cut => return Poll::Ready(None),
            }
            if let Poll::Ready(end) = connection.as_mut().poll(cx) {
                return Poll::Ready(Some(end));
            }
            if plan.next != planned {
                timer.as_mut().reset(clock::timer_at(plan.next));
            }
            if timer.as_mut().poll(cx).is_pending() && !plan.is_behind(conn) {
                return Poll::Pending;
            }
            plan.is_due = timer.is_elapsed();
        }
    })
    .await
}

/// When to look at a connection again, and what to do then.
struct Plan {
    next: Instant,
    is_due: bool,
    age_at: Instant,
    /// When to begin the graceful shutdown, once the connection shall finish.
    finish_at: Option<Instant>,
    has_finished: bool,
    forced_at: Instant,
}

#[derive(Debug, PartialEq, Eq)]
enum Step {
    Run,
    Finish,
    Cut,
}

impl Plan {
    fn new(now: Instant, conn: &Conn, timeouts: &Timeouts) -> Self {
        let certificate_left = conn.peer.not_after_s.saturating_sub(clock::now_unix_s());
        let certificate_left = Duration::from_secs(u64::try_from(certificate_left).unwrap_or(0));
        let age_at = now + timeouts.age.min(certificate_left);
        Self {
            next: age_at.min(now + timeouts.head),
            is_due: false,
            age_at,
            finish_at: None,
            has_finished: false,
            forced_at: now,
        }
    }

    /// Whether an order came that the plan has not seen.
    fn is_behind(&self, conn: &Conn) -> bool {
        conn.is_finishing() && self.finish_at.is_none()
    }

    fn step(&mut self, conn: &Conn, timeouts: &Timeouts) -> Step {
        // The clock is read only when something is due: not on every wake-up.
        if !self.is_due && !self.is_behind(conn) {
            return Step::Run;
        }
        self.is_due = false;
        let now = clock::now();
        if conn.is_finishing() {
            self.step_finishing(now, conn, timeouts)
        } else {
            self.step_serving(now, conn, timeouts)
        }
    }

    fn step_serving(&mut self, now: Instant, conn: &Conn, timeouts: &Timeouts) -> Step {
        if now >= self.age_at {
            conn.cut(Cut::Age);
            conn.finish();
            return self.step_finishing(now, conn, timeouts);
        }
        let idle = if conn.has_spoken() { timeouts.idle } else { timeouts.head };
        let quiet_since = if conn.requests.get() > 0 { now } else { conn.last_active.get() };
        let idle_at = quiet_since + idle;
        if now < idle_at {
            self.next = self.age_at.min(idle_at);
            return Step::Run;
        }
        if !conn.has_spoken() {
            conn.cut(Cut::Silent);
            return Step::Cut;
        }
        conn.cut(Cut::Idle);
        conn.finish();
        self.finish_at = Some(now);
        self.forced_at = now + timeouts.write;
        self.step_finishing(now, conn, timeouts)
    }

    fn step_finishing(&mut self, now: Instant, conn: &Conn, timeouts: &Timeouts) -> Step {
        let farewell = match conn.peer.protocol {
            Protocol::Http1 => timeouts.farewell,
            // GOAWAY tells the peer which requests were taken; nothing is lost.
            Protocol::Http2 => Duration::ZERO,
        };
        let finish_at = *self.finish_at.get_or_insert_with(|| {
            self.forced_at = now + farewell + timeouts.write;
            now + farewell
        });
        if now >= self.forced_at && conn.requests.get() > 0 {
            // Requests in work have limits of their own.
            self.forced_at = now + timeouts.write;
        }
        if now >= self.forced_at {
            conn.cut(Cut::Forced);
            return Step::Cut;
        }
        if now < finish_at || self.has_finished {
            self.next = if self.has_finished { self.forced_at } else { finish_at };
            return Step::Run;
        }
        self.has_finished = true;
        self.next = self.forced_at;
        Step::Finish
    }
}
