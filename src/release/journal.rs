//! How far a release came, in files of this machine, so that it goes on after it was interrupted. What is in them is
//! believed only as long as what the files are made of is the same.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::ReleaseError;
use super::pack::Packed;
use crate::domain::ids::{FileId, TrackId};
use crate::domain::release::FileName;

/// The notes about one track's release. As long as it lives, no other run of this machine has them.
#[derive(Debug)]
pub(super) struct Journal {
    folder: PathBuf,
    _lock: File,
}

/// What is noted about one file.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Entry {
    pub(super) id: FileId,
    #[serde(with = "hex::serde")]
    pub(super) fingerprint: [u8; 32],
    /// What was written, once it is whole.
    pub(super) packed: Option<Packed>,
}

impl Journal {
    /// The notes about a track in the folder `building`; `None` where another run has them.
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

    /// Where a draft notes what has arrived.
    pub(super) fn draft_note(&self, name: &FileName) -> PathBuf {
        self.folder.join(format!("{name}.draft"))
    }

    /// What is noted about a file. What cannot be read is as good as nothing.
    pub(super) fn read(&self, name: &FileName) -> Option<Entry> {
        serde_json::from_slice(&fs::read(self.path(name)).ok()?).ok()
    }

    /// Notes something about a file, all of it or nothing.
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

    /// Forgets a file.
    pub(super) fn forget(&self, name: &FileName) -> Result<(), ReleaseError> {
        match fs::remove_file(self.path(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(ReleaseError::Objects(error)),
            _ => Ok(()),
        }
    }

    /// The files something is noted about.
    pub(super) fn names(&self) -> Result<Vec<FileName>, ReleaseError> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(ReleaseError::Objects)? {
            let name = entry.map_err(ReleaseError::Objects)?.file_name();
            names.extend(name.to_str().and_then(|name| name.strip_suffix(".json")?.parse().ok()));
        }
        Ok(names)
    }
}
