//! A running `sluice witness`, with keys and folder of its own: nothing is shared with the gateway but public keys.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;
use toml::{Table, Value};

use crate::authority::{Authority, Issued};
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
    /// Its authority, if it is spoken to over TLS.
    authority: Option<Authority>,
    folder: TempDir,
}

impl Witness {
    /// Starts a witness of one log, whose key is in the file that a ledger writes.
    pub fn start(name: &str, origin: &str, log_key: &Path) -> Self {
        Self::start_over(None, name, origin, log_key)
    }

    /// Starts one that is spoken to over TLS, with a certificate of an authority of its own.
    pub fn start_secured(name: &str, origin: &str, log_key: &Path) -> Self {
        Self::start_over(Some(Authority::new(name)), name, origin, log_key)
    }

    fn start_over(authority: Option<Authority>, name: &str, origin: &str, log_key: &Path) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let made = run(Command::new(sluice()).args(["witness", "keygen", "--name", name, "--out"]).arg(folder.path()));
        assert_eq!(made.code, 0, "{}", made.stderr);
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
        let port = port.expect("a free port").port();
        let key = fs::read_to_string(log_key).expect("the ledger's public key");
        let tls = authority.as_ref().map(Authority::server).map_or_else(String::new, |Issued { certificate, key }| {
            let (certificate, key) = (certificate.display(), key.display());
            format!("certificate = \"{certificate}\"\ncertificate_key = \"file:{key}\"\n")
        });
        let config = format!(
            "[witness]\nlisten = \"127.0.0.1:{port}\"\nkey = \"file:witness.key\"\nstate_dir = \"state\"\n{tls}\
             [[logs]]\norigin = \"{origin}\"\nkey = \"{}\"\n",
            key.trim()
        );
        fs::write(folder.path().join("witness.toml"), config).expect("the folder can be written");
        let process = spawn(folder.path());
        let witness = Self { process, vkey: made.stdout.trim().to_owned(), port, authority, folder };
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
        let ca = self.authority.as_ref().map(|authority| authority.ca().display().to_string());
        let texts = [("url", Some(self.url())), ("key", Some(self.vkey.clone())), ("ca", ca)];
        let members = texts.into_iter().filter_map(|(name, text)| Some((name.to_owned(), Value::String(text?))));
        Value::Table(members.collect::<Table>())
    }

    /// Its address.
    pub fn url(&self) -> String {
        let scheme = if self.authority.is_some() { "https" } else { "http" };
        format!("{scheme}://127.0.0.1:{}", self.port)
    }

    /// Its metrics, of one without TLS.
    pub fn metrics(&self) -> String {
        let ask = || -> std::io::Result<String> {
            let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
            stream.set_read_timeout(Some(Duration::from_secs(5)))?;
            write!(stream, "GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")?;
            let mut page = String::new();
            stream.read_to_string(&mut page)?;
            Ok(page)
        };
        ask().unwrap_or_default()
    }

    /// Its configuration file.
    pub fn config(&self) -> PathBuf {
        self.folder.path().join("witness.toml")
    }
}

fn spawn(folder: &Path) -> Process {
    Process::start(Command::new(sluice()).arg("witness").arg("--config").arg(folder.join("witness.toml")), folder)
}
