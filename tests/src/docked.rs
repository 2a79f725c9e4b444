//! REST servers that were not written for the exchange, run beside it and docked by bindings alone.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use tempfile::TempDir;

use crate::binary::workspace;
use crate::clock;
use crate::process::{Process, run};

/// Longest start on a machine that runs the whole test suite at once.
const START_MAX: Duration = Duration::from_mins(1);

/// A running server; it ends with the value.
pub struct Server {
    process: Process,
    port: u16,
    _folder: TempDir,
}

impl Server {
    /// `json-server` of npm, which serves the members of a JSON document as lists to be filtered.
    pub fn json_server(document: &str) -> Self {
        let program = installed().join("npm/node_modules/.bin/json-server");
        Self::start("/db", |folder, port| {
            fs::write(folder.join("db.json"), document).expect("the folder can be written");
            let mut command = Command::new(program);
            command.args(["--quiet", "--host", "127.0.0.1", "--port", &port.to_string()]).arg(folder.join("db.json"));
            command
        })
    }

    /// `datasette` of Python, which serves the tables of a database; `table` is a JSON list of objects with the same
    /// members, served as `/city/people.json`.
    pub fn datasette(table: &str) -> Self {
        const FILL: &str = "import json, sqlite3, sys
rows = json.loads(sys.argv[2])
names = list(rows[0])
base = sqlite3.connect(sys.argv[1])
base.execute(f'create table people ({\", \".join(names)})')
base.executemany(f'insert into people values ({\", \".join(\"?\" * len(names))})', [list(row.values()) for row in rows])
base.commit()";
        let programs = installed().join("python/bin");
        Self::start("/-/versions.json", |folder, port| {
            let database = folder.join("city.db");
            let filled = run(Command::new(programs.join("python")).args(["-c", FILL]).arg(&database).arg(table));
            assert_eq!(filled.code, 0, "{}", filled.stderr);
            let mut command = Command::new(programs.join("datasette"));
            command.args(["serve", "--host", "127.0.0.1", "--port", &port.to_string()]).arg(database);
            command
        })
    }

    fn start(known: &str, command: impl FnOnce(&Path, u16) -> Command) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
        let port = port.expect("a free port").port();
        let mut process = Process::start(&mut command(folder.path(), port), folder.path());
        let answers = clock::within(START_MAX, "the server answers", || match process.ended() {
            Some(status) => Some(Err(format!("ended with {status}"))),
            None => answers(port, known).then_some(Ok(())),
        });
        if let Err(why) = answers.and_then(|ended| ended) {
            panic!("{why}\n{}", process.printed());
        }
        Self { process, port, _folder: folder }
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Ends it as a crash would.
    pub fn kill(&mut self) {
        self.process.kill();
    }
}

fn answers(port: u16, path: &str) -> bool {
    let ask = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n")?;
        let mut start = [0; 12];
        stream.read_exact(&mut start)?;
        Ok(start.ends_with(b" 200"))
    };
    ask().unwrap_or(false)
}

/// The folder of the installed servers; whoever asks first installs them.
pub(crate) fn installed() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let done = run(&mut Command::new(workspace().join("tests/docking/install")));
        assert_eq!(done.code, 0, "the servers cannot be installed:\n{}{}", done.stdout, done.stderr);
        workspace().join("target/docking")
    })
}
