//! A running `sluice witness`, with keys and folder of its own: nothing is shared with the gateway but public keys.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;
use toml::{Table, Value};

use crate::binary::sluice;
use crate::clock;
use crate::process::{Process, run};

/// A witness process.
pub struct Witness {
    /// Its process; ended and started again by tests.
    pub process: Process,
    /// Its public key.
    pub vkey: String,
    port: u16,
    folder: TempDir,
}

impl Witness {
    /// Starts a witness of one log, whose key is in the file that a ledger writes.
    pub fn start(name: &str, origin: &str, log_key: &Path) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let made = run(Command::new(sluice()).args(["witness", "keygen", "--name", name, "--out"]).arg(folder.path()));
        assert_eq!(made.code, 0, "{}", made.stderr);
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
        let port = port.expect("a free port").port();
        let key = fs::read_to_string(log_key).expect("the ledger's public key");
        let config = format!(
            "[witness]\nlisten = \"127.0.0.1:{port}\"\nkey = \"file:witness.key\"\nstate_dir = \"state\"\n\
             [[logs]]\norigin = \"{origin}\"\nkey = \"{}\"\n",
            key.trim()
        );
        fs::write(folder.path().join("witness.toml"), config).expect("the folder can be written");
        let process = spawn(folder.path());
        let witness = Self { process, vkey: made.stdout.trim().to_owned(), port, folder };
        witness.wait();
        witness
    }

    /// Starts it again after it was ended or killed.
    pub fn start_again(&mut self) {
        self.process = spawn(self.folder.path());
        self.wait();
    }

    fn wait(&self) {
        let listens = clock::within(Duration::from_secs(30), "the witness listens", || {
            self.process.printed().contains("listens on").then_some(())
        });
        assert!(listens.is_ok(), "{}", self.process.printed());
    }

    /// What a gateway's configuration says of it.
    pub fn listed(&self) -> Value {
        let url = format!("http://127.0.0.1:{}", self.port);
        Value::Table(Table::from_iter([("url".to_owned(), url.into()), ("key".to_owned(), self.vkey.clone().into())]))
    }

    /// Its configuration file.
    pub fn config(&self) -> PathBuf {
        self.folder.path().join("witness.toml")
    }
}

fn spawn(folder: &Path) -> Process {
    Process::start(Command::new(sluice()).arg("witness").arg("--config").arg(folder.join("witness.toml")), folder)
}
