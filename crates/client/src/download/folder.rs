//! The target folder of a download. One run at a time uses it, and it holds a record of the files
//! that were found whole, so that they are not hashed at every run. Every function blocks, but only
//! hashing takes long.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

use super::part::{self, HashCallbacks, Part};
use super::{ClientError, RemoteFile};

const RECORDS: &str = ".callimico.json";
const LOCK: &str = ".callimico.lock";

/// Keeps other runs out of the folder until the last copy is dropped.
pub(super) type FolderLock = Arc<File>;

/// What was recorded of a file when it was whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Record {
    sha256: String,
    size: u64,
    /// When it was last changed, in nanoseconds since 1970.
    modified: u64,
    /// If it is an archive and was unpacked, the SHA-256 it had then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unpacked: Option<String>,
}

/// What the folder has of a file, as far as can be told without reading the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LocalState {
    /// The file, whole; its hash was checked by an earlier run.
    Present,
    /// A file of the right size whose hash was not checked yet.
    Unchecked,
    /// A file of this name with other content than the server lists.
    Differs,
    /// The beginning of the file: this many bytes.
    Partial(u64),
    /// Nothing of the file.
    Missing,
}

/// The records of a folder's files, by file name.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Records(BTreeMap<String, Record>);

impl Records {
    /// Reads the records of a folder. If they are damaged it is as if there were none: the files
    /// are hashed again.
    pub(super) fn read(folder: &Path) -> Self {
        let bytes = fs::read(folder.join(RECORDS)).unwrap_or_default();
        serde_json::from_slice(&bytes).unwrap_or_default()
    }

    /// What `folder` has of a file.
    pub(super) fn local_state(&self, folder: &Path, file: &RemoteFile) -> LocalState {
        match fs::metadata(folder.join(&file.name)) {
            Ok(found) if found.len() != file.size => LocalState::Differs,
            Ok(found) if self.says(file, &found) == Some(true) => LocalState::Present,
            Ok(found) if self.says(file, &found) == Some(false) => LocalState::Differs,
            Ok(_) => LocalState::Unchecked,
            Err(_) => match fs::metadata(folder.join(format!("{}{}", file.name, part::ending(&file.sha256)))) {
                Ok(part) if part.len() <= file.size => LocalState::Partial(part.len()),
                _ => LocalState::Missing,
            },
        }
    }

    /// Whether the records say that what was found is the listed file; `None` if they say nothing.
    fn says(&self, file: &RemoteFile, found: &fs::Metadata) -> Option<bool> {
        let record = self.0.get(&file.name)?;
        let is_recorded = record.size == found.len() && modified(found) == Some(record.modified);
        is_recorded.then(|| record.sha256 == file.sha256)
    }
}

fn modified(found: &fs::Metadata) -> Option<u64> {
    let since = found.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    u64::try_from(since.as_nanos()).ok()
}

/// A folder that is locked by this run.
#[derive(Debug)]
pub(super) struct Folder {
    root: PathBuf,
    lock: FolderLock,
    records: Mutex<Records>,
}

impl Folder {
    /// Locks a folder, and creates it if it is missing.
    ///
    /// # Errors
    /// [`ClientError::Busy`] while another run downloads into it.
    pub(super) fn open(root: &Path) -> Result<Self, ClientError> {
        fs::create_dir_all(root).map_err(ClientError::io(root))?;
        let path = root.join(LOCK);
        let opened = OpenOptions::new().write(true).create(true).truncate(false).open(&path);
        let lock = opened.map_err(ClientError::io(&path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(ClientError::Busy(root.to_owned())),
            // Some network file systems have no locks. A single run works there all the same.
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {}
            Err(TryLockError::Error(error)) => return Err(ClientError::io(&path)(error)),
        }
        let records = Mutex::new(Records::read(root));
        Ok(Self { root: root.to_owned(), lock: Arc::new(lock), records })
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// The path of a file of this name.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// Opens the part of a file, with the bytes that it has.
    pub(super) fn part(&self, file: &RemoteFile, callbacks: &mut HashCallbacks<'_>) -> Result<Part, ClientError> {
        let path = self.path(&format!("{}{}", file.name, part::ending(&file.sha256)));
        Part::open(path, file.size, Arc::clone(&self.lock), callbacks)
    }

    /// Looks for the listed file. A file of its name with other content is moved aside.
    ///
    /// # Errors
    /// It cannot be read or moved, or the run was stopped.
    pub(super) fn look_for(
        &self,
        file: &RemoteFile,
        callbacks: &mut HashCallbacks<'_>,
    ) -> Result<LocalFile, ClientError> {
        let path = self.path(&file.name);
        let found = match fs::metadata(&path) {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(LocalFile::Missing),
            Err(error) => return Err(ClientError::io(&path)(error)),
        };
        if !found.is_file() {
            return Err(ClientError::io(&path)(io::Error::other("it is there and no ordinary file")));
        }
        if found.len() == file.size {
            let said = self.records().says(file, &found);
            if said == Some(true) {
                (callbacks.hashed)(file.size);
                return Ok(LocalFile::Match);
            }
            if said.is_none() && part::hash(&path, callbacks)? == file.sha256 {
                self.record(file)?;
                return Ok(LocalFile::Match);
            }
        }
        let aside = self.free_name(&file.name);
        fs::rename(&path, self.path(&aside)).map_err(ClientError::io(&path))?;
        Ok(LocalFile::MovedAside(aside))
    }

    /// `NAME.differs`, or `NAME.differs.2` and so on if that exists.
    fn free_name(&self, name: &str) -> String {
        let names = (1_u64..).map(|number| match number {
            1 => format!("{name}.differs"),
            _ => format!("{name}.differs.{number}"),
        });
        let mut free = names.skip_while(|name| fs::symlink_metadata(self.path(name)).is_ok());
        free.next().unwrap_or_default()
    }

    /// Gives a complete part its file's name and records it. If its hash is wrong, removes it and
    /// returns the hash as the inner error.
    ///
    /// # Errors
    /// The file cannot be renamed or recorded.
    pub(super) fn keep(&self, part: Part, file: &RemoteFile) -> Result<Result<(), String>, ClientError> {
        let path = self.path(&file.name);
        if fs::symlink_metadata(&path).is_ok() {
            // Somebody has created it in the meantime.
            fs::rename(&path, self.path(&self.free_name(&file.name))).map_err(ClientError::io(&path))?;
        }
        let outcome = part.finish(&file.sha256, &path)?;
        if outcome.is_ok() {
            self.record(file)?;
            self.remove_parts_of(&file.name);
        }
        Ok(outcome)
    }

    /// Removes parts of other content that a file of this name had earlier.
    fn remove_parts_of(&self, name: &str) {
        for entry in fs::read_dir(&self.root).into_iter().flatten().flatten() {
            let found = entry.file_name();
            let rest = found.to_str().and_then(|found| found.strip_prefix(name)).unwrap_or_default();
            let mark = rest.strip_prefix('.').and_then(|rest| rest.strip_suffix(".part")).unwrap_or_default();
            if mark.len() == 16 && mark.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                // If that fails, they only take up space.
                let _ = fs::remove_file(entry.path());
            }
        }
    }

    /// Records that a file is whole.
    fn record(&self, file: &RemoteFile) -> Result<(), ClientError> {
        let path = self.path(&file.name);
        let found = fs::metadata(&path).map_err(ClientError::io(&path))?;
        let mut records = self.records();
        // If the time is unknown, 0 matches no file, and this one is hashed at every run.
        let modified = modified(&found).unwrap_or_default();
        let unpacked = records.0.get(&file.name).and_then(|record| record.unpacked.clone());
        let record = Record { sha256: file.sha256.clone(), size: file.size, modified, unpacked };
        records.0.insert(file.name.clone(), record);
        self.write(&records)
    }

    /// Whether the archive was unpacked and the folder it was unpacked into still exists.
    pub(super) fn is_unpacked(&self, file: &RemoteFile, slug: &str) -> bool {
        let records = self.records();
        let unpacked = records.0.get(&file.name).and_then(|record| record.unpacked.as_ref());
        unpacked == Some(&file.sha256) && self.path(slug).is_dir()
    }

    /// Records that an archive was unpacked.
    pub(super) fn mark_unpacked(&self, file: &RemoteFile) -> Result<(), ClientError> {
        let mut records = self.records();
        if let Some(record) = records.0.get_mut(&file.name) {
            record.unpacked = Some(file.sha256.clone());
        }
        self.write(&records)
    }

    fn records(&self) -> MutexGuard<'_, Records> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, records: &Records) -> Result<(), ClientError> {
        let path = self.path(RECORDS);
        let new = self.path(&format!("{RECORDS}.new"));
        let bytes = serde_json::to_vec_pretty(records).map_err(io::Error::other).map_err(ClientError::io(&path))?;
        fs::write(&new, bytes).and_then(|()| fs::rename(&new, &path)).map_err(ClientError::io(&path))
    }
}

/// What was found under a listed file's name.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum LocalFile {
    /// The listed file.
    Match,
    /// Nothing.
    Missing,
    /// A file with other content, which has been renamed to this.
    MovedAside(String),
}
