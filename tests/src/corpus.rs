//! What hostile and careless peers send, in files that anyone can extend; `tests/corpus/README.md` gives their forms.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::binary::workspace;

/// What the texts of a file may name.
pub type Names = BTreeMap<String, String>;

/// A case of any kind: its notes and its lines.
#[derive(Debug, Clone)]
pub struct Entry {
    /// `framing.http:12: two lengths`, for messages.
    pub name: String,
    /// Names given at the top of its file.
    given: Vec<(String, String)>,
    notes: Vec<(String, String)>,
    lines: Vec<String>,
}

/// Reads every case of a folder of the corpus.
pub fn folder(folder: &str) -> Vec<Entry> {
    let folder = workspace().join("tests/corpus").join(folder);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    files.sort();
    files.iter().flat_map(|file| read(file)).collect()
}

/// Reads every case of a file.
fn read(path: &Path) -> Vec<Entry> {
    let file = path.file_name().expect("a file").to_string_lossy().into_owned();
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{file}: {error}"));
    let mut given = Vec::new();
    let mut entries: Vec<Entry> = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let place = format!("{file}:{}", at + 1);
        match (line.strip_prefix("### "), entries.last_mut()) {
            (Some(name), _) => {
                let (notes, lines) = (Vec::new(), Vec::new());
                entries.push(Entry { name: format!("{place}: {name}"), given: given.clone(), notes, lines });
            }
            (None, Some(entry)) => entry.take(line),
            (None, None) if line.starts_with('@') => {
                let (name, value) = line[1..].split_once(" = ").unwrap_or_else(|| panic!("{place}: @name = value"));
                given.push((name.to_owned(), value.to_owned()));
            }
            (None, None) => assert!(line.is_empty() || line.starts_with('#'), "{place}: what is this?"),
        }
    }
    for entry in &mut entries {
        while entry.lines.last().is_some_and(String::is_empty) {
            entry.lines.pop();
        }
    }
    entries
}

impl Entry {
    fn take(&mut self, line: &str) {
        let is_note = self.lines.is_empty() && (line.is_empty() || line.starts_with('#'));
        if !is_note {
            self.lines.push(line.to_owned());
        } else if let Some(note) = line.strip_prefix("# @") {
            let (word, value) = note.split_once(' ').unwrap_or((note, ""));
            self.notes.push((word.to_owned(), value.to_owned()));
        }
    }

    /// What stands behind `# @word` of a note, if it is there.
    pub fn note(&self, word: &str) -> Option<&str> {
        self.notes_of(word).next()
    }

    /// What stands behind every `# @word`.
    pub fn notes_of<'e>(&'e self, word: &str) -> impl Iterator<Item = &'e str> {
        self.notes.iter().filter(move |(known, _)| known == word).map(|(_, value)| value.as_str())
    }

    /// What must come of it.
    pub fn expected(&self) -> &str {
        self.note("expect").unwrap_or_else(|| panic!("{}: no # @expect", self.name))
    }

    /// Its lines, with names replaced.
    pub fn lines(&self, known: &Names) -> Vec<String> {
        let known = self.names(known);
        self.lines.iter().map(|line| self.told(expand(line, &known))).collect()
    }

    /// Its lines as the bytes of a message of HTTP/1.1: they end with CRLF, or with `# @raw` they say themselves how;
    /// a head that does not end is ended.
    pub fn message(&self, known: &Names) -> Vec<u8> {
        let is_raw = self.note("raw").is_some();
        let mut text = self.lines.join(if is_raw { "" } else { "\r\n" });
        if !is_raw && !self.lines.iter().any(String::is_empty) {
            text.push_str("\r\n\r\n");
        }
        self.told(expand(&text, &self.names(known)).and_then(|text| unescape(&text)))
    }

    fn names(&self, known: &Names) -> Names {
        let mut names = known.clone();
        for (name, value) in &self.given {
            let value = self.told(expand(value, &names));
            names.insert(name.clone(), value);
        }
        names
    }

    fn told<T>(&self, outcome: Result<T, String>) -> T {
        outcome.unwrap_or_else(|why| panic!("{}: {why}", self.name))
    }
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
    /// HTTP/2: the stream is reset.
    Reset,
}

impl Expected {
    /// `ok`, `ok unasked`, `request.malformed closes`, `404`, `400 closes`, `nothing`, `reset`.
    pub fn of(entry: &Entry) -> Self {
        Self::read(entry.expected()).unwrap_or_else(|| panic!("{}: {}", entry.name, entry.expected()))
    }

    fn read(words: &str) -> Option<Self> {
        let mut words = words.split(' ');
        let answer = words.next()?;
        let mut expected = Self {
            answer: match (answer, answer.parse()) {
                ("ok", _) => Wanted::Status(200),
                ("nothing", _) => Wanted::Nothing,
                ("reset", _) => Wanted::Reset,
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

/// Replaces `{{name}}` by its value, `{{text*7}}` by seven times the text, and `{{now-60}}` by a time.
fn expand(text: &str, names: &Names) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        out.push_str(before);
        let (inner, behind) = after.split_once("}}").ok_or("{{ without }}")?;
        match (names.get(inner), moment(inner, names), inner.rsplit_once('*')) {
            (Some(value), ..) => out.push_str(value),
            (None, Some(moment), _) => out.push_str(&moment.to_string()),
            (None, None, Some((piece, times))) => out.push_str(&piece.repeat(times.parse().map_err(|_| inner)?)),
            (None, None, None) => return Err(format!("{inner} is no name")),
        }
        rest = behind;
    }
    Ok(out + rest)
}

/// `now+600` in seconds since 1970.
fn moment(text: &str, names: &Names) -> Option<i64> {
    let offset: i64 = text.strip_prefix("now")?.parse().ok()?;
    Some(names.get("now")?.parse::<i64>().ok()? + offset)
}

/// Makes bytes of `\r`, `\n`, `\t`, `\\` and `\xHH`.
///
/// # Errors
/// What is no escape.
pub fn unescape(text: &str) -> Result<Vec<u8>, String> {
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

/// What the runs of every case found wrong, in one message.
pub fn report(cases: usize, at_least: usize, faults: &[String]) {
    assert!(cases >= at_least, "{cases} cases: fewer would mean that files were lost");
    assert!(faults.is_empty(), "{} of {cases} cases:\n{}", faults.len(), faults.join("\n"));
}
