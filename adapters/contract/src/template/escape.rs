//! How a value is written in each place, so that it stays a value.

use std::fmt::Write as _;

use quick_xml::Reader;
use quick_xml::events::Event;

use super::Unfilled;
use crate::spec::Charset;

/// Where a template stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// A path: values are percent-encoded, and refused where a server could read structure into them.
    Path,
    /// The value of one query parameter: all of it is percent-encoded, the template's own text too.
    Query,
    /// A JSON body: values stand inside strings and are escaped for them.
    Json,
    /// A form body: values are percent-encoded.
    Form,
    /// An XML body: values stand in text or in quoted attributes and are escaped for both.
    Xml,
    /// A header value: only ids that are plain ASCII.
    Header,
}

impl Place {
    pub(super) fn escape(self, text: &str, charset: Charset, out: &mut String) -> Result<(), Unfilled> {
        match self {
            Self::Path if text.is_empty() || text.chars().any(is_structure) => return Err(Unfilled::Unsafe),
            Self::Path | Self::Query | Self::Form => {
                percent_encode_bytes(&charset.encode(text).ok_or(Unfilled::Unsafe)?, out);
            }
            Self::Json => json(text, out),
            Self::Xml => xml(text, out)?,
            Self::Header if !text.bytes().all(|byte| byte.is_ascii_graphic()) => return Err(Unfilled::Unsafe),
            Self::Header => out.push_str(text),
        }
        Ok(())
    }
}

/// Characters that some servers treat as structure of a path even when they are percent-encoded.
fn is_structure(character: char) -> bool {
    matches!(character, '/' | '\\' | '%' | ';' | '?' | '#') || character.is_control()
}

/// Appends the text with all but the unreserved characters of RFC 3986 percent-encoded.
pub fn percent_encode(text: &str, out: &mut String) {
    percent_encode_bytes(text.as_bytes(), out);
}

fn percent_encode_bytes(bytes: &[u8], out: &mut String) {
    for &byte in bytes {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}"); // a String takes everything
        }
    }
}

/// Appends the text as it stands inside a JSON string.
pub(super) fn json(text: &str, out: &mut String) {
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            control if control < ' ' || control == '\u{7f}' => {
                let _ = write!(out, "\\u{:04x}", u32::from(control)); // a String takes everything
            }
            plain => out.push(plain),
        }
    }
}

/// Appends the text as a JSON string.
pub(crate) fn json_string(text: &str, out: &mut String) {
    out.push('"');
    json(text, out);
    out.push('"');
}

/// Appends the text as it stands in XML's text and attributes.
fn xml(text: &str, out: &mut String) -> Result<(), Unfilled> {
    for character in text.chars() {
        match character {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            control if control.is_control() => return Err(Unfilled::Unsafe),
            plain => out.push(plain),
        }
    }
    Ok(())
}

/// Whether the text is one well-formed element, as far as a parser without a schema tells.
pub(super) fn is_xml(text: &str) -> bool {
    let mut reader = Reader::from_str(text);
    let (mut depth, mut roots) = (0_usize, 0_usize);
    loop {
        match reader.read_event() {
            Ok(Event::Start(_)) => {
                roots += usize::from(depth == 0);
                depth += 1;
            }
            Ok(Event::Empty(_)) => roots += usize::from(depth == 0),
            Ok(Event::End(_)) => depth = depth.saturating_sub(1),
            Ok(Event::Text(text)) if depth == 0 && !text.trim_ascii().is_empty() => return false,
            Ok(Event::CData(_) | Event::GeneralRef(_)) if depth == 0 => return false,
            Ok(Event::DocType(_)) | Err(_) => return false,
            Ok(Event::Eof) => return depth == 0 && roots == 1,
            Ok(_) => {}
        }
    }
}

/// Whether a path template, braces included, is a path that can be sent safely.
pub(crate) fn is_path_template(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,=:@/{}%".contains(&byte);
    let segments = || text.get(1..).unwrap_or_default().split('/');
    text.starts_with('/')
        && text.bytes().all(plain)
        && !segments().any(|segment| matches!(segment, "." | ".."))
        && segments().rev().skip(1).all(|segment| !segment.is_empty())
        && text.split('%').skip(1).all(|after| {
            after.get(..2).is_some_and(|hex| {
                hex.bytes().all(|byte| byte.is_ascii_hexdigit())
                    && !matches!(hex, "2f" | "2F" | "5c" | "5C" | "00" | "2e" | "2E" | "25")
            })
        })
}

/// Follows whether a position in JSON text is inside a string.
#[derive(Default)]
pub(super) struct Quoting {
    inside: bool,
    escaped: bool,
}

impl Quoting {
    pub(super) fn read(&mut self, text: &str) {
        for byte in text.bytes() {
            (self.inside, self.escaped) = match (self.inside, byte) {
                (true, _) if self.escaped => (true, false),
                (true, b'\\') => (true, true),
                (inside, b'"') => (!inside, false),
                (inside, _) => (inside, false),
            };
        }
    }

    pub(super) fn is_inside(&self) -> bool {
        self.inside
    }
}
