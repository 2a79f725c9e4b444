//! The life of a serving process: start, be ready, drain at a signal, stop.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use sluice_config::Loaded;
use tokio::net::TcpListener;

use crate::ops::{self, View};
use crate::running::Running;
use crate::signals::{Signals, Wish};
use crate::{clock, plain_http};

/// What is particular to one way of serving.
pub(crate) struct Manner<R> {
    /// Called once when everything serves.
    pub(crate) ready: R,
    /// Whether the process ends with its terminal.
    pub(crate) ends_at_hang_up: bool,
}

/// Serves until a signal ends it, on this thread for signals and the ops listener; the workers are
/// the gateway's own threads.
///
/// # Errors
/// Whatever keeps it from starting; a second interrupt, which gives up on requests in work.
pub(crate) fn run<R>(loaded: Loaded, manner: Manner<R>) -> anyhow::Result<()>
where
    R: FnOnce() -> anyhow::Result<()>,
{
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let ended = runtime.block_on(async {
        let signals = Signals::install().context("cannot listen for signals")?;
        let listener = listen(loaded.settings.ops.listen).await?;
        let view = Arc::new(View::starting(clock::now_unix_s()));
        let shown = Arc::clone(&view);
        let ops = plain_http::serve(listener, move |request| shown.answer(&request), ops::BOUNDS);
        tokio::select! {
            ended = live(loaded, view, signals, manner) => ended,
            never = ops => match never {},
        }
    });
    // A start that was interrupted may still be reading the ledger; it is not waited for.
    runtime.shutdown_background();
    ended
}

async fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address} (ops): is another gateway running?"))
}

async fn live<R>(loaded: Loaded, view: Arc<View>, mut signals: Signals, manner: Manner<R>) -> anyhow::Result<()>
where
    R: FnOnce() -> anyhow::Result<()>,
{
    let drain = loaded.settings.data.drain.clone();
    let starting = tokio::task::spawn_blocking(move || Running::start(loaded));
    let running = tokio::select! {
        started = starting => started.context("the start broke off")??,
        () = ended(&mut signals, manner.ends_at_hang_up) => return Ok(()),
    };
    view.serves(Box::new(running.watch()));
    tracing::info!("serving");
    (manner.ready)()?;

    ended(&mut signals, manner.ends_at_hang_up).await;
    view.drains();
    tracing::info!("draining");
    let drained = async {
        tokio::time::sleep(drain.delay).await;
        drained(running, drain.timeout).await
    };
    tokio::select! {
        drained = drained => drained,
        () = signals.stop_now() => bail!("stopped at once by a second interrupt: requests in work were given up"),
    }
}

async fn drained(running: Running, timeout: Duration) -> anyhow::Result<()> {
    let outcome = tokio::task::spawn_blocking(move || running.drain(timeout)).await.context("draining broke off")?;
    if outcome.is_ok() {
        tracing::info!("stopped");
    }
    outcome
}

/// Resolves when the process is to end.
async fn ended(signals: &mut Signals, ends_at_hang_up: bool) {
    loop {
        match signals.next().await {
            Wish::Drain | Wish::StopNow => return,
            Wish::HangUp if ends_at_hang_up => return,
            Wish::HangUp => {
                tracing::warn!("SIGHUP: this version reads its files at the start only; nothing was changed");
            }
        }
    }
}
