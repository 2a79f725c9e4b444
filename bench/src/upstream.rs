//! The provider behind every gateway of the comparison: answers from memory and costs as little as it can, because
//! it shares a core with the generator.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::answers;

/// Path that answers one record of 289 bytes.
pub const PERSON_PATH: &str = "/records/289/query";
/// Path that answers twenty records of 10 KB.
pub const PENALTIES_PATH: &str = "/records/10k/query";

/// Requests of the bench are a few hundred bytes long.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// Where and how long to serve.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Port on 127.0.0.1; the peers' configuration files say 9000
    #[arg(long, default_value_t = 9000)]
    pub port: u16,
    /// End after so many seconds, so that a killed run leaves nothing behind
    #[arg(long, default_value_t = 1_800)]
    pub lifetime_s: u64,
}

/// Serves [`PERSON_PATH`] and [`PENALTIES_PATH`] with any method until the lifetime is over; other paths are 404.
///
/// # Errors
/// If the port cannot be had.
pub fn run(options: &Options) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("start runtime")?;
    runtime.block_on(async {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, options.port));
        let listener = TcpListener::bind(address).await.with_context(|| format!("listen on {address}"))?;
        // The lifetime is the only way to end: expiry is success.
        let _ = tokio::time::timeout(Duration::from_secs(options.lifetime_s), serve(&listener)).await;
        Ok(())
    })
}

/// Accepts for ever; dropping the future ends every connection.
async fn serve(listener: &TcpListener) -> Infallible {
    let answers = Answers { person: Bytes::from(answers::person()), penalties: Bytes::from(answers::penalties()) };
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((socket, _)) => { connections.spawn(converse(socket, answers.clone())); }
                // Out of descriptors: room comes when a connection ends.
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

#[derive(Clone)]
struct Answers {
    person: Bytes,
    penalties: Bytes,
}

impl Answers {
    fn of(&self, path: &str) -> Option<Bytes> {
        match path {
            PERSON_PATH => Some(self.person.clone()),
            PENALTIES_PATH => Some(self.penalties.clone()),
            _ => None,
        }
    }
}

async fn converse(socket: TcpStream, answers: Answers) {
    // Without it a small answer may wait for the peer's acknowledgement; a socket that refuses it still works.
    let _ = socket.set_nodelay(true);
    let service = service_fn(move |request| {
        let answers = answers.clone();
        async move { Ok::<_, Infallible>(answer(request, &answers).await) }
    });
    // `writev(false)`: head and body are small and leave in one write. A broken connection ends here; the generator
    // sees it as a wrong answer and reports it.
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(None)
        .writev(false)
        .serve_connection(TokioIo::new(socket), service)
        .await;
}

async fn answer(request: Request<Incoming>, answers: &Answers) -> Response<Full<Bytes>> {
    let (status, body) = match answers.of(request.uri().path()) {
        Some(body) => (StatusCode::OK, body),
        None => (StatusCode::NOT_FOUND, Bytes::new()),
    };
    // Read to the end, so that the connection stays usable for the next request.
    let readable = Limited::new(request.into_body(), BODY_BYTES_MAX).collect().await.is_ok();
    let mut response = Response::new(Full::new(if readable { body } else { Bytes::new() }));
    *response.status_mut() = if readable { status } else { StatusCode::PAYLOAD_TOO_LARGE };
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    use super::serve;
    use crate::answers;

    /// Sends two requests on one connection, the second asking to close, and returns all that came back.
    async fn exchange(requests: &str) -> Vec<u8> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut socket = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        socket.write_all(requests.as_bytes()).await.unwrap();
        let mut received = Vec::new();
        tokio::select! {
            read = socket.read_to_end(&mut received) => { read.unwrap(); }
            never = serve(&listener) => match never {},
        }
        received
    }

    #[tokio::test]
    async fn paths_answer_their_record_set_and_keep_the_connection() {
        let rows: [(&str, &str, Option<Vec<u8>>); 3] = [
            ("POST /records/289/query", "HTTP/1.1 200", Some(answers::person())),
            ("GET /records/10k/query", "HTTP/1.1 200", Some(answers::penalties())),
            ("GET /other", "HTTP/1.1 404", None),
        ];
        for (line, status, body) in rows {
            let length = if line.starts_with("POST") { "Content-Length: 2\r\n\r\n{}" } else { "\r\n" };
            let first = format!("{line} HTTP/1.1\r\nHost: u\r\n{length}");
            let second = first.replacen("Host: u", "Host: u\r\nConnection: close", 1);
            let received = exchange(&format!("{first}{second}")).await;
            assert!(received.starts_with(status.as_bytes()), "{line}");
            if let Some(body) = body {
                assert_eq!(received.windows(body.len()).filter(|window| *window == body).count(), 2, "{line}");
            }
        }
    }
}
