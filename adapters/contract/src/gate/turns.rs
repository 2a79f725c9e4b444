//! Whose turn it is: a line for each party that waits.

use std::collections::{BTreeMap, VecDeque};

/// Lines of waiting calls, in the order of their turns.
#[derive(Debug)]
pub(super) struct Turns<T> {
    lines: VecDeque<Line<T>>,
    len: u32,
    tickets: u64,
}

/// One party's calls by ticket; never empty.
#[derive(Debug)]
struct Line<T> {
    party: Box<str>,
    calls: BTreeMap<u64, T>,
}

impl<T> Default for Turns<T> {
    fn default() -> Self {
        Self { lines: VecDeque::new(), len: 0, tickets: 0 }
    }
}

impl<T> Turns<T> {
    /// How many wait.
    pub(super) fn len(&self) -> u32 {
        self.len
    }

    /// Puts a call at the end of its party's line and gives its ticket; `None` where `max` wait already and no party
    /// has so many more than this one that it has to give way.
    pub(super) fn join(&mut self, party: &str, call: T, max: u32) -> Option<u64> {
        if self.len >= max && !self.makes_room_for(party) {
            return None;
        }
        let ticket = self.tickets;
        self.tickets += 1;
        self.len += 1;
        match self.lines.iter_mut().find(|line| *line.party == *party) {
            Some(line) => drop(line.calls.insert(ticket, call)),
            None => self.lines.push_back(Line { party: party.into(), calls: BTreeMap::from([(ticket, call)]) }),
        }
        Some(ticket)
    }

    /// Sends the newest call of the longest line away, if the party is then not worse off than that one.
    fn makes_room_for(&mut self, party: &str) -> bool {
        let own = self.lines.iter().find(|line| *line.party == *party).map_or(0, |line| line.calls.len());
        let longest = self.lines.iter_mut().max_by_key(|line| line.calls.len());
        let Some(longest) = longest.filter(|longest| longest.calls.len() > own + 1) else { return false };
        self.len -= u32::from(longest.calls.pop_last().is_some());
        true
    }

    /// The next call; its party's next one comes after one of each other party.
    pub(super) fn pop(&mut self) -> Option<T> {
        let mut line = self.lines.pop_front()?;
        let (_, call) = line.calls.pop_first()?;
        self.len -= 1;
        if !line.calls.is_empty() {
            self.lines.push_back(line);
        }
        Some(call)
    }

    /// Takes a call out of the line, if it is still there.
    pub(super) fn leave(&mut self, party: &str, ticket: u64) {
        let Some(at) = self.lines.iter().position(|line| *line.party == *party) else { return };
        let Some(line) = self.lines.get_mut(at) else { return };
        self.len -= u32::from(line.calls.remove(&ticket).is_some());
        if line.calls.is_empty() {
            self.lines.remove(at);
        }
    }
}
