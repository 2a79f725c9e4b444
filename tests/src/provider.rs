//! A departmental system under the test's control: it answers what a script says, badly if need be,
//! and remembers everything that it was asked.

use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::Value;

use crate::city::{City, written_record};

/// What it was asked.
#[derive(Debug, Clone)]
pub struct Question {
    /// Request line and headers as they came.
    pub head: String,
    /// Path without query.
    pub path: String,
    /// Body.
    pub body: Vec<u8>,
}

impl Question {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }
}

/// What it answers.
#[derive(Debug, Clone)]
pub enum Reply {
    /// 200 with a JSON body.
    Json(String),
    /// Status, further header lines, body.
    Http(u16, Vec<(&'static str, String)>, Vec<u8>),
    /// These bytes, then the connection is closed.
    Bytes(Vec<u8>),
    /// These bytes, and the connection stays open.
    Raw(Vec<u8>),
    /// The same, but later.
    Later(Duration, Box<Reply>),
    /// The connection is closed without an answer.
    Close,
}

type Script = dyn Fn(&Question) -> Reply + Send + Sync;

struct Shared {
    script: Box<Script>,
    questions: Option<Mutex<Vec<Question>>>,
    waiting: AtomicUsize,
    stopped: Mutex<bool>,
    stopping: Condvar,
}

/// A provider on a port of its own; its threads end with the value.
pub struct Provider {
    port: u16,
    shared: Arc<Shared>,
}

impl Provider {
    /// Starts one.
    pub fn start(script: impl Fn(&Question) -> Reply + Send + Sync + 'static) -> Self {
        Self::listen(script, Some(Mutex::default()))
    }

    /// One that does not remember what it was asked, for runs that ask without end.
    pub fn forgetful(script: impl Fn(&Question) -> Reply + Send + Sync + 'static) -> Self {
        Self::listen(script, None)
    }

    /// One that is spoken to over TLS.
    pub fn secured(tls: Arc<ServerConfig>, script: impl Fn(&Question) -> Reply + Send + Sync + 'static) -> Self {
        Self::listen_over(Some(tls), script, Some(Mutex::default()))
    }

    fn listen(
        script: impl Fn(&Question) -> Reply + Send + Sync + 'static,
        questions: Option<Mutex<Vec<Question>>>,
    ) -> Self {
        Self::listen_over(None, script, questions)
    }

    fn listen_over(
        tls: Option<Arc<ServerConfig>>,
        script: impl Fn(&Question) -> Reply + Send + Sync + 'static,
        questions: Option<Mutex<Vec<Question>>>,
    ) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let shared = Arc::new(Shared {
            script: Box::new(script),
            questions,
            waiting: AtomicUsize::new(0),
            stopped: Mutex::new(false),
            stopping: Condvar::new(),
        });
        let accepting = shared.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if accepting.is_stopped() {
                    return;
                }
                let _ = stream.set_nodelay(true);
                let (serving, tls) = (accepting.clone(), tls.clone());
                std::thread::spawn(move || match tls.map(ServerConnection::new) {
                    None => serving.converse(stream),
                    Some(session) => serving.converse(StreamOwned::new(session.expect("a session"), stream)),
                });
            }
        });
        Self { port, shared }
    }

    /// One that answers queries of the standard interface from the city's records.
    pub fn of(city: &City) -> Self {
        let city = city.clone();
        Self::start(move |question| standard(&city, question))
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Questions whose answer it holds back.
    pub fn waiting(&self) -> usize {
        self.shared.waiting.load(Ordering::Acquire)
    }

    /// What it was asked so far.
    pub fn questions(&self) -> Vec<Question> {
        let questions = self.shared.questions.as_ref().expect("a provider that remembers");
        questions.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        *self.shared.stopped.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.shared.stopping.notify_all();
        // Wakes the thread that waits for connections.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
    }
}

impl Shared {
    fn is_stopped(&self) -> bool {
        *self.stopped.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn converse(&self, mut stream: impl io::Read + io::Write) {
        let mut unread = Vec::new();
        while let Ok(question) = read_question(&mut stream, &mut unread) {
            let reply = (self.script)(&question);
            if let Some(questions) = &self.questions {
                questions.lock().unwrap_or_else(PoisonError::into_inner).push(question);
            }
            if !self.write(&mut stream, reply) {
                return;
            }
        }
    }

    /// Whether the connection stays open.
    fn write(&self, stream: &mut impl io::Write, reply: Reply) -> bool {
        match reply {
            Reply::Json(body) => self
                .write(stream, Reply::Http(200, vec![("Content-Type", "application/json".into())], body.into_bytes())),
            Reply::Http(status, headers, body) => {
                let mut bytes = format!("HTTP/1.1 {status} Status\r\nContent-Length: {}\r\n", body.len());
                for (name, value) in headers {
                    bytes.extend([name, ": ", &value, "\r\n"]);
                }
                bytes.push_str("\r\n");
                let mut bytes = bytes.into_bytes();
                bytes.extend_from_slice(&body);
                stream.write_all(&bytes).is_ok()
            }
            Reply::Bytes(bytes) => {
                let _ = stream.write_all(&bytes);
                false
            }
            Reply::Raw(bytes) => stream.write_all(&bytes).is_ok(),
            Reply::Later(time, reply) => {
                self.waiting.fetch_add(1, Ordering::AcqRel);
                let stopped = self.stopped.lock().unwrap_or_else(PoisonError::into_inner);
                let waited = self.stopping.wait_timeout_while(stopped, time, |stopped| !*stopped);
                drop(waited);
                self.waiting.fetch_sub(1, Ordering::AcqRel);
                self.write(stream, *reply)
            }
            Reply::Close => false,
        }
    }
}

fn read_question(stream: &mut impl io::Read, unread: &mut Vec<u8>) -> io::Result<Question> {
    let mut fill = |unread: &mut Vec<u8>| {
        let mut buffer = [0; 16 * 1024];
        match stream.read(&mut buffer)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            count => {
                unread.extend_from_slice(&buffer[..count]);
                Ok::<(), io::Error>(())
            }
        }
    };
    let end = loop {
        match unread.windows(4).position(|window| window == b"\r\n\r\n") {
            Some(at) => break at + 4,
            None => fill(unread)?,
        }
    };
    let head = String::from_utf8_lossy(&unread[..end]).into_owned();
    let length = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let length = length.and_then(|(_, value)| value.trim().parse().ok()).unwrap_or(0);
    while unread.len() < end + length {
        fill(unread)?;
    }
    let body = unread.drain(..end + length).skip(end).collect();
    let target = head.split(' ').nth(1).unwrap_or_default();
    let path = target.split('?').next().unwrap_or_default().to_owned();
    Ok(Question { head, path, body })
}

/// Answers `POST /query` of the standard docking interface.
pub fn standard(city: &City, question: &Question) -> Reply {
    let ask = question.json();
    let number = |member: &str, default: u64| usize::try_from(ask[member].as_u64().unwrap_or(default)).unwrap_or(0);
    let (limit, offset) = (number("limit", 1000), number("offset", 0));
    let sought = ask["filter"].as_object().into_iter().flatten();
    let filter: Vec<(&String, String)> = sought.map(|(code, value)| (code, value.to_string())).collect();
    let wanted: Vec<&str> = ask["fields"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let fits = |record: &&crate::city::Record| {
        filter.iter().all(|(code, value)| record.iter().any(|(name, raw)| name == *code && raw == value))
    };
    let shown = |record: &crate::city::Record| {
        written_record(&record.iter().filter(|(name, _)| wanted.contains(&name.as_str())).cloned().collect())
    };
    let records = city.records_of(ask["resource"].as_str().unwrap_or_default()).iter();
    let records: Vec<String> = records.filter(fits).skip(offset).take(limit).map(shown).collect();
    Reply::Json(format!(r#"{{"records":[{}],"as_of":"2026-11-01T09:00:00+08:00"}}"#, records.join(",")))
}
