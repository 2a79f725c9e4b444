//! Templates of paths, query parameters, headers and bodies: how a question is put in a provider's
//! dialect. A value can never become structure, since every place knows how values are escaped in it.
//!
//! | placeholder | stands for |
//! |---|---|
//! | `{ITEM}` | the value of key item `ITEM` |
//! | `{claim.ITEM}` | the claimed value of `ITEM`; empty where it is not claimed |
//! | `{limit}` `{offset}` `{page}` `{page_size}` | numbers of the page |
//! | `{cursor}` | what the page before said of this one; empty for the first |
//! | `{request_id}` `{caller}` | id of the request, key of the calling party |
//! | `{key.*}` `{claim.*}` | JSON object of all key items, of all claims |
//! | `{items.*}` | JSON array of the names of the items wanted back |

mod escape;
mod value;

use sluice_domain::{ItemCode, ItemSet, Resource};

use crate::adapter::Ask;
use crate::paging::Turn;
use crate::spec::Charset;

pub use escape::{Place, percent_encode};
pub(crate) use escape::{is_path_template as is_plain_path, json_string};
use value::{Value, find, list, number, object, placeholder, value_of};

/// The provider's names of a resource's items, which templates refer to and `.*` writes.
pub struct Vocabulary<'r> {
    resource: &'r Resource,
    names: Vec<Box<str>>,
    charset: Charset,
}

impl<'r> Vocabulary<'r> {
    /// Takes the declared names; an item without one, or with a pointer, goes by its code.
    pub fn new<'f>(resource: &'r Resource, name_of: impl Fn(&ItemCode) -> Option<&'f str>) -> Self {
        let plain = |code: &'r ItemCode| {
            name_of(code).filter(|name| !name.starts_with('/')).map_or(code.as_str().into(), Box::from)
        };
        let names = resource.items.iter().map(|item| plain(&item.code)).collect();
        Self { resource, names, charset: Charset::Utf8 }
    }

    /// Values are percent-encoded in this character encoding.
    #[must_use]
    pub fn sent_in(self, charset: Charset) -> Self {
        Self { charset, ..self }
    }
}

/// Why a template cannot be compiled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// A placeholder that means nothing here; the text is the binding's own.
    #[error("{{{0}}} means nothing here")]
    Unknown(String),
    /// An item in braces that cannot be a key.
    #[error("{{{0}}} is no key item: a claimed value is written {{claim.{0}}}")]
    NotKey(String),
    /// A placeholder that cannot stand in such a place.
    #[error("{{{0}}} cannot stand in {1}")]
    Misplaced(String, &'static str),
    /// A brace that belongs to no placeholder.
    #[error("a brace stands alone")]
    Brace,
    /// Not a path that can be sent safely.
    #[error("a path begins with a slash and has no empty segment, dot segment, backslash, `?`, `#`, `;` or stray `%`")]
    Path,
    /// A text outside JSON strings where only a number or a `.*` may stand.
    #[error("{{{0}}} must stand inside quotes")]
    Unquoted(String),
    /// A number or a `.*` inside a JSON string or not in JSON.
    #[error("{{{0}}} must stand outside quotes, in a JSON body")]
    Quoted(String),
    /// The body would not be JSON.
    #[error("the body is not JSON")]
    NotJson,
    /// The body would not be XML.
    #[error("the body is not well-formed XML")]
    NotXml,
    /// A control character.
    #[error("control characters cannot be sent")]
    Control,
    /// A character that the encoding of requests lacks.
    #[error("the declared request encoding lacks a character")]
    Charset,
}

/// Why a template cannot be filled for one question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unfilled {
    /// An item that it names is not in the question.
    #[error("an item is not in the question")]
    Absent,
    /// A value that cannot stand safely in its place, or has characters that the provider's encoding lacks.
    #[error("a value cannot stand safely in its place")]
    Unsafe,
}

/// A compiled template.
pub struct Template {
    parts: Vec<Part>,
    place: Place,
    charset: Charset,
    keys: ItemSet,
    named_keys: ItemSet,
    claims: ItemSet,
}

enum Part {
    Text(Box<str>),
    Value(Value),
}

impl Template {
    /// Compiles a template for a place.
    ///
    /// # Errors
    /// [`TemplateError`]; placeholders are checked against the resource's items.
    pub fn compile(text: &str, place: Place, vocabulary: &Vocabulary<'_>) -> Result<Self, TemplateError> {
        let has_lines = matches!(place, Place::Json | Place::Xml);
        if text.chars().any(|character| character.is_control() && !(has_lines && character.is_ascii_whitespace())) {
            return Err(TemplateError::Control);
        }
        if vocabulary.charset.encode(text).is_none() {
            return Err(TemplateError::Charset);
        }
        let none = ItemSet::EMPTY;
        let charset = vocabulary.charset;
        let mut template = Self { parts: Vec::new(), place, charset, keys: none, named_keys: none, claims: none };
        let mut rest = text;
        let mut quoting = escape::Quoting::default();
        while let Some(brace) = rest.find(['{', '}']) {
            let (before, from) = rest.split_at(brace);
            match placeholder(from) {
                Some((name, after)) => {
                    template.literal(before, &mut quoting);
                    let value = value_of(name, vocabulary)?;
                    template.accept(name, value, quoting.is_inside())?;
                    rest = after;
                }
                None if place == Place::Json => {
                    let (plain, after) = rest.split_at(brace + 1);
                    template.literal(plain, &mut quoting);
                    rest = after;
                }
                None => return Err(TemplateError::Brace),
            }
        }
        template.literal(rest, &mut quoting);
        template.check_whole(text)?;
        Ok(template)
    }

    fn literal(&mut self, text: &str, quoting: &mut escape::Quoting) {
        if text.is_empty() {
            return;
        }
        quoting.read(text);
        let mut written = String::with_capacity(text.len());
        if self.place == Place::Query {
            let _ = self.place.escape(text, self.charset, &mut written); // its characters were checked
        } else {
            written.push_str(text);
        }
        match self.parts.last_mut() {
            Some(Part::Text(last)) => *last = format!("{last}{written}").into(),
            _ => self.parts.push(Part::Text(written.into())),
        }
    }

    fn accept(&mut self, name: &str, value: Value, inside: bool) -> Result<(), TemplateError> {
        let misplaced = |what| Err(TemplateError::Misplaced(name.to_owned(), what));
        match (&value, self.place) {
            (Value::AllKeys(_) | Value::AllClaims(_) | Value::AllItems(_), place) if place != Place::Json || inside => {
                return Err(TemplateError::Quoted(name.to_owned()));
            }
            (Value::Key(_) | Value::Claim(_) | Value::RequestId | Value::Caller | Value::Cursor, Place::Json)
                if !inside =>
            {
                return Err(TemplateError::Unquoted(name.to_owned()));
            }
            (Value::Key(_) | Value::Claim(_), Place::Header) => {
                return misplaced("a header: headers are logged on the way");
            }
            (Value::Claim(_) | Value::Cursor, Place::Path) => return misplaced("a path: it may be absent"),
            (Value::Cursor, Place::Header) => return misplaced("a header: write a query parameter"),
            (Value::Key(item), _) => {
                self.keys.insert(*item);
                self.named_keys.insert(*item);
            }
            (Value::Claim(item), _) => self.claims.insert(*item),
            _ => {}
        }
        if let Value::AllKeys(names) = &value {
            self.keys = ItemSet::first(names.len());
        }
        if let Value::AllClaims(names) = &value {
            self.claims = ItemSet::first(names.len());
        }
        self.parts.push(Part::Value(value));
        Ok(())
    }

    fn check_whole(&self, text: &str) -> Result<(), TemplateError> {
        match self.place {
            Place::Path if !escape::is_path_template(text) => Err(TemplateError::Path),
            Place::Json => {
                let sample: String = self.parts.iter().map(Part::sample).collect();
                serde_json::from_str::<serde::de::IgnoredAny>(&sample).map(|_| ()).map_err(|_| TemplateError::NotJson)
            }
            Place::Xml => {
                let sample: String = self.parts.iter().map(Part::sample).collect();
                if escape::is_xml(&sample) { Ok(()) } else { Err(TemplateError::NotXml) }
            }
            _ => Ok(()),
        }
    }

    /// Key items whose values it sends.
    pub fn keys(&self) -> ItemSet {
        self.keys
    }

    /// Key items that it names one by one, so that a question without them cannot be put.
    pub fn named_keys(&self) -> ItemSet {
        self.named_keys
    }

    /// Items whose claimed values it sends.
    pub fn claims(&self) -> ItemSet {
        self.claims
    }

    /// Whether a number or cursor of the page stands in it, by the name of its placeholder.
    pub(crate) fn names(&self, name: &str) -> bool {
        let wanted = match name {
            "limit" => Value::Limit,
            "offset" => Value::Offset,
            "page" => Value::Page,
            "page_size" => Value::PageSize,
            "cursor" => Value::Cursor,
            _ => return false,
        };
        self.has(&wanted)
    }

    fn has(&self, wanted: &Value) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Value(value) if value == wanted))
    }

    /// Appends the template, filled for one page of a question.
    ///
    /// # Errors
    /// [`Unfilled::Absent`] when a key item is not in the question, or a claim or the cursor of a query
    /// parameter; [`Unfilled::Unsafe`] when a value cannot stand where it should. `out` may then hold a part.
    pub fn fill(&self, ask: &Ask<'_>, turn: &Turn<'_>, out: &mut String) -> Result<(), Unfilled> {
        let start = out.len();
        for part in &self.parts {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Value(value) => self.write(value, ask, turn, out)?,
            }
        }
        let path = out.get(start..).unwrap_or_default();
        if self.place == Place::Path && path.split('/').any(|segment| matches!(segment, "." | "..")) {
            return Err(Unfilled::Unsafe);
        }
        Ok(())
    }

    fn write(&self, value: &Value, ask: &Ask<'_>, turn: &Turn<'_>, out: &mut String) -> Result<(), Unfilled> {
        match value {
            Value::Key(item) => self.text(find(ask.key, *item).ok_or(Unfilled::Absent)?, out),
            Value::Claim(item) => self.text_or_absent(find(ask.claims, *item), out),
            Value::Cursor => self.text_or_absent(turn.cursor, out),
            Value::RequestId => self.text(ask.request_id, out),
            Value::Caller => self.text(ask.caller, out),
            Value::Limit | Value::PageSize => number(turn.limit, out),
            Value::Offset => number(turn.offset, out),
            Value::Page => number(turn.page, out),
            Value::AllKeys(names) => object(ask.key, names, out),
            Value::AllClaims(names) => object(ask.claims, names, out),
            Value::AllItems(names) => {
                list(ask.items.iter().filter_map(|item| names.get(item)), ('[', ']'), out, |name, out| {
                    out.push_str(name);
                });
                Ok(())
            }
        }
    }
}

impl Template {
    fn text(&self, text: &str, out: &mut String) -> Result<(), Unfilled> {
        self.place.escape(text, self.charset, out)
    }

    fn text_or_absent(&self, text: Option<&str>, out: &mut String) -> Result<(), Unfilled> {
        match text {
            Some(text) => self.text(text, out),
            None if self.place == Place::Query => Err(Unfilled::Absent),
            None => Ok(()),
        }
    }
}

impl Part {
    fn sample(&self) -> &str {
        match self {
            Self::Text(text) => text,
            Self::Value(Value::Limit | Value::Offset | Value::Page | Value::PageSize) => "1",
            Self::Value(Value::AllKeys(_) | Value::AllClaims(_) | Value::AllItems(_)) => "[]",
            Self::Value(_) => "x",
        }
    }
}
