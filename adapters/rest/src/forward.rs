//! Declared operations of the provider's system, forwarded with both bodies streamed.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_RANGE};
use http::{HeaderMap, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use sluice_contract::balance::Tried;
use sluice_contract::breaker::Admittance;
use sluice_contract::credentials::Credentials;
use sluice_contract::gate::Place;
use sluice_contract::{BadAnswer, Forward, Forwarded, ProviderFault};
use sluice_domain::{Mode, Operation, Permit};
use sluice_transport::upstream::{Download, StreamTimes};
use sluice_transport::{StreamBounds, clock};

use crate::adapter::RestAdapter;
use crate::authority::{Unproven, told};
use crate::binding::RestBinding;
use crate::fault::{Health, fault, is_unsent};
use crate::outgoing::Outgoing;

/// Forwards a call; the answer holds its place among the provider's calls until its body has ended.
pub(crate) async fn forward(
    adapter: &RestAdapter,
    permit: &Permit,
    forward: Forward<'_>,
) -> Result<Forwarded, ProviderFault> {
    let binding = &adapter.binding;
    let operation = permitted(binding, permit, &forward).ok_or(BadAnswer::NotAskable)?;
    let (ends_at, caller) = (forward.ends_at, forward.caller);
    let outgoing = Outgoing::of(binding, operation, forward).await?;
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
    let (instance, answer) = put(adapter, &outgoing, &times).await?;
    binding.report(instance, health_of(answer.status()));
    let (head, download) = judge(answer, operation)?.into_parts();
    let body = Passing { download, binding: Arc::clone(binding), instance, _place: place };
    Ok(Forwarded { status: head.status, headers: head.headers, body: Box::pin(body) })
}

/// Puts the call to one instance, and to another only if the one before cannot have seen any of it: then even a call
/// that changes something is made once.
async fn put(
    adapter: &RestAdapter,
    outgoing: &Outgoing,
    times: &StreamTimes,
) -> Result<(usize, Response<Download>), ProviderFault> {
    let binding = &*adapter.binding;
    let (mut tried, mut left, turn) = (Tried::default(), binding.retries, adapter.next_turn());
    loop {
        let chosen = binding.balance.choose(binding.now_ms(), turn, tried);
        tried.add(chosen.instance);
        let failed = match send(adapter, chosen.instance, outgoing, times).await {
            Ok(answer) => return Ok((chosen.instance, answer)),
            Err(Unproven::NoAnswer(failed)) => failed,
            Err(Unproven::NoToken(fault)) => {
                binding.report(chosen.instance, Health::Down);
                return Err(fault);
            }
        };
        let has_another = left > 0 && tried.len() < binding.instances.len();
        if !has_another || !is_unsent(failed) || !outgoing.is_whole() || clock::now() >= times.answer.ends_at {
            let (health, fault) = fault(failed);
            binding.report(chosen.instance, health);
            return Err(fault);
        }
        binding.failed(chosen.instance);
        left -= 1;
    }
}

/// Sends the call to one instance. A provider that answers 401 to a token has not served: with a fresh one the call is
/// sent once more, unless part of its body is gone.
async fn send(
    adapter: &RestAdapter,
    instance: usize,
    outgoing: &Outgoing,
    times: &StreamTimes,
) -> Result<Response<Download>, Unproven> {
    let binding = &*adapter.binding;
    let upstream = adapter.upstreams.get(instance).ok_or(Unproven::NoToken(ProviderFault::Unreachable))?;
    let Some(Credentials::OAuth2(oauth2)) = &binding.credentials else {
        return Ok(upstream.stream(outgoing.request(binding, None), times).await?);
    };
    let endpoint = adapter.token_endpoint.as_ref().ok_or(Unproven::NoToken(ProviderFault::Unreachable))?;
    let current = async || {
        let deadline = times.answer.ends_at.min(clock::now() + binding.timeout);
        let token = binding.tokens.current(oauth2, endpoint, deadline).await;
        token.map_err(|why| Unproven::NoToken(told(binding, why)))
    };
    let token = current().await?;
    let answer = upstream.stream(outgoing.request(binding, Some(&token)), times).await?;
    if answer.status() != StatusCode::UNAUTHORIZED {
        return Ok(answer);
    }
    binding.tokens.refused(&token);
    if !outgoing.is_whole() {
        return Err(Unproven::NoToken(ProviderFault::Unreachable));
    }
    let token = current().await?;
    Ok(upstream.stream(outgoing.request(binding, Some(&token)), times).await?)
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
