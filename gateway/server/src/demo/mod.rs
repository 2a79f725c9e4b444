//! `sluice demo`: the whole exchange on one machine, from fixtures to lines that can be pasted.

mod directory;
mod docking;
mod examples;
mod fixtures;
mod guide;
mod layout;
mod secrets;
mod settings;
mod stand_ins;

use std::env;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use sluice_domain::Day;

use crate::cli;
use crate::failure::Outcome;
use crate::service::{self, Manner};
use crate::{clock, logs, output};
use directory::Directory;
use fixtures::Fixtures;
use guide::Guide;

pub(crate) fn run(given: &cli::Demo) -> Outcome {
    let now_unix_s = clock::now_unix_s();
    let fixtures = Fixtures::load(given.fixtures.as_deref())?;
    let mut dir = Directory::take(&given.dir)?;
    free(given.port, "data")?;
    free(settings::ops_port(given.port), "ops")?;
    if given.fresh {
        dir.empty()?;
    }
    let laid_out = layout::lay_out(&mut dir, &fixtures, given.port, now_unix_s)?;
    if let Some(note) = &laid_out.note {
        output::line(note)?;
    }
    let config = dir.file(layout::SETTINGS);
    let loaded = sluice_config::load(&config)?;
    logs::start(loaded.settings.log)?;
    let examples = examples::find(&loaded.catalogue.policy, &fixtures.records, Day::at(now_unix_s));
    let guide = Guide { dir: &given.dir, port: given.port, program: program() }.text(&examples);
    let ready = || output::line(&guide).context("cannot print");
    service::run(loaded, Manner { config, ready, ends_at_hang_up: true })?;
    drop(laid_out.stand_ins);
    Ok(ExitCode::SUCCESS)
}

/// Refuses a port that someone listens on, before anything is made.
fn free(port: u16, listener: &str) -> anyhow::Result<()> {
    if let Err(error) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
        bail!(
            "port {port} for the {listener} listener cannot be used ({error}): is another demo running? choose other ports with --port"
        );
    }
    Ok(())
}

/// How a shell in this folder calls this program.
fn program() -> String {
    let path = env::current_exe().unwrap_or_else(|_| "sluice".into());
    let here = env::current_dir().ok();
    let short = here.and_then(|here| path.strip_prefix(here).map(Path::to_path_buf).ok()).unwrap_or(path);
    guide::quoted(&short)
}
