//! Sealed files: byte for byte, or not at all.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sluice_tests::http2::Http2;
use sluice_tests::ledger;
use sluice_tests::passing::{Conversation, Passing};

use super::called::{CALLED, call, city, serve};
use super::problem;

pub(crate) const FILES: &str = r#"
path = "/archive/{id}"
types = ["application/ofd", "application/pdf"]
items = ["NAME"]
subjects.response = [{ at = "header:X-Owner", item = "ID" }]
digest = { header = "X-Digest", algorithm = "sha256" }
statuses = [404]
bytes_max = 134217728
"#;

fn content(length: usize) -> Vec<u8> {
    (0..length).map(|at| u8::try_from(at * 31 % 251).unwrap()).collect()
}

fn hex(bytes: &[u8]) -> String {
    digest(&SHA256, bytes).as_ref().iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// A file whose name says how long it is and what is wrong with it, such as `1000-digest`.
fn archive(owner: &str) -> impl Fn(&mut Conversation) -> std::io::Result<()> + use<> {
    let owner = owner.to_owned();
    move |conversation| {
        let name = conversation.target().rsplit('/').next().unwrap_or_default().to_owned();
        let (length, wrong) = name.split_once('-').unwrap_or((&name, ""));
        let content = content(length.parse().unwrap_or(0));
        let told = if wrong == "digest" { hex(b"other") } else { hex(&content) };
        let repr = if wrong == "repr" { "sha-256=:AAAA:".to_owned() } else { "unixsum=1".to_owned() };
        let mut headers = vec![("Content-Type", "application/ofd"), ("Repr-Digest", repr.as_str())];
        if wrong != "untold" {
            headers.push(("X-Digest", told.as_str()));
        }
        if wrong != "unowned" {
            headers.push(("X-Owner", if wrong == "owner" { "430689198503120012" } else { owner.as_str() }));
        }
        match wrong {
            "absent" => conversation.answer(404, &headers, b"no such file"),
            "type" => {
                headers[0].1 = "text/html";
                conversation.answer(200, &headers, &content)
            }
            "cut" => {
                let mut lines = String::new();
                for (name, value) in &headers {
                    lines.extend([*name, ": ", *value, "\r\n"]);
                }
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n{lines}\r\n", content.len() + 1);
                conversation.write(head.as_bytes())?;
                conversation.write(&content)?;
                conversation.cut()
            }
            _ => conversation.answer(200, &headers, &content),
        }
    }
}

#[test]
fn a_file_arrives_byte_for_byte_with_its_digests() {
    let city = city();
    let provider = Passing::start(archive(&city.id(1)));
    let site = serve(&city, &provider, &[]);
    let identity = site.identity("ask");
    let (mut first, mut second) = (site.connect(&identity), Http2::open(&identity, site.base));
    for length in [0, 1, 300_000, 3_000_000] {
        let ask = call("GET", &format!("files/{length}"));
        for answer in [first.send(&ask).unwrap(), second.send(&ask)] {
            let expected = content(length);
            assert_eq!(answer.code(), "ok", "{length}: {}", answer.text());
            assert!(answer.body == expected, "{length}: the content differs");
            // HTTP/2 says that nothing follows; a length would be idle there.
            let told = answer.header("Content-Length").unwrap_or("0");
            assert_eq!(told, length.to_string());
            let sha = STANDARD.encode(digest(&SHA256, &expected));
            let told = answer.header("Repr-Digest").unwrap();
            assert!(told.starts_with(&format!("sha-256=:{sha}:, sm3=:")), "{told}");
            assert_eq!(answer.header("ETag"), Some(format!("\"{}\"", hex(&expected)).as_str()));
            assert_eq!(answer.header("X-Owner"), None);
            let index = answer.receipt().unwrap().index;
            let records = ledger::records(&site.ledger());
            let access = &records[&index].1;
            assert_eq!((access["operation"].as_str(), access["mode"].as_str()), (Some("files"), Some("call")));
            assert!(access["resource_id_tag"].is_string(), "{access}");
            let of_access =
                |record: &serde_json::Value| record["ref_ctr"] == access["ctr"] && record["worker"] == access["worker"];
            let later = || records.values().map(|(_, record)| record).filter(|record| of_access(record));
            let owner = later().find(|record| record["kind"] == "SUBJECTS").unwrap();
            assert_eq!(owner["subjects"]["total"], 1);
        }
    }
    drop((first, second));
    let digests = sluice_tests::clock::within(std::time::Duration::from_secs(5), "outcomes are recorded", || {
        let records = ledger::records(&site.ledger());
        let told = records.values().filter(|(_, record)| record["response_digest"] == hex(&content(3_000_000))).count();
        (told == 2).then_some(())
    });
    digests.unwrap();
    let targets: Vec<String> = provider.heads().iter().map(|head| head.lines().next().unwrap().to_owned()).collect();
    assert!(targets.contains(&"GET /base/archive/300000 HTTP/1.1".to_owned()), "{targets:?}");
    assert_eq!(std::fs::read_dir(site.file("spool")).unwrap().count(), 0, "nothing is left in the spool");
}

#[test]
fn a_file_that_is_not_what_it_should_be_is_not_given_out() {
    let city = city();
    let provider = Passing::start(archive(&city.id(1)));
    let site = serve(&city, &provider, &[("spool.bytes_max", 2_000_000.into())]);
    let mut connection = site.connect(&site.identity("ask"));
    for (id, code) in [
        ("1000-digest", "provider.bad_answer"),
        ("1000-repr", "provider.bad_answer"),
        ("1000-untold", "provider.bad_answer"),
        ("1000-unowned", "provider.bad_answer"),
        ("1000-owner", "provider.bad_answer"),
        ("1000-type", "provider.bad_answer"),
        ("1000-cut", "provider.bad_answer"),
        ("400000-cut", "provider.bad_answer"),
        ("2000001", "exchange.overloaded"),
    ] {
        let answer = connection.send(&call("GET", &format!("files/{id}"))).unwrap();
        problem::check(id, &answer, code);
        assert!(answer.receipt().is_some(), "{id}");
        assert!(!answer.body.windows(20).any(|window| window == &content(20)[..]), "{id}: nothing of the file leaves");
        assert_eq!(connection.send(&call("GET", "files/2000000")).unwrap().code(), "ok", "the room is given back");
    }
    let absent = connection.send(&call("GET", "files/1-absent")).unwrap();
    assert_eq!((absent.status, absent.body.len()), (404, 0));
    let seen = provider.heads().len();
    let refused = |call, code| problem::check(code, &site.send(&site.identity("ask"), &call), code);
    refused(call("GET", "files/1").header("Range", "bytes=0-1"), "request.schema");
    refused(call("GET", "files/1?part=1"), "request.schema");
    refused(call("POST", "files/1"), "request.method");
    refused(call("GET", "files/1/2"), "request.not_found");
    refused(call("GET", "files/..%2f1"), "request.malformed");
    refused(call("GET", "call/archive/1"), "request.not_found");
    let other = site.send(&site.identity("other"), &call("GET", "files/1"));
    problem::check("no grant", &other, "grant.required");
    assert_eq!(provider.heads().len(), seen, "none of them reaches {CALLED}'s provider");
}

#[test]
fn a_large_file_does_not_take_the_memory() {
    let city = city();
    let provider = Passing::start(archive(&city.id(1)));
    let site = serve(&city, &provider, &[]);
    let mut connection = site.connect(&site.identity("ask"));
    assert_eq!(connection.send(&call("GET", "files/1000000")).unwrap().code(), "ok");
    let before = site.process.resident();
    let answer = connection.send(&call("GET", "files/67108864")).unwrap();
    assert_eq!((answer.code().as_str(), answer.body.len()), ("ok", 67_108_864));
    let grown = site.process.resident().saturating_sub(before);
    assert!(grown < 16 * 1024 * 1024, "memory grew by {grown} bytes");
}
