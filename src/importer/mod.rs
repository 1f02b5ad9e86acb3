//! Import of a competition's files: read, plan, apply.
//!
//! [`mico_directory`] reads a track directory in MICO's layout, [`settings`] its `track.yaml`, [`plan`] says what
//! an import would change, and [`apply`] does it in one transaction. Doing it twice changes nothing.

pub mod apply;
pub mod mico_directory;
pub mod plan;
pub mod settings;

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::store::StoreError;
use npz::NpzError;

/// Why something cannot be imported; the text is for the organiser.
#[derive(Debug, Error)]
pub enum ImportError {
    /// A file or folder cannot be read.
    #[error("cannot read {}", .0.display())]
    Unreadable(PathBuf, #[source] io::Error),
    /// The folder does not look like a track directory.
    #[error("{} is no track directory: {}", .0.display(), .1)]
    NotATrack(PathBuf, String),
    /// A solution is missing or wrong.
    #[error("{0}")]
    Solution(String),
    /// A file of challenge points cannot be read.
    #[error("cannot read the challenge points in {}", .0.display())]
    Challenge(PathBuf, #[source] NpzError),
    /// `track.yaml` cannot be used.
    #[error("track.yaml: {0}")]
    Settings(String),
    /// The import would change what entries were scored against.
    #[error("{0}")]
    Refused(String),
    /// The database cannot do its part.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for ImportError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}
