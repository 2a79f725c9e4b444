//! `sluice serve`.

use std::process::ExitCode;

use crate::cli::Serve;
use crate::failure::Outcome;
use crate::logs;
use crate::service::{self, Manner};

pub(crate) fn run(given: &Serve) -> Outcome {
    let loaded = sluice_config::load(&given.config)?;
    logs::start(loaded.settings.log)?;
    for warning in &loaded.catalogue.warnings {
        tracing::warn!("{warning}");
    }
    service::run(loaded, Manner { config: given.config.clone(), ready: || Ok(()), ends_at_hang_up: false })?;
    Ok(ExitCode::SUCCESS)
}
