//! The life of a serving process: start, be ready, drain at a signal, stop.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use sluice_config::Loaded;
use tokio::net::TcpListener;
use tokio::task::{JoinError, JoinHandle};

use crate::ops::{self, View};
use crate::reload::Reloader;
use crate::running::Running;
use crate::signals::{Signals, Wish};
use crate::{clock, descriptors, plain_http, terminal};

/// What is particular to one way of serving.
pub(crate) struct Manner<R> {
    /// The configuration's file, which a reload reads again.
    pub(crate) config: PathBuf,
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
    descriptors::raise();
    terminal::remember();
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
    let Manner { config, ready, ends_at_hang_up } = manner;
    let starting = tokio::task::spawn_blocking(move || Running::start(loaded, config));
    let mut is_asked = false;
    let running = tokio::select! {
        started = starting => started.context("the start broke off")??,
        () = ended(&mut signals, ends_at_hang_up, &mut is_asked) => return Ok(()),
    };
    view.serves(Box::new(running.watch()));
    tracing::info!("serving");
    ready()?;

    let reloader = running.reloader();
    tokio::select! {
        () = serve(&reloader, &mut signals, ends_at_hang_up, is_asked) => {}
        never = watch_lists(&reloader) => match never {},
    }
    view.drains();
    let drain = reloader.drain();
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

/// Resolves when the process is to end while it starts; remembers that a reload was asked for.
async fn ended(signals: &mut Signals, ends_at_hang_up: bool, is_asked: &mut bool) {
    loop {
        match signals.next().await {
            Wish::Drain | Wish::StopNow => return,
            Wish::HangUp if ends_at_hang_up && terminal::is_gone() => return,
            Wish::HangUp => *is_asked = true,
        }
    }
}

/// Reloads when asked to, until the process is to end.
async fn serve(reloader: &Arc<Reloader>, signals: &mut Signals, ends_at_hang_up: bool, mut is_asked: bool) {
    let mut reloading = None;
    loop {
        if is_asked && reloading.is_none() {
            let reloader = Arc::clone(reloader);
            reloading = Some(tokio::task::spawn_blocking(move || reloader.reload()));
            is_asked = false;
        }
        tokio::select! {
            wish = signals.next() => match wish {
                Wish::Drain | Wish::StopNow => return,
                Wish::HangUp if ends_at_hang_up && terminal::is_gone() => return,
                Wish::HangUp => is_asked = true,
            },
            // Cancel safe: an unfinished one is waited for again.
            Some(ended) = maybe(&mut reloading) => {
                reloading = None;
                if ended.is_err() {
                    tracing::error!("a reload broke off; what was in force stays");
                }
            }
        }
    }
}

/// What a task ended with; `None` at once if there is none.
async fn maybe<T>(task: &mut Option<JoinHandle<T>>) -> Option<Result<T, JoinError>> {
    match task {
        Some(task) => Some(task.await),
        None => None,
    }
}

/// Looks at the revocation lists from time to time.
async fn watch_lists(reloader: &Arc<Reloader>) -> Infallible {
    loop {
        tokio::time::sleep(reloader.crl_check()).await;
        let reloader = Arc::clone(reloader);
        if tokio::task::spawn_blocking(move || reloader.look_at_lists()).await.is_err() {
            tracing::error!("looking at the revocation lists broke off");
        }
    }
}
