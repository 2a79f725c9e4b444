//! The configuration of the exchange: `sluice.toml` and the catalogue files that it names.
//!
//! Written forms are typed and refuse unknown keys; a value of a valid form is correct. Whatever is
//! wrong is said with file, line, column and the right form, as far as possible all at once.

pub mod catalogue;
pub mod demo;
mod document;
mod fault;
mod json;
mod material;
pub mod openapi;
mod secret;
pub mod settings;
mod shape;
pub mod witness;

use std::path::{Path, PathBuf};

pub use catalogue::{Catalogue, CatalogueFile, Difference, Docking};
pub use fault::{Fault, Faults};
pub use secret::{Secret, SecretRef};
pub use settings::Settings;
use sluice_domain::Gate;

use catalogue::Rules;
use document::{Document, Source};

/// A whole configuration that was found correct.
#[derive(Debug)]
pub struct Loaded {
    /// `sluice.toml`.
    pub settings: Settings,
    /// The catalogue files that it names, compiled.
    pub catalogue: Catalogue,
}

impl Loaded {
    /// A resource whose answers wait for witnesses that nobody listed would never be answered.
    fn unwitnessed_gate(&self) -> Option<String> {
        let is_witnessed = !self.settings.ledger.witnesses.peers.is_empty();
        let gated = self.catalogue.policy.resources().iter().find(|resource| resource.gate == Gate::Witness);
        let code = &gated.filter(|_| !is_witnessed)?.code;
        Some(format!("resource \"{code}\" has gate = \"local+witness\", and the ledger has no [[ledger.witnesses]]"))
    }
}

/// Reads a configuration with every file that it names: catalogues, certificates, keys, revocation
/// lists, key sets. Blocking; no network.
///
/// # Errors
/// Everything that is wrong. If `sluice.toml` itself is wrong, its catalogue files are still
/// checked as far as it names them.
pub fn load(path: &Path) -> Result<Loaded, Faults> {
    read(path, None, None)
}

/// Reads it again for a process that runs with `running`: a change that needs a restart is a fault, too.
///
/// # Errors
/// As [`load`].
pub fn reload(path: &Path, running: &Settings) -> Result<Loaded, Faults> {
    read(path, None, Some(running))
}

/// The same with other catalogue files in place of those that the configuration names: what it would
/// be once they are applied.
///
/// # Errors
/// As [`load`].
pub fn load_proposed(path: &Path, catalogue: &[PathBuf]) -> Result<Loaded, Faults> {
    read(path, Some(catalogue), None)
}

fn read(path: &Path, proposed: Option<&[PathBuf]>, running: Option<&Settings>) -> Result<Loaded, Faults> {
    let source = Source::read(path).map_err(Faults::one)?;
    let mut faults = Vec::new();
    let loaded = Document::parse(&source, &mut faults).and_then(|document| {
        let (settings, named) = Settings::read(&document, &mut faults);
        if let Some((running, written)) = running.zip(settings.as_ref()) {
            settings::refuse_restarts(running, written, &document, &mut faults);
        }
        let rules = Rules {
            default_limits: settings.as_ref().map(|settings| settings.limits.defaults).unwrap_or_default(),
            environment: settings.as_ref().map(|settings| settings.node.environment),
            egress: settings.as_ref().map(|settings| &settings.egress),
        };
        let files = proposed.map(<[PathBuf]>::to_vec).or(named.map(|named| named.files));
        let catalogue = files.and_then(|files| Catalogue::read(&files, rules, &mut faults));
        let loaded = Loaded { settings: settings?, catalogue: catalogue? };
        faults.extend(loaded.unwitnessed_gate().map(|message| document.fault("ledger", message, None)));
        Some(loaded)
    });
    Faults::refuse_any(faults)?;
    loaded.ok_or_else(Faults::unexplained)
}
