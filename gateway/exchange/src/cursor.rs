//! Cursors of a query: where its next page begins, sealed so that nobody can change it or use it
//! for another query.
//!
//! A cursor says nothing but an offset and when it ends; the seal binds it to party, grant, filter
//! and fields, so that those need not travel in it. A restart with the same key keeps cursors valid.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sluice_domain::{Code, Fault, ItemSet, Refusal};

/// How long a cursor may be used.
const LIFETIME_S: i64 = 600;
const PLAIN_BYTES: usize = 12;
const SEAL_BYTES: usize = 16;

/// What a cursor is bound to.
pub(crate) struct Bound<'b> {
    /// Party key.
    pub(crate) party: &'b str,
    /// Grant id, or empty on an unconditional resource.
    pub(crate) grant: &'b str,
    /// Catalogue code.
    pub(crate) resource: &'b str,
    /// Filter, item position and value.
    pub(crate) filter: &'b [(usize, String)],
    /// Fields asked for.
    pub(crate) fields: &'b ItemSet,
}

/// Seals and opens cursors.
pub(crate) struct Cursors {
    key: hmac::Key,
}

impl Cursors {
    /// From secret bytes that no other purpose uses.
    pub(crate) fn new(secret: &[u8]) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, secret) }
    }

    /// A cursor for the records from `offset` on.
    pub(crate) fn seal(&self, bound: &Bound<'_>, offset: u32, now_s: i64) -> String {
        let mut bytes = [0_u8; PLAIN_BYTES + SEAL_BYTES];
        let (plain, seal) = bytes.split_at_mut(PLAIN_BYTES);
        let (at, until) = plain.split_at_mut(4);
        at.copy_from_slice(&offset.to_be_bytes());
        until.copy_from_slice(&(now_s + LIFETIME_S).to_be_bytes());
        let tag = self.tag(bound, plain);
        seal.iter_mut().zip(tag.as_ref()).for_each(|(to, from)| *to = *from);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The offset that a cursor stands for.
    ///
    /// # Errors
    /// `request.cursor`: not a cursor, of another query, or older than ten minutes.
    pub(crate) fn open(&self, bound: &Bound<'_>, text: &str, now_s: i64) -> Result<u32, Refusal> {
        let refuse = |fault| Refusal::fault(Code::RequestCursor, fault);
        let bytes: [u8; PLAIN_BYTES + SEAL_BYTES] = URL_SAFE_NO_PAD
            .decode(text)
            .ok()
            .and_then(|bytes| bytes.try_into().ok())
            .ok_or_else(|| refuse(Fault::CursorForm))?;
        let (plain, seal) = bytes.split_at(PLAIN_BYTES);
        let expected = self.tag(bound, plain);
        let expected = expected.as_ref().get(..SEAL_BYTES).unwrap_or_default();
        if aws_lc_rs::constant_time::verify_slices_are_equal(expected, seal).is_err() {
            return Err(refuse(Fault::CursorForeign));
        }
        let (at, until) = plain.split_at(4);
        let until = until.try_into().map(i64::from_be_bytes).unwrap_or_default();
        if now_s > until {
            return Err(refuse(Fault::CursorExpired));
        }
        at.try_into().map(u32::from_be_bytes).map_err(|_| refuse(Fault::CursorForm))
    }

    fn tag(&self, bound: &Bound<'_>, plain: &[u8]) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&self.key);
        let mut part = |bytes: &[u8]| {
            // Length first, so that parts cannot run into each other.
            context.update(&u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes());
            context.update(bytes);
        };
        part(b"sluice cursor v1");
        part(plain);
        part(bound.party.as_bytes());
        part(bound.grant.as_bytes());
        part(bound.resource.as_bytes());
        for (item, value) in bound.filter {
            part(&u64::try_from(*item).unwrap_or(u64::MAX).to_be_bytes());
            part(value.as_bytes());
        }
        let (fields, used) = bound.fields.to_bytes();
        part(fields.get(..used).unwrap_or_default());
        context.sign()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bound<'b>(party: &'b str, filter: &'b [(usize, String)], fields: &'b ItemSet) -> Bound<'b> {
        Bound { party, grant: "G-1", resource: "101001001/000001", filter, fields }
    }

    #[test]
    fn a_cursor_opens_only_for_its_own_query_and_time() {
        let cursors = Cursors::new(b"key");
        let filter = [(0, String::from("x"))];
        let other = [(0, String::from("y"))];
        let fields = ItemSet::first(3);
        let text = cursors.seal(&bound("mz", &filter, &fields), 7, 1_000);
        assert_eq!(cursors.open(&bound("mz", &filter, &fields), &text, 1_600), Ok(7));
        let fault = |refusal: Refusal| (refusal.code, refusal.facts().to_vec());
        for (bound, text, now_s, expected) in [
            (bound("rs", &filter, &fields), text.clone(), 1_000, Fault::CursorForeign),
            (bound("mz", &other, &fields), text.clone(), 1_000, Fault::CursorForeign),
            (bound("mz", &filter, &ItemSet::first(2)), text.clone(), 1_000, Fault::CursorForeign),
            (bound("mz", &filter, &fields), text.clone(), 1_601, Fault::CursorExpired),
            (bound("mz", &filter, &fields), String::from("abc"), 1_000, Fault::CursorForm),
            (bound("mz", &filter, &fields), String::new(), 1_000, Fault::CursorForm),
            (bound("mz", &filter, &fields), format!("B{}", &text[1..]), 1_000, Fault::CursorForeign),
        ] {
            let refusal = cursors.open(&bound, &text, now_s).unwrap_err();
            assert_eq!(fault(refusal), (Code::RequestCursor, vec![sluice_domain::Fact::Fault(expected)]), "{text}");
        }
    }
}
