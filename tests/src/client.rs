//! A departmental system: mutual TLS and HTTP/1.1 written out by hand, so that a test sees every
//! byte of an answer and can send what no HTTP library would.

mod identity;
mod messages;

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use rustls::{ClientConnection, StreamOwned};
use rustls_pki_types::ServerName;

pub use identity::{Identity, fingerprint};
pub use messages::{Answer, Call, ReceiptLine};

use identity::hex;

/// Longest wait for bytes of an answer.
const SILENCE: Duration = Duration::from_secs(20);

/// A keep-alive connection with HTTP/1.1.
pub struct Connection {
    stream: StreamOwned<ClientConnection, TcpStream>,
    host: String,
    token: Option<String>,
    unread: Vec<u8>,
}

impl Connection {
    /// Connects to the data listener and completes the handshake.
    ///
    /// # Errors
    /// TCP or TLS says no.
    pub fn open(identity: &Identity, port: u16) -> io::Result<Self> {
        Self::with_alpn(identity, port, &[b"http/1.1"])
    }

    /// As [`Connection::open`], offering these protocols.
    ///
    /// # Errors
    /// TCP or TLS says no.
    pub fn with_alpn(identity: &Identity, port: u16, alpn: &[&[u8]]) -> io::Result<Self> {
        let tcp = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        tcp.set_nodelay(true)?;
        tcp.set_read_timeout(Some(SILENCE))?;
        tcp.set_write_timeout(Some(SILENCE))?;
        let name = ServerName::try_from(identity.server_name.clone()).expect("a server name");
        let tls = ClientConnection::new(identity.tls(alpn), name).map_err(io::Error::other)?;
        let mut stream = StreamOwned::new(tls, tcp);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        let host = format!("{}:{port}", identity.server_name);
        Ok(Self { stream, host, token: identity.token.clone(), unread: Vec::new() })
    }

    /// The socket alone, which stays open.
    pub fn into_socket(self) -> TcpStream {
        self.stream.sock
    }

    /// Whether the handshake resumed an earlier session.
    pub fn is_resumed(&self) -> bool {
        self.stream.conn.handshake_kind() == Some(rustls::HandshakeKind::Resumed)
    }

    /// SHA-256 of the server's certificate in hexadecimal.
    pub fn server_fingerprint(&self) -> String {
        hex(self.stream.conn.peer_certificates().and_then(<[_]>::first).expect("a certificate"))
    }

    /// Sends a call and reads its answer.
    ///
    /// # Errors
    /// The connection ends before the answer does.
    pub fn send(&mut self, call: &Call) -> io::Result<Answer> {
        let wire = call.wire(&self.host, self.token.as_deref());
        // The exchange may answer and close before it has taken all of a refused body.
        let written = self.write(&wire);
        match self.read() {
            Err(error) => Err(written.err().unwrap_or(error)),
            answer => answer,
        }
    }

    /// Writes bytes as they are.
    ///
    /// # Errors
    /// The connection is closed.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)?;
        self.stream.flush()
    }

    /// Throws away what has come so far, without waiting for more.
    ///
    /// # Errors
    /// The connection has ended.
    pub fn discard(&mut self) -> io::Result<()> {
        self.stream.sock.set_nonblocking(true)?;
        let mut buffer = [0; 16 * 1024];
        let ended = loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => break Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        self.stream.sock.set_nonblocking(false)?;
        ended
    }

    fn fill(&mut self) -> io::Result<()> {
        let mut buffer = [0; 16 * 1024];
        let count = self.stream.read(&mut buffer)?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.unread.extend_from_slice(&buffer[..count]);
        Ok(())
    }

    /// The bytes up to and including `end`.
    fn through(&mut self, end: &[u8]) -> io::Result<Vec<u8>> {
        loop {
            if let Some(at) = self.unread.windows(end.len()).position(|window| window == end) {
                return Ok(self.unread.drain(..at + end.len()).collect());
            }
            self.fill()?;
        }
    }

    fn exactly(&mut self, count: usize) -> io::Result<Vec<u8>> {
        while self.unread.len() < count {
            self.fill()?;
        }
        Ok(self.unread.drain(..count).collect())
    }

    /// Sends a call without waiting for its answer; `Content-Length` is what the call says, if it says so.
    ///
    /// # Errors
    /// The connection is closed.
    pub fn begin(&mut self, call: &Call) -> io::Result<()> {
        let wire = call.wire(&self.host, self.token.as_deref());
        self.write(&wire)
    }

    /// Bytes of an answer as they come, without its framing being looked at.
    ///
    /// # Errors
    /// The connection has ended.
    pub fn some(&mut self) -> io::Result<Vec<u8>> {
        if self.unread.is_empty() {
            self.fill()?;
        }
        Ok(std::mem::take(&mut self.unread))
    }

    /// Reads one answer.
    ///
    /// # Errors
    /// The connection ends before the answer does.
    pub fn read(&mut self) -> io::Result<Answer> {
        let head = self.through(b"\r\n\r\n")?;
        let head = String::from_utf8_lossy(&head).into_owned();
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|status| status.parse().ok());
        let status = status.ok_or_else(|| io::Error::other("not an answer"))?;
        if status == 100 {
            return self.read();
        }
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
            .collect();
        let mut answer = Answer { status, headers, body: Vec::new() };
        if answer.header("Transfer-Encoding").is_some() {
            loop {
                let size = self.through(b"\r\n")?;
                let size =
                    usize::from_str_radix(String::from_utf8_lossy(&size).trim(), 16).map_err(io::Error::other)?;
                let chunk = self.exactly(size + 2)?;
                answer.body.extend_from_slice(&chunk[..size]);
                if size == 0 {
                    return Ok(answer);
                }
            }
        }
        let length = answer.header("Content-Length").map_or(Ok(0), str::parse).map_err(io::Error::other)?;
        answer.body = self.exactly(length)?;
        Ok(answer)
    }

    /// Whether the exchange closes the connection without another byte.
    pub fn is_closed(&mut self) -> bool {
        self.unread.is_empty()
            && self
                .fill()
                .is_err_and(|error| !matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut))
    }

    /// Everything until the exchange closes the connection: how many answers, and what they were.
    pub fn read_to_close(&mut self) -> Vec<Answer> {
        let mut answers = Vec::new();
        while let Ok(answer) = self.read() {
            answers.push(answer);
        }
        answers
    }
}
