//! How two catalogues differ, entry by entry and member by member: for people, for scripts, and to
//! decide what a change would take away. Secrets in clear are not shown.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::catalogue::file::CatalogueFile;
use crate::catalogue::sealed::seal;
use crate::catalogue::written::json;

/// A kind of entry, in the order in which catalogues are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Noun {
    /// A purpose of the exchange's list.
    Purpose,
    /// A party, without its handlers.
    Party,
    /// A registered person, `party/handler`.
    Handler,
    /// A system.
    System,
    /// A catalogue entry.
    Resource,
    /// How a resource is reached, by the code of the resource.
    Binding,
    /// A grant.
    Grant,
}

impl Noun {
    /// Stable word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Purpose => "purpose",
            Self::Party => "party",
            Self::Handler => "handler",
            Self::System => "system",
            Self::Resource => "resource",
            Self::Binding => "binding",
            Self::Grant => "grant",
        }
    }
}

/// One member that differs: `None` where there is none.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MemberChange {
    /// Dotted name; elements of lists of entries by their code, such as `items.XM.level`.
    pub member: String,
    /// Before.
    pub old: Option<Value>,
    /// After.
    pub new: Option<Value>,
}

/// One entry that differs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    /// What it is.
    pub kind: Noun,
    /// Which one.
    pub id: String,
    /// Before; `None` if it is created.
    pub old: Option<Value>,
    /// After; `None` if it is deleted.
    pub new: Option<Value>,
    /// What differs, in the order of names.
    pub members: Vec<MemberChange>,
}

/// Everything that differs, ordered by kind and id.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Difference {
    changes: Vec<Change>,
}

/// How many entries of each fate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Entries that come.
    pub creating: usize,
    /// Entries that change.
    pub updating: usize,
    /// Entries that go.
    pub deleting: usize,
}

/// The changes by fate, for scripts.
#[derive(Debug, Clone, Serialize)]
pub struct Fates<'d> {
    /// Entries that come.
    pub creating: Vec<&'d Change>,
    /// Entries that change.
    pub updating: Vec<&'d Change>,
    /// Entries that go.
    pub deleting: Vec<&'d Change>,
}

impl Difference {
    /// From one catalogue to another, both sorted and with absolute paths.
    pub(crate) fn between(old: &CatalogueFile, new: &CatalogueFile) -> Self {
        let (old, mut new) = (entries(old), entries(new));
        let mut changes: Vec<Change> = Vec::new();
        for ((kind, id), before) in old {
            let after = new.remove(&(kind, id.clone()));
            if after.as_ref() != Some(&before) {
                changes.push(Change::of((kind, id), Some(before), after));
            }
        }
        changes.extend(new.into_iter().map(|(entry, after)| Change::of(entry, None, Some(after))));
        changes.sort_by(|a, b| (a.kind, &a.id).cmp(&(b.kind, &b.id)));
        Self { changes }
    }

    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Every entry that differs.
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// The entries that go.
    pub fn deleted(&self) -> impl Iterator<Item = &Change> {
        self.changes.iter().filter(|change| change.new.is_none())
    }

    /// The changes by fate.
    pub fn fates(&self) -> Fates<'_> {
        let of = |has_old: bool, has_new: bool| {
            self.changes.iter().filter(move |change| (change.old.is_some(), change.new.is_some()) == (has_old, has_new))
        };
        Fates {
            creating: of(false, true).collect(),
            updating: of(true, true).collect(),
            deleting: of(true, false).collect(),
        }
    }

    /// How many entries of each fate.
    pub fn summary(&self) -> Summary {
        let fates = self.fates();
        Summary { creating: fates.creating.len(), updating: fates.updating.len(), deleting: fates.deleting.len() }
    }
}

impl Change {
    fn of((kind, id): (Noun, String), mut old: Option<Value>, mut new: Option<Value>) -> Self {
        let members = |entry: Option<&Value>| {
            let mut flat = BTreeMap::new();
            if let Some(entry) = entry {
                flatten(entry, "", &mut flat);
            }
            flat
        };
        let (before, after) = (members(old.as_ref()), members(new.as_ref()));
        let mut names: Vec<&String> = before.keys().chain(after.keys()).collect();
        names.sort_unstable();
        names.dedup();
        let differing: Vec<String> =
            names.into_iter().filter(|name| before.get(*name) != after.get(*name)).cloned().collect();
        if kind == Noun::Binding {
            old.iter_mut().chain(&mut new).for_each(seal);
        }
        let (before, after) = (members(old.as_ref()), members(new.as_ref()));
        let member = |name: String| MemberChange {
            old: before.get(&name).cloned(),
            new: after.get(&name).cloned(),
            member: name,
        };
        Self { kind, id, members: differing.into_iter().map(member).collect(), old, new }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for change in &self.changes {
            change.fmt(f)?;
        }
        let Summary { creating, updating, deleting } = self.summary();
        write!(f, "{creating} to create, {updating} to change, {deleting} to delete")
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fate = match (&self.old, &self.new) {
            (None, _) => '+',
            (_, None) => '-',
            _ => '~',
        };
        writeln!(f, "{fate} {} {}", self.kind.as_str(), self.id)?;
        // Of what goes, the name says enough.
        for MemberChange { member, old, new } in self.members.iter().filter(|_| self.new.is_some()) {
            match (old, new) {
                (Some(old), Some(new)) => writeln!(f, "    ~ {member}: {old} -> {new}")?,
                (None, Some(new)) => writeln!(f, "    + {member}: {new}")?,
                (Some(old), None) => writeln!(f, "    - {member}: {old}")?,
                (None, None) => {}
            }
        }
        Ok(())
    }
}

/// Every entry by kind and id.
fn entries(catalogue: &CatalogueFile) -> BTreeMap<(Noun, String), Value> {
    let mut all = BTreeMap::new();
    for purpose in &catalogue.purposes {
        all.insert((Noun::Purpose, purpose.code.clone()), json(purpose));
    }
    for party in &catalogue.parties {
        for handler in &party.handlers {
            all.insert((Noun::Handler, format!("{}/{}", party.key, handler.id)), json(handler));
        }
        let mut alone = json(party);
        alone.as_object_mut().map(|members| members.remove("handlers"));
        all.insert((Noun::Party, party.key.clone()), alone);
    }
    for system in &catalogue.systems {
        all.insert((Noun::System, system.id.clone()), json(system));
    }
    for resource in &catalogue.resources {
        all.insert((Noun::Resource, resource.code.clone()), json(resource));
    }
    for binding in &catalogue.rest {
        all.insert((Noun::Binding, binding.resource.to_string()), json(binding));
    }
    for grant in &catalogue.grants {
        all.insert((Noun::Grant, grant.id.clone()), json(grant));
    }
    all
}

/// Members by dotted name. The elements of a list are told apart by their `code` or `id`; their order,
/// which answers follow, is the value of the list itself. Any other list is one value.
fn flatten(value: &Value, place: &str, into: &mut BTreeMap<String, Value>) {
    let below = |name: &str| if place.is_empty() { name.to_owned() } else { format!("{place}.{name}") };
    match value {
        Value::Object(members) if !members.is_empty() => {
            members.iter().for_each(|(name, member)| flatten(member, &below(name), into));
        }
        Value::Array(list) => match named(list) {
            Some(entries) => {
                let order = entries.iter().map(|(name, _)| Value::from(*name)).collect();
                into.insert(place.to_owned(), Value::Array(order));
                for (name, members) in entries {
                    members
                        .iter()
                        .for_each(|(member, value)| flatten(value, &below(&format!("{name}.{member}")), into));
                }
            }
            None => {
                into.insert(place.to_owned(), value.clone());
            }
        },
        _ => {
            into.insert(place.to_owned(), value.clone());
        }
    }
}

fn named(list: &[Value]) -> Option<Vec<(&str, &Map<String, Value>)>> {
    let name = |element| -> Option<(&str, &Map<String, Value>)> {
        let members: &Map<String, Value> = Value::as_object(element)?;
        Some((members.get("code").or_else(|| members.get("id"))?.as_str()?, members))
    };
    let named: Option<Vec<_>> = list.iter().map(name).collect();
    named.filter(|named| !named.is_empty())
}
