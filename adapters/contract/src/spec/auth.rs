//! How the exchange proves to a provider who it is, as declared.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// A text that may be a secret: never shown by `Debug`. `"file:…"` and `"env:…"` keep it elsewhere.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SecretText(pub String);

impl SecretText {
    /// Whether it names a secret kept elsewhere instead of being one.
    pub fn is_reference(&self) -> bool {
        self.0.starts_with("file:") || self.0.starts_with("env:")
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(redacted)")
    }
}

/// How the exchange proves who it is. Which keys belong to it is decided by `kind`; client certificates
/// stand under `tls`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthSpec {
    /// The way.
    pub kind: AuthKind,
    /// `basic`: user name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// `basic`: password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<SecretText>,
    /// `api_key`: the header that carries it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// `api_key`: or the query parameter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// `api_key`: text before the key, such as `"Bearer "`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// `api_key`: the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<SecretText>,
    /// `oauth2`: the token endpoint (client credentials, RFC 6749 section 4.4).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_url: Option<String>,
    /// `oauth2`: our id at the provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// `oauth2`: our secret at the provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<SecretText>,
    /// `oauth2`: scope to ask for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// `oauth2`: audience to ask for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audience: Option<String>,
    /// `oauth2`: where id and secret stand. Default `basic`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub r#in: Option<CredentialsIn>,
    /// `hmac`: keyed hash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub algorithm: Option<SigningAlgorithm>,
    /// `hmac`: the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<SecretText>,
    /// `hmac`: our id at the provider, `{app_id}` in the templates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app_id: Option<String>,
    /// `hmac`: template of the text that is signed, with `{method}` `{path}` `{query}` `{query_sorted}`
    /// `{body}` `{body_sha256}` `{body_sm3}` `{timestamp}` `{timestamp_ms}` `{datetime}` `{nonce}`
    /// `{app_id}` `{secret}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canonical: Option<String>,
    /// `hmac`: how the signature is written. Default `hex`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<SignatureEncoding>,
    /// `hmac`: what is put into the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub put: Option<SignaturePut>,
}

/// The way in which the exchange proves who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthKind {
    /// User and password (RFC 7617).
    Basic,
    /// A fixed key in a header or a query parameter.
    ApiKey,
    /// A token by client credentials (RFC 6749), sent as `Authorization: Bearer`.
    #[serde(rename = "oauth2")]
    OAuth2,
    /// A signature of each request with a shared key.
    Hmac,
}

/// Where OAuth2 client credentials stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CredentialsIn {
    /// `Authorization: Basic`.
    #[default]
    Basic,
    /// `client_id` and `client_secret` in the form.
    Body,
}

/// What makes a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SigningAlgorithm {
    /// HMAC-SHA-256.
    Sha256,
    /// HMAC-SHA-512.
    Sha512,
    /// HMAC-SHA-1, only for systems that know nothing better.
    Sha1,
    /// HMAC-SM3 (GB/T 32905).
    Sm3,
    /// Plain SHA-256 of a text that holds `{secret}`.
    PlainSha256,
    /// Plain SM3 of a text that holds `{secret}`.
    PlainSm3,
}

/// How a signature is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignatureEncoding {
    /// Lower-case hexadecimal.
    #[default]
    Hex,
    /// Upper-case hexadecimal.
    HexUpper,
    /// Base64 with padding.
    Base64,
}

/// What a signature puts into the request: templates with `{signature}` `{timestamp}` `{timestamp_ms}`
/// `{datetime}` `{nonce}` `{app_id}` and the body's digests.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SignaturePut {
    /// Headers.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// Query parameters, behind those of the operation.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub query: BTreeMap<String, String>,
}
