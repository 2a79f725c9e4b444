//! What a request costs between socket and service, to be counted in instructions:
//!
//! `cargo --config 'profile.dev.package.sluice-transport.opt-level=3' test -p sluice-transport --test transport
//! --no-run`, then `valgrind --tool=callgrind TEST_BINARY cost` and `callgrind_annotate --inclusive=yes` for
//! `edge::check`, `Conn::judge_head` and `Flight`.

use tokio::io::AsyncWriteExt;

use crate::site::{Site, read_answer};

const REQUESTS: u64 = 1000;

#[tokio::test]
async fn one_connection_serves_a_thousand_requests() {
    let site = Site::start();
    let mut stream = site.plain_client().await;
    // As a department sends them: a token of some hundred bytes, a short body.
    let body = r#"{"filter":{"GMSFHM":"430689198503120011"}}"#;
    let request = format!(
        "POST /v1/resources/900001001/000001/query HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\nExchange-Purpose: SHJZ\r\nExchange-Handler: u-0001\r\nContent-Length: {}\r\n\r\n{body}",
        "x".repeat(480),
        body.len()
    );
    for _ in 0..REQUESTS {
        stream.write_all(request.as_bytes()).await.unwrap();
        assert!(read_answer(&mut stream).await.expect("an answer").contains("reached /v1"));
    }
    assert_eq!(site.snapshot().requests, REQUESTS);
}
