//! Sealed files on their way: hashed whole before the first byte leaves.
//!
//! A small file stays in memory; a larger one waits in a file without a name, so that a crash leaves nothing behind.
//! Hashing and the disk are kept off the worker.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use aws_lc_rs::digest::{Context as Sha256, SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::HeaderMap;
use http::header::{ACCEPT_RANGES, ETAG, HeaderName, HeaderValue};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use sluice_contract::{BadAnswer, Download, ProviderFault};
use sluice_domain::operation::{DigestAlgorithm, Sealed};
use sm3::{Digest as _, Sm3};
use tokio::task::{JoinError, JoinHandle, spawn_blocking};

/// Bytes that are hashed and written at a time; a file that is not longer never meets the disk.
const BATCH_BYTES: usize = 256 * 1024;
/// Bytes that are read back at a time.
const PIECE_BYTES: usize = 256 * 1024;
/// RFC 9530; SM3 stands beside SHA-256 as a key of its own.
const REPR_DIGEST: HeaderName = HeaderName::from_static("repr-digest");

/// Room for sealed files, shared by all workers.
pub(crate) struct Spool {
    dir: PathBuf,
    bytes_left: AtomicU64,
}

/// Why a file cannot be spooled.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SpoolFault {
    /// The provider did not give all of it.
    #[error(transparent)]
    Provider(#[from] ProviderFault),
    /// Enough files are under way.
    #[error("the spool holds as much as it may")]
    Full,
    /// The disk.
    #[error("the spool's disk: {0}")]
    Disk(#[from] io::Error),
    /// The task that hashes and writes ended without a result.
    #[error("the spool's task ended early")]
    Task(#[from] JoinError),
}

impl Spool {
    /// A spool in an existing folder.
    pub(crate) fn new(dir: &Path, bytes_max: u64) -> Self {
        Self { dir: dir.to_owned(), bytes_left: AtomicU64::new(bytes_max) }
    }

    /// Takes a file whole and hashes it.
    ///
    /// # Errors
    /// When the provider, the spool's room or its disk does not last; nothing is kept then.
    pub(crate) async fn take(self: Arc<Self>, mut content: Download) -> Result<Spooled, SpoolFault> {
        let mut hashed = Hashed::new(Held { spool: Arc::clone(&self), bytes: 0 });
        let mut batch = Vec::new();
        let mut batched = 0;
        while let Some(frame) = content.frame().await {
            let Ok(piece) = frame?.into_data() else { continue };
            hashed.held.reserve(piece.len())?;
            batched += piece.len();
            batch.push(piece);
            if batched >= BATCH_BYTES && !content.is_end_stream() {
                hashed = hashed.add(std::mem::take(&mut batch), true).await?;
                batched = 0;
            }
        }
        let is_spilled = hashed.file.is_some();
        Ok(hashed.add(batch, is_spilled).await?.finish())
    }
}

/// A part of the spool's room, given back when dropped.
struct Held {
    spool: Arc<Spool>,
    bytes: u64,
}

impl Held {
    fn reserve(&mut self, bytes: usize) -> Result<(), SpoolFault> {
        let bytes = bytes as u64;
        let take = |left: u64| left.checked_sub(bytes);
        let left = &self.spool.bytes_left;
        left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).map_err(|_| SpoolFault::Full)?;
        self.bytes += bytes;
        Ok(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.spool.bytes_left.fetch_add(self.bytes, Ordering::Relaxed);
    }
}

/// A file as far as it has come.
struct Hashed {
    held: Held,
    sha256: Sha256,
    sm3: Sm3,
    file: Option<File>,
    memory: Vec<Bytes>,
}

impl Hashed {
    fn new(held: Held) -> Self {
        Self { held, sha256: Sha256::new(&SHA256), sm3: Sm3::new(), file: None, memory: Vec::new() }
    }

    /// Hashes a batch, off the worker, and writes it if the file goes to the disk.
    async fn add(mut self, batch: Vec<Bytes>, to_disk: bool) -> Result<Self, SpoolFault> {
        if batch.is_empty() {
            return Ok(self);
        }
        let work = move || -> io::Result<Self> {
            for piece in &batch {
                self.sha256.update(piece);
                self.sm3.update(piece);
            }
            if !to_disk {
                self.memory = batch;
                return Ok(self);
            }
            let file = match &mut self.file {
                Some(file) => file,
                none => none.insert(tempfile::tempfile_in(&self.held.spool.dir)?),
            };
            batch.iter().try_for_each(|piece| file.write_all(piece))?;
            Ok(self)
        };
        Ok(spawn_blocking(work).await??)
    }

    fn finish(self) -> Spooled {
        Spooled {
            sha256: self.sha256.finish().as_ref().first_chunk().copied().unwrap_or_default(),
            sm3: self.sm3.finalize().into(),
            content: self.file.map_or(Content::Memory(self.memory), |file| Content::Disk(Arc::new(file))),
            held: self.held,
        }
    }
}

enum Content {
    Memory(Vec<Bytes>),
    Disk(Arc<File>),
}

/// A whole file and its digests.
pub(crate) struct Spooled {
    content: Content,
    held: Held,
    sha256: [u8; 32],
    sm3: [u8; 32],
}

impl Spooled {
    pub(crate) fn sha256(&self) -> [u8; 32] {
        self.sha256
    }

    /// Compares with the digests that the provider tells: in the declared header, and in `Repr-Digest` if it is there.
    ///
    /// # Errors
    /// When one of them is not the content's, is missing although declared, or cannot be read.
    pub(crate) fn check(&self, sealed: &Sealed, headers: &HeaderMap) -> Result<(), BadAnswer> {
        if let Some(declared) = &sealed.digest {
            let own = match declared.algorithm {
                DigestAlgorithm::Sha256 => &self.sha256,
                DigestAlgorithm::Sm3 => &self.sm3,
            };
            let mut told = headers.get_all(&*declared.header).iter();
            let (Some(only), None) = (told.next(), told.next()) else { return Err(BadAnswer::Digest) };
            if !only.to_str().is_ok_and(|text| is_digest(text.trim(), own)) {
                return Err(BadAnswer::Digest);
            }
        }
        for line in headers.get_all(REPR_DIGEST) {
            let line = line.to_str().map_err(|_| BadAnswer::Digest)?;
            for member in line.split(',').map(str::trim) {
                let own = match member.split_once('=') {
                    Some(("sha-256", _)) => &self.sha256,
                    Some(("sm3", _)) => &self.sm3,
                    _ => continue,
                };
                let value = member.split_once('=').map_or("", |(_, value)| value);
                let is_same = value.strip_prefix(':').and_then(|rest| rest.strip_suffix(':'));
                if !is_same.is_some_and(|text| is_digest(text, own)) {
                    return Err(BadAnswer::Digest);
                }
            }
        }
        Ok(())
    }

    /// Adds what tells the content.
    pub(crate) fn describe(&self, headers: &mut HeaderMap) {
        let digests = format!("sha-256=:{}:, sm3=:{}:", STANDARD.encode(self.sha256), STANDARD.encode(self.sm3));
        let tag = format!("\"{}\"", hex(&self.sha256));
        for (name, value) in [(REPR_DIGEST, digests), (ETAG, tag)] {
            if let Ok(value) = HeaderValue::try_from(value) {
                headers.insert(name, value);
            }
        }
        headers.insert(ACCEPT_RANGES, HeaderValue::from_static("none"));
    }

    /// Begins to read it back.
    pub(crate) fn read(self) -> Unspooled {
        Unspooled { left: self.held.bytes, at: 0, content: self.content, reading: None, _held: self.held }
    }
}

fn is_digest(text: &str, own: &[u8; 32]) -> bool {
    text.eq_ignore_ascii_case(&hex(own)) || STANDARD.decode(text).is_ok_and(|told| told == own)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(64), |text, byte| text + &format!("{byte:02x}"))
}

/// A spooled file on its way out.
pub(crate) struct Unspooled {
    content: Content,
    at: u64,
    left: u64,
    reading: Option<JoinHandle<io::Result<Vec<u8>>>>,
    _held: Held,
}

impl Unspooled {
    /// Bytes that are still to come.
    pub(crate) fn left(&self) -> u64 {
        self.left
    }

    /// The next piece.
    pub(crate) fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, ProviderFault>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let piece = match &mut self.content {
            Content::Memory(pieces) if pieces.is_empty() => return Poll::Ready(Some(Err(BadAnswer::Broken.into()))),
            Content::Memory(pieces) => pieces.remove(0),
            Content::Disk(file) => {
                let (file, at) = (Arc::clone(file), self.at);
                let length = usize::try_from(self.left).unwrap_or(usize::MAX).min(PIECE_BYTES);
                let reading = self.reading.get_or_insert_with(|| spawn_blocking(move || read(&file, at, length)));
                let read = ready!(Pin::new(reading).poll(cx));
                self.reading = None;
                match read {
                    Ok(Ok(piece)) => piece.into(),
                    // Our own disk failed after the head had left: all that is left is to cut the answer off.
                    Ok(Err(_)) | Err(_) => return Poll::Ready(Some(Err(BadAnswer::Broken.into()))),
                }
            }
        };
        self.at += piece.len() as u64;
        self.left = self.left.saturating_sub(piece.len() as u64);
        Poll::Ready(Some(Ok(piece)))
    }
}

fn read(file: &File, at: u64, length: usize) -> io::Result<Vec<u8>> {
    let mut piece = vec![0; length];
    file.read_exact_at(&mut piece, at)?;
    Ok(piece)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn download(content: Vec<u8>) -> Download {
        Box::pin(http_body_util::Full::new(Bytes::from(content)).map_err(|never| match never {}))
    }

    async fn through(spool: &Arc<Spool>, content: Vec<u8>) -> Result<([u8; 32], Vec<u8>), SpoolFault> {
        let spooled = Arc::clone(spool).take(download(content)).await?;
        let digest = spooled.sha256();
        let mut reading = spooled.read();
        let mut out = Vec::new();
        while let Some(piece) = std::future::poll_fn(|cx| reading.poll_piece(cx)).await {
            out.extend_from_slice(&piece?);
        }
        Ok((digest, out))
    }

    #[tokio::test]
    async fn files_come_back_byte_for_byte_and_leave_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Arc::new(Spool::new(folder.path(), 4 * 1024 * 1024));
        for length in [0, 1, BATCH_BYTES - 1, BATCH_BYTES, 3 * BATCH_BYTES + 7] {
            let content: Vec<u8> = (0..length).map(|at| u8::try_from(at % 251).unwrap()).collect();
            let (digest, out) = through(&spool, content.clone()).await.unwrap();
            assert!(out == content, "{length}");
            assert_eq!(digest.as_slice(), aws_lc_rs::digest::digest(&SHA256, &content).as_ref());
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        }
        assert_eq!(spool.bytes_left.load(Ordering::Relaxed), 4 * 1024 * 1024, "all room is given back");
    }

    #[tokio::test]
    async fn more_than_the_room_is_refused_and_a_missing_folder_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Arc::new(Spool::new(folder.path(), 100));
        assert!(matches!(through(&spool, vec![0; 101]).await, Err(SpoolFault::Full)));
        assert!(through(&spool, vec![0; 100]).await.is_ok());
        let nowhere = Arc::new(Spool::new(&folder.path().join("none"), 1 << 30));
        let spooled = nowhere.clone().take(Box::pin(TwoPieces(2))).await;
        assert!(matches!(spooled, Err(SpoolFault::Disk(_))));
    }

    /// Pieces of a batch each.
    struct TwoPieces(u8);

    impl http_body::Body for TwoPieces {
        type Data = Bytes;
        type Error = ProviderFault;
        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<http_body::Frame<Bytes>, ProviderFault>>> {
            let Some(left) = self.0.checked_sub(1) else { return Poll::Ready(None) };
            self.0 = left;
            Poll::Ready(Some(Ok(http_body::Frame::data(Bytes::from(vec![0; BATCH_BYTES])))))
        }
    }

    #[tokio::test]
    async fn a_told_digest_must_be_the_contents() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Arc::new(Spool::new(folder.path(), 1000));
        let spooled = spool.take(download(b"abc".to_vec())).await.unwrap();
        // GB/T 32905-2016, example 1.
        let sm3 = "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0";
        let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let base64 = "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=";
        let other = "0000000000000000000000000000000000000000000000000000000000000000";
        let declared = |algorithm| Sealed {
            digest: Some(sluice_domain::operation::DigestHeader { header: "x-digest".into(), algorithm }),
        };
        let (sha, sm, none) = (declared(DigestAlgorithm::Sha256), declared(DigestAlgorithm::Sm3), Sealed::default());
        let repr = |value: &str| format!("unixsum=3, sha-256=:{value}:");
        for (sealed, name, value, expected) in [
            (&sha, "x-digest", sha256.to_owned(), true),
            (&sha, "x-digest", sha256.to_uppercase(), true),
            (&sha, "x-digest", base64.to_owned(), true),
            (&sm, "x-digest", sm3.to_owned(), true),
            (&sm, "x-digest", sha256.to_owned(), false),
            (&sha, "x-digest", other.to_owned(), false),
            (&sha, "x-other", sha256.to_owned(), false),
            (&none, "x-other", other.to_owned(), true),
            (&none, "repr-digest", repr(base64), true),
            (&none, "repr-digest", repr(&base64.replace('u', "v")), false),
            (&none, "repr-digest", "sha-256=abc".to_owned(), false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(HeaderName::from_static(name), value.parse().unwrap());
            assert_eq!(spooled.check(sealed, &headers).is_ok(), expected, "{name}: {value}");
        }
        let mut headers = HeaderMap::new();
        spooled.describe(&mut headers);
        assert!(headers["repr-digest"].to_str().unwrap().starts_with(&format!("sha-256=:{base64}:, sm3=:")));
        assert_eq!(headers["etag"].to_str().unwrap(), format!("\"{sha256}\""));
    }
}
