//! The pass itself: a deserializer seed that follows the layout's trees.

use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::fault::BadAnswer;
use crate::layout::{Node, NodeIx, Records, Tree};

use super::{Reading, Seen, is_too_deep};

/// Most members of a record whose order is remembered.
const MEMBERS_MAX: usize = 512;

/// Which tree a node belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Envelope,
    Record,
}

/// Reads the value at one node.
pub(super) struct Walk<'s, 'a, 'f> {
    reading: &'s mut Reading<'a, 'f>,
    part: Part,
    node: NodeIx,
}

impl<'s, 'a, 'f> Walk<'s, 'a, 'f> {
    pub(super) fn root(reading: &'s mut Reading<'a, 'f>) -> Self {
        Self { reading, part: Part::Envelope, node: 0 }
    }

    fn here(&self) -> Option<&'a Node> {
        let layout = self.reading.layout;
        let tree: &'a Tree = match (self.part, &layout.records) {
            (Part::Record, Records::Array { tree, .. }) => tree,
            _ => &layout.envelope,
        };
        tree.node(self.node)
    }

    fn is_records_array(&self) -> bool {
        self.part == Part::Envelope
            && matches!(&self.reading.layout.records, Records::Array { at, .. } if *at == self.node)
    }

    fn mark(&mut self, what: Seen<'a>) {
        self.reading.mark(self.part, self.node, what);
    }

    fn child(&mut self, node: NodeIx) -> Walk<'_, 'a, 'f> {
        Walk { reading: self.reading, part: self.part, node }
    }

    fn skip(&mut self) -> Skip<'_, 'a, 'f> {
        Skip(self.reading)
    }
}

fn refuse<E: Error>(reading: &mut Reading<'_, '_>, bad: BadAnswer) -> E {
    reading.fault.get_or_insert(bad);
    E::custom("refused")
}

impl<'a> DeserializeSeed<'a> for Walk<'_, 'a, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(mut self, deserializer: D) -> Result<(), D::Error> {
        if self.here().is_some_and(Node::is_leaf)
            && !self.is_records_array()
            && !(self.part == Part::Record && self.node == 0)
        {
            let raw = Skip(self.reading).raw(deserializer)?;
            self.mark(Seen::Raw(raw));
            return Ok(());
        }
        deserializer.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for Walk<'_, 'a, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_map<A: MapAccess<'a>>(mut self, mut map: A) -> Result<(), A::Error> {
        self.mark(Seen::Object);
        let here = self.here();
        let is_record = self.part == Part::Record && self.node == 0;
        for position in 0.. {
            let expected = if is_record { self.reading.members.get(position).copied() } else { None };
            let Some((name, known)) = map.next_key_seed(Name { here, expected })? else { break };
            if is_record && self.reading.members.len() == position && position < MEMBERS_MAX {
                self.reading.members.push((name, known));
            }
            match known {
                None => map.next_value_seed(self.skip())?,
                Some(node) if self.reading.is_new(self.part, node) => map.next_value_seed(self.child(node))?,
                Some(_) => return Err(refuse(self.reading, BadAnswer::DuplicateMember)),
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'a>>(mut self, mut list: A) -> Result<(), A::Error> {
        self.mark(Seen::Array);
        if self.is_records_array() {
            while list.next_element_seed(Record(self.reading))?.is_some() {}
            return Ok(());
        }
        let here = self.here();
        for index in 0.. {
            let read = match here.and_then(|node| node.element(index)) {
                Some(node) => list.next_element_seed(self.child(node))?,
                None => list.next_element_seed(self.skip())?,
            };
            if read.is_none() {
                break;
            }
        }
        Ok(())
    }

    fn visit_unit<E: Error>(mut self) -> Result<(), E> {
        self.mark(Seen::Scalar("null"));
        Ok(())
    }

    fn visit_bool<E: Error>(mut self, truth: bool) -> Result<(), E> {
        self.mark(Seen::Scalar(if truth { "true" } else { "false" }));
        Ok(())
    }

    fn visit_borrowed_str<E: Error>(mut self, text: &'a str) -> Result<(), E> {
        self.mark(Seen::Scalar(text));
        Ok(())
    }

    fn visit_str<E: Error>(mut self, _: &str) -> Result<(), E> {
        self.mark(Seen::OtherScalar);
        Ok(())
    }

    fn visit_u64<E: Error>(mut self, _: u64) -> Result<(), E> {
        self.mark(Seen::OtherScalar);
        Ok(())
    }

    fn visit_i64<E: Error>(mut self, _: i64) -> Result<(), E> {
        self.mark(Seen::OtherScalar);
        Ok(())
    }

    fn visit_f64<E: Error>(mut self, _: f64) -> Result<(), E> {
        self.mark(Seen::OtherScalar);
        Ok(())
    }
}

/// One element of the array of records.
struct Record<'s, 'a, 'f>(&'s mut Reading<'a, 'f>);

impl<'a> DeserializeSeed<'a> for Record<'_, 'a, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<(), D::Error> {
        self.0.record.fill(Seen::Absent);
        Walk { reading: self.0, part: Part::Record, node: 0 }.deserialize(deserializer)?;
        if self.0.record.first() != Some(&Seen::Object) {
            return Err(refuse(self.0, BadAnswer::RecordsForm));
        }
        self.0.emit(Part::Record).map_err(|bad| refuse(self.0, bad))
    }
}

/// A value of no interest.
struct Skip<'s, 'a, 'f>(&'s mut Reading<'a, 'f>);

impl Skip<'_, '_, '_> {
    fn raw<'a, D: Deserializer<'a>>(self, deserializer: D) -> Result<&'a str, D::Error> {
        let raw = <&RawValue>::deserialize(deserializer)?.get();
        if !self.0.shallow && raw.starts_with(['{', '[']) && is_too_deep(raw) {
            return Err(refuse(self.0, BadAnswer::TooDeep));
        }
        Ok(raw)
    }
}

impl<'a> DeserializeSeed<'a> for Skip<'_, 'a, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<(), D::Error> {
        if self.0.shallow {
            return IgnoredAny::deserialize(deserializer).map(|_| ());
        }
        self.raw(deserializer).map(|_| ())
    }
}

/// A member's name, decoded, looked up among the names of interest.
///
/// Records of one answer mostly have the same members in the same order, so the name that stood here
/// in the first record is compared before the tree is asked.
struct Name<'n, 'a> {
    here: Option<&'n Node>,
    expected: Option<Member<'a>>,
}

/// A name as it stands in the text (empty where it is escaped) and the node it leads to.
pub(super) type Member<'a> = (&'a str, Option<NodeIx>);

impl Name<'_, '_> {
    fn look_up(&self, name: &str) -> Option<NodeIx> {
        self.here.and_then(|node| node.child(name))
    }
}

impl<'a> DeserializeSeed<'a> for Name<'_, 'a> {
    type Value = Member<'a>;

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'a> Visitor<'a> for Name<'_, 'a> {
    type Value = Member<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member's name")
    }

    fn visit_borrowed_str<E: Error>(self, name: &'a str) -> Result<Self::Value, E> {
        match self.expected {
            Some(expected) if expected.0 == name && !name.is_empty() => Ok(expected),
            _ => Ok((name, self.look_up(name))),
        }
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok(("", self.look_up(name)))
    }
}
