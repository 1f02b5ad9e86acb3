//! Bytes being received, in a file on this machine until they get their key.

use std::io;
use std::path::PathBuf;

use sha2::Digest;

use crate::domain::sha256::Sha256;
use tokio::fs;
use tokio::io::AsyncWriteExt;

/// Removes a staged file when dropped, unless it has become an object.
#[derive(Debug)]
struct RemoveOnDrop(Option<PathBuf>);

impl Drop for RemoveOnDrop {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            // If that fails, the sweeper removes it later.
            let _ = std::fs::remove_file(path);
        }
    }
}

/// A file that is being staged.
#[derive(Debug)]
pub struct Staging {
    pub(super) file: fs::File,
    hash: sha2::Sha256,
    size: u64,
    guard: RemoveOnDrop,
}

impl Staging {
    /// Creates a new file at this path.
    pub(super) async fn begin(path: PathBuf) -> io::Result<Self> {
        let file = fs::File::create_new(&path).await?;
        Ok(Self { file, hash: sha2::Sha256::new(), size: 0, guard: RemoveOnDrop(Some(path)) })
    }

    /// Adds bytes.
    pub async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes).await?;
        self.hash.update(bytes);
        self.size += bytes.len() as u64;
        Ok(())
    }

    /// Bytes written so far.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Ends the file. Everything is on disk when this returns.
    pub async fn finish(mut self) -> io::Result<Staged> {
        self.file.flush().await?;
        self.file.sync_all().await?;
        Ok(Staged { sha256: self.hash.into(), size: self.size, guard: self.guard })
    }
}

/// A file that is on disk but has no key yet; removed when dropped.
#[derive(Debug)]
pub struct Staged {
    /// SHA-256 of the bytes.
    pub sha256: Sha256,
    /// Their number.
    pub size: u64,
    guard: RemoveOnDrop,
}

impl Staged {
    /// Reads the bytes back.
    pub async fn read(&self) -> io::Result<Vec<u8>> {
        fs::read(self.path()?).await
    }

    /// The file's path.
    pub(super) fn path(&self) -> io::Result<PathBuf> {
        self.guard.0.clone().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Keeps the file, which has been renamed, from being removed.
    pub(super) fn moved(mut self) {
        self.guard.0 = None;
    }
}
