//! The configuration of the exchange: `sluice.toml` and the catalogue files that it names.
//!
//! Written forms are typed and refuse unknown keys; a value of a valid form is correct. Whatever is
//! wrong is said with file, line, column and the right form, as far as possible all at once.

pub mod catalogue;
pub mod demo;
mod document;
mod fault;
mod material;
mod secret;
pub mod settings;
mod shape;

use std::path::Path;

pub use catalogue::{Catalogue, CatalogueFile, Docking};
pub use fault::{Fault, Faults};
pub use secret::{Secret, SecretRef};
pub use settings::Settings;

use document::{Document, Source};

/// A whole configuration that was found correct.
#[derive(Debug)]
pub struct Loaded {
    /// `sluice.toml`.
    pub settings: Settings,
    /// The catalogue files that it names, compiled.
    pub catalogue: Catalogue,
}

/// Reads a configuration with every file that it names: catalogues, certificates, keys, revocation
/// lists, key sets. Blocking; no network.
///
/// # Errors
/// Everything that is wrong. If `sluice.toml` itself is wrong, its catalogue files are still
/// checked as far as it names them.
pub fn load(path: &Path) -> Result<Loaded, Faults> {
    let source = Source::read(path).map_err(Faults::one)?;
    let mut faults = Vec::new();
    let loaded = Document::parse(&source, &mut faults).and_then(|document| {
        let (settings, files) = Settings::read(&document, &mut faults);
        let limits = settings.as_ref().map(|settings| settings.limits.defaults).unwrap_or_default();
        let egress = settings.as_ref().map(|settings| &settings.egress);
        let catalogue = files.and_then(|named| Catalogue::read(&named.files, limits, egress, &mut faults));
        Some(Loaded { settings: settings?, catalogue: catalogue? })
    });
    Faults::refuse_any(faults)?;
    loaded.ok_or_else(Faults::unexplained)
}
