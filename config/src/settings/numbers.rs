//! Bounded numbers: each key has a default, a range and a unit in its name, written once.

use crate::document::Document;
use crate::fault::Fault;

/// What a number may be.
pub(crate) struct Bound {
    pub(crate) default: u64,
    pub(crate) least: u64,
    pub(crate) most: u64,
}

/// The number at `path` if it is within its bound; else a fault, and the default to go on with.
pub(crate) fn bounded(
    given: Option<u64>,
    bound: &Bound,
    path: &str,
    document: &Document<'_>,
    faults: &mut Vec<Fault>,
) -> u64 {
    let value = given.unwrap_or(bound.default);
    if bound.holds(value) {
        return value;
    }
    faults.push(document.fault(path, bound.refusal(value, path), Some(format!("default: {}", bound.default))));
    bound.default
}

impl Bound {
    pub(crate) fn holds(&self, value: u64) -> bool {
        (self.least..=self.most).contains(&value)
    }

    /// Says that the value at a path is outside.
    pub(crate) fn refusal(&self, value: u64, path: &str) -> String {
        let key = path.rsplit('.').next().unwrap_or(path);
        format!("\"{key}\": {value} is not between {} and {}", self.least, self.most)
    }
}

/// A count in memory.
pub(crate) fn count(value: u64) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}

/// A count that the contract keeps in 32 bits; its bound keeps it there.
pub(crate) fn count32(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

/// Declares a table of bounded numbers: its written form `$raw` and its valid form `$valid`.
macro_rules! numbers {
    (
        $(#[$doc:meta])*
        $valid:ident from $(#[$raw_doc:meta])* $raw:ident {
            $( $(#[$field_doc:meta])* $key:ident => $field:ident: $kind:ty = $default:literal in $least:literal..=$most:literal, $convert:path; )+
        }
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $valid {
            $( $(#[$field_doc])* #[doc = concat!("\n\nKey `", stringify!($key), "`, default ", stringify!($default), ", from ", stringify!($least), " to ", stringify!($most), ".")] pub $field: $kind, )+
        }

        $(#[$raw_doc])*
        #[derive(Debug, Default, serde::Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub(crate) struct $raw {
            $( $key: Option<u64>, )+
        }

        impl $valid {
            pub(crate) fn read(raw: &$raw, path: &str, document: &crate::document::Document<'_>, faults: &mut Vec<crate::fault::Fault>) -> Self {
                Self {
                    $( $field: {
                        let bound = crate::settings::numbers::Bound { default: $default, least: $least, most: $most };
                        let path = format!("{path}.{}", stringify!($key));
                        $convert(crate::settings::numbers::bounded(raw.$key, &bound, &path, document, faults))
                    }, )+
                }
            }
        }
    };
}
pub(crate) use numbers;
