//! Building the provider's request from the binding's templates.

use bytes::Bytes;
use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method as HttpMethod, Request, Uri};
use sluice_contract::operation::Operation;
use sluice_contract::paging::Turn;
use sluice_contract::spec::Method;
use sluice_contract::template::Unfilled;
use sluice_contract::{Ask, BadAnswer};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const DEPARTMENT: HeaderName = HeaderName::from_static("x-exchange-department");
const RESOURCE: HeaderName = HeaderName::from_static("x-exchange-resource");

/// Fills an operation's templates for one page of a question.
///
/// # Errors
/// `NotAskable` when a value cannot stand safely where the operation puts it.
pub(crate) fn build(
    operation: &Operation,
    base_path: &str,
    ask: &Ask<'_>,
    turn: &Turn<'_>,
) -> Result<Request<Bytes>, BadAnswer> {
    let target: Uri = target(operation, base_path, ask, turn)?.try_into().map_err(|_| BadAnswer::NotAskable)?;
    let mut headers = HeaderMap::with_capacity(operation.headers.len() + 6);
    for (name, template) in &operation.headers {
        let mut text = String::new();
        template.fill(ask, turn, &mut text).map_err(|_| BadAnswer::NotAskable)?;
        headers.insert(name, value(&text)?);
    }
    headers.insert(ACCEPT, operation.accept.clone());
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    introduce(&mut headers, ask)?;
    let mut request = Request::new(Bytes::new());
    if let Some(filled) = operation.body(ask, turn) {
        let (body, media_type) = filled.map_err(|_| BadAnswer::NotAskable)?;
        headers.insert(CONTENT_TYPE, media_type);
        *request.body_mut() = body;
    }
    *request.method_mut() = match operation.method {
        Method::Get => HttpMethod::GET,
        Method::Post => HttpMethod::POST,
    };
    *request.uri_mut() = target;
    *request.headers_mut() = headers;
    Ok(request)
}

/// The exchange's word on who asks for what.
///
/// # Errors
/// `NotAskable` when a header cannot carry it.
pub(crate) fn introduce(headers: &mut HeaderMap, ask: &Ask<'_>) -> Result<(), BadAnswer> {
    headers.insert(REQUEST_ID, value(ask.request_id)?);
    headers.insert(DEPARTMENT, value(ask.caller)?);
    headers.insert(RESOURCE, value(ask.resource.code.as_str())?);
    Ok(())
}

fn target(operation: &Operation, base_path: &str, ask: &Ask<'_>, turn: &Turn<'_>) -> Result<String, BadAnswer> {
    let mut target = String::with_capacity(base_path.len() + 64);
    target.push_str(base_path);
    operation.path.fill(ask, turn, &mut target).map_err(|_| BadAnswer::NotAskable)?;
    let mut separator = '?';
    for (name, template) in &operation.query {
        let before = target.len();
        target.push(separator);
        target.push_str(name);
        target.push('=');
        match template.fill(ask, turn, &mut target) {
            Ok(()) => separator = '&',
            Err(Unfilled::Absent) => target.truncate(before),
            Err(Unfilled::Unsafe) => return Err(BadAnswer::NotAskable),
        }
    }
    Ok(target)
}

fn value(text: &str) -> Result<HeaderValue, BadAnswer> {
    HeaderValue::from_str(text).map_err(|_| BadAnswer::NotAskable)
}
