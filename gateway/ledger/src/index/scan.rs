//! Reading one segment for a search.

use std::collections::VecDeque;
use std::io;

use super::search::{Damage, Search, Take};
use super::sidecar::{Builder, Sidecar};
use crate::ahead::Ahead;
use crate::archive::Leaf;
use crate::frame::{self, FrameFault};
use crate::hash::Hash;
use crate::record::Record;
use crate::salt::SaltKeys;
use crate::segment::{self, FIRST_FRAME};
use crate::storage::Storage;

/// A segment to be searched.
pub(super) struct Target {
    pub(super) number: u32,
    pub(super) first_index: u64,
    /// Root behind it; `None` for the last segment, which still grows.
    pub(super) end_root: Option<Hash>,
    /// First index behind it.
    pub(super) end_index: Option<u64>,
}

/// What a segment gave.
#[derive(Default)]
pub(super) struct Scanned {
    pub(super) hits: VecDeque<Leaf>,
    /// It was passed over, as its sidecar has no match.
    pub(super) is_skipped: bool,
    /// Records read, and the span of their times.
    pub(super) records: u64,
    pub(super) span: Option<(u64, u64)>,
    pub(super) end_index: u64,
    pub(super) damage: Option<Damage>,
    /// More matches were there than asked for.
    pub(super) is_cut: bool,
}

/// Searches one segment.
pub(super) fn scan(disk: &dyn Storage, target: &Target, search: &Search<'_>) -> io::Result<Scanned> {
    let groups = search.filter.groups();
    let known = target.end_root.filter(|_| search.uses_index);
    let known = known.and_then(|root| Sidecar::load(disk, target.number, target.first_index, &root));
    let end_index = target.end_index.unwrap_or(target.first_index);
    if let Some(Sidecar { records, from_us, to_us, .. }) =
        known.as_ref().filter(|known| !known.may_match(search.filter, &groups))
    {
        let span = Some((*from_us, *to_us));
        return Ok(Scanned { is_skipped: true, records: *records, span, end_index, ..Scanned::default() });
    }
    let makes_index = search.uses_index && known.is_none() && target.end_root.is_some();
    let mut pass = Pass {
        search,
        salts: SaltKeys::new(disk),
        found: Scanned { end_index: target.first_index, ..Scanned::default() },
        builder: makes_index.then(Builder::default),
    };
    pass.run(disk, target)?;
    let Pass { found, builder, .. } = pass;
    if let (Some(builder), Some(root)) = (builder, target.end_root)
        && found.damage.is_none()
        && target.end_index == Some(found.end_index)
        && let Err(error) = builder.finish(target.first_index, root).store(disk, target.number)
    {
        tracing::debug!(%error, "no sidecar was written");
    }
    Ok(found)
}

struct Pass<'p> {
    search: &'p Search<'p>,
    salts: SaltKeys<'p>,
    found: Scanned,
    builder: Option<Builder>,
}

impl Pass<'_> {
    fn run(&mut self, disk: &dyn Storage, target: &Target) -> io::Result<()> {
        let file = disk.open(&segment::path(target.number), false)?;
        let (ahead, end) = (Ahead::new(&*file), file.len()?);
        let (mut offset, mut bytes) = (FIRST_FRAME, Vec::new());
        loop {
            let header = match frame::read(&ahead, offset, end, &mut bytes)? {
                Ok(header) if header.first_index == self.found.end_index => header,
                // The last segment ends where nothing, or an unfinished batch, stands.
                Err(FrameFault::Blank) => break,
                Err(_) if target.end_root.is_none() => break,
                _ => {
                    self.damaged(target);
                    return Ok(());
                }
            };
            for (entry, index) in frame::entries(&bytes).zip(header.first_index..) {
                let Ok(record) = Record::decode(entry.cbor) else {
                    self.damaged(target);
                    return Ok(());
                };
                if let Some(builder) = &mut self.builder {
                    builder.add(&record);
                }
                if self.search.from_index <= index && self.see(&record) {
                    let key = self.salts.of_epoch(header.boot_epoch)?;
                    let mut leaf = key.map(|key| key.salt(entry.worker, entry.ctr)).unwrap_or_default().to_vec();
                    leaf.extend_from_slice(entry.cbor);
                    self.keep(Leaf { index, bytes: leaf });
                }
                self.found.end_index = index + 1;
            }
            if self.found.is_cut && self.builder.is_none() && matches!(self.search.take, Take::First(_)) {
                return Ok(());
            }
            offset += header.span();
        }
        if target.end_index.is_some_and(|end| end != self.found.end_index) {
            self.damaged(target);
        }
        Ok(())
    }

    fn see(&mut self, record: &Record<'_>) -> bool {
        let at = record.head().wall_us;
        self.found.records += 1;
        self.found.span = Some(self.found.span.map_or((at, at), |(from, to)| (from.min(at), to.max(at))));
        self.search.filter.matches(record)
    }

    fn keep(&mut self, leaf: Leaf) {
        let hits = &mut self.found.hits;
        match self.search.take {
            Take::First(count) if hits.len() >= count => self.found.is_cut = true,
            Take::Last(count) if hits.len() >= count => {
                self.found.is_cut = true;
                hits.pop_front();
                hits.push_back(leaf);
            }
            Take::First(_) | Take::Last(_) => hits.push_back(leaf),
        }
    }

    /// The rest of the segment cannot be read; the search goes on behind it and says so.
    fn damaged(&mut self, target: &Target) {
        let index = self.found.end_index;
        self.found.damage = Some(Damage { index, until: target.end_index });
        self.found.end_index = target.end_index.unwrap_or(index);
    }
}
