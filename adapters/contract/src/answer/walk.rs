//! The pass itself: the scanner's position and the layout's trees, side by side.

use crate::fault::BadAnswer;
use crate::layout::{Node, NodeIx, Records};

use super::scan::Raw;
use super::{Reading, Seen};

/// Most members of a record whose order is remembered.
const MEMBERS_MAX: usize = 512;

/// Which tree a node belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Envelope,
    Record,
}

/// A member of a record: its name with quotes as it stands in the text (empty where it is escaped), and the
/// node it leads to.
///
/// Records of one answer mostly have the same members in the same order, so the name that stood here in the
/// first record is compared before it is scanned and the tree is asked.
#[derive(Clone, Copy)]
pub(super) struct Member<'a> {
    quoted: &'a str,
    node: Option<NodeIx>,
}

impl<'a> Reading<'a, '_> {
    /// Reads the whole text.
    ///
    /// # Errors
    /// The first thing that is not as it must be.
    pub(super) fn pass(mut self) -> Result<Self, BadAnswer> {
        self.value(Part::Envelope, 0)?;
        if self.scan.peek().is_some() { Err(BadAnswer::Trailing) } else { Ok(self) }
    }

    fn node(&self, part: Part, ix: NodeIx) -> Option<&'a Node> {
        let layout = self.layout;
        match (part, &layout.records) {
            (Part::Record, Records::Array { tree, .. }) => tree.node(ix),
            _ => layout.envelope.node(ix),
        }
    }

    /// Reads the value at one node.
    fn value(&mut self, part: Part, ix: NodeIx) -> Result<(), BadAnswer> {
        let is_array_of_records =
            part == Part::Envelope && matches!(&self.layout.records, Records::Array { at, .. } if *at == ix);
        let Some(node) = self.node(part, ix) else { return Err(BadAnswer::NotJson) };
        let is_open = is_array_of_records || !node.is_leaf() || (part == Part::Record && ix == 0);
        match self.scan.peek() {
            Some(b'{') if is_open => {
                self.mark(part, ix, Seen::Object);
                self.scan.pass();
                self.members(part, node, part == Part::Record && ix == 0)
            }
            Some(b'[') if is_open => {
                self.mark(part, ix, Seen::Array);
                self.scan.pass();
                if is_array_of_records { self.records() } else { self.elements(part, node) }
            }
            _ => {
                let raw = self.scan.value()?;
                self.mark(part, ix, Seen::Raw(raw));
                Ok(())
            }
        }
    }

    fn members(&mut self, part: Part, node: &'a Node, is_record: bool) -> Result<(), BadAnswer> {
        if self.scan.passes(b'}') {
            return Ok(());
        }
        for position in 0.. {
            let expected = if is_record { self.members.get(position).copied() } else { None };
            let member = self.member(node, expected)?;
            if is_record && self.members.len() == position && position < MEMBERS_MAX {
                self.members.push(member);
            }
            match member.node {
                None => drop(self.scan.value()?),
                Some(ix) if self.is_new(part, ix) => self.value(part, ix)?,
                Some(_) => return Err(BadAnswer::DuplicateMember),
            }
            if !self.scan.passes(b',') {
                break;
            }
        }
        if self.scan.passes(b'}') { Ok(()) } else { Err(BadAnswer::NotJson) }
    }

    /// The name of the next member, looked up among the names of interest.
    fn member(&mut self, node: &'a Node, expected: Option<Member<'a>>) -> Result<Member<'a>, BadAnswer> {
        if let Some(member) = expected.filter(|member| !member.quoted.is_empty())
            && self.scan.passes_text(member.quoted)
        {
            return if self.scan.passes(b':') { Ok(member) } else { Err(BadAnswer::NotJson) };
        }
        let Raw { json, is_escaped } = self.scan.name()?;
        if is_escaped {
            let name: String = serde_json::from_str(json).map_err(|_| BadAnswer::NotJson)?;
            return Ok(Member { quoted: "", node: node.child(&name) });
        }
        let name = json.get(1..json.len() - 1).unwrap_or_default();
        Ok(Member { quoted: json, node: node.child(name) })
    }

    fn elements(&mut self, part: Part, node: &'a Node) -> Result<(), BadAnswer> {
        if self.scan.passes(b']') {
            return Ok(());
        }
        for index in 0.. {
            match node.element(index) {
                Some(ix) => self.value(part, ix)?,
                None => drop(self.scan.value()?),
            }
            if !self.scan.passes(b',') {
                break;
            }
        }
        if self.scan.passes(b']') { Ok(()) } else { Err(BadAnswer::NotJson) }
    }

    fn records(&mut self) -> Result<(), BadAnswer> {
        if self.scan.passes(b']') {
            return Ok(());
        }
        loop {
            self.record.fill(Seen::Absent);
            self.value(Part::Record, 0)?;
            if self.record.first() != Some(&Seen::Object) {
                return Err(BadAnswer::RecordsForm);
            }
            self.emit(Part::Record)?;
            if !self.scan.passes(b',') {
                break;
            }
        }
        if self.scan.passes(b']') { Ok(()) } else { Err(BadAnswer::NotJson) }
    }
}
