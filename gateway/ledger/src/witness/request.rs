//! The one call of C2SP tlog-witness, as text: what a log sends to `add-checkpoint`, and what comes back.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use crate::hash::Hash;

/// Longest request and longest answer: 63 hashes and a note with many signatures.
pub const BODY_BYTES_MAX: usize = 64 * 1024;
/// Hashes of a consistency proof; C2SP's bound.
const PROOF_MAX: usize = 63;

/// A parsed request. The checkpoint is not verified yet.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct AddCheckpoint<'r> {
    /// Size that the proof starts from.
    pub(crate) old: u64,
    pub(crate) proof: Vec<Hash>,
    /// Signed note.
    pub(crate) note: &'r str,
}

impl<'r> AddCheckpoint<'r> {
    /// `None` for anything that is not such a request.
    pub(crate) fn parse(body: &'r [u8]) -> Option<Self> {
        let text = std::str::from_utf8(body).ok().filter(|text| text.len() <= BODY_BYTES_MAX)?;
        let (head, note) = text.split_once("\n\n")?;
        let mut lines = head.split('\n');
        let old = parse_size(lines.next()?.strip_prefix("old ")?)?;
        let hash = |line: &str| BASE64_STANDARD.decode(line).ok()?.try_into().ok();
        let proof: Vec<Hash> = lines.map(hash).collect::<Option<_>>()?;
        (proof.len() <= PROOF_MAX && (old > 0 || proof.is_empty())).then_some(Self { old, proof, note })
    }

    pub(crate) fn to_body(&self) -> Vec<u8> {
        let mut body = format!("old {}\n", self.old);
        for hash in &self.proof {
            body.push_str(&BASE64_STANDARD.encode(hash));
            body.push('\n');
        }
        body.push('\n');
        body.push_str(self.note);
        body.into_bytes()
    }
}

/// A decimal without leading zeros.
pub(crate) fn parse_size(text: &str) -> Option<u64> {
    let is_plain =
        text == "0" || !text.is_empty() && !text.starts_with('0') && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| is_plain)
}

/// What a witness answers: an HTTP status, a content type and a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// 200 with cosignature lines, 409 with the size that the witness knows, or a refusal.
    pub status: u16,
    /// Content type of the body.
    pub content_type: &'static str,
    /// At most `BODY_BYTES_MAX`.
    pub body: String,
}

impl Answer {
    pub(crate) fn text(status: u16, body: impl Into<String>) -> Self {
        Self { status, content_type: "text/plain; charset=utf-8", body: body.into() }
    }

    /// The latest size that the witness has cosigned, told as a conflict.
    pub(crate) fn size(size: u64) -> Self {
        Self { status: 409, content_type: "text/x.tlog.size", body: format!("{size}\n") }
    }
}

/// Why a witness gave no answer at all; a sentence for the operator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct LineError(pub String);

/// The way to one witness: sends a body to its `add-checkpoint` and gives status and body of the answer.
///
/// Blocks, until a time-out of its own at the latest. Called from one thread at a time.
pub trait WitnessLine: Send {
    /// Sends one request.
    ///
    /// # Errors
    /// No answer within the time-out, or none that is HTTP with at most `BODY_BYTES_MAX` of text.
    fn add_checkpoint(&mut self, body: Vec<u8>) -> Result<(u16, String), LineError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_reads_back_as_it_was_written() {
        for (old, proof) in [(0, vec![]), (7, vec![[1; 32], [2; 32]]), (u64::MAX, vec![[9; 32]; PROOF_MAX])] {
            let request = AddCheckpoint { old, proof, note: "a.b\n1\nAAAA\n\n\u{2014} a.b AAAAAAAA\n" };
            assert_eq!(AddCheckpoint::parse(&request.to_body()).as_ref(), Some(&request));
        }
    }

    #[test]
    fn what_is_no_request_is_not_read_as_one() {
        let hash = BASE64_STANDARD.encode([1; 32]);
        let many = format!("old 5\n{}\nnote\n", format!("{hash}\n").repeat(PROOF_MAX + 1));
        let rows = [
            String::new(),
            String::from("old 1\nnote"),
            String::from("old 01\n\nnote\n"),
            String::from("old +1\n\nnote\n"),
            String::from("old -1\n\nnote\n"),
            String::from("old  1\n\nnote\n"),
            String::from("Old 1\n\nnote\n"),
            String::from("old 18446744073709551616\n\nnote\n"),
            format!("old 0\n{hash}\n\nnote\n"),
            format!("old 1\n{hash} \n\nnote\n"),
            String::from("old 1\nAAAA\n\nnote\n"),
            many,
            format!("old 1\n\n{}", "x".repeat(BODY_BYTES_MAX)),
        ];
        for row in rows {
            assert_eq!(AddCheckpoint::parse(row.as_bytes()), None, "{row:.60}");
        }
        assert_eq!(AddCheckpoint::parse(b"old 1\n\n\xff"), None);
    }
}
