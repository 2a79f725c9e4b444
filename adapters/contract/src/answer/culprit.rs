//! What an answer was refused for, in the words of its binding: so that an operator knows where to look, and nobody reads
//! a value.

use std::cell::Cell;

use crate::fault::BadAnswer;
use crate::layout::{Condition, Layout, NodeIx, Records};

/// The item that an answer was refused for.
#[derive(Debug, Default)]
pub struct Culprit(Cell<Option<usize>>);

impl Culprit {
    /// It is this one, by its position in the catalogue.
    pub fn note(&self, item: usize) {
        self.0.set(Some(item));
    }

    /// Its position; `None` if it was no item.
    pub fn item(&self) -> Option<usize> {
        self.0.get()
    }
}

impl Layout {
    /// Where the binding declares what an answer was refused for: pointers as it writes them, in an array of records with
    /// `*` for each; `None` where the fault is none of a declared place. Never anything of the answer itself.
    pub fn place(&self, bad: BadAnswer, culprit: &Culprit) -> Option<String> {
        if let Some(item) = culprit.item() {
            return self.place_of_item(item);
        }
        let conditions = &self.conditions;
        let place = match bad {
            BadAnswer::NotSuccess => {
                let errors = conditions.errors.iter().map(|(condition, _)| condition);
                Some(self.places_of(conditions.success.iter().chain(errors)))
            }
            BadAnswer::Contradictory => Some(self.places_of(conditions.not_found.iter())),
            BadAnswer::RecordsMissing | BadAnswer::RecordsForm | BadAnswer::TooManyRecords => {
                Some(self.envelope.pointer(self.records_at()))
            }
            BadAnswer::AsOf => self.as_of.map(|node| self.envelope.pointer(node)),
            BadAnswer::Next => self.next.map(|node| self.envelope.pointer(node)),
            _ => None,
        };
        place.filter(|place| !place.is_empty())
    }

    fn place_of_item(&self, item: usize) -> Option<String> {
        let node = self.sources.get(item)?.as_ref()?.node;
        Some(match &self.records {
            Records::Array { at, tree } => format!("{}/*{}", self.envelope.pointer(*at), tree.pointer(node)),
            Records::Single { .. } => self.envelope.pointer(node),
        })
    }

    fn records_at(&self) -> NodeIx {
        match &self.records {
            Records::Array { at, .. } | Records::Single { at } => *at,
        }
    }

    fn places_of<'c>(&self, conditions: impl Iterator<Item = &'c Condition>) -> String {
        let mut places = Vec::new();
        for condition in conditions {
            condition.visit(&mut |node| {
                let place = self.envelope.pointer(node);
                if !places.contains(&place) {
                    places.push(place);
                }
            });
        }
        places.join(", ")
    }
}
