//! Identifiers as types: a swapped id is a security bug, so the compiler keeps them apart.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a text is not a valid identifier. The text itself is not repeated: it may be a citizen's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a valid {kind}: {rule}")]
pub struct IdError {
    /// What it should have been.
    pub kind: &'static str,
    /// The rule it broke.
    pub rule: &'static str,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $valid:path, $rule:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Box<str>);

        impl $name {
            /// Parses; the error names the rule, never the text.
            ///
            /// # Errors
            /// When the text breaks the rule of this kind of identifier.
            pub fn new(text: &str) -> Result<Self, IdError> {
                if $valid(text) {
                    Ok(Self(text.into()))
                } else {
                    Err(IdError { kind: $kind, rule: $rule })
                }
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                Self::new(&text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0.into()
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

fn is_plain(text: &str, max: usize) -> bool {
    (1..=max).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

/// Party keys and system ids name files and stand in certificates, where a leading dot or hyphen
/// would mean something else.
fn begins_well(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphanumeric())
}

fn is_party_key(text: &str) -> bool {
    is_plain(text, 32) && begins_well(text) && !text.contains('.')
}

fn is_system_id(text: &str) -> bool {
    is_plain(text, 64) && begins_well(text)
}

fn is_plain_64(text: &str) -> bool {
    is_plain(text, 64)
}

fn is_plain_32(text: &str) -> bool {
    is_plain(text, 32)
}

fn is_item_code(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// `类项目细目/顺序码`: 1 + 2 + 3 + any digits, a slash, digits (发改高技〔2017〕1272号).
fn is_resource_code(text: &str) -> bool {
    text.len() <= 64
        && text.split_once('/').is_some_and(|(class, sequence)| {
            class.len() >= 6
                && !sequence.is_empty()
                && class.bytes().all(|b| b.is_ascii_digit())
                && sequence.bytes().all(|b| b.is_ascii_digit())
        })
}

id!(
    /// Short key of a registered party, such as `mz`.
    PartyKey, "party key", is_party_key, "1–32 characters of [A-Za-z0-9_-], the first a letter or digit"
);
id!(
    /// A registered system of a party, such as `mz.main`.
    SystemId, "system id", is_system_id, "1–64 characters of [A-Za-z0-9._-], the first a letter or digit"
);
id!(
    /// A registered person who makes a call (经手人); never a citizen's id.
    HandlerId, "handler id", is_plain_64, "1–64 characters of [A-Za-z0-9._-]"
);
id!(
    /// A purpose of the exchange's list, such as `SHJZ`.
    PurposeCode, "purpose code", is_plain_32, "1–32 characters of [A-Za-z0-9._-]"
);
id!(
    /// A grant, such as `G-0001`.
    GrantId, "grant id", is_plain_64, "1–64 characters of [A-Za-z0-9._-]"
);
id!(
    /// A catalogue code, such as `101001001/000001`.
    ResourceCode, "resource code", is_resource_code, "at least six digits, a slash, digits; 64 characters at most"
);
id!(
    /// Code of a data item within its resource, such as `GMSFHM`.
    ItemCode, "item code", is_item_code, "1–64 characters of [A-Za-z0-9_]"
);
id!(
    /// An operation of a docked system, such as `order.read`; unique in its resource.
    OperationId, "operation id", is_plain_64, "1–64 characters of [A-Za-z0-9._-]"
);

id!(
    /// An account of the control plane: one person, never shared (D33-3).
    UserId, "user name", is_system_id, "1–64 characters of [A-Za-z0-9._-], the first a letter or digit"
);
id!(
    /// A record of a workflow, such as `A-2026-000017`.
    RecordId, "record id", is_plain_64, "1–64 characters of [A-Za-z0-9._-]"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_parties_and_systems_begin_with_a_letter_or_digit() {
        for (text, is_key, is_id) in [
            ("mz", true, true),
            ("9_-", true, true),
            ("mz.main", false, true),
            ("-mz", false, false),
            ("_mz", false, false),
            (".", false, false),
            ("..", false, false),
            ("", false, false),
            ("民政", false, false),
        ] {
            assert_eq!(PartyKey::new(text).is_ok(), is_key, "{text}");
            assert_eq!(SystemId::new(text).is_ok(), is_id, "{text}");
        }
        assert!(HandlerId::new("_u-1").is_ok(), "handlers stand in headers only");
    }
}
