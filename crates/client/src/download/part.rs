//! A file on its way: `NAME.<first 16 digits of its SHA-256>.part`, so that parts of different content never mix. The
//! hash runs along with the bytes; only a file whose hash is right gets its name. All of it blocks.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::ClientError;
use super::folder::Hold;

/// Bytes read at once.
const PIECE: usize = 1 << 20;

/// The end of the name of a part of this content.
pub(super) fn ending(sha256: &str) -> String {
    format!(".{}.part", sha256.get(..16).unwrap_or(sha256))
}

/// A file on its way.
#[derive(Debug)]
pub(super) struct Part {
    path: PathBuf,
    file: File,
    hasher: Sha256,
    length: u64,
    /// No other run may write here as long as this one could.
    _hold: Hold,
}

impl Part {
    /// Opens a part, and hashes what is there of it. One that is longer than `size` begins from nothing.
    ///
    /// # Errors
    /// It cannot be read or written, or it was told to stop.
    pub(super) fn open(path: PathBuf, size: u64, hold: Hold, watch: &mut Watch<'_>) -> Result<Self, ClientError> {
        let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let mut file = opened.map_err(ClientError::io(&path))?;
        if file.metadata().map_err(ClientError::io(&path))?.len() > size {
            file.set_len(0).map_err(ClientError::io(&path))?;
        }
        let mut hasher = Sha256::new();
        let length = feed(&mut file, &mut hasher, &path, watch)?;
        file.seek(SeekFrom::Start(length)).map_err(ClientError::io(&path))?;
        Ok(Self { path, file, hasher, length, _hold: hold })
    }

    /// Bytes that are here.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Where it lies.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Puts bytes behind those that are here.
    ///
    /// # Errors
    /// The disk takes no more. What it took is hashed anew when the part is opened again.
    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<(), ClientError> {
        self.file.write_all(bytes).map_err(ClientError::io(&self.path))?;
        self.hasher.update(bytes);
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// Makes the part the file `into` if its hash is right; otherwise removes it and answers the hash it has.
    ///
    /// # Errors
    /// It cannot be kept.
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

/// What is watched while bytes of the disk are hashed.
pub(super) struct Watch<'a> {
    /// Whether to end early.
    pub(super) stop: &'a dyn Fn() -> bool,
    /// Told how many bytes more were hashed.
    pub(super) counted: &'a mut dyn FnMut(u64),
}

/// The hash of a file, in hexadecimal.
///
/// # Errors
/// It cannot be read, or it was told to stop.
pub(super) fn hash(path: &Path, watch: &mut Watch<'_>) -> Result<String, ClientError> {
    let mut hasher = Sha256::new();
    let mut file = File::open(path).map_err(ClientError::io(path))?;
    feed(&mut file, &mut hasher, path, watch)?;
    Ok(hex::encode(hasher.finalize()))
}

fn feed(file: &mut File, hasher: &mut Sha256, path: &Path, watch: &mut Watch<'_>) -> Result<u64, ClientError> {
    let (mut piece, mut length) = (vec![0; PIECE], 0);
    loop {
        if (watch.stop)() {
            return Err(ClientError::Stopped);
        }
        match file.read(&mut piece) {
            Ok(0) => return Ok(length),
            Ok(count) => {
                hasher.update(&piece[..count]);
                length += count as u64;
                (watch.counted)(count as u64);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(ClientError::io(path)(error)),
        }
    }
}
