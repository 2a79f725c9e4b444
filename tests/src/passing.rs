//! A departmental system that speaks HTTP by hand, piece by piece: it sees every byte that it is sent, and answers as
//! slowly, as much or as badly as a test wants.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

type Script = dyn Fn(&mut Conversation) -> io::Result<()> + Send + Sync;

#[derive(Default)]
struct Seen {
    heads: Mutex<Vec<String>>,
    /// Bytes that the provider could get rid of.
    written: AtomicU64,
    connections: AtomicUsize,
    /// Requests whose connection ended before they did.
    broken: AtomicUsize,
    stopped: AtomicBool,
}

/// A provider on a port of its own.
pub struct Passing {
    port: u16,
    seen: Arc<Seen>,
}

/// One request and its answer.
pub struct Conversation {
    stream: TcpStream,
    unread: Vec<u8>,
    seen: Arc<Seen>,
    /// Request line and headers as they came.
    pub head: String,
    left: Left,
}

/// What is left of the request's body.
enum Left {
    Bytes(u64),
    Chunks,
    Nothing,
}

impl Passing {
    /// Starts one; `script` answers each request and fails to close its connection.
    pub fn start(script: impl Fn(&mut Conversation) -> io::Result<()> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let seen = Arc::<Seen>::default();
        let script: Arc<Script> = Arc::new(script);
        let accepting = seen.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if accepting.stopped.load(Ordering::Acquire) {
                    return;
                }
                accepting.connections.fetch_add(1, Ordering::AcqRel);
                let (seen, script) = (accepting.clone(), script.clone());
                std::thread::spawn(move || converse(stream, &seen, &script));
            }
        });
        Self { port, seen }
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Heads of the requests so far.
    pub fn heads(&self) -> Vec<String> {
        self.seen.heads.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Bytes that it has written so far, into the sockets' buffers at least.
    pub fn written(&self) -> u64 {
        self.seen.written.load(Ordering::Acquire)
    }

    /// Connections that were made to it.
    pub fn connections(&self) -> usize {
        self.seen.connections.load(Ordering::Acquire)
    }

    /// Requests whose connection ended before their body did.
    pub fn broken(&self) -> usize {
        self.seen.broken.load(Ordering::Acquire)
    }
}

impl Drop for Passing {
    fn drop(&mut self) {
        self.seen.stopped.store(true, Ordering::Release);
        // Wakes the thread that waits for connections.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
    }
}

fn converse(stream: TcpStream, seen: &Arc<Seen>, script: &Arc<Script>) {
    let _ = stream.set_nodelay(true);
    let mut conversation =
        Conversation { stream, unread: Vec::new(), seen: seen.clone(), head: String::new(), left: Left::Nothing };
    while conversation.next().is_ok() {
        let ended = script(&mut conversation).and_then(|()| conversation.body().map(drop));
        if ended.is_err() {
            return;
        }
    }
}

impl Conversation {
    fn next(&mut self) -> io::Result<()> {
        self.head = String::from_utf8_lossy(&self.through(b"\r\n\r\n")?).into_owned();
        self.seen.heads.lock().unwrap_or_else(PoisonError::into_inner).push(self.head.clone());
        self.left = match (self.header("content-length"), self.header("transfer-encoding")) {
            (Some(length), None) => Left::Bytes(length.parse().map_err(io::Error::other)?),
            (None, Some(_)) => Left::Chunks,
            _ => Left::Nothing,
        };
        Ok(())
    }

    /// Request target.
    pub fn target(&self) -> &str {
        self.head.split(' ').nth(1).unwrap_or_default()
    }

    /// The value of a request header.
    pub fn header(&self, name: &str) -> Option<String> {
        let lines = self.head.lines().filter_map(|line| line.split_once(':'));
        lines.filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned()).next()
    }

    fn fill(&mut self) -> io::Result<()> {
        let mut buffer = [0; 16 * 1024];
        match self.stream.read(&mut buffer)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            count => {
                self.unread.extend_from_slice(&buffer[..count]);
                Ok(())
            }
        }
    }

    fn through(&mut self, end: &[u8]) -> io::Result<Vec<u8>> {
        loop {
            if let Some(at) = self.unread.windows(end.len()).position(|window| window == end) {
                return Ok(self.unread.drain(..at + end.len()).collect());
            }
            self.fill()?;
        }
    }

    /// The next piece of the request's body; `None` at its end.
    ///
    /// # Errors
    /// The connection ends before the body does; that is counted.
    pub fn piece(&mut self) -> io::Result<Option<Vec<u8>>> {
        let read = self.read_piece();
        if read.is_err() {
            self.seen.broken.fetch_add(1, Ordering::AcqRel);
        }
        read
    }

    fn read_piece(&mut self) -> io::Result<Option<Vec<u8>>> {
        match self.left {
            Left::Nothing | Left::Bytes(0) => Ok(None),
            Left::Bytes(left) => {
                if self.unread.is_empty() {
                    self.fill()?;
                }
                let count = usize::try_from(left).unwrap_or(usize::MAX).min(self.unread.len());
                self.left = Left::Bytes(left - count as u64);
                Ok(Some(self.unread.drain(..count).collect()))
            }
            Left::Chunks => {
                let size = self.through(b"\r\n")?;
                let size = String::from_utf8_lossy(&size);
                let size = usize::from_str_radix(size.trim(), 16).map_err(io::Error::other)?;
                while self.unread.len() < size + 2 {
                    self.fill()?;
                }
                let chunk: Vec<u8> = self.unread.drain(..size + 2).take(size).collect();
                if size == 0 {
                    self.left = Left::Nothing;
                    return Ok(None);
                }
                Ok(Some(chunk))
            }
        }
    }

    /// The rest of the request's body.
    ///
    /// # Errors
    /// The connection ends before the body does.
    pub fn body(&mut self) -> io::Result<Vec<u8>> {
        let mut whole = Vec::new();
        while let Some(piece) = self.piece()? {
            whole.extend_from_slice(&piece);
        }
        Ok(whole)
    }

    /// Writes bytes as they are.
    ///
    /// # Errors
    /// The connection is closed.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)?;
        self.seen.written.fetch_add(bytes.len() as u64, Ordering::AcqRel);
        Ok(())
    }

    /// A whole answer with these further header lines.
    ///
    /// # Errors
    /// The connection is closed.
    pub fn answer(&mut self, status: u16, headers: &[(&str, &str)], body: &[u8]) -> io::Result<()> {
        let mut lines = String::new();
        for (name, value) in headers {
            lines.extend([*name, ": ", *value, "\r\n"]);
        }
        let head = format!("HTTP/1.1 {status} Status\r\nContent-Length: {}\r\n{lines}\r\n", body.len());
        self.write(&[head.as_bytes(), body].concat())
    }

    /// Ends the connection.
    ///
    /// # Errors
    /// Always, for the script to give back.
    pub fn cut(&self) -> io::Result<()> {
        Err(io::ErrorKind::ConnectionAborted.into())
    }
}
