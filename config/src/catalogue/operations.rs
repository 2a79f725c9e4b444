//! Operations of docked systems, and their sealed files: what the mode `call` may reach, compiled from its written form.

mod entries;

use sluice_contract::pointer;
use sluice_domain::ids::OperationId;
use sluice_domain::items::ItemSet;
use sluice_domain::operation::{
    CallBounds, DigestHeader, FILES, Method, Operation, PathTemplate, Pointer, RequestPlace, ResponsePlace, Sealed,
    SubjectAt, Token,
};

use crate::catalogue::file::{ItemEntry, ResourceEntry};
use crate::catalogue::places::{Findings, Place};
use crate::catalogue::resources::item_set;
use crate::fault::meant;

pub use entries::{DigestEntry, FilesEntry, OperationEntry, SubjectEntry, SubjectsEntry, TimesEntry};

/// No body is larger than this, whatever is declared.
const BYTES_MAX: u64 = 16 * 1024 * 1024 * 1024;
/// One hour: no connection is kept longer.
const TOTAL_MS_MAX: u32 = 3_600_000;

/// The operations of an entry, sealed files last.
pub(crate) fn operations(entry: &ResourceEntry, at: &Place, findings: &mut Findings<'_, '_>) -> Option<Vec<Operation>> {
    let mut valid = Vec::new();
    let mut is_complete = true;
    for (nth, declared) in entry.operations.iter().enumerate() {
        let compiled = operation(declared, &entry.items, &at.below(format_args!("operations.{nth}")), findings);
        is_complete &= compiled.is_some();
        valid.extend(compiled);
    }
    if let Some(declared) = &entry.files {
        let compiled = files(declared, &entry.items, &at.below("files"), findings);
        is_complete &= compiled.is_some();
        valid.extend(compiled);
    }
    is_complete.then_some(valid)
}

fn operation(
    entry: &OperationEntry,
    items: &[ItemEntry],
    at: &Place,
    findings: &mut Findings<'_, '_>,
) -> Option<Operation> {
    let common = Common {
        path: &entry.path,
        items: &entry.items,
        subjects: &entry.subjects,
        times: entry.times,
        bytes_max: (entry.request_bytes_max, entry.response_bytes_max),
    };
    let id = findings.identifier(OperationId::new(&entry.id), &at.below("id"));
    let (path, set, subjects, bounds) = common.compile(items, at, findings);
    let request_types = media_types(&entry.request_types, "request_types", at, findings);
    let response_types = media_types(&entry.response_types, "response_types", at, findings);
    let query = parameters(&entry.query, at, findings);
    let (request_subjects, response_subjects) = subjects?;
    Some(Operation {
        id: id?,
        method: entry.method,
        path: path?,
        query: query?,
        request_types: request_types?,
        response_types: response_types?,
        items: set?,
        request_subjects,
        response_subjects,
        safe: entry.safe.unwrap_or(entry.method == Method::Get),
        statuses: entry.statuses.clone(),
        bounds: bounds?,
        sealed: None,
    })
}

fn files(entry: &FilesEntry, items: &[ItemEntry], at: &Place, findings: &mut Findings<'_, '_>) -> Option<Operation> {
    let common = Common {
        path: &entry.path,
        items: &entry.items,
        subjects: &entry.subjects,
        times: entry.times,
        bytes_max: (0, entry.bytes_max),
    };
    let (path, set, subjects, bounds) = common.compile(items, at, findings);
    let types = media_types(&entry.types, "types", at, findings);
    let digest = entry.digest.as_ref().map(|digest| {
        header(&digest.header, &at.below("digest.header"), findings)
            .map(|header| DigestHeader { header, algorithm: digest.algorithm })
    });
    let digest = match digest {
        None => None,
        Some(compiled) => Some(compiled?),
    };
    let (request_subjects, response_subjects) = subjects?;
    Some(Operation {
        id: findings.identifier(OperationId::new(FILES), at)?,
        method: Method::Get,
        path: path?,
        query: Vec::new(),
        request_types: Vec::new(),
        response_types: types?,
        items: set?,
        request_subjects,
        response_subjects,
        safe: true,
        statuses: entry.statuses.clone(),
        bounds: bounds?,
        sealed: Some(Sealed { digest }),
    })
}

/// What operations and files have in common.
struct Common<'e> {
    path: &'e str,
    items: &'e [String],
    subjects: &'e SubjectsEntry,
    times: TimesEntry,
    /// Of request and answer.
    bytes_max: (u64, u64),
}

type Subjects = (Vec<SubjectAt<RequestPlace>>, Vec<SubjectAt<ResponsePlace>>);

impl Common<'_> {
    fn compile(
        &self,
        items: &[ItemEntry],
        at: &Place,
        findings: &mut Findings<'_, '_>,
    ) -> (Option<PathTemplate>, Option<ItemSet>, Option<Subjects>, Option<CallBounds>) {
        let path = PathTemplate::parse(self.path);
        let path = path.map_err(|error| {
            let hint = Some(String::from("example: path = \"/orders/{id}\""));
            findings.fault(&at.below("path"), format!("\"path\": {error}"), hint);
        });
        let set = item_set(self.items, items, &at.below("items"), findings);
        if self.items.is_empty() {
            findings.fault(&at.below("items"), "\"items\": say which items it may give out", None);
        }
        let request = places(&self.subjects.request, items, &at.below("subjects.request"), findings, request_place);
        let response = places(&self.subjects.response, items, &at.below("subjects.response"), findings, response_place);
        (path.ok(), set, request.zip(response), self.bounds(at, findings))
    }

    fn bounds(&self, at: &Place, findings: &mut Findings<'_, '_>) -> Option<CallBounds> {
        let times = self.times;
        let total_ms = times.total_ms;
        let mut is_within = true;
        for (key, value, most) in [
            ("times.total_ms", u64::from(total_ms), u64::from(TOTAL_MS_MAX)),
            ("times.first_byte_ms", times.first_byte_ms.into(), total_ms.into()),
            ("times.idle_ms", times.idle_ms.into(), total_ms.into()),
            ("request_bytes_max", self.bytes_max.0.max(1), BYTES_MAX),
            ("response_bytes_max", self.bytes_max.1, BYTES_MAX),
        ] {
            if !(1..=most).contains(&value) {
                is_within = false;
                findings.fault(&at.below(key), format!("\"{key}\": {value} is not between 1 and {most}"), None);
            }
        }
        is_within.then_some(CallBounds {
            request_bytes_max: self.bytes_max.0,
            response_bytes_max: self.bytes_max.1,
            first_byte_ms: times.first_byte_ms,
            idle_ms: times.idle_ms,
            total_ms,
        })
    }
}

fn places<P>(
    entries: &[SubjectEntry],
    items: &[ItemEntry],
    at: &Place,
    findings: &mut Findings<'_, '_>,
    read: fn(&str) -> Result<P, String>,
) -> Option<Vec<SubjectAt<P>>> {
    let before = findings.faults.len();
    let mut valid = Vec::new();
    for (nth, entry) in entries.iter().enumerate() {
        let place = at.below(nth);
        let item = items.iter().position(|item| item.code == entry.item);
        match item.and_then(|item| items.get(item).map(|entry| (item, entry))) {
            None => findings.fault(
                &place.below("item"),
                format!("there is no item \"{}\" in this resource", entry.item),
                meant(&entry.item, items.iter().map(|item| item.code.as_str())),
            ),
            Some((_, item)) if sluice_domain::subject::SubjectType::of(item.semantic).is_none() => findings.fault(
                &place.below("item"),
                format!("item \"{}\" names no person: its semantic is none that identifies someone", entry.item),
                Some(String::from("cn_id18, mobile, landline, bank_card or certificate_number")),
            ),
            Some((item, _)) => match read(&entry.at) {
                Ok(at) => valid.push(SubjectAt { at, item }),
                Err(fault) => findings.fault(&place.below("at"), format!("\"at\": {fault}"), None),
            },
        }
    }
    (findings.faults.len() == before).then_some(valid)
}

fn request_place(text: &str) -> Result<RequestPlace, String> {
    match text.split_once(':') {
        Some(("path", name)) => Ok(RequestPlace::Path(name.into())),
        Some(("query", name)) => Ok(RequestPlace::Query(name.into())),
        _ => pointer_of(text, "path:NAME, query:NAME or a JSON pointer").map(RequestPlace::Body),
    }
}

fn response_place(text: &str) -> Result<ResponsePlace, String> {
    match text.split_once(':') {
        Some(("header", name)) if is_header(name) => Ok(ResponsePlace::Header(name.to_ascii_lowercase().into())),
        _ => pointer_of(text, "header:NAME or a JSON pointer").map(ResponsePlace::Body),
    }
}

fn pointer_of(text: &str, expected: &str) -> Result<Pointer, String> {
    if !text.starts_with('/') {
        return Err(format!("expected {expected}"));
    }
    let tokens = pointer::tokens(text).map_err(|error| error.to_string())?;
    let token = |name: String| if name == "*" { Token::Each } else { Token::Member(name.into()) };
    Ok(tokens.into_iter().map(token).collect())
}

fn media_types(texts: &[String], key: &str, at: &Place, findings: &mut Findings<'_, '_>) -> Option<Vec<Box<str>>> {
    let is_token = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&^_.+-".contains(&byte))
    };
    let is_type = |text: &String| text.split_once('/').is_some_and(|(kind, sub)| is_token(kind) && is_token(sub));
    let mut is_complete = true;
    for (nth, _) in texts.iter().enumerate().filter(|(_, text)| !is_type(text)) {
        is_complete = false;
        let hint = Some(format!("example: {key} = [\"application/json\"]"));
        findings.fault(&at.below(format_args!("{key}.{nth}")), "a media type without parameters is expected", hint);
    }
    is_complete.then(|| texts.iter().map(|text| text.to_ascii_lowercase().into()).collect())
}

/// Names are compared byte for byte with what callers send, so they are plain.
fn parameters(names: &[String], at: &Place, findings: &mut Findings<'_, '_>) -> Option<Vec<Box<str>>> {
    let is_plain = |name: &String| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
    };
    let mut is_complete = true;
    for (nth, _) in names.iter().enumerate().filter(|(_, name)| !is_plain(name)) {
        is_complete = false;
        findings.fault(
            &at.below(format_args!("query.{nth}")),
            "a query parameter's name is made of letters, digits and -._~",
            Some(String::from("example: query = [\"year\"]")),
        );
    }
    is_complete.then(|| names.iter().map(|name| name.as_str().into()).collect())
}

fn header(name: &str, at: &Place, findings: &mut Findings<'_, '_>) -> Option<Box<str>> {
    if !is_header(name) {
        findings.fault(at, "not a header name", Some(String::from("example: header = \"X-File-SHA256\"")));
        return None;
    }
    Some(name.to_ascii_lowercase().into())
}

fn is_header(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}
