//! TLS of the data listener, beside certificates (`tests/corpus/certificates`): nothing in clear, nothing early.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::{ClientConnection, StreamOwned};
use rustls_pki_types::ServerName;
use sluice_tests::city::City;
use sluice_tests::client::Call;
use sluice_tests::demo::Demo;

#[test]
fn nobody_is_answered_in_clear() {
    let demo = Demo::of(&City::small());
    let hello_of_ssl2 = b"\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10";
    for bytes in [
        &b"GET /v1/resources HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"[..],
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00",
        b"PROXY TCP4 127.0.0.1 127.0.0.1 1 2\r\n",
        hello_of_ssl2,
    ] {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, demo.base)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.write_all(bytes).unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        // An alert of TLS, or nothing.
        assert!(answer.is_empty() || answer[0] == 0x15, "{answer:?}");
    }
}

#[test]
fn nothing_is_taken_before_the_handshake_is_over() {
    let demo = Demo::of(&City::small());
    let ask = demo.identity("ask");
    let mut config = (*ask.tls(&[b"http/1.1"])).clone();
    config.enable_early_data = true;
    let config = Arc::new(config);
    for is_resumed in [false, true] {
        let name = ServerName::try_from("127.0.0.1").unwrap();
        let mut tls = ClientConnection::new(config.clone(), name).unwrap();
        assert!(tls.early_data().is_none(), "a session of before permits early data");
        let tcp = TcpStream::connect((Ipv4Addr::LOCALHOST, demo.base)).unwrap();
        tcp.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut stream = StreamOwned::new(tls, tcp);
        let host = format!("127.0.0.1:{}", demo.base);
        let call = Call::get("/v1/resources").header("Connection", "close").wire(&host, ask.token.as_deref());
        stream.write_all(&call).unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
        let kind = stream.conn.handshake_kind();
        assert_eq!(kind == Some(rustls::HandshakeKind::Resumed), is_resumed, "{kind:?}");
    }
}
