//! Responses: headers, bodies, and the outcome that is recorded when a body has gone.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};
use http::{HeaderMap, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use sluice_ledger::Durable;
use uuid::Uuid;

use crate::decimal::{decimal, decimal_buffer};
use crate::disclose::{Disclosed, Flow};
use crate::limit::Standing;
use crate::outcome::OnEnd;

pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("exchange-request-id");
pub(crate) const RECEIPT: HeaderName = HeaderName::from_static("exchange-receipt");
pub(crate) const AS_OF: HeaderName = HeaderName::from_static("exchange-as-of");
pub(crate) const MASKED: HeaderName = HeaderName::from_static("exchange-masked");
const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const X_LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const X_REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const X_RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

/// Body of an answer, whose end is noticed.
pub(crate) struct Reply {
    content: Content,
    on_end: Box<OnEnd>,
}

enum Content {
    /// One piece; `None` once it was taken.
    Piece(Option<Bytes>),
    /// What comes as it is asked for.
    Flow(Flow),
}

/// The answer cannot be completed: the caller must see that it is cut off.
#[derive(Debug, thiserror::Error)]
#[error("the answer is cut off")]
pub(crate) struct CutOff;

impl Reply {
    pub(crate) fn new(data: Bytes, on_end: OnEnd) -> Self {
        Self { content: Content::Piece((!data.is_empty()).then_some(data)), on_end: Box::new(on_end) }
    }

    /// The body that a permitted call gives.
    pub(crate) fn disclosed(body: Disclosed, mut on_end: OnEnd) -> Self {
        match body {
            Disclosed::Whole(data) => {
                on_end.bytes = data.len() as u64;
                Self::new(data, on_end)
            }
            Disclosed::Flow(flow) => Self { content: Content::Flow(flow), on_end: Box::new(on_end) },
        }
    }
}

impl Body for Reply {
    type Data = Bytes;
    type Error = CutOff;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, CutOff>>> {
        let Self { content, on_end } = &mut *self;
        let flow = match content {
            Content::Piece(piece) => return Poll::Ready(piece.take().map(|data| Ok(Frame::data(data)))),
            Content::Flow(flow) => flow,
        };
        Poll::Ready(match std::task::ready!(flow.poll_piece(cx)) {
            None => None,
            Some(Ok(piece)) => {
                on_end.bytes += piece.len() as u64;
                Some(Ok(Frame::data(piece)))
            }
            Some(Err(fault)) => {
                on_end.cut_off(fault);
                Some(Err(CutOff))
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Piece(piece) => piece.is_none(),
            Content::Flow(flow) => flow.has_ended(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Piece(piece) => SizeHint::with_exact(piece.as_ref().map_or(0, |data| data.len() as u64)),
            Content::Flow(flow) => flow.size_hint(),
        }
    }
}

impl Drop for Reply {
    /// The body has been handed to the connection, or the caller went away before that.
    fn drop(&mut self) {
        self.on_end.is_aborted = !self.is_end_stream();
        if let Content::Piece(Some(_)) = self.content {
            self.on_end.bytes = 0;
        }
    }
}

/// A response under construction; every response carries its request id and is never stored by caches.
pub(crate) fn begin(status: StatusCode, request_id: &Uuid) -> (StatusCode, HeaderMap) {
    let mut headers = HeaderMap::with_capacity(12);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let mut text = [0; uuid::fmt::Hyphenated::LENGTH];
    insert(&mut headers, REQUEST_ID, request_id.hyphenated().encode_lower(&mut text));
    (status, headers)
}

/// The same for a JSON answer.
pub(crate) fn begin_json(status: StatusCode, request_id: &Uuid) -> (StatusCode, HeaderMap) {
    let (status, mut headers) = begin(status, request_id);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    (status, headers)
}

/// Puts a response together.
pub(crate) fn finish((status, headers): (StatusCode, HeaderMap), body: Reply) -> Response<Reply> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// Inserts a header whose value we made; one that HTTP cannot carry is left out.
pub(crate) fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// `Exchange-Receipt`: where the durable record stands.
pub(crate) fn receipt(headers: &mut HeaderMap, origin: &str, durable: &Durable) {
    let mut line = Line::with_capacity(origin.len() + 96);
    line.text("origin=\"").text(origin).text("\", index=").number(durable.index());
    line.text(", leaf=\"").text(&durable.leaf_base64()).text("\"");
    line.insert(headers, RECEIPT);
}

/// `RateLimit`, `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-11) and the older family.
pub(crate) fn limits(headers: &mut HeaderMap, standing: &Standing) {
    let mut policy = Line::with_capacity(64);
    let mut limit = Line::with_capacity(48);
    if let Some((size, left)) = standing.second {
        policy.text("\"second\";q=").number(size.into()).text(";w=1");
        limit.text("\"second\";r=").number(left.into()).text(";t=1");
    }
    if let Some((quota, left, reset_s)) = standing.day {
        let comma = if standing.second.is_some() { ", " } else { "" };
        policy.text(comma).text("\"day\";q=").number(quota.into()).text(";w=86400");
        limit.text(comma).text("\"day\";r=").number(left.into()).text(";t=").number(reset_s.into());
    }
    // The older family knows one limit: the one with least left.
    let second = standing.second.map(|(size, left)| (size, left, 1));
    let tightest = [second, standing.day].into_iter().flatten().min_by_key(|(_, left, _)| *left);
    let Some((size, left, reset_s)) = tightest else { return };
    policy.insert(headers, RATE_LIMIT_POLICY);
    limit.insert(headers, RATE_LIMIT);
    headers.insert(X_LIMIT, HeaderValue::from(size));
    headers.insert(X_REMAINING, HeaderValue::from(left));
    headers.insert(X_RESET, HeaderValue::from(reset_s));
}

/// A header value being written. Every answer carries several, and `fmt` costs more than all their bytes.
struct Line(Vec<u8>);

impl Line {
    fn with_capacity(bytes: usize) -> Self {
        Self(Vec::with_capacity(bytes))
    }

    fn text(&mut self, text: &str) -> &mut Self {
        self.0.extend_from_slice(text.as_bytes());
        self
    }

    fn number(&mut self, number: u64) -> &mut Self {
        self.text(decimal(&mut decimal_buffer(), number))
    }

    /// A value that HTTP cannot carry is left out.
    fn insert(self, headers: &mut HeaderMap, name: HeaderName) {
        if let Ok(value) = HeaderValue::from_maybe_shared(Bytes::from(self.0)) {
            headers.insert(name, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_limits_are_announced_and_the_tighter_one_in_the_old_family() {
        let mut headers = HeaderMap::new();
        limits(&mut headers, &Standing { second: Some((5, 4)), day: Some((2000, 1, 60)) });
        assert_eq!(headers[RATE_LIMIT_POLICY], "\"second\";q=5;w=1, \"day\";q=2000;w=86400");
        assert_eq!(headers[RATE_LIMIT], "\"second\";r=4;t=1, \"day\";r=1;t=60");
        assert_eq!(
            (&headers[X_LIMIT], &headers[X_REMAINING], &headers[X_RESET]),
            (&"2000".parse().unwrap(), &"1".parse().unwrap(), &"60".parse().unwrap())
        );
        let mut none = HeaderMap::new();
        limits(&mut none, &Standing::default());
        assert!(none.is_empty());
    }
}
