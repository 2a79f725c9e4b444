//! Other people's programs for transparency logs: `aics-tlog` and `aics-witness` (Python, from its package index).

use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;
use toml::{Table, Value};

use crate::binary::workspace;
use crate::clock;
use crate::docked::installed;
use crate::process::{Process, run};

/// A script of `tests/outsiders`, run by the Python that has the programs.
pub fn script(name: &str) -> Command {
    let mut command = Command::new(program("python"));
    command.arg(workspace().join("tests/outsiders").join(name));
    command
}

fn program(name: &str) -> PathBuf {
    installed().join("outsiders/bin").join(name)
}

/// A running `aics-witness`; it ends with the value.
pub struct TheirWitness {
    /// Its public key.
    pub vkey: String,
    /// Its process.
    pub process: Process,
    port: u16,
    _folder: TempDir,
}

impl TheirWitness {
    /// Starts one that watches a log under this key.
    pub fn start(name: &str, origin: &str, log_key: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let command = |arguments: &[&str]| {
            let mut command = Command::new(program("aics-witness"));
            command.args(arguments).arg("--config").arg(folder.path().join("witness.json"));
            command
        };
        let made = run(&mut command(&["init", "--name", name]));
        assert_eq!(made.code, 0, "{}{}", made.stdout, made.stderr);
        let added = run(&mut command(&["add-log", "--origin", origin, "--vkey", log_key]));
        assert_eq!(added.code, 0, "{}{}", added.stdout, added.stderr);
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
        let port = port.expect("a free port").port();
        let process = Process::start(&mut command(&["serve", "--listen", &format!("127.0.0.1:{port}")]), folder.path());
        let listens = clock::within(Duration::from_secs(30), "their witness listens", || {
            std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()
        });
        assert!(listens.is_ok(), "{}", process.printed());
        Self { vkey: made.stdout.trim().to_owned(), process, port, _folder: folder }
    }

    /// What a gateway's configuration says of it.
    pub fn listed(&self) -> Value {
        let url = format!("http://127.0.0.1:{}", self.port);
        Value::Table(Table::from_iter([("url".to_owned(), url.into()), ("key".to_owned(), self.vkey.clone().into())]))
    }
}
