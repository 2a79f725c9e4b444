//! One record of a provider, cell by cell.

use std::borrow::Cow;

use crate::fault::BadAnswer;
use crate::layout::Source;

/// The wanted items of one record.
#[derive(Clone, Copy)]
pub struct Row<'a> {
    cells: &'a [Option<Cell<'a>>],
}

impl<'a> Row<'a> {
    pub(super) fn new(cells: &'a [Option<Cell<'a>>]) -> Self {
        Self { cells }
    }

    /// The value of an item by its position; `None` only if it was not wanted or its layout lets it
    /// be absent.
    pub fn cell(&self, position: usize) -> Option<Cell<'a>> {
        self.cells.get(position).copied().flatten()
    }

    /// Positions and values, in item order.
    pub fn cells(&self) -> impl Iterator<Item = (usize, Cell<'a>)> + use<'a> {
        self.cells.iter().enumerate().filter_map(|(position, cell)| Some((position, (*cell)?)))
    }
}

impl std::fmt::Debug for Row<'_> {
    /// Values are citizens' data, so only their number is shown.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Row").field("cells", &self.cells().count()).finish_non_exhaustive()
    }
}

/// A scalar: text, number, boolean or null.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Cell<'a> {
    raw: &'a str,
}

impl<'a> Cell<'a> {
    /// Refuses what is no scalar or cannot be decoded, and applies the code map.
    pub(super) fn check(raw: &'a str, source: &'a Source) -> Result<Self, BadAnswer> {
        if raw.starts_with(['{', '[']) {
            return Err(BadAnswer::NotScalar);
        }
        if let Some(codes) = source.codes.as_ref().filter(|_| raw != "null") {
            let text = scalar_text(raw).ok_or(BadAnswer::NotText)?;
            let ours = codes.get(text.as_ref()).ok_or(BadAnswer::UnknownCode)?;
            return Ok(Self { raw: ours });
        }
        if raw.contains('\\') && scalar_text(raw).is_none() {
            return Err(BadAnswer::NotText);
        }
        Ok(Self { raw })
    }

    /// The JSON of the value, exactly as the provider wrote it, or as the code map says.
    pub fn raw(&self) -> &'a str {
        self.raw
    }

    /// Whether it is null.
    pub fn is_null(&self) -> bool {
        self.raw == "null"
    }

    /// Whether it is a JSON string.
    pub fn is_string(&self) -> bool {
        self.raw.starts_with('"')
    }

    /// Whether it is a JSON number.
    pub fn is_number(&self) -> bool {
        self.raw.starts_with(|first: char| first == '-' || first.is_ascii_digit())
    }

    /// Whether it is a JSON boolean.
    pub fn is_boolean(&self) -> bool {
        matches!(self.raw, "true" | "false")
    }

    /// The value as text: a string decoded, a number's digits, `true` or `false`; `None` for null.
    pub fn as_text(&self) -> Option<Cow<'a, str>> {
        if self.is_null() { None } else { scalar_text(self.raw) }
    }
}

impl std::fmt::Debug for Cell<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(a value)")
    }
}

/// Text of a scalar's JSON; `None` for objects, arrays and texts that cannot be decoded.
pub(super) fn scalar_text(raw: &str) -> Option<Cow<'_, str>> {
    match raw.strip_prefix('"') {
        Some(rest) if raw.contains('\\') => {
            debug_assert!(rest.ends_with('"'), "the reader cuts at value ends");
            serde_json::from_str(raw).ok().map(Cow::Owned)
        }
        Some(rest) => rest.strip_suffix('"').map(Cow::Borrowed),
        None if raw.starts_with(['{', '[']) => None,
        None => Some(Cow::Borrowed(raw)),
    }
}
