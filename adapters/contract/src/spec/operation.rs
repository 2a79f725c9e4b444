//! One call of a provider's interface, as declared: what is sent and how its answer is read.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sluice_domain::ItemCode;

use super::{ConditionSpec, ErrorSpec, FormatSpec, PagingSpec, ScalarText, SecretText};

/// A call of the provider's interface and how its answer is read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OperationSpec {
    /// HTTP method.
    pub method: Method,
    /// Path below `base_url`, a template.
    pub path: String,
    /// Query parameters, templates. One whose items the call does not name is left out.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub query: BTreeMap<String, String>,
    /// Further headers of this operation.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, SecretText>,
    /// Body, a template; only for POST.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// How the body is written, which decides how values are escaped in it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub body_type: BodyType,
    /// How the answer is written.
    #[serde(default, skip_serializing_if = "is_default")]
    pub answer_type: AnswerType,
    /// Character encoding of the answer, and of what is sent unless `request_charset` says otherwise. An
    /// answer whose `Content-Type` names another one is refused.
    #[serde(default, skip_serializing_if = "is_default")]
    pub charset: Charset,
    /// Character encoding of the body and of percent-encoded values that are sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_charset: Option<Charset>,
    /// Pointer to the records; empty is the whole document. In JSON a pointer of RFC 6901 to an array; in
    /// XML the path of the element that is repeated (`/resp/data/row`).
    #[serde(default)]
    pub records: String,
    /// `records` points to one object instead of an array of them.
    #[serde(default, skip_serializing_if = "is_default")]
    pub single_record: bool,
    /// The provider's name of each item that is not called by its code: a member of the record, or a
    /// pointer within it (`/person/name`; in XML an attribute is `@code`).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<ItemCode, String>,
    /// Code maps: for an item, the provider's codes and what they mean in the catalogue's words.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub codes: BTreeMap<ItemCode, BTreeMap<String, String>>,
    /// How the provider writes an item's values, where not as the catalogue does.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub formats: BTreeMap<ItemCode, FormatSpec>,
    /// Where the answer says that it is one. Without it a 2xx status is enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub success: Option<ConditionSpec>,
    /// Where the answer says that nothing was found. It is looked at before `success`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_found: Option<ConditionSpec>,
    /// Statuses that say that nothing was found, such as 404.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_found_status: Vec<u16>,
    /// What the provider's errors mean. The first that holds decides, before `not_found` and `success`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<ErrorSpec>,
    /// Pointer to the date or time of the provider's data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_of: Option<String>,
    /// How more records than one answer holds are reached.
    #[serde(default, skip_serializing_if = "is_default")]
    pub paging: PagingSpec,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// HTTP methods that verify and query may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// GET, without a body.
    Get,
    /// POST.
    Post,
}

/// How a request body is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BodyType {
    /// `application/json`.
    #[default]
    Json,
    /// `application/x-www-form-urlencoded`.
    Form,
    /// `application/xml`.
    Xml,
}

/// How an answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnswerType {
    /// `application/json` or `application/…+json`.
    #[default]
    Json,
    /// `application/xml`, `text/xml` or `application/…+xml`, read by path with local names. Every value is
    /// a text; numbers and logical values of the catalogue are converted.
    Xml,
}

/// A character encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Charset {
    /// UTF-8.
    #[default]
    #[serde(rename = "utf-8")]
    Utf8,
    /// GBK, which contains GB 2312. Characters that it lacks are not sent.
    #[serde(rename = "gbk", alias = "gb2312")]
    Gbk,
    /// GB 18030.
    #[serde(rename = "gb18030")]
    Gb18030,
}

/// How claims are verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VerifySpec {
    /// Who compares.
    pub comparison: ComparisonSpec,
    /// The call. For `exchange` it may be left out: `query` is used then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<OperationSpec>,
    /// For `provider`: pointer to the result of each item that may be claimed.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub results: BTreeMap<ItemCode, String>,
    /// For `provider`: results that mean the same value.
    #[serde(default, skip_serializing_if = "Vec::is_empty", rename = "match")]
    pub matching: Vec<ScalarText>,
    /// For `provider`: results that mean another value.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mismatch: Vec<ScalarText>,
    /// For `provider`: results that mean that it could not be compared.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub indeterminate: Vec<ScalarText>,
}

/// Who compares claims with stored values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ComparisonSpec {
    /// The provider, which never sends records.
    Provider,
    /// The exchange, from records that it fetches.
    Exchange,
}
