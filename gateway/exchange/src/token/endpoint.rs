//! The token endpoint (RFC 6749 §4.4, RFC 8705 §2) and its metadata (RFC 8414).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::StatusCode;
use uuid::Uuid;

use super::claims::{Confirmation, Issued};
use super::keys::{KeyError, TokenRules};

/// An answer of the token endpoint: status and JSON body.
pub(crate) type Answer = (StatusCode, String);

fn refuse(status: StatusCode, error: &str, description: &str) -> Answer {
    (status, format!(r#"{{"error":"{error}","error_description":"{description}"}}"#))
}

/// Answers a token request of a system that its certificate identified (`None`: nobody's certificate).
pub(crate) fn answer(
    rules: &TokenRules,
    system: Option<&str>,
    fingerprint: &[u8; 32],
    form: Option<&[u8]>,
    now_s: i64,
) -> Answer {
    let Some(form) = form else {
        return refuse(
            StatusCode::BAD_REQUEST,
            "invalid_request",
            "the body must be application/x-www-form-urlencoded",
        );
    };
    let mut grant_type = None;
    let mut client_id = None;
    for (name, value) in form_urlencoded::parse(form) {
        let slot = match &*name {
            "grant_type" => &mut grant_type,
            "client_id" => &mut client_id,
            // RFC 6749 §3.2: unrecognised parameters are ignored.
            _ => continue,
        };
        if slot.replace(value).is_some() {
            return refuse(StatusCode::BAD_REQUEST, "invalid_request", "a parameter is given twice");
        }
    }
    let Some(system) = system else {
        return refuse(
            StatusCode::UNAUTHORIZED,
            "invalid_client",
            "the client certificate stands for no registered system",
        );
    };
    match grant_type.as_deref() {
        None => return refuse(StatusCode::BAD_REQUEST, "invalid_request", "grant_type is missing"),
        Some("client_credentials") => {}
        Some(_) => {
            return refuse(StatusCode::BAD_REQUEST, "unsupported_grant_type", "only client_credentials is supported");
        }
    }
    if client_id.is_some_and(|client_id| client_id != system) {
        return refuse(
            StatusCode::UNAUTHORIZED,
            "invalid_client",
            "client_id is not the system of the client certificate",
        );
    }
    match issue(rules, system, fingerprint, now_s) {
        Ok(token) => {
            let lifetime_s = rules.lifetime_s;
            (StatusCode::OK, format!(r#"{{"access_token":"{token}","token_type":"Bearer","expires_in":{lifetime_s}}}"#))
        }
        Err(_) => refuse(StatusCode::INTERNAL_SERVER_ERROR, "server_error", "the token could not be signed"),
    }
}

/// A token for a system, bound to its certificate.
fn issue(rules: &TokenRules, system: &str, fingerprint: &[u8; 32], now_s: i64) -> Result<String, KeyError> {
    let jti = Uuid::now_v7().simple().to_string();
    rules.signing.sign(&Issued {
        iss: &rules.public_url,
        aud: &rules.public_url,
        sub: system,
        iat: now_s,
        exp: now_s + rules.lifetime_s,
        jti: &jti,
        cnf: Confirmation { x5t_s256: URL_SAFE_NO_PAD.encode(fingerprint) },
    })
}

impl TokenRules {
    /// A token for a system and one of its certificates, as the endpoint would give it.
    ///
    /// # Errors
    /// When the crypto library fails to sign.
    pub fn issue(&self, system: &str, fingerprint: &[u8; 32], now_s: i64) -> Result<String, KeyError> {
        issue(self, system, fingerprint, now_s)
    }
}

/// Authorization server metadata.
pub(crate) fn metadata(rules: &TokenRules) -> String {
    let url = &rules.public_url;
    serde_json::json!({
        "issuer": url,
        "token_endpoint": format!("{url}/v1/token"),
        "jwks_uri": format!("{url}/.well-known/jwks.json"),
        "grant_types_supported": ["client_credentials"],
        "response_types_supported": [],
        "token_endpoint_auth_methods_supported": ["tls_client_auth"],
        "tls_client_certificate_bound_access_tokens": true,
        "mtls_endpoint_aliases": { "token_endpoint": format!("{url}/v1/token") },
    })
    .to_string()
}
