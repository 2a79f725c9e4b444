//! What belongs to a record that was found, and what a search covered.

use anyhow::Context as _;
use serde::Serialize;
use sluice_ledger::{Coverage, Leaf, Offline, Record};

use super::remark;
use crate::{clock, output};

/// Records that are looked through for those which belong together: far more than are in flight at once.
const NEIGHBOURS: u64 = 65_536;

/// Outcome and further subjects of an access, in order.
pub(super) fn related(ledger: &Offline, leaf: &Leaf) -> anyhow::Result<Vec<Leaf>> {
    let Ok(Record::Access(access)) = leaf.record() else { return Ok(Vec::new()) };
    let key = access.head.key;
    let mut found = Vec::new();
    for later in ledger.leaves(leaf.index + 1)?.take(usize::try_from(NEIGHBOURS).unwrap_or(usize::MAX)) {
        let later = later?;
        let record = later.record().with_context(|| format!("record {} cannot be read", later.index))?;
        let head = record.head().key;
        let (ref_ctr, is_last) = match &record {
            Record::Outcome(outcome) => (outcome.ref_ctr, true),
            Record::Subjects(subjects) => (subjects.ref_ctr, false),
            _ => continue,
        };
        if (head.boot_epoch, head.worker, ref_ctr) == (key.boot_epoch, key.worker, key.ctr) {
            found.push(later);
            if is_last {
                break;
            }
        }
    }
    Ok(found)
}

/// The access that a SUBJECTS record continues.
pub(super) fn access_of(ledger: &Offline, leaf: &Leaf) -> anyhow::Result<Option<Leaf>> {
    let Ok(Record::Subjects(subjects)) = leaf.record() else { return Ok(None) };
    let (key, ref_ctr) = (subjects.head.key, subjects.ref_ctr);
    let mut found = None;
    for earlier in ledger.leaves(leaf.index.saturating_sub(NEIGHBOURS))? {
        let earlier = earlier?;
        if earlier.index >= leaf.index {
            break;
        }
        if let Ok(Record::Access(access)) = earlier.record()
            && (access.head.key.boot_epoch, access.head.key.worker, access.head.key.ctr)
                == (key.boot_epoch, key.worker, ref_ctr)
        {
            found = Some(earlier);
        }
    }
    Ok(found)
}

#[derive(Serialize)]
struct Covered<'c> {
    coverage: &'c Coverage,
    matches: usize,
    #[serde(skip_serializing_if = "<[u16]>::is_empty")]
    unsearchable_epochs: &'c [u16],
}

/// Says what a search covered: the last line of its JSON, or a remark to people.
pub(super) fn print_coverage(json: bool, coverage: &Coverage, matches: usize, without: &[u16]) -> anyhow::Result<()> {
    if json {
        let covered = Covered { coverage, matches, unsearchable_epochs: without };
        return Ok(output::put(true, &covered, String::new)?);
    }
    let time = |us: Option<u64>| {
        us.map_or_else(|| "?".to_owned(), |us| clock::shanghai(i64::try_from(us / 1_000_000).unwrap_or(0)))
    };
    let Coverage { from_index, to_index, segments_read, segments_skipped, .. } = coverage;
    let mut text = format!(
        "{matches} found in records {from_index} to {to_index} (not included), {} to {}; {segments_read} segments read, {segments_skipped} passed over by their search files",
        time(coverage.from_us),
        time(coverage.to_us),
    );
    if !coverage.is_complete {
        text.push_str("\nnot all: there are more matches, ask for a larger --limit or --last");
    }
    let pruned = (coverage.pruned_below > 0)
        .then(|| format!("not covered: records before {}, deleted by order", coverage.pruned_below));
    let damaged = coverage.damaged.iter().map(|damage| {
        let until = damage.until.map_or_else(|| "the end".to_owned(), |until| until.to_string());
        format!("not covered: records {} to {until}, DAMAGED", damage.index)
    });
    let without =
        without.iter().map(|epoch| format!("not covered: month {epoch} since January 1970, its key is not there"));
    for line in pruned.into_iter().chain(damaged).chain(without) {
        text.push('\n');
        text.push_str(&line);
    }
    remark(&text);
    Ok(())
}
