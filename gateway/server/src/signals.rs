//! What operators ask of a running gateway by signals.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    /// Stop without losing an accepted request: SIGTERM, SIGQUIT, the first SIGINT.
    Drain,
    /// Stop now: a further SIGINT.
    StopNow,
    /// SIGHUP: the terminal is gone, or an operator wants new files read.
    HangUp,
}

/// The signals of this process.
pub(crate) struct Signals {
    terminate: Signal,
    quit: Signal,
    interrupt: Signal,
    hang_up: Signal,
    interrupted: bool,
}

impl Signals {
    /// From now on these signals no longer end the process by themselves.
    ///
    /// # Errors
    /// When the system refuses.
    pub(crate) fn install() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            quit: signal(SignalKind::quit())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
            interrupted: false,
        })
    }

    /// The next wish. Cancel safe.
    pub(crate) async fn next(&mut self) -> Wish {
        tokio::select! {
            _ = self.terminate.recv() => Wish::Drain,
            _ = self.quit.recv() => Wish::Drain,
            _ = self.hang_up.recv() => Wish::HangUp,
            _ = self.interrupt.recv() => {
                if std::mem::replace(&mut self.interrupted, true) { Wish::StopNow } else { Wish::Drain }
            }
        }
    }

    /// Resolves at a SIGINT after the first. Cancel safe.
    pub(crate) async fn stop_now(&mut self) {
        while self.next().await != Wish::StopNow {}
    }
}
