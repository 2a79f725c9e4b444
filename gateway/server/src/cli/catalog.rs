//! `sluice catalog` on the command line.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

const FILE_HELP: &str = "A catalogue file in TOML or JSON, or a folder whose *.toml files are merged";

#[derive(Debug, Subcommand)]
pub(crate) enum Catalog {
    /// Check catalogue files on their own: exit 0 if they hold, 78 if not
    Check(CatalogCheck),
    /// Compare a catalogue with the node's: exit 0 if nothing differs, 2 if something does, 1 on any error
    Diff(CatalogDiff),
    /// Make the node's catalogue say what these files say; a running node takes it up at once
    Apply(CatalogApply),
    /// Write the node's catalogue in its canonical form
    Export(CatalogExport),
    /// Draft operations of a resource from an OpenAPI 3 document in JSON
    ImportOpenapi(CatalogImportOpenapi),
}

#[derive(Debug, Args)]
pub(crate) struct CatalogImportOpenapi {
    /// The document
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Catalogue code of the resource that the operations will belong to
    #[arg(long, value_name = "CODE")]
    pub(crate) resource: String,
}

#[derive(Debug, Args)]
pub(crate) struct CatalogCheck {
    #[arg(value_name = "FILE", help = FILE_HELP)]
    pub(crate) file: PathBuf,
    /// Answer in JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CatalogDiff {
    #[arg(value_name = "FILE", help = FILE_HELP)]
    pub(crate) file: PathBuf,
    /// The node's configuration, sluice.toml
    #[arg(long, short, value_name = "FILE")]
    pub(crate) config: PathBuf,
    /// Answer in JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CatalogApply {
    #[arg(value_name = "FILE", help = FILE_HELP)]
    pub(crate) file: PathBuf,
    /// The node's configuration, sluice.toml
    #[arg(long, short, value_name = "FILE")]
    pub(crate) config: PathBuf,
    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,
    /// Show what would be done and do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Delete even what live grants need
    #[arg(long)]
    pub(crate) prune: bool,
    /// Only if the node's catalogue still has this revision, as `diff` told it
    #[arg(long, value_name = "REVISION")]
    pub(crate) base: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct CatalogExport {
    /// Where to write; default standard output
    #[arg(value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// The node's configuration, sluice.toml
    #[arg(long, short, value_name = "FILE")]
    pub(crate) config: PathBuf,
    /// How it is written; both read back with the other commands
    #[arg(long, value_enum, default_value_t = Format::Toml)]
    pub(crate) format: Format,
}

/// How an export is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Toml,
    Json,
}
