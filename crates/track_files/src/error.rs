//! Why a directory cannot be read as a track; the text is for the organiser or participant who gave it.

use std::io;
use std::path::PathBuf;

use npz::NpzError;
use scoring::Split;
use thiserror::Error;

/// Why a directory cannot be read as a track.
#[derive(Debug, Error)]
pub enum DirectoryError {
    /// A file or folder cannot be read.
    #[error("cannot read {}", .0.display())]
    Unreadable(PathBuf, #[source] io::Error),
    /// The folder does not look like a track directory.
    #[error("{} is no track directory: {}", .0.display(), .1)]
    NotATrack(PathBuf, String),
    /// A split that is needed has no models.
    #[error("{}: there are no models in `{split}`: {why}", .folder.display())]
    NoModels {
        /// Where the split's folder is or should be.
        folder: PathBuf,
        /// Which split.
        split: Split,
        /// What was looked for, and what there is instead.
        why: String,
    },
    /// The folder of a scenario or model has a name that no archive takes.
    #[error("{}: the name of a scenario or model must be UTF-8", .0.display())]
    Name(PathBuf),
    /// `track.yaml` is no YAML, or says something that has no meaning.
    #[error("{}: {}", .0.display(), .1)]
    Setting(PathBuf, String),
    /// A solution is missing or wrong, or nothing tells how many values it must have.
    #[error("{0}")]
    Solution(String),
    /// A file of challenge points cannot be read.
    #[error("cannot read the challenge points in {}", .0.display())]
    Challenge(PathBuf, #[source] NpzError),
}
