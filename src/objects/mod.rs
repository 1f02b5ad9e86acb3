//! Big bytes: uploads, kept on disk under keys that are a type. Nothing of an upload is ever unpacked here.
//!
//! An upload is first *staged* under a random name, flushed to disk, and then renamed to its key: a key that
//! exists is whole. What a killed process left staged is removed by [`Objects::remove_stale_staged`].

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};
use thiserror::Error;
use tokio::fs;
use tokio::io::AsyncWriteExt;

use crate::domain::ids::SubmissionId;

/// Names an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ObjectKey {
    /// The archive of a submission.
    Upload(SubmissionId),
}

/// Why the configured place cannot be used.
#[derive(Debug, Error)]
pub enum ObjectsError {
    /// The setting names no place we know.
    #[error("`{0}` is no place for objects: write `file:` or `file:DIR`")]
    Setting(String),
    /// The folder cannot be made or written.
    #[error("cannot use the folder {0} for objects")]
    Folder(PathBuf, #[source] io::Error),
}

/// Where objects are kept: a folder on disk.
#[derive(Debug, Clone)]
pub struct Objects {
    uploads: PathBuf,
    staged: PathBuf,
}

impl Objects {
    /// Opens the configured place: `file:` is `objects` under the data directory.
    ///
    /// # Errors
    /// The setting is not understood, or the folder cannot be made.
    pub fn open(setting: &str, data_dir: &Path) -> Result<Self, ObjectsError> {
        let root = match setting.strip_prefix("file:") {
            Some("") => data_dir.join("objects"),
            Some(path) => PathBuf::from(path),
            None => return Err(ObjectsError::Setting(setting.to_owned())),
        };
        let objects = Self { uploads: root.join("uploads"), staged: root.join("staged") };
        for folder in [&objects.uploads, &objects.staged] {
            make_private(folder).map_err(|error| ObjectsError::Folder(folder.clone(), error))?;
        }
        Ok(objects)
    }

    fn path(&self, key: ObjectKey) -> PathBuf {
        match key {
            ObjectKey::Upload(id) => self.uploads.join(format!("{id}.zip")),
        }
    }

    /// Begins to take in bytes.
    pub async fn stage(&self) -> io::Result<Staging> {
        let path = self.staged.join(uuid::Uuid::new_v4().to_string());
        let file = fs::File::create_new(&path).await?;
        Ok(Staging { file, hash: Sha256::new(), size: 0, guard: RemoveOnDrop(Some(path)) })
    }

    /// Gives staged bytes their key, for good.
    pub async fn keep(&self, staged: Staged, key: ObjectKey) -> io::Result<()> {
        let Staged { mut guard, .. } = staged;
        if let Some(path) = &guard.0 {
            fs::rename(path, self.path(key)).await?;
            guard.0 = None;
            // The rename itself must survive a power cut.
            fs::File::open(&self.uploads).await?.sync_all().await?;
        }
        Ok(())
    }

    /// Reads an object whole; `None` where there is none.
    pub async fn read(&self, key: ObjectKey) -> io::Result<Option<Vec<u8>>> {
        match fs::read(self.path(key)).await {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Removes an object; one that is not there is fine.
    pub async fn remove(&self, key: ObjectKey) -> io::Result<()> {
        match fs::remove_file(self.path(key)).await {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// The uploads that were last changed at least `age` ago.
    pub async fn uploads_older_than(&self, age: Duration) -> io::Result<Vec<SubmissionId>> {
        let mut ids = Vec::new();
        for path in older_than(&self.uploads, age).await? {
            if let Some(id) = path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse().ok()) {
                ids.push(id);
            }
        }
        Ok(ids)
    }

    /// Removes what was staged at least `age` ago and never kept; answers how many files.
    pub async fn remove_stale_staged(&self, age: Duration) -> io::Result<usize> {
        let stale = older_than(&self.staged, age).await?;
        for path in &stale {
            fs::remove_file(path).await?;
        }
        Ok(stale.len())
    }

    /// Checks that the place takes and gives back bytes.
    pub async fn probe(&self) -> io::Result<()> {
        let mut staging = self.stage().await?;
        staging.write(b"probe").await?;
        let staged = staging.finish().await?;
        let read = staged.read().await?;
        if read == b"probe" { Ok(()) } else { Err(io::Error::other("what was written was not read back")) }
    }
}

/// Makes a folder that only its owner may enter: uploads are nobody else's business.
fn make_private(folder: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(folder)
}

async fn older_than(folder: &Path, age: Duration) -> io::Result<Vec<PathBuf>> {
    let mut old = Vec::new();
    let mut entries = fs::read_dir(folder).await?;
    while let Some(entry) = entries.next_entry().await? {
        let modified = match entry.metadata().await {
            Ok(metadata) => metadata.modified()?,
            // Somebody else removed it first.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        if modified.elapsed().is_ok_and(|elapsed| elapsed >= age) {
            old.push(entry.path());
        }
    }
    Ok(old)
}

/// Removes a staged file unless it was kept.
#[derive(Debug)]
struct RemoveOnDrop(Option<PathBuf>);

impl Drop for RemoveOnDrop {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            // A file that stays behind is found by the sweeper.
            let _ = std::fs::remove_file(path);
        }
    }
}

/// Bytes being taken in.
#[derive(Debug)]
pub struct Staging {
    file: fs::File,
    hash: Sha256,
    size: u64,
    guard: RemoveOnDrop,
}

impl Staging {
    /// Adds bytes.
    pub async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes).await?;
        self.hash.update(bytes);
        self.size += bytes.len() as u64;
        Ok(())
    }

    /// Bytes taken in so far.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Ends the taking in: everything is on disk when this answers.
    pub async fn finish(mut self) -> io::Result<Staged> {
        self.file.flush().await?;
        self.file.sync_all().await?;
        Ok(Staged { sha256: self.hash.finalize().into(), size: self.size, guard: self.guard })
    }
}

/// Bytes that are on disk but have no key yet; dropped, they are removed.
#[derive(Debug)]
pub struct Staged {
    /// SHA-256 of the bytes.
    pub sha256: [u8; 32],
    /// How many there are.
    pub size: u64,
    guard: RemoveOnDrop,
}

impl Staged {
    /// Reads the bytes back.
    pub async fn read(&self) -> io::Result<Vec<u8>> {
        match &self.guard.0 {
            Some(path) => fs::read(path).await,
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }
}
