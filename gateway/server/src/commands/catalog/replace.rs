//! Replacing files so that a reader or a crash meets the old text or the new one, never a part.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, bail};

/// Earlier texts kept of each file: enough to find last week's, few enough to overlook.
const BACKUPS_MAX: usize = 10;

/// A text that stands ready beside the file that it is to replace.
pub(super) struct Staged {
    target: PathBuf,
    staged: PathBuf,
}

impl Staged {
    /// Writes a text beside its target, on disk to the last byte, with the rights of what it replaces.
    ///
    /// # Errors
    /// The folder cannot be written, or the disk is full.
    pub(super) fn write(target: &Path, bytes: &[u8]) -> anyhow::Result<Self> {
        let staged = Self { target: target.to_path_buf(), staged: beside(target, "new")? };
        let write = || -> std::io::Result<()> {
            let mut file = File::create(&staged.staged)?;
            if let Ok(standing) = fs::metadata(target) {
                file.set_permissions(standing.permissions())?;
            }
            file.write_all(bytes)?;
            file.sync_all()
        };
        write().with_context(|| format!("cannot write {}", staged.staged.display()))?;
        Ok(staged)
    }

    /// Where the text stands until it takes its place.
    pub(super) fn path(&self) -> &Path {
        &self.staged
    }

    /// Keeps what stands as a numbered backup, then takes its place.
    ///
    /// # Errors
    /// What the file system refuses; the old text stands then.
    pub(super) fn place(self) -> anyhow::Result<PathBuf> {
        let backup = back_up(&self.target)?;
        fs::rename(&self.staged, &self.target).with_context(|| format!("cannot replace {}", self.target.display()))?;
        sync_folder(&self.target)?;
        Ok(backup)
    }
}

impl Drop for Staged {
    /// What was not placed is not left behind; after `place` there is nothing to remove.
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.staged);
    }
}

/// Puts an earlier text back.
///
/// # Errors
/// What the file system refuses.
pub(super) fn restore(backup: &Path, target: &Path) -> anyhow::Result<()> {
    let bytes = fs::read(backup).with_context(|| format!("cannot read {}", backup.display()))?;
    let staged = Staged::write(target, &bytes)?;
    fs::rename(&staged.staged, target).with_context(|| format!("cannot replace {}", target.display()))?;
    sync_folder(target)
}

/// Writes a file that must not exist yet.
///
/// # Errors
/// It exists, or cannot be written.
pub(super) fn write_new(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let mut file = File::create_new(path).with_context(|| format!("cannot write {}", path.display()))?;
    file.write_all(bytes).and_then(|()| file.sync_all()).with_context(|| format!("cannot write {}", path.display()))?;
    sync_folder(path)
}

/// `NAME.<n>.bak`, counted upwards; the oldest beyond [`BACKUPS_MAX`] go.
fn back_up(target: &Path) -> anyhow::Result<PathBuf> {
    let mut numbers = backups(target)?;
    numbers.sort_unstable();
    let next =
        numbers.last().map_or(Some(1), |last: &u64| last.checked_add(1)).ok_or_else(|| anyhow!("too many backups"))?;
    let backup = beside(target, &format!("{next}.bak"))?;
    // A link, so that the old text is safe before its name goes to the new one.
    fs::hard_link(target, &backup)
        .or_else(|_| fs::copy(target, &backup).map(drop))
        .with_context(|| format!("cannot keep {}", backup.display()))?;
    numbers.push(next);
    let surplus = numbers.len().saturating_sub(BACKUPS_MAX);
    for old in numbers.into_iter().take(surplus) {
        fs::remove_file(beside(target, &format!("{old}.bak"))?).context("cannot remove an old backup")?;
    }
    Ok(backup)
}

fn backups(target: &Path) -> anyhow::Result<Vec<u64>> {
    let name = name_of(target)?.to_string_lossy().into_owned();
    let number = |entry: fs::DirEntry| {
        let file = entry.file_name();
        let digits = file.to_str()?.strip_prefix(&name)?.strip_prefix('.')?.strip_suffix(".bak")?;
        digits.parse().ok()
    };
    let listed = fs::read_dir(folder_of(target)).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    Ok(listed
        .with_context(|| format!("cannot read the folder of {}", target.display()))?
        .into_iter()
        .filter_map(number)
        .collect())
}

fn beside(target: &Path, ending: &str) -> anyhow::Result<PathBuf> {
    let mut name = OsString::from(name_of(target)?);
    name.push(".");
    name.push(ending);
    Ok(target.with_file_name(name))
}

fn name_of(path: &Path) -> anyhow::Result<&std::ffi::OsStr> {
    match path.file_name() {
        Some(name) => Ok(name),
        None => bail!("{} is not a file", path.display()),
    }
}

/// The folder of a file.
pub(super) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn sync_folder(path: &Path) -> anyhow::Result<()> {
    let folder = folder_of(path);
    File::open(folder).and_then(|folder| folder.sync_all()).with_context(|| format!("cannot sync {}", folder.display()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let listed = fs::read_dir(folder).unwrap();
        let mut names: Vec<String> =
            listed.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn the_newest_backups_are_kept_and_the_rights_of_the_file_stay() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("c.toml");
        fs::write(&file, "0").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        fs::write(folder.path().join("c.toml.x.bak"), "someone's own").unwrap();
        for round in 1..=BACKUPS_MAX + 3 {
            let backup = Staged::write(&file, round.to_string().as_bytes()).unwrap().place().unwrap();
            assert_eq!(fs::read_to_string(&backup).unwrap(), (round - 1).to_string());
        }
        assert_eq!(fs::read_to_string(&file).unwrap(), (BACKUPS_MAX + 3).to_string());
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
        let kept = names(folder.path());
        assert_eq!(kept.len(), BACKUPS_MAX + 2, "{kept:?}");
        assert!(kept.contains(&"c.toml.13.bak".to_owned()) && !kept.contains(&"c.toml.3.bak".to_owned()), "{kept:?}");
        restore(&folder.path().join("c.toml.12.bak"), &file).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "11");
    }

    #[test]
    fn what_is_not_placed_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("c.toml");
        fs::write(&file, "old").unwrap();
        drop(Staged::write(&file, b"new").unwrap());
        assert_eq!(
            (names(folder.path()), fs::read_to_string(&file).unwrap()),
            (vec!["c.toml".to_owned()], "old".to_owned())
        );
        assert!(write_new(&file, b"x").is_err());
    }
}
