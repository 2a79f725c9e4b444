//! Records that are not about one request: counted refusals, acts of people, and the node's own life.

use super::element::{DecodeError, Elements, Sink};
use super::{Head, Kind};

/// Refusals of one client for one reason within one second, counted instead of listed, so that a flood of
/// refusals cannot fill the disk.
#[derive(Debug, Clone, Copy)]
pub struct RejectSummary<'a> {
    /// Elements 2–4.
    pub head: Head,
    /// Second of the window, since 1970.
    pub window_s: u64,
    /// Listener's name.
    pub listener: &'a str,
    /// Stable reason code.
    pub reason: &'a str,
    /// Certificate fingerprint (16 bytes) or network prefix (3 bytes of an IPv4 /24, 6 of an IPv6 /48).
    pub client: &'a [u8],
    /// Refusals in the window.
    pub count: u64,
}

impl<'a> RejectSummary<'a> {
    /// Appends the record's CBOR to `out`; no heap beyond `out` itself.
    pub fn encode_into(&self, out: &mut Vec<u8>) {
        let mut sink = Sink::record(out, 10, Kind::RejectSummary, &self.head);
        sink.uint(self.window_s).text(self.listener).text(self.reason).bytes(self.client).uint(self.count);
    }

    pub(super) fn decode(head: Head, from: &mut Elements<'a>) -> Result<Self, DecodeError> {
        Ok(Self {
            head,
            window_s: from.u64()?,
            listener: from.text()?,
            reason: from.text()?,
            client: from.bytes()?,
            count: from.u64()?,
        })
    }
}

/// Kinds that share the fields of `Notice`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoticeKind {
    /// An administrative act.
    Admin,
    /// A search of the log.
    Query,
    /// A key was introduced, rotated or revoked.
    Key,
    /// A range reached the end of its retention.
    Retention,
    /// A record was replaced by its hash.
    Redaction,
    /// A segment was sealed.
    Segment,
}

impl From<NoticeKind> for Kind {
    fn from(kind: NoticeKind) -> Self {
        match kind {
            NoticeKind::Admin => Self::Admin,
            NoticeKind::Query => Self::Query,
            NoticeKind::Key => Self::Key,
            NoticeKind::Retention => Self::Retention,
            NoticeKind::Redaction => Self::Redaction,
            NoticeKind::Segment => Self::Segment,
        }
    }
}

/// Who did what to what, and why.
#[derive(Debug, Clone, Copy)]
pub struct Notice<'a> {
    /// Which kind.
    pub kind: NoticeKind,
    /// Elements 2–4.
    pub head: Head,
    /// Account, system or component that acted.
    pub actor: &'a str,
    /// Stable name of the act, such as `policy.reloaded`.
    pub action: &'a str,
    /// Id of what it was done to.
    pub object: &'a str,
    /// Reason given; never a citizen's identity.
    pub reason: &'a str,
    /// Digest, roots or signatures that belong to the act.
    pub data: &'a [u8],
}

impl<'a> Notice<'a> {
    /// Appends the record's CBOR to `out`; no heap beyond `out` itself.
    pub fn encode_into(&self, out: &mut Vec<u8>) {
        let mut sink = Sink::record(out, 10, self.kind.into(), &self.head);
        sink.text(self.actor).text(self.action).text(self.object).text(self.reason).bytes(self.data);
    }

    pub(super) fn decode(kind: NoticeKind, head: Head, from: &mut Elements<'a>) -> Result<Self, DecodeError> {
        Ok(Self {
            kind,
            head,
            actor: from.text()?,
            action: from.text()?,
            object: from.text()?,
            reason: from.text()?,
            data: from.bytes()?,
        })
    }
}

/// Bytes of an unfinished batch were moved to quarantine at start. Nobody had been answered on them.
#[derive(Debug, Clone, Copy)]
pub struct Recovery {
    /// Elements 2–4.
    pub head: Head,
    /// Segment number.
    pub segment: u64,
    /// Where the bytes began.
    pub offset: u64,
    /// How many there were.
    pub bytes: u64,
    /// Their SHA-256.
    pub sha256: [u8; 32],
}

impl Recovery {
    /// Appends the record's CBOR to `out`; no heap beyond `out` itself.
    pub fn encode_into(&self, out: &mut Vec<u8>) {
        let mut sink = Sink::record(out, 9, Kind::Recovery, &self.head);
        sink.uint(self.segment).uint(self.offset).uint(self.bytes).bytes(&self.sha256);
    }

    pub(super) fn decode(head: Head, from: &mut Elements<'_>) -> Result<Self, DecodeError> {
        let (segment, offset, bytes) = (from.u64()?, from.u64()?, from.u64()?);
        let sha256 = from.optional_fixed()?.ok_or(DecodeError::Fault("no digest"))?;
        Ok(Self { head, segment, offset, bytes, sha256 })
    }
}

/// The wall clock moved against the monotonic one.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    /// Elements 2–4; `wall_us` is the new time.
    pub head: Head,
    /// What the wall clock would have shown without the jump, microseconds since 1970.
    pub expected_us: u64,
}

impl Clock {
    /// Appends the record's CBOR to `out`; no heap beyond `out` itself.
    pub fn encode_into(&self, out: &mut Vec<u8>) {
        Sink::record(out, 6, Kind::Clock, &self.head).uint(self.expected_us);
    }

    pub(super) fn decode(head: Head, from: &mut Elements<'_>) -> Result<Self, DecodeError> {
        Ok(Self { head, expected_us: from.u64()? })
    }
}

/// Written at start and while idle, so that silence is not a gap.
#[derive(Debug, Clone, Copy)]
pub struct Heartbeat {
    /// Elements 2–4.
    pub head: Head,
    /// Records in the log when it was made; other records may slip in before it.
    pub size: u64,
}

impl Heartbeat {
    /// Appends the record's CBOR to `out`; no heap beyond `out` itself.
    pub fn encode_into(&self, out: &mut Vec<u8>) {
        Sink::record(out, 6, Kind::Heartbeat, &self.head).uint(self.size);
    }

    pub(super) fn decode(head: Head, from: &mut Elements<'_>) -> Result<Self, DecodeError> {
        Ok(Self { head, size: from.u64()? })
    }
}
