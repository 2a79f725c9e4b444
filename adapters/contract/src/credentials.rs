//! How the exchange proves to a provider who it is: declared credentials, compiled to what is put into
//! each request. Pure; sending, and keeping a token, is the adapter's work.

mod oauth2;
mod signing;

use http::{HeaderName, HeaderValue};

use crate::operation::Operation;
use crate::spec::{AuthKind, AuthSpec, FORBIDDEN_HEADERS, SecretText, SpecFault};
use crate::template::percent_encode;

pub use oauth2::{OAuth2, Token};
pub use signing::{Signed, Signing, Unsigned};

/// Compiled credentials.
pub enum Credentials {
    /// The same header or parameter with every request.
    Fixed(Fixed),
    /// A token of the provider's token endpoint.
    OAuth2(OAuth2),
    /// A signature of each request.
    Hmac(Signing),
}

/// A header or a parameter that is the same with every request.
pub enum Fixed {
    /// Name and value, marked as sensitive.
    Header(HeaderName, HeaderValue),
    /// `name=value`, percent-encoded.
    Query(String),
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Fixed(_) => "Fixed(redacted)",
            Self::OAuth2(_) => "OAuth2(redacted)",
            Self::Hmac(_) => "Hmac(redacted)",
        })
    }
}

impl Credentials {
    /// Compiles declared credentials whose secrets are resolved.
    ///
    /// # Errors
    /// Every fault, with places relative to `auth`.
    pub fn compile(spec: &AuthSpec) -> Result<Self, Vec<SpecFault>> {
        let mut faults = foreign_keys(spec);
        let compiled = match spec.kind {
            AuthKind::Basic => basic(spec, &mut faults).map(Self::Fixed),
            AuthKind::ApiKey => api_key(spec, &mut faults).map(Self::Fixed),
            AuthKind::OAuth2 => OAuth2::compile(spec, &mut faults).map(Self::OAuth2),
            AuthKind::Hmac => Signing::compile(spec, &mut faults).map(Self::Hmac),
        };
        compiled.filter(|_| faults.is_empty()).ok_or(faults)
    }

    /// Headers and parameters that the operation sets as well.
    pub(crate) fn collisions(&self, operation: &Operation) -> Vec<SpecFault> {
        let authorization = [http::header::AUTHORIZATION];
        let (headers, query): (Vec<&HeaderName>, Vec<&str>) = match self {
            Self::Fixed(Fixed::Header(name, _)) => (vec![name], Vec::new()),
            Self::Fixed(Fixed::Query(pair)) => (Vec::new(), vec![pair.split('=').next().unwrap_or_default()]),
            Self::OAuth2(_) => (authorization.iter().collect(), Vec::new()),
            Self::Hmac(signing) => (signing.headers().collect(), signing.parameters().collect()),
        };
        let fault = |what: &str, name: &str| {
            SpecFault::new(
                "auth",
                format!("the binding sets the {what} {name} as well"),
                "auth = { kind = \"basic\", … }",
            )
        };
        let own = operation.headers.iter().map(|(name, _)| name).filter(|name| headers.contains(name));
        let parameters = operation.query.iter().map(|(name, _)| name.as_str()).filter(|name| query.contains(name));
        own.map(|name| fault("header", name.as_str())).chain(parameters.map(|name| fault("parameter", name))).collect()
    }
}

impl Credentials {
    /// What of a resource's operations for callers these credentials cannot serve.
    pub(crate) fn unfit(&self, declared: &[sluice_domain::Operation]) -> Vec<SpecFault> {
        let mut faults = Vec::new();
        for operation in declared {
            let own: Vec<&str> = match self {
                Self::Fixed(Fixed::Query(pair)) => pair.split('=').take(1).collect(),
                Self::Hmac(signing) => signing.parameters().collect(),
                Self::Fixed(Fixed::Header(..)) | Self::OAuth2(_) => Vec::new(),
            };
            let id = &operation.id;
            for name in operation.query.iter().filter(|name| own.contains(&&***name)) {
                let fault = format!("the parameter {name} is one that callers of operation \"{id}\" may send");
                faults.push(SpecFault::new("auth", fault, "query = \"app_key\""));
            }
            if let Self::Hmac(signing) = self
                && signing.covers_body()
                && !operation.request_types.is_empty()
                && !operation.reads_request()
            {
                let fault = format!(
                    "a signature cannot cover the body of operation \"{id}\", which is passed on as it arrives"
                );
                let example = "canonical = \"{method}\\n{path}\\n{query_sorted}\\n{timestamp}\\n{nonce}\"";
                faults.push(SpecFault::new("auth.canonical", fault, example));
            }
        }
        faults
    }
}

/// Keys that belong to another kind, and those that are missing.
fn foreign_keys(spec: &AuthSpec) -> Vec<SpecFault> {
    let (needed, possible, example): (&[&str], &[&str], &str) = match spec.kind {
        AuthKind::Basic => (
            &["user", "password"],
            &[],
            "auth = { kind = \"basic\", user = \"sluice\", password = \"file:keys/mz.txt\" }",
        ),
        AuthKind::ApiKey => (
            &["value"],
            &["header", "query", "prefix"],
            "auth = { kind = \"api_key\", header = \"X-Api-Key\", value = \"file:keys/mz.txt\" }",
        ),
        AuthKind::OAuth2 => (
            &["token_url", "client_id", "client_secret"],
            &["scope", "audience", "in"],
            "auth = { kind = \"oauth2\", token_url = \"https://mz.example.gov.cn/token\", client_id = \"sluice\", client_secret = \"env:MZ_SECRET\" }",
        ),
        AuthKind::Hmac => (
            &["algorithm", "secret", "canonical", "put"],
            &["app_id", "encoding"],
            "auth = { kind = \"hmac\", algorithm = \"sha256\", secret = \"file:keys/mz.txt\", canonical = \"{method}\\n{path}\\n{timestamp}\", put = { headers = { X-Signature = \"{signature}\", X-Timestamp = \"{timestamp}\" } } }",
        ),
    };
    let given = [
        ("user", spec.user.is_some()),
        ("password", spec.password.is_some()),
        ("header", spec.header.is_some()),
        ("query", spec.query.is_some()),
        ("prefix", spec.prefix.is_some()),
        ("value", spec.value.is_some()),
        ("token_url", spec.token_url.is_some()),
        ("client_id", spec.client_id.is_some()),
        ("client_secret", spec.client_secret.is_some()),
        ("scope", spec.scope.is_some()),
        ("audience", spec.audience.is_some()),
        ("in", spec.r#in.is_some()),
        ("algorithm", spec.algorithm.is_some()),
        ("secret", spec.secret.is_some()),
        ("app_id", spec.app_id.is_some()),
        ("canonical", spec.canonical.is_some()),
        ("encoding", spec.encoding.is_some()),
        ("put", spec.put.is_some()),
    ];
    let fault = |(key, is_given): (&str, bool)| {
        let fault = match (is_given, needed.contains(&key)) {
            (true, false) if !possible.contains(&key) => "the key belongs to another kind",
            (false, true) => "the key is needed for this kind",
            _ => return None,
        };
        Some(SpecFault::new(key, fault, example))
    };
    given.into_iter().filter_map(fault).collect()
}

fn basic(spec: &AuthSpec, faults: &mut Vec<SpecFault>) -> Option<Fixed> {
    let (user, SecretText(password)) = spec.user.as_deref().zip(spec.password.as_ref())?;
    if user.contains(':') || user.chars().any(char::is_control) || password.chars().any(char::is_control) {
        faults.push(SpecFault::new("user", "no colon in the user name, no control character", "user = \"sluice\""));
        return None;
    }
    Some(Fixed::Header(http::header::AUTHORIZATION, basic_header(user, password)?))
}

fn basic_header(user: &str, password: &str) -> Option<HeaderValue> {
    use base64::Engine as _;
    let pair = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
    sensitive(&format!("Basic {pair}"))
}

fn api_key(spec: &AuthSpec, faults: &mut Vec<SpecFault>) -> Option<Fixed> {
    let SecretText(key) = spec.value.as_ref()?;
    let value = format!("{}{key}", spec.prefix.as_deref().unwrap_or_default());
    match (&spec.header, &spec.query) {
        (Some(name), None) => {
            let name = header_name("header", name, faults)?;
            let value = sensitive(&value);
            if value.is_none() {
                let fault = "prefix and key are not one line of printable ASCII";
                faults.push(SpecFault::new("value", fault, "value = \"file:keys/mz.txt\""));
            }
            Some(Fixed::Header(name, value?))
        }
        (None, Some(name)) => {
            let mut pair = String::new();
            percent_encode(name, &mut pair);
            pair.push('=');
            percent_encode(&value, &mut pair);
            Some(Fixed::Query(pair))
        }
        _ => {
            faults.push(SpecFault::new("header", "the key stands in header or in query", "header = \"X-Api-Key\""));
            None
        }
    }
}

/// A header that credentials may set.
fn header_name(place: &str, name: &str, faults: &mut Vec<SpecFault>) -> Option<HeaderName> {
    let parsed = HeaderName::try_from(name).ok().filter(|name| !FORBIDDEN_HEADERS.contains(&name.as_str()));
    if parsed.is_none() {
        faults.push(SpecFault::new(place, "not a header that a binding may set", "header = \"X-Api-Key\""));
    }
    parsed
}

/// A header value that is never shown; `None` for what a header cannot carry.
fn sensitive(text: &str) -> Option<HeaderValue> {
    let printable = text.bytes().all(|byte| (b' '..0x7f).contains(&byte));
    let mut value = HeaderValue::try_from(text).ok().filter(|_| printable)?;
    value.set_sensitive(true);
    Some(value)
}
