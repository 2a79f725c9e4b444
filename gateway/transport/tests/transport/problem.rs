//! Problem documents hold every member of the contract, and headers what the status asks for.

use http::HeaderMap;
use sluice_domain::texts::Lang;
use sluice_domain::{Code, Fact, Refusal};
use sluice_transport::problem::{document, set_headers, status};
use uuid::Uuid;

#[test]
fn every_code_has_every_member_in_both_languages() {
    let id = Uuid::from_u128(0x0192_0000_0000_7000_8000_0000_0000_0001);
    for code in Code::ALL {
        for lang in [Lang::Zh, Lang::En] {
            let refusal = Refusal::new(*code);
            let document: serde_json::Value = serde_json::from_slice(&document(&refusal, lang, &id)).unwrap();
            let member = |name: &str| document[name].clone();
            assert_eq!(member("type"), format!("urn:sluice:problem:{}", code.as_str()));
            assert_eq!(member("status"), code.status());
            assert_eq!(member("code"), code.as_str());
            assert_eq!(member("origin"), code.origin().as_str());
            assert_eq!(member("retryable"), code.is_retryable());
            assert_eq!(member("instance"), "urn:uuid:01920000-0000-7000-8000-000000000001");
            assert_eq!(member("request_id"), "01920000-0000-7000-8000-000000000001");
            for text in ["title", "detail", "next_step"] {
                assert!(member(text).as_str().is_some_and(|text| !text.is_empty()), "{code:?} {text}");
            }
            assert_eq!(status(&refusal).as_u16(), code.status());
        }
    }
}

#[test]
fn headers_follow_the_status() {
    let rows = [
        (Refusal::new(Code::IdentityTokenMissing), "www-authenticate", Some(r#"Bearer realm="sluice""#)),
        (
            Refusal::new(Code::IdentityTokenExpired),
            "www-authenticate",
            Some(r#"Bearer realm="sluice", error="invalid_token""#),
        ),
        (Refusal::new(Code::IdentityCertificateRevoked), "www-authenticate", Some(r#"Bearer realm="sluice""#)),
        (Refusal::new(Code::GrantRequired), "www-authenticate", None),
        (Refusal::new(Code::RequestMethod).with(Fact::Choices("GET, POST".into())), "allow", Some("GET, POST")),
        (Refusal::new(Code::ModeNotOffered).with(Fact::Choices("query".into())), "allow", None),
        (Refusal::new(Code::LimitRate).with(Fact::RetryAfterS(7)), "retry-after", Some("7")),
        (Refusal::new(Code::ExchangeDraining), "retry-after", Some("1")),
        (Refusal::new(Code::ResourceNotFound), "retry-after", None),
        (Refusal::new(Code::ResourceNotFound), "content-type", Some("application/problem+json")),
        (Refusal::new(Code::ResourceNotFound), "content-language", Some("zh-CN")),
    ];
    for (refusal, name, expected) in rows {
        let mut headers = HeaderMap::new();
        set_headers(&refusal, Lang::Zh, &mut headers);
        let value = headers.get(name).map(|value| value.to_str().unwrap());
        assert_eq!(value, expected, "{:?} {name}", refusal.code);
    }
}
