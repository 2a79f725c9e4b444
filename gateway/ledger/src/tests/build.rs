//! Ledgers to look at: written, stopped, and copied.

use std::path::Path;

use super::roomless::open;
use super::support::{access, options, run};
use crate::RequestKey;
use crate::record::Access;

/// Appends so many accesses to the ledger in a folder and stops it.
pub(super) fn grow(dir: &Path, records: usize) {
    grow_with(dir, records, |_, access| *access);
}

/// The same with records of one's own: `change` gets the number of each.
pub(super) fn grow_with(dir: &Path, records: usize, change: impl Fn(usize, &Access<'static>) -> Access<'static>) {
    let (ledger, _) = open(&options(dir)).unwrap();
    let appender = ledger.appender(0).unwrap();
    for burst in (0..records).collect::<Vec<_>>().chunks(100) {
        let append = |at: &usize| {
            let write = |key: RequestKey, out: &mut Vec<u8>| change(*at, &access(key)).encode_into(out);
            appender.append(write).unwrap()
        };
        let pending: Vec<_> = burst.iter().map(append).collect();
        for record in pending {
            run(appender.drive(), record).unwrap();
        }
    }
    ledger.stop().unwrap();
}

/// Copies a folder.
pub(super) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
