//! # Standard docking interface (标准对接接口)
//!
//! A department that can still choose implements these two calls; its binding is then three lines:
//!
//! ```toml
//! [[rest]]
//! resource = "101001001/000001"
//! base_url = "https://mz.example.gov.cn/exchange"
//! style    = "standard"                # or "standard_compare_only": only `verify` is called
//! ```
//!
//! Both calls are `POST` with a JSON body in UTF-8, answered with `application/json` in UTF-8,
//! uncompressed. They only read, so the exchange may repeat one that the provider cannot have seen.
//! Request headers: `X-Request-Id` (the id under which the exchange records the access),
//! `X-Exchange-Department` (key of the calling party) and `X-Exchange-Resource` (catalogue code).
//! Item names are the codes of the catalogue entry; values in questions are texts.
//!
//! ## `POST {base_url}/query`
//!
//! ```json
//! {"resource": "101001001/000001", "filter": {"GMSFHM": "430689198503120011"},
//!  "fields": ["GMSFHM", "XM", "CSRQ"], "limit": 20, "offset": 0}
//! ```
//! Equality on every member of `filter`; records in a stable order; `limit` records after leaving out
//! `offset`. Answer `200`, with every item of `fields` in every record (`null` where there is none):
//!
//! ```json
//! {"records": [{"GMSFHM": "430689198503120011", "XM": "张三丰", "CSRQ": "1985-03-12"}],
//!  "as_of": "2026-11-22T09:00:00+08:00"}
//! ```
//! Nothing found is `200` with `"records": []`. Numbers are JSON numbers, logical values booleans,
//! all else strings; dates `YYYY-MM-DD`. `as_of` may be left out.
//!
//! ## `POST {base_url}/verify`
//!
//! Only called with `standard_compare_only`. With `standard` the exchange compares from `query`.
//!
//! ```json
//! {"resource": "101001001/000001", "subject": {"GMSFHM": "430689198503120011"}, "claims": {"XM": "张三丰"}}
//! ```
//! ```json
//! {"result": "found", "claims": {"XM": "match"}, "as_of": "2026-11-22T09:00:00+08:00"}
//! ```
//! `result`: `found` or `not_found`; each claim: `match`, `mismatch`, or `indeterminate` where the
//! stored value is missing or unreadable. A stored value never stands in the answer.
//!
//! ## Errors
//!
//! Any other status is an error. Its body is never passed on: `429`, `502`, `503` and `504` are
//! reported to callers as `provider.unreachable`, the rest as `provider.bad_answer`.

use std::collections::BTreeMap;

use sluice_domain::Resource;

use super::{
    AnswerType, BodyType, Charset, ComparisonSpec, ConditionSpec, Method, OperationSpec, PagingSpec, PagingStyle,
    ScalarText, VerifySpec,
};

/// The `query` call as a declared operation.
pub fn query(resource: &Resource) -> OperationSpec {
    let body = format!(
        r#"{{"resource":"{}","filter":{{key.*}},"fields":{{items.*}},"limit":{{limit}},"offset":{{offset}}}}"#,
        resource.code
    );
    OperationSpec {
        records: "/records".to_owned(),
        single_record: false,
        paging: PagingSpec::of(PagingStyle::Offset),
        ..post("/query", body)
    }
}

/// The `verify` call as a declared comparison by the provider.
pub fn verify(resource: &Resource) -> VerifySpec {
    let body = format!(r#"{{"resource":"{}","subject":{{key.*}},"claims":{{claim.*}}}}"#, resource.code);
    let result_is = |word: &str| Some(ConditionSpec::equals("/result", word));
    let operation =
        OperationSpec { success: result_is("found"), not_found: result_is("not_found"), ..post("/verify", body) };
    let claimable = resource.items.iter().filter(|item| !item.out);
    let word = |word: &str| vec![ScalarText(word.to_owned())];
    VerifySpec {
        comparison: ComparisonSpec::Provider,
        operation: Some(operation),
        results: claimable.map(|item| (item.code.clone(), format!("/claims/{}", item.code))).collect(),
        matching: word("match"),
        mismatch: word("mismatch"),
        indeterminate: word("indeterminate"),
    }
}

fn post(path: &str, body: String) -> OperationSpec {
    OperationSpec {
        method: Method::Post,
        path: path.to_owned(),
        query: BTreeMap::new(),
        headers: BTreeMap::new(),
        body: Some(body),
        body_type: BodyType::Json,
        answer_type: AnswerType::Json,
        charset: Charset::Utf8,
        request_charset: None,
        records: String::new(),
        single_record: true,
        fields: BTreeMap::new(),
        codes: BTreeMap::new(),
        formats: BTreeMap::new(),
        success: None,
        not_found: None,
        not_found_status: Vec::new(),
        errors: Vec::new(),
        as_of: Some("/as_of".to_owned()),
        paging: PagingSpec::default(),
    }
}
