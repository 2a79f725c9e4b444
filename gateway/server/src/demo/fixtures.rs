//! The sample city: the copies built into the binary, or a folder of others.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::Context as _;
use aws_lc_rs::digest;
use serde::Deserialize;

use crate::hex::hex;
use crate::stand_in::records::Record;

const CATALOGUE: (&str, &str) = ("sample_catalog.json", include_str!("../../fixtures/sample_catalog.json"));
const GRANTS: (&str, &str) = ("demo_grants.json", include_str!("../../fixtures/demo_grants.json"));
const RECORDS: (&str, &str) = ("demo_records.json", include_str!("../../fixtures/demo_records.json"));

/// The fixtures of one demo.
pub(crate) struct Fixtures {
    /// Text of the catalogue with its parties and purposes.
    pub(crate) catalogue: Cow<'static, str>,
    /// Text of the grants.
    pub(crate) grants: Cow<'static, str>,
    /// Records by resource code.
    pub(crate) records: BTreeMap<String, Vec<Record>>,
    /// Where they come from, for people.
    pub(crate) source: String,
    /// Tells these fixtures from others, and this version of the conversion from others.
    pub(crate) hash: String,
}

#[derive(Deserialize)]
struct RecordsFile {
    records: BTreeMap<String, Vec<Record>>,
}

impl Fixtures {
    /// Reads the three files of a folder, or takes the built-in ones.
    ///
    /// # Errors
    /// A file that cannot be read, or records that are no such file.
    pub(crate) fn load(folder: Option<&Path>) -> anyhow::Result<Self> {
        let catalogue = text(folder, CATALOGUE)?;
        let grants = text(folder, GRANTS)?;
        let records = text(folder, RECORDS)?;
        let mut hash = digest::Context::new(&digest::SHA256);
        for part in [env!("CARGO_PKG_VERSION"), &catalogue, &grants] {
            hash.update(&(part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        let hash = hex(hash.finish().as_ref());
        let records: RecordsFile = serde_json::from_str(&records)
            .with_context(|| format!("{} is not {{\"records\": {{CODE: [RECORD, …]}}}}", RECORDS.0))?;
        let source = folder.map_or_else(|| "the built-in fixtures".to_owned(), |folder| folder.display().to_string());
        Ok(Self { catalogue, grants, records: records.records, source, hash })
    }
}

fn text(folder: Option<&Path>, (name, built_in): (&str, &'static str)) -> anyhow::Result<Cow<'static, str>> {
    let Some(folder) = folder else { return Ok(Cow::Borrowed(built_in)) };
    let path = folder.join(name);
    fs::read_to_string(&path).map(Cow::Owned).with_context(|| format!("cannot read {}", path.display()))
}
