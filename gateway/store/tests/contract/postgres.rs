//! A PostgreSQL server for one test: its own folder and port, ended with it.

use std::fs::File;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use sluice_store::Target;

const START_TIMEOUT: Duration = Duration::from_mins(1);

pub(crate) struct Server {
    child: Child,
    port: u16,
    bin: PathBuf,
    _folder: tempfile::TempDir,
}

impl Server {
    /// Starts a server; tries another port if somebody else took the one that was free.
    pub(crate) fn start() -> Self {
        (0..5).find_map(|_| Self::try_start()).expect("PostgreSQL starts: `apt-get install postgresql` brings it")
    }

    fn try_start() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let (bin, data) = (bin(), folder.path().join("data"));
        // The server refuses root, so it runs as its own user where the test is root.
        give(folder.path());
        let initdb = run(&bin.join("initdb"))
            .args(["--auth=trust", "--username=sluice", "--no-sync", "--encoding=UTF8", "--locale=C", "-D"])
            .arg(&data)
            .stdout(Stdio::null())
            .status();
        assert!(initdb.expect("initdb runs").success());
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let mut server = run(&bin.join("postgres"));
        server.args(["-h", "127.0.0.1", "-c", "unix_socket_directories=", "-p", &port.to_string(), "-D"]).arg(&data);
        let log = File::create(folder.path().join("log")).unwrap();
        let child = server.stdout(log.try_clone().unwrap()).stderr(log).spawn().expect("postgres runs");
        let mut server = Self { child, port, bin, _folder: folder };
        let ready = server.bin.join("pg_isready");
        let until = now() + START_TIMEOUT;
        while now() < until {
            if server.child.try_wait().unwrap().is_some() {
                return None;
            }
            // Each question is a process of its own, which paces the loop.
            let asked =
                Command::new(&ready).args(["-q", "-t", "1", "-h", "127.0.0.1", "-p", &port.to_string()]).status();
            if asked.is_ok_and(|status| status.success()) && TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok() {
                return Some(server);
            }
        }
        None
    }

    /// An empty database.
    pub(crate) fn database(&self, name: &str) -> Target {
        let port = self.port.to_string();
        let created = Command::new(self.bin.join("createdb"))
            .args(["-h", "127.0.0.1", "-p", &port, "-U", "sluice", name])
            .status();
        assert!(created.expect("createdb runs").success());
        format!("postgres://sluice@127.0.0.1:{port}/{name}").parse().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[expect(clippy::disallowed_methods, reason = "the deadline of a real process")]
fn now() -> Instant {
    Instant::now()
}

/// Where the newest server lies that Debian's packages put under one folder for each version.
fn bin() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").expect("PostgreSQL is installed");
    let mut bins: Vec<_> = versions.map(|version| version.unwrap().path().join("bin")).collect();
    bins.sort();
    bins.pop().expect("PostgreSQL is installed")
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|me| me.uid() == 0)
}

fn give(folder: &Path) {
    if is_root() {
        let given = Command::new("chown").arg("postgres").arg(folder).status();
        assert!(given.expect("chown runs").success());
    }
}

/// A command as the user `postgres`, ended with this process's child.
fn run(program: &Path) -> Command {
    let mut command = if is_root() {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "--pdeathsig=KILL"]).arg(program);
        command
    } else {
        Command::new(program)
    };
    command.current_dir("/").stdin(Stdio::null());
    command
}
