//! The demo's folder: taken by one demo at a time, recognised by a marker, and never anything
//! removed from it that a demo did not make.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};

/// Marks a folder as a demo's, and is what a running demo locks.
const MARKER: &str = ".sluice-demo";
const MAKER: &str = "sluice demo";
/// All that a demo ever makes in its folder, beside the marker.
const MADE: [&str; 11] = [
    "pki",
    "keys",
    "tokens",
    "ledger",
    "store",
    "sluice.toml",
    "catalogue.toml",
    "catalogue.toml.previous",
    "bindings.toml",
    "stand-ins.json",
    "accounts.json",
];

#[derive(Serialize, Deserialize)]
struct Marker {
    made_by: String,
    /// Hash of the fixtures that the catalogue was made from; absent until it is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fixtures: Option<String>,
}

/// A folder that this process holds until the value is dropped.
#[derive(Debug)]
pub(crate) struct Directory {
    path: PathBuf,
    marker: File,
}

impl Directory {
    /// Takes the folder, which is made if need be.
    ///
    /// # Errors
    /// A demo runs on it; it holds something that no demo made; the file system says no.
    pub(crate) fn take(path: &Path) -> anyhow::Result<Self> {
        let shown = path.display();
        DirBuilder::new().recursive(true).mode(0o700).create(path).with_context(|| format!("cannot make {shown}"))?;
        let marker = path.join(MARKER);
        if !marker.exists() && fs::read_dir(path).with_context(|| format!("cannot read {shown}"))?.next().is_some() {
            bail!("{shown} is not empty and was not made by a demo: choose another folder with --dir");
        }
        let marker = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .mode(0o600)
            .open(&marker)
            .with_context(|| format!("cannot open {}", marker.display()))?;
        match marker.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                bail!(
                    "another demo is running on {shown}: stop it, or choose another folder with --dir and other ports with --port"
                )
            }
            Err(TryLockError::Error(error)) => return Err(error).with_context(|| format!("cannot lock {shown}")),
        }
        let mut taken = Self { path: path.to_owned(), marker };
        // Refuses a marker that is something else's, before anything is made or removed.
        taken.fixtures()?;
        Ok(taken)
    }

    /// The folder.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// A file or folder in it.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Hash of the fixtures that the catalogue in it was made from.
    ///
    /// # Errors
    /// The marker cannot be read, or is none of ours.
    pub(crate) fn fixtures(&mut self) -> anyhow::Result<Option<String>> {
        let mut text = String::new();
        self.marker.rewind()?;
        self.marker.read_to_string(&mut text)?;
        if text.is_empty() {
            return Ok(None);
        }
        let marker = serde_json::from_str::<Marker>(&text).ok().filter(|marker| marker.made_by == MAKER);
        match marker {
            Some(marker) => Ok(marker.fixtures),
            None => {
                bail!("{} was not written by a demo: choose another folder with --dir", self.file(MARKER).display())
            }
        }
    }

    /// Notes the fixtures that the catalogue was made from.
    ///
    /// # Errors
    /// The file system says no.
    pub(crate) fn note_fixtures(&mut self, hash: Option<&str>) -> anyhow::Result<()> {
        let marker = Marker { made_by: MAKER.to_owned(), fixtures: hash.map(str::to_owned) };
        // In place: the lock is on this very file.
        self.marker.rewind()?;
        self.marker.set_len(0)?;
        self.marker.write_all(serde_json::to_string(&marker)?.as_bytes())?;
        Ok(())
    }

    /// Makes a folder in it that only its owner may enter.
    ///
    /// # Errors
    /// The file system says no.
    pub(crate) fn folder(&self, name: &str) -> anyhow::Result<PathBuf> {
        let path = self.file(name);
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&path)
            .with_context(|| format!("cannot make {}", path.display()))?;
        Ok(path)
    }

    /// Writes a file that only its owner may read, whole or not at all.
    ///
    /// # Errors
    /// The file system says no.
    pub(crate) fn write(&self, name: &str, content: &[u8]) -> anyhow::Result<PathBuf> {
        let path = self.file(name);
        let beside = self.file(&format!("{name}.new"));
        let written = OpenOptions::new()
            .create(true)
            .truncate(true)
            .write(true)
            .mode(0o600)
            .open(&beside)
            .and_then(|mut file| file.write_all(content))
            .and_then(|()| fs::rename(&beside, &path));
        written.with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }

    /// Removes what an earlier demo made, and nothing else.
    ///
    /// # Errors
    /// The file system says no.
    pub(crate) fn empty(&mut self) -> anyhow::Result<()> {
        self.note_fixtures(None)?;
        let unfinished = MADE.iter().map(|name| format!("{name}.new"));
        for path in MADE.iter().map(ToString::to_string).chain(unfinished).map(|name| self.file(&name)) {
            // Not following links: only the link itself can be a demo's.
            let removed = match path.symlink_metadata() {
                Ok(found) if found.is_dir() => fs::remove_dir_all(&path),
                Ok(_) => fs::remove_file(&path),
                Err(_) => Ok(()),
            };
            removed.with_context(|| format!("cannot remove {}", path.display()))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_of_something_else_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("thesis.txt"), "years of work").unwrap();
        let error = Directory::take(dir.path()).unwrap_err().to_string();
        assert!(error.contains("was not made by a demo"), "{error}");
        assert!(dir.path().join("thesis.txt").exists());
        assert!(!dir.path().join(MARKER).exists());
    }

    #[test]
    fn a_marker_of_something_else_protects_the_folder() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(MARKER), "mine").unwrap();
        assert!(Directory::take(dir.path()).is_err());
        assert_eq!(fs::read_to_string(dir.path().join(MARKER)).unwrap(), "mine");
    }

    #[test]
    fn fresh_removes_what_a_demo_made_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("kept"), "x").unwrap();
        let mut first = Directory::take(dir.path()).unwrap();
        first.note_fixtures(Some("abc")).unwrap();
        first.folder("tokens").unwrap();
        first.write("sluice.toml", b"x").unwrap();
        std::os::unix::fs::symlink(outside.path(), dir.path().join("store")).unwrap();
        fs::write(dir.path().join("notes.txt"), "a visitor's").unwrap();
        drop(first);

        let mut again = Directory::take(dir.path()).unwrap();
        assert_eq!(again.fixtures().unwrap().as_deref(), Some("abc"));
        assert!(dir.path().join("sluice.toml").exists());
        drop(again);

        let mut fresh = Directory::take(dir.path()).unwrap();
        fresh.empty().unwrap();
        assert_eq!(fresh.fixtures().unwrap(), None);
        let left: std::collections::BTreeSet<_> =
            fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        assert_eq!(left, [MARKER.to_owned(), "notes.txt".to_owned()].into());
        assert!(outside.path().join("kept").exists());
    }

    #[test]
    fn a_second_demo_on_the_folder_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let _first = Directory::take(dir.path()).unwrap();
        let error = Directory::take(dir.path()).unwrap_err().to_string();
        assert!(error.contains("another demo is running on"), "{error}");
    }
}
