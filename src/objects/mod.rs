//! Big bytes: uploads, kept on disk under keys that are a type. Nothing of an upload is ever unpacked here.
//!
//! An upload is first *staged* under a random name, flushed to disk, and then renamed to its key: a key that
//! exists is whole. What a killed process left staged is removed by [`Objects::remove_stale_staged`]; an upload
//! that nobody knows is [set aside](Objects::set_aside) before it is removed.
//!
//! The file `instance` says which database the objects belong to. This module keeps it, and compares nothing.

mod folder;

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};
use thiserror::Error;
use tokio::fs;
use tokio::io::AsyncWriteExt;
use uuid::Uuid;

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
    root: PathBuf,
    uploads: PathBuf,
    staged: PathBuf,
    orphaned: PathBuf,
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
        let [uploads, staged, orphaned] = ["uploads", "staged", "orphaned"].map(|name| root.join(name));
        for folder in [&uploads, &staged, &orphaned] {
            folder::make_private(folder).map_err(|error| ObjectsError::Folder(folder.clone(), error))?;
        }
        Ok(Self { root, uploads, staged, orphaned })
    }

    /// The folder that holds everything.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The file that says which database the objects belong to.
    pub fn owner_file(&self) -> PathBuf {
        self.root.join("instance")
    }

    /// Which database the objects belong to; `None` where nobody claimed them yet.
    pub async fn owner(&self) -> io::Result<Option<Uuid>> {
        let file = self.owner_file();
        match fs::read_to_string(&file).await {
            Ok(text) => text.trim().parse().map(Some).map_err(|_| {
                let text = format!("{} holds no id of a database", file.display());
                io::Error::new(io::ErrorKind::InvalidData, text)
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes down which database the objects belong to; all of it or nothing, for good.
    pub async fn set_owner(&self, instance: Uuid) -> io::Result<()> {
        let mut staging = self.stage().await?;
        staging.write(format!("{instance}\n").as_bytes()).await?;
        staging.finish().await?.settle(&self.owner_file()).await
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
        staged.settle(&self.path(key)).await
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
        folder::ignore_missing(fs::remove_file(self.path(key)).await)
    }

    /// All uploads.
    pub async fn uploads(&self) -> io::Result<Vec<SubmissionId>> {
        Ok(ids(folder::entries(&self.uploads, |_| true).await?))
    }

    /// The uploads that were last changed at least `age` ago.
    pub async fn uploads_older_than(&self, age: Duration) -> io::Result<Vec<SubmissionId>> {
        Ok(ids(folder::entries(&self.uploads, folder::is_older_than(age)).await?))
    }

    /// Moves an upload that nobody knows out of the way, where a person can still find it; one that is not there
    /// is fine.
    pub async fn set_aside(&self, id: SubmissionId) -> io::Result<()> {
        let from = self.path(ObjectKey::Upload(id));
        let to = self.orphaned.join(format!("{id}.zip"));
        // By the disk's own time, as the age of every file here.
        let now = self.stage().await?.file.metadata().await?.modified()?;
        folder::ignore_missing(folder::date_and_rename(from, to, now).await)
    }

    /// Removes what was set aside at least `age` ago; answers how many files.
    pub async fn remove_set_aside(&self, age: Duration) -> io::Result<usize> {
        folder::remove_older_than(&self.orphaned, age).await
    }

    /// Removes what was staged at least `age` ago and never kept; answers how many files.
    pub async fn remove_stale_staged(&self, age: Duration) -> io::Result<usize> {
        folder::remove_older_than(&self.staged, age).await
    }

    /// Checks, without writing, that there is a place to keep bytes.
    pub async fn is_there(&self) -> io::Result<()> {
        for folder in [&self.uploads, &self.staged] {
            if !fs::metadata(folder).await?.is_dir() {
                return Err(io::ErrorKind::NotADirectory.into());
            }
        }
        Ok(())
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

/// The submissions whose uploads these are; other files are nobody's business.
fn ids(files: Vec<PathBuf>) -> Vec<SubmissionId> {
    files.iter().filter_map(|path| path.file_stem()?.to_str()?.parse().ok()).collect()
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
    /// Gives the bytes a name of their own, for good.
    async fn settle(mut self, path: &Path) -> io::Result<()> {
        if let Some(staged) = &self.guard.0 {
            fs::rename(staged, path).await?;
            self.guard.0 = None;
            // The rename itself must survive a power cut.
            fs::File::open(folder::parent(path)).await?.sync_all().await?;
        }
        Ok(())
    }

    /// Reads the bytes back.
    pub async fn read(&self) -> io::Result<Vec<u8>> {
        match &self.guard.0 {
            Some(path) => fs::read(path).await,
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }
}
