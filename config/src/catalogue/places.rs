//! Where things were declared, and the names that references may use.

use std::collections::HashMap;

use serde::de::DeserializeOwned;
use sluice_domain::ids::IdError;

use crate::document::Document;
use crate::fault::{Fault, meant};
use crate::secret::SecretRef;

/// A place in one of the files: its number and a dotted path.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) file: usize,
    pub(crate) path: String,
}

impl Place {
    /// A place below this one.
    pub(crate) fn below(&self, path: impl std::fmt::Display) -> Self {
        Self { file: self.file, path: format!("{}.{path}", self.path) }
    }
}

/// An entry with its place.
pub(crate) struct Placed<T> {
    pub(crate) at: Place,
    pub(crate) entry: T,
}

/// The declared names of one kind: to resolve references, and to suggest the one that was meant.
pub(crate) struct Names {
    kind: &'static str,
    declared: HashMap<String, (Place, Option<u32>)>,
}

/// The files that are being read, and what is wrong with them so far.
pub(crate) struct Findings<'a, 's> {
    pub(crate) documents: &'a [Document<'s>],
    pub(crate) faults: Vec<Fault>,
    pub(crate) warnings: Vec<Fault>,
}

impl<'s> Findings<'_, 's> {
    fn document(&self, at: &Place) -> Option<&Document<'s>> {
        self.documents.get(at.file)
    }

    /// Records a fault.
    pub(crate) fn fault(&mut self, at: &Place, message: impl Into<String>, hint: Option<String>) {
        let fault = self.document(at).map(|document| document.fault(&at.path, message, hint));
        self.faults.extend(fault);
    }

    /// Records something that may stand but should be looked at.
    pub(crate) fn warning(&mut self, at: &Place, message: impl Into<String>, hint: Option<String>) {
        let warning = self.document(at).map(|document| document.fault(&at.path, message, hint));
        self.warnings.extend(warning);
    }

    /// A path of the file at this place, relative to that file's folder.
    pub(crate) fn resolve(&self, at: &Place, path: &std::path::Path) -> std::path::PathBuf {
        self.document(at).map_or_else(|| path.to_path_buf(), |document| document.resolve(path))
    }

    /// A reference to a secret, its path relative to this file's folder.
    pub(crate) fn reference(&self, at: &Place, text: &str) -> Option<SecretRef> {
        self.document(at).and_then(|document| SecretRef::parse(text, document))
    }

    /// All readable entries of a table over all files, declaring the names of all of them, so that
    /// a faulty entry does not make references to it look wrong too.
    pub(crate) fn entries<T: DeserializeOwned>(
        &mut self,
        table: &str,
        id_key: &str,
        names: &mut Names,
    ) -> Vec<Placed<T>> {
        let mut found = Vec::new();
        for (file, document) in self.documents.iter().enumerate() {
            for position in 0..document.count(table, &mut self.faults) {
                let at = Place { file, path: format!("{table}.{position}") };
                names
                    .declared
                    .extend(document.text_at(&at.below(id_key).path).map(|id| (id.to_owned(), (at.clone(), None))));
                let entry = document.entry(table, position, &mut self.faults);
                found.extend(entry.map(|entry| Placed { at, entry }));
            }
        }
        found
    }

    /// How many entries of a table stand in the files, readable or not.
    pub(crate) fn count(&self, table: &str) -> usize {
        self.documents.iter().map(|document| document.count(table, &mut Vec::new())).sum()
    }

    /// What `read` gives, unless it found a fault: then nothing is built on it.
    pub(crate) fn clean<T>(&mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        let before = self.faults.len();
        let read = read(self);
        read.filter(|_| self.faults.len() == before)
    }

    /// A valid identifier, or a fault that names its rule.
    pub(crate) fn identifier<T>(&mut self, parsed: Result<T, IdError>, at: &Place) -> Option<T> {
        parsed.map_err(|error| self.fault(at, error.to_string(), None)).ok()
    }

    /// Gives a name its index in the snapshot; a name that has one already is a fault.
    pub(crate) fn declare(&mut self, names: &mut Names, id: &str, at: &Place, index: u32) -> bool {
        if let Some((first, Some(_))) = names.declared.get(id) {
            let first = self.document(first).map(|document| document.place(&first.path));
            self.fault(
                at,
                format!("{} \"{id}\" is declared twice", names.kind),
                first.map(|place| format!("first at {place}")),
            );
            return false;
        }
        names.declared.insert(id.to_owned(), (at.clone(), Some(index)));
        true
    }

    /// The index of a name that a reference uses. An unknown one is a fault; one whose own
    /// declaration is faulty is `None` without a second fault.
    pub(crate) fn look_up(&mut self, names: &Names, id: &str, at: &Place) -> Option<u32> {
        if let Some((_, index)) = names.declared.get(id) {
            return *index;
        }
        self.fault(at, format!("there is no {} \"{id}\"", names.kind), names.meant(id));
        None
    }
}

impl Names {
    /// No names yet, of things that messages call `kind`.
    pub(crate) fn of(kind: &'static str) -> Self {
        Self { kind, declared: HashMap::new() }
    }

    fn meant(&self, id: &str) -> Option<String> {
        let mut known: Vec<&str> = self.declared.keys().map(String::as_str).collect();
        known.sort_unstable();
        meant(id, known)
    }

    /// Where a name was declared.
    pub(crate) fn place(&self, id: &str) -> Option<&Place> {
        self.declared.get(id).map(|(place, _)| place)
    }
}
