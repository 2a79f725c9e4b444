//! Query answers: the granted fields of the records that were asked for, masked where they must be.
//!
//! One pass over the provider's bytes; a kept value is copied as the provider wrote it, digit for
//! digit, a masked one is rewritten, everything else is never looked at twice.

use sluice_contract::answer::{Culprit, read_noting};
use sluice_contract::{BadAnswer, Cell, Fetched, Row};
use sluice_domain::subject::SubjectType;
use sluice_domain::{ItemSet, ItemType, Permit, Resource, mask, moment};

use super::{Body, KeyMatch, date_of_data, written};
use crate::subjects::{Tag, Tagger};

/// Which records of the chain an answer gives.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Page {
    /// Records before this page.
    pub(crate) offset: u32,
    /// Records of this page at most.
    pub(crate) limit: u32,
    /// Records of the whole chain at most.
    pub(crate) chain_max: u32,
}

/// A query answer, all but its end.
pub(crate) struct Projected {
    json: String,
    /// Records given.
    pub(crate) rows: u32,
    /// People whose identifiers are in the answer.
    pub(crate) subjects: Vec<Tag>,
    /// Date of the data, where the provider says.
    pub(crate) as_of: Option<String>,
    /// Where the next page begins, if there may be one.
    pub(crate) next_offset: Option<u32>,
}

impl Projected {
    /// Closes the body.
    pub(crate) fn finish(mut self, cursor: Option<&str>, as_of: &str) -> Body {
        self.json.push_str("],\"next_cursor\":");
        match cursor {
            Some(cursor) => written::string(&mut self.json, cursor),
            None => self.json.push_str("null"),
        }
        self.json.push_str(",\"as_of\":");
        written::string(&mut self.json, as_of);
        self.json.push('}');
        Body::new(self.json)
    }
}

/// An item as it is written into every record.
struct Column<'r> {
    at: usize,
    name: &'r str,
    kind: ItemType,
    length: usize,
    semantic: Option<sluice_domain::Semantic>,
    is_clear: bool,
    subject: Option<SubjectType>,
}

struct Writer<'w> {
    columns: Vec<Column<'w>>,
    key: &'w KeyMatch,
    culprit: &'w Culprit,
    tagger: &'w mut Tagger,
    json: String,
    subjects: Vec<Tag>,
    skip: u32,
    limit: u32,
    seen: u32,
    rows: u32,
    masked: String,
}

/// Reads the provider's answer and keeps what the permit grants.
///
/// # Errors
/// When anything of the answer cannot be proven clean; nothing of it is kept then, and the item that is at fault noted.
pub(crate) fn project(
    permit: &Permit,
    resource: &Resource,
    fetched: &Fetched,
    (key, page, culprit): (&KeyMatch, Page, &Culprit),
    tagger: &mut Tagger,
) -> Result<Projected, BadAnswer> {
    let fields = permit.fields();
    let mut writer = Writer {
        columns: columns(permit, resource),
        key,
        culprit,
        tagger,
        json: String::with_capacity(fetched.len().min(16 * 1024) + 96),
        subjects: Vec::new(),
        skip: page.offset.saturating_sub(fetched.skipped),
        limit: page.limit,
        seen: 0,
        rows: 0,
        masked: String::new(),
    };
    writer.json.push_str("{\"records\":[");
    let wanted: ItemSet = fields.union(permit.key());
    let on_record = &mut |row: &Row<'_>| writer.record(row);
    let envelope = read_noting(&fetched.pages, &fetched.layout, &wanted, on_record, culprit)?;
    let as_of = envelope.as_of.map(|text| date_of_data(&text)).transpose()?;
    let given_to = page.offset.saturating_add(writer.rows);
    // Once at the end: an answer can name a hundred thousand people.
    writer.subjects.sort_unstable();
    writer.subjects.dedup();
    let has_more = writer.seen > writer.skip.saturating_add(writer.rows);
    Ok(Projected {
        next_offset: (has_more && given_to < page.chain_max).then_some(given_to),
        json: writer.json,
        rows: writer.rows,
        subjects: writer.subjects,
        as_of,
    })
}

fn columns<'r>(permit: &Permit, resource: &'r Resource) -> Vec<Column<'r>> {
    let column = |(at, item): (usize, &'r sluice_domain::Item)| Column {
        at,
        name: item.code.as_str(),
        kind: item.kind,
        length: item.length as usize,
        semantic: item.semantic,
        is_clear: permit.clear().contains(at),
        // A key item was found equal to the request's, whose tag stands in the access record already.
        subject: SubjectType::of(item.semantic).filter(|_| !permit.key().contains(at)),
    };
    resource.items.iter().enumerate().filter(|(at, _)| permit.fields().contains(*at)).map(column).collect()
}

impl Writer<'_> {
    fn record(&mut self, row: &Row<'_>) -> Result<(), BadAnswer> {
        // Every record is checked, those outside the page too: a provider that answers for someone
        // else is not to be trusted with the rest.
        self.key.check(row, self.culprit)?;
        self.seen += 1;
        if self.seen <= self.skip || self.rows >= self.limit {
            return Ok(());
        }
        self.json.push_str(if self.rows == 0 { "{" } else { ",{" });
        self.rows += 1;
        let columns = std::mem::take(&mut self.columns);
        let outcome = columns.iter().enumerate().try_for_each(|(nth, column)| {
            self.item(nth == 0, column, row).inspect_err(|_| self.culprit.note(column.at))
        });
        self.columns = columns;
        self.json.push('}');
        outcome
    }

    fn item(&mut self, is_first: bool, column: &Column<'_>, row: &Row<'_>) -> Result<(), BadAnswer> {
        let cell = row.cell(column.at).ok_or(BadAnswer::ItemMissing)?;
        let raw = cell.raw();
        let is_null = raw == "null";
        if !is_null && !has_type(column, &cell) {
            return Err(BadAnswer::ItemType);
        }
        if !is_first {
            self.json.push(',');
        }
        // Item codes are ASCII letters, digits and underscores, so they need no escaping.
        self.json.push('"');
        self.json.push_str(column.name);
        self.json.push_str("\":");
        if is_null {
            self.json.push_str("null");
            return Ok(());
        }
        if column.is_clear {
            self.json.push_str(raw);
        }
        if !column.is_clear || column.subject.is_some() {
            let Some(text) = cell.as_text() else { return Err(BadAnswer::ItemType) };
            if let Some(kind) = column.subject {
                self.subjects.push(self.tagger.subject(kind, &text));
            }
            if !column.is_clear {
                self.masked.clear();
                mask::mask(column.semantic, &text, &mut self.masked);
                written::string(&mut self.json, &self.masked);
            }
        }
        Ok(())
    }
}

/// Whether a value is what the catalogue declares: its JSON type, a date where one is declared, and not longer than
/// the item may be. A provider that puts something else into an item may put a citizen's id there.
fn has_type(column: &Column<'_>, cell: &Cell<'_>) -> bool {
    if column.kind.is_number() {
        return cell.is_number();
    }
    if column.kind.is_boolean() {
        return cell.is_boolean();
    }
    if !cell.is_string() {
        return false;
    }
    // The quotes are two bytes, and a character has at least one: most values need no counting.
    let fits = column.length == 0 || cell.raw().len() <= column.length + 2;
    let is_date = matches!(column.kind, ItemType::D | ItemType::T);
    if fits && !is_date {
        return true;
    }
    let text = cell.as_text().unwrap_or_default();
    if is_date { text.is_empty() || moment::is_moment(&text) } else { fits || text.chars().count() <= column.length }
}
