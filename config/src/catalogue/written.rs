//! What each catalogue file holds, with paths that mean the same wherever they are read from, so that
//! an entry can be compared with, and moved to, a file in another folder.

use std::path::{Path, PathBuf, absolute};

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::Value;
use sluice_contract::spec::RestSpec;

use crate::catalogue::file::{CatalogueFile, GrantEntry, PartyEntry, PurposeEntry, ResourceEntry, SystemEntry};
use crate::catalogue::places::Placed;
use crate::catalogue::sealed::texts;
use crate::document::Document;

/// One catalogue file as it was read.
#[derive(Debug, Clone)]
pub struct Written {
    /// Where it is.
    pub path: PathBuf,
    /// SHA-256 of its bytes.
    pub digest: [u8; 32],
    /// What it declares, paths absolute.
    pub content: CatalogueFile,
}

/// SHA-256 of a file's bytes, as [`Written::digest`] has it.
pub fn digest_of(bytes: &[u8]) -> [u8; 32] {
    let mut print = [0; 32];
    print.copy_from_slice(digest(&SHA256, bytes).as_ref());
    print
}

/// The readable entries of all files, with their places.
pub(crate) struct Entries {
    pub(crate) parties: Vec<Placed<PartyEntry>>,
    pub(crate) systems: Vec<Placed<SystemEntry>>,
    pub(crate) purposes: Vec<Placed<PurposeEntry>>,
    pub(crate) resources: Vec<Placed<ResourceEntry>>,
    pub(crate) grants: Vec<Placed<GrantEntry>>,
    pub(crate) rest: Vec<Placed<RestSpec>>,
}

impl Entries {
    /// What each file declares.
    pub(crate) fn by_file(&self, documents: &[Document<'_>]) -> Vec<Written> {
        let written = documents.iter().enumerate().map(|(file, document)| {
            let content = CatalogueFile {
                parties: of_file(&self.parties, file),
                systems: of_file(&self.systems, file),
                purposes: of_file(&self.purposes, file),
                resources: of_file(&self.resources, file),
                grants: of_file(&self.grants, file),
                rest: of_file(&self.rest, file),
            };
            let source = document.source();
            let path = absolute(source.path()).unwrap_or_else(|_| source.path().to_path_buf());
            let folder = path.parent().unwrap_or(Path::new("/")).to_path_buf();
            Written { digest: digest_of(source.bytes()), content: content.located(&folder), path }
        });
        written.collect()
    }

    /// What all files declare, in their order.
    pub(crate) fn merged(self) -> CatalogueFile {
        CatalogueFile {
            parties: entries_of(self.parties),
            systems: entries_of(self.systems),
            purposes: entries_of(self.purposes),
            resources: entries_of(self.resources),
            grants: entries_of(self.grants),
            rest: entries_of(self.rest),
        }
    }
}

fn of_file<T: Clone>(placed: &[Placed<T>], file: usize) -> Vec<T> {
    placed.iter().filter(|placed| placed.at.file == file).map(|placed| placed.entry.clone()).collect()
}

fn entries_of<T>(placed: Vec<Placed<T>>) -> Vec<T> {
    placed.into_iter().map(|placed| placed.entry).collect()
}

impl CatalogueFile {
    /// With relative paths that start at `folder` made absolute.
    pub(crate) fn located(self, folder: &Path) -> Self {
        // Without `.`, so that one path is written in one way; `..` stays, since links may stand before it.
        self.with_paths(&|path| folder.join(path).components().collect())
    }

    /// With paths below `folder` made relative to it.
    pub(crate) fn relative_to(self, folder: &Path) -> Self {
        self.with_paths(&|path| path.strip_prefix(folder).unwrap_or(path).to_path_buf())
    }

    fn with_paths(mut self, change: &dyn Fn(&Path) -> PathBuf) -> Self {
        for path in self.systems.iter_mut().flat_map(|system| &mut system.certificates) {
            *path = change(path);
        }
        for spec in &mut self.rest {
            change_binding(spec, change);
        }
        self
    }

    /// Puts entries, and the lists in them whose order means nothing, into the one order in which a
    /// catalogue is compared and written.
    pub(crate) fn sort(&mut self) {
        self.parties.sort_by(|a, b| a.key.cmp(&b.key));
        self.systems.sort_by(|a, b| a.id.cmp(&b.id));
        self.purposes.sort_by(|a, b| a.code.cmp(&b.code));
        self.resources.sort_by(|a, b| a.code.cmp(&b.code));
        self.grants.sort_by(|a, b| a.id.cmp(&b.id));
        self.rest.sort_by(|a, b| a.resource.cmp(&b.resource));
        for party in &mut self.parties {
            party.handlers.sort_by(|a, b| a.id.cmp(&b.id));
        }
        for system in &mut self.systems {
            as_set(&mut system.certificates);
            as_set(&mut system.fingerprints);
        }
        for resource in &mut self.resources {
            resource.modes.sort_by_key(|mode| *mode as u8);
            resource.modes.dedup();
            let order = |code: &String| resource.items.iter().position(|item| item.code == *code);
            resource.key_sets.iter_mut().for_each(|set| set.sort_by_key(order));
            if let Some(condition) = &mut resource.condition {
                condition.purposes.as_mut().map(as_set);
                condition.departments.as_mut().map(as_set);
            }
        }
        for grant in &mut self.grants {
            grant.modes.sort_by_key(|mode| *mode as u8);
            grant.modes.dedup();
            as_set(&mut grant.fields);
            as_set(&mut grant.clear_fields);
            as_set(&mut grant.purposes);
        }
    }
}

fn as_set<T: Ord>(list: &mut Vec<T>) {
    list.sort_unstable();
    list.dedup();
}

/// Files of a binding are those of `tls` and every `file:` reference to a secret.
fn change_binding(spec: &mut RestSpec, change: &dyn Fn(&Path) -> PathBuf) {
    let Ok(mut value) = serde_json::to_value(&*spec) else { return };
    texts(&mut value, "", &mut |place, text| {
        let is_tls = ["tls.ca", "tls.certificate", "tls.key"].iter().any(|file| place.ends_with(file));
        let (prefix, path) = match text.strip_prefix("file:") {
            Some(path) => ("file:", path),
            None if is_tls => ("", text.as_str()),
            None => return,
        };
        if let Some(changed) = change(Path::new(path)).to_str() {
            *text = format!("{prefix}{changed}");
        }
    });
    if let Ok(changed) = serde_json::from_value::<RestSpec>(value) {
        *spec = changed;
    }
}

/// The JSON of an entry; null for what has none, which the types of this crate rule out.
pub(crate) fn json<T: serde::Serialize>(entry: &T) -> Value {
    serde_json::to_value(entry).unwrap_or_default()
}
