//! The people whom a call concerns, found where the operation declares them: they are recorded before anything leaves.

use http::HeaderMap;
use sluice_contract::BadAnswer;
use sluice_domain::operation::{Operation, Pointer, RequestPlace, ResponsePlace, Token};
use sluice_domain::{Code, Fact, Fault, Refusal, Resource};

use super::pointed::{self, Refused, Unreadable};
use super::target::{Target, decoded};
use crate::ask::{Values, normalised};

/// Longest identifier in an answer in bytes; longer texts are no identifiers.
const IDENTIFIER_BYTES_MAX: usize = 256;

/// People in a request: in its path, its query and, if it was read, its body.
///
/// # Errors
/// `request.malformed` or `request.schema` with the place; never with what was sent.
pub(super) fn named(
    resource: &Resource,
    operation: &Operation,
    target: &Target<'_>,
    body: Option<&[u8]>,
) -> Result<Values, Refusal> {
    let mut pointers: Vec<(&Pointer, usize)> = Vec::new();
    let mut values: Values = Vec::new();
    for subject in &operation.request_subjects {
        match &subject.at {
            RequestPlace::Body(pointer) => pointers.push((pointer, subject.item)),
            RequestPlace::Path(name) => {
                let raw = operation.path.value(name, &target.path).and_then(decoded);
                values.push((subject.item, checked(resource, subject.item, "path", raw)?));
            }
            RequestPlace::Query(name) => {
                let raw = target.query.iter().find(|(known, _)| **known == **name);
                let raw = raw.and_then(|(_, raw)| decoded(&raw.replace('+', " ")));
                values.push((subject.item, checked(resource, subject.item, "query", raw)?));
            }
        }
    }
    let Some(body) = body else { return Ok(values) };
    let found = pointed::values(body, &pointers).map_err(|Refused { fault, .. }| match fault {
        Unreadable::NotUtf8 => Refusal::fault(Code::RequestMalformed, Fault::NotUtf8),
        Unreadable::NotJson => Refusal::fault(Code::RequestMalformed, Fault::NotJson),
        Unreadable::Missing => schema(Fault::MissingMember, "body"),
        Unreadable::NotText => schema(Fault::NotText, "body"),
        Unreadable::Repeated => schema(Fault::DuplicateMember, "body"),
    })?;
    for (item, value) in found {
        values.push((item, checked(resource, item, "body", Some(value))?));
    }
    Ok(values)
}

fn checked(resource: &Resource, item: usize, place: &'static str, value: Option<String>) -> Result<String, Refusal> {
    let item = resource.items.get(item).ok_or(Code::ExchangeInternal)?;
    let refuse = |fault| schema(fault, place).with(Fact::Items(item.code.to_string()));
    normalised(item, &value.ok_or_else(|| refuse(Fault::MissingMember))?).map_err(refuse)
}

fn schema(fault: Fault, place: &'static str) -> Refusal {
    Refusal::fault(Code::RequestSchema, fault).with(Fact::Member(place))
}

/// An answer without a person where the operation declares one.
pub(super) struct Misplaced {
    pub(super) bad: BadAnswer,
    /// The declared place: `header:NAME` or a pointer; `None` where the answer cannot be read at all.
    pub(super) place: Option<String>,
}

/// People in the headers of an answer.
///
/// # Errors
/// When a declared header is not there once, or is no identifier.
pub(super) fn in_headers(resource: &Resource, operation: &Operation, headers: &HeaderMap) -> Result<Values, Misplaced> {
    let declared = operation.response_subjects.iter().filter_map(|subject| match &subject.at {
        ResponsePlace::Header(name) => Some((&**name, subject.item)),
        ResponsePlace::Body(_) => None,
    });
    let read = |(name, item): (&str, usize)| {
        let mut lines = headers.get_all(name).iter();
        let (Some(only), None) = (lines.next(), lines.next()) else { return Err(BadAnswer::SubjectMissing) };
        let known = resource.items.get(item).ok_or(BadAnswer::SubjectMissing)?;
        let value = normalised(known, only.to_str().map_err(|_| BadAnswer::NotText)?);
        Ok((item, value.map_err(|_| BadAnswer::SubjectMissing)?))
    };
    let misplaced = |name: &str, bad| Misplaced { bad, place: Some(format!("header:{name}")) };
    declared.map(|(name, item)| read((name, item)).map_err(|bad| misplaced(name, bad))).collect()
}

/// People in the body of an answer.
///
/// # Errors
/// When the body is not one JSON document with a text, or null, at every declared place.
pub(super) fn in_answer(operation: &Operation, body: &[u8]) -> Result<Values, Misplaced> {
    let pointers: Vec<(&Pointer, usize)> = operation
        .response_subjects
        .iter()
        .filter_map(|subject| match &subject.at {
            ResponsePlace::Body(pointer) => Some((pointer, subject.item)),
            ResponsePlace::Header(_) => None,
        })
        .collect();
    let misplaced = |bad, at: Option<usize>| {
        let pointer = at.and_then(|at| pointers.iter().find(|(_, item)| *item == at));
        Misplaced { bad, place: pointer.map(|(pointer, _)| written(pointer)) }
    };
    let found = pointed::values(body, &pointers).map_err(|Refused { fault, at }| {
        let bad = match fault {
            Unreadable::NotUtf8 => BadAnswer::NotUtf8,
            Unreadable::NotJson => BadAnswer::NotJson,
            Unreadable::Missing => BadAnswer::SubjectMissing,
            Unreadable::NotText => BadAnswer::NotText,
            Unreadable::Repeated => BadAnswer::DuplicateMember,
        };
        misplaced(bad, at)
    })?;
    match found.iter().find(|(_, value)| value.len() > IDENTIFIER_BYTES_MAX) {
        Some((item, _)) => Err(misplaced(BadAnswer::NotText, Some(*item))),
        None => Ok(found),
    }
}

/// A pointer as it is declared.
fn written(pointer: &Pointer) -> String {
    pointer.iter().fold(String::new(), |text, token| match token {
        Token::Member(name) => text + "/" + &name.replace('~', "~0").replace('/', "~1"),
        Token::Each => text + "/*",
    })
}
