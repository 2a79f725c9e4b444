//! Searching the whole log, and saying what was searched.

use std::collections::VecDeque;
use std::io;
use std::ops::ControlFlow;

use serde::Serialize;

use super::filter::Filter;
use super::scan::{Scanned, Target, scan};
use crate::archive::Leaf;
use crate::layout::listed;
use crate::offline::Offline;
use crate::parallel;
use crate::report::Progress;

/// Which of the matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Take {
    /// The oldest ones, this many.
    First(usize),
    /// The newest ones, this many.
    Last(usize),
}

/// A search.
#[derive(Debug, Clone, Copy)]
pub struct Search<'f> {
    /// What is looked for.
    pub filter: &'f Filter,
    /// Records from this index on.
    pub from_index: u64,
    /// Which matches; they are held in memory.
    pub take: Take,
    /// Whether segments may be passed over on the word of their sidecars.
    pub uses_index: bool,
    /// Threads; 0 for one per core.
    pub threads: usize,
}

/// Records that could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Damage {
    /// The first of them.
    pub index: u64,
    /// The first behind them; unknown at the end of the log.
    pub until: Option<u64>,
}

/// What a search covered: a result is worth no more than this.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// First index covered.
    pub from_index: u64,
    /// First index not covered.
    pub to_index: u64,
    /// Time of the oldest record read, microseconds since 1970; none without sidecars of segments passed over.
    pub from_us: Option<u64>,
    /// Time of the newest.
    pub to_us: Option<u64>,
    /// Records read, or passed over on the word of a sidecar.
    pub records: u64,
    /// Segments read.
    pub segments_read: u32,
    /// Segments passed over on the word of their sidecars.
    pub segments_skipped: u32,
    /// Records before this index were deleted by order.
    pub pruned_below: u64,
    /// Records that could not be read.
    pub damaged: Vec<Damage>,
    /// There are no more matches than those given.
    pub is_complete: bool,
}

impl Search<'_> {
    /// Searches; the matches come in ascending order.
    ///
    /// # Errors
    /// The disk failed. Damage is no error: the coverage names it.
    pub fn run(&self, ledger: &Offline, progress: &mut dyn FnMut(Progress)) -> io::Result<(Vec<Leaf>, Coverage)> {
        let mut targets = targets(ledger)?;
        targets.retain(|target| target.end_index.is_none_or(|end| end > self.from_index));
        let is_forward = matches!(self.take, Take::First(_));
        if !is_forward {
            targets.reverse();
        }
        let mut sum = Sum::new(self, ledger.first_index(), u32::try_from(targets.len()).unwrap_or(u32::MAX));
        let threads = if self.threads == 0 { parallel::all_cores() } else { self.threads };
        let mut end = Ok(());
        parallel::in_order(
            threads,
            &targets,
            |target| scan(ledger.disk(), target, self),
            |target, scanned| match scanned {
                Ok(scanned) => {
                    let goes_on = sum.add(target, scanned);
                    progress(sum.progress());
                    if goes_on { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
                }
                Err(error) => {
                    end = Err(error);
                    ControlFlow::Break(())
                }
            },
        );
        end.map(|()| (sum.hits.into(), sum.coverage))
    }
}

fn targets(ledger: &Offline) -> io::Result<Vec<Target>> {
    let found = listed(ledger.disk()).map_err(|(_, error)| error)?;
    let next = found.used.iter().skip(1).map(|(_, header)| Some(header)).chain([None]);
    let target = |((number, header), next): (&crate::layout::Listed, Option<&crate::segment::SegmentHeader>)| Target {
        number: *number,
        first_index: header.first_leaf_index,
        end_root: next.map(|next| next.prev_root),
        end_index: next.map(|next| next.first_leaf_index),
    };
    Ok(found.used.iter().zip(next).map(target).collect())
}

/// Results of the segments so far.
struct Sum {
    take: Take,
    hits: VecDeque<Leaf>,
    coverage: Coverage,
    segments: u32,
    segments_total: u32,
}

impl Sum {
    fn new(search: &Search<'_>, first: u64, segments_total: u32) -> Self {
        let from_index = search.from_index.max(first);
        let coverage = Coverage {
            from_index,
            to_index: from_index,
            pruned_below: first,
            is_complete: true,
            ..Coverage::default()
        };
        Self { take: search.take, hits: VecDeque::new(), coverage, segments: 0, segments_total }
    }

    fn progress(&self) -> Progress {
        let (segments_done, segments_total) = (self.segments, self.segments_total);
        Progress { segments_done, segments_total, records: self.coverage.records }
    }

    /// Adds a segment's result; false if no further one is needed.
    fn add(&mut self, target: &Target, scanned: Scanned) -> bool {
        let coverage = &mut self.coverage;
        self.segments += 1;
        coverage.records += scanned.records;
        *(if scanned.is_skipped { &mut coverage.segments_skipped } else { &mut coverage.segments_read }) += 1;
        if let Some((from, to)) = scanned.span {
            coverage.from_us = Some(coverage.from_us.map_or(from, |known| known.min(from)));
            coverage.to_us = Some(coverage.to_us.map_or(to, |known| known.max(to)));
        }
        coverage.damaged.extend(scanned.damage);
        coverage.to_index = coverage.to_index.max(scanned.end_index);
        let (count, is_forward) = match self.take {
            Take::First(count) => (count, true),
            Take::Last(count) => (count, false),
        };
        let mut is_cut = scanned.is_cut;
        let room = count.saturating_sub(self.hits.len());
        is_cut |= scanned.hits.len() > room;
        if is_forward {
            self.hits.extend(scanned.hits.into_iter().take(room));
        } else {
            for leaf in scanned.hits.into_iter().rev().take(room) {
                self.hits.push_front(leaf);
            }
        }
        if is_cut {
            // Behind the last match given nothing is covered.
            coverage.is_complete = false;
            if is_forward {
                coverage.to_index = self.hits.back().map_or(target.first_index, |leaf| leaf.index + 1);
            } else {
                coverage.from_index = self.hits.front().map_or(coverage.to_index, |leaf| leaf.index);
            }
        }
        !is_cut
    }
}
