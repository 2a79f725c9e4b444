//! Declared operations of the provider's system, forwarded with both bodies streamed.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_RANGE, VIA};
use http::{HeaderMap, HeaderValue, Method as HttpMethod, Request, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use sluice_contract::balance::Tried;
use sluice_contract::breaker::Admittance;
use sluice_contract::credentials::{Credentials, Fixed};
use sluice_contract::gate::Place;
use sluice_contract::paging::Turn;
use sluice_contract::{Ask, BadAnswer, Forward, Forwarded, ProviderFault, Upload};
use sluice_domain::operation::Method;
use sluice_domain::{ItemSet, Mode, Operation, Permit};
use sluice_transport::upstream::{Download, StreamTimes};
use sluice_transport::{StreamBounds, clock};

use crate::adapter::RestAdapter;
use crate::binding::RestBinding;
use crate::fault::{Health, fault};
use crate::request;

/// Our pseudonym among the hops of a message (RFC 9110 §7.6.3).
const HOP: HeaderValue = HeaderValue::from_static("1.1 sluice");
/// Headers of a binding name no page.
const FIRST: Turn<'static> = Turn { limit: 0, offset: 0, page: 0, cursor: None };

/// Forwards a call to one instance; the answer holds its place among the provider's calls until its body has ended.
pub(crate) async fn forward(
    adapter: &RestAdapter,
    permit: &Permit,
    forward: Forward<'_>,
) -> Result<Forwarded, ProviderFault> {
    let binding = &adapter.binding;
    let operation = permitted(binding, permit, &forward).ok_or(BadAnswer::NotAskable)?;
    let (ends_at, caller) = (forward.ends_at, forward.caller);
    let request = build(binding, operation, forward)?;
    let now_s = clock::now_unix_s();
    if let Some(until_s) = binding.outages.at(now_s) {
        let retry_after_s = u32::try_from(until_s - now_s).unwrap_or(u32::MAX).max(1);
        return Err(ProviderFault::PlannedOutage { retry_after_s });
    }
    if let Some(retry_after_s) = binding.breaker.refuses(binding.now_ms()) {
        return Err(ProviderFault::CircuitOpen { retry_after_s });
    }
    let place = binding.gate.enter(caller, ends_at).await.map_err(|_| ProviderFault::Busy { retry_after_s: 1 })?;
    if let Admittance::Refused { retry_after_s } = binding.breaker.admit(binding.now_ms()) {
        return Err(ProviderFault::CircuitOpen { retry_after_s });
    }
    let bounds = &operation.bounds;
    let times = StreamTimes {
        first_byte: millis(bounds.first_byte_ms),
        answer: StreamBounds { bytes_max: bounds.response_bytes_max, idle: millis(bounds.idle_ms), ends_at },
    };
    let chosen = binding.balance.choose(binding.now_ms(), adapter.next_turn(), Tried::default());
    let instance = chosen.instance;
    let upstream = adapter.upstreams.get(instance).ok_or(ProviderFault::Unreachable)?;
    let (health, judged) = match upstream.stream(request, &times).await {
        Ok(answer) => (health_of(answer.status()), judge(answer, operation)),
        Err(failed) => {
            let (health, fault) = fault(failed);
            (health, Err(fault))
        }
    };
    binding.report(instance, health);
    let (head, download) = judged?.into_parts();
    let body = Passing { download, binding: Arc::clone(binding), instance, _place: place };
    Ok(Forwarded { status: head.status, headers: head.headers, body: Box::pin(body) })
}

/// The operation, if it is the one that was permitted: a second look, in case a caller mixes them up.
fn permitted<'f>(binding: &RestBinding, permit: &Permit, forward: &Forward<'f>) -> Option<&'f Operation> {
    let is_same = permit.mode() == Mode::Call
        && permit.operation() == Some(forward.operation)
        && binding.resource == forward.resource.code;
    let operation = forward.resource.operation(forward.operation).filter(|_| is_same)?;
    operation.items.is_subset(permit.clear()).then_some(operation)
}

fn millis(number: u32) -> Duration {
    Duration::from_millis(number.into())
}

fn build(
    binding: &RestBinding,
    operation: &Operation,
    forward: Forward<'_>,
) -> Result<Request<Option<Upload>>, BadAnswer> {
    let ask = Ask {
        resource: forward.resource,
        key: &[],
        claims: &[],
        items: ItemSet::EMPTY,
        limit: 0,
        offset: 0,
        deadline: forward.ends_at,
        request_id: forward.request_id,
        caller: forward.caller,
    };
    let mut headers = forward.headers;
    for (name, template) in &binding.headers {
        let mut text = String::new();
        template.fill(&ask, &FIRST, &mut text).map_err(|_| BadAnswer::NotAskable)?;
        headers.insert(name, HeaderValue::from_str(&text).map_err(|_| BadAnswer::NotAskable)?);
    }
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    headers.insert(VIA, HOP);
    request::introduce(&mut headers, &ask)?;
    let mut request = Request::new(forward.body);
    *request.method_mut() = match operation.method {
        Method::Get => HttpMethod::GET,
        Method::Post => HttpMethod::POST,
        Method::Put => HttpMethod::PUT,
        Method::Patch => HttpMethod::PATCH,
        Method::Delete => HttpMethod::DELETE,
    };
    let mut target = format!("{}{}", binding.base_path, forward.target);
    match &binding.credentials {
        None => {}
        Some(Credentials::Fixed(Fixed::Header(name, value))) => {
            headers.insert(name, value.clone());
        }
        Some(Credentials::Fixed(Fixed::Query(pair))) => {
            target.push(if target.contains('?') { '&' } else { '?' });
            target.push_str(pair);
        }
        // A signature covers a body that is not there yet, and a token that has ended could not be renewed half-way.
        Some(Credentials::Hmac(_) | Credentials::OAuth2(_)) => return Err(BadAnswer::NotAskable),
    }
    *request.uri_mut() = target.try_into().map_err(|_| BadAnswer::NotAskable)?;
    *request.headers_mut() = headers;
    Ok(request)
}

fn health_of(status: StatusCode) -> Health {
    if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS { Health::Down } else { Health::Up }
}

/// Judges status and head; a provider's words about its errors are never passed on.
fn judge(answer: Response<Download>, operation: &Operation) -> Result<Response<Download>, ProviderFault> {
    match answer.status() {
        StatusCode::PARTIAL_CONTENT => return Err(BadAnswer::ContentEncoding.into()),
        status if status.is_success() || operation.statuses.contains(&status.as_u16()) => {}
        status if status.is_redirection() => return Err(BadAnswer::Redirect.into()),
        // The provider says that it does not serve now: worth another try later, unlike a bad answer.
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::GATEWAY_TIMEOUT => return Err(ProviderFault::Unreachable),
        _ => return Err(BadAnswer::Status.into()),
    }
    if is_plain(answer.headers()) { Ok(answer) } else { Err(BadAnswer::ContentEncoding.into()) }
}

/// Neither compressed nor a part.
fn is_plain(headers: &HeaderMap) -> bool {
    let encodings = headers.get_all(CONTENT_ENCODING);
    encodings.iter().all(|encoding| encoding.as_bytes().eq_ignore_ascii_case(b"identity"))
        && !headers.contains_key(CONTENT_RANGE)
}

/// An answer's body with the place that its call takes.
struct Passing {
    download: Download,
    binding: Arc<RestBinding>,
    instance: usize,
    _place: Place,
}

impl Body for Passing {
    type Data = Bytes;
    type Error = ProviderFault;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, ProviderFault>>> {
        Pin::new(&mut self.download).poll_frame(cx).map_err(|failed| {
            let (health, fault) = fault(failed);
            self.binding.report(self.instance, health);
            fault
        })
    }

    fn is_end_stream(&self) -> bool {
        self.download.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.download.size_hint()
    }
}
