//! What an answer says about itself: success, nothing found, an error with a meaning.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A place in the answer and what must stand there; or several such conditions.
///
/// Exactly one of `pointer`, `header`, `status`, `all` and `any`; with `pointer` and `header` exactly one
/// of `equals`, `not_equals`, `exists` and `absent`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ConditionSpec {
    /// Pointer to a scalar of the body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// Name of a header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// HTTP statuses, any of which makes the condition true.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub status: Vec<u16>,
    /// Accepted values as texts; a number by its digits, `"true"`, `"false"`, `"null"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub equals: Option<Vec<ScalarText>>,
    /// A scalar stands there, and it is none of these.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_equals: Option<Vec<ScalarText>>,
    /// Anything but null stands there.
    #[serde(skip_serializing_if = "is_false")]
    pub exists: bool,
    /// Nothing or null stands there.
    #[serde(skip_serializing_if = "is_false")]
    pub absent: bool,
    /// All of these hold.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub all: Vec<ConditionSpec>,
    /// At least one of these holds.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub any: Vec<ConditionSpec>,
}

impl ConditionSpec {
    /// One accepted value at one place of the body.
    pub fn equals(pointer: &str, value: &str) -> Self {
        let value = ScalarText(value.to_owned());
        Self { pointer: Some(pointer.to_owned()), equals: Some(vec![value]), ..Self::default() }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_false(flag: &bool) -> bool {
    !flag
}

/// What an error of the provider means. Errors that no entry names are a bad answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErrorSpec {
    /// How the error is told from other answers.
    pub when: ConditionSpec,
    /// What it means.
    pub means: Meaning,
    /// For `busy`: seconds after which callers may try again (1–3,600).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_s: Option<u32>,
}

/// What an error of the provider means for the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Meaning {
    /// It does not serve just now: another try, or another instance, may do. Callers are told
    /// `provider.unreachable`.
    Retryable,
    /// Nothing was found.
    NotFound,
    /// It has enough to do: callers are told `provider.circuit_open`, with `Retry-After`.
    Busy,
}

/// A scalar written in a binding: `"0"`, `0` and `true` are all understood and kept as text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct ScalarText(pub String);

impl<'de> Deserialize<'de> for ScalarText {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Scalar;
        impl serde::de::Visitor<'_> for Scalar {
            type Value = ScalarText;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, an integer or a boolean")
            }
            fn visit_str<E>(self, text: &str) -> Result<ScalarText, E> {
                Ok(ScalarText(text.to_owned()))
            }
            fn visit_i64<E>(self, number: i64) -> Result<ScalarText, E> {
                Ok(ScalarText(number.to_string()))
            }
            fn visit_u64<E>(self, number: u64) -> Result<ScalarText, E> {
                Ok(ScalarText(number.to_string()))
            }
            fn visit_bool<E>(self, truth: bool) -> Result<ScalarText, E> {
                Ok(ScalarText(truth.to_string()))
            }
        }
        deserializer.deserialize_any(Scalar)
    }
}
