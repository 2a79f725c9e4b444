//! Crash rounds, churn, idle crowds and surges, for as long as one likes: see `tests/soak`.

use std::process::ExitCode;
use std::time::Duration;

use sluice_tests::churn::churn;
use sluice_tests::crash::{Unsynced, rounds};
use sluice_tests::crowd::crowd;
use sluice_tests::surge::surge;

fn main() -> ExitCode {
    let mut given = std::env::args().skip(1);
    let kind = given.next().unwrap_or_default();
    let Some(count) = given.next().and_then(|count| count.parse::<u32>().ok()) else {
        println!("usage: soak crash ROUNDS | soak churn SECONDS | soak idle CONNECTIONS | soak surge SECONDS");
        return ExitCode::from(2);
    };
    let ended = match kind.as_str() {
        "churn" => churn(Duration::from_secs(count.into())).map(|seen| format!("{count} s of churn: {seen:?}")),
        "idle" => crowd(usize::try_from(count).unwrap_or(usize::MAX)).map(|seen| seen.to_string()),
        "surge" => surge(Duration::from_secs(count.into())).map(|seen| seen.to_string()),
        _ => crashes(count),
    };
    match ended {
        Ok(seen) => {
            println!("{seen}");
            ExitCode::SUCCESS
        }
        Err(why) => {
            println!("{why}");
            ExitCode::FAILURE
        }
    }
}

fn crashes(count: u32) -> Result<String, String> {
    let mut seen = Vec::new();
    for unsynced in [Unsynced::Kept, Unsynced::Lost] {
        let of_kind = |why| format!("unsynced writes {unsynced:?}: {why}");
        let records = rounds(usize::try_from(count).unwrap_or(usize::MAX), unsynced).map_err(of_kind)?;
        seen.push(of_kind(format!("{count} rounds, all {records} acknowledged records found")));
    }
    Ok(seen.join("\n"))
}
