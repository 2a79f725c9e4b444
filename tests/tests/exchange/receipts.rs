//! Receipts: on every answer to a call on a resource, and provable by an outsider.

use std::fs;

use serde_json::{Value, json};
use sluice_tests::city::City;
use sluice_tests::city::small::RESOURCE;
use sluice_tests::client::{Answer, Call, Identity, ReceiptLine};
use sluice_tests::demo::Demo;
use sluice_tests::http2::Http2;
use sluice_tests::{ledger, transparency};

use super::problem;

#[test]
fn every_answer_to_a_call_on_a_resource_has_a_receipt_and_others_have_none() {
    let city = City::small();
    let demo = Demo::of(&city);
    let (ask, other) = (demo.identity("ask"), demo.identity("other"));
    let good = city.good_call();
    let rows: Vec<(&str, Identity, Call, &str, bool)> = vec![
        ("permitted query", ask.clone(), good.clone(), "ok", true),
        ("permitted verify", ask.clone(), city.good_verify(), "ok", true),
        (
            "nothing found",
            ask.clone(),
            Call::service(RESOURCE, "query", &json!({"filter": {"NO": "none"}})).by("P1", "h-1", "C"),
            "ok",
            true,
        ),
        ("no grant", other.clone(), good.clone(), "grant.required", true),
        ("no token", ask.clone().without_token(), good.clone(), "identity.token_missing", true),
        ("bad token", ask.clone().with_token("x"), good.clone(), "identity.token_invalid", true),
        (
            "another's token",
            ask.clone().with_token(&other.token.clone().unwrap()),
            good.clone(),
            "identity.binding_mismatch",
            true,
        ),
        ("revoked", demo.identity("revoked"), good.clone(), "identity.certificate_revoked", true),
        ("suspended party", demo.identity("gone"), good.clone(), "party.suspended", true),
        ("no purpose", ask.clone(), good.clone().without("Exchange-Purpose"), "purpose.missing", true),
        ("malformed", ask.clone(), good.clone().bytes("{"), "request.malformed", true),
        (
            "unknown resource",
            ask.clone(),
            Call::service("1/2", "query", &json!({})).by("P1", "h-1", "C"),
            "resource.not_found",
            true,
        ),
        ("token", ask.clone(), Call::token("grant_type=client_credentials"), "ok", false),
        ("keys", ask.clone(), Call::get("/.well-known/jwks.json"), "ok", false),
        ("metadata", ask.clone(), Call::get("/.well-known/oauth-authorization-server"), "ok", false),
        ("catalogue", ask.clone(), Call::get("/v1/resources"), "ok", false),
        ("entry", ask.clone(), Call::get(&format!("/v1/resources/{RESOURCE}")), "ok", false),
    ];
    for (what, identity, call, code, has_receipt) in rows {
        for answer in [demo.send(&identity, &call), Http2::open(&identity, demo.base).send(&call)] {
            assert_eq!(answer.code(), code, "{what}: {}", answer.text());
            assert_eq!(answer.receipt().is_some(), has_receipt, "{what}: {:?}", answer.headers);
            assert!(answer.header("Exchange-Request-Id").is_some(), "{what}");
            if let Some(receipt) = answer.receipt() {
                is_recorded(&demo, what, &answer, &receipt);
            }
        }
    }
}

/// The record says what the answer said, under the same request id.
fn is_recorded(demo: &Demo, what: &str, answer: &Answer, receipt: &ReceiptLine) {
    let shown = ledger::show(&demo.ledger(), receipt.index);
    assert_eq!(shown["index"], receipt.index, "{what}");
    assert_eq!(shown["leaf"].as_str(), Some(receipt.leaf.as_str()), "{what}");
    let record = &shown["record"];
    assert_eq!(record["kind"], "ACCESS", "{what}: {record}");
    assert_eq!(record["request_id"].as_str(), answer.header("Exchange-Request-Id"), "{what}: {record}");
    let permitted = answer.status == 200;
    assert_eq!(record["decision"], if permitted { "permit" } else { "deny" }, "{what}: {record}");
    if !permitted {
        assert_eq!(record["code"].as_str(), Some(answer.code().as_str()), "{what}: {record}");
    }
}

#[test]
fn a_receipt_proves_its_record_to_an_outsider() {
    let city = City::small();
    let demo = Demo::of(&city);
    let identity = demo.identity("ask");
    let vkey = fs::read_to_string(demo.ledger().join("keys/checkpoint.vkey")).unwrap();
    for call in [city.good_call(), city.good_verify(), city.good_call().header("Exchange-Purpose", "P2")] {
        let answer = demo.send(&identity, &call);
        let line = answer.receipt().unwrap();
        // Asked for at once: it waits for a checkpoint that covers it.
        let receipt = demo.send(&identity, &Call::get(&format!("/v1/receipts/{}", line.index)));
        assert_eq!(receipt.code(), "ok", "{}", receipt.text());
        let document = receipt.json();
        let members: Vec<&String> = document.as_object().unwrap().keys().collect();
        assert_eq!(members, ["checkpoint", "index", "leaf_data", "origin", "proof"]);
        assert_eq!(
            (document["origin"].as_str(), document["index"].as_u64()),
            (Some(line.origin.as_str()), Some(line.index))
        );
        let leaf = transparency::check(&document, &vkey).unwrap();
        assert_eq!(leaf.to_vec(), transparency::base64(&line.leaf));
        assert_eq!(ledger::show(&demo.ledger(), line.index)["leaf"], line.leaf);
        the_oracles_agree(&document, &vkey);
        for (what, broken) in tampered(&document) {
            assert!(transparency::check(&broken, &vkey).is_err(), "{what} goes unnoticed");
        }
    }
}

/// `signed_note` and `tlog_tiles` accept what our own code accepts.
fn the_oracles_agree(receipt: &Value, vkey: &str) {
    use signed_note::{Note, StandardVerifier, VerifierList};
    use tlog_tiles::{Checkpoint, Hash, check_record, record_hash};
    let note = Note::from_bytes(receipt["checkpoint"].as_str().unwrap().as_bytes()).unwrap();
    let verifier = StandardVerifier::new(vkey.trim()).unwrap();
    let (signed, _) = note.verify(&VerifierList::new(vec![Box::new(verifier)])).unwrap();
    assert_eq!(signed.len(), 1);
    let checkpoint = Checkpoint::from_bytes(note.text()).unwrap();
    let hash = |value: &Value| Hash(transparency::base64(value.as_str().unwrap()).try_into().unwrap());
    let proof: Vec<Hash> = receipt["proof"].as_array().unwrap().iter().map(hash).collect();
    let leaf = record_hash(&transparency::base64(receipt["leaf_data"].as_str().unwrap()));
    check_record(&proof, checkpoint.size(), *checkpoint.hash(), receipt["index"].as_u64().unwrap(), leaf).unwrap();
}

fn tampered(receipt: &Value) -> Vec<(&'static str, Value)> {
    use base64::Engine as _;
    let with = |member: &str, value: Value| {
        let mut receipt = receipt.clone();
        receipt[member] = value;
        receipt
    };
    let mut leaf = transparency::base64(receipt["leaf_data"].as_str().unwrap());
    let last = leaf.len() - 1;
    leaf[last] ^= 1;
    let leaf = base64::prelude::BASE64_STANDARD.encode(leaf);
    let checkpoint = receipt["checkpoint"].as_str().unwrap();
    let size = checkpoint.lines().nth(1).unwrap();
    vec![
        ("another record", with("leaf_data", json!(leaf))),
        ("another place", with("index", json!(receipt["index"].as_u64().unwrap() ^ 1))),
        ("another log", with("origin", json!("elsewhere.example/log"))),
        ("another size", with("checkpoint", json!(checkpoint.replacen(size, &format!("{size}0"), 1)))),
        ("no proof", with("proof", json!([]))),
    ]
}

#[test]
fn anothers_receipt_and_what_is_none_are_not_found() {
    let city = City::small();
    let demo = Demo::of(&city);
    let (ask, other) = (demo.identity("ask"), demo.identity("other"));
    let own = demo.send(&ask, &city.good_call()).receipt().unwrap().index;
    let unidentified = demo.send(&ask.clone().without_token(), &city.good_call()).receipt().unwrap().index;
    let get = |identity: &Identity, index: &str| demo.send(identity, &Call::get(&format!("/v1/receipts/{index}")));
    assert_eq!(get(&ask, &own.to_string()).code(), "ok");
    assert_eq!(
        get(&ask, &unidentified.to_string()).code(),
        "ok",
        "a refused call of one's own certificate is one's own"
    );
    for (what, identity, index) in [
        ("another party's", &other, own.to_string()),
        ("the ledger's own", &ask, "0".to_owned()),
        ("none yet", &ask, "99999999".to_owned()),
        ("beyond all", &ask, "18446744073709551616".to_owned()),
        ("not a number", &ask, "x".to_owned()),
        ("negative", &ask, "-1".to_owned()),
    ] {
        let answer = get(identity, &index);
        assert!(
            ["request.not_found", "resource.not_found"].contains(&answer.code().as_str()),
            "{what}: {}",
            answer.text()
        );
    }
    problem::check("without a token", &get(&ask.without_token(), &own.to_string()), "identity.token_missing");
}

#[test]
fn verify_reports_whether_the_key_was_pinned() {
    let demo = Demo::of(&City::small());
    let key = demo.ledger().join("keys/checkpoint.vkey");
    let report = |options: &[&str]| {
        let verified = ledger::verify(&demo.ledger(), options);
        assert_eq!(verified.code, 0, "{}{}", verified.stdout, verified.stderr);
        verified.stdout + &verified.stderr
    };
    assert!(report(&[]).contains("unpinned"), "{}", report(&[]));
    assert!(!report(&["--key", key.to_str().unwrap()]).contains("unpinned"));
    let stranger = demo.file("stranger.vkey");
    // A well-formed key of another log.
    fs::write(&stranger, "example.com/foo+530d903b+AekC+eHZ+Zz7TdrvWMr8opWu4VBIzTB7v+DwdVMZLLVL\n").unwrap();
    let refused = ledger::verify(&demo.ledger(), &["--key", stranger.to_str().unwrap()]);
    assert!(refused.code != 0, "{}", refused.stdout);
}
