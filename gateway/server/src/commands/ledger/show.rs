//! `sluice ledger show`.

use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use serde::Serialize;
use serde_json::Value;
use sluice_ledger::record::{Decision, Kind};
use sluice_ledger::{Filter, Leaf, Search, Take};

use super::search::{print_coverage, related};
use super::{Watch, open, time_us};
use crate::cli::{Decided, LedgerShow, Wanted};
use crate::hex::unhex;
use crate::{clock, output};

/// Newest records shown without any option.
const LAST: usize = 20;
/// Matches shown of a search without a limit.
const LIMIT: usize = 1_000;
/// Most matches, which are held in memory.
const LIMIT_MAX: usize = 10_000_000;
const FOLLOW_EVERY: Duration = Duration::from_millis(500);

#[derive(Serialize)]
pub(super) struct Shown {
    index: u64,
    leaf: String,
    record: Value,
}

/// Runs the command.
pub(super) fn run(given: &LedgerShow) -> anyhow::Result<()> {
    let ledger = open(&given.dir)?;
    if let Some(index) = given.index {
        let shown = shown(&ledger.leaf(index)?)?;
        let text = serde_json::to_string_pretty(&shown.record)?;
        output::put(given.json, &shown, || format!("record {index}, leaf {}\n{text}", shown.leaf))?;
        return Ok(());
    }
    let filter = filter(&given.wanted)?;
    let take = match (given.last, given.limit) {
        (Some(last), _) => Take::Last(last.min(LIMIT_MAX)),
        (None, Some(limit)) => Take::First(limit.min(LIMIT_MAX)),
        (None, None) if filter.is_set() => Take::First(LIMIT),
        (None, None) => Take::Last(LAST),
    };
    let mut search = Search { filter: &filter, from_index: 0, take, uses_index: !given.no_index, threads: 0 };
    let watch = Watch::new();
    let (found, coverage) = search.run(&ledger, &mut |progress| watch.tell(progress))?;
    watch.end();
    for leaf in &found {
        put(given.json, leaf)?;
        if filter.request_id.is_some() {
            for leaf in related(&ledger, leaf)? {
                put(given.json, &leaf)?;
            }
        }
    }
    if filter.is_set() {
        print_coverage(given.json, &coverage, found.len(), &[])?;
    }
    if given.follow {
        search.from_index = coverage.to_index;
        follow(given, search)?;
    }
    Ok(())
}

/// Shows what comes, until the reader of the output goes away or the process is interrupted.
fn follow(given: &LedgerShow, mut search: Search<'_>) -> anyhow::Result<()> {
    search.take = Take::First(LIMIT);
    loop {
        std::thread::park_timeout(FOLLOW_EVERY);
        let (found, coverage) = search.run(&open(&given.dir)?, &mut |_| {})?;
        for leaf in &found {
            put(given.json, leaf)?;
        }
        search.from_index = coverage.to_index;
    }
}

/// Prints a record as a line.
pub(super) fn put(json: bool, leaf: &Leaf) -> anyhow::Result<()> {
    let shown = shown(leaf)?;
    Ok(output::put(json, &shown, || shown.row())?)
}

fn shown(leaf: &Leaf) -> anyhow::Result<Shown> {
    let record = leaf
        .record()
        .with_context(|| format!("record {} cannot be read; `sluice ledger verify` tells more", leaf.index))?;
    Ok(Shown { index: leaf.index, leaf: leaf.durable().leaf_base64(), record: record.to_json() })
}

fn filter(wanted: &Wanted) -> anyhow::Result<Filter> {
    let kind = wanted.kind.as_deref().map(|name| {
        Kind::from_name(&name.to_uppercase()).ok_or_else(|| anyhow!("{name:?} is no kind of record, such as ACCESS"))
    });
    let request_id = wanted.request_id.as_deref().map(|text| {
        let digits: String = text.chars().filter(|digit| *digit != '-').collect();
        unhex(&digits).ok_or_else(|| anyhow!("{text:?} is no request id"))
    });
    let matters = wanted.matter_tag.iter().map(|text| unhex(text).ok_or_else(|| anyhow!("{text:?} is no tag")));
    let digest = wanted.request_digest.as_deref();
    let digest =
        digest.map(|text| unhex(text).ok_or_else(|| anyhow!("{text:?} is no digest of 64 hexadecimal digits")));
    let decision = |decided| match decided {
        Decided::Permit => Decision::Permit,
        Decided::Deny => Decision::Deny,
    };
    if wanted.from.is_some() && wanted.from == wanted.until {
        bail!("--from and --until leave no time between them");
    }
    Ok(Filter {
        from_us: wanted.from.as_deref().map(time_us).transpose()?,
        until_us: wanted.until.as_deref().map(time_us).transpose()?,
        kind: kind.transpose()?,
        party: wanted.party.clone(),
        system: wanted.system.clone(),
        handler: wanted.handler.clone(),
        provider: wanted.provider.clone(),
        resource: wanted.resource.clone(),
        decision: wanted.decision.map(decision),
        code: wanted.code.clone(),
        purpose: wanted.purpose.clone(),
        legal_basis: wanted.legal_basis.clone(),
        request_digest: digest.transpose()?,
        matters: matters.collect::<anyhow::Result<_>>()?,
        request_id: request_id.transpose()?,
        subjects: Vec::new(),
    })
}

impl Shown {
    /// One line: what an auditor scans for.
    fn row(&self) -> String {
        let wall_us = self.record.get("ts_wall_us").and_then(Value::as_i64).unwrap_or_default();
        let columns = [
            "kind",
            "consumer_system",
            "handler",
            "purpose",
            "resource",
            "mode",
            "grant",
            "decision",
            "code",
            "http_status",
            "actor",
            "action",
            "reason",
        ];
        let columns: Vec<String> = columns
            .iter()
            .filter_map(|name| self.record.get(*name))
            .map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
            .filter(|text| !text.is_empty())
            .collect();
        format!("{:>8}  {}  {}", self.index, clock::shanghai(wall_us.div_euclid(1_000_000)), columns.join("  "))
    }
}
