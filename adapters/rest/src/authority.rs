//! Sending a request with what proves to the provider who asks.

use std::time::Instant;

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::uri::PathAndQuery;
use http::{Request, Response, StatusCode, Uri};
use http_body_util::Full;
use sluice_contract::ProviderFault;
use sluice_contract::credentials::{Credentials, Fixed, OAuth2, Signing, Unsigned};
use sluice_transport::clock;
use sluice_transport::upstream::{Upstream, UpstreamFault};
use uuid::Uuid;

use crate::binding::RestBinding;
use crate::token::{NoToken, Token};

/// One worker's connections to one instance, and to the token endpoint if there is one.
pub(crate) struct Lines<'l> {
    pub(crate) instance: &'l Upstream,
    pub(crate) token_endpoint: Option<&'l Upstream>,
}

/// Why a request has no answer.
pub(crate) enum Unproven {
    /// The provider gave none.
    NoAnswer(UpstreamFault),
    /// It was not sent: there is no token.
    NoToken(ProviderFault),
}

impl From<UpstreamFault> for Unproven {
    fn from(fault: UpstreamFault) -> Self {
        Self::NoAnswer(fault)
    }
}

/// Sends a request with the binding's credentials and reads the answer whole.
pub(crate) async fn send(
    binding: &RestBinding,
    lines: Lines<'_>,
    request: &Request<Bytes>,
    (deadline, bytes_max): (Instant, usize),
) -> Result<Response<Bytes>, Unproven> {
    let mut own = request.clone();
    match &binding.credentials {
        None => {}
        Some(Credentials::Fixed(Fixed::Header(name, value))) => {
            own.headers_mut().insert(name, value.clone());
        }
        Some(Credentials::Fixed(Fixed::Query(pair))) => {
            let before = own.uri().query().map_or(String::new(), |query| format!("{query}&"));
            set_query(&mut own, &format!("{before}{pair}"));
        }
        Some(Credentials::Hmac(signing)) => sign(signing, &mut own, request.body()),
        Some(Credentials::OAuth2(oauth2)) => {
            return Box::pin(send_with_token(binding, oauth2, lines, (own, deadline, bytes_max))).await;
        }
    }
    Ok(lines.instance.send(own.map(Full::new), deadline, bytes_max).await?)
}

/// A provider that answers 401 has not served: with a fresh token the request is sent once more.
async fn send_with_token(
    binding: &RestBinding,
    oauth2: &OAuth2,
    lines: Lines<'_>,
    (request, deadline, bytes_max): (Request<Bytes>, Instant, usize),
) -> Result<Response<Bytes>, Unproven> {
    let token_endpoint = lines.token_endpoint.ok_or(Unproven::NoToken(ProviderFault::Unreachable))?;
    let current = async || {
        let token = binding.tokens.current(oauth2, token_endpoint, deadline).await;
        token.map_err(|why| Unproven::NoToken(told(binding, why)))
    };
    let with = |token: &Token| {
        let mut request = request.clone();
        request.headers_mut().insert(AUTHORIZATION, token.authorization.clone());
        request.map(Full::new)
    };
    let token = current().await?;
    let answer = lines.instance.send(with(&token), deadline, bytes_max).await?;
    if answer.status() != StatusCode::UNAUTHORIZED {
        return Ok(answer);
    }
    binding.tokens.refused(&token);
    let token = current().await?;
    Ok(lines.instance.send(with(&token), deadline, bytes_max).await?)
}

/// Tells the operator why there is no token, once for all that wait for it, and the caller that the provider cannot be
/// reached.
pub(crate) fn told(binding: &RestBinding, why: NoToken) -> ProviderFault {
    if why != NoToken::Shared && why != NoToken::Late {
        tracing::warn!(resource = %binding.resource, %why, "a provider gives no token");
    }
    if why == NoToken::Late { ProviderFault::Timeout } else { ProviderFault::Unreachable }
}

/// Signs a request that is sent with this body.
pub(crate) fn sign<B>(signing: &Signing, request: &mut Request<B>, body: &[u8]) {
    let unsigned = Unsigned {
        method: request.method(),
        path: request.uri().path(),
        query: request.uri().query().unwrap_or_default(),
        body,
    };
    let now_ms = i64::try_from(clock::now_unix_us() / 1_000).unwrap_or(i64::MAX);
    let signed = signing.sign(unsigned, now_ms, &Uuid::new_v4().simple().to_string());
    for (name, value) in signed.headers {
        request.headers_mut().insert(name, value);
    }
    set_query(request, &signed.query);
}

fn set_query<B>(request: &mut Request<B>, query: &str) {
    let path = request.uri().path();
    let target = if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") };
    // Both parts are percent-encoded: the new target is one as the old was.
    if let Ok(target) = PathAndQuery::try_from(target) {
        *request.uri_mut() = Uri::from(target);
    }
}
