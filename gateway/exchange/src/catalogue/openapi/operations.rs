//! Declared operations and sealed files in a resource's description. What the provider's bodies hold is the provider's to
//! describe; here stand paths, parameters, media types and what a call can meet.

use serde_json::{Map, Value, json};
use sluice_domain::operation::RequestPlace;
use sluice_domain::{Mode, Operation, Resource, ShareType};

use super::{parameters, problems};
use crate::catalogue::entry::{codes, operation_path};
use crate::catalogue::rights::{self, OperationRights};
use crate::catalogue::{Reading, samples};

/// The example of a parameter that names nobody.
const EXAMPLE: &str = "sample";

/// Adds every operation that the resource offers.
pub(super) fn add(reading: &Reading<'_>, resource: &Resource, paths: &mut Map<String, Value>) {
    if resource.share_type == ShareType::NotShared || !resource.modes.contains(Mode::Call) {
        return;
    }
    for rights in rights::of_operations(reading, resource) {
        let path = paths.entry(operation_path(resource, rights.operation)).or_insert_with(|| json!({}));
        if let Value::Object(methods) = path {
            methods
                .insert(rights.operation.method.as_str().to_ascii_lowercase(), described(reading, resource, &rights));
        }
    }
}

fn described(reading: &Reading<'_>, resource: &Resource, rights: &OperationRights<'_>) -> Value {
    let operation = rights.operation;
    let mut all = parameters(reading, resource, &rights.purposes());
    if let Value::Array(all) = &mut all {
        all.extend(own_parameters(resource, operation));
    }
    let (zh, en) = match operation.sealed {
        Some(_) => ("文件:逐字节返回的签章文件", "Files: sealed files, byte for byte"),
        None => ("调用:转至提供部门的系统", "Call: passed on to the department's system"),
    };
    let mut described = json!({
        "operationId": format!("call.{}", operation.id),
        "summary": reading.say(zh, en),
        "description": format!("{}{}", reading.say("返回的信息项:", "Items given out: "), codes(resource, &operation.items).join(", ")),
        "parameters": all,
        "responses": responses(reading, resource, operation),
        "x-refused-with": rights.refusal.as_ref().map(|refusal| refusal.code.as_str()),
    });
    if let (Value::Object(described), false) = (&mut described, operation.request_types.is_empty()) {
        described.insert("requestBody".to_owned(), json!({ "content": content(&operation.request_types) }));
    }
    described
}

/// Parameters of path and query, each with a value that names nobody where people stand.
fn own_parameters(resource: &Resource, operation: &Operation) -> Vec<Value> {
    let example = |place: &RequestPlace| {
        let subject = operation.request_subjects.iter().find(|subject| subject.at == *place);
        let item = subject.and_then(|subject| resource.items.get(subject.item));
        item.map_or_else(|| EXAMPLE.to_owned(), samples::text)
    };
    let parameter = |name: &str, within: &str, is_required: bool, example: String| json!({ "name": name, "in": within, "required": is_required, "schema": { "type": "string" }, "example": example });
    let in_path = operation.path.parameters().map(|name| {
        let shown = if operation.sealed.is_some() { "id" } else { name };
        parameter(shown, "path", true, example(&RequestPlace::Path(name.into())))
    });
    let in_query = operation.query.iter().map(|name| {
        let place = RequestPlace::Query(name.clone());
        let is_required = operation.request_subjects.iter().any(|subject| subject.at == place);
        parameter(name, "query", is_required, example(&place))
    });
    in_path.chain(in_query).collect()
}

/// Any body of these media types.
fn content(types: &[Box<str>]) -> Value {
    types.iter().map(|media_type| (media_type.to_string(), json!({}))).collect::<Map<_, _>>().into()
}

fn responses(reading: &Reading<'_>, resource: &Resource, operation: &Operation) -> Map<String, Value> {
    let mut responses = problems(reading, resource, Mode::Call);
    for status in operation.statuses.iter().map(u16::to_string) {
        let passed = reading.say("提供部门系统的答复,不含内容", "The department's system says so; without a body");
        let response = responses.entry(status).or_insert_with(|| json!({ "description": "" }));
        let before = response["description"].as_str().filter(|text| !text.is_empty()).map(|text| format!("{text}; "));
        response["description"] = format!("{}{passed}", before.unwrap_or_default()).into();
    }
    let mut names = vec!["Exchange-Request-Id", "Exchange-Receipt", "Exchange-As-Of"];
    if operation.sealed.is_some() {
        names.push("Repr-Digest");
    }
    let reference = |name: &str| (name.to_owned(), json!({ "$ref": format!("#/components/headers/{name}") }));
    let answer = json!({
        "description": reading.say("提供部门系统的答复", "The answer of the department's system"),
        "headers": names.into_iter().map(reference).collect::<Map<_, _>>(),
        "content": content(&operation.response_types),
    });
    responses.insert("2XX".to_owned(), answer);
    responses
}
