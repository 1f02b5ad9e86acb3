//! Archives that the organiser already has, released byte for byte. Their entries are checked
//! first, as a hidden file in one of them would give the solution away.

use std::borrow::Cow;
use std::fs::{self, File};
use std::io::{BufReader, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use scoring::Split;
use tar::EntryType;

use super::ReleaseError;
use super::inventory::{self, Content, Item, Planned, Source};
use crate::domain::release::{self, TrackKind};

/// Names of files that describe an archive.
const ABOUT: [&str; 5] = ["README", "README.md", "README.txt", "LICENSE", "LICENSE.txt"];
/// The most entries that an error names.
const MOST_NAMED: usize = 5;

/// Plans to release an archive unchanged.
///
/// # Errors
/// It cannot be read, or an entry is not on the list of files that participants may have.
pub(super) fn archive(path: &Path, kind: TrackKind) -> Result<Planned, ReleaseError> {
    let unreadable = |error| ReleaseError::Unreadable(path.to_owned(), error);
    let found = fs::metadata(path).map_err(unreadable)?;
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let unlisted = unlisted(path, &name.to_lowercase(), kind)?;
    if !unlisted.is_empty() {
        let named: Vec<&str> = unlisted.iter().take(MOST_NAMED).map(String::as_str).collect();
        let more = unlisted.len() - named.len();
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let problem = format!("in it are files that participants are not given: {}{more}", named.join(", "));
        return Err(ReleaseError::Hidden(path.to_owned(), problem));
    }
    let source = Source::File(path.canonicalize().map_err(unreadable)?, inventory::modified(&found, path)?);
    let item = Item { path: name.clone(), source, size: found.len() };
    Ok(Planned { name: name.parse()?, scenario: None, split: None, content: Content::Verbatim(item), is_bundle: false })
}

/// The entries that are not on the list of files that participants may have.
fn unlisted(path: &Path, name: &str, kind: TrackKind) -> Result<Vec<String>, ReleaseError> {
    let unreadable = |error| ReleaseError::Unreadable(path.to_owned(), error);
    let file = BufReader::new(File::open(path).map_err(unreadable)?);
    if name.ends_with(".zip") {
        let archive = zip::ZipArchive::new(file).map_err(|error| unreadable(error.into()))?;
        // A name that is not text is not on the list.
        let names = archive.file_names().map(|name| name.map_or_else(|_| "?".to_owned(), Cow::into_owned));
        Ok(names.filter(|name| !name.ends_with('/') && !may_leave(name, kind)).collect())
    } else if name.ends_with(".tar") {
        unlisted_in_tar(file, kind).map_err(unreadable)
    } else if name.ends_with(".tar.gz") || name.ends_with(".tgz") {
        unlisted_in_tar(MultiGzDecoder::new(file), kind).map_err(unreadable)
    } else {
        let problem = "it is neither .zip, .tar nor .tar.gz, so nobody can look into it".to_owned();
        Err(ReleaseError::Hidden(path.to_owned(), problem))
    }
}

fn unlisted_in_tar(reader: impl Read, kind: TrackKind) -> std::io::Result<Vec<String>> {
    let mut unlisted = Vec::new();
    for entry in tar::Archive::new(reader).entries()? {
        let entry = entry?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let is_fine = match entry.header().entry_type() {
            EntryType::Directory | EntryType::XGlobalHeader => true,
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => may_leave(&name, kind),
            // A link's content cannot be checked here.
            _ => false,
        };
        if !is_fine {
            unlisted.push(name);
        }
    }
    Ok(unlisted)
}

/// Whether participants may have the entry of this path: `…/split/model/file` with a file that is
/// on the list for that split, or, outside of any split, a file of the pool or one that describes
/// the archive.
fn may_leave(path: &str, kind: TrackKind) -> bool {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    let Some((file, folders)) = parts.split_last() else { return false };
    let splits: Vec<(usize, Split)> = folders
        .iter()
        .enumerate()
        .filter_map(|(place, part)| {
            Split::ALL.into_iter().find(|split| split.as_str() == *part).map(|one| (place, one))
        })
        .collect();
    match splits.as_slice() {
        [] => release::may_leave_root(file) || ABOUT.contains(file),
        // A split and a model: no file may be deeper, and none beside the models.
        [(place, split)] => *place + 2 == folders.len() && release::may_leave(kind, *split, file),
        // In `train/train` it is not clear which one is the split.
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_known_by_their_ends() {
        let kind = TrackKind::Membership;
        for good in [
            "cifar10/cifar10_inf/train/model_0/solution.csv",
            "cifar10_inf/dev/model_100/model.pt",
            "./data.npz",
            "cifar10/README.md",
        ] {
            assert!(may_leave(good, kind), "{good}");
        }
        for bad in [
            "cifar10/cifar10_inf/dev/model_100/solution.csv",
            "cifar10_inf/final/model_150/seed_membership",
            "cifar10_inf/dev/model_100/old/model.pt",
            "cifar10_inf/dev/model.pt",
            "train/dev/model_1/solution.csv",
            "dev/train/model_1/solution.csv",
            "solution.csv",
            "",
        ] {
            assert!(!may_leave(bad, kind), "{bad}");
        }
        assert!(!may_leave("a/dev/model_1/seed_training", kind));
        assert!(may_leave("a/dev/model_1/seed_training", TrackKind::DpDistinguisher));
    }
}
