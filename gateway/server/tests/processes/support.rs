//! What the tests of this binary share: processes that end with their test, and plain HTTP.

use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Long enough for the slowest machine, short enough to end a test that hangs.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);

/// A process that is killed when its test ends.
pub(crate) struct Process(pub(crate) Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The program under test.
pub(crate) fn sluice() -> Command {
    Command::new(env!("CARGO_BIN_EXE_sluice"))
}

/// Starts a command with all its streams in pipes.
pub(crate) fn start(command: &mut Command) -> Process {
    Process(command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
}

/// Reads standard output up to the line that contains `wanted`; `None` if it ends before.
pub(crate) fn output_until(process: &mut Process, wanted: &str) -> Option<String> {
    lines_until(&mut BufReader::new(process.0.stdout.take().unwrap()), wanted)
}

/// Reads up to the line that contains `wanted`; `None` if it ends before.
pub(crate) fn lines_until(lines: &mut impl BufRead, wanted: &str) -> Option<String> {
    let mut text = String::new();
    loop {
        let from = text.len();
        if lines.read_line(&mut text).unwrap() == 0 {
            return None;
        }
        if text[from..].contains(wanted) {
            return Some(text);
        }
    }
}

/// Sends a request to 127.0.0.1 and gives status and body.
pub(crate) fn http(port: u16, method: &str, target: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    stream.set_read_timeout(Some(ANSWER_WITHIN)).unwrap();
    let length = body.len();
    write!(
        stream,
        "{method} {target} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    (status, body.to_owned())
}

/// A base port whose data and ops ports were free a moment ago.
pub(crate) fn free_base() -> u16 {
    let bind = |port: u16| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok();
    for _ in 0..100 {
        let data = bind(0).unwrap();
        let base = data.local_addr().unwrap().port();
        if base <= 65_533 && bind(base + 2).is_some() {
            return base;
        }
    }
    panic!("no free ports");
}
