//! Unpacks a track's archive. Only regular files and folders under the track's own name are
//! written, whatever else the archive holds. Every function blocks.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use tar::{Archive, Entry, EntryType};

use super::ClientError;

/// Unpacks an archive whose entries are all under `slug/` into a folder. Files that exist and have
/// the right size are left as they are. Returns how many files were written; `None` if the
/// archive's first entry is elsewhere, and then nothing was written.
///
/// # Errors
/// [`ClientError::Archive`] at a link, a device, or a path outside `slug/`; what was unpacked
/// before it stays.
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
        let path = path_under(&entry.path_bytes(), slug);
        let Some(path) = path else {
            if written.is_none() && !leads_out(&entry.path_bytes()) {
                return Ok(None);
            }
            return Err(wrong(format!("its entry `{shown}` lies elsewhere than under {slug}/")));
        };
        let written = written.get_or_insert(0);
        let target = into.join(path);
        match entry.header().entry_type() {
            EntryType::Directory => fs::create_dir_all(&target).map_err(ClientError::io(&target))?,
            EntryType::Regular => {
                if write(&mut entry, &target, stop)? {
                    *written += 1;
                }
            }
            _ => return Err(wrong(format!("its entry `{shown}` is neither a file nor a folder"))),
        }
    }
    Ok(written)
}

/// An entry's path, if it is under `slug/` and has no `..` or the like.
fn path_under(path: &[u8], slug: &str) -> Option<PathBuf> {
    let path = Path::new(std::str::from_utf8(path).ok()?);
    let mut parts = path.components();
    let is_under = parts.next() == Some(Component::Normal(OsStr::new(slug)));
    let is_plain = parts.all(|part| matches!(part, Component::Normal(_)));
    (is_under && is_plain).then(|| path.to_owned())
}

/// Whether a path is absolute or contains `..`, which no honest archive has.
fn leads_out(path: &[u8]) -> bool {
    let path = String::from_utf8_lossy(path);
    Path::new(&*path).components().any(|part| !matches!(part, Component::Normal(_) | Component::CurDir))
}

/// Writes an entry's file unless it exists in the right size; returns whether it did.
fn write(entry: &mut Entry<'_, File>, target: &Path, stop: &dyn Fn() -> bool) -> Result<bool, ClientError> {
    match fs::symlink_metadata(target) {
        Ok(found) if found.is_file() && found.len() == entry.size() => return Ok(false),
        // A link is retargetd, not followed. A folder is not retargetd: this call fails on one.
        Ok(_) => fs::remove_file(target).map_err(ClientError::io(target))?,
        Err(_) => {
            let folder = target.parent().unwrap_or(target);
            fs::create_dir_all(folder).map_err(ClientError::io(folder))?;
        }
    }
    let opened = OpenOptions::new().write(true).create_new(true).open(target);
    let mut file = opened.map_err(ClientError::io(target))?;
    let size = entry.size();
    let mut written = 0;
    while written < size {
        if stop() {
            return Err(ClientError::Stopped);
        }
        let count = io::copy(&mut entry.by_ref().take(8 << 20), &mut file).map_err(ClientError::io(target))?;
        if count == 0 {
            return Err(ClientError::io(target)(io::ErrorKind::UnexpectedEof.into()));
        }
        written += count;
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use tar::{Builder, Header};

    use super::*;

    /// An archive of these entries, however wrong: path, kind, and content or a link's target.
    fn packed(entries: &[(&str, EntryType, &str)]) -> Vec<u8> {
        let mut archive = Builder::new(Vec::new());
        for (path, kind, content) in entries {
            let mut header = Header::new_gnu();
            let is_link = kind.is_symlink() || kind.is_hard_link();
            header.set_entry_type(*kind);
            header.set_size(if is_link { 0 } else { content.len() as u64 });
            // `set_path` would refuse the paths tried here.
            header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
            if is_link {
                header.as_old_mut().linkname[..content.len()].copy_from_slice(content.as_bytes());
            }
            header.set_cksum();
            archive.append(&header, if is_link { &[] } else { content.as_bytes() }).expect("appended");
        }
        archive.into_inner().expect("an archive")
    }

    /// Unpacks into `home/into`; the archive is beside it.
    fn unpacked(home: &Path, archive: &[u8]) -> Result<Option<u64>, ClientError> {
        let path = home.join("x.tar");
        fs::write(&path, archive).expect("written");
        fs::create_dir_all(home.join("into")).expect("made");
        unpack(&path, &home.join("into"), "cifar10", &|| false)
    }

    const FILE: EntryType = EntryType::Regular;
    const FIRST: (&str, EntryType, &str) = ("cifar10/inf/train/model_0/model.onnx", FILE, "network");

    #[test]
    fn plain_files_come_out_once_and_what_has_the_right_size_is_left() {
        let home = tempfile::tempdir().expect("a folder");
        let archive = packed(&[("cifar10/", EntryType::Directory, ""), FIRST, ("cifar10/empty", FILE, "")]);
        assert_eq!(unpacked(home.path(), &archive).expect("unpacked"), Some(2));
        let model = home.path().join("into").join(FIRST.0);
        assert_eq!(fs::read_to_string(&model).expect("there"), "network");
        fs::write(&model, "NETWORK").expect("written");
        assert_eq!(unpacked(home.path(), &archive).expect("unpacked"), Some(0));
        assert_eq!(fs::read_to_string(&model).expect("there"), "NETWORK");
        fs::write(&model, "net").expect("written");
        assert_eq!(unpacked(home.path(), &archive).expect("unpacked"), Some(1), "one that broke off is written anew");
        assert_eq!(fs::read_to_string(&model).expect("there"), "network");
    }

    #[test]
    fn links_devices_and_ways_out_are_refused() {
        for evil in [
            ("cifar10/link", EntryType::Symlink, "/etc"),
            ("cifar10/link", EntryType::Link, "/etc/passwd"),
            ("cifar10/device", EntryType::Char, ""),
            ("cifar10/pipe", EntryType::Fifo, ""),
            ("cifar10/../../evil", FILE, "x"),
            ("../evil", FILE, "x"),
            ("/tmp/evil", FILE, "x"),
            ("other/evil", FILE, "x"),
        ] {
            let home = tempfile::tempdir().expect("a folder");
            let error = unpacked(home.path(), &packed(&[FIRST, evil, ("cifar10/later", FILE, "x")])).expect_err(evil.0);
            assert!(matches!(error, ClientError::Archive { .. }), "{error}");
            let names = |folder: &Path| fs::read_dir(folder).expect("a folder").count();
            let into = home.path().join("into");
            assert_eq!((names(home.path()), names(&into), names(&into.join("cifar10"))), (2, 1, 1), "{}", evil.0);
        }
        for evil in ["../evil", "/tmp/evil", "cifar10/../../evil"] {
            let home = tempfile::tempdir().expect("a folder");
            assert!(unpacked(home.path(), &packed(&[(evil, FILE, "x")])).is_err(), "{evil}, as the first entry");
        }
    }

    #[test]
    fn nothing_is_written_through_a_link_that_lies_in_the_place() {
        let home = tempfile::tempdir().expect("a folder");
        let outside = home.path().join("outside");
        fs::write(&outside, "mine").expect("written");
        let place = home.path().join("into").join(FIRST.0);
        fs::create_dir_all(place.parent().expect("a folder")).expect("made");
        std::os::unix::fs::symlink(&outside, &place).expect("a link");
        assert_eq!(unpacked(home.path(), &packed(&[FIRST])).expect("unpacked"), Some(1));
        assert_eq!(fs::read_to_string(&outside).expect("there"), "mine");
        assert_eq!(fs::read_to_string(&place).expect("there"), "network");
    }

    #[test]
    fn other_archives_stay_packed_and_broken_ones_are_named() {
        let home = tempfile::tempdir().expect("a folder");
        assert_eq!(unpacked(home.path(), &packed(&[("other/x", FILE, "x")])).expect("left"), None);
        assert_eq!(unpacked(home.path(), &[0; 1024]).expect("left"), None);
        assert!(unpacked(home.path(), &[7; 5000]).is_err());
        let archive = packed(&[FIRST, ("cifar10/long", FILE, &"x".repeat(5000))]);
        let error = unpacked(home.path(), &archive[..3000]).expect_err("broken off");
        assert!(!matches!(error, ClientError::Stopped), "{error}");
    }
}
