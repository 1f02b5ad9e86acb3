//! Big bytes: uploads and what participants are given, kept under keys that are a type, in a folder or in an S3 bucket.
//! Nothing of an upload is ever unpacked here.
//!
//! An upload is first *staged* on this machine under a random name, flushed to disk, and then gets its key: a key that
//! exists is whole. What a killed process left staged is removed by [`Objects::remove_stale_staged`]; an upload that
//! nobody knows is [set aside](Objects::set_aside) before it is removed. A file for participants may be far larger than
//! an upload, so it is a [`Draft`] until it is whole, and a draft outlives the process that began it.
//!
//! The object `instance` says which database the objects belong to. This module keeps it, and compares nothing.

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

/// Why the configured place cannot be used.
#[derive(Debug, Error)]
pub enum ObjectsError {
    /// The setting names no place we know.
    #[error("`{0}` is no place for objects: write `file:`, `file:DIR` or `s3://BUCKET/PREFIX`")]
    Setting(String),
    /// The folder cannot be made or written.
    #[error("cannot use the folder {0} for objects")]
    Folder(PathBuf, #[source] io::Error),
    /// What the environment says of S3 does not fit together.
    #[error("cannot use `{0}` for objects: {1}")]
    S3(String, String),
}

/// Where objects are kept.
#[derive(Debug, Clone)]
enum Place {
    /// A folder of this machine.
    Disk(Disk),
    /// A bucket.
    S3(S3),
}

/// The objects, and the folders of this machine for what is on its way to them.
#[derive(Debug, Clone)]
pub struct Objects {
    place: Place,
    staged: PathBuf,
    building: PathBuf,
}

impl Objects {
    /// Opens the configured place: `file:` is `objects` under the data directory, `s3://bucket/prefix` a bucket that
    /// the usual `AWS_` variables tell how to reach.
    ///
    /// # Errors
    /// The setting is not understood, or a folder cannot be made.
    pub fn open(setting: &str, data_dir: &Path) -> Result<Self, ObjectsError> {
        let unusable = |(folder, error)| ObjectsError::Folder(folder, error);
        let (place, staged) = if setting.starts_with("s3://") {
            let place = S3::open(setting).map_err(|why| ObjectsError::S3(setting.to_owned(), why))?;
            (Place::S3(place), data_dir.join("staged"))
        } else {
            let root = match setting.strip_prefix("file:") {
                Some("") => data_dir.join("objects"),
                Some(path) => PathBuf::from(path),
                None => return Err(ObjectsError::Setting(setting.to_owned())),
            };
            // A rename has to stay within one file system.
            let staged = root.join("staged");
            (Place::Disk(Disk::open(root).map_err(unusable)?), staged)
        };
        let building = data_dir.join("building");
        for folder in [&staged, &building] {
            folder::make_private(folder).map_err(|error| unusable((folder.clone(), error)))?;
        }
        Ok(Self { place, staged, building })
    }

    /// Where everything is kept, for people: a folder, or `s3://bucket/prefix`.
    pub fn location(&self) -> String {
        match &self.place {
            Place::Disk(disk) => disk.root().display().to_string(),
            Place::S3(s3) => s3.location().to_owned(),
        }
    }

    /// The folder of this machine for notes about drafts.
    pub fn building(&self) -> &Path {
        &self.building
    }

    /// Which database the objects belong to; `None` where nobody claimed them yet.
    pub async fn owner(&self) -> io::Result<Option<Uuid>> {
        let text = match &self.place {
            Place::Disk(disk) => disk.owner().await?,
            Place::S3(s3) => s3.owner().await?,
        };
        let id = text.map(|text| text.trim().parse());
        id.transpose().map_err(|_| {
            let text = format!("{}/{} holds no id of a database", self.location(), key::INSTANCE);
            io::Error::new(io::ErrorKind::InvalidData, text)
        })
    }

    /// Writes down which database the objects belong to; all of it or nothing, for good.
    pub async fn set_owner(&self, instance: Uuid) -> io::Result<()> {
        let text = format!("{instance}\n");
        match &self.place {
            Place::Disk(disk) => {
                let mut staging = self.stage().await?;
                staging.write(text.as_bytes()).await?;
                let staged = staging.finish().await?;
                disk.settle(&staged.path()?, &disk.owner_file()).await?;
                staged.moved();
                Ok(())
            }
            Place::S3(s3) => s3.set_owner(text).await,
        }
    }

    /// Begins to take in bytes.
    pub async fn stage(&self) -> io::Result<Staging> {
        Staging::begin(self.staged.join(Uuid::new_v4().to_string())).await
    }

    /// Gives staged bytes their key, for good.
    pub async fn keep(&self, staged: Staged, key: &ObjectKey) -> io::Result<()> {
        match &self.place {
            Place::Disk(disk) => {
                disk.settle(&staged.path()?, &disk.path(key)).await?;
                staged.moved();
                Ok(())
            }
            // Dropped at the end, the staged file is removed.
            Place::S3(s3) => s3.put(key, staged.read().await?).await,
        }
    }

    /// Reads an object whole; `None` where there is none.
    pub async fn read(&self, key: &ObjectKey) -> io::Result<Option<Vec<u8>>> {
        match &self.place {
            Place::Disk(disk) => disk.read(key).await,
            Place::S3(s3) => s3.read(key).await,
        }
    }

    /// Removes an object; one that is not there is fine.
    pub async fn remove(&self, key: &ObjectKey) -> io::Result<()> {
        match &self.place {
            Place::Disk(disk) => disk.remove(key).await,
            Place::S3(s3) => s3.remove(key).await,
        }
    }

    /// All uploads.
    pub async fn uploads(&self) -> io::Result<Vec<SubmissionId>> {
        match &self.place {
            Place::Disk(disk) => disk.uploads(|_| true).await,
            Place::S3(s3) => s3.uploads(|_| true).await,
        }
    }

    /// The uploads that were last changed at least `age` ago.
    pub async fn uploads_older_than(&self, age: Duration) -> io::Result<Vec<SubmissionId>> {
        match &self.place {
            Place::Disk(disk) => disk.uploads(folder::is_older_than(age)).await,
            Place::S3(s3) => s3.uploads(folder::is_older_than(age)).await,
        }
    }

    /// The files for participants, whole or begun, that were last changed at least `age` ago.
    pub async fn releases_older_than(&self, age: Duration) -> io::Result<Vec<FileId>> {
        match &self.place {
            Place::Disk(disk) => disk.releases(folder::is_older_than(age)).await,
            Place::S3(s3) => s3.releases(folder::is_older_than(age)).await,
        }
    }

    /// Removes a file for participants, whole or begun; one that is not there is fine.
    pub async fn remove_release(&self, id: FileId) -> io::Result<()> {
        match &self.place {
            Place::Disk(disk) => disk.remove_release(id).await,
            Place::S3(s3) => s3.remove_release(id).await,
        }
    }

    /// Moves an upload that nobody knows out of the way, where a person can still find it; one that is not there
    /// is fine.
    pub async fn set_aside(&self, id: SubmissionId) -> io::Result<()> {
        match &self.place {
            Place::Disk(disk) => {
                let now = self.stage().await?.file.metadata().await?.modified()?;
                disk.set_aside(id, now).await
            }
            Place::S3(s3) => s3.set_aside(id).await,
        }
    }

    /// Removes what was set aside at least `age` ago; answers how many files.
    pub async fn remove_set_aside(&self, age: Duration) -> io::Result<usize> {
        match &self.place {
            Place::Disk(disk) => disk.remove_set_aside(age).await,
            Place::S3(s3) => s3.remove_set_aside(age).await,
        }
    }

    /// Removes what was staged at least `age` ago and never kept; answers how many files.
    pub async fn remove_stale_staged(&self, age: Duration) -> io::Result<usize> {
        folder::remove_older_than(&self.staged, age).await
    }

    /// Checks, without writing, that there is a place to keep bytes.
    pub async fn is_there(&self) -> io::Result<()> {
        if !fs::metadata(&self.staged).await?.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        match &self.place {
            Place::Disk(disk) => disk.is_there().await,
            Place::S3(s3) => s3.is_there().await,
        }
    }

    /// Checks that the place takes and gives back bytes.
    pub async fn probe(&self) -> io::Result<()> {
        let mut staging = self.stage().await?;
        staging.write(b"probe").await?;
        let staged = staging.finish().await?;
        let read = match &self.place {
            Place::Disk(_) => staged.read().await?,
            Place::S3(s3) => s3.probe(staged.read().await?).await?,
        };
        if read == b"probe" { Ok(()) } else { Err(io::Error::other("what was written was not read back")) }
    }
}
