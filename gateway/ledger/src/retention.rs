//! Orders of retention: records before a border between two segments are to be deleted, because their time is over.
//!
//! An order is a text that two approvers sign as a C2SP note. It goes into the log as a RETENTION record before
//! anything is deleted, so that what was deleted by order is told from what is missing.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use crate::note::{NoteError, Signer, VerifierKey};
use crate::record::{Notice, NoticeKind};
use crate::tree::TreeHead;

/// Different people who must approve.
pub const APPROVALS_MIN: usize = 2;
/// Action of the records that carry orders.
pub(crate) const ACTION: &str = "retention.ordered";
const TITLE: &str = "sluice ledger retention/v1";
/// Characters of a basis: it is a citation, not an essay.
const BASIS_CHARS_MAX: usize = 500;

/// What is to be deleted, and on what basis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Name of the log.
    pub origin: String,
    /// Records before this size are to be deleted; the root over them.
    pub head: TreeHead,
    /// The rule and decision that say so.
    pub basis: String,
}

impl Order {
    /// The text that approvers sign.
    ///
    /// # Errors
    /// The basis is empty, longer than 500 characters, or not one line.
    pub fn text(&self) -> Result<String, NoteError> {
        let is_line = !self.basis.trim().is_empty() && !self.basis.contains(char::is_control);
        if !is_line || self.basis.chars().count() > BASIS_CHARS_MAX {
            return Err(NoteError::Malformed);
        }
        let root = BASE64_STANDARD.encode(self.head.root);
        Ok(format!("{TITLE}\n{}\n{}\n{root}\nbasis {}\n", self.origin, self.head.size, self.basis))
    }

    /// Reads an order's text or note, whoever signed it.
    pub fn read(note: &str) -> Option<Self> {
        let mut lines = note.lines();
        if lines.next()? != TITLE {
            return None;
        }
        let (origin, size, root) = (lines.next()?, lines.next()?, lines.next()?);
        let head = TreeHead { size: size.parse().ok()?, root: BASE64_STANDARD.decode(root).ok()?.try_into().ok()? };
        let basis = lines.next()?.strip_prefix("basis ")?;
        let order = Self { origin: origin.to_owned(), head, basis: basis.to_owned() };
        let text = order.text().ok()?;
        (note == text || note.strip_prefix(&text)?.starts_with('\n')).then_some(order)
    }
}

/// The order with one approver's signature.
///
/// # Errors
/// As `Order::text`.
pub fn approve(order: &Order, approver: &Signer) -> Result<String, NoteError> {
    Ok(approver.sign(&order.text()?))
}

/// One note of several approvals of one order; `None` if they approve different ones.
pub fn joined(approvals: &[String]) -> Option<String> {
    let split = |note: &str| note.split_once("\n\n").map(|(text, lines)| (text.to_owned(), lines.to_owned()));
    let (text, mut lines) = split(approvals.first()?)?;
    for approval in approvals.get(1..)? {
        let (other, further) = split(approval)?;
        if other != text {
            return None;
        }
        lines.push_str(&further);
    }
    Some(format!("{text}\n\n{lines}"))
}

/// Names of those of the given approvers who signed the order, each key once.
pub fn approvers_of<'k>(note: &str, approvers: &'k [VerifierKey]) -> Vec<&'k str> {
    let mut names: Vec<&str> = approvers.iter().filter(|key| key.open(note).is_ok()).map(VerifierKey::name).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Whether a record carries an order.
pub(crate) fn is_order(notice: &Notice<'_>) -> bool {
    notice.kind == NoticeKind::Retention && notice.action == ACTION
}
