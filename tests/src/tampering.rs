//! Changes of a ledger's files, as `tests/tampering.toml` lists them; the formats are those of `docs/ledger.md`.

use std::fs;
use std::ops::Range;
use std::path::Path;
use std::process::Command;

use serde::Deserialize;

use crate::binary::workspace;
use crate::process::run;

/// A row of the list.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// What happens.
    pub name: String,
    /// Changes in their order.
    #[serde(default)]
    pub change: Vec<Change>,
    /// Options of `verify`.
    #[serde(default)]
    pub verify: Vec<String>,
    /// Exit code that must come.
    pub exit: i32,
    /// First bad record that must be named.
    pub index: Option<u64>,
}

/// One change.
#[derive(Debug, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
#[expect(missing_docs, reason = "the list explains its own members")]
pub enum Change {
    /// Bits of a byte of a record.
    FlipInRecord { flip: u8, record: i64, byte: usize },
    /// Bits of a byte of a frame.
    FlipInFrame { flip: u8, frame: i64, byte: usize },
    /// Bits of a byte of a file.
    FlipInFile { flip: u8, file: String, byte: i64 },
    /// Checksums of a frame are made right.
    Repair { repair: i64 },
    /// A frame becomes zeros.
    Zero { zero: i64 },
    /// A frame is taken out.
    Remove { remove: i64 },
    /// Two frames change places.
    Swap { swap: [i64; 2] },
    /// A file is deleted.
    Delete { delete: String },
    /// A file is cut.
    Truncate { truncate: String, to: u64 },
    /// A file is copied.
    Copy { copy: String, to: String },
    /// The whole folder as it was.
    Restore { restore: bool },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    case: Vec<Case>,
}

/// The list.
pub fn cases() -> Vec<Case> {
    let text = fs::read_to_string(workspace().join("tests/tampering.toml")).expect("the list of cases");
    let list: List = toml::from_str(&text).unwrap_or_else(|error| panic!("tests/tampering.toml: {error}"));
    list.case
}

const SEGMENT: &str = "seg/00000000.wal";
const FIRST_FRAME: usize = 4_096;
const HEADER: usize = 112;

/// A frame of the first segment.
struct Frame {
    span: Range<usize>,
    body: Range<usize>,
    first_index: i64,
    /// Where the CBOR of each record begins.
    records: Vec<usize>,
}

fn number(bytes: &[u8], at: usize, len: usize) -> usize {
    let mut wide = [0; 8];
    wide[..len].copy_from_slice(&bytes[at..at + len]);
    usize::try_from(u64::from_le_bytes(wide)).expect("a size")
}

fn frames(bytes: &[u8]) -> Vec<Frame> {
    let (mut at, mut frames) = (FIRST_FRAME, Vec::new());
    while bytes.get(at..at + 4) == Some(b"SLBF") {
        let body = at + HEADER..at + HEADER + number(bytes, at + 24, 4);
        let (mut entry, mut records) = (body.start, Vec::new());
        while entry < body.end {
            records.push(entry + 10);
            entry += 10 + number(bytes, entry, 2);
        }
        let span = at..(body.end + 16).next_multiple_of(64);
        at = span.end;
        let first_index = i64::try_from(number(bytes, span.start + 12, 8)).expect("an index");
        frames.push(Frame { span, body, first_index, records });
    }
    frames
}

/// The frame that holds a record; counted from the end if negative.
fn holding(frames: &[Frame], record: i64) -> usize {
    if record < 0 {
        return frames.len() - usize::try_from(-record).expect("a number");
    }
    frames.partition_point(|frame| frame.first_index <= record) - 1
}

/// Makes a change in a ledger's folder; `before` is how the folder once was, `kept` a file elsewhere.
pub fn tamper(ledger: &Path, before: &Path, kept: &Path, change: &Change) {
    let edit = |file: &str, change: &dyn Fn(&mut Vec<u8>)| {
        let path = ledger.join(file);
        let mut bytes = fs::read(&path).unwrap_or_else(|error| panic!("{file}: {error}"));
        change(&mut bytes);
        fs::write(&path, bytes).expect("the ledger can be written");
    };
    match change {
        Change::FlipInRecord { flip, record, byte } => edit(SEGMENT, &|bytes| {
            let frame = &frames(bytes)[holding(&frames(bytes), *record)];
            let nth = usize::try_from(record - frame.first_index).expect("a record of the frame");
            bytes[frame.records[nth] + byte] ^= flip;
        }),
        Change::FlipInFrame { flip, frame, byte } => edit(SEGMENT, &|bytes| {
            let at = frames(bytes)[holding(&frames(bytes), *frame)].span.start + byte;
            bytes[at] ^= flip;
        }),
        Change::FlipInFile { flip, file, byte } => edit(file, &|bytes| {
            let len = i64::try_from(bytes.len()).expect("a length");
            let at = usize::try_from(if *byte < 0 { len + byte } else { *byte }).expect("a place in the file");
            bytes[at] ^= flip;
        }),
        Change::Repair { repair } => edit(SEGMENT, &|bytes| {
            let frame = &frames(bytes)[holding(&frames(bytes), *repair)];
            let (header, body) = (frame.span.start, frame.body.clone());
            let crc = crc32c::crc32c(&bytes[header..header + HEADER - 4]);
            bytes[header + HEADER - 4..header + HEADER].copy_from_slice(&crc.to_le_bytes());
            let crc = crc32c::crc32c(&bytes[body.clone()]);
            bytes[body.end..body.end + 4].copy_from_slice(&crc.to_le_bytes());
        }),
        Change::Zero { zero } => edit(SEGMENT, &|bytes| {
            let span = frames(bytes)[holding(&frames(bytes), *zero)].span.clone();
            bytes[span].fill(0);
        }),
        Change::Remove { remove } => edit(SEGMENT, &|bytes| {
            let (span, len) = (frames(bytes)[holding(&frames(bytes), *remove)].span.clone(), bytes.len());
            bytes.drain(span);
            bytes.resize(len, 0);
        }),
        Change::Swap { swap } => edit(SEGMENT, &|bytes| {
            let all = frames(bytes);
            let [a, b] = swap.map(|record| all[holding(&all, record)].span.clone());
            let changed = [&bytes[b.clone()], &bytes[a.end..b.start], &bytes[a.clone()]].concat();
            bytes[a.start..b.end].copy_from_slice(&changed);
        }),
        Change::Delete { delete } => fs::remove_file(ledger.join(delete)).expect("a file to delete"),
        Change::Truncate { truncate, to } => {
            let file = fs::OpenOptions::new().write(true).open(ledger.join(truncate)).expect("a file to cut");
            file.set_len(*to).expect("the file can be cut");
        }
        Change::Copy { copy, to } => {
            let from = if copy == "@kept" { kept.to_owned() } else { ledger.join(copy) };
            fs::copy(from, ledger.join(to)).expect("a file to copy");
        }
        Change::Restore { restore } => {
            assert!(*restore, "a restore that is none");
            fs::remove_dir_all(ledger).expect("the ledger can be removed");
            let copied = run(Command::new("cp").arg("-a").arg(before).arg(ledger));
            assert_eq!(copied.code, 0, "{}", copied.stderr);
        }
    }
}
