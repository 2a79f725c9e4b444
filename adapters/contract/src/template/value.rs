//! What a placeholder stands for, and how lists of values are written.

use std::fmt::Write as _;

use super::{TemplateError, Unfilled, Vocabulary, escape};

/// What a placeholder stands for.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Value {
    Key(usize),
    Claim(usize),
    Limit,
    Offset,
    Page,
    PageSize,
    Cursor,
    RequestId,
    Caller,
    AllKeys(Names),
    AllClaims(Names),
    AllItems(Names),
}

/// Names as JSON strings, by item position.
pub(super) type Names = std::sync::Arc<[Box<str>]>;

/// The name in braces at the beginning and what follows.
pub(super) fn placeholder(text: &str) -> Option<(&str, &str)> {
    let (name, after) = text.strip_prefix('{')?.split_once('}')?;
    let is_name =
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'*'));
    is_name.then_some((name, after))
}

pub(super) fn value_of(name: &str, vocabulary: &Vocabulary<'_>) -> Result<Value, TemplateError> {
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
        "page" => Ok(Value::Page),
        "page_size" => Ok(Value::PageSize),
        "cursor" => Ok(Value::Cursor),
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

pub(super) fn find<'a>(values: &[(usize, &'a str)], item: usize) -> Option<&'a str> {
    values.iter().find(|(at, _)| *at == item).map(|(_, text)| *text)
}

#[expect(clippy::unnecessary_wraps, reason = "all ways of writing a value have one form")]
pub(super) fn number(number: u32, out: &mut String) -> Result<(), Unfilled> {
    let _ = write!(out, "{number}"); // a String takes everything
    Ok(())
}

pub(super) fn object(values: &[(usize, &str)], names: &Names, out: &mut String) -> Result<(), Unfilled> {
    let members: Option<Vec<_>> = values.iter().map(|(at, text)| Some((names.get(*at)?, *text))).collect();
    list(members.ok_or(Unfilled::Absent)?.into_iter(), ('{', '}'), out, |(name, text), out| {
        out.push_str(name);
        out.push_str(":\"");
        escape::json(text, out);
        out.push('"');
    });
    Ok(())
}

pub(super) fn list<T>(
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
