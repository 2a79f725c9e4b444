//! A signature of each request with a shared key, over a text that the binding composes.

use std::fmt::Write as _;

use aws_lc_rs::{digest, hmac as aws};
use base64::Engine as _;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{HeaderName, HeaderValue, Method};
use jiff::Timestamp;
use jiff::tz::Offset;
use sm3::{Digest as _, Sm3};

use super::header_name;
use crate::spec::{AuthSpec, SecretText, SignatureEncoding, SigningAlgorithm, SpecFault};
use crate::template::percent_encode;

/// A compiled way of signing.
pub struct Signing {
    algorithm: SigningAlgorithm,
    secret: Vec<u8>,
    app_id: String,
    encoding: SignatureEncoding,
    canonical: Text,
    headers: Vec<(HeaderName, Text)>,
    /// Percent-encoded names.
    query: Vec<(String, Text)>,
}

/// What a request has before it is signed.
#[derive(Debug, Clone, Copy)]
pub struct Unsigned<'r> {
    /// Method.
    pub method: &'r Method,
    /// Path as it is sent, that of the base URL included.
    pub path: &'r str,
    /// Query as it is sent, without `?`; empty if there is none.
    pub query: &'r str,
    /// Body as it is sent.
    pub body: &'r [u8],
}

/// What a signature adds to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// Headers, marked as sensitive.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The whole query to send, without `?`.
    pub query: String,
}

/// A text with places to fill.
struct Text(Vec<Piece>);

enum Piece {
    Plain(String),
    Value(Value),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Value {
    Method,
    Path,
    Query,
    QuerySorted,
    QuerySortedDecoded,
    Body,
    BodySha256,
    BodySm3,
    Timestamp,
    TimestampMs,
    DateTime,
    Nonce,
    AppId,
    Secret,
    Signature,
}

const NAMES: [(&str, Value); 15] = [
    ("method", Value::Method),
    ("path", Value::Path),
    ("query", Value::Query),
    ("query_sorted", Value::QuerySorted),
    ("query_sorted_decoded", Value::QuerySortedDecoded),
    ("body", Value::Body),
    ("body_sha256", Value::BodySha256),
    ("body_sm3", Value::BodySm3),
    ("timestamp", Value::Timestamp),
    ("timestamp_ms", Value::TimestampMs),
    ("datetime", Value::DateTime),
    ("nonce", Value::Nonce),
    ("app_id", Value::AppId),
    ("secret", Value::Secret),
    ("signature", Value::Signature),
];

impl Text {
    fn compile(text: &str, place: &str, allowed: fn(Value) -> bool, faults: &mut Vec<SpecFault>) -> Self {
        let mut pieces = Vec::new();
        let mut rest = text;
        let mut fault = |name: &str| {
            let names = NAMES.iter().filter(|(_, value)| allowed(*value)).map(|(name, _)| format!("{{{name}}}"));
            let example = format!("one of {}", names.collect::<Vec<_>>().join(" "));
            faults.push(SpecFault::new(place, format!("{name} means nothing here"), example));
        };
        while let Some((before, from)) = rest.split_once('{') {
            pieces.push(Piece::Plain(before.to_owned()));
            let Some((name, after)) = from.split_once('}') else {
                fault("a brace that stands alone");
                return Self(pieces);
            };
            match NAMES.iter().find(|(known, value)| *known == name && allowed(*value)) {
                Some((_, value)) => pieces.push(Piece::Value(*value)),
                None => fault(&format!("{{{name}}}")),
            }
            rest = after;
        }
        pieces.push(Piece::Plain(rest.to_owned()));
        Self(pieces)
    }

    fn holds(&self, wanted: Value) -> bool {
        self.0.iter().any(|piece| matches!(piece, Piece::Value(value) if *value == wanted))
    }
}

/// What fills the places of one request.
struct Filling<'s, 'r> {
    signing: &'s Signing,
    request: Unsigned<'r>,
    now_ms: i64,
    nonce: &'r str,
    signature: &'r str,
}

impl Filling<'_, '_> {
    fn fill(&self, text: &Text) -> Vec<u8> {
        let mut out = Vec::new();
        for piece in &text.0 {
            match piece {
                Piece::Plain(plain) => out.extend_from_slice(plain.as_bytes()),
                Piece::Value(value) => self.value(*value, &mut out),
            }
        }
        out
    }

    fn value(&self, value: Value, out: &mut Vec<u8>) {
        let Unsigned { method, path, query, body } = self.request;
        match value {
            Value::Method => out.extend_from_slice(method.as_str().as_bytes()),
            Value::Path => out.extend_from_slice(path.as_bytes()),
            Value::Query => out.extend_from_slice(query.as_bytes()),
            Value::QuerySorted => out.extend_from_slice(self.sorted_query().as_bytes()),
            Value::QuerySortedDecoded => out.extend_from_slice(decoded(&self.sorted_query()).as_bytes()),
            Value::Body => out.extend_from_slice(body),
            Value::BodySha256 => out.extend_from_slice(hex(digest::digest(&digest::SHA256, body).as_ref()).as_bytes()),
            Value::BodySm3 => out.extend_from_slice(hex(&Sm3::digest(body)).as_bytes()),
            Value::Timestamp => out.extend_from_slice(self.now_ms.div_euclid(1_000).to_string().as_bytes()),
            Value::TimestampMs => out.extend_from_slice(self.now_ms.to_string().as_bytes()),
            Value::DateTime => out.extend_from_slice(date_time(self.now_ms).as_bytes()),
            Value::Nonce => out.extend_from_slice(self.nonce.as_bytes()),
            Value::AppId => out.extend_from_slice(self.signing.app_id.as_bytes()),
            Value::Secret => out.extend_from_slice(&self.signing.secret),
            Value::Signature => out.extend_from_slice(self.signature.as_bytes()),
        }
    }

    /// Parameters as they are sent, those of the signature's own that do not hold it included, in the order
    /// of their names, then of their values.
    fn sorted_query(&self) -> String {
        let own = self.signing.query.iter().filter(|(_, text)| !text.holds(Value::Signature));
        let own: Vec<String> = own.map(|(name, text)| self.parameter(name, text)).collect();
        let given = self.request.query.split('&').filter(|pair| !pair.is_empty());
        let mut pairs: Vec<(&str, &str)> = given
            .chain(own.iter().map(String::as_str))
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .collect();
        pairs.sort_unstable();
        pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
    }

    fn parameter(&self, name: &str, text: &Text) -> String {
        let mut pair = format!("{name}=");
        percent_encode(&String::from_utf8_lossy(&self.fill(text)), &mut pair);
        pair
    }
}

impl Signing {
    pub(super) fn compile(spec: &AuthSpec, faults: &mut Vec<SpecFault>) -> Option<Self> {
        let (algorithm, SecretText(secret)) = spec.algorithm.zip(spec.secret.as_ref())?;
        let (canonical, put) = spec.canonical.as_deref().zip(spec.put.as_ref())?;
        let is_plain = matches!(algorithm, SigningAlgorithm::PlainSha256 | SigningAlgorithm::PlainSm3);
        let canonical = Text::compile(canonical, "canonical", |value| value != Value::Signature, faults);
        if canonical.holds(Value::Secret) != is_plain {
            let fault = "{secret} stands in the text of a plain hash, and only there";
            faults.push(SpecFault::new("canonical", fault, "canonical = \"{query_sorted}&key={secret}\""));
        }
        let may_be_put = |value| {
            !matches!(
                value,
                Value::Secret | Value::Body | Value::Query | Value::QuerySorted | Value::QuerySortedDecoded
            )
        };
        let mut headers = Vec::new();
        for (name, text) in &put.headers {
            let place = format!("put.headers.{name}");
            let text = Text::compile(text, &place, may_be_put, faults);
            let plain = |piece: &Piece| match piece {
                Piece::Plain(plain) => plain.bytes().all(|byte| (b' '..0x7f).contains(&byte)),
                Piece::Value(_) => true,
            };
            if !text.0.iter().all(plain) {
                let example = "X-Signature = \"{signature}\"";
                faults.push(SpecFault::new(&place, "a header carries one line of printable ASCII", example));
            }
            headers.extend(header_name(&place, name, faults).map(|name| (name, text)));
        }
        let mut query = Vec::new();
        for (name, text) in &put.query {
            let mut encoded = String::new();
            percent_encode(name, &mut encoded);
            query.push((encoded, Text::compile(text, &format!("put.query.{name}"), may_be_put, faults)));
        }
        let texts = || headers.iter().map(|(_, text)| text).chain(query.iter().map(|(_, text)| text));
        if !texts().any(|text| text.holds(Value::Signature)) {
            let example = "put = { headers = { X-Signature = \"{signature}\" } }";
            faults.push(SpecFault::new("put", "{signature} is put nowhere", example));
        }
        let app_id = spec.app_id.clone().unwrap_or_default();
        let wants_id = canonical.holds(Value::AppId) || texts().any(|text| text.holds(Value::AppId));
        if wants_id == app_id.is_empty() || !app_id.bytes().all(|byte| byte.is_ascii_graphic()) {
            let fault = "{app_id} and the key app_id, printable ASCII, belong together";
            faults.push(SpecFault::new("app_id", fault, "app_id = \"sluice\""));
        }
        let encoding = spec.encoding.unwrap_or_default();
        Some(Self { algorithm, secret: secret.clone().into_bytes(), app_id, encoding, canonical, headers, query })
    }

    /// Whether the body has to be known before anything is sent.
    pub(super) fn covers_body(&self) -> bool {
        let texts = self.headers.iter().map(|(_, text)| text).chain(self.query.iter().map(|(_, text)| text));
        let covers =
            |text: &Text| [Value::Body, Value::BodySha256, Value::BodySm3].into_iter().any(|at| text.holds(at));
        texts.chain([&self.canonical]).any(covers)
    }

    pub(super) fn headers(&self) -> impl Iterator<Item = &HeaderName> {
        self.headers.iter().map(|(name, _)| name)
    }

    pub(super) fn parameters(&self) -> impl Iterator<Item = &str> {
        self.query.iter().map(|(name, _)| name.as_str())
    }

    /// Signs a request at a time (Unix milliseconds); `nonce` is a text of printable ASCII that was never
    /// used before.
    pub fn sign(&self, request: Unsigned<'_>, now_ms: i64, nonce: &str) -> Signed {
        let unsigned = Filling { signing: self, request, now_ms, nonce, signature: "" };
        let signature = self.write(&self.mac(&unsigned.fill(&self.canonical)));
        let filling = Filling { signature: &signature, ..unsigned };
        let header = |(name, text): &(HeaderName, Text)| {
            let mut value = HeaderValue::from_bytes(&filling.fill(text)).ok()?;
            value.set_sensitive(true);
            Some((name.clone(), value))
        };
        let mut query = request.query.to_owned();
        for (name, text) in &self.query {
            if !query.is_empty() {
                query.push('&');
            }
            query.push_str(&filling.parameter(name, text));
        }
        Signed { headers: self.headers.iter().filter_map(header).collect(), query }
    }

    fn mac(&self, text: &[u8]) -> Vec<u8> {
        let keyed = |algorithm| aws::sign(&aws::Key::new(algorithm, &self.secret), text).as_ref().to_vec();
        match self.algorithm {
            SigningAlgorithm::Sha256 => keyed(aws::HMAC_SHA256),
            SigningAlgorithm::Sha512 => keyed(aws::HMAC_SHA512),
            SigningAlgorithm::Sha1 => keyed(aws::HMAC_SHA1_FOR_LEGACY_USE_ONLY),
            SigningAlgorithm::Sm3 => {
                // A key of any length is taken.
                let Ok(mut mac) = Hmac::<Sm3>::new_from_slice(&self.secret) else { return Vec::new() };
                mac.update(text);
                mac.finalize().into_bytes().to_vec()
            }
            SigningAlgorithm::PlainSha256 => digest::digest(&digest::SHA256, text).as_ref().to_vec(),
            SigningAlgorithm::PlainSm3 => Sm3::digest(text).to_vec(),
        }
    }

    fn write(&self, mac: &[u8]) -> String {
        match self.encoding {
            SignatureEncoding::Hex => hex(mac),
            SignatureEncoding::HexUpper => hex(mac).to_ascii_uppercase(),
            SignatureEncoding::Base64 => base64::engine::general_purpose::STANDARD.encode(mac),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}"); // a String takes everything
        text
    })
}

/// `name=value` pairs without percent-encoding, for providers that sign what they decoded.
fn decoded(query: &str) -> String {
    let pairs = form_urlencoded::parse(query.as_bytes());
    pairs.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

/// `YYYYMMDDhhmmss` in Asia/Shanghai.
fn date_time(now_ms: i64) -> String {
    let Ok(moment) = Timestamp::from_millisecond(now_ms) else { return String::new() };
    let local = Offset::constant(8).to_datetime(moment);
    let (date, time) = (local.date(), local.time());
    format!(
        "{:04}{:02}{:02}{:02}{:02}{:02}",
        date.year(),
        date.month(),
        date.day(),
        time.hour(),
        time.minute(),
        time.second()
    )
}
