//! What every refusal owes its reader (RFC 9457 and the interface contract).

use serde_json::Value;
use sluice_domain::{Code, Origin};
use sluice_tests::client::Answer;

/// Checks a refusal: the code, and all that stands around it.
pub(crate) fn check(what: &str, answer: &Answer, code: &str) {
    assert_eq!(answer.code(), code, "{what}: {}", answer.text());
    let known = Code::ALL
        .iter()
        .find(|known| known.as_str() == code)
        .unwrap_or_else(|| panic!("{code} is no code of the contract"));
    assert_eq!(answer.status, known.status(), "{what}");
    assert_eq!(answer.header("Content-Type"), Some("application/problem+json"), "{what}");
    let document = answer.json();
    let text =
        |member: &str| document[member].as_str().unwrap_or_else(|| panic!("{what}: {member} in {document}")).to_owned();
    assert_eq!(document["status"], answer.status, "{what}");
    let id = text("request_id");
    assert_eq!(answer.header("Exchange-Request-Id"), Some(id.as_str()), "{what}");
    assert_eq!(text("instance"), format!("urn:uuid:{id}"), "{what}");
    let origins = [(Origin::Caller, "caller"), (Origin::Exchange, "exchange"), (Origin::Provider, "provider")];
    assert!(origins.contains(&(known.origin(), text("origin").as_str())), "{what}: {document}");
    assert_eq!(document["retryable"], known.is_retryable(), "{what}");
    for member in ["type", "title", "detail", "next_step"] {
        assert!(!text(member).is_empty(), "{what}: {member}");
    }
    for member in ["rule", "article"] {
        let stands = document
            .get(member)
            .is_none_or(|value| value.is_null() || value.as_str().is_some_and(|text| !text.is_empty()));
        assert!(stands, "{what}: {member} in {document}");
    }
    check_headers(what, answer);
    is_chinese(what, &document, true);
}

/// Headers that go with a status.
fn check_headers(what: &str, answer: &Answer) {
    match answer.status {
        401 => assert!(
            answer.header("WWW-Authenticate").is_some_and(|value| value.starts_with("Bearer")),
            "{what}: {:?}",
            answer.headers
        ),
        405 => assert!(answer.header("Allow").is_some(), "{what}: {:?}", answer.headers),
        429 => {
            let after = answer.header("Retry-After").and_then(|value| value.parse::<u32>().ok());
            assert!(after.is_some_and(|seconds| seconds > 0), "{what}: {:?}", answer.headers);
        }
        _ => {}
    }
}

/// Whether the texts are Chinese, or have none of it.
pub(crate) fn is_chinese(what: &str, document: &Value, expected: bool) {
    let title = document["title"].as_str().unwrap_or_default();
    let has_chinese = title.chars().any(|char| ('\u{4e00}'..='\u{9fff}').contains(&char));
    assert_eq!(has_chinese, expected, "{what}: {title}");
}
