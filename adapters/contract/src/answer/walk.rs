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

/// A member of a record: its name with quotes and colon as they stand in the text (empty if they are written in any
/// other way than without white space and escapes), and what it leads to.
///
/// Records of one answer mostly have the same members in the same order, so the name that stood here in the
/// first record is compared before it is scanned and the tree is asked.
#[derive(Clone, Copy)]
pub(super) struct Member<'a> {
    written: &'a str,
    leads: Leads,
}

/// Where a member leads.
#[derive(Clone, Copy)]
enum Leads {
    /// Nobody asks for it.
    Nowhere,
    /// To a value that is taken as it is.
    Leaf(NodeIx),
    /// To a value in which more is looked for.
    Further(NodeIx),
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

    fn is_array_of_records(&self, part: Part, ix: NodeIx) -> bool {
        part == Part::Envelope && matches!(&self.layout.records, Records::Array { at, .. } if *at == ix)
    }

    /// Whether the value at a node is looked into.
    fn is_open(&self, part: Part, ix: NodeIx) -> bool {
        let is_record = part == Part::Record && ix == 0;
        is_record || self.is_array_of_records(part, ix) || self.node(part, ix).is_some_and(|node| !node.is_leaf())
    }

    /// Reads the value at one node.
    fn value(&mut self, part: Part, ix: NodeIx) -> Result<(), BadAnswer> {
        let is_array_of_records = self.is_array_of_records(part, ix);
        let Some(node) = self.node(part, ix) else { return Err(BadAnswer::NotJson) };
        let is_open = self.is_open(part, ix);
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
            let member = match expected {
                Some(member) if !member.written.is_empty() && self.scan.passes_text(member.written) => member,
                _ => self.member(part, node)?,
            };
            if is_record && self.members.len() == position && position < MEMBERS_MAX {
                self.members.push(member);
            }
            match member.leads {
                Leads::Nowhere => drop(self.scan.value()?),
                Leads::Leaf(ix) | Leads::Further(ix) if !self.is_new(part, ix) => {
                    return Err(BadAnswer::DuplicateMember);
                }
                Leads::Leaf(ix) => {
                    let raw = self.scan.value()?;
                    self.mark(part, ix, Seen::Raw(raw));
                }
                Leads::Further(ix) => self.value(part, ix)?,
            }
            if !self.scan.passes(b',') {
                break;
            }
        }
        if self.scan.passes(b'}') { Ok(()) } else { Err(BadAnswer::NotJson) }
    }

    /// The name of the next member, looked up among the names of interest.
    fn member(&mut self, part: Part, node: &'a Node) -> Result<Member<'a>, BadAnswer> {
        let (Raw { json, is_escaped }, written) = self.scan.name()?;
        if is_escaped {
            let name: String = serde_json::from_str(json).map_err(|_| BadAnswer::NotJson)?;
            return Ok(Member { written: "", leads: self.leads(part, node.child(&name)) });
        }
        let name = json.get(1..json.len() - 1).unwrap_or_default();
        Ok(Member { written: written.unwrap_or_default(), leads: self.leads(part, node.child(name)) })
    }

    fn leads(&self, part: Part, child: Option<NodeIx>) -> Leads {
        match child {
            None => Leads::Nowhere,
            Some(ix) if self.is_open(part, ix) => Leads::Further(ix),
            Some(ix) => Leads::Leaf(ix),
        }
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
