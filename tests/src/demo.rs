//! `sluice demo`, started on free ports and ended with the value.

use std::fs;
use std::ops::Deref;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::binary::sluice;
use crate::city::City;
use crate::clock;
use crate::exchange::Exchange;
use crate::process::Process;

/// Longest start on a machine that runs the whole test suite at once; the contract's three seconds
/// are measured on a quiet one.
const START_MAX: Duration = Duration::from_mins(1);
const ATTEMPTS: u8 = 5;

/// A running demo.
pub struct Demo {
    exchange: Exchange,
    /// Its process.
    pub process: Process,
    has_fixtures: bool,
    folder: TempDir,
}

impl Deref for Demo {
    type Target = Exchange;
    fn deref(&self) -> &Exchange {
        &self.exchange
    }
}

impl Demo {
    /// The demo of the embedded sample city.
    pub fn embedded() -> Self {
        Self::start(None)
    }

    /// The demo of another city.
    pub fn of(city: &City) -> Self {
        Self::start(Some(city))
    }

    fn start(city: Option<&City>) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let fixtures = folder.path().join("fixtures");
        if let Some(city) = city {
            fs::create_dir(&fixtures).expect("a folder");
            city.write(&fixtures);
        }
        let dir = folder.path().join("demo");
        let mut refused = String::new();
        for _ in 0..ATTEMPTS {
            let exchange = Exchange { dir: dir.clone(), base: Exchange::free_base() };
            let mut process = spawn(&exchange, city.is_some(), &folder, &[]);
            match ready(&exchange, &mut process) {
                Ok(()) => return Self { exchange, process, has_fixtures: city.is_some(), folder },
                // Another test may have taken the ports between our look and the demo's.
                Err(printed) => refused = printed,
            }
        }
        panic!("the demo does not start:\n{refused}");
    }

    /// Starts it again on the same folder and ports, after it was ended.
    pub fn start_again(&mut self, options: &[&str]) {
        self.process = spawn(&self.exchange, self.has_fixtures, &self.folder, options);
        if let Err(printed) = ready(&self.exchange, &mut self.process) {
            panic!("the demo does not start again:\n{printed}");
        }
    }

    /// The command that starts a demo on this folder and these ports.
    pub fn command(dir: &std::path::Path, base: u16) -> Command {
        let mut command = Command::new(sluice());
        command.arg("demo").arg("--dir").arg(dir).arg("--port").arg(base.to_string());
        command
    }

    /// Ends it in an orderly way.
    pub fn stop(&mut self) {
        self.process.signal("TERM");
        let status = self.process.end(Duration::from_secs(30));
        assert!(status.success(), "the demo ends with {status}:\n{}", self.process.printed());
    }

    /// Numbers of the processes that stand in for departmental systems, with their resources.
    pub fn stand_ins(&self) -> Vec<(Vec<String>, u32)> {
        let text = fs::read_to_string(self.file("stand-ins.json")).expect("stand-ins.json");
        let list: Vec<Value> = serde_json::from_str(&text).expect("stand-ins.json is JSON");
        let codes = |entry: &Value| {
            entry["resources"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
        };
        list.iter()
            .map(|entry| (codes(entry), u32::try_from(entry["pid"].as_u64().unwrap_or(0)).unwrap_or(0)))
            .collect()
    }

    /// Gives up the process but keeps its files.
    pub fn into_files(mut self) -> (Exchange, TempDir) {
        self.stop();
        (self.exchange, self.folder)
    }
}

fn spawn(exchange: &Exchange, has_fixtures: bool, folder: &TempDir, options: &[&str]) -> Process {
    let mut command = Demo::command(&exchange.dir, exchange.base);
    if has_fixtures {
        command.arg("--fixtures").arg(folder.path().join("fixtures"));
    }
    Process::start(command.args(options), folder.path())
}

/// Waits for `/readyz`.
pub(crate) fn ready(exchange: &Exchange, process: &mut Process) -> Result<(), String> {
    let looked = clock::within(START_MAX, "ready", || match process.ended() {
        Some(status) => Some(Err(format!("ended with {status}"))),
        None => (exchange.ops("/readyz").0 == 200).then_some(Ok(())),
    });
    looked.and_then(|ended| ended).map_err(|why| format!("{why}\n{}", process.printed()))
}
