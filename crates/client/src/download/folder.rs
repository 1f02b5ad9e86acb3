//! The folder files are brought into: one run at a time, and a record of what was found whole, so that it is not hashed
//! at each run. All of it blocks, though only hashing for long.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

use super::part::{self, Part, Watch};
use super::{ClientError, RemoteFile};

const RECORDS: &str = ".callimico.json";
const LOCK: &str = ".callimico.lock";

/// Keeps other runs away as long as it lives.
pub(super) type Hold = Arc<File>;

/// What is known of a file that was whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Record {
    sha256: String,
    size: u64,
    /// When it was last changed, in nanoseconds since 1970.
    modified: u64,
    /// The hash of the archive that was unpacked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unpacked: Option<String>,
}

/// How a file stands in the folder, as far as can be told without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Whole, and found right earlier.
    Present,
    /// There in the right size, and not compared yet.
    Unchecked,
    /// There, and not what the server lists.
    Differs,
    /// So many of its bytes are there.
    Partial(u64),
    /// Nothing of it is there.
    Missing,
}

/// What is known of the files of a folder, by name.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Records(BTreeMap<String, Record>);

impl Records {
    /// The records of a folder. Damaged ones are none: files are hashed again.
    pub(super) fn read(folder: &Path) -> Self {
        let bytes = fs::read(folder.join(RECORDS)).unwrap_or_default();
        serde_json::from_slice(&bytes).unwrap_or_default()
    }

    /// How a file stands in `folder`.
    pub(super) fn standing(&self, folder: &Path, file: &RemoteFile) -> Standing {
        match fs::metadata(folder.join(&file.name)) {
            Ok(found) if found.len() != file.size => Standing::Differs,
            Ok(found) if self.says(file, &found) == Some(true) => Standing::Present,
            Ok(found) if self.says(file, &found) == Some(false) => Standing::Differs,
            Ok(_) => Standing::Unchecked,
            Err(_) => match fs::metadata(folder.join(format!("{}{}", file.name, part::ending(&file.sha256)))) {
                Ok(part) if part.len() <= file.size => Standing::Partial(part.len()),
                _ => Standing::Missing,
            },
        }
    }

    /// Whether what was found is the listed file; `None` if nothing is known of it.
    fn says(&self, file: &RemoteFile, found: &fs::Metadata) -> Option<bool> {
        let record = self.0.get(&file.name)?;
        let is_of_it = record.size == found.len() && modified(found) == Some(record.modified);
        is_of_it.then(|| record.sha256 == file.sha256)
    }
}

fn modified(found: &fs::Metadata) -> Option<u64> {
    let since = found.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    u64::try_from(since.as_nanos()).ok()
}

/// A folder that this run has for itself.
#[derive(Debug)]
pub(super) struct Folder {
    root: PathBuf,
    hold: Hold,
    records: Mutex<Records>,
}

impl Folder {
    /// Opens a folder, and makes it if it is missing.
    ///
    /// # Errors
    /// [`ClientError::Busy`] while another run is at work there.
    pub(super) fn open(root: &Path) -> Result<Self, ClientError> {
        fs::create_dir_all(root).map_err(ClientError::io(root))?;
        let path = root.join(LOCK);
        let opened = OpenOptions::new().write(true).create(true).truncate(false).open(&path);
        let lock = opened.map_err(ClientError::io(&path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(ClientError::Busy(root.to_owned())),
            // Some network file systems have no locks; a run alone is right there all the same.
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {}
            Err(TryLockError::Error(error)) => return Err(ClientError::io(&path)(error)),
        }
        let records = Mutex::new(Records::read(root));
        Ok(Self { root: root.to_owned(), hold: Arc::new(lock), records })
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Where a file of this name lies.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// The part of a file, with what is there of it.
    pub(super) fn part(&self, file: &RemoteFile, watch: &mut Watch<'_>) -> Result<Part, ClientError> {
        let path = self.path(&format!("{}{}", file.name, part::ending(&file.sha256)));
        Part::open(path, file.size, Arc::clone(&self.hold), watch)
    }

    /// Whether the very file is here. Another one in its place is put aside; answers what it is called then.
    ///
    /// # Errors
    /// It cannot be read or put aside, or it was told to stop.
    pub(super) fn look_for(&self, file: &RemoteFile, watch: &mut Watch<'_>) -> Result<Found, ClientError> {
        let path = self.path(&file.name);
        let found = match fs::metadata(&path) {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
            Err(error) => return Err(ClientError::io(&path)(error)),
        };
        if !found.is_file() {
            return Err(ClientError::io(&path)(io::Error::other("it is there and no ordinary file")));
        }
        if found.len() == file.size {
            let said = self.records().says(file, &found);
            if said == Some(true) {
                (watch.counted)(file.size);
                return Ok(Found::Whole);
            }
            if said.is_none() && part::hash(&path, watch)? == file.sha256 {
                self.record(file)?;
                return Ok(Found::Whole);
            }
        }
        let aside = self.free_name(&file.name);
        fs::rename(&path, self.path(&aside)).map_err(ClientError::io(&path))?;
        Ok(Found::Another(aside))
    }

    /// `NAME.differs`, or with a number behind it where that is taken.
    fn free_name(&self, name: &str) -> String {
        let names = (1_u64..).map(|number| match number {
            1 => format!("{name}.differs"),
            _ => format!("{name}.differs.{number}"),
        });
        let mut free = names.skip_while(|name| fs::symlink_metadata(self.path(name)).is_ok());
        free.next().unwrap_or_default()
    }

    /// Makes a part the file it was to be, if its hash is right; otherwise answers the hash it has.
    ///
    /// # Errors
    /// It cannot be kept.
    pub(super) fn keep(&self, part: Part, file: &RemoteFile) -> Result<Result<(), String>, ClientError> {
        let path = self.path(&file.name);
        if fs::symlink_metadata(&path).is_ok() {
            // Somebody put it there meanwhile.
            fs::rename(&path, self.path(&self.free_name(&file.name))).map_err(ClientError::io(&path))?;
        }
        let outcome = part.finish(&file.sha256, &path)?;
        if outcome.is_ok() {
            self.record(file)?;
            self.remove_parts_of(&file.name);
        }
        Ok(outcome)
    }

    /// Removes parts of contents that the file had earlier.
    fn remove_parts_of(&self, name: &str) {
        for entry in fs::read_dir(&self.root).into_iter().flatten().flatten() {
            let found = entry.file_name();
            let rest = found.to_str().and_then(|found| found.strip_prefix(name)).unwrap_or_default();
            let mark = rest.strip_prefix('.').and_then(|rest| rest.strip_suffix(".part")).unwrap_or_default();
            if mark.len() == 16 && mark.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                // They only take room; whoever wants it back removes them.
                let _ = fs::remove_file(entry.path());
            }
        }
    }

    /// Writes down that a file is whole.
    fn record(&self, file: &RemoteFile) -> Result<(), ClientError> {
        let path = self.path(&file.name);
        let found = fs::metadata(&path).map_err(ClientError::io(&path))?;
        let mut records = self.records();
        // A time that cannot be written down matches nothing, so the file is hashed at each run.
        let modified = modified(&found).unwrap_or_default();
        let unpacked = records.0.get(&file.name).and_then(|record| record.unpacked.clone());
        let record = Record { sha256: file.sha256.clone(), size: file.size, modified, unpacked };
        records.0.insert(file.name.clone(), record);
        self.write(&records)
    }

    /// Whether the archive was unpacked, and what it was unpacked into is still there.
    pub(super) fn is_unpacked(&self, file: &RemoteFile, slug: &str) -> bool {
        let records = self.records();
        let unpacked = records.0.get(&file.name).and_then(|record| record.unpacked.as_ref());
        unpacked == Some(&file.sha256) && self.path(slug).is_dir()
    }

    /// Writes down that an archive was unpacked.
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

/// What lies in a file's place.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// The very file.
    Whole,
    /// Nothing.
    Nothing,
    /// Nothing any more: another one was there, and is called so now.
    Another(String),
}
