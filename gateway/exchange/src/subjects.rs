//! Pseudonyms of the people that an access concerns.
//!
//! A tag is a keyed HMAC of the normalised identity: the ledger can be searched by someone who
//! holds the key, and says nothing to anyone else. The key changes with the epoch (a month), so
//! that destroying an epoch's key makes its tags unsearchable for ever (ledger.md, "Keys and pseudonyms").

use std::sync::Arc;

use aws_lc_rs::{hkdf, hmac};
use sluice_domain::Day;
use sluice_domain::subject::{self, SubjectType};
use sluice_ledger::record::SubjectTag;

use crate::epochs::{Epoch, TagKeys};

/// Bytes of a tag.
pub(crate) const TAG_BYTES: usize = 16;

/// A subject tag with its type, as records carry it.
pub(crate) type Tag = SubjectTag;

/// Master key of tags; held in memory only, never shown.
pub struct TagKey(hkdf::Prk);

impl TagKey {
    /// From at least 32 secret bytes.
    pub fn new(secret: &[u8]) -> Option<Self> {
        (secret.len() >= 32)
            .then(|| Self(hkdf::Salt::new(hkdf::HKDF_SHA256, b"sluice subject tags v1").extract(secret)))
    }

    /// Tag of a person's identity in an epoch: what a search looks for.
    pub fn subject_tag(&self, epoch: u16, kind: SubjectType, identity: &str) -> SubjectTag {
        tag_of(&self.key("subjects", epoch), kind, identity, &mut String::new())
    }

    /// Digest of a request's body in an epoch, as its record carries it: what a comparison computes.
    pub fn request_digest(&self, epoch: u16, body: &[u8]) -> [u8; 32] {
        digest_of(&self.key("requests", epoch), body)
    }

    /// Key of one purpose in one epoch.
    fn key(&self, purpose: &str, epoch: u16) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, &self.derive(format!("{purpose} epoch {epoch}").as_bytes()))
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
    keys: Keys,
    /// State of the source that they were taken from.
    changes: u64,
    buffer: String,
}

/// Keys of one epoch, each for one purpose.
struct Keys {
    subjects: hmac::Key,
    matters: hmac::Key,
    requests: hmac::Key,
}

impl Tagger {
    pub(crate) fn new(source: Arc<TagKeys>, today: Day) -> Self {
        let epoch = Epoch::of(today);
        let changes = source.changes();
        let (has_key, keys) = keys(&source, epoch);
        Self { source, epoch, day: today, has_key, keys, changes, buffer: String::new() }
    }

    /// Uses the key of `today`'s epoch from now on, if that has one still.
    pub(crate) fn turn_to(&mut self, today: Day) {
        let changes = self.source.changes();
        if today == self.day && changes == self.changes {
            return;
        }
        self.day = today;
        let epoch = Epoch::of(today);
        if epoch != self.epoch || changes != self.changes {
            (self.epoch, self.changes) = (epoch, changes);
            (self.has_key, self.keys) = keys(&self.source, epoch);
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
        tag_of(&self.keys.subjects, kind, identity, &mut self.buffer)
    }

    /// Tag of a sealed file of a resource.
    pub(crate) fn file(&self, resource: &str, id: &str) -> [u8; TAG_BYTES] {
        let mut context = hmac::Context::with_key(&self.keys.matters);
        context.update(b"file/v1");
        context.update(resource.as_bytes());
        context.update(b"\0");
        context.update(id.as_bytes());
        shortened(&context.sign())
    }

    /// Digest of a request's body.
    pub(crate) fn request(&self, body: &[u8]) -> [u8; 32] {
        digest_of(&self.keys.requests, body)
    }

    /// Tag of a case number.
    pub(crate) fn matter(&self, matter: &str) -> [u8; TAG_BYTES] {
        let mut context = hmac::Context::with_key(&self.keys.matters);
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
    Tag { id_type: kind as u8, tag: shortened(&context.sign()) }
}

fn keys(source: &TagKeys, epoch: Epoch) -> (bool, Keys) {
    let of = |master: &TagKey| Keys {
        subjects: master.key("subjects", epoch.number()),
        matters: master.key("matters", epoch.number()),
        requests: master.key("requests", epoch.number()),
    };
    match &source.of(epoch) {
        Some(master) => (true, of(master)),
        None => (false, of(&TagKey::throw_away())),
    }
}

/// A body may hold little but an identity: without a key whoever reads the ledger could find it by trying all.
fn digest_of(key: &hmac::Key, body: &[u8]) -> [u8; 32] {
    let mut context = hmac::Context::with_key(key);
    context.update(b"request/v1");
    context.update(body);
    let mut digest = [0; 32];
    digest.iter_mut().zip(context.sign().as_ref()).for_each(|(to, from)| *to = *from);
    digest
}

fn shortened(tag: &hmac::Tag) -> [u8; TAG_BYTES] {
    let mut short = [0; TAG_BYTES];
    short.iter_mut().zip(tag.as_ref()).for_each(|(to, from)| *to = *from);
    short
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::epochs::{KeySource, Unavailable};

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
    fn a_body_has_one_digest_in_an_epoch_and_none_without_its_key() {
        let november = tagger("2026-11-22");
        let digest = november.request(b"{}");
        assert_eq!(digest, TagKey::new(&[7; 32]).unwrap().request_digest(november.epoch(), b"{}"));
        let others = [november.request(b"{} "), tagger("2026-12-01").request(b"{}")];
        let foreign = TagKey::new(&[8; 32]).unwrap().request_digest(november.epoch(), b"{}");
        assert!(!others.contains(&digest) && foreign != digest);
    }

    #[test]
    fn a_short_key_is_refused() {
        assert!(TagKey::new(&[0; 31]).is_none());
    }

    struct Only(Epoch);

    impl KeySource for Only {
        fn read(&self, epoch: Epoch) -> Result<Option<TagKey>, Unavailable> {
            Ok(if epoch == self.0 { TagKey::new(&[7; 32]) } else { None })
        }
    }

    #[test]
    fn months_of_a_folder_have_keys_of_their_own_and_a_destroyed_one_leaves_nothing() {
        let november = Epoch::parse("2026-11").unwrap();
        let keys = Arc::new(TagKeys::monthly(Only(november)));
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
