//! The running stand-ins: processes of this same binary, started with the demo and ended with it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, bail};
use serde::Serialize;
use sluice_config::CatalogueFile;

use crate::stand_in::{Listening, Specification, binding};

/// The stand-ins of one demo. Dropping the value ends them.
pub(crate) struct StandIns {
    running: Vec<StandIn>,
}

struct StandIn {
    process: Child,
    specification: Specification,
    port: u16,
}

/// One line of `stand-ins.json`.
#[derive(Debug, Serialize)]
pub(crate) struct Listed<'a> {
    resources: Vec<&'a str>,
    pid: u32,
}

impl StandIns {
    /// Starts them all and waits until each listens.
    ///
    /// # Errors
    /// A process that cannot be started or does not listen; the others are ended.
    pub(crate) fn start(specifications: Vec<Specification>) -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("cannot find the program that runs")?;
        let mut all = Self { running: Vec::with_capacity(specifications.len()) };
        for specification in specifications {
            let process = Command::new(&program)
                .arg("stand-in")
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                // Ctrl-C goes to a terminal's whole foreground group: the gateway has to drain
                // while these still answer.
                .process_group(0)
                .spawn()
                .with_context(|| format!("cannot start {}", program.display()))?;
            all.running.push(StandIn { process, specification, port: 0 });
        }
        for stand_in in &mut all.running {
            stand_in.instruct()?;
        }
        for stand_in in &mut all.running {
            stand_in.port = stand_in.listening()?;
        }
        Ok(all)
    }

    /// What runs, for `stand-ins.json`.
    pub(crate) fn list(&self) -> Vec<Listed<'_>> {
        let listed = self.running.iter().map(|stand_in| Listed {
            resources: stand_in.specification.resources.iter().map(|docked| docked.code.as_str()).collect(),
            pid: stand_in.process.id(),
        });
        listed.collect()
    }

    /// The bindings that dock them.
    ///
    /// # Errors
    /// A code that the catalogue would not have taken.
    pub(crate) fn bindings(&self) -> anyhow::Result<CatalogueFile> {
        let docked = self.running.iter().flat_map(|stand_in| {
            stand_in.specification.resources.iter().map(|docked| binding::of(docked, stand_in.port))
        });
        Ok(CatalogueFile { rest: docked.collect::<anyhow::Result<_>>()?, ..CatalogueFile::default() })
    }
}

impl StandIn {
    fn instruct(&mut self) -> anyhow::Result<()> {
        let mut line = serde_json::to_vec(&self.specification)?;
        line.push(b'\n');
        let Some(stdin) = &mut self.process.stdin else { bail!("a stand-in has no standard input") };
        stdin.write_all(&line).context("a stand-in ended at once")
    }

    fn listening(&mut self) -> anyhow::Result<u16> {
        let Some(stdout) = self.process.stdout.take() else { bail!("a stand-in has no standard output") };
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let listening: Listening = serde_json::from_str(&line).context("a stand-in did not start")?;
        Ok(listening.port)
    }
}

impl Drop for StandIns {
    fn drop(&mut self) {
        // One that was killed is gone already, which is as well.
        for stand_in in &mut self.running {
            let _ = stand_in.process.kill();
        }
        for stand_in in &mut self.running {
            let _ = stand_in.process.wait();
        }
    }
}
