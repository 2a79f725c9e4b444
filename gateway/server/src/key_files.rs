//! New keys as files: the private one for its owner only, and nothing is ever overwritten.

use std::fs::{DirBuilder, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use anyhow::Context as _;

/// Writes `NAME.key` and `NAME.vkey` into a folder, which is made if need be.
///
/// # Errors
/// One of them is there already; the file system says no.
pub(crate) fn write_pair(folder: &Path, name: &str, (secret, public): (&str, &str)) -> anyhow::Result<()> {
    make(folder)?;
    write_secret(&folder.join(format!("{name}.key")), secret)?;
    write(&folder.join(format!("{name}.vkey")), &format!("{public}\n"), 0o644)
}

/// Makes a folder that only its owner may enter.
///
/// # Errors
/// The file system says no.
pub(crate) fn make(folder: &Path) -> anyhow::Result<()> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.with_context(|| format!("cannot make {}", folder.display()))
}

/// Writes a file that only its owner may read.
///
/// # Errors
/// It is there already; the file system says no.
pub(crate) fn write_secret(path: &Path, content: &str) -> anyhow::Result<()> {
    write(path, content, 0o600)
}

fn write(path: &Path, content: &str, mode: u32) -> anyhow::Result<()> {
    let opened = OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
    let written = opened.and_then(|mut file| {
        file.write_all(content.as_bytes())?;
        file.sync_all()
    });
    written.with_context(|| format!("cannot write {} (nothing is overwritten)", path.display()))
}
