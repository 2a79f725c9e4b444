//! The folder of a CA: which files it has, who holds it, and whether they fit together.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rcgen::KeyPair;
use rustls_pki_types::CertificateDer;

use crate::durable::{self, Access};
use crate::error::{CertsError, Result};
use crate::index::{Entry, Index};
use crate::instant::Validity;
use crate::pem::{self, PrivateKeyPem};
use crate::revocation;

/// Most that is read of a certificate or key file.
pub(crate) const PEM_BYTES_MAX: u64 = 64 * 1024;

const CERT: &str = "ca.pem";
const KEY: &str = "ca.key";
const INDEX: &str = "index.json";
const CRL: &str = "crl.pem";
const LOCK: &str = "ca.lock";
/// Stands while a CA is being made: what lies beside it has never issued anything.
const UNFINISHED: &str = "init.unfinished";

/// All certificates that the CA in `dir` has issued, the oldest first. Needs neither the CA's key
/// nor its lock: the index is replaced in one step.
///
/// # Errors
/// [`CertsError::NoAuthority`], [`CertsError::Damaged`], file errors.
pub fn list(dir: &Path) -> Result<Vec<Entry>> {
    require(dir)?;
    Ok(load_index(dir)?.certificates)
}

/// Where the certificate of the CA in `dir` stands.
pub fn certificate_file(dir: &Path) -> PathBuf {
    dir.join(CERT)
}

/// Where the newest CRL of the CA in `dir` stands.
pub fn crl_file(dir: &Path) -> PathBuf {
    dir.join(CRL)
}

/// A CA's folder, locked for this process until the value is dropped.
#[derive(Debug)]
pub(crate) struct Folder {
    dir: PathBuf,
    _lock: File,
}

/// The files of a CA, which belong together.
pub(crate) struct Content {
    pub(crate) certificate: CertificateDer<'static>,
    pub(crate) validity: Validity,
    pub(crate) key: KeyPair,
    pub(crate) index: Index,
}

impl Folder {
    /// Takes the folder of an existing CA.
    pub(crate) fn open(dir: &Path) -> Result<Self> {
        require(dir)?;
        Self::lock(dir)
    }

    /// Takes a folder for a new CA, where none may stand, and marks it as unfinished.
    pub(crate) fn begin(dir: &Path) -> Result<Self> {
        durable::directory(dir)?;
        let folder = Self::lock(dir)?;
        let marker = dir.join(UNFINISHED);
        if !exists(&marker)? {
            for file in [KEY, CERT, INDEX, CRL].map(|name| dir.join(name)) {
                if exists(&file)? {
                    return Err(CertsError::AuthorityExists { file });
                }
            }
            durable::replace(&marker, b"", Access::Owner)?;
        }
        Ok(folder)
    }

    /// Declares a new CA complete.
    pub(crate) fn finish(&self) -> Result<()> {
        durable::remove(&self.dir.join(UNFINISHED))
    }

    pub(crate) fn write_key(&self, key: &PrivateKeyPem) -> Result<()> {
        let file = self.dir.join(KEY);
        durable::replace(&file, key.secret().as_bytes(), Access::Owner)
    }

    pub(crate) fn write_certificate(&self, pem: &str) -> Result<()> {
        durable::replace(&certificate_file(&self.dir), pem.as_bytes(), Access::Public)
    }

    pub(crate) fn write_index(&self, index: &Index) -> Result<()> {
        index.save(&self.dir.join(INDEX))
    }

    pub(crate) fn write_crl(&self, pem: &str) -> Result<()> {
        durable::replace(&crl_file(&self.dir), pem.as_bytes(), Access::Public)
    }

    pub(crate) fn read_crl(&self) -> Result<Option<Vec<u8>>> {
        durable::read(&crl_file(&self.dir), revocation::CRL_BYTES_MAX)
    }

    /// Reads the CA's files and checks them against each other.
    pub(crate) fn load(&self) -> Result<Content> {
        let file = certificate_file(&self.dir);
        let certificate =
            pem::certificate_der(&required(&file)?).map_err(|error| CertsError::damaged(&file, error.to_string()))?;
        let validity = pem::validity(&certificate).ok_or_else(|| CertsError::damaged(&file, "not a certificate"))?;

        let file = self.dir.join(KEY);
        let key = read_key(&file)?;
        if !pem::is_key_of(&key, &certificate) {
            let why = format!("not the key of {CERT}");
            return Err(CertsError::damaged(&file, why));
        }
        let index = load_index(&self.dir)?;
        if index.ca_fingerprint.0 != pem::fingerprint(&certificate) {
            let why = format!("the index of another {CERT}");
            return Err(CertsError::damaged(&self.dir.join(INDEX), why));
        }
        Ok(Content { certificate, validity, key, index })
    }

    fn lock(dir: &Path) -> Result<Self> {
        let file = dir.join(LOCK);
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&file)
            .map_err(|error| CertsError::io("lock", &file, error))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { dir: dir.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(CertsError::Busy { file }),
            Err(TryLockError::Error(error)) => Err(CertsError::io("lock", &file, error)),
        }
    }
}

/// Refuses a folder without a CA, or with one whose making was cut off.
fn require(dir: &Path) -> Result<()> {
    let mut found = false;
    for name in [CERT, KEY, INDEX] {
        found |= exists(&dir.join(name))?;
    }
    if found && !exists(&dir.join(UNFINISHED))? { Ok(()) } else { Err(CertsError::NoAuthority { dir: dir.to_owned() }) }
}

fn load_index(dir: &Path) -> Result<Index> {
    let file = dir.join(INDEX);
    Index::load(&file)?.ok_or_else(|| CertsError::damaged(&file, "missing"))
}

fn read_key(file: &Path) -> Result<KeyPair> {
    let bytes = required(file)?;
    let mode =
        std::fs::metadata(file).map_err(|error| CertsError::io("read", file, error))?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(CertsError::KeyExposed { file: file.to_owned(), mode });
    }
    std::str::from_utf8(&bytes)
        .ok()
        .and_then(|pem| KeyPair::from_pem(pem).ok())
        .filter(|key| key.algorithm() == &rcgen::PKCS_ECDSA_P256_SHA256)
        .ok_or_else(|| CertsError::damaged(file, "not an ECDSA P-256 private key"))
}

fn required(file: &Path) -> Result<Vec<u8>> {
    durable::read(file, PEM_BYTES_MAX)?.ok_or_else(|| CertsError::damaged(file, "missing"))
}

fn exists(path: &Path) -> Result<bool> {
    // Not following links: a dangling one is something that must not be overwritten either.
    match path.symlink_metadata() {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(CertsError::io("read", path, error)),
    }
}
