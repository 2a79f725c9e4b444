//! A resource's callable interface as OpenAPI 3.1, for the party that asks: the modes that it offers,
//! with the items, purposes and key sets that this party's calls may name, the refusals that they can
//! meet, and examples that work when they are sent. Made from the snapshot, so it is never out of date.

mod examples;
mod operations;
mod schema;

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use sluice_domain::{Code, Mode, Party, PurposeIx, Resource, ResourceIx, ShareType};

use super::entry::{next_step, path, purpose_codes};
use super::rights::{self, ModeRights};
use super::{Access, Reading};

/// The document; `None` for an index of another snapshot.
pub(crate) fn document(reading: &Reading<'_>, ix: ResourceIx, public_url: &str) -> Option<Value> {
    let resource = reading.policy.resource(ix)?;
    let rights = rights::of(reading, ix);
    let access = Access::of(reading.policy, reading.caller.party, ix, reading.today);
    let callable = rights.iter().filter(|rights| is_offered(resource, rights.mode));
    let mut paths: Map<String, Value> = callable
        .map(|rights| (path(resource, rights.mode), json!({ "post": operation(reading, resource, rights) })))
        .collect();
    operations::add(reading, resource, &mut paths);
    let provider: Option<&Party> = reading.policy.party(resource.provider);
    let next = next_step(reading, resource, access, &rights);
    let description = [resource.r#abstract.as_str(), &resource.use_requirements, &next];
    Some(json!({
        "openapi": "3.1.0",
        "info": {
            "title": format!("{} {}", resource.code, resource.name),
            "version": resource.version.to_string(),
            "description": description.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n\n"),
            "contact": { "name": provider.map(|party| party.name.as_str()) },
        },
        "servers": [{ "url": public_url }],
        "security": [{ "certificate": [], "token": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": security(reading),
            "schemas": { "Problem": schema::problem() },
            "headers": response_headers(reading),
        },
    }))
}

/// Modes with one path and one form; operations are described one by one.
fn is_offered(resource: &Resource, mode: Mode) -> bool {
    let has_path = matches!(mode, Mode::Verify | Mode::Query);
    has_path && resource.share_type != ShareType::NotShared && resource.modes.contains(mode)
}

fn security(reading: &Reading<'_>) -> Value {
    json!({
        "certificate": {
            "type": "mutualTLS",
            "description": reading.say(
                "登记系统的客户端证书",
                "Client certificate of a registered system",
            ),
        },
        "token": {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": reading.say(
                "由 POST /v1/token(grant_type=client_credentials)取得,绑定于客户端证书",
                "From POST /v1/token (grant_type=client_credentials), bound to the client certificate",
            ),
        },
    })
}

fn operation(reading: &Reading<'_>, resource: &Resource, rights: &ModeRights) -> Value {
    let (summary, request, answer) = match rights.mode {
        Mode::Verify => (
            reading.say("验证:比对声明,不返回数据", "Verify: claims are compared, nothing is revealed"),
            schema::verify_request(resource, rights),
            schema::verify_answer(resource, rights),
        ),
        _ => (
            reading.say("查询:返回授权的信息项", "Query: the granted items of matching records"),
            schema::query_request(resource, rights),
            schema::query_answer(resource, rights),
        ),
    };
    let mut responses = problems(reading, resource, rights.mode);
    responses.insert(
        "200".to_owned(),
        json!({
            "description": reading.say("结果", "The result"),
            "headers": headers_of_answer(rights.mode),
            "content": { "application/json": { "schema": answer } },
        }),
    );
    let refusal = rights.refusal.as_ref().map(|refusal| refusal.code.as_str());
    json!({
        "operationId": rights.mode.as_str(),
        "summary": summary,
        "parameters": parameters(reading, resource, &rights.purposes()),
        "requestBody": {
            "required": true,
            "content": { "application/json": { "schema": request, "examples": examples::of(resource, rights) } },
        },
        "responses": responses,
        // What this party's calls meet now; null if they are served.
        "x-refused-with": refusal,
    })
}

fn parameters(reading: &Reading<'_>, resource: &Resource, granted: &[PurposeIx]) -> Value {
    let purposes = match purpose_codes(reading.policy, granted) {
        granted if !granted.is_empty() => granted,
        _ => purpose_codes(reading.policy, &open_purposes(reading, resource)),
    };
    let mut handler = json!({
        "name": "Exchange-Handler", "in": "header", "required": true,
        "description": reading.say(
            "经手人:本部门登记的在岗人员编号,不得为公民身份号码",
            "Registered, active handler of the calling party; never a citizen's id",
        ),
        "schema": { "type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$" },
    });
    if let (Some(id), Value::Object(handler)) = (rights::handler(reading), &mut handler) {
        handler.insert("example".to_owned(), id.into());
    }
    json!([
        {
            "name": "Exchange-Purpose", "in": "header", "required": true,
            "description": reading.say("用途代码", "Purpose code"),
            "schema": { "type": "string", "enum": purposes },
            "example": purposes.first(),
        },
        handler,
        {
            "name": "Exchange-Matter", "in": "header", "required": resource.matter_required,
            "description": reading.say(
                "事项或案件编号:1–64 个可见 ASCII 字符,中文须百分号编码(UTF-8)",
                "Case number: 1-64 printable ASCII characters, anything else percent-encoded UTF-8",
            ),
            "schema": { "type": "string", "minLength": 1 },
            "example": "SAMPLE-0",
        },
        {
            "name": "Accept-Language", "in": "header", "required": false,
            "description": reading.say("错误文字的语言", "Language of problem texts"),
            "schema": { "type": "string" },
            "example": reading.lang.tag(),
        },
    ])
}

/// Purposes that a call could name if the party had a right.
fn open_purposes(reading: &Reading<'_>, resource: &Resource) -> Vec<PurposeIx> {
    let allowed = resource.condition.purposes.as_ref();
    let all = (0..).map(PurposeIx).zip(reading.policy.purposes()).map(|(ix, _)| ix);
    all.filter(|ix| allowed.is_none_or(|allowed| allowed.contains(ix))).collect()
}

/// A response for every status that a call in this mode can end with, with its codes.
fn problems(reading: &Reading<'_>, resource: &Resource, mode: Mode) -> Map<String, Value> {
    let mut by_status: BTreeMap<u16, Vec<&str>> = BTreeMap::new();
    for code in Code::ALL.iter().filter(|code| can_meet(**code, resource, mode)) {
        by_status.entry(code.status()).or_default().push(code.as_str());
    }
    let response = |(status, codes): (u16, Vec<&str>)| {
        let mut headers = json!({ "Exchange-Request-Id": { "$ref": "#/components/headers/Exchange-Request-Id" } });
        if matches!(status, 429 | 503)
            && let Value::Object(headers) = &mut headers
        {
            headers.insert("Retry-After".to_owned(), json!({ "$ref": "#/components/headers/Retry-After" }));
        }
        let content = json!({ "application/problem+json": { "schema": {
            "allOf": [{ "$ref": "#/components/schemas/Problem" }, { "properties": { "code": { "enum": codes } } }],
        } } });
        let description = reading.say("拒绝:", "Refused: ").to_owned() + &codes.join(", ");
        (status.to_string(), json!({ "description": description, "headers": headers, "content": content }))
    };
    by_status.into_iter().map(response).collect()
}

fn can_meet(code: Code, resource: &Resource, mode: Mode) -> bool {
    let is_conditional = resource.share_type == ShareType::Conditional;
    match code {
        // The path and the method of this document are right, the mode is offered, nothing is written.
        Code::RequestNotFound
        | Code::RequestMethod
        | Code::ModeNotOffered
        | Code::ShareNotShared
        | Code::RequestIdempotencyConflict => false,
        Code::RequestCursor => mode == Mode::Query,
        Code::GrantRowScope => is_conditional && resource.condition.by_subject,
        Code::GrantRequired
        | Code::GrantRevoked
        | Code::GrantSuspended
        | Code::GrantExpired
        | Code::GrantModeNotGranted
        | Code::GrantPurposeMismatch
        | Code::GrantFieldNotGranted => is_conditional,
        _ => true,
    }
}

fn headers_of_answer(mode: Mode) -> Value {
    let mut names = vec!["Exchange-Request-Id", "Exchange-Receipt", "Exchange-As-Of"];
    if mode == Mode::Query {
        names.push("Exchange-Masked");
    }
    let reference = |name: &str| (name.to_owned(), json!({ "$ref": format!("#/components/headers/{name}") }));
    names.into_iter().map(reference).collect::<Map<_, _>>().into()
}

fn response_headers(reading: &Reading<'_>) -> Value {
    let text = |zh, en| json!({ "description": reading.say(zh, en), "schema": { "type": "string" } });
    json!({
        "Exchange-Request-Id": text("请求编号", "Request id"),
        "Exchange-Receipt": text(
            "访问记录的凭证:日志、序号、叶哈希",
            "Where the record of this access stands: log, index, leaf hash",
        ),
        "Exchange-As-Of": text("数据时点", "When the data was true"),
        "Exchange-Masked": text("脱敏返回的信息项", "Items that are masked"),
        "Repr-Digest": text("文件的 SHA-256 与 SM3 摘要", "SHA-256 and SM3 of the file (RFC 9530)"),
        "Retry-After": {
            "description": reading.say("多少秒后重试", "Seconds until it is worth trying again"),
            "schema": { "type": "integer", "minimum": 1 },
        },
    })
}
