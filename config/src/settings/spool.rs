//! `[spool]`: where sealed files wait while they are hashed.

use std::path::PathBuf;

use serde::Deserialize;

use crate::document::Document;
use crate::fault::Fault;
use crate::settings::numbers::{Bound, bounded};

/// Beside the configuration: on a disk of the operator's choice, never in the system's shared folder.
const DIR: &str = "spool";

/// The spool. A file in it has no name, so nothing is left behind by a crash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spool {
    /// Folder, made if it does not exist. Default `spool`.
    pub dir: PathBuf,
    /// Bytes of all files under way together; beyond them callers are refused (`exchange.overloaded`). Default 1 GiB.
    pub bytes_max: u64,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawSpool {
    dir: Option<PathBuf>,
    bytes_max: Option<u64>,
}

const BYTES_MAX: Bound = Bound { default: 1 << 30, least: 1 << 20, most: 1 << 50 };

impl Spool {
    pub(crate) fn read(raw: &RawSpool, document: &Document<'_>, faults: &mut Vec<Fault>) -> Self {
        let bytes_max = bounded(raw.bytes_max, &BYTES_MAX, "spool.bytes_max", document, faults);
        Self { dir: document.resolve(raw.dir.as_deref().unwrap_or(DIR.as_ref())), bytes_max }
    }
}
