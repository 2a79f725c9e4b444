//! The content of a leaf: one deterministic CBOR array (RFC 8949 §4.2) per record.
//!
//! Elements 0–4 are common to all kinds: `ver`, `kind`, `ts_wall_us`, `[ts_mono_us, boot_epoch]`,
//! `[node, worker, ctr]`. For ACCESS, OUTCOME and SUBJECTS element *n* is row *n* of the field table
//! (null where a row does not apply), so that an auditor needs one table only. The other kinds continue
//! with fields of their own from element 5. Decoding ignores elements it does not know at the end.

mod access;
mod element;
mod event;
mod json;
mod outcome;
mod tags;

pub use access::{Access, Decision, Method};
pub(crate) use json::hex;

pub use event::{Clock, Heartbeat, Notice, NoticeKind, Recovery, RejectSummary};
pub use outcome::{Outcome, Subjects};
pub use tags::{SUBJECTS_INLINE_MAX, SUBJECTS_PER_RECORD_MAX, SubjectTag, SubjectTags, TagList};

use element::{DecodeError, Elements};

/// Format version written to element 0.
pub const VERSION: u8 = 1;

/// Why bytes are not a record. Carries no content of the record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a ledger record: element {element}: {fault}")]
pub struct RecordError {
    /// Index of the element in the outer array.
    pub element: u8,
    /// What is wrong with it.
    pub fault: &'static str,
}

/// Names one record of one node for ever: the boot epoch never repeats, `ctr` counts within worker and epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestKey {
    /// Start number of the process, bumped durably at every start.
    pub boot_epoch: u32,
    /// Node number from configuration.
    pub node: u16,
    /// Worker that made the record; 65 535 is the control lane.
    pub worker: u16,
    /// Counter of that worker in that epoch, from 1, below 2^48.
    pub ctr: u64,
}

/// Elements 2–4 of a record: when, and by whom it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Microseconds since 1970-01-01T00:00:00Z.
    pub wall_us: u64,
    /// Microseconds of a clock that never goes back, from any origin within the boot epoch.
    pub mono_us: u64,
    /// The key that `append` handed to the closure.
    pub key: RequestKey,
}

/// Kind numbers, element 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// A request was decided.
    Access = 1,
    /// What became of it.
    Outcome = 2,
    /// Further subjects of an access.
    Subjects = 3,
    /// Refusals that are counted, not listed.
    RejectSummary = 4,
    /// An administrative act.
    Admin = 5,
    /// A search of the log.
    Query = 6,
    /// A key was introduced, rotated or revoked.
    Key = 7,
    /// Bytes were quarantined at start.
    Recovery = 8,
    /// A range reached the end of its retention.
    Retention = 9,
    /// A record was replaced by its hash.
    Redaction = 10,
    /// The wall clock jumped.
    Clock = 11,
    /// A segment was sealed.
    Segment = 12,
    /// Nothing happened, and the node lives.
    Heartbeat = 13,
}

impl Kind {
    const ALL: [(Self, &'static str); 13] = [
        (Self::Access, "ACCESS"),
        (Self::Outcome, "OUTCOME"),
        (Self::Subjects, "SUBJECTS"),
        (Self::RejectSummary, "REJECT_SUMMARY"),
        (Self::Admin, "ADMIN"),
        (Self::Query, "QUERY"),
        (Self::Key, "KEY"),
        (Self::Recovery, "RECOVERY"),
        (Self::Retention, "RETENTION"),
        (Self::Redaction, "REDACTION"),
        (Self::Clock, "CLOCK"),
        (Self::Segment, "SEGMENT"),
        (Self::Heartbeat, "HEARTBEAT"),
    ];

    fn from_number(number: u8) -> Option<Self> {
        Self::ALL.iter().map(|(kind, _)| *kind).find(|kind| *kind as u8 == number)
    }

    /// The kind of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == name).map(|(kind, _)| *kind)
    }

    /// Name in capitals, as the documentation and `show` use it.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(kind, _)| *kind == self).map_or("", |(_, name)| name)
    }
}

/// A record read back; texts and bytes borrow from the leaf.
#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "records are read one at a time and never stored decoded")]
pub enum Record<'a> {
    /// ACCESS.
    Access(Access<'a>),
    /// OUTCOME.
    Outcome(Outcome<'a>),
    /// SUBJECTS continuation.
    Subjects(Subjects<'a>),
    /// `REJECT_SUMMARY`.
    RejectSummary(RejectSummary<'a>),
    /// ADMIN, QUERY, KEY, RETENTION, REDACTION, SEGMENT.
    Notice(Notice<'a>),
    /// RECOVERY.
    Recovery(Recovery),
    /// CLOCK.
    Clock(Clock),
    /// HEARTBEAT.
    Heartbeat(Heartbeat),
}

impl<'a> Record<'a> {
    /// Reads the CBOR of a leaf (without salt).
    ///
    /// # Errors
    /// The first element that does not fit. Unknown elements at the end are accepted.
    pub fn decode(cbor: &'a [u8]) -> Result<Self, RecordError> {
        let mut elements = Elements::open(cbor)?;
        decode_body(&mut elements).map_err(|fault: DecodeError| elements.blame(&fault))
    }

    /// Elements 2–4.
    pub fn head(&self) -> &Head {
        match self {
            Self::Access(record) => &record.head,
            Self::Outcome(record) => &record.head,
            Self::Subjects(record) => &record.head,
            Self::RejectSummary(record) => &record.head,
            Self::Notice(record) => &record.head,
            Self::Recovery(record) => &record.head,
            Self::Clock(record) => &record.head,
            Self::Heartbeat(record) => &record.head,
        }
    }

    /// Element 1.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Access(_) => Kind::Access,
            Self::Outcome(_) => Kind::Outcome,
            Self::Subjects(_) => Kind::Subjects,
            Self::RejectSummary(_) => Kind::RejectSummary,
            Self::Notice(record) => record.kind.into(),
            Self::Recovery(_) => Kind::Recovery,
            Self::Clock(_) => Kind::Clock,
            Self::Heartbeat(_) => Kind::Heartbeat,
        }
    }

    /// Appends the record's CBOR to `out`; no heap beyond `out` itself.
    pub fn encode_into(&self, out: &mut Vec<u8>) {
        match self {
            Self::Access(record) => record.encode_into(out),
            Self::Outcome(record) => record.encode_into(out),
            Self::Subjects(record) => record.encode_into(out),
            Self::RejectSummary(record) => record.encode_into(out),
            Self::Notice(record) => record.encode_into(out),
            Self::Recovery(record) => record.encode_into(out),
            Self::Clock(record) => record.encode_into(out),
            Self::Heartbeat(record) => record.encode_into(out),
        }
    }
}

fn decode_body<'a>(elements: &mut Elements<'a>) -> Result<Record<'a>, DecodeError> {
    if elements.u8()? != VERSION {
        return Err(DecodeError::Fault("unknown version"));
    }
    let kind = Kind::from_number(elements.u8()?).ok_or(DecodeError::Fault("unknown kind"))?;
    let head = elements.head()?;
    Ok(match kind {
        Kind::Access => Record::Access(Access::decode(head, elements)?),
        Kind::Outcome => Record::Outcome(Outcome::decode(head, elements)?),
        Kind::Subjects => Record::Subjects(Subjects::decode(head, elements)?),
        Kind::RejectSummary => Record::RejectSummary(RejectSummary::decode(head, elements)?),
        Kind::Admin => Record::Notice(Notice::decode(NoticeKind::Admin, head, elements)?),
        Kind::Query => Record::Notice(Notice::decode(NoticeKind::Query, head, elements)?),
        Kind::Key => Record::Notice(Notice::decode(NoticeKind::Key, head, elements)?),
        Kind::Retention => Record::Notice(Notice::decode(NoticeKind::Retention, head, elements)?),
        Kind::Redaction => Record::Notice(Notice::decode(NoticeKind::Redaction, head, elements)?),
        Kind::Segment => Record::Notice(Notice::decode(NoticeKind::Segment, head, elements)?),
        Kind::Recovery => Record::Recovery(Recovery::decode(head, elements)?),
        Kind::Clock => Record::Clock(Clock::decode(head, elements)?),
        Kind::Heartbeat => Record::Heartbeat(Heartbeat::decode(head, elements)?),
    })
}
