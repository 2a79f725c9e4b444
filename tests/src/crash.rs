//! Power cuts: the process is killed under load, what it had not synced is lost if asked for, and
//! after the restart every answer that a caller received must have its record.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, OpenOptions};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::binary::workspace;
use crate::city::City;
use crate::client::Answer;
use crate::clock;
use crate::exchange::Exchange;
use crate::ledger;
use crate::load::{Load, Outcome};
use crate::process::run;
use crate::provider::Provider;
use crate::seed::Seed;
use crate::site::{Changes, Site};

/// What the page cache held at the moment of the kill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unsynced {
    /// Stays: the process died, the machine did not.
    Kept,
    /// Is lost: the machine lost power.
    Lost,
    /// Is lost although it was synced: a control, which must find losses.
    LostThoughSynced,
}

/// Callers that write records at the same time.
const CALLERS: usize = 4;
/// Rounds after which a new ledger is begun, so that looking through it stays cheap.
const ROUNDS_OF_A_LEDGER: usize = 25;

/// Kills and restarts so many times; gives how many acknowledged records were looked for.
///
/// # Errors
/// The first acknowledged answer that has no record, or a ledger that does not verify.
pub fn rounds(count: usize, unsynced: Unsynced) -> Result<usize, String> {
    let mut seed = Seed::fresh("crash rounds");
    let mut looked_for = 0;
    let mut left = count;
    while left > 0 {
        let here = left.min(ROUNDS_OF_A_LEDGER);
        looked_for += rounds_on_one_ledger(here, unsynced, &mut seed)?;
        left -= here;
    }
    Ok(looked_for)
}

fn rounds_on_one_ledger(count: usize, unsynced: Unsynced, seed: &mut Seed) -> Result<usize, String> {
    let city = City::small();
    let provider = Provider::of(&city);
    // Every refusal is to have a record of its own.
    let settings = vec![("limits.refusals_per_second", 100_000.into())];
    let mut site = Site::serve(&city, &provider.url(), &Changes { settings, ..Changes::default() });
    site.stop();
    let journal = site.file("lost-writes.journal");
    if unsynced != Unsynced::Kept {
        let library = library(&site.dir, "lost_writes");
        let ledger = fs::canonicalize(site.ledger()).map_err(|error| error.to_string())?;
        let mut environment =
            vec![("LD_PRELOAD", library), ("LOST_WRITES_DIR", ledger), ("LOST_WRITES_JOURNAL", journal.clone())];
        if unsynced == Unsynced::LostThoughSynced {
            environment.push(("LOST_WRITES_BLIND", "1".into()));
        }
        site.set_environment(environment);
    }
    site.start_again();
    let mut looked_for = 0;
    for round in 0..count {
        let acknowledged = kill_under_load(&mut site, &city, seed);
        if unsynced != Unsynced::Kept {
            lose(&site.ledger(), &journal);
        }
        site.try_start_again().map_err(|why| format!("round {round}: the restart is refused: {why}"))?;
        let verified = ledger::verify(&site.ledger(), &[]);
        if verified.code != 0 {
            return Err(format!(
                "round {round}: verify exits with {}: {}{}",
                verified.code, verified.stdout, verified.stderr
            ));
        }
        let records = ledger::records(&site.ledger());
        for answer in &acknowledged {
            let receipt =
                answer.receipt().ok_or_else(|| format!("round {round}: {} without a receipt", answer.code()))?;
            let found = records.get(&receipt.index).map(|(leaf, _)| leaf);
            if found != Some(&receipt.leaf) {
                return Err(format!(
                    "round {round}: record {} was acknowledged, the ledger has {found:?}",
                    receipt.index
                ));
            }
        }
        looked_for += acknowledged.len();
    }
    Ok(looked_for)
}

/// Answers that callers received in full before the kill.
fn kill_under_load(site: &mut Site, city: &City, seed: &mut Seed) -> Vec<Answer> {
    let permitted = city.good_call();
    let refused = permitted.clone().header("Exchange-Purpose", "NONE");
    let asker = site.identity("ask");
    let loads = [Load::start(CALLERS, &asker, site.base, &permitted), Load::start(1, &asker, site.base, &refused)];
    let wanted = 20 + usize::try_from(seed.below(300)).unwrap_or(0);
    // A round on a slow disk ends with fewer answers than wanted.
    let _ = clock::within(Duration::from_millis(1500), "answers", || (loads[0].answers() >= wanted).then_some(()));
    site.process.kill();
    let outcomes = loads.into_iter().flat_map(Load::end);
    outcomes
        .filter_map(|outcome| match outcome {
            Outcome::Answered(answer) => Some(answer),
            Outcome::Lost(_) => None,
        })
        .collect()
}

/// Builds a library of `tests/preload`, to stand between a process and its disk.
pub fn library(folder: &Path, name: &str) -> PathBuf {
    let library = folder.join(format!("{name}.so"));
    let source = workspace().join(format!("tests/preload/{name}.c"));
    let built = run(Command::new("gcc")
        .args(["-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o"])
        .arg(&library)
        .arg(source)
        .arg("-ldl"));
    assert_eq!(built.code, 0, "{}", built.stderr);
    library
}

struct Write {
    seq: u64,
    inode: u64,
    offset: u64,
    old_size: u64,
    old: Vec<u8>,
}

/// Undoes, newest first, every write of the journal that no sync followed.
fn lose(ledger: &Path, journal: &Path) {
    let bytes = fs::read(journal).expect("the library keeps a journal");
    fs::remove_file(journal).expect("the journal can be removed");
    let (writes, synced) = read_journal(&bytes);
    let files: BTreeMap<u64, PathBuf> = Exchange::files_below(ledger)
        .into_iter()
        .map(|(path, _)| (fs::metadata(&path).expect("a file of the ledger").ino(), path))
        .collect();
    let mut emptied = BTreeSet::new();
    for write in writes.iter().rev() {
        let is_synced = synced.get(&write.inode).is_some_and(|through| write.seq <= *through);
        // A file that is gone is gone; an inode that was empty before belonged to another file.
        let Some(path) = files.get(&write.inode).filter(|_| !is_synced && !emptied.contains(&write.inode)) else {
            continue;
        };
        let file = OpenOptions::new().write(true).open(path).expect("a file of the ledger");
        file.write_all_at(&write.old, write.offset).expect("the ledger can be written");
        file.set_len(write.old_size).expect("the ledger can be cut");
        if write.old_size == 0 {
            emptied.insert(write.inode);
        }
    }
}

/// The writes in order, and up to which of them each file was synced.
fn read_journal(bytes: &[u8]) -> (Vec<Write>, BTreeMap<u64, u64>) {
    const HEADER: usize = 41;
    let (mut writes, mut synced, mut rest) = (Vec::new(), BTreeMap::new(), bytes);
    while let Some((header, after)) = rest.split_at_checked(HEADER) {
        let number = |at: usize| u64::from_le_bytes(header[at..at + 8].try_into().expect("eight bytes"));
        let (seq, inode) = (number(1), number(9));
        // The kill may have cut the last entry short: its write was not made.
        let Some((old, after)) = after.split_at_checked(usize::try_from(number(33)).expect("a length")) else { break };
        match header[0] {
            b'S' => {
                let through = synced.entry(inode).or_insert(0);
                *through = seq.max(*through);
            }
            _ => writes.push(Write { seq, inode, offset: number(17), old_size: number(25), old: old.to_vec() }),
        }
        rest = after;
    }
    (writes, synced)
}
