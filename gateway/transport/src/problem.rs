//! A refusal as the caller sees it: RFC 9457 problem details and the headers that belong to them.

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_LANGUAGE, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Serialize;
use sluice_domain::texts::{Lang, problem};
use sluice_domain::{Code, Fact, Refusal};
use uuid::Uuid;

/// Seconds for `Retry-After` where the refusal does not know better.
const RETRY_AFTER_S: u32 = 1;

#[derive(Serialize)]
struct Document<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
    instance: String,
    code: &'static str,
    origin: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    article: Option<&'a str>,
    next_step: &'a str,
    request_id: String,
    retryable: bool,
}

/// The body, as UTF-8 JSON. It holds facts of the refusal and nothing that a caller or provider sent.
pub fn document(refusal: &Refusal, lang: Lang, request_id: &Uuid) -> Bytes {
    let texts = problem(refusal, lang);
    let document = Document {
        r#type: format!("urn:sluice:problem:{}", refusal.code.as_str()),
        title: &texts.title,
        status: refusal.code.status(),
        detail: &texts.detail,
        instance: request_id.urn().to_string(),
        code: refusal.code.as_str(),
        origin: refusal.code.origin().as_str(),
        rule: texts.rule,
        article: texts.article,
        next_step: &texts.next_step,
        request_id: request_id.hyphenated().to_string(),
        retryable: refusal.code.is_retryable(),
    };
    // Strings and numbers always serialise.
    serde_json::to_vec(&document).unwrap_or_default().into()
}

/// Status of the answer.
pub fn status(refusal: &Refusal) -> StatusCode {
    StatusCode::from_u16(refusal.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// Sets the headers that belong to the document: type, language, and `WWW-Authenticate`, `Allow` or
/// `Retry-After` where the status asks for them. `Allow` is the [`Fact::Choices`] of a
/// `request.method` refusal.
pub fn set_headers(refusal: &Refusal, lang: Lang, headers: &mut HeaderMap) {
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    headers.insert(CONTENT_LANGUAGE, HeaderValue::from_static(language(lang)));
    if let Some(challenge) = challenge(refusal.code) {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    }
    if refusal.code == Code::RequestMethod
        && let Some(methods) = choices(refusal).and_then(|methods| HeaderValue::from_str(methods).ok())
    {
        headers.insert(ALLOW, methods);
    }
    if let Some(seconds) = retry_after_s(refusal) {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
}

fn language(lang: Lang) -> &'static str {
    match lang {
        Lang::Zh => "zh-CN",
        Lang::En => "en",
    }
}

/// RFC 6750: no error where no token was sent.
fn challenge(code: Code) -> Option<&'static str> {
    match code {
        Code::IdentityTokenInvalid | Code::IdentityTokenExpired | Code::IdentityBindingMismatch => {
            Some(r#"Bearer realm="sluice", error="invalid_token""#)
        }
        _ if code.status() == 401 => Some(r#"Bearer realm="sluice""#),
        _ => None,
    }
}

fn choices(refusal: &Refusal) -> Option<&str> {
    refusal.facts().iter().find_map(|fact| match fact {
        Fact::Choices(choices) => Some(choices.as_str()),
        _ => None,
    })
}

fn retry_after_s(refusal: &Refusal) -> Option<u32> {
    let is_due = matches!(refusal.code.status(), 429 | 503);
    refusal.retry_after_s().or(is_due.then_some(RETRY_AFTER_S))
}
