//! Requests as raw bytes, in files that anyone can extend; `tests/corpus/README.md` gives their form.

use std::collections::BTreeMap;
use std::path::Path;

/// A request, and what must come of it.
#[derive(Debug, Clone)]
pub struct Case {
    /// `framing.http:12: two lengths`, for messages.
    pub name: String,
    /// What is sent.
    pub bytes: Vec<u8>,
    /// What must come back.
    pub expected: Expected,
}

/// What comes of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// The answer.
    pub answer: Wanted,
    /// Whether the connection ends with it.
    pub closes: bool,
    /// How many questions it puts to the provider.
    pub asked: usize,
}

/// The one answer of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// A problem document with this code.
    Refused(String),
    /// An answer with this status and no document: a 2xx, or the HTTP library's own.
    Status(u16),
    /// None.
    Nothing,
}

/// Reads every case of a file; `known` are the names that its texts may use.
///
/// # Panics
/// Where the file breaks its form, with its name and line.
pub fn read(path: &Path, known: &BTreeMap<&str, String>) -> Vec<Case> {
    let file = path.file_name().expect("a file").to_string_lossy().into_owned();
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{file}: {error}"));
    let mut names: BTreeMap<String, String> =
        known.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    let mut cases: Vec<Draft> = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let place = format!("{file}:{}", at + 1);
        match (line.strip_prefix("### "), cases.last_mut()) {
            (Some(name), _) => cases.push(Draft::new(format!("{place}: {name}"))),
            (None, Some(case)) => case.take(line),
            (None, None) if line.starts_with('@') => {
                let (name, value) = line[1..].split_once(" = ").unwrap_or_else(|| panic!("{place}: @name = value"));
                let value = expand(value, &names).unwrap_or_else(|why| panic!("{place}: {why}"));
                names.insert(name.to_owned(), value);
            }
            (None, None) => assert!(line.is_empty() || line.starts_with('#'), "{place}: what is this?"),
        }
    }
    cases.into_iter().map(|draft| draft.finish(&names)).collect()
}

/// A case while its lines are read.
struct Draft {
    name: String,
    expected: Option<Expected>,
    is_raw: bool,
    lines: Vec<String>,
}

impl Draft {
    fn new(name: String) -> Self {
        Self { name, expected: None, is_raw: false, lines: Vec::new() }
    }

    fn take(&mut self, line: &str) {
        let is_note = self.lines.is_empty() && (line.is_empty() || line.starts_with('#'));
        if !is_note {
            self.lines.push(line.to_owned());
            return;
        }
        if let Some(words) = line.strip_prefix("# @expect ") {
            self.expected = Some(Expected::read(words).unwrap_or_else(|| panic!("{}: {line}", self.name)));
        }
        self.is_raw |= line == "# @raw";
    }

    fn finish(self, names: &BTreeMap<String, String>) -> Case {
        let Self { name, expected, is_raw, mut lines } = self;
        let expected = expected.unwrap_or_else(|| panic!("{name}: no # @expect"));
        while lines.last().is_some_and(String::is_empty) {
            lines.pop();
        }
        let mut text = lines.join(if is_raw { "" } else { "\r\n" });
        if !is_raw && !lines.iter().any(String::is_empty) {
            text.push_str("\r\n\r\n");
        }
        let text = expand(&text, names).unwrap_or_else(|why| panic!("{name}: {why}"));
        let bytes = unescape(&text).unwrap_or_else(|why| panic!("{name}: {why}"));
        Case { name, bytes, expected }
    }
}

impl Expected {
    /// `ok`, `ok unasked`, `request.malformed closes`, `404`, `400 closes`, `nothing`.
    fn read(words: &str) -> Option<Self> {
        let mut words = words.split(' ');
        let answer = words.next()?;
        let mut expected = Self {
            answer: match (answer, answer.parse()) {
                ("ok", _) => Wanted::Status(200),
                ("nothing", _) => Wanted::Nothing,
                (_, Ok(status)) => Wanted::Status(status),
                (code, Err(_)) => code.contains('.').then(|| Wanted::Refused(code.to_owned()))?,
            },
            closes: answer == "nothing",
            asked: usize::from(answer == "ok"),
        };
        for word in words {
            match word {
                "closes" => expected.closes = true,
                "unasked" => expected.asked = 0,
                _ => return None,
            }
        }
        Some(expected)
    }
}

/// Replaces `{{name}}` by its value and `{{text*7}}` by seven times the text.
fn expand(text: &str, names: &BTreeMap<String, String>) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        out.push_str(before);
        let (inner, behind) = after.split_once("}}").ok_or("{{ without }}")?;
        match (names.get(inner), inner.rsplit_once('*')) {
            (Some(value), _) => out.push_str(value),
            (None, Some((piece, times))) => out.push_str(&piece.repeat(times.parse().map_err(|_| inner)?)),
            (None, None) => return Err(format!("{inner} is no name")),
        }
        rest = behind;
    }
    Ok(out + rest)
}

/// Makes bytes of `\r`, `\n`, `\t`, `\\` and `\xHH`.
fn unescape(text: &str) -> Result<Vec<u8>, String> {
    let mut out = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        if *byte != b'\\' {
            out.push(*byte);
            continue;
        }
        let (kind, after) = rest.split_first().ok_or("\\ at the end")?;
        rest = after;
        out.push(match kind {
            b'r' => b'\r',
            b'n' => b'\n',
            b't' => b'\t',
            b'\\' => b'\\',
            b'x' => {
                let (digits, after) = rest.split_at_checked(2).ok_or("\\xHH")?;
                rest = after;
                let digits = std::str::from_utf8(digits).map_err(|_| "\\xHH")?;
                u8::from_str_radix(digits, 16).map_err(|_| "\\xHH")?
            }
            other => return Err(format!("\\{} is no escape", char::from(*other))),
        });
    }
    Ok(out)
}
