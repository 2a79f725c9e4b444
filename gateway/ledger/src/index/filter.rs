//! What is looked for.

use crate::record::{Access, Decision, Kind, Record, SubjectTag, SubjectTags};

/// A person under the key of one epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SubjectQuery {
    /// Epoch of the tag key.
    pub key_epoch: u16,
    /// Type and tag.
    pub tag: SubjectTag,
}

/// Conditions that a record must meet, all of them. Conditions on an access hold for no record of another kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Not before, microseconds since 1970.
    pub from_us: Option<u64>,
    /// Before.
    pub until_us: Option<u64>,
    /// Kind of record.
    pub kind: Option<Kind>,
    /// Calling party.
    pub party: Option<String>,
    /// Calling system.
    pub system: Option<String>,
    /// Handler 经手人.
    pub handler: Option<String>,
    /// Providing party.
    pub provider: Option<String>,
    /// Resource code.
    pub resource: Option<String>,
    /// Permitted or refused.
    pub decision: Option<Decision>,
    /// Code of a refusal.
    pub code: Option<String>,
    /// Purpose code.
    pub purpose: Option<String>,
    /// The law that grant or resource rests on.
    pub legal_basis: Option<String>,
    /// Keyed digest of the request body.
    pub request_digest: Option<[u8; 32]>,
    /// Tags of a case number, one per epoch: any of them.
    pub matters: Vec<[u8; 16]>,
    /// Request id.
    pub request_id: Option<[u8; 16]>,
    /// Tags of a person, one per epoch: any of them. SUBJECTS records hold further people of an access.
    pub subjects: Vec<SubjectQuery>,
}

/// Fields that sidecars know, by their number in the file.
#[derive(Clone, Copy)]
#[repr(u8)]
pub(super) enum Field {
    Party = 1,
    System = 2,
    Handler = 3,
    Provider = 4,
    Resource = 5,
    Code = 6,
    Purpose = 7,
    Matter = 8,
    RequestId = 9,
    Subject = 10,
    Kind = 11,
    LegalBasis = 12,
    RequestDigest = 13,
}

const SUBJECT_BYTES: usize = 19;

fn subject_bytes(key_epoch: u16, tag: &SubjectTag) -> [u8; SUBJECT_BYTES] {
    let mut bytes = [0; SUBJECT_BYTES];
    let parts = key_epoch.to_be_bytes().into_iter().chain([tag.id_type]).chain(tag.tag);
    bytes.iter_mut().zip(parts).for_each(|(to, from)| *to = from);
    bytes
}

/// Tells every term of a record.
pub(super) fn terms(record: &Record<'_>, tell: &mut impl FnMut(Field, &[u8])) {
    tell(Field::Kind, &[record.kind() as u8]);
    match record {
        Record::Access(access) => access_terms(access, tell),
        Record::Outcome(outcome) => subject_terms(&outcome.subjects, tell),
        Record::Subjects(subjects) => subject_terms(&subjects.subjects, tell),
        _ => {}
    }
}

fn access_terms(access: &Access<'_>, tell: &mut impl FnMut(Field, &[u8])) {
    for (field, text) in [
        (Field::Party, access.consumer_party),
        (Field::System, access.consumer_system),
        (Field::Handler, access.handler),
        (Field::Provider, access.provider_party),
        (Field::Resource, access.resource),
        (Field::Code, access.code),
        (Field::Purpose, access.purpose),
        (Field::LegalBasis, access.legal_basis),
    ] {
        tell(field, text.as_bytes());
    }
    tell(Field::RequestId, &access.request_id);
    if let Some(digest) = &access.request_digest {
        tell(Field::RequestDigest, digest);
    }
    if let Some(matter) = &access.matter_tag {
        tell(Field::Matter, matter);
    }
    subject_terms(&access.subjects, tell);
}

fn subject_terms(subjects: &SubjectTags<'_>, tell: &mut impl FnMut(Field, &[u8])) {
    for tag in subjects.tags.iter() {
        tell(Field::Subject, &subject_bytes(subjects.key_epoch, &tag));
    }
}

impl Filter {
    /// Whether any condition is set.
    pub fn is_set(&self) -> bool {
        *self != Self::default()
    }

    /// Terms of which a segment must hold one of each group.
    pub(super) fn groups(&self) -> Vec<Vec<(Field, Vec<u8>)>> {
        let texts = [
            (Field::Party, &self.party),
            (Field::System, &self.system),
            (Field::Handler, &self.handler),
            (Field::Provider, &self.provider),
            (Field::Resource, &self.resource),
            (Field::Code, &self.code),
            (Field::Purpose, &self.purpose),
            (Field::LegalBasis, &self.legal_basis),
        ];
        let mut groups: Vec<Vec<(Field, Vec<u8>)>> = texts
            .into_iter()
            .filter_map(|(field, text)| Some(vec![(field, text.as_ref()?.as_bytes().to_vec())]))
            .collect();
        if let Some(kind) = self.kind {
            groups.push(vec![(Field::Kind, vec![kind as u8])]);
        }
        if let Some(id) = self.request_id {
            groups.push(vec![(Field::RequestId, id.to_vec())]);
        }
        if let Some(digest) = self.request_digest {
            groups.push(vec![(Field::RequestDigest, digest.to_vec())]);
        }
        if !self.matters.is_empty() {
            groups.push(self.matters.iter().map(|tag| (Field::Matter, tag.to_vec())).collect());
        }
        if !self.subjects.is_empty() {
            let term = |query: &SubjectQuery| (Field::Subject, subject_bytes(query.key_epoch, &query.tag).to_vec());
            groups.push(self.subjects.iter().map(term).collect());
        }
        groups
    }

    /// Whether a record is looked for.
    pub fn matches(&self, record: &Record<'_>) -> bool {
        let wall_us = record.head().wall_us;
        self.from_us.is_none_or(|from| wall_us >= from)
            && self.until_us.is_none_or(|until| wall_us < until)
            && self.kind.is_none_or(|kind| record.kind() == kind)
            && self.matches_access(record)
            && (self.subjects.is_empty() || subjects_of(record).is_some_and(|subjects| self.names(subjects)))
    }

    fn matches_access(&self, record: &Record<'_>) -> bool {
        let Record::Access(access) = record else {
            let conditions = Self { from_us: None, until_us: None, kind: None, subjects: Vec::new(), ..self.clone() };
            return !conditions.is_set();
        };
        let texts = [
            (&self.party, access.consumer_party),
            (&self.system, access.consumer_system),
            (&self.handler, access.handler),
            (&self.provider, access.provider_party),
            (&self.resource, access.resource),
            (&self.code, access.code),
            (&self.purpose, access.purpose),
            (&self.legal_basis, access.legal_basis),
        ];
        texts.iter().all(|(wanted, found)| wanted.as_ref().is_none_or(|wanted| wanted == found))
            && self.decision.is_none_or(|decision| access.decision == decision)
            && self.request_id.is_none_or(|id| access.request_id == id)
            && self.request_digest.is_none_or(|digest| access.request_digest == Some(digest))
            && (self.matters.is_empty() || access.matter_tag.is_some_and(|tag| self.matters.contains(&tag)))
    }

    fn names(&self, subjects: &SubjectTags<'_>) -> bool {
        let mut wanted = self.subjects.iter().filter(|query| query.key_epoch == subjects.key_epoch).peekable();
        wanted.peek().is_some() && wanted.any(|query| subjects.tags.iter().any(|tag| tag == query.tag))
    }
}

fn subjects_of<'r>(record: &'r Record<'_>) -> Option<&'r SubjectTags<'r>> {
    match record {
        Record::Access(access) => Some(&access.subjects),
        Record::Outcome(outcome) => Some(&outcome.subjects),
        Record::Subjects(subjects) => Some(&subjects.subjects),
        _ => None,
    }
}
