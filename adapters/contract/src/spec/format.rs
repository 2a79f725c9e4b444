//! How a provider writes an item's values, as declared.

use serde::{Deserialize, Serialize};

use super::ScalarText;

/// How a provider writes an item's values. Steps are taken in the order of the keys: first `trim`, then
/// `null_values`, then one of the conversions. What does not convert is a bad answer.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FormatSpec {
    /// White space around the value is dropped.
    #[serde(skip_serializing_if = "is_false")]
    pub trim: bool,
    /// Texts that stand for "no value".
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub null_values: Vec<ScalarText>,
    /// For dates and times: a pattern such as `"%Y%m%d"` (strptime; times without an offset are those of
    /// Asia/Shanghai), or `"epoch_s"`, `"epoch_ms"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date: Option<String>,
    /// For numbers: how their text is written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<NumberForm>,
    /// For logical values: what means true. Together with `false_values`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub true_values: Vec<ScalarText>,
    /// For logical values: what means false.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub false_values: Vec<ScalarText>,
    /// For texts: numbers and logical values become the text of their digits or word.
    #[serde(skip_serializing_if = "is_false")]
    pub text: bool,
}

/// How the text of a number is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NumberForm {
    /// `-1234.50`.
    Text,
    /// `-1,234.50`, with or without the commas.
    Comma,
    /// `-1.234,50`, with or without the points.
    DecimalComma,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_false(flag: &bool) -> bool {
    !flag
}
