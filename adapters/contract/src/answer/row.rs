//! One record of a provider, cell by cell.

use std::borrow::Cow;
use std::ops::Range;

use super::scan::Raw;
use crate::fault::BadAnswer;
use crate::format::Scalar;
use crate::layout::Source;

/// The wanted items of one record.
#[derive(Clone, Copy)]
pub struct Row<'a> {
    slots: &'a [Slot<'a>],
    converted: &'a str,
}

/// Where the JSON of one item's value lies.
#[derive(Clone)]
pub(super) enum Slot<'a> {
    /// Nowhere.
    Absent,
    /// In the answer or in a code map.
    There(&'a str),
    /// In the texts that were converted.
    Converted(Range<usize>),
}

impl<'a> Slot<'a> {
    /// Refuses what is no scalar or cannot be decoded, and applies code map and format.
    pub(super) fn take(raw: Raw<'a>, source: &'a Source, converted: &mut String) -> Result<Self, BadAnswer> {
        let Raw { json: raw, is_escaped } = raw;
        if raw.starts_with(['{', '[']) {
            return Err(BadAnswer::NotScalar);
        }
        if source.codes.is_none() && source.format.is_none() {
            let is_sound = !is_escaped || scalar_text(raw).is_some();
            return if is_sound { Ok(Self::There(raw)) } else { Err(BadAnswer::NotText) };
        }
        let text = scalar_text(raw).ok_or(BadAnswer::NotText)?;
        let Some(codes) = &source.codes else {
            let from = converted.len();
            if let Some(format) = &source.format {
                format.write(Scalar { raw, text: &text }, converted)?;
            }
            return Ok(Self::Converted(from..converted.len()));
        };
        let meant = match &source.format {
            _ if raw == "null" => None,
            Some(format) => format.meant(&text),
            None => Some(&*text),
        };
        let Some(code) = meant else { return Ok(Self::There("null")) };
        codes.get(code).map(|ours| Self::There(ours)).ok_or(BadAnswer::UnknownCode)
    }
}

impl<'a> Row<'a> {
    pub(super) fn new(slots: &'a [Slot<'a>], converted: &'a str) -> Self {
        Self { slots, converted }
    }

    /// The value of an item by its position; `None` only if it was not wanted or its layout lets it
    /// be absent.
    pub fn cell(&self, position: usize) -> Option<Cell<'a>> {
        self.slots.get(position).and_then(|slot| self.at(slot))
    }

    /// Positions and values, in item order.
    pub fn cells(&self) -> impl Iterator<Item = (usize, Cell<'a>)> + use<'a> {
        let row = *self;
        row.slots.iter().enumerate().filter_map(move |(position, slot)| Some((position, row.at(slot)?)))
    }

    fn at(&self, slot: &'a Slot<'a>) -> Option<Cell<'a>> {
        match slot {
            Slot::Absent => None,
            Slot::There(raw) => Some(Cell { raw }),
            Slot::Converted(range) => self.converted.get(range.clone()).map(|raw| Cell { raw }),
        }
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
    /// The JSON of the value, exactly as the provider wrote it, or as code map and format say.
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
