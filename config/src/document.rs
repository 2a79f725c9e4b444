//! A TOML file with the place of everything in it.
//!
//! The tree is kept beside the typed form, so that any later check can name line and column by a
//! dotted path such as `grants.3.fields.0`, and the typed structs stay free of spans.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::de::{DeserializeOwned, IntoDeserializer};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::fault::{Fault, meant, nearest};
use crate::{json, shape};

/// Longest configuration or catalogue file: far above a city's whole catalogue, far below memory.
const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Unknown keys reported for one table before reading gives up.
const UNKNOWN_KEYS_MAX: usize = 32;

/// A file's text, its name for messages, and the folder that its relative paths start from.
pub(crate) struct Source {
    path: PathBuf,
    name: String,
    folder: PathBuf,
    text: String,
    /// What stands in the file, where the text was made of it.
    original: Option<String>,
}

impl Source {
    /// Reads the file.
    pub(crate) fn read(path: &Path) -> Result<Self, Fault> {
        let name = path.display().to_string();
        let text = read_bounded(path)
            .and_then(|bytes| String::from_utf8(bytes).map_err(|_| String::from("is not UTF-8 text")));
        let text =
            text.map_err(|cause| Fault { file: name.clone(), line: 1, column: 1, message: cause, hint: None })?;
        let folder = path.parent().map_or_else(PathBuf::new, Path::to_path_buf);
        Ok(Self { path: path.to_path_buf(), name, folder, text, original: None })
    }

    /// Reads a file that may be in JSON as well.
    pub(crate) fn read_either(path: &Path) -> Result<Self, Fault> {
        let source = Self::read(path)?;
        if !json::is_json(&source.text) {
            return Ok(source);
        }
        match json::as_toml(&source.text) {
            Ok(text) => Ok(Self { original: Some(source.text), text, ..source }),
            Err((line, column, message)) => Err(Fault { file: source.name, line, column, message, hint: None }),
        }
    }

    /// Where the file is, as it was named.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Its bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.original.as_ref().unwrap_or(&self.text).as_bytes()
    }

    fn fault(&self, offset: usize, message: String, hint: Option<String>) -> Fault {
        let before = self.text.get(..offset).unwrap_or(&self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, |last| last.chars().count()) + 1;
        Fault { file: self.name.clone(), line, column, message, hint }
    }
}

/// Reads a file of at most [`FILE_BYTES_MAX`]; the error is a sentence without the file's content.
pub(crate) fn read_bounded(path: &Path) -> Result<Vec<u8>, String> {
    let described = fs::metadata(path).map_err(|cause| format!("cannot be read: {cause}"))?;
    if !described.is_file() {
        return Err(String::from("is not a file"));
    }
    if described.len() > FILE_BYTES_MAX {
        return Err(format!("is longer than {FILE_BYTES_MAX} bytes"));
    }
    fs::read(path).map_err(|cause| format!("cannot be read: {cause}"))
}

/// A parsed file.
pub(crate) struct Document<'s> {
    source: &'s Source,
    tree: DeTable<'s>,
}

impl<'s> Document<'s> {
    /// Parses; an error of syntax becomes a fault, and then there is no document. Only the first is
    /// told: the rest are mostly its consequences.
    pub(crate) fn parse(source: &'s Source, faults: &mut Vec<Fault>) -> Option<Self> {
        match DeTable::parse(&source.text) {
            Ok(tree) => Some(Self { source, tree: tree.into_inner() }),
            Err(error) => {
                let (message, hint) = shape::syntax(error.message());
                faults.push(source.fault(error.span().map_or(0, |span| span.start), message, hint));
                None
            }
        }
    }

    /// The file itself.
    pub(crate) fn source(&self) -> &'s Source {
        self.source
    }

    /// A relative path of this file, made relative to the process's folder.
    pub(crate) fn resolve(&self, path: &Path) -> PathBuf {
        self.source.folder.join(path)
    }

    /// Reports every top-level key that is not one of `known`.
    pub(crate) fn only(&self, known: &[&str], faults: &mut Vec<Fault>) {
        for key in self.tree.keys().filter(|key| !known.contains(&key.get_ref().as_ref())) {
            let name = key.get_ref();
            let message = format!("unknown section \"{name}\"");
            faults.push(self.source.fault(key.span().start, message, meant(name, known.iter().copied())));
        }
    }

    /// Whether a top-level key stands in the file.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.tree.contains_key(key)
    }

    /// Whether some unknown top-level key most likely meant this one.
    pub(crate) fn has_misspelt(&self, key: &str, known: &[&str]) -> bool {
        let mut unknown = self.tree.keys().map(|name| name.get_ref().as_ref()).filter(|name| !known.contains(name));
        unknown.any(|name| nearest(name, known.iter().copied()) == Some(key))
    }

    /// One `[section]` in its typed form.
    pub(crate) fn section<T: DeserializeOwned>(&self, key: &str, faults: &mut Vec<Fault>) -> Option<T> {
        let (name, value) = self.tree.get_key_value(key)?;
        if !value.get_ref().is_table() {
            let hint = Some(format!("write [{key}] on a line of its own, its keys below"));
            faults.push(self.source.fault(name.span().start, format!("\"{key}\" is a section"), hint));
            return None;
        }
        self.typed(value, faults)
    }

    /// How many `[[key]]` entries stand in the file; anything else under that key is a fault.
    pub(crate) fn count(&self, key: &str, faults: &mut Vec<Fault>) -> usize {
        match self.tree.get_key_value(key) {
            None => 0,
            Some((_, value)) if value.get_ref().is_array() => {
                value.get_ref().as_array().map_or(0, |entries| entries.len())
            }
            Some((name, _)) => {
                let hint = Some(format!("write [[{key}]] before each entry"));
                faults.push(self.source.fault(name.span().start, format!("\"{key}\" is a list of entries"), hint));
                0
            }
        }
    }

    /// One `[[key]]` entry in its typed form.
    pub(crate) fn entry<T: DeserializeOwned>(&self, key: &str, at: usize, faults: &mut Vec<Fault>) -> Option<T> {
        self.typed(self.tree.get(key)?.get_ref().get(at)?, faults)
    }

    /// A text at a path, whatever else is wrong around it.
    pub(crate) fn text_at(&self, path: &str) -> Option<&str> {
        self.find(path).1.and_then(|value| value.get_ref().as_str())
    }

    /// A fault at a dotted path, or at the nearest place above it that exists.
    pub(crate) fn fault(&self, path: &str, message: impl Into<String>, hint: Option<String>) -> Fault {
        self.source.fault(self.find(path).0, message.into(), hint)
    }

    /// `file:line` of a path, to point at a second place from within a message.
    pub(crate) fn place(&self, path: &str) -> String {
        let fault = self.fault(path, "", None);
        format!("{}:{}", fault.file, fault.line)
    }

    fn find(&self, path: &str) -> (usize, Option<&Spanned<DeValue<'s>>>) {
        let mut steps = path.split('.');
        let Some(mut here) = steps.next().and_then(|first| self.tree.get(first)) else {
            return (0, None);
        };
        for step in steps {
            let next = match here.get_ref() {
                DeValue::Table(table) => table.get(step),
                DeValue::Array(list) => step.parse::<usize>().ok().and_then(|at| list.get(at)),
                _ => None,
            };
            match next {
                Some(found) => here = found,
                None => return (here.span().start, None),
            }
        }
        (here.span().start, Some(here))
    }

    /// Types a value. A misspelt key is reported and read as the key it most likely meant (or left
    /// out), so that one misspelling neither hides nor causes another fault.
    fn typed<T: DeserializeOwned>(&self, value: &Spanned<DeValue<'s>>, faults: &mut Vec<Fault>) -> Option<T> {
        let mut value = value.clone();
        for _ in 0..UNKNOWN_KEYS_MAX {
            let error = match T::deserialize(value.clone().into_deserializer()) {
                Ok(typed) => return Some(typed),
                Err(error) => error,
            };
            let span = error.span().unwrap_or_else(|| value.span());
            let Some((key, known)) = shape::unknown_key(error.message()) else {
                let name = key_of(value.get_ref(), &span);
                let (message, hint) = shape::explain(error.message(), name);
                faults.push(self.source.fault(span.start, message, hint));
                return None;
            };
            let hint = meant(key, known.iter().copied());
            faults.push(self.source.fault(span.start, format!("unknown key \"{key}\""), hint));
            let meant = nearest(key, known.iter().copied());
            if !mend_key(value.get_mut(), &span, meant) {
                return None;
            }
        }
        None
    }
}

/// Renames the key at `span` to `meant` unless that is taken, else removes it.
fn mend_key(value: &mut DeValue<'_>, span: &Range<usize>, meant: Option<&str>) -> bool {
    match value {
        DeValue::Array(list) => list.iter_mut().any(|element| mend_key(element.get_mut(), span, meant)),
        DeValue::Table(table) => {
            let Some(wrong) = table.keys().find(|key| key.span() == *span).cloned() else {
                return table.iter_mut().any(|(_, element)| mend_key(element.get_mut(), span, meant));
            };
            let Some(held) = table.remove(wrong.get_ref().as_ref()) else {
                return false;
            };
            if let Some(meant) = meant.filter(|meant| !table.contains_key(*meant)) {
                table.insert(Spanned::new(span.clone(), meant.to_owned().into()), held);
            }
            true
        }
        _ => false,
    }
}

/// The key whose value (or whose list's element) stands at `span`.
fn key_of<'v>(value: &'v DeValue<'_>, span: &Range<usize>) -> Option<&'v str> {
    match value {
        DeValue::Table(table) => table.iter().find_map(|(key, held)| {
            let here = held.span() == *span;
            let in_list =
                held.get_ref().as_array().is_some_and(|list| list.iter().any(|element| element.span() == *span));
            if here || in_list { Some(key.get_ref().as_ref()) } else { key_of(held.get_ref(), span) }
        }),
        DeValue::Array(list) => list.iter().find_map(|element| key_of(element.get_ref(), span)),
        _ => None,
    }
}
