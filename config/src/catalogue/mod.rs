//! Catalogue files: parties, systems, purposes, resources, grants and bindings, declared in TOML
//! and compiled into the snapshot that decides calls.

mod bindings;
mod difference;
mod file;
mod grants;
mod operations;
mod parties;
mod places;
mod plan;
mod production;
mod resources;
mod sealed;
mod written;

use std::path::PathBuf;

use aws_lc_rs::digest::{SHA256, digest};
use sluice_domain::policy::{Policy, PolicyError, PolicyParts};
use sluice_domain::{Egress, Limits, System};

pub use bindings::Docking;
pub use difference::{Change, Difference, Fates, MemberChange, Noun, Summary};
pub use file::{
    CatalogueFile, ConditionEntry, ConfirmationEntry, GrantEntry, HandlerEntry, ItemEntry, PartyEntry, PurposeEntry,
    ResourceEntry, RowScope, SystemEntry,
};

pub use operations::{DigestEntry, FilesEntry, OperationEntry, SubjectEntry, SubjectsEntry, TimesEntry};
pub use plan::{Rewrite, Text};
pub use written::{Written, digest_of};

use crate::document::{Document, Source};
use crate::fault::{Fault, Faults};
use crate::settings::Environment;
use grants::Catalogued;
use places::{Findings, Names, Place};
use resources::Register;
use written::Entries;

/// Bytes of the content's SHA-256 that name a revision: enough to tell every state of the rules
/// apart, short enough for logs.
const REVISION_BYTES: usize = 8;

/// A compiled catalogue.
#[derive(Debug)]
pub struct Catalogue {
    /// What decides calls. Its revision names the content, whatever its order or its split into files.
    pub policy: Policy,
    /// How resources are reached, in the order of the files.
    pub bindings: Vec<Docking>,
    /// The content as declared, merged.
    pub declared: CatalogueFile,
    /// The same by files, with paths that hold anywhere.
    pub files: Vec<Written>,
    /// What may stand but should be looked at.
    pub warnings: Vec<Fault>,
}

/// What a catalogue is judged by, beside itself.
#[derive(Clone, Copy, Default)]
pub(crate) struct Rules<'s> {
    /// Limits where neither a grant nor its share condition sets one.
    pub(crate) default_limits: Limits,
    /// What the node stands in for; `None` where no node is known.
    pub(crate) environment: Option<Environment>,
    /// Addresses that may be called, where they are known.
    pub(crate) egress: Option<&'s Egress>,
}

impl Catalogue {
    /// Reads and compiles catalogue files. `default_limits` hold where neither a grant nor its share
    /// condition sets one.
    ///
    /// # Errors
    /// Everything that is wrong, at its place.
    pub fn load(files: &[PathBuf], default_limits: Limits) -> Result<Self, Faults> {
        let mut faults = Vec::new();
        let loaded = Self::read(files, Rules { default_limits, ..Rules::default() }, &mut faults);
        Faults::refuse_any(faults)?;
        loaded.ok_or_else(Faults::unexplained)
    }

    /// Like [`Self::load`], adding to faults found before; `None` only if something was added.
    pub(crate) fn read(files: &[PathBuf], rules: Rules<'_>, faults: &mut Vec<Fault>) -> Option<Self> {
        let before = faults.len();
        let sources: Vec<Option<Source>> =
            files.iter().map(|path| Source::read_either(path).map_err(|fault| faults.push(fault)).ok()).collect();
        let documents: Vec<Option<Document<'_>>> =
            sources.iter().flatten().map(|source| Document::parse(source, faults)).collect();
        // A file that cannot be read would make every reference to its content look wrong.
        if faults.len() > before {
            return None;
        }
        let documents: Vec<Document<'_>> = documents.into_iter().flatten().collect();
        let mut findings = Findings { documents: &documents, faults: Vec::new(), warnings: Vec::new() };
        let loaded = compile(rules, &mut findings);
        faults.append(&mut findings.faults);
        loaded
    }
}

/// The entries of all files with the names that they declare.
struct Declared {
    parties: Names,
    purposes: Names,
    resources: Names,
    grants: Names,
}

fn compile(rules: Rules<'_>, findings: &mut Findings<'_, '_>) -> Option<Catalogue> {
    for document in findings.documents {
        document.only(&CatalogueFile::TABLES, &mut findings.faults);
    }
    let mut names = Declared {
        parties: Names::of("party"),
        purposes: Names::of("purpose"),
        resources: Names::of("resource"),
        grants: Names::of("grant"),
    };
    let purposes = findings.entries("purposes", "code", &mut names.purposes);
    let parties = findings.entries("parties", "key", &mut names.parties);
    let systems = findings.entries("systems", "id", &mut Names::of("system"));
    let resources = findings.entries("resources", "code", &mut names.resources);
    let grants = findings.entries("grants", "id", &mut names.grants);
    let rest = findings.entries("rest", "resource", &mut Names::of("binding"));

    let mut parts = PolicyParts { default_limits: rules.default_limits, ..PolicyParts::default() };
    parts.purposes = parties::purposes(&purposes, &mut names.purposes, findings);
    parts.parties = parties::parties(&parties, &mut names.parties, findings);
    parts.systems = parties::systems(&systems, &names.parties, findings);
    let register = Register { parties: &names.parties, purposes: &names.purposes };
    parts.resources = resources::resources(&resources, &register, &mut names.resources, findings);
    let catalogued = Catalogued {
        parties: &names.parties,
        purposes: &names.purposes,
        resources: &names.resources,
        entries: &resources,
    };
    parts.grants = grants::grants(&grants, &catalogued, &mut names.grants, findings);
    let bindings = bindings::bindings(rest.as_slice(), &parts.resources, &names.resources, rules.egress, findings);
    sealed::refuse_marks(&rest, findings);
    if rules.environment == Some(Environment::Production) {
        production::check(&rest, findings);
    }

    let entries = Entries { parties, systems, purposes, resources, grants, rest };
    let files = entries.by_file(findings.documents);
    let declared = entries.merged();
    parts.revision = revision(&declared, &parts.systems, rules.default_limits);
    let built = Policy::build(parts).map_err(|errors| errors.iter().for_each(|error| report(error, &names, findings)));
    let policy = built.ok().filter(|_| findings.faults.is_empty())?;
    Some(Catalogue { policy, bindings, declared, files, warnings: std::mem::take(&mut findings.warnings) })
}

/// Position as the snapshot counts it. Files are far shorter than 2^32 entries.
fn index(position: usize) -> u32 {
    u32::try_from(position).unwrap_or(u32::MAX)
}

/// Puts what the snapshot's own checks found to the place of the entry.
fn report(error: &PolicyError, names: &Declared, findings: &mut Findings<'_, '_>) {
    let (at, message) = match error {
        PolicyError::Resource { code, rule } => {
            (names.resources.place(code.as_str()), format!("resource \"{code}\": {rule}"))
        }
        PolicyError::Grant { id, rule } => (names.grants.place(id.as_str()), format!("grant \"{id}\": {rule}")),
        PolicyError::Party { key, rule } => (names.parties.place(key.as_str()), format!("party \"{key}\": {rule}")),
        PolicyError::Repeated { .. } | PolicyError::Dangling { .. } => (None, error.to_string()),
    };
    let start = Place { file: 0, path: String::new() };
    findings.fault(at.unwrap_or(&start), message, None);
}

/// Names the content in its canonical order, with the certificates behind their paths.
fn revision(declared: &CatalogueFile, systems: &[System], default_limits: Limits) -> String {
    let mut content = declared.clone();
    content.sort();
    content.systems.iter_mut().for_each(|system| {
        system.certificates.clear();
        system.fingerprints.clear();
    });
    let mut prints: Vec<_> = systems.iter().map(|system| (&system.id, &system.fingerprints)).collect();
    prints.sort();
    let canonical = serde_json::to_vec(&(content, prints, default_limits)).unwrap_or_default();
    let whole = digest(&SHA256, &canonical);
    whole.as_ref().iter().take(REVISION_BYTES).fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}
