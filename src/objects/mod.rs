//! Storage for large files: participants' uploads and the files that participants are given, in a
//! folder or in an S3 bucket, under typed keys. Nothing of an upload is ever unpacked here.
//!
//! An upload is first *staged* on this machine under a random name, flushed to disk, and then gets
//! its key, so an object that exists is complete. Staged files left by a killed process are removed
//! by [`Objects::remove_stale_staged`]. An upload without a submission is [set
//! aside](Objects::set_aside) before it is removed. A file for participants may be far larger than
//! an upload, so it is a [`Draft`] until it is complete, and a draft outlives the process that
//! began it.
//!
//! The object `instance` says which database the objects belong to. This module stores it; others
//! compare it.

mod disk;
mod draft;
mod folder;
mod key;
mod outgoing;
mod s3;
mod staging;

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use thiserror::Error;
use tokio::fs;
use uuid::Uuid;

use crate::domain::ids::{FileId, SubmissionId};
use disk::Disk;
use s3::S3;

pub use draft::Draft;
pub use key::ObjectKey;
pub use outgoing::{Outgoing, Slice};
pub use staging::{Staged, Staging};

/// Why the configured storage cannot be used.
#[derive(Debug, Error)]
pub enum ObjectsError {
    /// The setting names no known kind of storage.
    #[error("`{0}` is no place for objects: write `file:`, `file:DIR` or `s3://BUCKET/PREFIX`")]
    Setting(String),
    /// The folder cannot be created or written.
    #[error("cannot use the folder {0} for objects")]
    Folder(PathBuf, #[source] io::Error),
    /// The S3 settings, some from the environment, are invalid.
    #[error("cannot use `{0}` for objects: {1}")]
    S3(String, String),
}

/// Where objects are kept.
#[derive(Debug, Clone)]
enum Backend {
    /// A folder of this machine.
    Disk(Disk),
    /// A bucket.
    S3(S3),
}

/// The objects, and the folders of this machine for files that are not objects yet.
#[derive(Debug, Clone)]
pub struct Objects {
    backend: Backend,
    staged: PathBuf,
    building: PathBuf,
}

impl Objects {
    /// Opens the configured storage: `file:` is `objects` under the data directory, `file:DIR` a
    /// folder, `s3://bucket/prefix` a bucket that the usual `AWS_` variables say how to reach.
    ///
    /// # Errors
    /// The setting is invalid, or a folder cannot be created.
    pub fn open(setting: &str, data_dir: &Path) -> Result<Self, ObjectsError> {
        let unusable = |(folder, error)| ObjectsError::Folder(folder, error);
        let (backend, staged) = if setting.starts_with("s3://") {
            let s3 = S3::open(setting).map_err(|why| ObjectsError::S3(setting.to_owned(), why))?;
            (Backend::S3(s3), data_dir.join("staged"))
        } else {
            let root = match setting.strip_prefix("file:") {
                Some("") => data_dir.join("objects"),
                Some(path) => PathBuf::from(path),
                None => return Err(ObjectsError::Setting(setting.to_owned())),
            };
            // A rename must stay within one file system.
            let staged = root.join("staged");
            (Backend::Disk(Disk::open(root).map_err(unusable)?), staged)
        };
        let building = data_dir.join("building");
        for folder in [&staged, &building] {
            folder::make_private(folder).map_err(|error| unusable((folder.clone(), error)))?;
        }
        Ok(Self { backend, staged, building })
    }

    /// Where the objects are, for people: a folder, or `s3://bucket/prefix`.
    pub fn location(&self) -> String {
        match &self.backend {
            Backend::Disk(disk) => disk.root().display().to_string(),
            Backend::S3(s3) => s3.location().to_owned(),
        }
    }

    /// The folder of this machine for notes about drafts.
    pub fn building(&self) -> &Path {
        &self.building
    }

    /// Which database the objects belong to; `None` if none has claimed them yet.
    pub async fn owner(&self) -> io::Result<Option<Uuid>> {
        let text = match &self.backend {
            Backend::Disk(disk) => disk.owner().await?,
            Backend::S3(s3) => s3.owner().await?,
        };
        let id = text.map(|text| text.trim().parse());
        id.transpose().map_err(|_| {
            let text = format!("{}/{} holds no id of a database", self.location(), key::INSTANCE);
            io::Error::new(io::ErrorKind::InvalidData, text)
        })
    }

    /// Stores which database the objects belong to, completely or not at all, and durably.
    pub async fn set_owner(&self, instance: Uuid) -> io::Result<()> {
        let text = format!("{instance}\n");
        match &self.backend {
            Backend::Disk(disk) => {
                let mut staging = self.stage().await?;
                staging.write(text.as_bytes()).await?;
                let staged = staging.finish().await?;
                disk.rename(&staged.path()?, &disk.owner_file()).await?;
                staged.moved();
                Ok(())
            }
            Backend::S3(s3) => s3.set_owner(text).await,
        }
    }

    /// Begins a staged file.
    pub async fn stage(&self) -> io::Result<Staging> {
        Staging::begin(self.staged.join(Uuid::new_v4().to_string())).await
    }

    /// Gives staged bytes their key, durably.
    pub async fn keep(&self, staged: Staged, key: &ObjectKey) -> io::Result<()> {
        match &self.backend {
            Backend::Disk(disk) => {
                disk.rename(&staged.path()?, &disk.path(key)).await?;
                staged.moved();
                Ok(())
            }
            // The staged file is removed when it is dropped at the end.
            Backend::S3(s3) => s3.put(key, staged.read().await?).await,
        }
    }

    /// Reads a whole object; `None` if there is none.
    pub async fn read(&self, key: &ObjectKey) -> io::Result<Option<Vec<u8>>> {
        match &self.backend {
            Backend::Disk(disk) => disk.read(key).await,
            Backend::S3(s3) => s3.read(key).await,
        }
    }

    /// Removes an object, if it exists.
    pub async fn remove(&self, key: &ObjectKey) -> io::Result<()> {
        match &self.backend {
            Backend::Disk(disk) => disk.remove(key).await,
            Backend::S3(s3) => s3.remove(key).await,
        }
    }

    /// All uploads.
    pub async fn uploads(&self) -> io::Result<Vec<SubmissionId>> {
        match &self.backend {
            Backend::Disk(disk) => disk.uploads(|_| true).await,
            Backend::S3(s3) => s3.uploads(|_| true).await,
        }
    }

    /// The uploads that were last changed at least `age` ago.
    pub async fn uploads_older_than(&self, age: Duration) -> io::Result<Vec<SubmissionId>> {
        match &self.backend {
            Backend::Disk(disk) => disk.uploads(folder::is_older_than(age)).await,
            Backend::S3(s3) => s3.uploads(folder::is_older_than(age)).await,
        }
    }

    /// The files for participants, complete or not, that were last changed at least `age` ago.
    pub async fn releases_older_than(&self, age: Duration) -> io::Result<Vec<FileId>> {
        match &self.backend {
            Backend::Disk(disk) => disk.releases(folder::is_older_than(age)).await,
            Backend::S3(s3) => s3.releases(folder::is_older_than(age)).await,
        }
    }

    /// Removes a file for participants, complete or not, if it exists.
    pub async fn remove_release(&self, id: FileId) -> io::Result<()> {
        match &self.backend {
            Backend::Disk(disk) => disk.remove_release(id).await,
            Backend::S3(s3) => s3.remove_release(id).await,
        }
    }

    /// Moves an upload that belongs to no submission, if it exists, to where a person can still
    /// find it.
    pub async fn set_aside(&self, id: SubmissionId) -> io::Result<()> {
        match &self.backend {
            Backend::Disk(disk) => {
                let now = self.stage().await?.file.metadata().await?.modified()?;
                disk.set_aside(id, now).await
            }
            Backend::S3(s3) => s3.set_aside(id).await,
        }
    }

    /// Removes what was set aside at least `age` ago; returns the number of files.
    pub async fn remove_set_aside(&self, age: Duration) -> io::Result<usize> {
        match &self.backend {
            Backend::Disk(disk) => disk.remove_set_aside(age).await,
            Backend::S3(s3) => s3.remove_set_aside(age).await,
        }
    }

    /// Removes what was staged at least `age` ago and never became an object; returns the number of
    /// files.
    pub async fn remove_stale_staged(&self, age: Duration) -> io::Result<usize> {
        folder::remove_older_than(&self.staged, age).await
    }

    /// Checks, without writing, that the storage can be reached.
    pub async fn is_there(&self) -> io::Result<()> {
        if !fs::metadata(&self.staged).await?.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        match &self.backend {
            Backend::Disk(disk) => disk.is_there().await,
            Backend::S3(s3) => s3.is_there().await,
        }
    }

    /// Checks that bytes can be written and read back.
    pub async fn probe(&self) -> io::Result<()> {
        let mut staging = self.stage().await?;
        staging.write(b"probe").await?;
        let staged = staging.finish().await?;
        let read = match &self.backend {
            Backend::Disk(_) => staged.read().await?,
            Backend::S3(s3) => s3.probe(staged.read().await?).await?,
        };
        if read == b"probe" { Ok(()) } else { Err(io::Error::other("what was written was not read back")) }
    }
}
