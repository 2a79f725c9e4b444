//! Templates of paths, query parameters, headers and bodies: how a question is put in a provider's
//! dialect. A value can never become structure, since every place knows how values are escaped in it.
//!
//! | placeholder | stands for |
//! |---|---|
//! | `{ITEM}` | the value of key item `ITEM` |
//! | `{claim.ITEM}` | the claimed value of `ITEM`; empty where it is not claimed |
//! | `{limit}` `{offset}` | numbers of the page |
//! | `{request_id}` `{caller}` | id of the request, key of the calling party |
//! | `{key.*}` `{claim.*}` | JSON object of all key items, of all claims |
//! | `{items.*}` | JSON array of the names of the items wanted back |

mod escape;

use std::fmt::Write as _;

use sluice_domain::{ItemCode, ItemSet, Resource};

use crate::adapter::Ask;

pub(crate) use escape::is_path_template as is_plain_path;
pub use escape::{Place, percent_encode};

/// The provider's names of a resource's items, which templates refer to and `.*` writes.
pub struct Vocabulary<'r> {
    resource: &'r Resource,
    names: Vec<Box<str>>,
}

impl<'r> Vocabulary<'r> {
    /// Takes the declared names; an item without one, or with a pointer, goes by its code.
    pub fn new<'f>(resource: &'r Resource, name_of: impl Fn(&ItemCode) -> Option<&'f str>) -> Self {
        let plain = |code: &'r ItemCode| {
            name_of(code).filter(|name| !name.starts_with('/')).map_or(code.as_str().into(), Box::from)
        };
        Self { resource, names: resource.items.iter().map(|item| plain(&item.code)).collect() }
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
    /// A control character.
    #[error("control characters cannot be sent")]
    Control,
}

/// Why a template cannot be filled for one question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unfilled {
    /// An item that it names is not in the question.
    #[error("an item is not in the question")]
    Absent,
    /// A value that cannot stand safely in a path.
    #[error("a value cannot stand safely in a path")]
    Unsafe,
}

/// A compiled template.
pub struct Template {
    parts: Vec<Part>,
    place: Place,
    keys: ItemSet,
    named_keys: ItemSet,
    claims: ItemSet,
}

enum Part {
    Text(Box<str>),
    Value(Value),
}

#[derive(Clone, PartialEq, Eq)]
enum Value {
    Key(usize),
    Claim(usize),
    Limit,
    Offset,
    RequestId,
    Caller,
    AllKeys(Names),
    AllClaims(Names),
    AllItems(Names),
}

/// Names as JSON strings, by item position.
type Names = std::sync::Arc<[Box<str>]>;

impl Template {
    /// Compiles a template for a place.
    ///
    /// # Errors
    /// [`TemplateError`]; placeholders are checked against the resource's items.
    pub fn compile(text: &str, place: Place, vocabulary: &Vocabulary<'_>) -> Result<Self, TemplateError> {
        if text
            .chars()
            .any(|character| character.is_control() && !(place == Place::Json && character.is_ascii_whitespace()))
        {
            return Err(TemplateError::Control);
        }
        let mut template =
            Self { parts: Vec::new(), place, keys: ItemSet::EMPTY, named_keys: ItemSet::EMPTY, claims: ItemSet::EMPTY };
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
            percent_encode(text, &mut written);
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
            (Value::Key(_) | Value::Claim(_) | Value::RequestId | Value::Caller, Place::Json) if !inside => {
                return Err(TemplateError::Unquoted(name.to_owned()));
            }
            (Value::Key(_) | Value::Claim(_), Place::Header) => {
                return misplaced("a header: headers are logged on the way");
            }
            (Value::Claim(_), Place::Path) => return misplaced("a path: it may be absent"),
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

    /// Whether `{limit}` stands in it.
    pub fn has_limit(&self) -> bool {
        self.has(&Value::Limit)
    }

    /// Whether `{offset}` stands in it.
    pub fn has_offset(&self) -> bool {
        self.has(&Value::Offset)
    }

    fn has(&self, wanted: &Value) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Value(value) if value == wanted))
    }

    /// Appends the filled template.
    ///
    /// # Errors
    /// [`Unfilled::Absent`] when a key item is not in the question, or a claim in a query parameter;
    /// [`Unfilled::Unsafe`] when a value cannot stand in a path. `out` may then hold a part.
    pub fn fill(&self, ask: &Ask<'_>, out: &mut String) -> Result<(), Unfilled> {
        let start = out.len();
        for part in &self.parts {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Value(value) => self.write(value, ask, out)?,
            }
        }
        let path = out.get(start..).unwrap_or_default();
        if self.place == Place::Path && path.split('/').any(|segment| matches!(segment, "." | "..")) {
            return Err(Unfilled::Unsafe);
        }
        Ok(())
    }

    fn write(&self, value: &Value, ask: &Ask<'_>, out: &mut String) -> Result<(), Unfilled> {
        match value {
            Value::Key(item) => self.place.escape(find(ask.key, *item).ok_or(Unfilled::Absent)?, out),
            Value::Claim(item) => match find(ask.claims, *item) {
                Some(text) => self.place.escape(text, out),
                None if self.place == Place::Query => Err(Unfilled::Absent),
                None => Ok(()),
            },
            Value::RequestId => self.place.escape(ask.request_id, out),
            Value::Caller => self.place.escape(ask.caller, out),
            Value::Limit => number(ask.limit, out),
            Value::Offset => number(ask.offset, out),
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

impl Part {
    fn sample(&self) -> &str {
        match self {
            Self::Text(text) => text,
            Self::Value(Value::Limit | Value::Offset) => "1",
            Self::Value(Value::AllKeys(_) | Value::AllClaims(_) | Value::AllItems(_)) => "[]",
            Self::Value(_) => "x",
        }
    }
}

/// The name in braces at the beginning and what follows.
fn placeholder(text: &str) -> Option<(&str, &str)> {
    let (name, after) = text.strip_prefix('{')?.split_once('}')?;
    let is_name =
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'*'));
    is_name.then_some((name, after))
}

fn value_of(name: &str, vocabulary: &Vocabulary<'_>) -> Result<Value, TemplateError> {
    let unknown = || TemplateError::Unknown(name.to_owned());
    let all = || {
        vocabulary.names.iter().map(|name| serde_json::to_string(name).unwrap_or_default().into()).collect::<Names>()
    };
    if let Some(claimed) = name.strip_prefix("claim.").filter(|claimed| *claimed != "*") {
        return vocabulary.resource.item(claimed).map(|(at, _)| Value::Claim(at)).ok_or_else(unknown);
    }
    match name {
        "limit" => Ok(Value::Limit),
        "offset" => Ok(Value::Offset),
        "request_id" => Ok(Value::RequestId),
        "caller" => Ok(Value::Caller),
        "key.*" => Ok(Value::AllKeys(all())),
        "claim.*" => Ok(Value::AllClaims(all())),
        "items.*" => Ok(Value::AllItems(all())),
        code => match vocabulary.resource.item(code) {
            Some((at, item)) if item.key => Ok(Value::Key(at)),
            Some(_) => Err(TemplateError::NotKey(code.to_owned())),
            None => Err(unknown()),
        },
    }
}

fn find<'a>(values: &[(usize, &'a str)], item: usize) -> Option<&'a str> {
    values.iter().find(|(at, _)| *at == item).map(|(_, text)| *text)
}

#[expect(clippy::unnecessary_wraps, reason = "all ways of writing a value have one form")]
fn number(number: u32, out: &mut String) -> Result<(), Unfilled> {
    let _ = write!(out, "{number}"); // a String takes everything
    Ok(())
}

fn object(values: &[(usize, &str)], names: &Names, out: &mut String) -> Result<(), Unfilled> {
    let members: Option<Vec<_>> = values.iter().map(|(at, text)| Some((names.get(*at)?, *text))).collect();
    list(members.ok_or(Unfilled::Absent)?.into_iter(), ('{', '}'), out, |(name, text), out| {
        out.push_str(name);
        out.push_str(":\"");
        escape::json(text, out);
        out.push('"');
    });
    Ok(())
}

fn list<T>(
    entries: impl Iterator<Item = T>,
    (open, close): (char, char),
    out: &mut String,
    mut write: impl FnMut(T, &mut String),
) {
    out.push(open);
    for (at, entry) in entries.enumerate() {
        if at > 0 {
            out.push(',');
        }
        write(entry, out);
    }
    out.push(close);
}
