//! What belongs to one hop stays on that hop, in both directions.

use http::header::{
    CONNECTION, CONTENT_LENGTH, HOST, HeaderMap, HeaderName, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER,
    TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderValue, Request, Uri, Version};

/// `Content-Length` is among them: the length of our own body is known to hyper, and a stale one
/// would break the framing.
fn is_hop_by_hop(name: &HeaderName) -> bool {
    matches!(
        *name,
        CONNECTION
            | PROXY_AUTHENTICATE
            | PROXY_AUTHORIZATION
            | TE
            | TRAILER
            | TRANSFER_ENCODING
            | UPGRADE
            | CONTENT_LENGTH
    ) || name == "keep-alive"
        || name == "proxy-connection"
}

/// Makes a request ours: origin-form target, our `Host`, no hop-by-hop header, no length but the body's.
pub(super) fn clean_request<B>(request: &mut Request<B>, authority: &HeaderValue) {
    *request.version_mut() = Version::HTTP_11;
    if request.uri().authority().is_some() {
        let target = request.uri().path_and_query().cloned();
        *request.uri_mut() = target.map_or_else(|| Uri::from_static("/"), Uri::from);
    }
    strip(request.headers_mut());
    request.headers_mut().insert(HOST, authority.clone());
}

/// Whether the values that frame an answer have one meaning: a lone `chunked`, or one number. How many lines there
/// were is [`super::heads`]'s to say.
pub(super) fn is_well_framed(headers: &HeaderMap) -> bool {
    let is_chunked = |coding: &HeaderValue| coding.as_bytes().eq_ignore_ascii_case(b"chunked");
    let is_number = |length: &HeaderValue| length.as_bytes().iter().all(u8::is_ascii_digit);
    headers.get(TRANSFER_ENCODING).is_none_or(is_chunked) && headers.get(CONTENT_LENGTH).is_none_or(is_number)
}

/// Removes hop-by-hop headers, those that any `Connection` line names included.
pub(super) fn strip(headers: &mut HeaderMap) {
    // `remove` takes all values of a name; the names must be collected from all lines first.
    if headers.contains_key(CONNECTION) {
        let named: Vec<HeaderName> = headers
            .get_all(CONNECTION)
            .iter()
            .flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
            .filter_map(|token| HeaderName::from_bytes(token.trim_ascii()).ok())
            .collect();
        for name in named {
            headers.remove(name);
        }
    }
    // Few or none are there: looking through the names is cheaper than asking for each.
    while let Some(name) = headers.keys().find(|name| is_hop_by_hop(name)).cloned() {
        headers.remove(name);
    }
}
