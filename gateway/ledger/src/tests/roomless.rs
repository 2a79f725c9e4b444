//! A ledger in a folder of the real disk whose room is not looked at: a machine that is short of it would add records
//! of its own to those that a test counts.

use std::io;
use std::sync::Arc;

use crate::{DirStorage, Ledger, OpenError, Opening, Options, Storage, StorageFile};

/// As [`Ledger::open`].
pub(super) fn open(options: &Options) -> Result<(Ledger, Opening), OpenError> {
    Ledger::open_on(options, Arc::new(Roomless(DirStorage::new(&options.dir))))
}

/// Has no room to tell of.
struct Roomless(DirStorage);

impl Storage for Roomless {
    fn create_dir(&self, path: &str) -> io::Result<()> {
        self.0.create_dir(path)
    }

    fn list(&self, path: &str) -> io::Result<Vec<String>> {
        self.0.list(path)
    }

    fn open(&self, path: &str, write: bool) -> io::Result<Box<dyn StorageFile>> {
        self.0.open(path, write)
    }

    fn create(&self, path: &str) -> io::Result<Box<dyn StorageFile>> {
        self.0.create(path)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.0.rename(from, to)
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        self.0.remove(path)
    }

    fn sync_dir(&self, path: &str) -> io::Result<()> {
        self.0.sync_dir(path)
    }

    fn lock(&self, path: &str) -> io::Result<Option<Box<dyn StorageFile>>> {
        self.0.lock(path)
    }

    fn is_locked(&self, path: &str) -> io::Result<bool> {
        self.0.is_locked(path)
    }
}
