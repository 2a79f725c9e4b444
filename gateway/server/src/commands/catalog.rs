//! `sluice catalog`: the catalogue as files that are compared and applied as a whole. What differs and
//! what each file will hold is worked out in the configuration crate; here are files and words.

mod apply;
mod replace;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use serde::Serialize;
use sluice_config::catalogue::{Fates, Summary};
use sluice_config::openapi::operations;
use sluice_config::{Catalogue, Difference, Fault};
use sluice_domain::ResourceCode;

use crate::cli::{Catalog, CatalogCheck, CatalogDiff, CatalogExport, CatalogImportOpenapi, Format};
use crate::failure::{CONFIGURATION, FAILED, Outcome};
use crate::output;

/// Exit code of a comparison that found something.
const DIFFERENT: u8 = 2;

pub(crate) fn run(command: Catalog) -> Outcome {
    match command {
        Catalog::Check(given) => check(&given),
        // Here 2 means a difference, and everything that goes wrong is 1.
        Catalog::Diff(given) => diff(&given).or_else(|failure| {
            failure.report();
            Ok(ExitCode::from(FAILED))
        }),
        Catalog::Apply(given) => apply::run(&given),
        Catalog::Export(given) => export(&given),
        Catalog::ImportOpenapi(given) => import_openapi(&given),
    }
}

/// Prints a draft for a person to complete; nothing is written anywhere.
fn import_openapi(given: &CatalogImportOpenapi) -> Outcome {
    let resource = ResourceCode::new(&given.resource).context("--resource")?;
    let document = fs::read_to_string(&given.file).with_context(|| format!("cannot read {}", given.file.display()))?;
    let drafted = operations(&document, &resource).with_context(|| given.file.display().to_string())?;
    output::line(drafted.trim_end())?;
    Ok(ExitCode::SUCCESS)
}

/// The catalogue files that a path names: itself, or the `*.toml` of a folder in the order of their names.
fn files_of(path: &Path) -> anyhow::Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_path_buf()]);
    }
    let listed = fs::read_dir(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let listed = listed.with_context(|| format!("cannot read {}", path.display()))?;
    let mut files: Vec<PathBuf> = listed.iter().map(fs::DirEntry::path).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    if files.is_empty() {
        bail!("{} holds no *.toml file", path.display());
    }
    Ok(files)
}

#[derive(Serialize)]
struct Checked<'a> {
    valid: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    revision: Option<&'a str>,
    faults: &'a [Fault],
    warnings: &'a [Fault],
}

fn check(given: &CatalogCheck) -> Outcome {
    let catalogue = match Catalogue::load(&files_of(&given.file)?, sluice_domain::Limits::default()) {
        Ok(catalogue) => catalogue,
        Err(faults) if given.json => {
            let report = Checked { valid: false, revision: None, faults: faults.list(), warnings: &[] };
            output::put(true, &report, String::new)?;
            return Ok(ExitCode::from(CONFIGURATION));
        }
        Err(faults) => return Err(faults.into()),
    };
    let (policy, warnings) = (&catalogue.policy, catalogue.warnings.as_slice());
    let report = Checked { valid: true, revision: Some(policy.revision()), faults: &[], warnings };
    output::put(given.json, &report, || {
        let warned = warnings.iter().map(|warning| format!("warning: {warning}\n"));
        format!(
            "{}{} is valid: {} parties, {} systems, {} resources, {} bindings, {} grants, revision {}",
            warned.collect::<String>(),
            given.file.display(),
            policy.parties().len(),
            policy.systems().len(),
            policy.resources().len(),
            catalogue.bindings.len(),
            policy.grants().len(),
            policy.revision()
        )
    })?;
    Ok(ExitCode::SUCCESS)
}

/// A comparison as scripts read it.
#[derive(Serialize)]
struct Compared<'d> {
    revision: Revisions<'d>,
    summary: Summary,
    changes: Fates<'d>,
}

#[derive(Serialize)]
struct Revisions<'d> {
    old: &'d str,
    new: &'d str,
}

fn diff(given: &CatalogDiff) -> Outcome {
    let files = files_of(&given.file)?;
    let node = sluice_config::load(&given.config)?.catalogue;
    let wanted = sluice_config::load_proposed(&given.config, &files)?.catalogue;
    let difference = node.difference(&wanted);
    let compared = Compared {
        revision: Revisions { old: node.policy.revision(), new: wanted.policy.revision() },
        summary: difference.summary(),
        changes: difference.fates(),
    };
    output::put(given.json, &compared, || shown(&difference, &node, &wanted))?;
    Ok(if difference.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(DIFFERENT) })
}

/// A comparison as people read it, with the revision that `apply --base` takes.
fn shown(difference: &Difference, node: &Catalogue, wanted: &Catalogue) -> String {
    if difference.is_empty() {
        return format!("nothing differs; the node's revision is {}", node.policy.revision());
    }
    format!("{difference}; revision {} -> {}", node.policy.revision(), wanted.policy.revision())
}

fn export(given: &CatalogExport) -> Outcome {
    let catalogue = sluice_config::load(&given.config)?.catalogue;
    let target = given.file.as_deref().unwrap_or(Path::new("-"));
    let folder = std::path::absolute(target).context("the working folder")?;
    let content = catalogue.export(folder.parent().unwrap_or(Path::new("/")));
    let text = match given.format {
        Format::Toml => content.to_toml().context("the catalogue has no form in TOML")?,
        Format::Json => content.to_json().context("the catalogue has no form in JSON")?,
    };
    match &given.file {
        None => output::line(text.trim_end())?,
        Some(file) => replace::write_new(file, text.as_bytes())?,
    }
    Ok(ExitCode::SUCCESS)
}
