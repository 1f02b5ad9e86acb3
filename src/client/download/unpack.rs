//! Takes a track's archive apart. Only plain files and folders under the track's own name come out of it, whatever else
//! it holds. All of it blocks.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use tar::{Archive, Entry, EntryType};

use super::ClientError;

/// Unpacks an archive whose entries all lie under `slug/` into a folder. Files that are there in the right size are left.
/// Answers how many files were written; `None`, and nothing done, if the archive begins with something else.
///
/// # Errors
/// [`ClientError::Archive`] at a link, a device, or a path that leads elsewhere; what came before it stays.
pub(super) fn unpack(
    archive: &Path,
    into: &Path,
    slug: &str,
    stop: &dyn Fn() -> bool,
) -> Result<Option<u64>, ClientError> {
    let wrong = |problem: String| ClientError::Archive { path: archive.to_owned(), problem };
    let unreadable = |error: io::Error| wrong(format!("it is no whole tar archive ({error})"));
    let file = File::open(archive).map_err(ClientError::io(archive))?;
    let mut written = None;
    for entry in Archive::new(file).entries_with_seek().map_err(unreadable)? {
        if stop() {
            return Err(ClientError::Stopped);
        }
        let mut entry = entry.map_err(unreadable)?;
        if entry.header().entry_type() == EntryType::XGlobalHeader {
            continue;
        }
        let shown = String::from_utf8_lossy(&entry.path_bytes()).escape_default().to_string();
        let place = place_of(&entry.path_bytes(), slug);
        let Some(place) = place else {
            if written.is_none() {
                return Ok(None);
            }
            return Err(wrong(format!("its entry `{shown}` lies elsewhere than under {slug}/")));
        };
        let written = written.get_or_insert(0);
        let place = into.join(place);
        match entry.header().entry_type() {
            EntryType::Directory => fs::create_dir_all(&place).map_err(ClientError::io(&place))?,
            EntryType::Regular => {
                if write(&mut entry, &place, stop)? {
                    *written += 1;
                }
            }
            _ => return Err(wrong(format!("its entry `{shown}` is neither a file nor a folder"))),
        }
    }
    Ok(written)
}

/// The entry's path, if it is a plain one under `slug/`.
fn place_of(path: &[u8], slug: &str) -> Option<PathBuf> {
    let path = Path::new(std::str::from_utf8(path).ok()?);
    let mut parts = path.components();
    let is_under = parts.next() == Some(Component::Normal(OsStr::new(slug)));
    let is_plain = parts.all(|part| matches!(part, Component::Normal(_)));
    (is_under && is_plain).then(|| path.to_owned())
}

/// Writes an entry's file unless it is there; answers whether it did.
fn write(entry: &mut Entry<'_, File>, place: &Path, stop: &dyn Fn() -> bool) -> Result<bool, ClientError> {
    match fs::symlink_metadata(place) {
        Ok(found) if found.is_file() && found.len() == entry.size() => return Ok(false),
        // Nothing is written through a link, and a folder is not replaced: this fails on one.
        Ok(_) => fs::remove_file(place).map_err(ClientError::io(place))?,
        Err(_) => {
            let folder = place.parent().unwrap_or(place);
            fs::create_dir_all(folder).map_err(ClientError::io(folder))?;
        }
    }
    let opened = OpenOptions::new().write(true).create_new(true).open(place);
    let mut file = opened.map_err(ClientError::io(place))?;
    let size = entry.size();
    let mut written = 0;
    while written < size {
        if stop() {
            return Err(ClientError::Stopped);
        }
        let count = io::copy(&mut entry.by_ref().take(8 << 20), &mut file).map_err(ClientError::io(place))?;
        if count == 0 {
            return Err(ClientError::io(place)(io::ErrorKind::UnexpectedEof.into()));
        }
        written += count;
    }
    Ok(true)
}
