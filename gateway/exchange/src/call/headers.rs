//! Which headers pass, in both directions: those that are listed here, and no others. What identifies anyone, steers a
//! connection or is the exchange's own word never does.

use http::HeaderMap;
use http::header::{
    ACCEPT, ACCEPT_LANGUAGE, CONTENT_LANGUAGE, CONTENT_TYPE, ETAG, HeaderName, HeaderValue, IF_MATCH, LAST_MODIFIED,
};
use sluice_contract::BadAnswer;
use sluice_domain::Operation;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// Of answers, beside the content type.
const ANSWERED: [HeaderName; 3] = [CONTENT_LANGUAGE, ETAG, LAST_MODIFIED];

/// The caller's headers that the provider sees.
pub(super) fn towards_provider(given: &HeaderMap, operation: &Operation, has_body: bool) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(8);
    let mut pass = |name: HeaderName| {
        if let Some(value) = given.get(&name) {
            headers.insert(name, value.clone());
        }
    };
    pass(ACCEPT_LANGUAGE);
    if !operation.safe {
        pass(IDEMPOTENCY_KEY);
        pass(IF_MATCH);
    }
    if given.get(&TRACEPARENT).is_some_and(is_traceparent) {
        pass(TRACEPARENT);
    }
    if let Ok(accepted) = HeaderValue::try_from(operation.response_types.join(", ")) {
        headers.insert(ACCEPT, accepted);
    }
    if let Some(media_type) = media_type(given, &operation.request_types).filter(|_| has_body) {
        headers.insert(CONTENT_TYPE, media_type);
    }
    headers
}

/// The provider's headers that the caller sees.
///
/// # Errors
/// When a body is of a type that is not declared.
pub(super) fn towards_caller(given: &HeaderMap, operation: &Operation, has_body: bool) -> Result<HeaderMap, BadAnswer> {
    let mut headers = HeaderMap::with_capacity(12);
    for name in ANSWERED {
        let mut values = given.get_all(&name).iter();
        if let (Some(value), None) = (values.next(), values.next()) {
            headers.insert(name, value.clone());
        }
    }
    if has_body {
        let declared = media_type(given, &operation.response_types).ok_or(BadAnswer::ContentType)?;
        headers.insert(CONTENT_TYPE, declared);
    }
    Ok(headers)
}

/// The one content type, if it is declared and has no parameter but a charset of UTF-8; in the declared spelling.
pub(super) fn media_type(headers: &HeaderMap, declared: &[Box<str>]) -> Option<HeaderValue> {
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let (Some(only), None) = (types.next(), types.next()) else { return None };
    let text = only.to_str().ok()?.to_ascii_lowercase();
    let mut parts = text.split(';').map(str::trim);
    let essence = parts.next()?;
    let known = declared.iter().find(|known| ***known == *essence)?;
    let charset = parts.next();
    let is_utf8 = |parameter: &str| {
        parameter
            .split_once('=')
            .is_some_and(|(name, value)| name.trim() == "charset" && value.trim().trim_matches('"') == "utf-8")
    };
    match charset {
        None => HeaderValue::from_str(known).ok(),
        Some(charset) if is_utf8(charset) && parts.next().is_none() => {
            HeaderValue::try_from(format!("{known}; charset=utf-8")).ok()
        }
        Some(_) => None,
    }
}

/// W3C Trace Context, version 00; anything else is dropped.
fn is_traceparent(value: &HeaderValue) -> bool {
    let is_hex = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    let Ok(text) = value.to_str() else { return false };
    let parts: Vec<&str> = text.split('-').collect();
    let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
    lengths == [2, 32, 16, 2] && parts.iter().all(|part| is_hex(part)) && text.starts_with("00-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_declared_type_in_utf8_passes() {
        let declared: Vec<Box<str>> = vec!["application/json".into(), "text/csv".into()];
        for (given, expected) in [
            (&["application/json"][..], Some("application/json")),
            (&["Application/JSON; Charset=\"UTF-8\""], Some("application/json; charset=utf-8")),
            (&["text/csv;charset=utf-8"], Some("text/csv; charset=utf-8")),
            (&["text/csv; charset=gbk"], None),
            (&["text/csv; header=present"], None),
            (&["text/csv; charset=utf-8; header=present"], None),
            (&["text/html"], None),
            (&["application/json", "application/json"], None),
            (&[], None),
        ] {
            let mut headers = HeaderMap::new();
            for value in given {
                headers.append(CONTENT_TYPE, value.parse().unwrap());
            }
            let found = media_type(&headers, &declared);
            assert_eq!(found.as_ref().map(|value| value.to_str().unwrap()), expected, "{given:?}");
        }
    }

    #[test]
    fn a_trace_context_is_passed_only_in_its_form() {
        let valid = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        for (value, expected) in [
            (valid, true),
            (&valid.to_uppercase(), false),
            (&valid.replace("00-4", "01-4"), false),
            (&format!("{valid}-x"), false),
            ("430689198503120011", false),
        ] {
            assert_eq!(is_traceparent(&value.parse().unwrap()), expected, "{value}");
        }
    }
}
