//! A provider that follows a script, byte for byte.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// What happens after one request was read whole.
#[derive(Debug, Clone)]
pub(crate) enum Does {
    /// Writes this and waits for the next request.
    Answer(String),
    /// Writes this and closes.
    Last(String),
    /// Never says anything.
    Hang,
}

/// An answer with a length.
pub(crate) fn answer(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

pub(crate) struct Provider {
    pub(crate) addr: SocketAddr,
    /// Connection number and raw request, in order of arrival.
    log: Arc<Mutex<Vec<(usize, String)>>>,
    _tasks: JoinSet<()>,
}

impl Provider {
    /// Each connection follows the script of its number; further ones are closed at once.
    pub(crate) async fn start(scripts: Vec<Vec<Does>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let log = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = JoinSet::new();
        let shared = Arc::clone(&log);
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            for number in 0.. {
                let (stream, _) = listener.accept().await.unwrap();
                let script = scripts.get(number).cloned().unwrap_or_default();
                connections.spawn(follow(stream, number, script, Arc::clone(&shared)));
            }
        });
        Self { addr, log, _tasks: tasks }
    }

    pub(crate) fn requests(&self) -> Vec<(usize, String)> {
        self.log.lock().unwrap().clone()
    }
}

async fn follow(mut stream: TcpStream, number: usize, script: Vec<Does>, log: Arc<Mutex<Vec<(usize, String)>>>) {
    for does in script {
        let Some(request) = read_request(&mut stream).await else { return };
        log.lock().unwrap().push((number, request));
        match does {
            Does::Answer(bytes) => stream.write_all(bytes.as_bytes()).await.unwrap(),
            Does::Last(bytes) => return stream.write_all(bytes.as_bytes()).await.unwrap(),
            Does::Hang => std::future::pending().await,
        }
    }
    // Stays open until the caller closes.
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.ok();
}

async fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut all = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&all).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap_or("0");
            if body.len() >= length.parse().unwrap() {
                return Some(text);
            }
        }
        let mut piece = [0; 4096];
        match stream.read(&mut piece).await {
            Ok(count) if count > 0 => all.extend_from_slice(&piece[..count]),
            _ => return None,
        }
    }
}
