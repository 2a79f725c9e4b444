//! Pseudonyms of the people that an access concerns.
//!
//! A tag is a keyed HMAC of the normalised identity: the ledger can be searched by someone who
//! holds the key, and says nothing to anyone else. The key changes with the epoch (a month), so
//! that destroying an epoch's key makes its tags unsearchable for ever (ledger.md, "Keys and pseudonyms").

use aws_lc_rs::{hkdf, hmac};
use sluice_domain::Day;
use sluice_domain::subject::{self, SubjectType};

/// Bytes of a tag.
pub(crate) const TAG_BYTES: usize = 16;

/// A subject tag with its type.
pub(crate) type Tag = (u8, [u8; TAG_BYTES]);

/// Master key of tags; held in memory only, never shown.
pub struct TagKey(hkdf::Prk);

impl TagKey {
    /// From at least 32 secret bytes.
    pub fn new(secret: &[u8]) -> Option<Self> {
        (secret.len() >= 32)
            .then(|| Self(hkdf::Salt::new(hkdf::HKDF_SHA256, b"sluice subject tags v1").extract(secret)))
    }

    /// 32 bytes for one purpose, which no other purpose can derive.
    pub(crate) fn derive(&self, purpose: &[u8]) -> [u8; 32] {
        let mut bytes = [0; 32];
        let info = [purpose];
        // 32 bytes are far below HKDF's bound, so neither step can fail; zeros would only make tags
        // unsearchable, never reveal anything.
        if let Ok(okm) = self.0.expand(&info, hkdf::HKDF_SHA256) {
            let _ = okm.fill(&mut bytes);
        }
        bytes
    }
}

impl std::fmt::Debug for TagKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TagKey(..)")
    }
}

/// Makes tags of one epoch; re-keys itself when the month changes.
pub(crate) struct Tagger {
    master: std::sync::Arc<TagKey>,
    epoch: u16,
    day: Day,
    subjects: hmac::Key,
    matters: hmac::Key,
    buffer: String,
}

impl Tagger {
    pub(crate) fn new(master: std::sync::Arc<TagKey>, today: Day) -> Self {
        let epoch = epoch_of(today);
        let (subjects, matters) = keys(&master, epoch);
        Self { master, epoch, day: today, subjects, matters, buffer: String::new() }
    }

    /// Uses the key of `today`'s epoch from now on.
    pub(crate) fn turn_to(&mut self, today: Day) {
        if today == self.day {
            return;
        }
        self.day = today;
        let epoch = epoch_of(today);
        if epoch != self.epoch {
            self.epoch = epoch;
            (self.subjects, self.matters) = keys(&self.master, epoch);
        }
    }

    /// Epoch of the tags: months since January 1970.
    pub(crate) fn epoch(&self) -> u16 {
        self.epoch
    }

    /// Tag of a person's identity.
    pub(crate) fn subject(&mut self, kind: SubjectType, identity: &str) -> Tag {
        self.buffer.clear();
        subject::normalise(kind, identity, &mut self.buffer);
        let mut context = hmac::Context::with_key(&self.subjects);
        context.update(b"subj/v1");
        context.update(&[kind as u8]);
        context.update(self.buffer.as_bytes());
        (kind as u8, shortened(&context.sign()))
    }

    /// Tag of a case number.
    pub(crate) fn matter(&self, matter: &str) -> [u8; TAG_BYTES] {
        let mut context = hmac::Context::with_key(&self.matters);
        context.update(matter.as_bytes());
        shortened(&context.sign())
    }
}

fn keys(master: &TagKey, epoch: u16) -> (hmac::Key, hmac::Key) {
    let key = |purpose: &str| {
        hmac::Key::new(hmac::HMAC_SHA256, &master.derive(format!("{purpose} epoch {epoch}").as_bytes()))
    };
    (key("subjects"), key("matters"))
}

fn shortened(tag: &hmac::Tag) -> [u8; TAG_BYTES] {
    let mut short = [0; TAG_BYTES];
    short.iter_mut().zip(tag.as_ref()).for_each(|(to, from)| *to = *from);
    short
}

fn epoch_of(day: Day) -> u16 {
    let text = day.to_string();
    let year = text.get(..4).and_then(|year| year.parse::<u16>().ok()).unwrap_or(1970);
    let month = text.get(5..7).and_then(|month| month.parse::<u16>().ok()).unwrap_or(1);
    year.saturating_sub(1970).saturating_mul(12).saturating_add(month.saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tagger(day: &str) -> Tagger {
        Tagger::new(std::sync::Arc::new(TagKey::new(&[7; 32]).unwrap()), Day::parse(day).unwrap())
    }

    #[test]
    fn one_person_has_one_tag_in_an_epoch_and_another_in_the_next() {
        let mut november = tagger("2026-11-22");
        let tag = november.subject(SubjectType::CitizenId, "43068919900607002X");
        assert_eq!(tag, november.subject(SubjectType::CitizenId, " 43068919900607002x"));
        assert_ne!(tag, november.subject(SubjectType::Phone, "43068919900607002X"));
        november.turn_to(Day::parse("2026-11-30").unwrap());
        assert_eq!(tag, november.subject(SubjectType::CitizenId, "43068919900607002X"));
        november.turn_to(Day::parse("2026-12-01").unwrap());
        assert_eq!(november.epoch(), (2026 - 1970) * 12 + 11);
        assert_ne!(tag, november.subject(SubjectType::CitizenId, "43068919900607002X"));
        assert_eq!(tagger("2026-12-31").subject(SubjectType::Phone, "1"), november.subject(SubjectType::Phone, "1"));
    }

    #[test]
    fn a_short_key_is_refused() {
        assert!(TagKey::new(&[0; 31]).is_none());
    }
}
