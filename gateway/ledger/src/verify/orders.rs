//! Orders of retention in the log: what was deleted must have been ordered, by two people, with the right root.

use super::{Stop, Verification, stop};
use crate::report::{FaultKind, Pruned};
use crate::retention;
use crate::segment;
use crate::tree::TreeHead;

/// A RETENTION record.
pub(super) struct Order {
    pub(super) index: u64,
    pub(super) note: Vec<u8>,
}

/// See the module.
#[derive(Default)]
pub(super) struct Orders {
    /// Where the log begins, if not at its first record.
    first: Option<TreeHead>,
    /// Heads at the beginnings of segments, ascending.
    borders: Vec<TreeHead>,
    found: Vec<Order>,
}

impl Orders {
    /// The log begins here.
    pub(super) fn begin(&mut self, first: TreeHead) {
        self.first = Some(first);
    }

    /// A segment begins here.
    pub(super) fn pass(&mut self, border: TreeHead) {
        self.borders.push(border);
    }

    /// Takes the orders of a segment.
    pub(super) fn note(&mut self, orders: Vec<Order>) {
        self.found.extend(orders);
    }

    /// Size of what is gone, with its root.
    pub(super) fn first(&self) -> Option<TreeHead> {
        self.first
    }

    /// Every order must hold, and one must cover what is gone.
    pub(super) fn check(&self, given: &Verification, origin: &str) -> Result<Option<Pruned>, Stop> {
        let gone = self.first.map_or(0, |first| first.size);
        let (mut covered, mut pruned) = (0, None);
        for order in &self.found {
            let bad = || stop(FaultKind::Retention, Some(order.index), segment::FOLDER, 0);
            let note = std::str::from_utf8(&order.note).map_err(|_| bad())?;
            let said = retention::Order::read(note).ok_or_else(bad)?;
            let border = self.borders.iter().find(|border| border.size == said.head.size);
            let is_here = said.head.size < gone || border.is_some_and(|border| border.root == said.head.root);
            if said.origin != origin || said.head.size > order.index || !is_here {
                return Err(bad());
            }
            let approved = retention::approvers_of(note, &given.approvers);
            if !given.approvers.is_empty() && approved.len() < retention::APPROVALS_MIN {
                return Err(bad());
            }
            covered = covered.max(said.head.size);
            if gone > 0 && said.head.size >= gone {
                let (basis, approved_by) = (said.basis, approved.into_iter().map(str::to_owned).collect());
                pruned = Some(Pruned { records: gone, order: order.index, basis, approved_by });
            }
        }
        if gone > 0 && pruned.is_none() {
            let missing = format!("{} and others before the first", segment::FOLDER);
            return Err(stop(FaultKind::SegmentMissing, Some(covered), missing, 0));
        }
        Ok(pruned)
    }
}
