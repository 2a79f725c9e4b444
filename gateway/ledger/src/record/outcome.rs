//! OUTCOME: what became of an access. SUBJECTS: data subjects beyond those listed in the access.

use super::element::{DecodeError, Elements, Sink};
use super::tags::SubjectTags;
use super::{Head, Kind};

/// Rows 0–20.
const OUTCOME_ROWS: u64 = 21;
/// Rows 0–14.
const SUBJECTS_ROWS: u64 = 15;

/// The end of a request that was permitted.
#[derive(Debug, Clone, Copy)]
pub struct Outcome<'a> {
    /// Rows 2–4.
    pub head: Head,
    /// Row 5: `ctr` of the ACCESS record of the same worker and epoch.
    pub ref_ctr: u64,
    /// Row 14: subjects found in the response.
    pub subjects: SubjectTags<'a>,
    /// Row 18: SHA-256 of the body sent, where it was computed: sealed files and answers that were read whole.
    pub response_digest: Option<[u8; 32]>,
    /// Row 19: status sent.
    pub http_status: u16,
    /// Row 19: body bytes sent.
    pub response_bytes: u64,
    /// Row 19: whole request, microseconds.
    pub duration_us: u64,
    /// Row 19: waiting for the provider, microseconds.
    pub upstream_us: u64,
    /// Row 19: stable code if the request failed after it was permitted, such as `provider.timeout`; else empty.
    pub origin_code: &'a str,
    /// Row 19: the caller went away before the end.
    pub aborted: bool,
    /// Row 20: records returned.
    pub rows: u32,
}

impl<'a> Outcome<'a> {
    /// Appends the record's CBOR to `out`; no heap beyond `out` itself.
    pub fn encode_into(&self, out: &mut Vec<u8>) {
        let mut sink = Sink::record(out, OUTCOME_ROWS, Kind::Outcome, &self.head);
        sink.uint(self.ref_ctr).nulls(8);
        self.subjects.encode(&mut sink);
        sink.nulls(3).optional_bytes(self.response_digest.as_ref().map(<[u8; 32]>::as_slice));
        sink.array(6).uint(self.http_status).uint(self.response_bytes).uint(self.duration_us);
        sink.uint(self.upstream_us).text(self.origin_code).truth(self.aborted);
        sink.uint(self.rows);
    }

    pub(super) fn decode(head: Head, from: &mut Elements<'a>) -> Result<Self, DecodeError> {
        let ref_ctr = from.u64()?;
        from.skip(8)?;
        let subjects = SubjectTags::decode(from)?;
        from.skip(3)?;
        let response_digest = from.optional_fixed()?;
        from.group(6)?;
        let (http_status, response_bytes) = (from.inner().u16()?, from.inner().u64()?);
        let (duration_us, upstream_us) = (from.inner().u64()?, from.inner().u64()?);
        let (origin_code, aborted) = (from.inner().str()?, from.inner().bool()?);
        let rows = u32::try_from(from.u64()?).map_err(|_| DecodeError::Fault("out of range"))?;
        Ok(Self {
            head,
            ref_ctr,
            subjects,
            response_digest,
            http_status,
            response_bytes,
            duration_us,
            upstream_us,
            origin_code,
            aborted,
            rows,
        })
    }
}

/// Continuation of row 14 of an ACCESS or OUTCOME, up to `SUBJECTS_PER_RECORD_MAX` tags.
#[derive(Debug, Clone, Copy)]
pub struct Subjects<'a> {
    /// Rows 2–4.
    pub head: Head,
    /// Row 5: `ctr` of the record that is continued, of the same worker and epoch.
    pub ref_ctr: u64,
    /// Row 14, `part` from 1.
    pub subjects: SubjectTags<'a>,
}

impl<'a> Subjects<'a> {
    /// Appends the record's CBOR to `out`; no heap beyond `out` itself.
    pub fn encode_into(&self, out: &mut Vec<u8>) {
        let mut sink = Sink::record(out, SUBJECTS_ROWS, Kind::Subjects, &self.head);
        sink.uint(self.ref_ctr).nulls(8);
        self.subjects.encode(&mut sink);
    }

    pub(super) fn decode(head: Head, from: &mut Elements<'a>) -> Result<Self, DecodeError> {
        let ref_ctr = from.u64()?;
        from.skip(8)?;
        Ok(Self { head, ref_ctr, subjects: SubjectTags::decode(from)? })
    }
}
