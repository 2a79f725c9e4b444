//! `sluice.toml` in its valid form: one module per section. A value of these types is correct; what
//! was wrong with the file has been said at its place.

mod data;
mod egress;
mod ledger;
mod limits;
mod log;
mod node;
mod numbers;
mod ops;
mod production;
mod restart;
mod spool;
mod subjects;
mod tokens;
mod url;
mod witnesses;

use std::path::PathBuf;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use sluice_domain::Egress;

pub(crate) use data::address;
pub use data::{Data, DataLimits, Drain, Timeouts};
pub use ledger::{Ledger, LedgerPace};
pub use limits::CallLimits;
pub use log::{Log, LogFormat, LogLevel};
pub use node::{Environment, Node};
pub use ops::Ops;
pub(crate) use restart::refuse_restarts;
pub use spool::Spool;
pub use subjects::{KeyService, SubjectKeys, Subjects, TagKey, monthly_key, monthly_key_of};
pub use tokens::{Issuer, TokenPace, Tokens};
pub use witnesses::{OnUnreachable, WitnessPace, WitnessPeer, Witnesses};

use crate::document::Document;
use crate::fault::Fault;
use crate::shape;

/// All sections of `sluice.toml`.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `[node]`.
    pub node: Node,
    /// `[data]`.
    pub data: Data,
    /// `[ops]`, optional.
    pub ops: Ops,
    /// `[ledger]`.
    pub ledger: Ledger,
    /// `[tokens]`.
    pub tokens: Tokens,
    /// `[limits]`, optional.
    pub limits: CallLimits,
    /// `[subjects]`.
    pub subjects: Subjects,
    /// `[catalogue]`.
    pub catalogue: CatalogueFiles,
    /// `[spool]`, optional.
    pub spool: Spool,
    /// `[log]`, optional.
    pub log: Log,
    /// `[egress]`, optional: which addresses may be called, by the node's environment and what is allowed by name.
    pub egress: Egress,
}

/// `[catalogue]`: where parties, systems, resources, grants and bindings are declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogueFiles {
    /// Catalogue files, merged; at least one.
    pub files: Vec<PathBuf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCatalogueFiles {
    files: Vec<PathBuf>,
}

const SECTIONS: [&str; 11] =
    ["node", "data", "ops", "ledger", "tokens", "limits", "subjects", "catalogue", "log", "egress", "spool"];

impl Settings {
    /// The settings if all of them are right, and the catalogue files if these are.
    pub(crate) fn read(document: &Document<'_>, faults: &mut Vec<Fault>) -> (Option<Self>, Option<CatalogueFiles>) {
        document.only(&SECTIONS, faults);
        let node = mandatory(document, "node", faults).and_then(|raw| Node::read(raw, document, faults));
        let data = mandatory(document, "data", faults).and_then(|raw| Data::read(raw, document, faults));
        if node.as_ref().is_some_and(|node: &Node| node.environment == Environment::Production) {
            production::check(data.as_ref(), document, faults);
        }
        let ops = optional(document, "ops", faults).and_then(|raw| Ops::read(raw, document, faults));
        let ledger = mandatory(document, "ledger", faults).and_then(|raw| Ledger::read(raw, document, faults));
        let tokens = mandatory(document, "tokens", faults).and_then(|raw| Tokens::read(raw, document, faults));
        let limits = optional(document, "limits", faults).map(|raw| CallLimits::read(&raw, document, faults));
        let subjects = mandatory(document, "subjects", faults).and_then(|raw| Subjects::read(&raw, document, faults));
        let catalogue =
            mandatory(document, "catalogue", faults).and_then(|raw| CatalogueFiles::read(&raw, document, faults));
        let spool = optional(document, "spool", faults).map(|raw| Spool::read(&raw, document, faults));
        let log = optional(document, "log", faults);
        let environment = node.as_ref().map_or(Environment::Production, |node| node.environment);
        let egress = optional(document, "egress", faults).map(|raw| egress::read(&raw, environment, document, faults));
        let named = catalogue.clone();
        let whole = || {
            Some(Self {
                node: node?,
                data: data?,
                ops: ops?,
                ledger: ledger?,
                tokens: tokens?,
                limits: limits?,
                subjects: subjects?,
                catalogue: catalogue?,
                spool: spool?,
                log: log?,
                egress: egress?,
            })
        };
        (whole(), named)
    }
}

impl CatalogueFiles {
    fn read(raw: &RawCatalogueFiles, document: &Document<'_>, faults: &mut Vec<Fault>) -> Option<Self> {
        if raw.files.is_empty() {
            faults.push(document.fault(
                "catalogue.files",
                "\"files\": at least one catalogue file",
                shape::example("files"),
            ));
            return None;
        }
        Some(Self { files: raw.files.iter().map(|path| document.resolve(path)).collect() })
    }
}

fn mandatory<T: DeserializeOwned>(document: &Document<'_>, section: &str, faults: &mut Vec<Fault>) -> Option<T> {
    if !document.has(section) && !document.has_misspelt(section, &SECTIONS) {
        faults.push(document.fault(section, format!("section [{section}] is missing"), None));
    }
    document.section(section, faults)
}

fn optional<T: DeserializeOwned + Default>(
    document: &Document<'_>,
    section: &str,
    faults: &mut Vec<Fault>,
) -> Option<T> {
    if document.has(section) { document.section(section, faults) } else { Some(T::default()) }
}
