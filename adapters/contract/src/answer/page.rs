//! Judging an answer by its head, and turning its bytes into the text that is read.

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_RANGE, CONTENT_TYPE};
use http::{HeaderMap, StatusCode};

use super::{examine, xml};
use crate::fault::BadAnswer;
use crate::layout::{Head, Layout, Outcome};
use crate::spec::{AnswerType, Meaning};

/// One answer of a provider, as text in UTF-8 that may be read: JSON, or what is read of XML as JSON.
#[derive(Clone)]
pub struct Page {
    pub(super) text: Bytes,
    pub(super) head: Head,
}

impl std::fmt::Debug for Page {
    /// The text holds citizens' data, so only its size is shown.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Page").field("bytes", &self.text.len()).finish_non_exhaustive()
    }
}

impl Page {
    /// Length of the text in bytes.
    pub fn len(&self) -> usize {
        self.text.len()
    }

    /// Whether it holds nothing at all.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }
}

impl From<Bytes> for Page {
    /// JSON whose head passed no test.
    fn from(text: Bytes) -> Self {
        Self { text, head: Head::default() }
    }
}

/// What an answer is for the call.
#[derive(Debug, Clone)]
pub enum Received {
    /// A page to be read.
    Answer(Page),
    /// Nothing was found, known without reading records.
    NotFound,
    /// The provider does not serve just now: another try may do.
    Retryable,
    /// The provider has enough to do.
    Busy {
        /// Whole seconds until it is worth trying again.
        retry_after_s: u32,
    },
}

/// Judges an answer by its head, and by what the binding declares of errors in its body.
///
/// # Errors
/// [`BadAnswer`] for an answer that cannot be read and whose meaning nothing declares.
pub fn receive(layout: &Layout, status: StatusCode, headers: &HeaderMap, body: Bytes) -> Result<Received, BadAnswer> {
    if layout.not_found_status.contains(&status.as_u16()) {
        return Ok(Received::NotFound);
    }
    if status == StatusCode::PARTIAL_CONTENT {
        return Err(BadAnswer::ContentEncoding);
    }
    if status.is_redirection() {
        return Err(BadAnswer::Redirect);
    }
    if status.is_success() {
        let page = open(layout, status, headers, body)?;
        if layout.conditions.errors.is_empty() {
            return Ok(Received::Answer(page));
        }
        return Ok(examine(&page, layout)?.outcome.map_or(Received::Answer(page), meant));
    }
    if let Some(outcome) = declared_error(layout, status, headers, body) {
        return Ok(meant(outcome));
    }
    match status {
        // The provider says that it does not serve now: worth another try later, unlike a bad answer.
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::GATEWAY_TIMEOUT => Ok(Received::Retryable),
        _ => Err(BadAnswer::Status),
    }
}

fn meant(outcome: Outcome) -> Received {
    match outcome.means {
        Meaning::NotFound => Received::NotFound,
        Meaning::Retryable => Received::Retryable,
        Meaning::Busy => Received::Busy { retry_after_s: outcome.retry_after_s },
    }
}

/// What an answer other than 2xx means. Its body counts if it can be read like an answer.
fn declared_error(layout: &Layout, status: StatusCode, headers: &HeaderMap, body: Bytes) -> Option<Outcome> {
    if layout.conditions.errors.is_empty() {
        return None;
    }
    match open(layout, status, headers, body).and_then(|page| examine(&page, layout)) {
        Ok(examined) => examined.outcome,
        Err(_) => layout.conditions.outcome(layout.conditions.head(status, headers), &mut |_, _| false),
    }
}

fn open(layout: &Layout, status: StatusCode, headers: &HeaderMap, body: Bytes) -> Result<Page, BadAnswer> {
    if !is_whole(headers) {
        return Err(BadAnswer::ContentEncoding);
    }
    if !is_as_declared(layout, headers) {
        return Err(BadAnswer::ContentType);
    }
    let head = layout.conditions.head(status, headers);
    let text = layout.charset.decode(body)?;
    let text = match layout.answer_type {
        AnswerType::Json => text,
        AnswerType::Xml => {
            let text = std::str::from_utf8(&text).map_err(|_| BadAnswer::NotUtf8)?;
            xml::to_json(text, layout)?.into()
        }
    };
    Ok(Page { text, head })
}

/// Neither compressed nor a part.
fn is_whole(headers: &HeaderMap) -> bool {
    let encodings = headers.get_all(CONTENT_ENCODING);
    encodings.iter().all(|encoding| encoding.as_bytes().eq_ignore_ascii_case(b"identity"))
        && !headers.contains_key(CONTENT_RANGE)
}

/// One media type of the declared kind, with no charset but the declared one.
fn is_as_declared(layout: &Layout, headers: &HeaderMap) -> bool {
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let (Some(only), None) = (types.next(), types.next()) else { return false };
    let Ok(text) = only.to_str() else { return false };
    let text = text.to_ascii_lowercase();
    let mut parts = text.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default();
    let is_application = essence.starts_with("application/");
    let is_kind = match layout.answer_type {
        AnswerType::Json => essence == "application/json" || is_application && essence.ends_with("+json"),
        AnswerType::Xml => {
            matches!(essence, "application/xml" | "text/xml") || is_application && essence.ends_with("+xml")
        }
    };
    let is_charset = |parameter: &str| match parameter.split_once('=') {
        Some((name, value)) if name.trim() == "charset" => layout.charset.is_named(value.trim().trim_matches('"')),
        _ => true,
    };
    is_kind && parts.all(is_charset)
}
