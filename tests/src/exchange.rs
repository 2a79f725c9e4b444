//! A running exchange as its users see it: addresses, and the files that the demo lays out for them.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::client::{Answer, Call, Connection, Identity};
use crate::seed::Seed;

/// Where an exchange is reached and where its files are.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// Folder of its files.
    pub dir: PathBuf,
    /// Port of the data listener.
    pub base: u16,
}

impl Exchange {
    /// A port such that it and the two above are free. Below the range from which the system gives
    /// ports to connections, so that they stay free for a while.
    pub fn free_base() -> u16 {
        let mut seed = Seed::fresh("ports");
        (0..1000)
            .map(|_| 10_000 + 4 * u16::try_from(seed.below(5_500)).unwrap_or(0))
            .find(|base| (*base..base + 3).all(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()))
            .expect("three free ports in a row")
    }

    /// `https://127.0.0.1:BASE`.
    pub fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.base)
    }

    /// A file of the demo's folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Certificate and token of a party, `unknown` or `revoked`.
    pub fn identity(&self, key: &str) -> Identity {
        let folder = self.dir.join("pki/parties").join(key);
        let identity = Identity::read(&self.dir.join("pki/ca.pem"), &folder.join("cert.pem"), &folder.join("key.pem"));
        match fs::read_to_string(self.dir.join(format!("tokens/{key}.jwt"))) {
            Ok(token) => identity.with_token(token.trim()),
            Err(_) => identity,
        }
    }

    /// A connection of a party.
    pub fn connect(&self, identity: &Identity) -> Connection {
        Connection::open(identity, self.base).unwrap_or_else(|error| panic!("{}: {error}", identity.name))
    }

    /// One call on a connection of its own.
    pub fn send(&self, identity: &Identity, call: &Call) -> Answer {
        self.connect(identity).send(call).unwrap_or_else(|error| panic!("{} {}: {error}", call.method, call.target))
    }

    /// `GET` on the ops listener: status and body; 0 while nobody listens.
    pub fn ops(&self, target: &str) -> (u16, String) {
        let attempt = || -> std::io::Result<(u16, String)> {
            let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.base + 2))?;
            stream.set_read_timeout(Some(Duration::from_secs(5)))?;
            write!(stream, "GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")?;
            let mut text = Vec::new();
            stream.read_to_end(&mut text)?;
            let text = String::from_utf8_lossy(&text).into_owned();
            let status = text.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
            Ok((status, text.split_once("\r\n\r\n").map_or(String::new(), |(_, body)| body.to_owned())))
        };
        attempt().unwrap_or_default()
    }

    /// A figure of the metrics page, by its name with labels as they stand there.
    pub fn metric(&self, name: &str) -> Option<f64> {
        let page = self.ops("/metrics").1;
        let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.and_then(|value| value.parse().ok())
    }

    /// The ledger's folder.
    pub fn ledger(&self) -> PathBuf {
        self.dir.join("ledger")
    }

    /// Every file below a folder, with its bytes.
    pub fn files_below(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
        let mut files = Vec::new();
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                files.extend(Self::files_below(&path));
            } else {
                let bytes = fs::read(&path).unwrap_or_default();
                files.push((path, bytes));
            }
        }
        files
    }
}
