//! A file that is not complete yet: `NAME.<first 16 digits of its SHA-256>.part`, so that parts of
//! different content never mix. The hash is computed as the bytes come; only a file whose hash is
//! right gets its name. Every function blocks.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::ClientError;
use super::folder::FolderLock;

/// Bytes read at once.
const READ_BYTES: usize = 1 << 20;

/// The suffix of a part's name, for content of this SHA-256 in hexadecimal.
pub(super) fn ending(sha256: &str) -> String {
    format!(".{}.part", sha256.get(..16).unwrap_or(sha256))
}

/// A file that is not complete yet.
#[derive(Debug)]
pub(super) struct Part {
    path: PathBuf,
    file: File,
    hasher: Sha256,
    length: u64,
    /// No other run may write to the folder while this one still can.
    _lock: FolderLock,
}

impl Part {
    /// Opens a part and hashes the bytes it has. If it is longer than `size`, it starts from
    /// nothing.
    ///
    /// # Errors
    /// It cannot be read or written, or the run was stopped.
    pub(super) fn open(
        path: PathBuf,
        size: u64,
        lock: FolderLock,
        callbacks: &mut HashCallbacks<'_>,
    ) -> Result<Self, ClientError> {
        let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let mut file = opened.map_err(ClientError::io(&path))?;
        if file.metadata().map_err(ClientError::io(&path))?.len() > size {
            file.set_len(0).map_err(ClientError::io(&path))?;
        }
        let mut hasher = Sha256::new();
        let length = hash_rest(&mut file, &mut hasher, &path, callbacks)?;
        file.seek(SeekFrom::Start(length)).map_err(ClientError::io(&path))?;
        Ok(Self { path, file, hasher, length, _lock: lock })
    }

    /// The number of bytes it has.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Its path.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Appends bytes.
    ///
    /// # Errors
    /// They cannot be written. Those that were are hashed when the part is opened again.
    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<(), ClientError> {
        self.file.write_all(bytes).map_err(ClientError::io(&self.path))?;
        self.hasher.update(bytes);
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// Renames the part to `into` if its hash is right. Otherwise removes it and returns its hash,
    /// in hexadecimal, as the inner error.
    ///
    /// # Errors
    /// It cannot be renamed or removed.
    pub(super) fn finish(self, sha256: &str, into: &Path) -> Result<Result<(), String>, ClientError> {
        let found = hex::encode(self.hasher.finalize());
        if found != sha256 {
            fs::remove_file(&self.path).map_err(ClientError::io(&self.path))?;
            return Ok(Err(found));
        }
        self.file.sync_all().map_err(ClientError::io(&self.path))?;
        fs::rename(&self.path, into).map_err(ClientError::io(into))?;
        Ok(Ok(()))
    }
}

/// What to call while bytes on disk are hashed.
pub(super) struct HashCallbacks<'a> {
    /// Whether the run was stopped.
    pub(super) stop: &'a dyn Fn() -> bool,
    /// Called with the number of bytes hashed since the last call.
    pub(super) hashed: &'a mut dyn FnMut(u64),
}

/// The SHA-256 of a file, in hexadecimal.
///
/// # Errors
/// It cannot be read, or the run was stopped.
pub(super) fn hash(path: &Path, callbacks: &mut HashCallbacks<'_>) -> Result<String, ClientError> {
    let mut hasher = Sha256::new();
    let mut file = File::open(path).map_err(ClientError::io(path))?;
    hash_rest(&mut file, &mut hasher, path, callbacks)?;
    Ok(hex::encode(hasher.finalize()))
}

fn hash_rest(
    file: &mut File,
    hasher: &mut Sha256,
    path: &Path,
    callbacks: &mut HashCallbacks<'_>,
) -> Result<u64, ClientError> {
    let (mut buffer, mut length) = (vec![0; READ_BYTES], 0);
    loop {
        if (callbacks.stop)() {
            return Err(ClientError::Stopped);
        }
        match file.read(&mut buffer) {
            Ok(0) => return Ok(length),
            Ok(count) => {
                hasher.update(&buffer[..count]);
                length += count as u64;
                (callbacks.hashed)(count as u64);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(ClientError::io(path)(error)),
        }
    }
}
