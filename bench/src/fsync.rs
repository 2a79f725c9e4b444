//! The disk's own speed: what a durable record must wait for, whatever the gateway.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::{Deserialize, Serialize};

use crate::clock;
use crate::latency::Latencies;

/// One write of the measurement: a batch of the ledger rounded to a page.
const BLOCK_BYTES: usize = 4096;

/// What to measure.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Directory on the disk to measure; a file is made there and removed
    #[arg(long)]
    pub dir: PathBuf,
    /// How many writes to time
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(10..=100_000))]
    pub writes: u32,
}

/// Time of `fdatasync` after a write of 4 KiB into a file that was filled with zeros before.
#[derive(Debug, Serialize, Deserialize)]
pub struct Disk {
    /// Writes timed.
    pub writes: u64,
    /// Median, microseconds.
    pub p50_us: f64,
    /// 99th percentile, microseconds.
    pub p99_us: f64,
}

/// Measures the disk under `options.dir`.
///
/// # Errors
/// If the directory cannot be written; the file is removed in any case.
pub fn run(options: &Options) -> anyhow::Result<Disk> {
    let path = options.dir.join(format!("fdatasync.{}", std::process::id()));
    let measured = measure(&path, options.writes);
    if path.exists() {
        std::fs::remove_file(&path).with_context(|| format!("remove {}", path.display()))?;
    }
    measured
}

fn measure(path: &Path, writes: u32) -> anyhow::Result<Disk> {
    let file = zero_filled(path, writes).with_context(|| format!("prepare {}", path.display()))?;
    let mut latencies = Latencies::new()?;
    for index in 0..writes {
        let block = [u8::try_from(index % 251 + 1).unwrap_or(1); BLOCK_BYTES];
        let begun = clock::monotonic();
        file.write_all_at(&block, u64::from(index) * 4096).context("write 4 KiB")?;
        file.sync_data().context("fdatasync")?;
        latencies.record(begun.elapsed());
    }
    Ok(Disk { writes: latencies.count(), p50_us: latencies.percentile_us(50.0), p99_us: latencies.percentile_us(99.0) })
}

fn zero_filled(path: &Path, blocks: u32) -> std::io::Result<File> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    for _ in 0..blocks {
        file.write_all(&[0; BLOCK_BYTES])?;
    }
    file.sync_all()?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::{Options, run};

    #[test]
    fn the_file_is_gone_afterwards() {
        let dir = tempfile::tempdir().unwrap();
        let disk = run(&Options { dir: dir.path().to_owned(), writes: 10 }).unwrap();
        assert_eq!(disk.writes, 10);
        assert!(disk.p50_us > 0.0 && disk.p99_us >= disk.p50_us, "{disk:?}");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_missing_directory_is_named() {
        let error = run(&Options { dir: "/nonexistent/bench".into(), writes: 10 }).unwrap_err();
        assert!(format!("{error:#}").contains("/nonexistent/bench"), "{error:#}");
    }
}
