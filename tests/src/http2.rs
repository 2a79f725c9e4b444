//! The same calls over HTTP/2.

use std::net::Ipv4Addr;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio_rustls::TlsConnector;

use crate::client::{Answer, Call, Identity};

/// A connection with HTTP/2.
pub struct Http2 {
    runtime: Runtime,
    sender: SendRequest<Full<Bytes>>,
    authority: String,
    token: Option<String>,
}

impl Http2 {
    /// Connects, negotiates `h2` by ALPN and exchanges settings.
    pub fn open(identity: &Identity, port: u16) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let name = ServerName::try_from(identity.server_name.clone()).expect("a server name");
        let tls = identity.tls(&[b"h2"]);
        let (sender, connection) = runtime.block_on(async {
            let tcp = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.expect("the listener");
            let tls = TlsConnector::from(tls).connect(name, tcp).await.expect("a handshake");
            assert_eq!(tls.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
            http2::handshake(TokioExecutor::new(), TokioIo::new(tls)).await.expect("settings")
        });
        let _ends_with_the_runtime = runtime.spawn(connection);
        Self { runtime, sender, authority: format!("{}:{port}", identity.server_name), token: identity.token.clone() }
    }

    /// Sends a call and reads its answer.
    pub fn send(&mut self, call: &Call) -> Answer {
        let authority = call
            .headers
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case("host"))
            .map_or(&self.authority, |(_, host)| host);
        let mut request =
            http::Request::builder().method(call.method.as_str()).uri(format!("https://{authority}{}", call.target));
        let headers = call.headers.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("host"));
        request = headers.fold(request, |request, (name, value)| request.header(name.to_ascii_lowercase(), value));
        let has_own = call.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("authorization"));
        if let Some(token) = self.token.as_ref().filter(|_| !has_own) {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let request = request.body(Full::new(Bytes::from(call.body.clone()))).expect("a request");
        self.runtime.block_on(async {
            let response = self.sender.send_request(request).await.expect("an answer");
            let (head, body) = response.into_parts();
            assert!(head.headers.get("trailer").is_none(), "no trailers");
            let headers = head.headers.iter().map(|(name, value)| {
                (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
            });
            let body = body.collect().await.expect("a body");
            assert!(body.trailers().is_none(), "no trailers");
            Answer { status: head.status.as_u16(), headers: headers.collect(), body: body.to_bytes().to_vec() }
        })
    }
}
