//! The number of the serving process, beside its ledger: how `sluice reload` and
//! `sluice catalog apply` find it. The file is
//! locked while the process lives, so one that a crash left behind is never mistaken for a process.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use rustix::process::Pid;

const NAME: &str = "sluice.pid";

/// The file of this process; removed with the value.
pub(crate) struct PidFile {
    path: PathBuf,
    _locked: File,
}

impl PidFile {
    /// Writes the file into a ledger's folder, which this process holds.
    ///
    /// # Errors
    /// The file system says no.
    pub(crate) fn write(dir: &Path) -> anyhow::Result<Self> {
        let path = dir.join(NAME);
        let shown = path.display().to_string();
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .with_context(|| format!("cannot write {shown}"))?;
        // The ledger's own lock keeps other gateways away; only a look of `sluice reload` is waited for.
        file.lock().with_context(|| format!("cannot lock {shown}"))?;
        file.set_len(0)
            .and_then(|()| writeln!(file, "{}", std::process::id()))
            .with_context(|| format!("cannot write {shown}"))?;
        Ok(Self { path, _locked: file })
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        // Whoever finds it left behind finds it unlocked.
        let _ = fs::remove_file(&self.path);
    }
}

/// The process that serves with a ledger, if one does.
///
/// # Errors
/// Its file cannot be read.
pub(crate) fn found(dir: &Path) -> anyhow::Result<Option<Pid>> {
    let path = dir.join(NAME);
    let shown = path.display();
    let mut file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("cannot read {shown}")),
    };
    match file.try_lock_shared() {
        Ok(()) => return Ok(None),
        Err(TryLockError::WouldBlock) => {}
        Err(TryLockError::Error(error)) => return Err(error).with_context(|| format!("cannot look at {shown}")),
    }
    let mut text = String::new();
    file.read_to_string(&mut text).with_context(|| format!("cannot read {shown}"))?;
    let pid = text.trim().parse().ok().and_then(Pid::from_raw);
    pid.map(Some).with_context(|| format!("{shown} holds no process number"))
}

/// The process that serves with a ledger.
///
/// # Errors
/// There is none, or its file cannot be read.
pub(crate) fn serving(dir: &Path) -> anyhow::Result<Pid> {
    found(dir)?.with_context(|| format!("no gateway runs with the ledger in {}", dir.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_living_process_is_found() {
        let dir = tempfile::tempdir().unwrap();
        assert!(serving(dir.path()).unwrap_err().to_string().contains("no gateway runs"));
        let file = PidFile::write(dir.path()).unwrap();
        assert_eq!(serving(dir.path()).unwrap().as_raw_nonzero().get().unsigned_abs(), std::process::id());
        drop(file);
        fs::write(dir.path().join(NAME), "1\n").unwrap();
        assert!(serving(dir.path()).unwrap_err().to_string().contains("no gateway runs"), "left behind by a crash");
    }
}
