//! One call of a provider's interface, compiled: what is sent and how the answer is read.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::{HeaderName, HeaderValue};
use sluice_domain::{ItemSet, Resource};

use crate::layout::Layout;
use crate::spec::{BodyType, FORBIDDEN_HEADERS, HeaderText, Method, OperationSpec, PagingSpec, SpecFault, VerifySpec};
use crate::template::{Place, Template, Vocabulary, percent_encode};

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
    /// Body and its type.
    pub body: Option<(Template, BodyType)>,
    /// How a 2xx answer is read.
    pub layout: Arc<Layout>,
    /// Statuses that mean "not found".
    pub not_found_status: Vec<u16>,
    /// How more records are reached.
    pub paging: PagingSpec,
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
        headers: &BTreeMap<String, HeaderText>,
        resource: &Resource,
    ) -> Result<Self, Vec<SpecFault>> {
        let vocabulary = Vocabulary::new(resource, |code| spec.fields.get(code).map(String::as_str));
        let mut faults = Vec::new();
        let prefix = if matches!(purport, Purport::Verdicts(_)) { "operation." } else { "" };
        let mut compile = |at: String, text: &str, place: Place| {
            let compiled = Template::compile(text, place, &vocabulary);
            compiled
                .map_err(|error| {
                    faults.push(SpecFault::new(format!("{prefix}{at}"), error.to_string()).example(example(place)));
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
        let in_body = if spec.body_type == BodyType::Json { Place::Json } else { Place::Form };
        let body =
            spec.body.as_ref().and_then(|text| Some((compile("body".to_owned(), text, in_body)?, spec.body_type)));
        let headers = all_headers(headers, &spec.headers, &vocabulary, prefix, &mut faults);
        let layout = match purport {
            Purport::Records => Layout::of_records(spec, resource),
            Purport::Verdicts(verify) => Layout::of_verdicts(verify, spec, resource),
        };
        let layout = layout.map_err(|more| faults.extend(more)).ok();
        check_statuses(spec, prefix, &mut faults);
        let (Some(path), Some(layout)) = (path, layout) else { return Err(faults) };
        let operation = Self {
            method: spec.method,
            path,
            query,
            headers,
            body,
            layout: Arc::new(layout),
            not_found_status: spec.not_found_status.clone(),
            paging: spec.paging,
        };
        if faults.is_empty() {
            operation.check_questions(purport, resource, prefix, &mut faults);
        }
        if faults.is_empty() { Ok(operation) } else { Err(faults) }
    }

    fn templates(&self) -> impl Iterator<Item = &Template> {
        let query = self.query.iter().map(|(_, template)| template);
        std::iter::once(&self.path).chain(query).chain(self.body.iter().map(|(template, _)| template))
    }

    /// Whether every question that callers may put can be put to the provider.
    fn check_questions(&self, purport: Purport<'_>, resource: &Resource, prefix: &str, faults: &mut Vec<SpecFault>) {
        let mut fault = |place: &str, fault: String, example: &str| {
            faults.push(SpecFault::new(format!("{prefix}{place}"), fault).example(example));
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
        let (limit, offset) = (self.templates().any(Template::has_limit), self.templates().any(Template::has_offset));
        match self.paging {
            PagingSpec::Offset if !(limit && offset) => fault(
                "paging",
                "{limit} and {offset} must both be sent".to_owned(),
                "query = { size = \"{limit}\", from = \"{offset}\" }",
            ),
            PagingSpec::None if offset => {
                fault(
                    "paging",
                    "{offset} is sent, so the paging style must be named".to_owned(),
                    "paging = \"offset\"",
                );
            }
            PagingSpec::Offset | PagingSpec::None => {}
        }
    }
}

fn example(place: Place) -> &'static str {
    match place {
        Place::Path => "path = \"/person/{GMSFHM}\"",
        Place::Query => "query = { id = \"{GMSFHM}\" }",
        Place::Json => "body = '{\"id\": \"{GMSFHM}\", \"rows\": {limit}}'",
        Place::Form => "body = \"id={GMSFHM}\"",
        Place::Header => "headers = { \"X-Trace\" = \"{request_id}\" }",
    }
}

fn check_statuses(spec: &OperationSpec, prefix: &str, faults: &mut Vec<SpecFault>) {
    let may_mean_absent =
        |status: u16| status == 204 || (400..500).contains(&status) && !matches!(status, 401 | 403 | 407 | 408 | 429);
    if spec.not_found_status.iter().any(|status| !may_mean_absent(*status)) {
        let fault = "only 204 and 4xx other than 401, 403, 407, 408, 429 can mean that nothing was found";
        faults.push(SpecFault::new(format!("{prefix}not_found_status"), fault).example("not_found_status = [404]"));
    }
}

/// Header faults never show a value: it may be a secret.
fn all_headers(
    shared: &BTreeMap<String, HeaderText>,
    own: &BTreeMap<String, HeaderText>,
    vocabulary: &Vocabulary<'_>,
    prefix: &str,
    faults: &mut Vec<SpecFault>,
) -> Vec<(HeaderName, Template)> {
    let mut headers: Vec<(HeaderName, Template)> = Vec::new();
    for (name, HeaderText(text)) in shared.iter().chain(own) {
        let mut fault = |fault: &str| {
            faults.push(
                SpecFault::new(format!("{prefix}headers.{name}"), fault)
                    .example("headers = { \"X-Api-Key\" = \"file:secrets/mz.key\" }"),
            );
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
