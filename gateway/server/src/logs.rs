//! The process's own log on standard error: JSON lines for collectors, text for people.

use std::io::{self, IsTerminal as _};

use anyhow::anyhow;
use sluice_config::settings::{Log, LogFormat};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Starts logging; on a terminal always as text.
///
/// # Errors
/// Logging was started before.
pub(crate) fn start(log: Log) -> anyhow::Result<()> {
    let subscriber =
        tracing_subscriber::fmt().with_env_filter(EnvFilter::new(log.level.as_str())).with_writer(io::stderr);
    let started = if log.format == LogFormat::Text || io::stderr().is_terminal() {
        subscriber.with_ansi(io::stderr().is_terminal()).finish().try_init()
    } else {
        subscriber.json().flatten_event(true).with_current_span(false).finish().try_init()
    };
    started.map_err(|error| anyhow!("cannot start logging: {error}"))
}
