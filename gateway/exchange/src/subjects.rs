//! Pseudonyms of the people that an access concerns.
//!
//! A tag is a keyed HMAC of the normalised identity: the ledger can be searched by someone who
//! holds the key, and says nothing to anyone else. The key changes with the epoch (a month), so
//! that destroying an epoch's key makes its tags unsearchable for ever (ledger.md, "Keys and pseudonyms").

use std::sync::Arc;

use aws_lc_rs::{hkdf, hmac};
use sluice_domain::Day;
use sluice_domain::subject::{self, SubjectType};

use crate::epochs::{Epoch, TagKeys};

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

    /// Tag of a person's identity in an epoch: what a search looks for.
    pub fn subject_tag(&self, epoch: u16, kind: SubjectType, identity: &str) -> (u8, [u8; TAG_BYTES]) {
        let secret = self.derive(format!("subjects epoch {epoch}").as_bytes());
        tag_of(&hmac::Key::new(hmac::HMAC_SHA256, &secret), kind, identity, &mut String::new())
    }

    /// A key that nobody has, not even this process after a restart.
    pub(crate) fn throw_away() -> Self {
        let mut secret = [0; 32];
        // Without randomness the tags only become guessable by who guesses this; the system's own never fails.
        let _ = aws_lc_rs::rand::fill(&mut secret);
        Self(hkdf::Salt::new(hkdf::HKDF_SHA256, b"sluice throw-away tags v1").extract(&secret))
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
    source: Arc<TagKeys>,
    epoch: Epoch,
    day: Day,
    has_key: bool,
    subjects: hmac::Key,
    matters: hmac::Key,
    buffer: String,
}

impl Tagger {
    pub(crate) fn new(source: Arc<TagKeys>, today: Day) -> Self {
        let epoch = Epoch::of(today);
        let (has_key, (subjects, matters)) = keys(&source, epoch);
        Self { source, epoch, day: today, has_key, subjects, matters, buffer: String::new() }
    }

    /// Uses the key of `today`'s epoch from now on.
    pub(crate) fn turn_to(&mut self, today: Day) {
        if today == self.day && self.has_key {
            return;
        }
        self.day = today;
        let epoch = Epoch::of(today);
        if epoch != self.epoch || !self.has_key {
            self.epoch = epoch;
            (self.has_key, (self.subjects, self.matters)) = keys(&self.source, epoch);
        }
    }

    /// Whether the epoch has a key. Without, tags are made that nobody can ever search for: refusals are recorded
    /// with them, and nothing is served.
    pub(crate) fn has_key(&self) -> bool {
        self.has_key
    }

    /// Epoch of the tags: months since January 1970.
    pub(crate) fn epoch(&self) -> u16 {
        self.epoch.number()
    }

    /// Tag of a person's identity.
    pub(crate) fn subject(&mut self, kind: SubjectType, identity: &str) -> Tag {
        tag_of(&self.subjects, kind, identity, &mut self.buffer)
    }

    /// Tag of a sealed file of a resource.
    pub(crate) fn file(&self, resource: &str, id: &str) -> [u8; TAG_BYTES] {
        let mut context = hmac::Context::with_key(&self.matters);
        context.update(b"file/v1");
        context.update(resource.as_bytes());
        context.update(b"\0");
        context.update(id.as_bytes());
        shortened(&context.sign())
    }

    /// Tag of a case number.
    pub(crate) fn matter(&self, matter: &str) -> [u8; TAG_BYTES] {
        let mut context = hmac::Context::with_key(&self.matters);
        context.update(matter.as_bytes());
        shortened(&context.sign())
    }
}

fn tag_of(key: &hmac::Key, kind: SubjectType, identity: &str, buffer: &mut String) -> Tag {
    buffer.clear();
    subject::normalise(kind, identity, buffer);
    let mut context = hmac::Context::with_key(key);
    context.update(b"subj/v1");
    context.update(&[kind as u8]);
    context.update(buffer.as_bytes());
    (kind as u8, shortened(&context.sign()))
}

fn keys(source: &TagKeys, epoch: Epoch) -> (bool, (hmac::Key, hmac::Key)) {
    let found = source.of(epoch);
    let key = |master: &TagKey, purpose: &str| {
        let secret = master.derive(format!("{purpose} epoch {}", epoch.number()).as_bytes());
        hmac::Key::new(hmac::HMAC_SHA256, &secret)
    };
    let of = |master: &TagKey| (key(master, "subjects"), key(master, "matters"));
    match &found {
        Some(master) => (true, of(master)),
        None => (false, of(&TagKey::throw_away())),
    }
}

fn shortened(tag: &hmac::Tag) -> [u8; TAG_BYTES] {
    let mut short = [0; TAG_BYTES];
    short.iter_mut().zip(tag.as_ref()).for_each(|(to, from)| *to = *from);
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tagger(day: &str) -> Tagger {
        Tagger::new(Arc::new(TagKeys::of_master(TagKey::new(&[7; 32]).unwrap())), Day::parse(day).unwrap())
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

    #[test]
    fn months_of_a_folder_have_keys_of_their_own_and_a_destroyed_one_leaves_nothing() {
        let november = Epoch::parse("2026-11").unwrap();
        let of_november = move |epoch: Epoch| (epoch == november).then(|| TagKey::new(&[7; 32])).flatten();
        let keys = Arc::new(TagKeys::monthly(of_november));
        let day = |text: &str| Day::parse(text).unwrap();
        let mut tagger = Tagger::new(keys.clone(), day("2026-11-30"));
        assert!(!tagger.has_key(), "nothing was read yet");
        keys.refresh(day("2026-11-30"));
        tagger.turn_to(day("2026-11-30"));
        assert!(tagger.has_key());
        let tag = tagger.subject(SubjectType::Phone, "1");
        assert_eq!(tag, self::tagger("2026-11-01").subject(SubjectType::Phone, "1"), "as a master of that month");
        tagger.turn_to(day("2026-12-01"));
        assert!(!tagger.has_key(), "December has none");
        let lost = tagger.subject(SubjectType::Phone, "1");
        let mut other = Tagger::new(keys, day("2026-12-01"));
        assert_ne!(lost, other.subject(SubjectType::Phone, "1"), "made under a key that nobody has");
    }
}
