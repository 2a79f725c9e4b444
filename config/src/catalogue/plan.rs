//! From a catalogue to another one that is wanted: what each file will hold, and what would be taken
//! away from parties that are using it. Pure; the files are the caller's.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use serde::{Serialize, ser::Error as _};
use serde_json::Value;
use sluice_domain::{Day, Grant, GrantState};

use crate::catalogue::Catalogue;
use crate::catalogue::difference::{Change, Difference, Noun};
use crate::catalogue::file::CatalogueFile;
use crate::catalogue::sealed::seal;
use crate::catalogue::written::{Written, json};

/// A file that changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rewrite {
    /// Which file.
    pub path: PathBuf,
    /// SHA-256 of what stood in it when the change was worked out.
    pub standing: [u8; 32],
    /// What it will hold.
    pub text: Text,
}

/// Where the text of a file comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Text {
    /// This file as it is, comments and all.
    Of(PathBuf),
    /// The canonical form.
    Canonical(String),
}

impl Catalogue {
    /// The merged content in canonical form: sorted, paths absolute, systems by the fingerprints of
    /// their certificates, so that it holds without the files.
    pub fn content(&self) -> CatalogueFile {
        let mut content = merged(&self.files);
        let prints: HashMap<&str, &[[u8; 32]]> =
            self.policy.systems().iter().map(|system| (system.id.as_str(), system.fingerprints.as_slice())).collect();
        for system in &mut content.systems {
            system.certificates.clear();
            let prints = prints.get(system.id.as_str()).copied().unwrap_or_default();
            system.fingerprints = prints.iter().map(hex).collect();
        }
        content.sort();
        content
    }

    /// The canonical form with paths relative to `folder`, for a file there. Secrets that stand in it
    /// in clear are replaced by a mark that no check accepts.
    pub fn export(&self, folder: &Path) -> CatalogueFile {
        let mut content = self.content().relative_to(folder);
        for spec in &mut content.rest {
            let mut value = json(spec);
            seal(&mut value);
            if let Ok(sealed) = serde_json::from_value(value) {
                *spec = sealed;
            }
        }
        content
    }

    /// What would differ if `wanted` stood in place of this catalogue.
    pub fn difference(&self, wanted: &Self) -> Difference {
        Difference::between(&self.content(), &wanted.content())
    }

    /// What the files will hold so that they say what `wanted` says. Entries stay in their files and
    /// keep their words if they mean the same; new ones go to the last file that has entries of their
    /// kind. One file that is replaced by one file takes its text as it is, if that means the same there.
    ///
    /// # Errors
    /// A content that TOML or JSON cannot hold.
    pub fn rewrites(&self, wanted: &Self) -> Result<Vec<Rewrite>, toml::ser::Error> {
        if let ([standing], [source]) = (self.files.as_slice(), wanted.files.as_slice())
            && source.path.extension() == standing.path.extension()
            && means_the_same_in(source, &standing.path)
        {
            let text = Text::Of(source.path.clone());
            return Ok(vec![Rewrite { path: standing.path.clone(), standing: standing.digest, text }]);
        }
        let mut files: Vec<CatalogueFile> = self.files.iter().map(|file| file.content.clone()).collect();
        let (old, new) = (self.content(), wanted.content());
        let written = merged(&wanted.files);
        macro_rules! merge {
            ($($table:ident by $id:ident;)*) => {$(
                let kept = same(&old.$table, &new.$table, |entry| entry.$id.to_string());
                let tables = files.iter_mut().map(|file| &mut file.$table).collect();
                merge(tables, written.$table, &kept, |entry| entry.$id.to_string());
            )*};
        }
        merge!(parties by key; systems by id; purposes by code; resources by code; grants by id; rest by resource;);
        let changed = files.into_iter().zip(&self.files).filter(|(after, before)| json(after) != json(&before.content));
        let rewrite = |(mut content, standing): (CatalogueFile, &Written)| {
            content.sort();
            let folder = standing.path.parent().unwrap_or(Path::new("/"));
            let content = content.relative_to(folder);
            let is_json = standing.path.extension().is_some_and(|extension| extension == "json");
            let text =
                if is_json { content.to_json().map_err(toml::ser::Error::custom)? } else { content.to_toml()? };
            let text = Text::Canonical(text);
            Ok(Rewrite { path: standing.path.clone(), standing: standing.digest, text })
        };
        changed.map(rewrite).collect()
    }

    /// Deletions that would take something away from a party that holds a live grant today, one
    /// sentence each.
    pub fn losses(&self, difference: &Difference, today: Day) -> Vec<String> {
        let live: Vec<&Grant> = self.policy.grants().iter().filter(|grant| is_live(grant, today)).collect();
        let needed_by = |needs: &dyn Fn(&Grant) -> bool| live.iter().find(|grant| needs(grant)).map(|grant| &grant.id);
        let loss = |change: &Change| {
            let id = change.id.as_str();
            let policy = &self.policy;
            let resource_of = |grant: &Grant| policy.resource(grant.resource).map(|resource| resource.code.as_str());
            let party_is = |ix, key: &str| policy.party(ix).is_some_and(|party| party.key.as_str() == key);
            let grant = needed_by(&|grant| match change.kind {
                Noun::Grant => grant.id.as_str() == id,
                Noun::Resource | Noun::Binding => resource_of(grant) == Some(id),
                Noun::Party => party_is(grant.party, id),
                Noun::System => {
                    let system = policy.systems().iter().find(|system| system.id.as_str() == id);
                    system.is_some_and(|system| system.party == grant.party)
                }
                Noun::Purpose => policy.purpose_by_code(id).is_some_and(|ix| grant.purposes.contains(&ix)),
                // People come and go; a grant is the party's.
                Noun::Handler => false,
            })?;
            let why = if change.kind == Noun::Grant {
                "is live".to_owned()
            } else {
                format!("is needed by live grant {grant}")
            };
            Some(format!("{} {id} {why}", change.kind.as_str()))
        };
        difference.deleted().filter_map(loss).collect()
    }
}

/// In force, or to be again: only what is over is nobody's loss.
fn is_live(grant: &Grant, today: Day) -> bool {
    matches!(grant.state, GrantState::Active | GrantState::Suspended) && grant.valid_until >= today
}

fn hex(print: &[u8; 32]) -> String {
    print.iter().fold(String::with_capacity(64), |text, byte| text + &format!("{byte:02x}"))
}

fn merged(files: &[Written]) -> CatalogueFile {
    let mut all = CatalogueFile::default();
    for Written { content, .. } in files {
        all.parties.extend_from_slice(&content.parties);
        all.systems.extend_from_slice(&content.systems);
        all.purposes.extend_from_slice(&content.purposes);
        all.resources.extend_from_slice(&content.resources);
        all.grants.extend_from_slice(&content.grants);
        all.rest.extend_from_slice(&content.rest);
    }
    all
}

/// Whether the text of a file names the same files when it stands at `path`.
fn means_the_same_in(source: &Written, path: &Path) -> bool {
    let (Some(own), Some(other)) = (source.path.parent(), path.parent()) else { return false };
    own == other || json(&source.content.clone().relative_to(own)) == json(&source.content)
}

/// Ids of the entries that mean the same in both.
fn same<T: Serialize>(old: &[T], new: &[T], id: impl Fn(&T) -> String) -> HashSet<String> {
    let before: HashMap<String, Value> = old.iter().map(|entry| (id(entry), json(entry))).collect();
    new.iter().filter(|entry| before.get(&id(entry)) == Some(&json(*entry))).map(&id).collect()
}

/// Makes one table over all files hold what is wanted.
fn merge<T>(mut tables: Vec<&mut Vec<T>>, wanted: Vec<T>, kept: &HashSet<String>, id: impl Fn(&T) -> String) {
    let home = tables.iter().rposition(|table| !table.is_empty()).unwrap_or(0);
    let mut wanted: Vec<Option<T>> = wanted.into_iter().map(Some).collect();
    let mut at: HashMap<String, usize> = HashMap::new();
    for (position, entry) in wanted.iter().enumerate() {
        at.extend(entry.as_ref().map(|entry| (id(entry), position)));
    }
    for table in &mut tables {
        table.retain_mut(|entry| {
            let id = id(entry);
            let Some(new) = at.get(&id).and_then(|position| wanted.get_mut(*position)).and_then(Option::take) else {
                return false;
            };
            if !kept.contains(&id) {
                *entry = new;
            }
            true
        });
    }
    if let Some(table) = tables.get_mut(home) {
        table.extend(wanted.into_iter().flatten());
    }
}
