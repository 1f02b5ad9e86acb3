//! Remembers on this machine how far a release came, so that an interrupted one can continue. An
//! entry is used only if the source files are unchanged.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::ReleaseError;
use super::pack::Packed;
use crate::domain::ids::{FileId, TrackId};
use crate::domain::release::FileName;
use crate::domain::sha256::Sha256;

/// The entries of one track's release. Until it is dropped, no other run on this machine can open
/// them.
#[derive(Debug)]
pub(super) struct Journal {
    folder: PathBuf,
    _lock: File,
}

/// What is recorded about one file.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Entry {
    pub(super) id: FileId,
    pub(super) fingerprint: Sha256,
    /// What was written, once the file is complete.
    pub(super) packed: Option<Packed>,
}

impl Journal {
    /// Opens a track's entries in the folder `building`; `None` if another run has them open.
    pub(super) fn open(building: &Path, track: TrackId) -> Result<Option<Self>, ReleaseError> {
        let folder = building.join(track.to_string());
        fs::create_dir_all(&folder).map_err(ReleaseError::Objects)?;
        let lock = File::create(folder.join("lock")).map_err(ReleaseError::Objects)?;
        match lock.try_lock() {
            Ok(()) => Ok(Some(Self { folder, _lock: lock })),
            Err(fs::TryLockError::WouldBlock) => Ok(None),
            Err(fs::TryLockError::Error(error)) => Err(ReleaseError::Objects(error)),
        }
    }

    fn path(&self, name: &FileName) -> PathBuf {
        self.folder.join(format!("{name}.json"))
    }

    /// Where the file's draft notes what it has stored.
    pub(super) fn draft_note(&self, name: &FileName) -> PathBuf {
        self.folder.join(format!("{name}.draft"))
    }

    /// Reads the entry of a file; `None` if there is none or it cannot be read.
    pub(super) fn read(&self, name: &FileName) -> Option<Entry> {
        serde_json::from_slice(&fs::read(self.path(name)).ok()?).ok()
    }

    /// Writes the entry of a file, completely or not at all.
    pub(super) fn write(&self, name: &FileName, entry: &Entry) -> Result<(), ReleaseError> {
        let (path, new) = (self.path(name), self.folder.join("new"));
        let written = serde_json::to_vec(entry).map_err(io::Error::other).and_then(|text| {
            let mut file = File::create(&new)?;
            file.write_all(&text)?;
            file.sync_all()?;
            fs::rename(&new, &path)
        });
        written.map_err(ReleaseError::Objects)
    }

    /// Removes the entry of a file.
    pub(super) fn forget(&self, name: &FileName) -> Result<(), ReleaseError> {
        match fs::remove_file(self.path(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(ReleaseError::Objects(error)),
            _ => Ok(()),
        }
    }

    /// The files that have entries.
    pub(super) fn names(&self) -> Result<Vec<FileName>, ReleaseError> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(ReleaseError::Objects)? {
            let name = entry.map_err(ReleaseError::Objects)?.file_name();
            names.extend(name.to_str().and_then(|name| name.strip_suffix(".json")?.parse().ok()));
        }
        Ok(names)
    }
}
