//! Import of a competition's files: read, plan, apply.
//!
//! [`settings`] reads the `track.yaml` of a track directory, [`plan`] says what an import would change, and [`apply`]
//! does it in one transaction. Doing it twice changes nothing. The directory itself is read by `track_files`.

pub mod apply;
pub mod plan;
pub mod settings;

use std::io;
use std::path::PathBuf;

use thiserror::Error;
use track_files::DirectoryError;

use crate::store::StoreError;

/// Why something cannot be imported; the text is for the organiser.
#[derive(Debug, Error)]
pub enum ImportError {
    /// A file or folder cannot be read.
    #[error("cannot read {}", .0.display())]
    Unreadable(PathBuf, #[source] io::Error),
    /// The directory cannot be read as a track.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// `track.yaml` cannot be used.
    #[error("track.yaml: {0}")]
    Settings(String),
    /// The import would change something that may no longer change, such as a solution.
    #[error("{0}")]
    Refused(String),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for ImportError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}
