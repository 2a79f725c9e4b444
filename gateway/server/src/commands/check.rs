//! `sluice check`: everything that `serve` would find wrong before it opens a port.

use std::process::ExitCode;

use serde::Serialize;
use sluice_config::{Fault, Faults, witness};

use crate::cli::Check;
use crate::failure::{CONFIGURATION, Outcome};
use crate::output;

#[derive(Serialize)]
struct Report<'a> {
    valid: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    revision: Option<&'a str>,
    faults: &'a [Fault],
    warnings: &'a [Fault],
}

pub(crate) fn run(given: &Check) -> Outcome {
    if witness::is_witness(&given.config) {
        return witness(given);
    }
    let loaded = match sluice_config::load(&given.config) {
        Ok(loaded) => loaded,
        Err(faults) => return refuse(given, faults),
    };
    let (policy, warnings) = (&loaded.catalogue.policy, &loaded.catalogue.warnings);
    let report = Report { valid: true, revision: Some(policy.revision()), faults: &[], warnings };
    output::put(given.json, &report, || {
        let warned = warnings.iter().map(|warning| format!("warning: {warning}\n"));
        format!(
            "{}{} is valid: {} parties, {} systems, {} resources, {} grants, revision {}",
            warned.collect::<String>(),
            given.config.display(),
            policy.parties().len(),
            policy.systems().len(),
            policy.resources().len(),
            policy.grants().len(),
            policy.revision()
        )
    })?;
    Ok(ExitCode::SUCCESS)
}

/// The same for the configuration of a witness.
fn witness(given: &Check) -> Outcome {
    let settings = match witness::load(&given.config) {
        Ok(settings) => settings,
        Err(faults) => return refuse(given, faults),
    };
    let report = Report { valid: true, revision: None, faults: &[], warnings: &[] };
    output::put(given.json, &report, || {
        let (name, logs) = (settings.signer.key().name(), settings.logs.len());
        format!("{} is valid: witness {name} of {logs} logs", given.config.display())
    })?;
    Ok(ExitCode::SUCCESS)
}

fn refuse(given: &Check, faults: Faults) -> Outcome {
    if !given.json {
        return Err(faults.into());
    }
    let report = Report { valid: false, revision: None, faults: faults.list(), warnings: &[] };
    output::put(true, &report, String::new)?;
    Ok(ExitCode::from(CONFIGURATION))
}
