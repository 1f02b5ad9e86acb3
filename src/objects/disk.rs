//! Objects in a folder.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tokio::fs;

use super::folder;
use super::key::{self, INSTANCE, ORPHANED, ObjectKey, RELEASES, UPLOADS};
use crate::domain::ids::{FileId, SubmissionId};

/// A folder of objects.
#[derive(Debug, Clone)]
pub(super) struct Disk {
    root: PathBuf,
}

impl Disk {
    /// Creates the folder if it is missing.
    pub(super) fn open(root: PathBuf) -> Result<Self, (PathBuf, io::Error)> {
        for name in [UPLOADS, ORPHANED, RELEASES] {
            let folder = root.join(name);
            folder::make_private(&folder).map_err(|error| (folder, error))?;
        }
        Ok(Self { root })
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn path(&self, key: &ObjectKey) -> PathBuf {
        self.root.join(key.to_string())
    }

    pub(super) fn owner_file(&self) -> PathBuf {
        self.root.join(INSTANCE)
    }

    pub(super) async fn owner(&self) -> io::Result<Option<String>> {
        match fs::read_to_string(self.owner_file()).await {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Renames a file, durably: the new name survives a power cut.
    pub(super) async fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to).await?;
        fs::File::open(folder::parent(to)).await?.sync_all().await
    }

    pub(super) async fn read(&self, key: &ObjectKey) -> io::Result<Option<Vec<u8>>> {
        match fs::read(self.path(key)).await {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(super) async fn remove(&self, key: &ObjectKey) -> io::Result<()> {
        match key {
            ObjectKey::Upload(_) => folder::ignore_missing(fs::remove_file(self.path(key)).await),
            ObjectKey::Release(id, _) => self.remove_release(*id).await,
        }
    }

    /// Each file of a release has its own folder, which may also hold an incomplete draft of it.
    pub(super) async fn remove_release(&self, id: FileId) -> io::Result<()> {
        folder::ignore_missing(fs::remove_dir_all(self.root.join(RELEASES).join(id.to_string())).await)
    }

    pub(super) async fn uploads(&self, wanted: impl Fn(SystemTime) -> bool) -> io::Result<Vec<SubmissionId>> {
        let files = folder::entries(&self.root.join(UPLOADS), wanted).await?;
        Ok(files.iter().filter_map(|path| key::upload_of(path.file_name()?.to_str()?)).collect())
    }

    pub(super) async fn releases(&self, wanted: impl Fn(SystemTime) -> bool) -> io::Result<Vec<FileId>> {
        let mut found = Vec::new();
        // A folder's time is that of the last file added to it, not of the last byte written to a
        // file, so the files are checked too.
        for folder in folder::entries(&self.root.join(RELEASES), &wanted).await? {
            let Some(id) = folder.file_name().and_then(|name| name.to_str()?.parse().ok()) else { continue };
            let others = folder::entries(&folder, |modified| !wanted(modified)).await.or_else(none_if_missing)?;
            if others.is_empty() {
                found.push(id);
            }
        }
        Ok(found)
    }

    /// `now` must be the file system's time, by which the age of every file here is measured.
    pub(super) async fn set_aside(&self, id: SubmissionId, now: SystemTime) -> io::Result<()> {
        let from = self.path(&ObjectKey::Upload(id));
        folder::ignore_missing(folder::date_and_rename(from, self.root.join(key::aside(id)), now).await)
    }

    pub(super) async fn remove_set_aside(&self, age: Duration) -> io::Result<usize> {
        folder::remove_older_than(&self.root.join(ORPHANED), age).await
    }

    pub(super) async fn is_there(&self) -> io::Result<()> {
        if fs::metadata(self.root.join(UPLOADS)).await?.is_dir() {
            Ok(())
        } else {
            Err(io::ErrorKind::NotADirectory.into())
        }
    }
}

/// No entries if another process has removed the folder in the meantime.
fn none_if_missing(error: io::Error) -> io::Result<Vec<PathBuf>> {
    if error.kind() == io::ErrorKind::NotFound { Ok(Vec::new()) } else { Err(error) }
}
