//! Bytes on their way in: on this machine's disk until they have their key.

use std::io;
use std::path::PathBuf;

use sha2::{Digest, Sha256};
use tokio::fs;
use tokio::io::AsyncWriteExt;

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
    pub(super) file: fs::File,
    hash: Sha256,
    size: u64,
    guard: RemoveOnDrop,
}

impl Staging {
    /// A new file of this path.
    pub(super) async fn begin(path: PathBuf) -> io::Result<Self> {
        let file = fs::File::create_new(&path).await?;
        Ok(Self { file, hash: Sha256::new(), size: 0, guard: RemoveOnDrop(Some(path)) })
    }

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
        fs::read(self.path()?).await
    }

    /// The file.
    pub(super) fn path(&self) -> io::Result<PathBuf> {
        self.guard.0.clone().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// The file has gone to its place; there is nothing to remove.
    pub(super) fn moved(mut self) {
        self.guard.0 = None;
    }
}
