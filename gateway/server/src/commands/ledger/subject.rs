//! `sluice ledger search-subject`: who looked at a person. For the holder of the tag key.

use std::collections::BTreeMap;
use std::io::{self, BufRead as _};

use anyhow::{anyhow, bail};
use sluice_domain::subject::SubjectType;
use sluice_ledger::{Filter, QueryNote, Search, SubjectQuery, Take, record_query};

use super::search::{access_of, print_coverage};
use super::{Watch, open, remark, show, time_us};
use crate::cli::{IdType, LedgerSearchSubject};
use crate::hex::hex;
use crate::{clock, tag_keys};

const LIMIT: usize = 100_000;
/// Longest identity.
const ID_BYTES_MAX: usize = 256;
const ACTION: &str = "subject.searched";

/// Runs the command.
pub(super) fn run(given: &LedgerSearchSubject) -> anyhow::Result<()> {
    for (option, text) in [("--searcher", &given.searcher), ("--reason", &given.reason), ("--case", &given.case)] {
        if text.trim().is_empty() || text.chars().count() > 500 || text.contains(char::is_control) {
            bail!("{option} must be one line of 1 to 500 characters: it is recorded");
        }
    }
    let identity = identity()?;
    let kind = match given.id_type {
        IdType::CitizenId => SubjectType::CitizenId,
        IdType::Phone => SubjectType::Phone,
        IdType::Account => SubjectType::Account,
        IdType::Certificate => SubjectType::Certificate,
    };
    if given.reason.contains(&identity) || given.case.contains(&identity) || given.searcher.contains(&identity) {
        bail!("the identity must not stand in what is recorded");
    }
    let ledger = open(&given.dir)?;
    let (subjects, without) = tags(given, &ledger_epochs(&ledger)?, kind, &identity)?;
    // The search is in the log before anybody sees what it finds.
    let note = QueryNote {
        searcher: given.searcher.clone(),
        action: ACTION.to_owned(),
        id: fresh_id()?,
        reason: format!("{} | {}", given.case, given.reason),
    };
    let recorded = record_query(&given.dir, &note)?;
    remark(&format!("recorded as record {recorded}"));

    let filter = Filter {
        from_us: given.from.as_deref().map(time_us).transpose()?,
        until_us: given.until.as_deref().map(time_us).transpose()?,
        subjects,
        ..Filter::default()
    };
    let search =
        Search { filter: &filter, from_index: 0, take: Take::First(LIMIT), uses_index: !given.no_index, threads: 0 };
    let ledger = open(&given.dir)?;
    let watch = Watch::new();
    let (found, coverage) = search.run(&ledger, &mut |progress| watch.tell(progress))?;
    watch.end();
    let mut accesses = BTreeMap::new();
    for leaf in found {
        // A person of a long list stands in a SUBJECTS record; what was asked, in its access.
        let access = access_of(&ledger, &leaf)?.unwrap_or(leaf);
        accesses.insert(access.index, access);
    }
    for leaf in accesses.values() {
        show::put(given.json, leaf)?;
    }
    print_coverage(given.json, &coverage, accesses.len(), &without)
}

/// One line of standard input: an identity has no place in a command line, which others on the machine can read.
fn identity() -> anyhow::Result<String> {
    if io::IsTerminal::is_terminal(&io::stdin()) {
        remark("identity, then Enter:");
    }
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    let identity = line.trim().to_owned();
    if identity.is_empty() || identity.len() > ID_BYTES_MAX {
        bail!("standard input must hold one identity");
    }
    Ok(identity)
}

/// Epochs of tag keys that the ledger's records can have: the months from its first record to now.
fn ledger_epochs(ledger: &sluice_ledger::Offline) -> anyhow::Result<Vec<u16>> {
    let now_s = clock::now_unix_s();
    let first_s = match ledger.leaves(0)?.next() {
        Some(leaf) => {
            let leaf = leaf?;
            leaf.record().map_or(now_s, |record| i64::try_from(record.head().wall_us / 1_000_000).unwrap_or(now_s))
        }
        None => now_s,
    };
    // A month to both sides: a clock may have been wrong.
    let (from, to) = (clock::month_number(first_s).saturating_sub(1), clock::month_number(now_s).saturating_add(1));
    Ok((from..=to).collect())
}

/// The person's tag in each epoch that has a key, and the epochs that have none: their tags cannot be searched for.
fn tags(
    given: &LedgerSearchSubject,
    epochs: &[u16],
    kind: SubjectType,
    identity: &str,
) -> anyhow::Result<(Vec<SubjectQuery>, Vec<u16>)> {
    let keys = tag_keys::Held::of(given.key_file.as_deref(), given.keys_dir.as_deref())?;
    let (mut queries, mut without) = (Vec::new(), Vec::new());
    for epoch in epochs {
        match keys.with(*epoch, |key| key.subject_tag(*epoch, kind, identity))? {
            Some(tag) => queries.push(SubjectQuery { key_epoch: *epoch, tag }),
            None => without.push(*epoch),
        }
    }
    if queries.is_empty() {
        bail!("there is no key for any month of this ledger");
    }
    Ok((queries, without))
}

fn fresh_id() -> anyhow::Result<String> {
    let mut bytes = [0; 16];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| anyhow!("no randomness"))?;
    Ok(format!("Q-{}", hex(&bytes)))
}
