//! The one reader of providers' answers: a single streaming pass, guided by a [`Layout`], that keeps
//! what is asked for as raw text and refuses whatever cannot be proven clean.

mod culprit;
mod page;
mod row;
mod scan;
mod walk;
mod xml;

use sluice_domain::ItemSet;

use crate::fault::BadAnswer;
use crate::layout::{Condition, Head, Layout, NodeIx, Outcome, Records, Source, Test};
use crate::paging::NEXT_BYTES_MAX;

pub use culprit::Culprit;
pub use page::{Page, Received, receive};
pub use row::{Cell, Row};

use row::Slot;
use scan::{Raw, Scan};
use walk::{Member, Part};

/// Deepest nesting of a part of an answer that is skipped.
pub const DEPTH_MAX: usize = 64;

/// Most records in one answer, all its pages together; a provider that sends more does not page.
pub const RECORDS_MAX: usize = 10_000;

/// Longest text of [`Envelope::as_of`] in bytes.
pub const AS_OF_BYTES_MAX: usize = 40;

/// Receives one record.
type OnRecord<'f> = &'f mut dyn FnMut(&Row<'_>) -> Result<(), BadAnswer>;

/// What an answer says beside its records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// Whether there was at least one record.
    pub found: bool,
    /// Date or time of the provider's data: ASCII digits, signs and the letters `T` and `Z` only. Of several
    /// pages that of the first.
    pub as_of: Option<String>,
    /// How many records were given to `on_record`.
    pub records: usize,
}

/// What a page says that the call needs to know before its records are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Examined {
    /// How many records it holds, one that says "not found" none.
    pub records: usize,
    /// Cursor or address of the next page, where the layout looks for it.
    pub next: Option<String>,
    /// What the error means that it declares to be.
    pub(crate) outcome: Option<Outcome>,
}

/// Reads the pages of an answer as one sequence and gives each record to `on_record`, in the provider's
/// order. No page is an answer that found nothing.
///
/// Conditions may stand behind the records: what `on_record` received may be given out only after
/// this returned `Ok`. A cell is a scalar, raw as the provider wrote it or as code map and format say; only
/// cells of `items` are in a row, and every one of them is.
///
/// # Errors
/// [`BadAnswer`] for whatever cannot be proven clean, and what `on_record` returns.
pub fn read(pages: &[Page], layout: &Layout, items: &ItemSet, on_record: OnRecord<'_>) -> Result<Envelope, BadAnswer> {
    read_noting(pages, layout, items, on_record, &Culprit::default())
}

/// [`read`], and which item the answer is refused for, if it is one.
///
/// # Errors
/// As [`read`].
pub fn read_noting(
    pages: &[Page],
    layout: &Layout,
    items: &ItemSet,
    on_record: OnRecord<'_>,
    culprit: &Culprit,
) -> Result<Envelope, BadAnswer> {
    let mut whole = Envelope { found: false, as_of: None, records: 0 };
    for page in pages {
        let mut reading = Reading::new(page, layout, items, (on_record, culprit))?;
        reading.records_max = RECORDS_MAX - whole.records;
        let one = reading.pass()?.finish()?;
        whole.found |= one.found;
        whole.records += one.records;
        whole.as_of = whole.as_of.or(one.as_of);
    }
    Ok(whole)
}

/// Looks through a page without giving its records to anyone.
///
/// # Errors
/// [`BadAnswer`] for a text that is not clean JSON, and `Next` for a next page that is named in no valid form.
pub fn examine(page: &Page, layout: &Layout) -> Result<Examined, BadAnswer> {
    let (mut ignored, nobody) = (|_: &Row<'_>| Ok(()), Culprit::default());
    let reading = Reading::new(page, layout, &ItemSet::EMPTY, (&mut ignored, &nobody))?.pass()?;
    let outcome = layout.conditions.outcome(reading.head, &mut |node, test| reading.passes(node, test));
    Ok(Examined { records: reading.count(), next: reading.next()?, outcome })
}

/// What was met at a node.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Seen<'a> {
    /// Nothing yet.
    Absent,
    /// A value that was not looked into.
    Raw(Raw<'a>),
    /// An object that was looked into.
    Object,
    /// An array that was looked into.
    Array,
}

/// State of one pass.
struct Reading<'a, 'f> {
    layout: &'a Layout,
    scan: Scan<'a>,
    head: Head,
    /// Item position and source of each wanted item.
    wanted: Vec<(usize, &'a Source)>,
    envelope: Vec<Seen<'a>>,
    record: Vec<Seen<'a>>,
    /// Wanted values of one record, by item position.
    slots: Vec<Slot<'a>>,
    /// Texts of values that were converted.
    converted: String,
    /// Members of the first record, in order.
    members: Vec<Member<'a>>,
    records: usize,
    records_max: usize,
    on_record: OnRecord<'f>,
    culprit: &'f Culprit,
}

impl<'a, 'f> Reading<'a, 'f> {
    fn new(
        page: &'a Page,
        layout: &'a Layout,
        items: &ItemSet,
        (on_record, culprit): (OnRecord<'f>, &'f Culprit),
    ) -> Result<Self, BadAnswer> {
        let text = simdutf8::basic::from_utf8(&page.text).map_err(|_| BadAnswer::NotUtf8)?;
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
            scan: Scan::new(text),
            head: page.head,
            wanted,
            envelope: vec![Seen::Absent; layout.envelope.len()],
            record: vec![Seen::Absent; record_nodes],
            slots: vec![Slot::Absent; layout.sources.len()],
            converted: String::new(),
            members: Vec::new(),
            records: 0,
            records_max: RECORDS_MAX,
            on_record,
            culprit,
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
        if self.records > self.records_max {
            return Err(BadAnswer::TooManyRecords);
        }
        let seen = match part {
            Part::Envelope => &self.envelope,
            Part::Record => &self.record,
        };
        self.converted.clear();
        for (position, source) in &self.wanted {
            let met = seen.get(usize::from(source.node)).copied().unwrap_or(Seen::Absent);
            let slot = match met {
                Seen::Raw(raw) => Slot::take(raw, source, &mut self.converted),
                Seen::Absent if self.layout.optional => Ok(Slot::Absent),
                Seen::Absent => Err(BadAnswer::ItemMissing),
                Seen::Object | Seen::Array => Err(BadAnswer::NotScalar),
            };
            let slot = slot.inspect_err(|_| self.culprit.note(*position))?;
            if let Some(place) = self.slots.get_mut(*position) {
                *place = slot;
            }
        }
        (self.on_record)(&Row::new(&self.slots, &self.converted))
    }

    fn at(&self, node: NodeIx) -> Seen<'a> {
        self.envelope.get(usize::from(node)).copied().unwrap_or(Seen::Absent)
    }

    /// Whether what stands at a node passes a test. Objects and arrays are something, but no text.
    fn passes(&self, node: NodeIx, test: &Test) -> bool {
        match self.at(node) {
            Seen::Absent => test.accepts(None),
            Seen::Raw(Raw { json: "null", .. }) if !matches!(test, Test::Equals(_)) => test.accepts(None),
            Seen::Raw(raw) => match row::scalar_text(raw.json) {
                Some(found) => test.accepts(Some(&found)),
                None => matches!(test, Test::Exists),
            },
            Seen::Object | Seen::Array => matches!(test, Test::Exists),
        }
    }

    fn holds(&self, condition: Option<&Condition>) -> Option<bool> {
        condition.map(|condition| condition.holds(self.head, &mut |node, test| self.passes(node, test)))
    }

    /// How many records the page holds.
    fn count(&self) -> usize {
        match self.layout.records {
            _ if self.holds(self.layout.conditions.not_found.as_ref()) == Some(true) => 0,
            Records::Array { .. } => self.records,
            Records::Single { .. } => usize::from(self.records_place() == Seen::Object),
        }
    }

    /// Where the next page is; nothing, null and an empty text end the sequence.
    fn next(&self) -> Result<Option<String>, BadAnswer> {
        let Some(node) = self.layout.next else { return Ok(None) };
        let text = match self.at(node) {
            Seen::Absent | Seen::Raw(Raw { json: "null" | "\"\"" | "false", .. }) => return Ok(None),
            Seen::Raw(raw) => row::scalar_text(raw.json),
            _ => None,
        };
        let is_sound = |text: &str| text.len() <= NEXT_BYTES_MAX && !text.chars().any(char::is_control);
        text.filter(|text| is_sound(text)).map(|text| Some(text.into_owned())).ok_or(BadAnswer::Next)
    }

    fn finish(mut self) -> Result<Envelope, BadAnswer> {
        let as_of = self.as_of()?;
        let conditions = &self.layout.conditions;
        if conditions.outcome(self.head, &mut |node, test| self.passes(node, test)).is_some() {
            return Err(BadAnswer::NotSuccess);
        }
        if self.holds(conditions.not_found.as_ref()) == Some(true) {
            return if self.records == 0 {
                Ok(Envelope { found: false, as_of, records: 0 })
            } else {
                Err(BadAnswer::Contradictory)
            };
        }
        if self.holds(conditions.success.as_ref()) == Some(false) {
            return Err(BadAnswer::NotSuccess);
        }
        match (&self.layout.records, self.records_place()) {
            (Records::Array { .. }, Seen::Array) => {}
            (Records::Single { .. }, Seen::Object) => self.emit(Part::Envelope)?,
            (_, Seen::Absent | Seen::Raw(Raw { json: "null", .. })) => return Err(BadAnswer::RecordsMissing),
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
            Seen::Absent | Seen::Raw(Raw { json: "null", .. }) => return Ok(None),
            Seen::Raw(raw) => row::scalar_text(raw.json),
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
