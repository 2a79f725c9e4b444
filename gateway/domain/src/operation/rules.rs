//! What a resource may declare as its operations.

use super::{FILES, Method, OPERATIONS_MAX, Operation, RequestPlace, is_json};
use crate::catalogue::{Item, Level, Resource, Semantic, ShareType};

/// A rule for each operation by itself, and what it says.
type Rule = (fn(&Operation) -> bool, &'static str);

const OF_EACH: [Rule; 8] = [
    (
        |operation| (operation.id.as_str() == FILES) == operation.sealed.is_some(),
        "the operation id \"files\" belongs to [resources.files]",
    ),
    (
        |operation| operation.sealed.is_none() || operation.path.parameters().count() == 1,
        "the path of files has exactly one parameter",
    ),
    (
        |operation| operation.method.takes_body() || operation.request_types.is_empty(),
        "only POST, PUT and PATCH take a body",
    ),
    (|operation| operation.method != Method::Get || operation.safe, "a GET is safe"),
    (
        |operation| !operation.reads_request() || only_json(&operation.request_types),
        "subjects in a request body need JSON as its only media types",
    ),
    (
        |operation| !operation.reads_response() || (operation.sealed.is_none() && only_json(&operation.response_types)),
        "subjects in an answer's body need JSON as its only media types, and no sealed file",
    ),
    (has_named_parameters, "a subject stands in a parameter that the operation does not have"),
    (
        |operation| operation.statuses.iter().all(|status| (400..500).contains(status) && !is_ours(*status)),
        "statuses are 400 to 499, without 401, 403, 407, 408 and 429",
    ),
];

/// Rules of a resource's operations that are broken.
pub(crate) fn broken_rules(resource: &Resource) -> Vec<&'static str> {
    let operations = &resource.operations;
    let pair = |is: fn(&Operation, &Operation) -> bool| {
        let later = |at: usize| operations.iter().skip(at + 1);
        operations.iter().enumerate().any(|(at, one)| later(at).any(|other| is(one, other)))
    };
    let of_all = [
        (operations.len() <= OPERATIONS_MAX, "at most 64 operations, files included"),
        (
            operations.is_empty() || resource.share_type == ShareType::Conditional,
            "operations are called only with a grant, so their resource is conditional",
        ),
        (!pair(|one, other| one.id == other.id), "two operations share an id"),
        (!pair(answers_the_same), "two operations have the same method and match the same paths"),
        (
            operations.iter().flat_map(items_of_subjects).all(|item| item < resource.items.len()),
            "a subject is of an item that does not exist",
        ),
        (
            !resource.items.iter().any(is_personal) || operations.iter().all(names_subjects),
            "it holds personal data (a person's item, or level L3 and above), so each operation declares its subjects",
        ),
    ];
    let of_each = OF_EACH.iter().map(|(holds, rule)| (operations.iter().all(holds), *rule));
    of_all.into_iter().chain(of_each).filter(|(holds, _)| !holds).map(|(_, rule)| rule).collect()
}

fn answers_the_same(one: &Operation, other: &Operation) -> bool {
    one.method == other.method && one.sealed.is_some() == other.sealed.is_some() && one.path.is_like(&other.path)
}

fn only_json(types: &[Box<str>]) -> bool {
    !types.is_empty() && types.iter().all(|known| is_json(known))
}

/// Statuses that speak about the exchange's own standing with the provider, not about the caller's request.
fn is_ours(status: u16) -> bool {
    matches!(status, 401 | 403 | 407 | 408 | 429)
}

fn has_named_parameters(operation: &Operation) -> bool {
    operation.request_subjects.iter().all(|subject| match &subject.at {
        RequestPlace::Path(name) => operation.path.parameters().any(|known| *known == **name),
        RequestPlace::Query(name) => operation.query.contains(name),
        RequestPlace::Body(_) => true,
    })
}

fn items_of_subjects(operation: &Operation) -> impl Iterator<Item = usize> {
    let request = operation.request_subjects.iter().map(|subject| subject.item);
    request.chain(operation.response_subjects.iter().map(|subject| subject.item))
}

fn names_subjects(operation: &Operation) -> bool {
    !(operation.request_subjects.is_empty() && operation.response_subjects.is_empty())
}

/// Whether an item says something about a person: by its meaning, or because its level is so high that it must be
/// taken for it (L3 and above).
fn is_personal(item: &Item) -> bool {
    match item.semantic {
        Some(
            Semantic::PersonName
            | Semantic::CnId18
            | Semantic::Mobile
            | Semantic::Landline
            | Semantic::BankCard
            | Semantic::Address
            | Semantic::BirthDate
            | Semantic::Plate
            | Semantic::Email
            | Semantic::CertificateNumber,
        ) => true,
        Some(Semantic::Uscc | Semantic::Money | Semantic::MatchCode | Semantic::SealedFile) | None => {
            item.level >= Level::L3
        }
    }
}
