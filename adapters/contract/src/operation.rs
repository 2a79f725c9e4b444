//! One call of a provider's interface, compiled: what is sent and how the answer is read.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use sluice_domain::{ItemSet, Resource};

use crate::adapter::Ask;
use crate::layout::Layout;
use crate::paging::{Paging, Turn};
use crate::spec::{
    AnswerType, BodyType, Charset, FORBIDDEN_HEADERS, Method, OperationSpec, PagingStyle, SecretText, SpecFault,
    VerifySpec,
};
use crate::template::{Place, Template, Unfilled, Vocabulary, percent_encode};

/// A compiled operation.
pub struct Operation {
    /// HTTP method.
    pub method: Method,
    /// Path below the base URL.
    pub path: Template,
    /// Percent-encoded names and values of query parameters.
    pub query: Vec<(String, Template)>,
    /// Headers of the binding and of the operation.
    pub headers: Vec<(HeaderName, Template)>,
    body: Option<(Template, BodyType)>,
    charset: Charset,
    /// Value of `Accept`.
    pub accept: HeaderValue,
    /// How an answer is read.
    pub layout: Arc<Layout>,
    /// How more records are reached.
    pub paging: Paging,
}

/// What an operation answers with.
#[derive(Clone, Copy)]
pub enum Purport<'s> {
    /// Records.
    Records,
    /// Verdicts, read as the verification declares.
    Verdicts(&'s VerifySpec),
}

impl Operation {
    /// Compiles; `headers` are the binding's own, sent with every operation.
    ///
    /// # Errors
    /// Every fault, with places relative to the operation (or to the verification, for its verdicts).
    pub fn compile(
        spec: &OperationSpec,
        purport: Purport<'_>,
        headers: &BTreeMap<String, SecretText>,
        resource: &Resource,
    ) -> Result<Self, Vec<SpecFault>> {
        let charset = spec.request_charset.unwrap_or(spec.charset);
        let names = Vocabulary::new(resource, |code| spec.fields.get(code).map(String::as_str));
        let vocabulary = names.sent_in(charset);
        let mut faults = Vec::new();
        let prefix = if matches!(purport, Purport::Verdicts(_)) { "operation." } else { "" };
        let mut compile = |at: String, text: &str, place: Place| {
            let compiled = Template::compile(text, place, &vocabulary);
            compiled
                .map_err(|error| {
                    faults.push(SpecFault::new(format!("{prefix}{at}"), error.to_string(), example(place)));
                })
                .ok()
        };
        let path = compile("path".to_owned(), &spec.path, Place::Path);
        let query: Vec<_> = spec
            .query
            .iter()
            .filter_map(|(name, text)| {
                let mut encoded = String::new();
                percent_encode(name, &mut encoded);
                Some((encoded, compile(format!("query.{name}"), text, Place::Query)?))
            })
            .collect();
        let in_body = match spec.body_type {
            BodyType::Json => Place::Json,
            BodyType::Form => Place::Form,
            BodyType::Xml => Place::Xml,
        };
        let body =
            spec.body.as_ref().and_then(|text| Some((compile("body".to_owned(), text, in_body)?, spec.body_type)));
        let headers = all_headers(headers, &spec.headers, &vocabulary, prefix, &mut faults);
        let layout = match purport {
            Purport::Records => Layout::of_records(spec, resource),
            Purport::Verdicts(verify) => Layout::of_verdicts(verify, spec, resource),
        };
        let layout = layout.map_err(|more| faults.extend(more)).ok();
        check_statuses(spec, prefix, &mut faults);
        let mut more = Vec::new();
        let paging = Paging::compile(&spec.paging, &mut more);
        faults.extend(more.into_iter().map(|fault| SpecFault { place: format!("{prefix}{}", fault.place), ..fault }));
        let (Some(path), Some(layout)) = (path, layout) else { return Err(faults) };
        let accept = match spec.answer_type {
            AnswerType::Json => HeaderValue::from_static("application/json"),
            AnswerType::Xml => HeaderValue::from_static("application/xml, text/xml"),
        };
        let layout = Arc::new(layout);
        let operation = Self { method: spec.method, path, query, headers, body, charset, accept, layout, paging };
        if faults.is_empty() {
            operation.check_questions(purport, resource, prefix, &mut faults);
            operation.check_paging(spec, prefix, &mut faults);
        }
        if faults.is_empty() { Ok(operation) } else { Err(faults) }
    }

    /// The body to send and its media type, filled for one page of a question.
    ///
    /// # Errors
    /// [`Unfilled`] when a value cannot stand in it, or has characters that the provider's encoding lacks.
    pub fn body(&self, ask: &Ask<'_>, turn: &Turn<'_>) -> Option<Result<(Bytes, HeaderValue), Unfilled>> {
        let (template, body_type) = self.body.as_ref()?;
        let fill = || {
            let mut text = String::new();
            template.fill(ask, turn, &mut text)?;
            let essence = match body_type {
                BodyType::Json => "application/json",
                BodyType::Form => "application/x-www-form-urlencoded",
                BodyType::Xml => "application/xml",
            };
            let media_type = format!("{essence}{}", self.charset.parameter());
            let bytes = match self.charset {
                Charset::Utf8 => text.into_bytes(),
                charset => charset.encode(&text).ok_or(Unfilled::Unsafe)?.into_owned(),
            };
            Ok((bytes.into(), HeaderValue::try_from(media_type).map_err(|_| Unfilled::Unsafe)?))
        };
        Some(fill())
    }

    fn templates(&self) -> impl Iterator<Item = &Template> {
        let query = self.query.iter().map(|(_, template)| template);
        std::iter::once(&self.path).chain(query).chain(self.body.iter().map(|(template, _)| template))
    }

    /// Whether every question that callers may put can be put to the provider.
    fn check_questions(&self, purport: Purport<'_>, resource: &Resource, prefix: &str, faults: &mut Vec<SpecFault>) {
        let mut fault = |place: &str, fault: String, example: &str| {
            faults.push(SpecFault::new(format!("{prefix}{place}"), fault, example));
        };
        if self.method == Method::Get && self.body.is_some() {
            fault("body", "a GET has no body".to_owned(), "method = \"POST\"");
        }
        let all = |of: fn(&Template) -> ItemSet| {
            self.templates().fold(ItemSet::EMPTY, |sum, template| sum.union(&of(template)))
        };
        let (sent, claims) = (all(Template::keys), all(Template::claims));
        let body = self.body.as_ref().map_or(ItemSet::EMPTY, |(template, _)| template.named_keys());
        let needed = self.path.named_keys().union(&body);
        for set in &resource.key_sets {
            let unsent = set.difference(&sent);
            if !unsent.is_empty() {
                let codes = resource.codes_of(&unsent);
                fault(
                    "path",
                    format!("key {codes} is not sent, so the provider would answer with others"),
                    "query = { id = \"{GMSFHM}\" }",
                );
            }
            let absent = needed.difference(set);
            if !absent.is_empty() {
                let codes = resource.codes_of(&absent);
                fault(
                    "body",
                    format!("{codes} is not in every key set: path and body need it"),
                    "body = '{\"filter\": {key.*}}', or a query parameter",
                );
            }
        }
        if let Purport::Verdicts(verify) = purport {
            let results = verify
                .results
                .keys()
                .filter_map(|code| resource.item(code.as_str()))
                .map(|(at, _)| at)
                .collect::<ItemSet>();
            let unsent = results.difference(&claims);
            if !unsent.is_empty() {
                let codes = resource.codes_of(&unsent);
                fault("body", format!("the claimed {codes} is not sent"), "body = '{\"XM\": \"{claim.XM}\"}'");
            }
        } else if !claims.is_empty() {
            fault("body", "claims are sent only to a provider that compares".to_owned(), "comparison = \"provider\"");
        }
    }

    /// Whether the page is asked for in the declared way, and in no other.
    fn check_paging(&self, spec: &OperationSpec, prefix: &str, faults: &mut Vec<SpecFault>) {
        let names = |name| self.templates().any(|template| template.names(name));
        let style = self.paging.style;
        let mut fault = |fault: &str, example: &str| {
            faults.push(SpecFault::new(format!("{prefix}paging"), fault, example));
        };
        match style {
            PagingStyle::Offset if !(names("limit") && names("offset")) => {
                fault("{limit} and {offset} must both be sent", "query = { size = \"{limit}\", from = \"{offset}\" }");
            }
            PagingStyle::Page if !names("page") => {
                fault("{page} must be sent", "query = { page = \"{page}\", size = \"{page_size}\" }");
            }
            PagingStyle::Page if !(names("page_size") || names("limit") || spec.paging.size_max.is_some()) => {
                let example = "paging = { style = \"page\", size_max = 100 }";
                fault("the size of pages must be sent or declared", example);
            }
            PagingStyle::Cursor if !names("cursor") => {
                fault("{cursor} must be sent", "query = { cursor = \"{cursor}\", size = \"{limit}\" }");
            }
            _ => {}
        }
        for (name, its_style, example) in [
            ("offset", PagingStyle::Offset, "paging = \"offset\""),
            ("page", PagingStyle::Page, "paging = { style = \"page\", first = 1, size_max = 100 }"),
            ("cursor", PagingStyle::Cursor, "paging = { style = \"cursor\", next = \"/data/next\" }"),
        ] {
            // Some providers count pages by records.
            if names(name) && style != its_style && !(name == "offset" && style == PagingStyle::Page) {
                fault(&format!("{{{name}}} is sent, so the paging style must be named"), example);
            }
        }
        if spec.single_record && style != PagingStyle::None {
            fault("a single record has no pages", "paging = \"none\"");
        }
    }
}

/// Compiles the binding's own headers, for calls that no declared template builds.
///
/// # Errors
/// Every fault of a header.
pub fn shared_headers(
    headers: &BTreeMap<String, SecretText>,
    resource: &Resource,
) -> Result<Vec<(HeaderName, Template)>, Vec<SpecFault>> {
    let mut faults = Vec::new();
    let vocabulary = Vocabulary::new(resource, |_| None);
    let compiled = all_headers(headers, &BTreeMap::new(), &vocabulary, "", &mut faults);
    if faults.is_empty() { Ok(compiled) } else { Err(faults) }
}

fn example(place: Place) -> &'static str {
    match place {
        Place::Path => "path = \"/person/{GMSFHM}\"",
        Place::Query => "query = { id = \"{GMSFHM}\" }",
        Place::Json => "body = '{\"id\": \"{GMSFHM}\", \"rows\": {limit}}'",
        Place::Form => "body = \"id={GMSFHM}\"",
        Place::Xml => "body = '<ask><id>{GMSFHM}</id></ask>'",
        Place::Header => "headers = { \"X-Trace\" = \"{request_id}\" }",
    }
}

fn check_statuses(spec: &OperationSpec, prefix: &str, faults: &mut Vec<SpecFault>) {
    let may_mean_absent =
        |status: u16| status == 204 || (400..500).contains(&status) && !matches!(status, 401 | 403 | 407 | 408 | 429);
    if spec.not_found_status.iter().any(|status| !may_mean_absent(*status)) {
        let fault = "only 204 and 4xx other than 401, 403, 407, 408, 429 can mean that nothing was found";
        faults.push(SpecFault::new(format!("{prefix}not_found_status"), fault, "not_found_status = [404]"));
    }
}

/// Header faults never show a value: it may be a secret.
fn all_headers(
    shared: &BTreeMap<String, SecretText>,
    own: &BTreeMap<String, SecretText>,
    vocabulary: &Vocabulary<'_>,
    prefix: &str,
    faults: &mut Vec<SpecFault>,
) -> Vec<(HeaderName, Template)> {
    let mut headers: Vec<(HeaderName, Template)> = Vec::new();
    for (name, SecretText(text)) in shared.iter().chain(own) {
        let mut fault = |fault: &str| {
            let example = "headers = { \"X-Api-Key\" = \"file:secrets/mz.key\" }";
            faults.push(SpecFault::new(format!("{prefix}headers.{name}"), fault, example));
        };
        let Ok(parsed) = HeaderName::try_from(name.as_str()) else {
            fault("not a header name");
            continue;
        };
        if FORBIDDEN_HEADERS.contains(&parsed.as_str()) {
            fault("the exchange sets this header itself");
        } else if headers.iter().any(|(other, _)| *other == parsed) {
            fault("the header is set twice");
        } else if HeaderValue::try_from(text.as_str()).is_err() || !text.is_ascii() {
            fault("the value has characters that a header cannot carry");
        } else {
            match Template::compile(text, Place::Header, vocabulary) {
                Ok(template) => headers.push((parsed, template)),
                Err(_) => fault("only {request_id} and {caller} may stand in braces in a header value"),
            }
        }
    }
    headers
}
