//! The rules as a table: what passes, what just passes, what just does not.

use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, Version};
use sluice_domain::{Code, Fact, Fault};
use sluice_transport::edge::{AllowedHosts, EdgeLimits, EdgeRules, Head, check};

/// `Ok`, or the code and the fault.
type Expected = Result<(), (Code, Option<Fault>)>;

fn malformed(fault: Fault) -> Expected {
    Err((Code::RequestMalformed, Some(fault)))
}

/// Header lines: name, value.
type Lines<'a> = &'a [(&'a str, &'a [u8])];

/// Rule, target, version, headers, server name, outcome.
type HostRow<'a> = (&'a str, &'a str, Version, Lines<'a>, Option<&'a str>, Expected);

struct Sent<'a> {
    method: Method,
    target: &'a str,
    version: Version,
    headers: Lines<'a>,
    sni: Option<&'a str>,
}

const HOST: (&str, &[u8]) = ("host", b"localhost:8443");

fn judge(sent: &Sent<'_>) -> Expected {
    let rules = EdgeRules {
        hosts: AllowedHosts::new(["localhost:8443", "Exchange.Example.CN", "[::1]"]).unwrap(),
        limits: EdgeLimits { uri_bytes_max: 256, header_bytes_max: 1024, headers_max: 16 },
    };
    let mut headers = HeaderMap::new();
    for (name, value) in sent.headers {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        headers.append(name, HeaderValue::from_bytes(value).unwrap());
    }
    let uri: Uri = sent.target.parse().unwrap();
    let head = Head { method: &sent.method, uri: &uri, version: sent.version, headers: &headers, sni: sent.sni };
    check(&head, &rules).map_err(|refusal| {
        let fault = refusal.facts().iter().find_map(|fact| match fact {
            Fact::Fault(fault) => Some(*fault),
            _ => None,
        });
        (refusal.code, fault)
    })
}

fn get<'a>(target: &'a str, headers: Lines<'a>) -> Sent<'a> {
    Sent { method: Method::GET, target, version: Version::HTTP_11, headers, sni: None }
}

#[test]
fn a_path_has_one_meaning() {
    let refused = [
        ("/a%2Fb", Fault::PathEncoding),
        ("/a%2fb", Fault::PathEncoding),
        ("/a%5Cb", Fault::PathEncoding),
        ("/a\\b", Fault::PathEncoding),
        ("/a%00b", Fault::PathEncoding),
        ("/a%0Ab", Fault::PathEncoding),
        ("/a%7Fb", Fault::PathEncoding),
        ("/a%", Fault::PathEncoding),
        ("/a%4", Fault::PathEncoding),
        ("/a%zz", Fault::PathEncoding),
        ("/a%+1", Fault::PathEncoding),
        ("/%252e%252e/b", Fault::PathEncoding),
        ("/a%2541", Fault::PathEncoding),
        ("/%c0%af", Fault::PathEncoding),
        ("/%e4%b8", Fault::PathEncoding),
        ("/%ed%a0%80", Fault::PathEncoding),
        ("/a?q=\u{4e2d}", Fault::PathEncoding),
        ("/.", Fault::PathSegments),
        ("/..", Fault::PathSegments),
        ("/a/../b", Fault::PathSegments),
        ("/a/%2e%2e/b", Fault::PathSegments),
        ("/a/.%2E/b", Fault::PathSegments),
        ("/a/%2e/b", Fault::PathSegments),
        ("//a", Fault::PathSegments),
        ("/a//b", Fault::PathSegments),
        ("/a/", Fault::PathSegments),
        ("/a;x=1/b", Fault::PathSegments),
        ("/a%3Bx=1", Fault::PathSegments),
        ("*", Fault::BadRequestLine),
    ];
    for (target, fault) in refused {
        assert_eq!(judge(&get(target, &[HOST])), malformed(fault), "{target}");
    }
    let accepted = [
        "/",
        "/v1/resources/101001001/000001/verify",
        "/a.b/..c/d..",
        "/%E4%B8%AD%E6%96%87",
        "/100%25",
        "/a%2Cb",
        "/a%20b",
        "/~a-b_c",
        "/a?x=%2F..%2F&y=;",
        "/a?",
        "https://localhost:8443/a",
    ];
    for target in accepted {
        assert_eq!(judge(&get(target, &[HOST])), Ok(()), "{target}");
    }
}

#[test]
fn host_authority_and_server_name_agree() {
    let misdirected = Err((Code::RequestMisdirected, None));
    let rows: &[HostRow<'_>] = &[
        ("exact", "/", Version::HTTP_11, &[HOST], None, Ok(())),
        ("case does not matter", "/", Version::HTTP_11, &[("host", b"LOCALHOST:8443")], Some("localhost"), Ok(())),
        ("any port where none is listed", "/", Version::HTTP_11, &[("host", b"exchange.example.cn:9")], None, Ok(())),
        ("address in brackets", "/", Version::HTTP_11, &[("host", b"[::1]:8443")], None, Ok(())),
        ("missing", "/", Version::HTTP_11, &[], None, malformed(Fault::HostMissing)),
        ("empty", "/", Version::HTTP_11, &[("host", b"")], None, malformed(Fault::HostMismatch)),
        ("repeated", "/", Version::HTTP_11, &[HOST, HOST], None, malformed(Fault::HostRepeated)),
        ("with user", "/", Version::HTTP_11, &[("host", b"a@localhost:8443")], None, malformed(Fault::HostMismatch)),
        ("with list", "/", Version::HTTP_11, &[("host", b"localhost, evil")], None, malformed(Fault::HostMismatch)),
        (
            "port too large",
            "/",
            Version::HTTP_11,
            &[("host", b"localhost:65536")],
            None,
            malformed(Fault::HostMismatch),
        ),
        ("port no number", "/", Version::HTTP_11, &[("host", b"localhost:+1")], None, malformed(Fault::HostMismatch)),
        ("other port", "/", Version::HTTP_11, &[("host", b"localhost:8444")], None, misdirected),
        ("other host", "/", Version::HTTP_11, &[("host", b"example.com")], None, misdirected),
        ("other server name", "/", Version::HTTP_11, &[HOST], Some("exchange.example.cn"), misdirected),
        ("authority alone in HTTP/2", "https://localhost:8443/", Version::HTTP_2, &[], None, Ok(())),
        (
            "authority alone in HTTP/1.1",
            "https://localhost:8443/",
            Version::HTTP_11,
            &[],
            None,
            malformed(Fault::HostMissing),
        ),
        (
            "authority and other host",
            "https://localhost:8443/",
            Version::HTTP_2,
            &[("host", b"localhost")],
            None,
            malformed(Fault::HostMismatch),
        ),
        (
            "default port is 443",
            "https://exchange.example.cn/",
            Version::HTTP_2,
            &[("host", b"exchange.example.cn:443")],
            None,
            Ok(()),
        ),
        ("HTTP/2 without any", "/", Version::HTTP_2, &[], None, malformed(Fault::HostMissing)),
    ];
    for (rule, target, version, headers, sni, expected) in rows {
        let sent = Sent { method: Method::GET, target, version: *version, headers, sni: *sni };
        assert_eq!(judge(&sent), *expected, "{rule}");
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "rows of data")]
fn headers_are_single_plain_and_under_their_own_name() {
    let rows: &[(&str, Lines<'_>, Expected)] = &[
        ("chunked", &[HOST, ("transfer-encoding", b"Chunked")], Ok(())),
        ("chunked with a list", &[HOST, ("transfer-encoding", b"gzip, chunked")], malformed(Fault::TransferEncoding)),
        ("identity", &[HOST, ("transfer-encoding", b"identity")], malformed(Fault::TransferEncoding)),
        (
            "chunked twice",
            &[HOST, ("transfer-encoding", b"chunked"), ("transfer-encoding", b"chunked")],
            malformed(Fault::TransferEncoding),
        ),
        (
            "chunked and length",
            &[HOST, ("transfer-encoding", b"chunked"), ("content-length", b"3")],
            malformed(Fault::TransferEncoding),
        ),
        ("length", &[HOST, ("content-length", b"9999999999999999999")], Ok(())),
        ("length too long", &[HOST, ("content-length", b"10000000000000000000")], malformed(Fault::ContentLength)),
        ("length signed", &[HOST, ("content-length", b"+3")], malformed(Fault::ContentLength)),
        ("length empty", &[HOST, ("content-length", b"")], malformed(Fault::ContentLength)),
        ("length twice", &[HOST, ("content-length", b"3"), ("content-length", b"3")], malformed(Fault::ContentLength)),
        ("continue", &[HOST, ("expect", b"100-Continue")], Ok(())),
        ("other expectation", &[HOST, ("expect", b"100-continue, x")], malformed(Fault::ExpectUnsupported)),
        ("upgrade", &[HOST, ("upgrade", b"websocket")], malformed(Fault::UpgradeUnsupported)),
        ("upgrade in the list", &[HOST, ("connection", b"keep-alive, Upgrade")], malformed(Fault::UpgradeUnsupported)),
        ("ordinary connection", &[HOST, ("connection", b"keep-alive, TE"), ("connection", b"x-thing")], Ok(())),
        (
            "connection names identity",
            &[HOST, ("connection", b"close, Authorization")],
            malformed(Fault::HeaderReserved),
        ),
        (
            "second connection names host",
            &[HOST, ("connection", b"close"), ("connection", b" Host ")],
            malformed(Fault::HeaderReserved),
        ),
        ("connection names ours", &[HOST, ("connection", b"Exchange-Purpose")], malformed(Fault::HeaderReserved)),
        ("alias of ours", &[HOST, ("exchange_purpose", b"a")], malformed(Fault::HeaderReserved)),
        ("alias with prefix", &[HOST, ("x_exchange-department", b"a")], malformed(Fault::HeaderReserved)),
        ("alias of framing", &[HOST, ("content_length", b"3")], malformed(Fault::HeaderReserved)),
        ("other underscore", &[HOST, ("my_header", b"a")], Ok(())),
        (
            "authorization twice",
            &[HOST, ("authorization", b"Bearer a"), ("authorization", b"Bearer b")],
            malformed(Fault::HeaderRepeated),
        ),
        (
            "purpose twice",
            &[HOST, ("exchange-purpose", b"a"), ("exchange-purpose", b"a")],
            malformed(Fault::HeaderRepeated),
        ),
        (
            "unknown one of ours twice",
            &[HOST, ("exchange-x", b"a"), ("exchange-x", b"a")],
            malformed(Fault::HeaderRepeated),
        ),
        (
            "idempotency key twice",
            &[HOST, ("idempotency-key", b"a"), ("idempotency-key", b"b")],
            malformed(Fault::HeaderRepeated),
        ),
        ("traceparent twice", &[HOST, ("traceparent", b"a"), ("traceparent", b"b")], malformed(Fault::HeaderRepeated)),
        ("type twice", &[HOST, ("content-type", b"a/b"), ("content-type", b"a/b")], malformed(Fault::HeaderRepeated)),
        ("lists may repeat", &[HOST, ("accept", b"a/b"), ("accept", b"c/d")], Ok(())),
        ("tab in ours", &[HOST, ("exchange-matter", b"a\tb")], malformed(Fault::HeaderCharacters)),
        ("tab in a token", &[HOST, ("authorization", b"Bearer\ta")], malformed(Fault::HeaderCharacters)),
        ("tab elsewhere", &[HOST, ("user-agent", b"a\tb")], Ok(())),
    ];
    for (rule, headers, expected) in rows {
        assert_eq!(judge(&get("/", headers)), *expected, "{rule}");
    }
    let http2 = Sent { version: Version::HTTP_2, ..get("/", &[HOST, ("transfer-encoding", b"chunked")]) };
    assert_eq!(judge(&http2), malformed(Fault::TransferEncoding), "HTTP/2 has no transfer codings");
}

#[test]
fn sizes_are_refused_just_above_the_limit() {
    let path = |bytes: usize| format!("/{}", "a".repeat(bytes - 1));
    assert_eq!(judge(&get(&path(256), &[HOST])), Ok(()));
    assert_eq!(judge(&get(&path(257), &[HOST])), Err((Code::RequestUriTooLong, None)));
    // "host: localhost:8443\r\n" and "x-a: \r\n" take 22 and 7 of the 1,024 bytes.
    let value = vec![b'a'; 1024 - 22 - 7];
    assert_eq!(judge(&get("/", &[HOST, ("x-a", &value)])), Ok(()));
    let value = vec![b'a'; 1024 - 22 - 6];
    assert_eq!(judge(&get("/", &[HOST, ("x-a", &value)])), Err((Code::RequestHeadersTooLarge, None)));
    let many = [HOST; 1].into_iter().chain([("x-a", b"1".as_slice()); 15]).collect::<Vec<_>>();
    assert_eq!(judge(&get("/", &many)), Ok(()));
    let many = [HOST; 1].into_iter().chain([("x-a", b"1".as_slice()); 16]).collect::<Vec<_>>();
    assert_eq!(judge(&get("/", &many)), Err((Code::RequestHeadersTooLarge, None)));
}

#[test]
fn methods_that_open_tunnels_or_echo_are_refused() {
    for (method, expected) in [
        (Method::TRACE, malformed(Fault::MethodUnsupported)),
        (Method::CONNECT, malformed(Fault::MethodUnsupported)),
        (Method::POST, Ok(())),
        (Method::from_bytes(b"PURGE").unwrap(), Ok(())),
    ] {
        let sent = Sent { method: method.clone(), ..get("/", &[HOST]) };
        assert_eq!(judge(&sent), expected, "{method}");
    }
}

#[test]
fn allowed_hosts_are_hosts() {
    for wrong in ["", "a b", "https://a", "a@b", "a:", "a:99999", "[::1", "a/b"] {
        assert!(AllowedHosts::new([wrong]).is_err(), "{wrong}");
    }
    let none = EdgeRules { hosts: AllowedHosts::default(), limits: EdgeLimits::default() };
    let headers = HeaderMap::from_iter([(http::header::HOST, HeaderValue::from_static("localhost"))]);
    let uri = Uri::from_static("/");
    let head = Head { method: &Method::GET, uri: &uri, version: Version::HTTP_11, headers: &headers, sni: None };
    assert_eq!(check(&head, &none).map_err(|refusal| refusal.code), Err(Code::RequestMisdirected));
}
