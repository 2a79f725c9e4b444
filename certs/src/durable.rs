//! Files that are there whole or not at all, and still there after a power cut.
//!
//! A key without its certificate or half an index would leave a site without its PKI, so every
//! file is written beside its place, synced, put there in one step, and its directory synced.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::error::{CertsError, Result};
use crate::random;

/// Who may read a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Its owner only: private keys and the index.
    Owner,
    /// Everyone: certificates and CRLs.
    Public,
}

impl Access {
    const fn mode(self) -> u32 {
        match self {
            Self::Owner => 0o600,
            Self::Public => 0o644,
        }
    }
}

/// Makes a directory with mode 0700 and the ones above it that are missing; leaves existing ones.
pub(crate) fn directory(path: &Path) -> Result<()> {
    let missing: Vec<&Path> = path.ancestors().take_while(|dir| !dir.as_os_str().is_empty() && !dir.exists()).collect();
    for dir in missing.into_iter().rev() {
        match DirBuilder::new().mode(0o700).create(dir) {
            Ok(()) => sync_directory(parent(dir))?,
            // Another process made it first.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(CertsError::io("create", dir, error)),
        }
    }
    if path.is_dir() { Ok(()) } else { Err(CertsError::io("use", path, io::ErrorKind::NotADirectory.into())) }
}

/// Puts `bytes` at `path`, in place of what stands there.
pub(crate) fn replace(path: &Path, bytes: &[u8], access: Access) -> Result<()> {
    let staged = Staged::write(path, bytes, access)?;
    fs::rename(&staged.path, path).map_err(|error| CertsError::io("write", path, error))?;
    sync_directory(parent(path))
}

/// Puts `bytes` at `path` unless something stands there already.
pub(crate) fn publish_new(path: &Path, bytes: &[u8], access: Access) -> Result<()> {
    let staged = Staged::write(path, bytes, access)?;
    fs::hard_link(&staged.path, path).map_err(|error| CertsError::io("create", path, error))?;
    drop(staged);
    sync_directory(parent(path))
}

/// Removes a file, if it is there.
pub(crate) fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Ok(()) => sync_directory(parent(path)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(CertsError::io("remove", path, error)),
    }
}

/// Reads a file of at most `bytes_max` bytes; `None` if there is none.
pub(crate) fn read(path: &Path, bytes_max: u64) -> Result<Option<Vec<u8>>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(CertsError::io("read", path, error)),
    };
    let mut bytes = Vec::new();
    file.take(bytes_max + 1).read_to_end(&mut bytes).map_err(|error| CertsError::io("read", path, error))?;
    if bytes.len() as u64 > bytes_max {
        return Err(CertsError::TooLarge { file: path.to_owned(), bytes_max });
    }
    Ok(Some(bytes))
}

/// A complete, synced file beside its place; gone when dropped, unless it was renamed.
struct Staged {
    path: PathBuf,
}

impl Staged {
    fn write(path: &Path, bytes: &[u8], access: Access) -> Result<Self> {
        let mut name = std::ffi::OsString::from(".");
        name.push(path.file_name().unwrap_or_default());
        name.push(format!(".{:016x}", u64::from_ne_bytes(random::bytes()?)));
        let staged = Self { path: path.with_file_name(name) };
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(access.mode())
            .open(&staged.path)
            .and_then(|mut file| {
                file.write_all(bytes)?;
                file.sync_all()
            })
            .map_err(|error| CertsError::io("write", path, error))?;
        Ok(staged)
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        // After a rename there is nothing left to remove; otherwise the error that led here counts.
        let _ = fs::remove_file(&self.path);
    }
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn sync_directory(dir: &Path) -> Result<()> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(|error| CertsError::io("sync", dir, error))
}
