//! The one reader of providers' answers: a single streaming pass, guided by a [`Layout`], that keeps
//! what is asked for as raw text and refuses whatever cannot be proven clean.

mod row;
mod walk;

use sluice_domain::ItemSet;

use crate::fault::BadAnswer;
use crate::layout::{Condition, Layout, NodeIx, Records, Source};

pub use row::{Cell, Row};

use walk::{Member, Part, Walk};

/// Deepest nesting of a part of an answer that is skipped.
pub const DEPTH_MAX: usize = 64;

/// Most records in one answer; a provider that sends more does not page.
pub const RECORDS_MAX: usize = 10_000;

/// Longest text of [`Envelope::as_of`] in bytes.
pub const AS_OF_BYTES_MAX: usize = 40;

/// What an answer says beside its records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// Whether there was at least one record.
    pub found: bool,
    /// Date or time of the provider's data: ASCII digits, signs and the letters `T` and `Z` only.
    pub as_of: Option<String>,
    /// How many records were given to `on_record`.
    pub records: usize,
}

/// Reads an answer in one pass and gives each record to `on_record`, in the provider's order.
///
/// Conditions may stand behind the records: what `on_record` received may be given out only after
/// this returned `Ok`. A cell is a scalar, raw as the provider wrote it or as the code map says; only
/// cells of `items` are in a row, and every one of them is.
///
/// # Errors
/// [`BadAnswer`] for whatever cannot be proven clean, and what `on_record` returns.
pub fn read(
    body: &[u8],
    layout: &Layout,
    items: &ItemSet,
    on_record: &mut dyn FnMut(&Row<'_>) -> Result<(), BadAnswer>,
) -> Result<Envelope, BadAnswer> {
    let text = std::str::from_utf8(body).map_err(|_| BadAnswer::NotUtf8)?;
    let mut reading = Reading::new(text, layout, items, on_record)?;
    let mut document = serde_json::Deserializer::from_str(text);
    let walked = serde::de::DeserializeSeed::deserialize(Walk::root(&mut reading), &mut document);
    match (walked, reading.fault) {
        (_, Some(fault)) => return Err(fault),
        (Err(_), None) => return Err(BadAnswer::NotJson),
        (Ok(()), None) => {}
    }
    document.end().map_err(|_| BadAnswer::Trailing)?;
    reading.finish()
}

/// What was met at a node.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Seen<'a> {
    /// Nothing yet.
    Absent,
    /// Raw JSON of a value that was not looked into.
    Raw(&'a str),
    /// A scalar where an object or array could have been, decoded.
    Scalar(&'a str),
    /// Another scalar there, whose text is not kept.
    OtherScalar,
    /// An object that was looked into.
    Object,
    /// An array that was looked into.
    Array,
}

/// State of one pass.
struct Reading<'a, 'f> {
    layout: &'a Layout,
    /// Item position and source of each wanted item.
    wanted: Vec<(usize, &'a Source)>,
    /// Whether nothing in the document can be too deep.
    shallow: bool,
    envelope: Vec<Seen<'a>>,
    record: Vec<Seen<'a>>,
    cells: Vec<Option<Cell<'a>>>,
    /// Members of the first record, in order.
    members: Vec<Member<'a>>,
    records: usize,
    fault: Option<BadAnswer>,
    on_record: &'f mut dyn FnMut(&Row<'_>) -> Result<(), BadAnswer>,
}

impl<'a, 'f> Reading<'a, 'f> {
    fn new(
        text: &'a str,
        layout: &'a Layout,
        items: &ItemSet,
        on_record: &'f mut dyn FnMut(&Row<'_>) -> Result<(), BadAnswer>,
    ) -> Result<Self, BadAnswer> {
        let source =
            |position: usize| layout.sources.get(position).and_then(Option::as_ref).map(|source| (position, source));
        let wanted: Vec<_> = items.iter().filter_map(source).collect();
        if wanted.len() < items.len() && !layout.optional {
            return Err(BadAnswer::ItemMissing);
        }
        let record_nodes = match &layout.records {
            Records::Array { tree, .. } => tree.len(),
            Records::Single { .. } => 0,
        };
        Ok(Self {
            layout,
            wanted,
            shallow: opening_brackets(text.as_bytes()) <= DEPTH_MAX,
            envelope: vec![Seen::Absent; layout.envelope.len()],
            record: vec![Seen::Absent; record_nodes],
            cells: vec![None; layout.sources.len()],
            members: Vec::new(),
            records: 0,
            fault: None,
            on_record,
        })
    }

    fn seen(&mut self, part: Part) -> &mut Vec<Seen<'a>> {
        match part {
            Part::Envelope => &mut self.envelope,
            Part::Record => &mut self.record,
        }
    }

    fn is_new(&mut self, part: Part, node: NodeIx) -> bool {
        self.seen(part).get(usize::from(node)).is_none_or(|seen| *seen == Seen::Absent)
    }

    fn mark(&mut self, part: Part, node: NodeIx, what: Seen<'a>) {
        if let Some(seen) = self.seen(part).get_mut(usize::from(node)) {
            *seen = what;
        }
    }

    /// Assembles the record whose values were just met and gives it away.
    fn emit(&mut self, part: Part) -> Result<(), BadAnswer> {
        self.records += 1;
        if self.records > RECORDS_MAX {
            return Err(BadAnswer::TooManyRecords);
        }
        let seen = match part {
            Part::Envelope => &self.envelope,
            Part::Record => &self.record,
        };
        for (position, source) in &self.wanted {
            let met = seen.get(usize::from(source.node)).copied().unwrap_or(Seen::Absent);
            let cell = match met {
                Seen::Raw(raw) => Some(Cell::check(raw, source)?),
                Seen::Absent if self.layout.optional => None,
                Seen::Absent => return Err(BadAnswer::ItemMissing),
                Seen::Scalar(_) | Seen::OtherScalar | Seen::Object | Seen::Array => return Err(BadAnswer::NotScalar),
            };
            if let Some(slot) = self.cells.get_mut(*position) {
                *slot = cell;
            }
        }
        (self.on_record)(&Row::new(&self.cells))
    }

    fn at(&self, node: NodeIx) -> Seen<'a> {
        self.envelope.get(usize::from(node)).copied().unwrap_or(Seen::Absent)
    }

    fn holds(&self, condition: &Condition) -> bool {
        let is_one_of = |text: &str| condition.equals.iter().any(|accepted| **accepted == *text);
        match self.at(condition.node) {
            Seen::Raw(raw) => row::scalar_text(raw).is_some_and(|text| is_one_of(&text)),
            Seen::Scalar(text) => is_one_of(text),
            Seen::Absent | Seen::OtherScalar | Seen::Object | Seen::Array => false,
        }
    }

    fn finish(mut self) -> Result<Envelope, BadAnswer> {
        let as_of = self.as_of()?;
        if self.layout.not_found.as_ref().is_some_and(|condition| self.holds(condition)) {
            return if self.records == 0 {
                Ok(Envelope { found: false, as_of, records: 0 })
            } else {
                Err(BadAnswer::Contradictory)
            };
        }
        if self.layout.success.as_ref().is_some_and(|condition| !self.holds(condition)) {
            return Err(BadAnswer::NotSuccess);
        }
        match (&self.layout.records, self.records_place()) {
            (Records::Array { .. }, Seen::Array) => {}
            (Records::Single { .. }, Seen::Object) => self.emit(Part::Envelope)?,
            (_, Seen::Absent | Seen::Scalar("null")) => return Err(BadAnswer::RecordsMissing),
            _ => return Err(BadAnswer::RecordsForm),
        }
        Ok(Envelope { found: self.records > 0, as_of, records: self.records })
    }

    fn records_place(&self) -> Seen<'a> {
        match &self.layout.records {
            Records::Array { at, .. } | Records::Single { at } => self.at(*at),
        }
    }

    fn as_of(&self) -> Result<Option<String>, BadAnswer> {
        let Some(node) = self.layout.as_of else { return Ok(None) };
        let text = match self.at(node) {
            Seen::Absent | Seen::Raw("null") => return Ok(None),
            Seen::Raw(raw) => row::scalar_text(raw),
            _ => None,
        };
        let is_plain = |text: &str| {
            let plain = |byte: u8| {
                byte.is_ascii_digit() || matches!(byte, b'-' | b':' | b'+' | b'.' | b'/' | b'T' | b'Z' | b' ')
            };
            (1..=AS_OF_BYTES_MAX).contains(&text.len()) && text.bytes().all(plain)
        };
        text.filter(|text| is_plain(text)).map(|text| Some(text.into_owned())).ok_or(BadAnswer::AsOf)
    }
}

/// How many objects and arrays could open, those inside texts included: an upper bound of the depth.
fn opening_brackets(bytes: &[u8]) -> usize {
    const CHUNK: usize = 255; // what a byte can count
    let count = |chunk: &[u8]| chunk.iter().fold(0_u8, |sum, byte| sum.wrapping_add(u8::from(*byte | 0x20 == b'{')));
    bytes.chunks(CHUNK).map(|chunk| usize::from(count(chunk))).sum()
}

/// Whether a JSON text nests deeper than [`DEPTH_MAX`].
fn is_too_deep(json: &str) -> bool {
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    json.bytes().any(|byte| {
        if in_text {
            (in_text, escaped) = match byte {
                _ if escaped => (true, false),
                b'\\' => (true, true),
                b'"' => (false, false),
                _ => (true, false),
            };
            return false;
        }
        match byte {
            b'"' => in_text = true,
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth > DEPTH_MAX
    })
}
