//! The seam to the disk. Everything the ledger does to files goes through `Storage`, so that a simulated disk
//! with a volatile cache can lose what was not synced. `DirStorage` uses `std` calls only (`write_at`,
//! `sync_data`), so that faults can also be injected below them by preloading a library.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Files of one ledger, by path relative to its directory, parts separated by `/`.
///
/// A file's *name* is durable only after `sync_dir` of its folder, its bytes only after `sync`.
pub trait Storage: Send + Sync + 'static {
    /// Creates a folder and its parents; existing ones are fine.
    ///
    /// # Errors
    /// As the operating system reports them.
    fn create_dir(&self, path: &str) -> io::Result<()>;
    /// Names in a folder, sorted; a missing folder is empty.
    ///
    /// # Errors
    /// As the operating system reports them.
    fn list(&self, path: &str) -> io::Result<Vec<String>>;
    /// Opens an existing file; `write` also for writing.
    ///
    /// # Errors
    /// As the operating system reports them; `NotFound` if there is none.
    fn open(&self, path: &str, write: bool) -> io::Result<Box<dyn StorageFile>>;
    /// Creates a file readable by its owner only (0600), or empties an existing one.
    ///
    /// # Errors
    /// As the operating system reports them.
    fn create(&self, path: &str) -> io::Result<Box<dyn StorageFile>>;
    /// Renames, replacing the target.
    ///
    /// # Errors
    /// As the operating system reports them.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Removes a file; a missing one is fine.
    ///
    /// # Errors
    /// As the operating system reports them.
    fn remove(&self, path: &str) -> io::Result<()>;
    /// Makes the names of a folder durable.
    ///
    /// # Errors
    /// As the operating system reports them.
    fn sync_dir(&self, path: &str) -> io::Result<()>;
    /// Takes the exclusive lock on an existing file; `None` if another process holds it. Held until dropped.
    ///
    /// # Errors
    /// As the operating system reports them.
    fn lock(&self, path: &str) -> io::Result<Option<Box<dyn StorageFile>>>;
    /// Room on the disk; `None` where that means nothing.
    ///
    /// # Errors
    /// As the operating system reports them.
    fn space(&self) -> io::Result<Option<Space>> {
        Ok(None)
    }
    /// Whether a process holds the lock; a missing file is not locked.
    ///
    /// # Errors
    /// As the operating system reports them.
    fn is_locked(&self, path: &str) -> io::Result<bool>;
}

/// Room on the ledger's disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// Bytes that this process may still write.
    pub free: u64,
    /// Bytes of the whole disk.
    pub total: u64,
}

/// An open file.
pub trait StorageFile: Send + Sync {
    /// Reads up to the buffer's length at an offset; fewer only at the end.
    ///
    /// # Errors
    /// As the operating system reports them.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
    /// Writes everything at an offset, or fails with an unknown part written.
    ///
    /// # Errors
    /// As the operating system reports them.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// Makes bytes and length durable (`fdatasync`).
    ///
    /// # Errors
    /// As the operating system reports them. Never retry after one: the kernel forgets what it could not write.
    fn sync(&self) -> io::Result<()>;
    /// Length in bytes.
    ///
    /// # Errors
    /// As the operating system reports them.
    fn len(&self) -> io::Result<u64>;
    /// Whether the file has no bytes.
    ///
    /// # Errors
    /// As the operating system reports them.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }
}

/// A folder of the operating system.
#[derive(Debug)]
pub struct DirStorage {
    root: PathBuf,
}

impl DirStorage {
    /// Does not touch the disk.
    pub fn new(root: impl AsRef<Path>) -> Self {
        Self { root: root.as_ref().to_path_buf() }
    }

    fn path(&self, path: &str) -> PathBuf {
        if path.is_empty() { self.root.clone() } else { self.root.join(path) }
    }
}

impl Storage for DirStorage {
    fn create_dir(&self, path: &str) -> io::Result<()> {
        fs::create_dir_all(self.path(path))
    }

    fn list(&self, path: &str) -> io::Result<Vec<String>> {
        let entries = match fs::read_dir(self.path(path)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut names = Vec::new();
        for entry in entries {
            if let Ok(name) = entry?.file_name().into_string() {
                names.push(name);
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    fn open(&self, path: &str, write: bool) -> io::Result<Box<dyn StorageFile>> {
        Ok(Box::new(OpenOptions::new().read(true).write(write).open(self.path(path))?))
    }

    fn create(&self, path: &str) -> io::Result<Box<dyn StorageFile>> {
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(true).mode(0o600).open(self.path(path))?;
        Ok(Box::new(file))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path(from), self.path(to))
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        match fs::remove_file(self.path(path)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            done => done,
        }
    }

    fn sync_dir(&self, path: &str) -> io::Result<()> {
        File::open(self.path(path))?.sync_all()
    }

    fn lock(&self, path: &str) -> io::Result<Option<Box<dyn StorageFile>>> {
        let file = OpenOptions::new().read(true).write(true).open(self.path(path))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Box::new(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn space(&self) -> io::Result<Option<Space>> {
        let found = rustix::fs::statvfs(&self.root)?;
        let bytes = |blocks: u64| blocks.saturating_mul(found.f_frsize);
        Ok(Some(Space { free: bytes(found.f_bavail), total: bytes(found.f_blocks) }))
    }

    fn is_locked(&self, path: &str) -> io::Result<bool> {
        let file = match File::open(self.path(path)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            file => file?,
        };
        match file.try_lock_shared() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

impl StorageFile for File {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut filled = 0;
        while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match FileExt::read_at(self, rest, offset + filled as u64) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.write_all_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }
}

/// Reads a whole small file; `None` if there is none, an error if it is longer than `bytes_max`.
pub(crate) fn read_small(storage: &dyn Storage, path: &str, bytes_max: u64) -> io::Result<Option<Vec<u8>>> {
    let file = match storage.open(path, false) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    let bytes = file.len()?;
    if bytes > bytes_max {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "file is longer than its format allows"));
    }
    let mut content = vec![0; usize::try_from(bytes).unwrap_or(usize::MAX)];
    let read = file.read_at(&mut content, 0)?;
    content.truncate(read);
    Ok(Some(content))
}

/// Replaces a file so that after a crash either the old or the new content stands, whole.
pub(crate) fn replace(storage: &dyn Storage, folder: &str, name: &str, content: &[u8]) -> io::Result<()> {
    let path = if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
    let temporary = format!("{path}.tmp");
    let file = storage.create(&temporary)?;
    file.write_at(content, 0)?;
    file.sync()?;
    storage.rename(&temporary, &path)?;
    storage.sync_dir(folder)
}
