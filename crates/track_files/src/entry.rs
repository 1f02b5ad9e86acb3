//! What lies in a folder, by name.

use std::fs::{self, DirEntry, FileType};
use std::io;
use std::path::{Path, PathBuf};

use super::DirectoryError;

/// Something in a folder.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its name; what is not UTF-8 in it became U+FFFD, which no name of the layout has.
    pub name: String,
    /// Its path.
    pub path: PathBuf,
    file_type: FileType,
}

/// What an entry is, behind its link if it is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A folder.
    Folder,
    /// A file, or what else is not a folder.
    File,
    /// A link to nothing, or to itself.
    DanglingLink,
}

impl Entry {
    fn new(entry: &DirEntry) -> io::Result<Self> {
        let name = entry.file_name().to_string_lossy().into_owned();
        Ok(Self { name, path: entry.path(), file_type: entry.file_type()? })
    }

    /// What it is. Only a link costs a question to the system.
    ///
    /// # Errors
    /// It is a link, and may not be followed.
    pub fn kind(&self) -> Result<Kind, DirectoryError> {
        if !self.file_type.is_symlink() {
            return Ok(if self.file_type.is_dir() { Kind::Folder } else { Kind::File });
        }
        match fs::metadata(&self.path) {
            Ok(found) if found.is_dir() => Ok(Kind::Folder),
            Ok(_) => Ok(Kind::File),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                Err(DirectoryError::Unreadable(self.path.clone(), error))
            }
            Err(_) => Ok(Kind::DanglingLink),
        }
    }

    /// Whether its name begins with a dot: such are no part of any layout.
    pub fn is_hidden(&self) -> bool {
        self.name.starts_with('.')
    }

    /// Whether it is a folder without following a link.
    pub(crate) fn is_real_folder(&self) -> bool {
        self.file_type.is_dir()
    }

    /// Its name as that of a scenario or model, which is part of paths in archives.
    pub(crate) fn plain_name(&self) -> Result<String, DirectoryError> {
        let plain = self.path.file_name().and_then(|name| name.to_str());
        plain.map(str::to_owned).ok_or_else(|| DirectoryError::Name(self.path.clone()))
    }
}

/// What lies in `folder`, sorted by name.
///
/// # Errors
/// The folder cannot be read.
pub fn entries(folder: &Path) -> Result<Vec<Entry>, DirectoryError> {
    let mut entries = unsorted(folder)?.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(entries)
}

/// The same as the system lists it, one by one.
pub(crate) fn unsorted(folder: &Path) -> Result<impl Iterator<Item = Result<Entry, DirectoryError>>, DirectoryError> {
    let unreadable = |error| DirectoryError::Unreadable(folder.to_owned(), error);
    let entries = fs::read_dir(folder).map_err(unreadable)?;
    Ok(entries.map(move |entry| entry.and_then(|entry| Entry::new(&entry)).map_err(unreadable)))
}
