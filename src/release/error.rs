//! Why a release was not made; the text is for the organiser.

use std::io;
use std::path::PathBuf;

use thiserror::Error;
use track_files::DirectoryError;

use crate::domain::release::NotAFileName;
use crate::store::StoreError;
use npz::NpzError;

/// Why a release was not made.
#[derive(Debug, Error)]
pub enum ReleaseError {
    /// A file or folder cannot be read.
    #[error("cannot read {}", .0.display())]
    Unreadable(PathBuf, #[source] io::Error),
    /// The directory cannot be read as a track.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// There is no such track.
    #[error("there is no track {0}")]
    NoTrack(String),
    /// It is not recorded which directory the track was imported from.
    #[error("it is not known which directory {0} was imported from: give it with --from DIR")]
    NoSource(String),
    /// The directory holds another track.
    #[error("{}: its scenarios, models and challenge points are not those of {track}; import it first", .directory.display())]
    AnotherTrack {
        /// The directory.
        directory: PathBuf,
        /// The track.
        track: String,
    },
    /// No file of the directory may be given to participants.
    #[error("{}: none of its files is one that participants may have", .0.display())]
    Nothing(PathBuf),
    /// An array file cannot be read.
    #[error("cannot read the arrays of {}", .0.display())]
    Arrays(PathBuf, #[source] NpzError),
    /// A file that would be released contains what must stay hidden.
    #[error("{}: {}. Nothing was released", .0.display(), .1)]
    Hidden(PathBuf, String),
    /// A file changed while it was read.
    #[error("{} changed while it was packed: run it again once nobody writes there", .0.display())]
    Changed(PathBuf),
    /// A file's name cannot be used for participants.
    #[error(transparent)]
    Name(#[from] NotAFileName),
    /// Two files of the release would have the same name.
    #[error("two files would be called {0}")]
    TwoOfAName(String),
    /// Another run is making the same release.
    #[error("another run is making the release of {0}: wait for it")]
    Busy(String),
    /// The run was stopped.
    #[error("stopped; run it again, and it goes on where it was")]
    Stopped,
    /// The object storage failed, or a note on this machine cannot be written.
    #[error("cannot keep what was packed; run it again, and it goes on where it was")]
    Objects(#[source] io::Error),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ReleaseError {
    /// Whether the input was wrong, rather than the database or the object storage failing.
    pub fn is_input(&self) -> bool {
        !matches!(self, Self::Store(_) | Self::Objects(_) | Self::Stopped)
    }
}

impl From<sqlx::Error> for ReleaseError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}
