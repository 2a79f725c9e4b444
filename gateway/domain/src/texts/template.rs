//! Sentences with places for facts.
//!
//! `{grant}` stands for a fact, `<…>` for a part that is left out when one of its facts is absent. A
//! place outside such a part may therefore never be empty: a test holds the table to it.

use std::fmt::Write as _;

use super::Both;
use crate::refusal::{Fact, Fault, Refusal};

/// Goes before the detail of a refusal that concerns one item of a batch.
pub(super) const POSITION: Both = ["<items[{position}](从 0 数起):>", "<items[{position}] (counted from 0): >"];

/// Facts of a refusal, looked up by the name of their place.
pub(super) struct Facts<'r>(&'r [Fact]);

impl<'r> Facts<'r> {
    pub(super) fn of(refusal: &'r Refusal) -> Self {
        Self(refusal.facts())
    }

    pub(super) fn fault(&self) -> Option<Fault> {
        self.0.iter().find_map(|fact| match fact {
            Fact::Fault(fault) => Some(*fault),
            _ => None,
        })
    }

    /// Writes a fact; `None` where the refusal has none, or an empty one.
    fn write(&self, place: &str, out: &mut String) -> Option<()> {
        let fact = self.0.iter().find(|fact| place_of(fact) == place)?;
        let before = out.len();
        match fact {
            Fact::Member(name) => out.push_str(name),
            Fact::Items(text) | Fact::Choices(text) | Fact::LegalBasis(text) | Fact::Provider(text) => {
                out.push_str(text);
            }
            Fact::Grant(id) => out.push_str(id.as_str()),
            Fact::On(day) => write!(out, "{day}").ok()?,
            Fact::Limit(limit) => write!(out, "{limit}").ok()?,
            Fact::RetryAfterS(seconds) => write!(out, "{seconds}").ok()?,
            Fact::Position(position) => write!(out, "{position}").ok()?,
            Fact::Fault(_) => {}
        }
        (out.len() > before).then_some(())
    }
}

/// Name of the place that a fact fills.
pub(super) const fn place_of(fact: &Fact) -> &'static str {
    match fact {
        // Chooses the sentence instead of standing in one.
        Fact::Fault(_) => "",
        Fact::Member(_) => "member",
        Fact::Items(_) => "items",
        Fact::Grant(_) => "grant",
        Fact::On(_) => "on",
        Fact::Choices(_) => "choices",
        Fact::LegalBasis(_) => "law",
        Fact::Limit(_) => "limit",
        Fact::RetryAfterS(_) => "retry",
        Fact::Position(_) => "position",
        Fact::Provider(_) => "provider",
    }
}

/// Fills a sentence of the table.
pub(super) fn fill(sentence: &'static str, facts: &Facts<'_>) -> String {
    let mut out = String::with_capacity(sentence.len());
    let mut rest = sentence;
    while let Some((before, from_part)) = rest.split_once('<') {
        out.push_str(before);
        let (part, after) = from_part.split_once('>').unwrap_or((from_part, ""));
        let start = out.len();
        if fill_part(part, facts, &mut out).is_none() {
            out.truncate(start);
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

fn fill_part(part: &'static str, facts: &Facts<'_>, out: &mut String) -> Option<()> {
    let mut rest = part;
    while let Some((before, from_place)) = rest.split_once('{') {
        let (place, after) = from_place.split_once('}')?;
        out.push_str(before);
        facts.write(place, out)?;
        rest = after;
    }
    out.push_str(rest);
    Some(())
}
