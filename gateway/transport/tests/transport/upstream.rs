//! The pool towards providers: reuse, one safe retry, and faults by kind.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use sluice_domain::Egress;
use sluice_transport::clock;
use sluice_transport::upstream::{
    ClientTls, Endpoint, EndpointError, PoolLimits, UnreachableKind, Upstream, UpstreamFault,
};

use crate::provider::{Does, Provider, answer};
use crate::site::{PATIENCE, Pki, Site};

const BYTES_MAX: usize = 1000;

fn endpoint(origin: &str, tls: Option<ClientTls>, limits: PoolLimits) -> Result<Arc<Endpoint>, EndpointError> {
    Endpoint::new(origin, tls, limits, Arc::new(Egress::test(Vec::new()))).map(Arc::new)
}

fn pool(provider: &Provider, limits: PoolLimits) -> (Upstream, Arc<Endpoint>) {
    let endpoint = endpoint(&format!("http://{}", provider.addr), None, limits).unwrap();
    (Upstream::new(Arc::clone(&endpoint)), endpoint)
}

async fn send(upstream: &Upstream) -> Result<Response<Bytes>, UpstreamFault> {
    let request = Request::post("/data?x=1").body(Full::new(Bytes::from_static(b"ask"))).unwrap();
    upstream.send(request, clock::now() + PATIENCE, BYTES_MAX).await
}

#[tokio::test]
async fn a_connection_is_used_again() {
    let provider = Provider::start(vec![vec![
        Does::Answer(answer("one")),
        Does::Answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\ntwo\r\n0\r\n\r\n".into()),
        Does::Answer(answer("three")),
    ]])
    .await;
    let (upstream, endpoint) = pool(&provider, PoolLimits::default());
    for expected in ["one", "two", "three"] {
        assert_eq!(send(&upstream).await.unwrap().body(), expected);
    }
    assert_eq!(provider.requests().iter().map(|(number, _)| *number).collect::<Vec<_>>(), [0, 0, 0]);
    let pool = endpoint.snapshot();
    assert_eq!((pool.connects_ok, pool.reused, pool.open, pool.idle), (1, 2, 1, 1));
    assert_eq!(pool.connect.counts.iter().sum::<u64>(), 1);
    drop(upstream);
    let pool = endpoint.snapshot();
    assert_eq!((pool.connects_ok, pool.open, pool.idle), (1, 0, 0), "what was counted stays");
}

#[tokio::test]
async fn a_connection_that_was_closed_meanwhile_costs_no_request() {
    let provider = Provider::start(vec![vec![Does::Last(answer("one"))], vec![Does::Last(answer("two"))]]).await;
    let (upstream, _) = pool(&provider, PoolLimits::default());
    assert_eq!(send(&upstream).await.unwrap().body(), "one");
    // The provider's close must have arrived.
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    assert_eq!(send(&upstream).await.unwrap().body(), "two");
    assert_eq!(provider.requests().len(), 2);
}

#[tokio::test]
async fn a_request_that_left_is_not_sent_again() {
    for (rule, script, expected) in [
        ("on a kept connection", vec![Does::Answer(answer("one")), Does::Last(String::new())], (false, true)),
        (
            "with half an answer",
            vec![Does::Answer(answer("one")), Does::Last("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab".into())],
            (true, true),
        ),
    ] {
        let provider = Provider::start(vec![script, vec![Does::Answer(answer("never"))]]).await;
        let (upstream, endpoint) = pool(&provider, PoolLimits::default());
        send(&upstream).await.unwrap();
        let (answered, reused) = expected;
        assert_eq!(send(&upstream).await.unwrap_err(), UpstreamFault::Broken { answered, reused }, "{rule}");
        assert_eq!(provider.requests().len(), 2, "{rule}");
        assert_eq!(endpoint.snapshot().retries, 0, "{rule}");
        assert_eq!(endpoint.snapshot().open, 0, "{rule}");
    }
}

#[tokio::test]
async fn answers_that_are_not_clean_are_refused_and_their_connection_dropped() {
    let broken = UpstreamFault::Broken { answered: true, reused: false };
    let too_large = UpstreamFault::TooLarge { bytes_max: BYTES_MAX };
    let large = "x".repeat(BYTES_MAX + 1);
    let rows = [
        ("length announced", answer(&large), too_large),
        (
            "length unannounced",
            format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{large}\r\n0\r\n\r\n", large.len()),
            too_large,
        ),
        (
            "coding and length",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n3\r\nabc\r\n0\r\n\r\n".into(),
            broken,
        ),
        (
            "length and coding",
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n".into(),
            broken,
        ),
        ("length twice", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc".into(), broken),
        ("length listed", "HTTP/1.1 200 OK\r\nContent-Length: 3, 3\r\n\r\nabc".into(), broken),
        ("length signed", "HTTP/1.1 200 OK\r\nContent-Length: +3\r\n\r\nabc".into(), broken),
        (
            "coding twice",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".into(),
            broken,
        ),
        (
            "coding in HTTP/1.0",
            "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n".into(),
            broken,
        ),
        ("interim answers without end", "HTTP/1.1 103 Early Hints\r\n\r\n".repeat(50), broken),
        ("a head without end", format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(80_000)), broken),
        ("headers without end", format!("HTTP/1.1 200 OK\r\n{}\r\n", "X: y\r\n".repeat(200)), broken),
        ("a folded header", "HTTP/1.1 200 OK\r\nX: y\r\n Content-Length: 3\r\n\r\nabc".into(), broken),
        ("a space before the colon", "HTTP/1.1 200 OK\r\nContent-Length : 3\r\n\r\nabc".into(), broken),
        ("NUL in a header", "HTTP/1.1 200 OK\r\nX: \0\r\nContent-Length: 3\r\n\r\nabc".into(), broken),
        (
            "a chunk size beyond numbers",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nabc".into(),
            broken,
        ),
        (
            "coding list",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n".into(),
            broken,
        ),
        (
            "switch of protocols",
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n".into(),
            broken,
        ),
        ("different lengths", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc".into(), broken),
        ("no HTTP", "hello\r\n\r\n".into(), broken),
        ("bad chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n".into(), broken),
    ];
    for (rule, bytes, expected) in rows {
        let provider = Provider::start(vec![vec![Does::Answer(bytes)]]).await;
        let (upstream, endpoint) = pool(&provider, PoolLimits::default());
        assert_eq!(send(&upstream).await.unwrap_err(), expected, "{rule}");
        assert_eq!(endpoint.snapshot().open, 0, "{rule}");
    }
    let provider = Provider::start(vec![vec![Does::Answer(answer(&"x".repeat(BYTES_MAX)))]]).await;
    let (upstream, _) = pool(&provider, PoolLimits::default());
    assert_eq!(send(&upstream).await.unwrap().body().len(), BYTES_MAX, "the limit itself passes");
}

#[tokio::test]
async fn bytes_that_nobody_asked_for_spoil_the_connection() {
    let two = format!("{}{}", answer("one"), answer("smuggled"));
    let provider = Provider::start(vec![vec![Does::Answer(two)], vec![Does::Answer(answer("two"))]]).await;
    let (upstream, _) = pool(&provider, PoolLimits::default());
    assert_eq!(send(&upstream).await.unwrap().body(), "one");
    assert_eq!(send(&upstream).await.unwrap().body(), "two");
    assert_eq!(provider.requests().iter().map(|(number, _)| *number).collect::<Vec<_>>(), [0, 1]);
}

#[tokio::test]
async fn the_deadline_ends_a_call_and_its_connection() {
    let provider = Provider::start(vec![vec![Does::Hang]]).await;
    let limits = PoolLimits { connections_max: 1, waiting_max: 1, ..PoolLimits::default() };
    let (upstream, endpoint) = pool(&provider, limits);
    let request = || Request::get("/").body(Full::default()).unwrap();
    let deadline = clock::now() + Duration::from_millis(200);
    let (first, waiting, third) = tokio::join!(
        upstream.send(request(), deadline, BYTES_MAX),
        upstream.send(request(), deadline, BYTES_MAX),
        upstream.send(request(), deadline, BYTES_MAX),
    );
    assert_eq!(first.unwrap_err(), UpstreamFault::Timeout { sent: true });
    assert_eq!(waiting.unwrap_err(), UpstreamFault::Timeout { sent: false });
    assert_eq!(third.unwrap_err(), UpstreamFault::Unreachable(UnreachableKind::Busy));
    assert_eq!(endpoint.snapshot().open, 0);
}

#[tokio::test]
async fn a_provider_that_is_not_there_is_unreachable_by_kind() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let rows = [
        (format!("http://{free}"), UnreachableKind::Refused),
        ("http://203.0.113.7:80".to_owned(), UnreachableKind::Forbidden),
        ("http://name.invalid".to_owned(), UnreachableKind::Unresolved),
    ];
    for (origin, kind) in rows {
        let upstream = Upstream::new(endpoint(&origin, None, PoolLimits::default()).unwrap());
        assert_eq!(send(&upstream).await.unwrap_err(), UpstreamFault::Unreachable(kind), "{origin}");
    }
}

#[tokio::test]
async fn addresses_are_judged_when_they_are_connected_to() {
    let provider = Provider::start(vec![vec![Does::Answer(answer("one"))]; 2]).await;
    let port = provider.addr.port();
    let forbidden = Err(UpstreamFault::Unreachable(UnreachableKind::Forbidden));
    let loopback = || vec!["127.0.0.0/8".parse().unwrap(), "::1".parse().unwrap()];
    let rows = [
        (format!("http://127.0.0.1:{port}"), Egress::production(Vec::new()), forbidden),
        (format!("http://localhost:{port}"), Egress::production(Vec::new()), forbidden),
        (format!("http://127.0.0.1:{port}"), Egress::production(loopback()), Ok(())),
        (format!("http://localhost:{port}"), Egress::production(loopback()), Ok(())),
        ("http://169.254.169.254".to_owned(), Egress::test(Vec::new()), forbidden),
    ];
    for (origin, egress, expected) in rows {
        let endpoint = Endpoint::new(&origin, None, PoolLimits::default(), Arc::new(egress)).unwrap();
        assert_eq!(send(&Upstream::new(Arc::new(endpoint))).await.map(drop), expected, "{origin}");
    }
}

#[tokio::test]
async fn interim_answers_are_passed_over() {
    let hints = "HTTP/1.1 103 Early Hints\r\nContent-Length: 5\r\nTransfer-Encoding: x\r\n\r\n".repeat(3);
    let provider = Provider::start(vec![vec![Does::Answer(hints + &answer("one")), Does::Answer(answer("two"))]]).await;
    let (upstream, endpoint) = pool(&provider, PoolLimits::default());
    assert_eq!(send(&upstream).await.unwrap().body(), "one");
    assert_eq!(send(&upstream).await.unwrap().body(), "two");
    assert_eq!(endpoint.snapshot().connects_ok, 1);
}

#[tokio::test]
async fn idle_connections_are_not_used_after_their_time() {
    for limits in [
        PoolLimits { idle: Duration::ZERO, ..PoolLimits::default() },
        PoolLimits { age_max: Duration::ZERO, ..PoolLimits::default() },
        PoolLimits { idle_max: 0, ..PoolLimits::default() },
    ] {
        let provider =
            Provider::start(vec![vec![Does::Answer(answer("one"))], vec![Does::Answer(answer("two"))]]).await;
        let (upstream, _) = pool(&provider, limits.clone());
        for expected in ["one", "two"] {
            assert_eq!(send(&upstream).await.unwrap().body(), expected, "{limits:?}");
        }
    }
}

#[tokio::test]
async fn what_belongs_to_one_hop_stays_there() {
    let reply = "HTTP/1.1 302 Found\r\nLocation: http://elsewhere/\r\nSet-Cookie: a=b\r\nConnection: X-One\r\nConnection: keep-alive, X-Two\r\nX-One: 1\r\nX-Two: 2\r\nX-Three: 3\r\nKeep-Alive: timeout=5\r\nContent-Length: 2\r\n\r\nok";
    let provider = Provider::start(vec![vec![Does::Answer(reply.into())]]).await;
    let (upstream, _) = pool(&provider, PoolLimits::default());
    let request = Request::put("https://other.example/a%20b?c=d")
        .header("Host", "other.example")
        .header("Connection", "close")
        .header("Connection", "X-Secret")
        .header("X-Secret", "1")
        .header("TE", "trailers")
        .header("Transfer-Encoding", "chunked")
        .header("Content-Length", "99")
        .header("X-Kept", "1")
        .body(Full::new(Bytes::from_static(b"body")))
        .unwrap();
    let response = upstream.send(request, clock::now() + PATIENCE, BYTES_MAX).await.unwrap();
    assert_eq!(response.status(), 302, "redirects are the adapter's to judge");
    let names: Vec<_> = response.headers().keys().map(http::HeaderName::as_str).collect();
    assert_eq!(names, ["location", "set-cookie", "x-three"]);
    let (_, request) = provider.requests().remove(0);
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let mut lines: Vec<_> = head.lines().collect();
    assert_eq!(lines.remove(0), "PUT /a%20b?c=d HTTP/1.1");
    lines.sort_unstable();
    assert_eq!(lines, ["content-length: 4", &format!("host: {}", provider.addr), "x-kept: 1"]);
    assert_eq!(body, "body");
}

#[tokio::test]
async fn providers_are_spoken_to_over_tls_with_an_identity() {
    let site = Site::start();
    let tls = |identity, name| ClientTls::load(&site.pki.path("ca.pem"), identity, name).unwrap();
    let (cert, key) = (site.pki.path("good.pem"), site.pki.path("good.key"));
    let identity = Some((cert.as_path(), key.as_path()));
    let origin = format!("https://127.0.0.1:{}", site.workers.addr().port());
    let ask = async |tls| {
        let upstream = Upstream::new(endpoint(&origin, Some(tls), PoolLimits::default()).unwrap());
        let request = Request::get("/tls").body(Full::default()).unwrap();
        upstream.send(request, clock::now() + PATIENCE, BYTES_MAX).await
    };
    assert_eq!(ask(tls(identity, None)).await.unwrap().body(), "reached /tls");
    assert!(ask(tls(None, None)).await.is_err(), "the provider wants a certificate");
    let wrong_name = ask(tls(identity, Some("other.example"))).await.unwrap_err();
    assert_eq!(wrong_name, UpstreamFault::Unreachable(UnreachableKind::Tls));
}

#[test]
fn an_endpoint_is_an_origin() {
    let pki = Pki::new();
    let tls = || Some(ClientTls::load(&pki.path("ca.pem"), None, None).unwrap());
    let rows = [
        ("http://127.0.0.1:9001", None, None),
        ("http://[::1]:9001/", None, None),
        ("https://data.example.cn", tls(), None),
        ("https://data.example.cn", None, Some(EndpointError::TlsMissing)),
        ("http://127.0.0.1", tls(), Some(EndpointError::TlsUnused)),
        ("http://127.0.0.1/path", None, Some(EndpointError::NotAnOrigin)),
        ("http://user@127.0.0.1", None, Some(EndpointError::NotAnOrigin)),
        ("ftp://127.0.0.1", None, Some(EndpointError::NotAnOrigin)),
        ("127.0.0.1:80", None, Some(EndpointError::NotAnOrigin)),
        ("", None, Some(EndpointError::NotAnOrigin)),
    ];
    for (origin, tls, expected) in rows {
        assert_eq!(endpoint(origin, tls, PoolLimits::default()).err(), expected, "{origin}");
    }
    for (cert, key) in [("good.key", "good.key"), ("good.pem", "good.pem"), ("good.pem", "missing.key")] {
        let (cert, key) = (pki.path(cert), pki.path(key));
        assert!(ClientTls::load(&pki.path("ca.pem"), Some((&cert, &key)), None).is_err());
    }
}
