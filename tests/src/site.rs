//! A real configuration with departmental systems of the test's own: made from what a demo lays
//! out, changed where a test needs it, and run with `sluice serve`.

use std::fs;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;
use toml::{Table, Value};

use crate::binary::sluice;
use crate::city::City;
use crate::client::Connection;
use crate::clock;
use crate::demo::{Demo, ready};
use crate::exchange::Exchange;
use crate::process::{Ended, Process, run};

/// What differs from the demo's configuration.
#[derive(Default, Clone)]
pub struct Changes {
    /// `("data.limits.body_bytes_max", 1024.into())`.
    pub settings: Vec<(&'static str, Value)>,
    /// Members of every binding.
    pub binding: Vec<(&'static str, Value)>,
    /// Changes of the catalogue file.
    pub catalogue: Option<fn(&mut Table)>,
}

/// A running `sluice serve`.
pub struct Site {
    exchange: Exchange,
    /// Its process.
    pub process: Process,
    environment: Vec<(&'static str, PathBuf)>,
    folder: TempDir,
}

impl Deref for Site {
    type Target = Exchange;
    fn deref(&self) -> &Exchange {
        &self.exchange
    }
}

impl Site {
    /// Serves a city whose departments are all reached at `provider`, in the standard interface.
    pub fn serve(city: &City, provider: &str, changes: &Changes) -> Self {
        let rest = city.resources.iter().map(|resource| {
            let mut binding = Table::new();
            binding.insert("resource".into(), resource.code.clone().into());
            binding.insert("base_url".into(), provider.into());
            binding.insert("style".into(), "standard".into());
            for (member, value) in &changes.binding {
                binding.insert((*member).to_owned(), value.clone());
            }
            Value::Table(binding)
        });
        let bindings = Table::from_iter([("rest".to_owned(), Value::Array(rest.collect()))]);
        Self::dock_with(city, &bindings.to_string(), changes)
    }

    /// Serves a city whose bindings are these.
    pub fn dock(city: &City, bindings: &str, settings: &[(&'static str, Value)]) -> Self {
        Self::dock_with(city, bindings, &Changes { settings: settings.to_vec(), ..Changes::default() })
    }

    fn dock_with(city: &City, bindings: &str, changes: &Changes) -> Self {
        let (exchange, folder) = Demo::of(city).into_files();
        fs::write(exchange.file("bindings.toml"), bindings).expect("the bindings can be written");
        if let Some(change) = changes.catalogue {
            let path = exchange.file("catalogue.toml");
            let mut table: Table = fs::read_to_string(&path).expect("catalogue.toml").parse().expect("TOML");
            change(&mut table);
            fs::write(&path, table.to_string()).expect("the catalogue can be written");
        }
        change(&exchange, &changes.settings);
        let mut process = spawn(&exchange, &folder, &[]);
        if let Err(printed) = ready(&exchange, &mut process) {
            panic!("serve does not start:\n{printed}");
        }
        Self { exchange, process, environment: Vec::new(), folder }
    }

    /// Starts it again after it was ended.
    pub fn start_again(&mut self) {
        if let Err(printed) = self.try_start_again() {
            panic!("serve does not start:\n{printed}");
        }
    }

    /// Starts it again after it was ended.
    ///
    /// # Errors
    /// What it printed, if it does not become ready.
    pub fn try_start_again(&mut self) -> Result<(), String> {
        self.process = spawn(&self.exchange, &self.folder, &self.environment);
        ready(&self.exchange, &mut self.process)
    }

    /// Starts it again where it must not become ready: waits until it listens.
    pub fn start_unready(&mut self) {
        self.process = spawn(&self.exchange, &self.folder, &self.environment);
        let identity = self.identity("ask");
        let listens =
            clock::within(Duration::from_secs(30), "serve listens", || Connection::open(&identity, self.base).ok());
        assert!(listens.is_ok(), "{}", self.process.printed());
    }

    /// Environment of its later starts.
    pub fn set_environment(&mut self, environment: Vec<(&'static str, PathBuf)>) {
        self.environment = environment;
    }

    /// Ends it in an orderly way.
    pub fn stop(&mut self) {
        self.process.signal("TERM");
        let status = self.process.end(Duration::from_mins(1));
        assert!(status.success(), "serve ends with {status}:\n{}", self.process.printed());
    }

    /// Its configuration file.
    pub fn config(&self) -> PathBuf {
        self.exchange.file("sluice.toml")
    }

    /// `sluice reload`: its files are read again, and what became of it is told.
    pub fn reload(&self) -> Ended {
        run(Command::new(sluice()).arg("reload").arg("--config").arg(self.config()))
    }

    /// Changes settings of its configuration file.
    pub fn change(&self, settings: &[(&'static str, Value)]) {
        change(&self.exchange, settings);
    }
}

fn spawn(exchange: &Exchange, folder: &TempDir, environment: &[(&'static str, PathBuf)]) -> Process {
    let mut command = Command::new(sluice());
    command.arg("serve").arg("--config").arg(exchange.file("sluice.toml"));
    command.envs(environment.iter().map(|(name, value)| (*name, value)));
    Process::start(&mut command, folder.path())
}

fn change(exchange: &Exchange, settings: &[(&'static str, Value)]) {
    edit(&exchange.file("sluice.toml"), |table| {
        for (place, value) in settings {
            let (sections, key) = place.rsplit_once('.').expect("section.key");
            let section = sections.split('.').fold(&mut *table, |table, name| {
                let section = table.entry(name).or_insert_with(|| Value::Table(Table::new()));
                section.as_table_mut().expect("a section")
            });
            section.insert(key.to_owned(), value.clone());
        }
    });
}

/// Changes a TOML file, whole or not at all, as an administrator's editor does.
pub fn edit(path: &Path, change: impl FnOnce(&mut Table)) {
    let mut table: Table = fs::read_to_string(path).expect("a file").parse().expect("TOML");
    change(&mut table);
    let part = path.with_extension("part");
    fs::write(&part, table.to_string()).expect("the file can be written");
    fs::rename(&part, path).expect("the file can be replaced");
}
