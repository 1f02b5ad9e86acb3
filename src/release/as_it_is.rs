//! Archives that the organiser has already, hosted byte for byte. They are looked into first: a hidden file in one of
//! them would end the competition as surely as anywhere else.

use std::borrow::Cow;
use std::fs::{self, File};
use std::io::{BufReader, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use scoring::Split;
use tar::EntryType;

use super::ReleaseError;
use super::survey::{self, Content, Item, Planned, Source};
use crate::domain::release::{self, TrackKind};

/// Names of a package that says what it is.
const ABOUT: [&str; 5] = ["README", "README.md", "README.txt", "LICENSE", "LICENSE.txt"];
/// Entries named in an error.
const MOST_NAMED: usize = 5;

/// An archive as it is, if nothing hidden is in it.
pub(super) fn archive(path: &Path, kind: TrackKind) -> Result<Planned, ReleaseError> {
    let unreadable = |error| ReleaseError::Unreadable(path.to_owned(), error);
    let found = fs::metadata(path).map_err(unreadable)?;
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let strangers = strangers(path, &name.to_lowercase(), kind)?;
    if !strangers.is_empty() {
        let named: Vec<&str> = strangers.iter().take(MOST_NAMED).map(String::as_str).collect();
        let more = strangers.len() - named.len();
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let problem = format!("in it are files that participants are not given: {}{more}", named.join(", "));
        return Err(ReleaseError::Hidden(path.to_owned(), problem));
    }
    let source = Source::File(path.canonicalize().map_err(unreadable)?, survey::modified(&found, path)?);
    let item = Item { path: name.clone(), source, size: found.len() };
    Ok(Planned { name: name.parse()?, scenario: None, split: None, content: Content::AsItIs(item), is_whole: false })
}

/// The entries that are not on the list of what may leave.
fn strangers(path: &Path, name: &str, kind: TrackKind) -> Result<Vec<String>, ReleaseError> {
    let unreadable = |error| ReleaseError::Unreadable(path.to_owned(), error);
    let file = BufReader::new(File::open(path).map_err(unreadable)?);
    if name.ends_with(".zip") {
        let archive = zip::ZipArchive::new(file).map_err(|error| unreadable(error.into()))?;
        // A name that is no text is nothing we know.
        let names = archive.file_names().map(|name| name.map_or_else(|_| "?".to_owned(), Cow::into_owned));
        Ok(names.filter(|name| !name.ends_with('/') && !may_leave(name, kind)).collect())
    } else if name.ends_with(".tar") {
        strangers_in_tar(file, kind).map_err(unreadable)
    } else if name.ends_with(".tar.gz") || name.ends_with(".tgz") {
        strangers_in_tar(MultiGzDecoder::new(file), kind).map_err(unreadable)
    } else {
        let problem = "it is neither .zip, .tar nor .tar.gz, so nobody can look into it".to_owned();
        Err(ReleaseError::Hidden(path.to_owned(), problem))
    }
}

fn strangers_in_tar(reader: impl Read, kind: TrackKind) -> std::io::Result<Vec<String>> {
    let mut strangers = Vec::new();
    for entry in tar::Archive::new(reader).entries()? {
        let entry = entry?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let is_fine = match entry.header().entry_type() {
            EntryType::Directory | EntryType::XGlobalHeader => true,
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => may_leave(&name, kind),
            // A link may lead to what the archive does not show.
            _ => false,
        };
        if !is_fine {
            strangers.push(name);
        }
    }
    Ok(strangers)
}

/// Whether a path ends as one that participants are given: `…/split/model/file`, or a file of the pool, or a word about
/// the package, outside of any split.
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
        // A split and a model: no file lies deeper, and none beside the models.
        [(place, split)] => *place + 2 == folders.len() && release::may_leave(kind, *split, file),
        // `train/train`: who can say which of them is meant?
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
