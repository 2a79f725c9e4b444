//! What a command says on standard output: text for people, JSON for scripts.

use std::io::{self, Write as _};

use serde::Serialize;

/// Prints an answer as one JSON document, or as the text for people.
///
/// # Errors
/// When standard output does not take it.
pub(crate) fn put(json: bool, answer: &impl Serialize, people: impl FnOnce() -> String) -> io::Result<()> {
    let text = if json { serde_json::to_string(answer)? } else { people() };
    line(&text)
}

/// Prints a line.
///
/// # Errors
/// When standard output does not take it.
pub(crate) fn line(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()
}
