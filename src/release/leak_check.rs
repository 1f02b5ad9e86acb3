//! Finds hidden files under other names: a link to one, a copy of one, an archive of arrays with
//! the solution in it.
//!
//! The allow-list of names decides what is released; this checks again what it allows.

use std::cell::RefCell;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use scoring::{Membership, Split};
use sha2::Digest;

use super::ReleaseError;
use crate::domain::release::{self, TrackKind};
use crate::domain::sha256::Sha256;
use npz::NpzReader;

/// Hidden files larger than this, in bytes, are compared only by device and inode, not by content.
const MOST_COMPARED: u64 = 256 << 20;
/// How many levels of folders are searched below a path.
const DEPTH: usize = 8;
/// Solutions of fewer points are not searched for, as other arrays could be equal to them by
/// chance.
const FEWEST_POINTS: usize = 16;

/// The files that must not be released.
#[derive(Debug, Default)]
pub(super) struct HiddenFiles {
    /// Device and inode of each.
    identities: BTreeSet<(u64, u64)>,
    by_size: BTreeMap<u64, Vec<PathBuf>>,
    /// The hidden files of a size by the SHA-256 of their content, computed when first needed.
    hashed: RefCell<BTreeMap<u64, HashMap<Sha256, PathBuf>>>,
}

impl HiddenFiles {
    /// Adds a hidden file, or the files in a folder that is not released. Files with a name on the
    /// allow-list are not added, because a copy of a model is no secret. Links to folders are not
    /// followed.
    pub(super) fn add(&mut self, path: &Path) -> Result<(), ReleaseError> {
        self.add_within(path, DEPTH)
    }

    fn add_within(&mut self, path: &Path, depth: usize) -> Result<(), ReleaseError> {
        let unreadable = |error| ReleaseError::Unreadable(path.to_owned(), error);
        let found = match fs::metadata(path) {
            Ok(found) => found,
            // A broken link.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(unreadable(error)),
        };
        let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
        let is_public = release::may_leave(TrackKind::Membership, Split::Dev, &name) || release::may_leave_root(&name);
        if found.is_file() && found.len() > 0 && !is_public {
            self.identities.insert((found.dev(), found.ino()));
            if found.len() <= MOST_COMPARED {
                self.by_size.entry(found.len()).or_default().push(path.to_owned());
            }
        } else if depth > 0 && fs::symlink_metadata(path).is_ok_and(|found| found.is_dir()) {
            for entry in fs::read_dir(path).map_err(unreadable)? {
                self.add_within(&entry.map_err(unreadable)?.path(), depth - 1)?;
            }
        }
        Ok(())
    }

    /// Whether this very file, by device and inode, is hidden.
    pub(super) fn contains(&self, found: &fs::Metadata) -> bool {
        self.identities.contains(&(found.dev(), found.ino()))
    }

    /// Whether a path leads to a hidden file: it is the same file, or a link whose target has a
    /// hidden file's name.
    pub(super) fn is_reached_by(&self, path: &Path, found: &fs::Metadata) -> Result<bool, ReleaseError> {
        if self.contains(found) {
            return Ok(true);
        }
        let is_link = fs::symlink_metadata(path).is_ok_and(|link| link.is_symlink());
        if !is_link {
            return Ok(false);
        }
        let target = path.canonicalize().map_err(|error| ReleaseError::Unreadable(path.to_owned(), error))?;
        Ok(target.file_name().is_none_or(|name| sounds_hidden(&name.to_string_lossy())))
    }

    /// The hidden file with the same content, if there is one.
    pub(super) fn copied_from(&self, path: &Path, size: u64) -> Result<Option<PathBuf>, ReleaseError> {
        let Some(hidden) = self.by_size.get(&size) else { return Ok(None) };
        let mut hashed = self.hashed.borrow_mut();
        if let Entry::Vacant(missing) = hashed.entry(size) {
            let all = hidden.iter().map(|path| Ok((digest(path)?, path.clone())));
            missing.insert(all.collect::<Result<_, ReleaseError>>()?);
        }
        let ours = digest(path)?;
        Ok(hashed.get(&size).and_then(|hidden| hidden.get(&ours)).cloned())
    }
}

/// Whether a name looks like that of a file that tells members from non-members, in upper or lower
/// case.
pub(super) fn sounds_hidden(name: &str) -> bool {
    let name = name.to_lowercase();
    ["solution", "membership", "train_idx", "seed_training", "recipe"].iter().any(|word| name.contains(word))
}

fn digest(path: &Path) -> Result<Sha256, ReleaseError> {
    let mut hash = sha2::Sha256::new();
    let mut buffer = vec![0; 1 << 18];
    let hashed = File::open(path).and_then(|mut file| {
        loop {
            match file.read(&mut buffer)? {
                0 => return Ok(()),
                read => hash.update(&buffer[..read]),
            }
        }
    });
    hashed.map_err(|error| ReleaseError::Unreadable(path.to_owned(), error))?;
    Ok(hash.into())
}

/// Checks an archive of arrays: it must contain nothing else, and no array may be the solution or
/// its opposite. `solution` is the truth of each of the model's challenge points, in order.
pub(super) fn check_arrays(path: &Path, solution: Option<&[Membership]>) -> Result<(), ReleaseError> {
    let unreadable = |error| ReleaseError::Arrays(path.to_owned(), error);
    let mut arrays = NpzReader::open(path).map_err(unreadable)?;
    if let Some(other) = arrays.others().into_iter().next() {
        let problem = format!("it holds `{}`, which is no array", other.escape_default());
        return Err(ReleaseError::Hidden(path.to_owned(), problem));
    }
    let Some(solution) = solution.filter(|solution| solution.len() >= FEWEST_POINTS) else { return Ok(()) };
    let truth: Vec<f32> = solution.iter().map(|one| f32::from(u8::from(*one == Membership::Member))).collect();
    for name in arrays.names() {
        let array = arrays.get(&name).map_err(unreadable)?;
        if array.shape().iter().product::<u64>() != truth.len() as u64 {
            continue;
        }
        // An array that is not numeric cannot be a list of zeros and ones.
        let Ok(values) = array.floats() else { continue };
        let is_truth = values.iter().zip(&truth).all(|(value, truth)| value == truth);
        let is_opposite = values.iter().zip(&truth).all(|(value, truth)| *value == 1.0 - truth);
        if is_truth || is_opposite {
            let problem = format!("its array `{name}` tells which points are members");
            return Err(ReleaseError::Hidden(path.to_owned(), problem));
        }
    }
    Ok(())
}
