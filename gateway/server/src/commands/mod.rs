//! The commands, one file each.

mod catalog;
mod certs;
mod check;
mod ledger;
mod ledger_keys;
mod reload;
mod serve;
mod subjects;
mod witness;

use std::process::ExitCode;

use crate::cli::Command;
use crate::failure::Outcome;
use crate::{demo, stand_in};

/// Runs a command.
///
/// # Errors
/// Why it did not end well, with its exit code.
pub(crate) fn run(command: Command) -> Outcome {
    match command {
        Command::Demo(given) => demo::run(&given),
        Command::Serve(given) => serve::run(&given),
        Command::Check(given) => check::run(&given),
        Command::Catalog(given) => catalog::run(given),
        Command::Reload(given) => reload::run(&given),
        Command::Ledger(given) => ledger::run(*given),
        Command::Certs(given) => certs::run(given),
        Command::Subjects(given) => subjects::run(given),
        Command::Witness(given) => witness::run(given),
        Command::StandIn => {
            stand_in::run()?;
            Ok(ExitCode::SUCCESS)
        }
    }
}
