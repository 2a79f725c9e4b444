//! What the headers of a call say, and how much of it may be recorded.

use http::HeaderName;
use sluice_domain::{Fault, Mode, ResourceIx, SystemIx};

use crate::record::Entry;
use crate::service::Admitted;
use crate::visit::Visit;

const PURPOSE: HeaderName = HeaderName::from_static("exchange-purpose");
const HANDLER: HeaderName = HeaderName::from_static("exchange-handler");
const MATTER: HeaderName = HeaderName::from_static("exchange-matter");
const TRACE: HeaderName = HeaderName::from_static("traceparent");
/// Digits in a row that a random trace id has once in a hundred and fifty, and an identity always.
const DIGITS_OF_IDENTITY: usize = 15;
/// Longest case number in characters (interface.md).
const MATTER_CHARS_MAX: usize = 64;
/// A text that no register holds, in place of header bytes that are no text.
const UNREADABLE: &str = "\u{fffd}";

/// The headers that a call on a resource carries.
pub(crate) struct Facts<'f> {
    pub(crate) purpose: Option<&'f str>,
    pub(crate) handler: Option<&'f str>,
    /// Decoded case number.
    pub(crate) matter: Result<Option<String>, Fault>,
}

impl Visit<'_> {
    /// Reads the headers of a call on a resource.
    pub(crate) fn facts(&self) -> Facts<'_> {
        let text = |name| self.header(name).map(|value| value.unwrap_or(UNREADABLE));
        let matter = match self.header(&MATTER) {
            None => Ok(None),
            Some(Ok(text)) => decoded_matter(text).map(Some).ok_or(Fault::MatterForm),
            Some(Err(())) => Err(Fault::MatterForm),
        };
        Facts { purpose: text(&PURPOSE), handler: text(&HANDLER), matter }
    }

    /// What is recorded of a call: only what the exchange itself knows to be true.
    pub(crate) fn entry_of(
        &self,
        system: SystemIx,
        (template, mode): (&'static str, Mode),
        resource: Option<ResourceIx>,
        units: u32,
    ) -> Entry<'_> {
        let facts = self.facts();
        let policy = &self.view.snapshot.policy;
        let party = self.party();
        let handler =
            facts.handler.filter(|handler| party.is_some_and(|party| policy.handler_state(party, handler).is_some()));
        let purpose = facts.purpose.filter(|purpose| policy.purpose_by_code(purpose).is_some());
        let known = Facts { handler, purpose, matter: facts.matter };
        self.entry_from((system, &known), (template, mode), resource, units)
    }

    /// The same for a call that was admitted: its handler and purpose were found in the registers then.
    pub(crate) fn entry_for<'f>(&'f self, admitted: &Admitted<'f>, resource: ResourceIx, units: u32) -> Entry<'f> {
        self.entry_from((admitted.caller.system, &admitted.facts), admitted.call, Some(resource), units)
    }

    fn entry_from<'f>(
        &'f self,
        (system, known): (SystemIx, &Facts<'f>),
        (template, mode): (&'static str, Mode),
        resource: Option<ResourceIx>,
        units: u32,
    ) -> Entry<'f> {
        let matter = known.matter.as_ref().ok().and_then(Option::as_ref);
        Entry {
            view: &self.view,
            peer: self.peer,
            system,
            request_id: self.request_id,
            method: &self.head.method,
            template,
            mode: mode.as_str(),
            resource,
            operation: self.operation_id(resource),
            file: self.file.get(),
            handler: known.handler.unwrap_or_default(),
            purpose: known.purpose.unwrap_or_default(),
            matter: matter.map(|matter| self.worker.tagger(self.today()).matter(matter)),
            digest: self.digest.get(),
            units,
            trace: self.header(&TRACE).and_then(Result::ok).and_then(trace_id),
        }
    }
}

/// The trace id of a valid `traceparent` (W3C Trace Context); `None` for one that could hide an identity, since it is
/// the caller's own text and is recorded in clear.
fn trace_id(text: &str) -> Option<[u8; 16]> {
    let is_hex = |part: &str| part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let mut parts = text.splitn(5, '-');
    let (version, id, parent, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_right = [(version, 2), (id, 32), (parent, 16), (flags, 2)].iter().all(|(part, len)| part.len() == *len);
    let is_known = version != "ff" && (version != "00" || parts.next().is_none());
    if !is_right || !is_known || ![version, id, parent, flags].into_iter().all(is_hex) {
        return None;
    }
    let longest = id.split(|byte: char| !byte.is_ascii_digit()).map(str::len).max().unwrap_or(0);
    let number = u128::from_str_radix(id, 16).ok().filter(|number| *number != 0)?;
    (longest < DIGITS_OF_IDENTITY && parent.bytes().any(|byte| byte != b'0')).then_some(number.to_be_bytes())
}

/// The case number behind 1–64 characters of printable ASCII or percent-encoded UTF-8; one number however it was
/// encoded, so that a search by matter finds every access.
fn decoded_matter(text: &str) -> Option<String> {
    if !text.bytes().all(|byte| (0x20..=0x7e).contains(&byte)) || text.trim() != text {
        return None;
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        if byte != b'%' {
            bytes.push(byte);
            rest = after;
            continue;
        }
        let (digits, after) = after.split_at_checked(2)?;
        let digits =
            std::str::from_utf8(digits).ok().filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        bytes.push(u8::from_str_radix(digits?, 16).ok()?);
        rest = after;
    }
    let decoded = String::from_utf8(bytes).ok()?;
    let is_short = (1..=MATTER_CHARS_MAX).contains(&decoded.chars().count());
    (is_short && !decoded.chars().any(char::is_control)).then_some(decoded)
}

#[cfg(test)]
mod tests {
    use super::{decoded_matter, trace_id};

    #[test]
    fn trace_ids_are_taken_from_valid_headers_that_hide_nobody() {
        let id = "4bf92f3577b34da6a3ce929d0e0e4736";
        for (text, expected) in [
            (format!("00-{id}-00f067aa0ba902b7-01"), true),
            (format!("cc-{id}-00f067aa0ba902b7-01-more"), true),
            (format!("00-{id}-00f067aa0ba902b7-01-more"), false),
            (format!("ff-{id}-00f067aa0ba902b7-01"), false),
            (format!("00-{id}-0000000000000000-01"), false),
            (format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32)), false),
            (format!("00-{}-00f067aa0ba902b7-01", id.to_uppercase()), false),
            ("00-abcdefabcdefab430689198503120011-00f067aa0ba902b7-01".to_owned(), false),
            (id.to_owned(), false),
            ("430689198503120011".to_owned(), false),
        ] {
            assert_eq!(trace_id(&text).is_some(), expected, "{text}");
        }
    }

    #[test]
    fn case_numbers_are_printable_and_short() {
        for (text, expected) in [
            ("SL-2026-000123", true),
            ("%E5%8F%97%E7%90%86-1", true),
            ("a b", true),
            ("", false),
            (" padded", false),
            ("50%", false),
            ("%zz", false),
            ("%+1", false),
            ("%ff", false),
            ("%00", false),
            ("%0a", false),
            (&"x".repeat(64), true),
            (&"x".repeat(65), false),
            (&"%E5%8F%97".repeat(64), true),
        ] {
            assert_eq!(decoded_matter(text).is_some(), expected, "{text}");
        }
        assert_eq!(decoded_matter("%41-1"), decoded_matter("A-1"));
        assert_eq!(decoded_matter("%E5%8f%97"), decoded_matter("%e5%8F%97"));
    }
}
