//! Secrets stand outside the configuration: it holds references, and this is the one place that
//! follows them.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::document::{Document, read_bounded};
use crate::fault::Fault;
use crate::shape;

/// Where a secret is kept.
#[derive(Clone, PartialEq, Eq)]
pub enum SecretRef {
    /// `file:PATH`; a relative path starts at the configuration file's folder.
    File(PathBuf),
    /// `env:NAME`.
    Env(String),
}

impl fmt::Debug for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "file:{}", path.display()),
            Self::Env(name) => write!(f, "env:{name}"),
        }
    }
}

impl SecretRef {
    /// Parses a reference; `None` for anything else, such as a secret pasted in clear.
    pub(crate) fn parse(text: &str, document: &Document<'_>) -> Option<Self> {
        if let Some(path) = text.strip_prefix("file:").filter(|path| !path.is_empty()) {
            return Some(Self::File(document.resolve(Path::new(path))));
        }
        let name = text.strip_prefix("env:")?;
        let plain = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        plain.then(|| Self::Env(name.to_owned()))
    }

    /// The file, where the secret is kept in one.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Env(_) => None,
        }
    }

    /// Reads the secret.
    ///
    /// # Errors
    /// A sentence that names the reference and the cause, never the secret.
    pub fn read(&self) -> Result<Secret, String> {
        let bytes = match self {
            Self::File(path) => read_bounded(path).map_err(|cause| format!("{self} {cause}"))?,
            Self::Env(name) => {
                variable(name).ok_or_else(|| format!("{self} is not set in the environment"))?.into_bytes()
            }
        };
        if bytes.is_empty() { Err(format!("{self} is empty")) } else { Ok(Secret(bytes)) }
    }
}

#[expect(clippy::disallowed_methods, reason = "the one home of `env:` references")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// A secret in memory. `Debug` shows nothing of it.
#[derive(Clone)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// The bytes, as kept.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Parses and reads the reference at a path; what is wrong becomes a fault that repeats no secret.
pub(crate) fn referenced(
    text: &str,
    path: &str,
    document: &Document<'_>,
    faults: &mut Vec<Fault>,
) -> Option<(SecretRef, Secret)> {
    let Some(reference) = SecretRef::parse(text, document) else {
        let key = path.rsplit('.').next().unwrap_or(path);
        faults.push(document.fault(
            path,
            format!("\"{key}\": not a reference to a secret"),
            Some(shape::REFERENCE.to_owned()),
        ));
        return None;
    };
    match reference.read() {
        Ok(secret) => Some((reference, secret)),
        Err(cause) => {
            faults.push(document.fault(path, cause, None));
            None
        }
    }
}
