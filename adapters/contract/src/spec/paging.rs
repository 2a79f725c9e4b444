//! How more records than one answer holds are reached, as declared.

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Serialize};

/// How more records than one answer holds are reached: `"offset"`, or a table with the style and its keys.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct PagingSpec {
    /// The way of counting.
    pub style: PagingStyle,
    /// For `page`: number of the first page, 0 or 1. Default 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first: Option<u32>,
    /// Most records that the provider gives at once (1–10,000). For `page` every page is asked for with this
    /// size (default 100), since pages of changing sizes do not line up; elsewhere it bounds `{limit}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size_max: Option<u32>,
    /// For `cursor` and `next_url`: pointer to the next page's cursor or address; nothing, null or an empty
    /// text there ends the sequence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// Most pages that one call reads (1–1,000). Default 50.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pages_max: Option<u32>,
}

/// The way of counting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PagingStyle {
    /// The provider answers with all records at once.
    #[default]
    None,
    /// `{limit}` and `{offset}` stand in the operation and count records.
    Offset,
    /// `{page}` stands in the operation and counts pages of `size_max` records; `{page_size}` is that number.
    Page,
    /// `{cursor}` stands in the operation; the answer holds the next one at `next`.
    Cursor,
    /// The answer's `Link` header names the next page (RFC 8288, `rel="next"`).
    Link,
    /// The answer holds the next page's address at `next`.
    NextUrl,
}

impl PagingSpec {
    /// A style with everything else as it is by default.
    pub fn of(style: PagingStyle) -> Self {
        Self { style, ..Self::default() }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    style: PagingStyle,
    first: Option<u32>,
    size_max: Option<u32>,
    next: Option<String>,
    pages_max: Option<u32>,
}

impl<'de> Deserialize<'de> for PagingSpec {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = PagingSpec;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a paging style, or a table with style")
            }
            fn visit_str<E: Error>(self, name: &str) -> Result<PagingSpec, E> {
                let name = serde::de::value::StrDeserializer::new(name);
                PagingStyle::deserialize(name).map(PagingSpec::of)
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<PagingSpec, A::Error> {
                let Table { style, first, size_max, next, pages_max } =
                    Table::deserialize(MapAccessDeserializer::new(map))?;
                Ok(PagingSpec { style, first, size_max, next, pages_max })
            }
        }
        deserializer.deserialize_any(Either)
    }
}
