//! A drain loses no accepted request, and ends at its deadline.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls_pki_types::ServerName;
use sluice_transport::{DrainReport, Workers, clock};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::site::{PATIENCE, Setup, Shows, Site, read_answer};

async fn drain(workers: Workers, within: Duration) -> DrainReport {
    tokio::task::spawn_blocking(move || workers.drain(clock::now() + within)).await.unwrap()
}

struct Caller {
    connector: TlsConnector,
    addr: std::net::SocketAddr,
}

impl Caller {
    async fn connect(&self) -> io::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(self.addr).await?;
        self.connector.connect(ServerName::try_from("localhost").unwrap(), stream).await
    }

    /// Calls until the exchange is gone. A request that was sent whole must be answered.
    async fn call_until_gone(self, answered: Arc<AtomicUsize>) {
        'connections: while let Ok(mut stream) = self.connect().await {
            loop {
                let request = b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nping";
                if stream.write_all(request).await.is_err() {
                    continue 'connections;
                }
                let answer = read_answer(&mut stream).await.expect("a request that was sent is answered");
                assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("ping"), "{answer}");
                answered.fetch_add(1, Ordering::Relaxed);
                if answer.contains("connection: close") {
                    continue 'connections;
                }
            }
        }
    }
}

#[tokio::test]
async fn no_request_is_lost_under_load() {
    let site = Site::with(Setup { workers: 2, ..Setup::default() });
    let client = Arc::new(site.pki.client(Shows::Good, &[]));
    let answered = Arc::new(AtomicUsize::new(0));
    let mut callers = JoinSet::new();
    for _ in 0..16 {
        let caller = Caller { connector: TlsConnector::from(Arc::clone(&client)), addr: site.workers.addr() };
        callers.spawn(caller.call_until_gone(Arc::clone(&answered)));
    }
    let warm = async {
        while answered.load(Ordering::Relaxed) < 500 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, warm).await.unwrap();
    let report = drain(site.workers, PATIENCE).await;
    assert!(report.is_clean(), "{report:?}");
    while let Some(caller) = callers.join_next().await {
        caller.unwrap();
    }
}

#[tokio::test]
async fn what_is_being_answered_is_answered_and_new_connections_are_refused() {
    let site = Site::start();
    let addr = site.workers.addr();
    let phase = site.workers.phase().clone();
    let mut http1 = site.plain_client().await;
    http1.write_all(b"GET /wait HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let stream = site.connect(Shows::Good, &["h2"], "localhost").await.unwrap();
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        connection.await.ok();
    });
    let request = Request::get("https://localhost/wait").body(Empty::<Bytes>::new()).unwrap();
    let second = sender.send_request(request);
    site.gate.entered.acquire_many(2).await.unwrap().forget();
    let draining = drain(site.workers, PATIENCE);
    let gate = site.gate;
    let release = async {
        let gone = async { while TcpStream::connect(addr).await.is_ok() {} };
        tokio::time::timeout(PATIENCE, gone).await.expect("nobody listens any more");
        assert_eq!(phase.get(), sluice_transport::Phase::Draining);
        gate.open.add_permits(2);
    };
    let (report, (), second) = tokio::join!(draining, release, second);
    assert!(report.is_clean(), "{report:?}");
    let answer = read_answer(&mut http1).await.unwrap();
    assert!(answer.contains("waited") && answer.contains("connection: close"), "{answer}");
    assert_eq!(second.unwrap().into_body().collect().await.unwrap().to_bytes(), "waited");
}

#[tokio::test]
async fn the_deadline_cuts_what_does_not_end_and_reports_it() {
    let site = Site::start();
    let mut stream = site.plain_client().await;
    stream.write_all(b"GET /wait HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    site.gate.entered.acquire().await.unwrap().forget();
    let report = drain(site.workers, Duration::from_millis(100)).await;
    assert_eq!(report, DrainReport { connections_cut: 1, requests_cut: 1, workers_failed: 0 });
    assert_eq!(read_answer(&mut stream).await, None);
}

#[tokio::test]
async fn an_idle_connection_may_still_send_what_it_was_about_to() {
    let site = Site::start();
    let phase = site.workers.phase().clone();
    let mut stream = site.plain_client().await;
    stream.write_all(b"GET /a HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    read_answer(&mut stream).await.unwrap();
    let draining = drain(site.workers, PATIENCE);
    let late = async {
        while phase.get() == sluice_transport::Phase::Serving {
            tokio::task::yield_now().await;
        }
        stream.write_all(b"GET /late HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
        read_answer(&mut stream).await.expect("the late request is answered")
    };
    let (report, answer) = tokio::join!(draining, late);
    assert!(report.is_clean());
    assert!(answer.contains("reached /late") && answer.contains("connection: close"), "{answer}");
}
