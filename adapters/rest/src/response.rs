//! Judging a provider's answer as far as HTTP goes; its body stays unread.

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_RANGE, CONTENT_TYPE};
use http::{HeaderMap, Response, StatusCode};
use sluice_contract::{BadAnswer, ProviderFault};
use sluice_transport::upstream::{UnreachableKind, UpstreamFault};

/// An answer that may be read.
pub(crate) enum Judged {
    /// JSON, by its head.
    Json(Bytes),
    /// A declared status says that nothing was found.
    NotFound,
}

/// What an outcome says about the provider's health.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Health {
    /// It answers, well or badly.
    Up,
    /// It cannot be reached, is too slow or broken.
    Down,
    /// Nothing: our own limit stood in the way.
    Unknown,
}

/// Judges status and head.
pub(crate) fn judge(response: Response<Bytes>, not_found_status: &[u16]) -> (Health, Result<Judged, ProviderFault>) {
    let status = response.status();
    let health =
        if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS { Health::Down } else { Health::Up };
    (health, judge_head(response, not_found_status))
}

fn judge_head(response: Response<Bytes>, not_found_status: &[u16]) -> Result<Judged, ProviderFault> {
    let (head, body) = response.into_parts();
    if not_found_status.contains(&head.status.as_u16()) {
        return Ok(Judged::NotFound);
    }
    match head.status {
        StatusCode::PARTIAL_CONTENT => return Err(BadAnswer::ContentEncoding.into()),
        status if status.is_success() => {}
        status if status.is_redirection() => return Err(BadAnswer::Redirect.into()),
        // The provider says that it does not serve now: worth another try later, unlike a bad answer.
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::GATEWAY_TIMEOUT => {
            return Err(ProviderFault::Unreachable);
        }
        _ => return Err(BadAnswer::Status.into()),
    }
    if !is_plain(&head.headers) {
        return Err(BadAnswer::ContentEncoding.into());
    }
    if !is_json_in_utf8(&head.headers) {
        return Err(BadAnswer::ContentType.into());
    }
    Ok(Judged::Json(body))
}

/// Neither compressed nor a part.
fn is_plain(headers: &HeaderMap) -> bool {
    let encodings = headers.get_all(CONTENT_ENCODING);
    encodings.iter().all(|encoding| encoding.as_bytes().eq_ignore_ascii_case(b"identity"))
        && !headers.contains_key(CONTENT_RANGE)
}

/// One `application/json` or `application/…+json`, with no charset but UTF-8.
fn is_json_in_utf8(headers: &HeaderMap) -> bool {
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let (Some(only), None) = (types.next(), types.next()) else { return false };
    let Ok(text) = only.to_str() else { return false };
    let text = text.to_ascii_lowercase();
    let mut parts = text.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default();
    let is_json = essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"));
    let is_utf8 = |parameter: &str| match parameter.split_once('=') {
        Some((name, value)) if name.trim() == "charset" => matches!(value.trim().trim_matches('"'), "utf-8" | "utf8"),
        _ => true,
    };
    is_json && parts.all(is_utf8)
}

/// A failed exchange in the contract's words, and what it says about the provider.
pub(crate) fn fault(fault: UpstreamFault) -> (Health, ProviderFault) {
    match fault {
        UpstreamFault::Unreachable(UnreachableKind::Busy) => {
            (Health::Unknown, ProviderFault::Busy { retry_after_s: 1 })
        }
        UpstreamFault::Unreachable(_) | UpstreamFault::Broken { answered: false, .. } => {
            (Health::Down, ProviderFault::Unreachable)
        }
        UpstreamFault::Timeout { .. } => (Health::Down, ProviderFault::Timeout),
        UpstreamFault::Broken { answered: true, .. } => (Health::Down, BadAnswer::Broken.into()),
        UpstreamFault::TooLarge { .. } => (Health::Up, BadAnswer::TooLarge.into()),
    }
}

/// Whether the provider cannot have seen the request, so that it may be sent again.
pub(crate) fn is_unsent(fault: UpstreamFault) -> bool {
    match fault {
        UpstreamFault::Unreachable(kind) => matches!(
            kind,
            UnreachableKind::Refused
                | UnreachableKind::ConnectTimeout
                | UnreachableKind::Network
                | UnreachableKind::Unresolved
        ),
        UpstreamFault::Timeout { .. } | UpstreamFault::Broken { .. } | UpstreamFault::TooLarge { .. } => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, headers: &[(&'static str, &'static str)]) -> Response<Bytes> {
        let mut response = Response::new(Bytes::from_static(b"{}"));
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        for (name, value) in headers {
            response.headers_mut().append(*name, value.parse().unwrap());
        }
        response
    }

    #[test]
    fn only_plain_json_in_utf8_is_read() {
        let json = ("content-type", "application/json");
        for headers in [
            &[json][..],
            &[("content-type", "Application/JSON; Charset=\"UTF-8\"")],
            &[("content-type", "application/vnd.mz+json;v=1; charset=utf-8")],
            &[json, ("content-encoding", "identity")],
        ] {
            assert!(matches!(judge(answer(200, headers), &[]), (Health::Up, Ok(Judged::Json(_)))), "{headers:?}");
        }
        for (headers, expected) in [
            (&[][..], BadAnswer::ContentType),
            (&[json, json], BadAnswer::ContentType),
            (&[("content-type", "text/html")], BadAnswer::ContentType),
            (&[("content-type", "application/json; charset=gbk")], BadAnswer::ContentType),
            (&[("content-type", "application/json; charset=utf-8; charset=gbk")], BadAnswer::ContentType),
            (&[("content-type", "application/jsonp")], BadAnswer::ContentType),
            (&[json, ("content-encoding", "gzip")], BadAnswer::ContentEncoding),
            (&[json, ("content-encoding", "identity"), ("content-encoding", "br")], BadAnswer::ContentEncoding),
            (&[json, ("content-range", "bytes 0-1/2")], BadAnswer::ContentEncoding),
        ] {
            let (_, judged) = judge(answer(200, headers), &[]);
            assert_eq!(judged.err(), Some(ProviderFault::BadAnswer(expected)), "{headers:?}");
        }
    }

    #[test]
    fn statuses_are_judged_as_declared() {
        let json = &[("content-type", "application/json")][..];
        for (status, not_found, health, expected) in [
            (404, &[404][..], Health::Up, None),
            (204, &[204], Health::Up, None),
            (404, &[], Health::Up, Some(ProviderFault::BadAnswer(BadAnswer::Status))),
            (401, &[], Health::Up, Some(ProviderFault::BadAnswer(BadAnswer::Status))),
            (206, &[], Health::Up, Some(ProviderFault::BadAnswer(BadAnswer::ContentEncoding))),
            (302, &[], Health::Up, Some(ProviderFault::BadAnswer(BadAnswer::Redirect))),
            (304, &[], Health::Up, Some(ProviderFault::BadAnswer(BadAnswer::Redirect))),
            (429, &[], Health::Down, Some(ProviderFault::Unreachable)),
            (500, &[], Health::Down, Some(ProviderFault::BadAnswer(BadAnswer::Status))),
            (502, &[], Health::Down, Some(ProviderFault::Unreachable)),
            (503, &[], Health::Down, Some(ProviderFault::Unreachable)),
            (504, &[], Health::Down, Some(ProviderFault::Unreachable)),
        ] {
            let (judged_health, judged) = judge(answer(status, json), not_found);
            assert_eq!((judged_health, judged.err()), (health, expected), "{status}");
        }
    }
}
