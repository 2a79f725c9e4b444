//! Where the keys of subject tags come from: one key, a folder of months, or a key service that another office runs.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use sluice_config::settings::{self, SubjectKeys};
use sluice_domain::Egress;
use sluice_exchange::{Epoch, KeySource, TagKey, TagKeys, Unavailable};

use crate::hex::unhex;
use crate::key_service::KeyService;

/// The keys that a gateway tags with.
///
/// # Errors
/// A key service whose files cannot be used.
pub(crate) fn of_settings(keys: &SubjectKeys, egress: &Egress) -> anyhow::Result<TagKeys> {
    Ok(match keys {
        SubjectKeys::Master { tag_key, .. } => {
            TagKeys::of_master(TagKey::new(tag_key.expose()).context("the key of [subjects] is too short")?)
        }
        SubjectKeys::Monthly(dir) => TagKeys::monthly(Folder(dir.clone())),
        SubjectKeys::Service(service) => TagKeys::monthly(KeyService::new(service, egress)?),
    })
}

struct Folder(PathBuf);

impl KeySource for Folder {
    fn read(&self, epoch: Epoch) -> Result<Option<TagKey>, Unavailable> {
        let read = settings::monthly_key(&self.0.join(epoch.file_name())).map_err(Unavailable)?;
        Ok(read.and_then(|key| TagKey::new(key.expose())))
    }
}

/// Keys in the hands of whoever searches: one for all months, or a folder.
pub(crate) struct Held<'f> {
    master: Option<TagKey>,
    folder: Option<&'f Path>,
}

impl<'f> Held<'f> {
    /// # Errors
    /// A file that holds no key.
    pub(crate) fn of(file: Option<&Path>, folder: Option<&'f Path>) -> anyhow::Result<Self> {
        Ok(Self { master: file.map(of_file).transpose()?, folder })
    }

    /// The key of a month, counted from January 1970; `None` if there is none (any more).
    ///
    /// # Errors
    /// A file that holds no key.
    fn of_month(&self, epoch: u16) -> anyhow::Result<Option<TagKey>> {
        let file = self.folder.map(|folder| folder.join(Epoch::numbered(epoch).file_name()));
        file.filter(|file| file.exists()).map(|file| of_file(&file)).transpose()
    }

    /// The key that the tags of a month were made with, or are derived from.
    ///
    /// # Errors
    /// A file that holds no key.
    pub(crate) fn with<T>(&self, epoch: u16, make: impl FnOnce(&TagKey) -> T) -> anyhow::Result<Option<T>> {
        match &self.master {
            Some(master) => Ok(Some(make(master))),
            None => Ok(self.of_month(epoch)?.as_ref().map(make)),
        }
    }
}

/// The key in the form that `[subjects] key` has: 64 hexadecimal digits.
fn of_file(file: &Path) -> anyhow::Result<TagKey> {
    let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let key = unhex::<32>(text.trim()).and_then(|bytes| TagKey::new(&bytes));
    key.ok_or_else(|| anyhow!("{} does not hold a key of 64 hexadecimal digits", file.display()))
}
