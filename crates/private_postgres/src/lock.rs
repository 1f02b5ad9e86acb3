//! Which process owns the server: the one that holds `flock` on one file. The kernel releases it
//! when the process ends, even by `kill -9`.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use super::error::PrivatePostgresError;

/// The lock, held until this value is dropped. Child processes do not inherit it, because the file
/// closes when they start their program.
#[derive(Debug)]
pub(super) struct OwnerLock {
    _file: File,
}

impl OwnerLock {
    /// Takes the lock if nobody holds it.
    pub(super) fn try_acquire(path: &Path) -> Result<Option<Self>, PrivatePostgresError> {
        acquire(path).map_err(PrivatePostgresError::file("lock", path))
    }
}

fn acquire(path: &Path) -> io::Result<Option<OwnerLock>> {
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(None),
        Err(TryLockError::Error(error)) => return Err(error),
    }
    // If the data directory was removed and made again in between, this is the lock of the old one
    // and says nothing about the new one.
    let (locked, named) = (file.metadata()?, std::fs::metadata(path)?);
    let same = locked.dev() == named.dev() && locked.ino() == named.ino();
    Ok(same.then_some(OwnerLock { _file: file }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_holder_is_refused_until_the_first_lets_go() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("postgres.lock");
        let first = OwnerLock::try_acquire(&path).unwrap();
        assert!(first.is_some());
        assert!(OwnerLock::try_acquire(&path).unwrap().is_none());
        drop(first);
        assert!(OwnerLock::try_acquire(&path).unwrap().is_some());
    }

    #[test]
    fn the_lock_of_a_removed_data_directory_does_not_bind_the_new_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("postgres.lock");
        let _old = OwnerLock::try_acquire(&path).unwrap().unwrap();
        std::fs::remove_file(&path).unwrap();
        assert!(OwnerLock::try_acquire(&path).unwrap().is_some());
    }

    #[test]
    fn a_data_directory_that_is_gone_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("gone/postgres.lock");
        let error = OwnerLock::try_acquire(&path).unwrap_err();
        assert!(error.to_string().contains(path.to_str().unwrap()));
    }
}
