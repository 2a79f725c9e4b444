//! Crash rounds for as long as one likes: `tests/soak [ROUNDS]`.

use std::process::ExitCode;

use sluice_tests::crash::{Unsynced, rounds};

/// Rounds of each kind, unless the first argument says otherwise.
const ROUNDS: usize = 500;

fn main() -> ExitCode {
    let count = std::env::args().nth(1).and_then(|count| count.parse().ok()).unwrap_or(ROUNDS);
    for unsynced in [Unsynced::Kept, Unsynced::Lost] {
        match rounds(count, unsynced) {
            Ok(records) => {
                println!("{count} rounds, unsynced writes {unsynced:?}: all {records} acknowledged records found");
            }
            Err(why) => {
                println!("unsynced writes {unsynced:?}: {why}");
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}
