//! Changed heads: what passes the edge rules has one meaning.

use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, Version};
use proptest::prelude::*;
use sluice_fuzz::mutated_text;
use sluice_transport::edge::{AllowedHosts, EdgeLimits, EdgeRules, Head, check};

const TARGETS: [&str; 5] = [
    "/v1/resources/430689001/000001/query",
    "/v1/resources/430689001/000001/call/people/%E5%BC%A0/a-b_c.d~e?year=2026&part=1",
    "/v1/resources?query=%E6%88%B7&share_type=open&cursor=&limit=2",
    "https://localhost:8443/v1/receipts/17",
    "*",
];
const LINES: [&str; 3] = [
    "host: localhost:8443\nauthorization: Bearer abc\nexchange-purpose: P1\nexchange-handler: h-1\nexchange-matter: C",
    "host: localhost:8443\ncontent-length: 12\nconnection: keep-alive\nexpect: 100-continue\ntraceparent: 00-a-b-01",
    "host: localhost:8443\ntransfer-encoding: chunked\ncontent-type: application/json\nx-request-id: 1\naccept: */*",
];
/// Headers that decide something, and stand there once at most.
const ONCE: [&str; 8] = [
    "host",
    "authorization",
    "content-length",
    "transfer-encoding",
    "content-type",
    "exchange-purpose",
    "exchange-handler",
    "exchange-matter",
];

fn rules() -> EdgeRules {
    EdgeRules { hosts: AllowedHosts::new(["localhost:8443"]).unwrap(), limits: EdgeLimits::default() }
}

fn passes(uri: &Uri, headers: &HeaderMap) -> bool {
    let head = Head { method: &Method::POST, uri, version: Version::HTTP_11, headers, sni: None };
    check(&head, &rules()).is_ok()
}

/// Decoded once; `None` for an escape that is none.
fn decoded(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next()?, rest.next()?];
            out.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
        } else {
            out.push(byte);
        }
    }
    Some(out)
}

proptest! {
    #[test]
    fn a_target_that_passes_has_one_path(target in mutated_text(&TARGETS)) {
        let Ok(uri) = target.parse::<Uri>() else { return Ok(()) };
        let headers = HeaderMap::from_iter([(http::header::HOST, HeaderValue::from_static("localhost:8443"))]);
        if !passes(&uri, &headers) {
            return Ok(());
        }
        for segment in uri.path().split('/').skip(1) {
            let meant = decoded(segment);
            prop_assert!(meant.is_some(), "an escape that is none in {target}");
            let meant = String::from_utf8(meant.unwrap_or_default());
            prop_assert!(meant.is_ok(), "no UTF-8 in {target}");
            let meant = meant.unwrap_or_default();
            let is_empty = meant.is_empty() && uri.path() != "/";
            prop_assert!(!is_empty && meant != "." && meant != "..", "segment {meant:?} of {target}");
            let strange = |char: char| char.is_ascii_control() || matches!(char, '/' | '\\' | ';');
            prop_assert!(!meant.contains(strange), "segment {meant:?} of {target}");
            let again = decoded(&meant).is_some_and(|again| again != meant.as_bytes());
            prop_assert!(!again, "{meant:?} of {target} can be decoded again");
        }
        let query = uri.query().unwrap_or_default();
        prop_assert!(query.bytes().all(|byte| byte.is_ascii_graphic()), "query of {target}");
    }

    #[test]
    fn headers_that_pass_stand_there_once_and_under_one_name(text in mutated_text(&LINES)) {
        let mut headers = HeaderMap::new();
        for (name, value) in text.lines().filter_map(|line| line.split_once(':')) {
            if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value.trim())) {
                headers.append(name, value);
            }
        }
        if !passes(&Uri::from_static("/v1/resources"), &headers) {
            return Ok(());
        }
        for name in ONCE {
            prop_assert!(headers.get_all(name).iter().count() <= 1, "{name} twice in {text:?}");
            let alias = headers.keys().find(|known| known.as_str() != name && known.as_str().replace('_', "-") == name);
            prop_assert!(alias.is_none(), "{alias:?} beside {name} in {text:?}");
        }
        prop_assert!(headers.contains_key("host"), "no host in {text:?}");
        let both = headers.contains_key("content-length") && headers.contains_key("transfer-encoding");
        prop_assert!(!both, "two framings in {text:?}");
        let names = headers.get_all("connection").iter().flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
        for named in names.map(|name| String::from_utf8_lossy(name.trim_ascii()).to_ascii_lowercase()) {
            prop_assert!(!ONCE.contains(&named.as_str()), "Connection names {named} in {text:?}");
        }
    }
}
