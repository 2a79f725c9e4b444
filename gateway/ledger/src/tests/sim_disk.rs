//! A disk that forgets. Writes reach the platter only by a sync, names only by a sync of their folder; at a power
//! failure unsynced sectors survive or not by chance. After a set number of operations every call fails.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use super::support::Seeded;
use crate::state::lock;
use crate::storage::{Storage, StorageFile};

const SECTOR_BYTES: usize = 512;

#[derive(Default, Clone)]
struct Content {
    durable: Vec<u8>,
    cached: Vec<u8>,
    /// Sectors that differ from the platter.
    dirty: std::collections::BTreeSet<usize>,
}

#[derive(Default)]
struct State {
    contents: Vec<Content>,
    cached_names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    operations_left: Option<u64>,
    /// The operation that the power failed at.
    failed_at: Option<(&'static str, &'static str)>,
    is_sync_broken: bool,
    is_write_broken: bool,
}

/// Clones share the disk.
#[derive(Clone, Default)]
pub(super) struct SimDisk {
    state: Arc<Mutex<State>>,
    locked: Arc<AtomicBool>,
}

impl SimDisk {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// The power fails after that many further operations.
    pub(super) fn fail_after(&self, operations: u64) {
        lock(&self.state).operations_left = Some(operations);
    }

    /// The next sync of a segment fails, once.
    pub(super) fn break_sync_once(&self) {
        lock(&self.state).is_sync_broken = true;
    }

    /// The next write to a segment fails halfway, once.
    pub(super) fn break_write_once(&self) {
        lock(&self.state).is_write_broken = true;
    }

    /// The disk as it is when power comes back.
    pub(super) fn after_power_failure(&self, chance: &mut Seeded) -> Self {
        let state = lock(&self.state);
        let mut names = BTreeMap::new();
        for folder in ["", "seg", "keys", "quarantine", "tile"] {
            let source = if chance.below(2) == 0 { &state.cached_names } else { &state.durable_names };
            let in_folder = source.iter().filter(|(path, _)| top_folder(path) == folder);
            names.extend(in_folder.map(|(path, content)| (path.clone(), *content)));
        }
        let contents = state.contents.iter().map(|content| content.after_power_failure(chance)).collect();
        let state = State { contents, cached_names: names.clone(), durable_names: names, ..State::default() };
        Self { state: Arc::new(Mutex::new(state)), locked: Arc::default() }
    }

    /// Where the power failed: what was done, to which kind of file.
    pub(super) fn crash_point(&self) -> Option<(&'static str, &'static str)> {
        lock(&self.state).failed_at
    }

    fn operate<T>(
        &self,
        (what, kind): (&'static str, &'static str),
        run: impl FnOnce(&mut State) -> io::Result<T>,
    ) -> io::Result<T> {
        let mut state = lock(&self.state);
        match &mut state.operations_left {
            Some(0) => {
                state.failed_at.get_or_insert((what, kind));
                return Err(io::Error::other("power failed"));
            }
            Some(left) => *left -= 1,
            None => {}
        }
        run(&mut state)
    }
}

impl Content {
    fn after_power_failure(&self, chance: &mut Seeded) -> Self {
        let mut survived = self.durable.clone();
        for sector in &self.dirty {
            let start = sector * SECTOR_BYTES;
            if chance.below(2) == 0 && start < self.cached.len() {
                let end = (start + SECTOR_BYTES).min(self.cached.len());
                survived.resize(survived.len().max(end), 0);
                survived[start..end].copy_from_slice(&self.cached[start..end]);
            }
        }
        Self { durable: survived.clone(), cached: survived, dirty: std::collections::BTreeSet::new() }
    }
}

fn top_folder(path: &str) -> &str {
    path.split_once('/').map_or("", |(folder, _)| folder)
}

fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// What a path is for.
fn kind(path: &str) -> &'static str {
    // A spare in the making is not what the tests of a failing segment mean.
    if path.starts_with("seg") && path.contains(".tmp") {
        return "spare";
    }
    let kinds = ["seg", "keys", "tile", "quarantine", "checkpoint", "origin", "LOCK", "inbox", "index", "ckpt"];
    kinds.into_iter().find(|kind| path.starts_with(kind)).unwrap_or("folder")
}

struct SimFile {
    disk: SimDisk,
    content: usize,
    kind: &'static str,
    holds_lock: bool,
}

impl Drop for SimFile {
    fn drop(&mut self) {
        if self.holds_lock {
            self.disk.locked.store(false, Ordering::SeqCst);
        }
    }
}

impl SimDisk {
    fn file(&self, path: &str, content: usize, holds_lock: bool) -> Box<dyn StorageFile> {
        Box::new(SimFile { disk: self.clone(), content, kind: kind(path), holds_lock })
    }
}

impl Storage for SimDisk {
    fn create_dir(&self, path: &str) -> io::Result<()> {
        self.operate(("create_dir", kind(path)), |_| Ok(()))
    }

    fn list(&self, path: &str) -> io::Result<Vec<String>> {
        self.operate(("list", kind(path)), |state| {
            let prefix = format!("{path}/");
            let names = state.cached_names.keys().filter_map(|name| name.strip_prefix(&prefix));
            Ok(names.filter(|name| !name.contains('/')).map(str::to_owned).collect())
        })
    }

    fn open(&self, path: &str, _write: bool) -> io::Result<Box<dyn StorageFile>> {
        let content = self.operate(("open", kind(path)), |state| {
            state.cached_names.get(path).copied().ok_or(io::ErrorKind::NotFound.into())
        })?;
        Ok(self.file(path, content, false))
    }

    fn create(&self, path: &str) -> io::Result<Box<dyn StorageFile>> {
        let content = self.operate(("create", kind(path)), |state| {
            state.contents.push(Content::default());
            let content = state.contents.len() - 1;
            state.cached_names.insert(path.to_owned(), content);
            Ok(content)
        })?;
        Ok(self.file(path, content, false))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.operate(("rename", kind(to)), |state| {
            let content = state.cached_names.remove(from).ok_or(io::ErrorKind::NotFound)?;
            state.cached_names.insert(to.to_owned(), content);
            Ok(())
        })
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        self.operate(("remove", kind(path)), |state| {
            state.cached_names.remove(path);
            Ok(())
        })
    }

    fn sync_dir(&self, path: &str) -> io::Result<()> {
        self.operate(("sync_dir", kind(path)), |state| {
            state.durable_names.retain(|name, _| parent(name) != path);
            let names = state.cached_names.iter().filter(|(name, _)| parent(name) == path);
            state.durable_names.extend(names.map(|(name, content)| (name.clone(), *content)));
            Ok(())
        })
    }

    fn lock(&self, path: &str) -> io::Result<Option<Box<dyn StorageFile>>> {
        let content = self.operate(("lock", kind(path)), |state| {
            state.cached_names.get(path).copied().ok_or(io::ErrorKind::NotFound.into())
        })?;
        let was_locked = self.locked.swap(true, Ordering::SeqCst);
        Ok((!was_locked).then(|| self.file(path, content, true)))
    }

    fn is_locked(&self, _path: &str) -> io::Result<bool> {
        Ok(self.locked.load(Ordering::SeqCst))
    }
}

impl StorageFile for SimFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.disk.operate(("read_at", self.kind), |state| {
            let from = usize::try_from(offset).unwrap();
            let bytes = state.contents[self.content].cached.get(from..).unwrap_or_default();
            let read = bytes.len().min(buffer.len());
            buffer[..read].copy_from_slice(&bytes[..read]);
            Ok(read)
        })
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut is_broken = false;
        self.disk.operate(("write_at", self.kind), |state| {
            is_broken = self.kind == "seg" && std::mem::take(&mut state.is_write_broken);
            let bytes = if is_broken { &bytes[..bytes.len() / 2] } else { bytes };
            let content = &mut state.contents[self.content];
            let from = usize::try_from(offset).unwrap();
            content.cached.resize(content.cached.len().max(from + bytes.len()), 0);
            content.cached[from..from + bytes.len()].copy_from_slice(bytes);
            content.dirty.extend(from / SECTOR_BYTES..(from + bytes.len()).div_ceil(SECTOR_BYTES));
            Ok(())
        })?;
        if is_broken { Err(io::Error::from_raw_os_error(28)) } else { Ok(()) }
    }

    fn sync(&self) -> io::Result<()> {
        self.disk.operate(("sync", self.kind), |state| {
            let is_broken = self.kind == "seg" && std::mem::take(&mut state.is_sync_broken);
            let content = &mut state.contents[self.content];
            let dirty = std::mem::take(&mut content.dirty);
            if is_broken {
                // As kernels do: the pages are marked clean, and a second sync would succeed.
                return Err(io::Error::from_raw_os_error(5));
            }
            let length = content.cached.len();
            content.durable.resize(length, 0);
            for sector in dirty {
                let range = sector * SECTOR_BYTES..((sector + 1) * SECTOR_BYTES).min(length);
                content.durable[range.clone()].copy_from_slice(&content.cached[range]);
            }
            Ok(())
        })
    }

    fn len(&self) -> io::Result<u64> {
        self.disk.operate(("len", self.kind), |state| Ok(state.contents[self.content].cached.len() as u64))
    }
}
