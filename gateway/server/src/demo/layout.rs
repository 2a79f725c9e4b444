//! Everything under the demo's folder, made or completed so that a restart keeps identities,
//! catalogue and ledger, and an interrupted start is made good by the next.

use std::fs;
use std::path::PathBuf;

use anyhow::Context as _;
use sluice_certs::demo::{DemoPki, REVOKED, lay_out as lay_out_pki, system_of};
use sluice_config::CatalogueFile;

use super::directory::Directory;
use super::fixtures::Fixtures;
use super::stand_ins::StandIns;
use super::{docking, secrets, settings};

/// The configuration's file.
pub(super) const SETTINGS: &str = "sluice.toml";
const CATALOGUE: &str = "catalogue.toml";
const PREVIOUS: &str = "catalogue.toml.previous";
const BINDINGS: &str = "bindings.toml";
const STAND_INS: &str = "stand-ins.json";
/// Whose second certificate is the revoked one, unless the fixtures lack it.
const REVOKED_PARTY: &str = "mz";

/// A demo that is ready to be served.
pub(super) struct LaidOut {
    /// The departmental systems.
    pub(super) stand_ins: StandIns,
    /// What a person should know of it.
    pub(super) note: Option<String>,
}

/// Lays everything out and starts the stand-ins.
///
/// # Errors
/// Fixtures that cannot be converted; the file system; a process that does not start.
pub(super) fn lay_out(dir: &mut Directory, fixtures: &Fixtures, port: u16, now_unix_s: i64) -> anyhow::Result<LaidOut> {
    secrets::make_keys(dir)?;
    dir.folder("ledger")?;
    dir.folder("store")?;
    let note = keep_or_make_catalogue(dir, fixtures)?;
    // One that somebody broke by hand is reported with its place when it is loaded; until then no
    // more is known of it.
    let catalogue: CatalogueFile =
        fs::read_to_string(dir.file(CATALOGUE)).ok().and_then(|text| toml::from_str(&text).ok()).unwrap_or_default();

    let revoked_party = revoked_party(&catalogue).to_owned();
    let pki = pki(dir, &catalogue, &revoked_party, now_unix_s)?;
    let url = settings::public_url(port);
    secrets::hand_out_tokens(dir, &pki, &revoked_party, &url, now_unix_s)?;

    let stand_ins = StandIns::start(docking::plan(&catalogue, &fixtures.records))?;
    dir.write(STAND_INS, serde_json::to_string_pretty(&stand_ins.list())?.as_bytes())?;
    let bindings = stand_ins.bindings()?.to_toml()?;
    dir.write(
        BINDINGS,
        format!("# Written by `sluice demo` at each start: the ports change.\n\n{bindings}").as_bytes(),
    )?;
    dir.write(SETTINGS, settings::text(port).as_bytes())?;
    Ok(LaidOut { stand_ins, note })
}

fn pki(dir: &Directory, catalogue: &CatalogueFile, revoked_party: &str, now_unix_s: i64) -> anyhow::Result<DemoPki> {
    let parties: Vec<&str> = catalogue.parties.iter().map(|party| party.key.as_str()).collect();
    lay_out_pki(dir.path(), &parties, revoked_party, now_unix_s).context("cannot make the demo's certificates")
}

fn revoked_party(catalogue: &CatalogueFile) -> &str {
    let keys = || catalogue.parties.iter().map(|party| party.key.as_str());
    keys().find(|key| *key == REVOKED_PARTY).or_else(|| keys().next()).unwrap_or(REVOKED_PARTY)
}

/// Writes the catalogue where there is none, or where the fixtures are others than it was made from.
fn keep_or_make_catalogue(dir: &mut Directory, fixtures: &Fixtures) -> anyhow::Result<Option<String>> {
    let file = dir.file(CATALOGUE);
    let made_from = dir.fixtures()?;
    if file.exists() && made_from.as_deref() == Some(&fixtures.hash) {
        return Ok(None);
    }
    let catalogue = made(fixtures)?.to_toml()?;
    let note = if file.exists() {
        fs::rename(&file, dir.file(PREVIOUS)).with_context(|| format!("cannot set {} aside", file.display()))?;
        let source = &fixtures.source;
        Some(format!("The fixtures have changed: {CATALOGUE} was made anew from {source}; the old one is {PREVIOUS}."))
    } else {
        None
    };
    dir.write(CATALOGUE, format!("# Made by `sluice demo` from {}.\n\n{catalogue}", fixtures.source).as_bytes())?;
    dir.note_fixtures(Some(&fixtures.hash))?;
    Ok(note)
}

/// The catalogue with one system for each party. The revoked certificate is registered too, so that
/// a call with it is refused as that system's call and recorded as such.
fn made(fixtures: &Fixtures) -> anyhow::Result<CatalogueFile> {
    let certificate = |folder: &str| PathBuf::from(format!("pki/parties/{folder}/cert.pem"));
    let mut catalogue =
        sluice_config::demo::catalogue_from(&fixtures.catalogue, &fixtures.grants, |party| vec![certificate(party)])?;
    let revoked = system_of(revoked_party(&catalogue));
    let of_revoked = catalogue.systems.iter_mut().find(|system| system.id == revoked);
    if let Some(system) = of_revoked {
        system.certificates.push(certificate(REVOKED));
    }
    Ok(catalogue)
}
