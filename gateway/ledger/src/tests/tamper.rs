//! Every change at rest is found, with and without repaired checksums, and the first bad record is named.

use std::path::Path;

use super::build::copy;
use super::support::{Seeded, access, options, run};
use crate::frame::{self, HEADER_BYTES};
use crate::segment::FIRST_FRAME;
use crate::storage::{DirStorage, Storage};
use crate::tail;
use crate::{FaultKind, Ledger, OpenError, verify};

/// HEARTBEAT, then frames of one record, then one frame of several; stopped cleanly.
fn sample(dir: &Path, records: usize) {
    let (ledger, _) = super::roomless::open(&options(dir)).unwrap();
    for _ in 0..4 {
        ledger.append_blocking(|key, out| access(key).encode_into(out)).unwrap();
    }
    let appender = ledger.appender(0).unwrap();
    for burst in (0..records).collect::<Vec<_>>().chunks(40) {
        let append = |_| appender.append_trailing(|key, out| access(key).encode_into(out));
        let pending: Vec<_> = burst.iter().map(append).collect();
        for record in pending {
            run(appender.drive(), record.unwrap()).unwrap();
        }
    }
    ledger.stop().unwrap();
}

const SEGMENT: &str = "seg/00000000.wal";

pub(super) fn edit(dir: &Path, file: &str, change: impl FnOnce(&mut Vec<u8>)) {
    let path = dir.join(file);
    let mut bytes = std::fs::read(&path).unwrap();
    change(&mut bytes);
    std::fs::write(path, bytes).unwrap();
}

/// Offset, header and entry offsets of every frame of the first segment.
struct Frame {
    offset: usize,
    end: usize,
    header: crate::frame::FrameHeader,
    records: Vec<usize>,
}

fn frames(dir: &Path) -> Vec<Frame> {
    let disk = DirStorage::new(dir);
    let file = disk.open(SEGMENT, false).unwrap();
    let (mut offset, end, mut bytes, mut frames) = (FIRST_FRAME, file.len().unwrap(), Vec::new(), Vec::new());
    while let Ok(header) = frame::read(&*file, offset, end, &mut bytes).unwrap() {
        let start = usize::try_from(offset).unwrap();
        let mut at = start + HEADER_BYTES;
        let mut records = Vec::new();
        for entry in frame::entries(&bytes) {
            records.push(at);
            at += 10 + entry.cbor.len();
        }
        offset += header.span();
        frames.push(Frame { offset: start, end: usize::try_from(offset).unwrap(), header, records });
    }
    frames
}

fn repair_header(bytes: &mut [u8], offset: usize) {
    let crc = crc32c::crc32c(&bytes[offset..offset + HEADER_BYTES - 4]);
    bytes[offset + HEADER_BYTES - 4..offset + HEADER_BYTES].copy_from_slice(&crc.to_le_bytes());
}

fn repair_body(bytes: &mut [u8], offset: usize, body_len: u32) {
    let body = offset + HEADER_BYTES..offset + HEADER_BYTES + body_len as usize;
    let crc = crc32c::crc32c(&bytes[body.clone()]);
    bytes[body.end..body.end + 4].copy_from_slice(&crc.to_le_bytes());
}

fn check(dir: &Path, kind: FaultKind, index: Option<u64>) {
    let report = verify(dir, None, |_| {});
    let fault = report.fault.clone().map(|fault| (fault.kind, fault.index));
    assert_eq!(fault, Some((kind, index)), "{:?}", report.fault);
    assert!((10..=63).contains(&report.exit_code()));
}

/// A change of the first segment, and what must be found.
fn check_segment(change: impl FnOnce(&mut Vec<u8>, &[Frame]), kind: FaultKind, index: Option<u64>) {
    let dir = tempfile::tempdir().unwrap();
    sample(dir.path(), 20);
    assert_eq!(verify(dir.path(), None, |_| {}).fault, None);
    let frames = frames(dir.path());
    edit(dir.path(), SEGMENT, |bytes| change(bytes, &frames));
    check(dir.path(), kind, index);
}

/// The frame with several records, and a record in its middle.
fn crowded(frames: &[Frame]) -> (&Frame, usize) {
    let frame = frames.iter().find(|frame| frame.records.len() > 3).unwrap();
    (frame, frame.records[2])
}

#[test]
fn changed_bytes_are_found_by_class() {
    // Record 2 stands alone in frame 2.
    check_segment(|bytes, _| bytes[100] ^= 1, FaultKind::SegmentHeader, Some(0));
    check_segment(|bytes, frames| bytes[frames[2].offset + 30] ^= 1, FaultKind::FrameHeader, Some(2));
    check_segment(|bytes, frames| bytes[frames[2].records[0] + 40] ^= 1, FaultKind::FrameBody, Some(2));
    check_segment(|bytes, frames| bytes[frames[2].records[0] + 3] ^= 1, FaultKind::FrameBody, Some(2));
    let trailer = |frame: &Frame| frame.offset + HEADER_BYTES + frame.header.body_len as usize + 4;
    check_segment(|bytes, frames| bytes[trailer(&frames[2])] ^= 1, FaultKind::FrameTrailer, Some(2));
    check_segment(|bytes, frames| bytes[trailer(&frames[2]) - 1] ^= 1, FaultKind::FrameBody, Some(2));
    check_segment(|bytes, _| *bytes.last_mut().unwrap() = 1, FaultKind::Residue, Some(25));
    check_segment(|bytes, frames| bytes[frames[2].offset..frames[2].end].fill(0), FaultKind::FrameHeader, Some(2));
    check_segment(|bytes, frames| bytes.truncate(frames[3].offset + 100), FaultKind::SegmentLength, Some(3));
}

#[test]
fn changed_bytes_with_repaired_checksums_are_found_by_the_tree() {
    let change_record = |bytes: &mut Vec<u8>, frames: &[Frame]| {
        bytes[frames[2].records[0] + 60] ^= 1;
        repair_body(bytes, frames[2].offset, frames[2].header.body_len);
    };
    check_segment(change_record, FaultKind::Root, Some(2));
    let change_salt = |bytes: &mut Vec<u8>, frames: &[Frame]| {
        bytes[frames[2].records[0] + 3] ^= 1;
        repair_body(bytes, frames[2].offset, frames[2].header.body_len);
    };
    check_segment(change_salt, FaultKind::Root, Some(2));
    let change_header = |at: usize| {
        move |bytes: &mut Vec<u8>, frames: &[Frame]| {
            bytes[frames[2].offset + at] ^= 1;
            repair_header(bytes, frames[2].offset);
        }
    };
    check_segment(change_header(12), FaultKind::Sequence, Some(2));
    check_segment(change_header(40), FaultKind::PrevRoot, Some(2));
    check_segment(change_header(80), FaultKind::Root, Some(2));
    check_segment(change_header(104), FaultKind::SaltKey, Some(2));
}

#[test]
fn the_first_bad_record_is_named_within_a_crowded_frame() {
    for repairs in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        sample(dir.path(), 40);
        let frames = frames(dir.path());
        let (frame, record) = crowded(&frames);
        edit(dir.path(), SEGMENT, |bytes| {
            bytes[record + 60] ^= 1;
            if repairs {
                repair_body(bytes, frame.offset, frame.header.body_len);
            }
        });
        let kind = if repairs { FaultKind::Root } else { FaultKind::FrameBody };
        check(dir.path(), kind, Some(frame.header.first_index + 2));
    }
}

#[test]
fn frames_removed_swapped_or_repeated_are_found() {
    let cut = |bytes: &mut Vec<u8>, frames: &[Frame]| {
        let removed = frames[2].end - frames[2].offset;
        bytes.drain(frames[2].offset..frames[2].end);
        bytes.resize(bytes.len() + removed, 0);
    };
    check_segment(cut, FaultKind::Sequence, Some(2));
    let swap = |bytes: &mut Vec<u8>, frames: &[Frame]| {
        let (second, third) =
            (bytes[frames[2].offset..frames[2].end].to_vec(), bytes[frames[3].offset..frames[3].end].to_vec());
        let swapped: Vec<u8> = third.into_iter().chain(second).collect();
        bytes[frames[2].offset..frames[3].end].copy_from_slice(&swapped);
    };
    check_segment(swap, FaultKind::Sequence, Some(2));
    let drop_last = |bytes: &mut Vec<u8>, frames: &[Frame]| {
        let last = frames.last().unwrap();
        bytes[last.offset..last.end].fill(0);
    };
    let dir = tempfile::tempdir().unwrap();
    sample(dir.path(), 20);
    let frames = frames(dir.path());
    edit(dir.path(), SEGMENT, |bytes| drop_last(bytes, &frames));
    check(dir.path(), FaultKind::Rollback, Some(frames.last().unwrap().header.first_index));
    let refused = Ledger::open(&options(dir.path())).err().unwrap();
    assert!(matches!(refused, OpenError::Rollback { .. }) && refused.to_string().contains("ROLLBACK"));
}

/// Name, change, and what must be found.
type Row = (&'static str, fn(&Path), FaultKind, Option<u64>);

#[test]
fn other_files_are_checked_too() {
    let rows: [Row; 7] = [
        ("segment deleted", |dir| std::fs::remove_file(dir.join(SEGMENT)).unwrap(), FaultKind::SegmentMissing, Some(0)),
        ("salt key changed", |dir| edit(dir, "keys/salt-0000000001.key", |key| key[0] ^= 1), FaultKind::Root, Some(0)),
        (
            "salt key deleted",
            |dir| std::fs::remove_file(dir.join("keys/salt-0000000001.key")).unwrap(),
            FaultKind::SaltKey,
            Some(0),
        ),
        (
            "checkpoint deleted",
            |dir| std::fs::remove_file(dir.join("checkpoint")).unwrap(),
            FaultKind::CheckpointMissing,
            Some(0),
        ),
        (
            "signature changed",
            |dir| {
                edit(dir, "checkpoint", |note| {
                    // Another letter of base64, not a flipped bit: that could leave the alphabet, which is another fault.
                    let at = note.len() - 20;
                    note[at] = if note[at] == b'A' { b'B' } else { b'A' };
                });
            },
            FaultKind::CheckpointSignature,
            None,
        ),
        ("tile changed", |dir| edit(dir, "tile/0/000", |tile| tile[32 * 7] ^= 1), FaultKind::Tile, Some(7)),
        (
            "public key deleted",
            |dir| std::fs::remove_file(dir.join("keys/checkpoint.vkey")).unwrap(),
            FaultKind::Key,
            None,
        ),
    ];
    let fresh = tempfile::tempdir().unwrap();
    sample(fresh.path(), 300);
    for (name, change, kind, index) in rows {
        let dir = tempfile::tempdir().unwrap();
        copy(fresh.path(), dir.path());
        change(dir.path());
        let report = verify(dir.path(), None, |_| {});
        let found = report.fault.clone().map(|fault| (fault.kind, fault.index));
        assert_eq!(found, Some((kind, index)), "{name}: {:?}", report.fault);
    }
    let empty = tempfile::tempdir().unwrap();
    check(empty.path(), FaultKind::NoLedger, None);
}

#[test]
fn another_key_is_found_only_when_pinned() {
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    for dir in &dirs {
        sample(dir.path(), 5);
    }
    let foreign = crate::read(dirs[1].path()).unwrap().verifier_key().unwrap();
    assert_eq!(verify(dirs[0].path(), None, |_| {}).fault, None);
    let report = verify(dirs[0].path(), Some(&foreign), |_| {});
    assert_eq!(report.fault.map(|fault| fault.kind), Some(FaultKind::CheckpointSignature));
}

#[test]
fn a_hole_before_a_valid_batch_refuses_to_start_and_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    sample(dir.path(), 20);
    let frames = frames(dir.path());
    edit(dir.path(), SEGMENT, |bytes| {
        bytes[frames[2].offset + 200] ^= 1;
    });
    std::fs::remove_file(dir.path().join("checkpoint")).unwrap();
    let before = std::fs::read(dir.path().join(SEGMENT)).unwrap();
    let refused = Ledger::open(&options(dir.path())).err().unwrap();
    assert!(matches!(refused, OpenError::Corrupt { .. }), "{refused}");
    assert_eq!(std::fs::read(dir.path().join(SEGMENT)).unwrap(), before);
}

#[test]
fn any_bit_flip_of_what_proves_something_is_found() {
    let fresh = tempfile::tempdir().unwrap();
    sample(fresh.path(), 300);
    let disk = DirStorage::new(fresh.path());
    let used = tail::last_nonzero(&*disk.open(SEGMENT, false).unwrap(), 0).unwrap().unwrap();
    let mut chance = Seeded::new(11);
    let files = [
        SEGMENT,
        "checkpoint",
        "origin",
        "keys/salt-0000000001.key",
        "keys/checkpoint.vkey",
        "tile/0/000",
        "seg/00000001.wal",
    ];
    for round in 0..400_usize {
        let file = files[round % files.len()];
        let original = std::fs::read(fresh.path().join(file)).unwrap();
        let range = if file == SEGMENT { used + 64 } else { original.len() as u64 };
        let (at, bit) = (usize::try_from(chance.below(range)).unwrap(), chance.below(8));
        edit(fresh.path(), file, |bytes| bytes[at] ^= 1 << bit);
        assert!(verify(fresh.path(), None, |_| {}).fault.is_some(), "{file}: byte {at} bit {bit}");
        std::fs::write(fresh.path().join(file), original).unwrap();
    }
    assert_eq!(verify(fresh.path(), None, |_| {}).fault, None);
}
