//! OAuth2 client credentials (RFC 6749 section 4.4): the request for a token, and how its answer is read.

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Uri};
use serde::Deserialize;

use super::{basic_header, sensitive};
use crate::fault::BadAnswer;
use crate::spec::{AuthSpec, CredentialsIn, SecretText, SpecFault, address};
use crate::template::percent_encode;

/// Longest lifetime that is believed, in seconds: a day.
const LIFETIME_MAX_S: u32 = 86_400;

/// How a token is asked for.
pub struct OAuth2 {
    token_url: Uri,
    authorization: Option<HeaderValue>,
    form: Bytes,
}

/// A token, ready to be sent.
#[derive(Clone)]
pub struct Token {
    /// Value of `Authorization`, marked as sensitive.
    pub authorization: HeaderValue,
    /// Seconds from its issue for which it may be used; `None` where the endpoint does not say.
    pub lifetime_s: Option<u32>,
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Token").field("lifetime_s", &self.lifetime_s).finish_non_exhaustive()
    }
}

impl OAuth2 {
    pub(super) fn compile(spec: &AuthSpec, faults: &mut Vec<SpecFault>) -> Option<Self> {
        let (url, id) = spec.token_url.as_deref().zip(spec.client_id.as_deref())?;
        let SecretText(secret) = spec.client_secret.as_ref()?;
        let token_url = address("token_url", url).map_err(|fault| faults.push(fault)).ok()?;
        let mut form = String::from("grant_type=client_credentials");
        let mut add = |name: &str, value: &str| {
            form.push('&');
            form.push_str(name);
            form.push('=');
            percent_encode(value, &mut form);
        };
        spec.scope.iter().for_each(|scope| add("scope", scope));
        spec.audience.iter().for_each(|audience| add("audience", audience));
        let authorization = match spec.r#in.unwrap_or_default() {
            CredentialsIn::Body => {
                add("client_id", id);
                add("client_secret", secret);
                None
            }
            CredentialsIn::Basic => {
                let (mut encoded_id, mut encoded_secret) = (String::new(), String::new());
                percent_encode(id, &mut encoded_id);
                percent_encode(secret, &mut encoded_secret);
                Some(basic_header(&encoded_id, &encoded_secret)?)
            }
        };
        Some(Self { token_url, authorization, form: form.into() })
    }

    /// Scheme, host and path of the token endpoint.
    pub fn token_url(&self) -> &Uri {
        &self.token_url
    }

    /// The request for a token; its target is the path of [`Self::token_url`].
    pub fn request(&self) -> Request<Bytes> {
        let mut request = Request::new(self.form.clone());
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.token_url.path().parse().unwrap_or_default();
        let headers = request.headers_mut();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        if let Some(authorization) = &self.authorization {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
        request
    }

    /// Reads the answer of the token endpoint to a request that it answered with 200.
    ///
    /// # Errors
    /// `NotJson` for anything but a bearer token in JSON.
    pub fn read(&self, body: &[u8]) -> Result<Token, BadAnswer> {
        #[derive(Deserialize)]
        struct Answer<'a> {
            access_token: &'a str,
            token_type: &'a str,
            #[serde(default)]
            expires_in: Option<u32>,
        }
        let answer: Answer<'_> = serde_json::from_slice(body).map_err(|_| BadAnswer::NotJson)?;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
        let is_token = !answer.access_token.is_empty() && answer.access_token.bytes().all(plain);
        if !is_token || !answer.token_type.eq_ignore_ascii_case("bearer") {
            return Err(BadAnswer::NotSuccess);
        }
        let authorization = sensitive(&format!("Bearer {}", answer.access_token)).ok_or(BadAnswer::NotSuccess)?;
        Ok(Token { authorization, lifetime_s: answer.expires_in.map(|seconds| seconds.min(LIFETIME_MAX_S)) })
    }
}
