//! Hidden files under other names: a link to one, a copy of one, an archive of arrays with the solution in it.
//!
//! The allow-list of names decides what leaves; this looks again at what it lets through.

use std::cell::RefCell;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use scoring::{Membership, Split};
use sha2::{Digest, Sha256};

use super::ReleaseError;
use crate::domain::release::{self, TrackKind};
use npz::NpzReader;

/// Hidden files larger than this are compared by what they are, not by what is in them.
const MOST_COMPARED: u64 = 256 << 20;
/// Folders within a model's folder are looked through so deep.
const DEPTH: usize = 8;
/// Solutions of fewer points are not looked for: a class or a row number may be the same by chance.
const FEWEST_POINTS: usize = 16;

/// The files that must not leave.
#[derive(Debug, Default)]
pub(super) struct Guard {
    /// Device and inode.
    identities: BTreeSet<(u64, u64)>,
    by_size: BTreeMap<u64, Vec<PathBuf>>,
    /// The hidden files of a size by the hash of their bytes, once somebody asked.
    hashed: RefCell<BTreeMap<u64, HashMap<[u8; 32], PathBuf>>>,
}

impl Guard {
    /// Adds a hidden file, or what lies in a folder that nothing says may leave: not what has the name of a file that
    /// may, because a copy of a model is no secret. Links to other folders are not followed.
    pub(super) fn add(&mut self, path: &Path) -> Result<(), ReleaseError> {
        self.add_within(path, DEPTH)
    }

    fn add_within(&mut self, path: &Path, depth: usize) -> Result<(), ReleaseError> {
        let unreadable = |error| ReleaseError::Unreadable(path.to_owned(), error);
        let found = match fs::metadata(path) {
            Ok(found) => found,
            // A link to nowhere.
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

    /// Whether this very file is hidden.
    pub(super) fn is_same(&self, found: &fs::Metadata) -> bool {
        self.identities.contains(&(found.dev(), found.ino()))
    }

    /// Whether this is a hidden file by another way to it: the same file, or a link that goes by a hidden name.
    pub(super) fn is_one(&self, path: &Path, found: &fs::Metadata) -> Result<bool, ReleaseError> {
        if self.is_same(found) {
            return Ok(true);
        }
        let is_link = fs::symlink_metadata(path).is_ok_and(|link| link.is_symlink());
        if !is_link {
            return Ok(false);
        }
        let target = path.canonicalize().map_err(|error| ReleaseError::Unreadable(path.to_owned(), error))?;
        Ok(target.file_name().is_none_or(|name| sounds_hidden(&name.to_string_lossy())))
    }

    /// The hidden file with the same bytes, if there is one.
    pub(super) fn copied_from(&self, path: &Path, size: u64) -> Result<Option<PathBuf>, ReleaseError> {
        let Some(hidden) = self.by_size.get(&size) else { return Ok(None) };
        let mut hashed = self.hashed.borrow_mut();
        if let Entry::Vacant(unasked) = hashed.entry(size) {
            let all = hidden.iter().map(|path| Ok((digest(path)?, path.clone())));
            unasked.insert(all.collect::<Result<_, ReleaseError>>()?);
        }
        let ours = digest(path)?;
        Ok(hashed.get(&size).and_then(|hidden| hidden.get(&ours)).cloned())
    }
}

/// Whether a name is, in any spelling, that of a file that tells members from others.
pub(super) fn sounds_hidden(name: &str) -> bool {
    let name = name.to_lowercase();
    ["solution", "membership", "train_idx", "seed_training", "recipe"].iter().any(|word| name.contains(word))
}

fn digest(path: &Path) -> Result<[u8; 32], ReleaseError> {
    let mut hash = Sha256::new();
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
    Ok(hash.finalize().into())
}

/// Looks into an archive of arrays: it must hold nothing else, and none of them may be the solution, or its opposite.
pub(super) fn look_into_arrays(path: &Path, solution: Option<&[Membership]>) -> Result<(), ReleaseError> {
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
        // What is no number is no list of zeros and ones either.
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
