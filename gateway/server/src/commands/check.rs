//! `sluice check`: everything that `serve` would find wrong before it opens a port.

use std::process::ExitCode;

use serde::Serialize;
use sluice_config::Fault;

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
    let loaded = match sluice_config::load(&given.config) {
        Ok(loaded) => loaded,
        Err(faults) if given.json => {
            let report = Report { valid: false, revision: None, faults: faults.list(), warnings: &[] };
            output::put(true, &report, String::new)?;
            return Ok(ExitCode::from(CONFIGURATION));
        }
        Err(faults) => return Err(faults.into()),
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
