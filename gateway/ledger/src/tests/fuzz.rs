//! Changed records, frames and notes: refused or read alike, never a panic, and no changed frame passes for a whole one.

use std::io;

use proptest::prelude::*;
use sluice_fuzz::{mutated, mutated_text};

use crate::RequestKey;
use crate::frame::{self, FrameHeader};
use crate::hash::Hash;
use crate::note::Note;
use crate::proof_file::Proof;
use crate::record::{Heartbeat, Record};
use crate::storage::StorageFile;
use crate::tests::support::{access, head};

const KEY: RequestKey = RequestKey { boot_epoch: 3, node: 1, worker: 2, ctr: 70_000 };

fn records() -> Vec<Vec<u8>> {
    let (mut one, mut other) = (Vec::new(), Vec::new());
    access(KEY).encode_into(&mut one);
    Heartbeat { head: head(KEY), size: 6 }.encode_into(&mut other);
    vec![one, other]
}

fn whole_frame() -> Vec<u8> {
    let mut frame = Vec::new();
    frame::begin(&mut frame);
    let records = records();
    for (ctr, record) in (1..).zip(&records) {
        frame::push_entry(&mut frame, 2, ctr, record);
    }
    let header = FrameHeader {
        batch_no: 7,
        first_index: 11,
        count: 2,
        body_len: frame::body_len(&frame),
        ts_us: 1,
        prev_root: Hash::default(),
        root_after: Hash::default(),
        boot_epoch: 3,
    };
    frame::finish(&mut frame, &header);
    frame
}

/// A file in memory.
struct Bytes(Vec<u8>);

impl StorageFile for Bytes {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let rest = self.0.get(usize::try_from(offset).unwrap()..).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn write_at(&self, _bytes: &[u8], _offset: u64) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.0.len() as u64)
    }
}

proptest! {
    #[test]
    fn a_changed_record_is_refused_or_reads_as_it_is_written(bytes in mutated(records())) {
        let Ok(record) = Record::decode(&bytes) else { return Ok(()) };
        let mut again = Vec::new();
        record.encode_into(&mut again);
        let read = Record::decode(&again).ok();
        prop_assert_eq!(read.map(|read| read.to_json()), Some(record.to_json()));
    }

    #[test]
    fn no_changed_frame_passes_for_a_whole_one(bytes in mutated(vec![whole_frame()])) {
        let (file, mut frame) = (Bytes(bytes.clone()), Vec::new());
        let end = bytes.len() as u64;
        if frame::read(&file, 0, end, &mut frame).unwrap().is_ok() {
            let whole = whole_frame();
            prop_assert!(bytes.starts_with(&whole), "{} bytes", bytes.len());
        }
        if frame::read_unchecked(&file, 0, end, &mut frame).unwrap().is_some() {
            frame::entries(&frame).for_each(|entry| drop(Record::decode(entry.cbor)));
        }
    }

    #[test]
    fn a_changed_note_or_proof_is_refused_or_read(text in mutated_text(&[
        "sluice/1\n2\nAAAA\n\n— sluice/1 AAAAAAAA\n",
        "c2sp.org/tlog-proof@v1\nextra AAAA\nindex 1\nAAAA\n\nsluice/1\n2\nAAAA\n\n— sluice/1 AAAAAAAA\n",
    ])) {
        let _either = Note::parse(&text).is_ok();
        let _either = Proof::parse(&text).is_ok();
    }
}
