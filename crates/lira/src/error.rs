//! Why an attack could not be carried out.

use std::io;
use std::path::{Path, PathBuf};

use scoring::ShapeError;

use super::runtime::RuntimeError;
use mico_splits::{SeedFileError, SplitError};
use npz::NpzError;
use track_files::DirectoryError;

/// Why an attack could not be carried out.
#[derive(Debug, thiserror::Error)]
pub enum LiraError {
    /// A file or folder could not be read or written.
    #[error("cannot read or write {path}")]
    Io {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// An array file cannot be used.
    #[error("cannot use {path}")]
    Array {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: NpzError,
    },
    /// A seed file cannot be used.
    #[error(transparent)]
    Seed(#[from] SeedFileError),
    /// No split of the pool can be drawn from the seeds of a model.
    #[error("the seeds in {path} give no rows")]
    Split {
        /// The model's folder.
        path: PathBuf,
        /// Why.
        source: SplitError,
    },
    /// The folder cannot be read as a track.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// Names or counts that no track has.
    #[error("no submission can be made for this folder")]
    Shape(#[from] ShapeError),
    /// The content of a file contradicts another file or cannot be used.
    #[error("{}: {}", path.display(), problem)]
    Data {
        /// Which one.
        path: PathBuf,
        /// What is wrong and what to do.
        problem: String,
    },
    /// A model cannot be run, or its answers cannot be used.
    #[error("{}: {}", path.display(), problem)]
    Network {
        /// Which one.
        path: PathBuf,
        /// What is wrong and what to do.
        problem: String,
    },
    /// ONNX Runtime is missing, or cannot run the models.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// The attack compares with shadow models, and there are none.
    #[error(
        "{0} has no models in `train`, which every attack but the loss threshold compares with; use --attack loss, or get the track's train models"
    )]
    NoShadows(String),
    /// The system refuses to start threads.
    #[error("no threads can be started: {0}")]
    Threads(String),
    /// The run was told to stop.
    #[error("stopped after {done} of {total} queries; {kept}")]
    Stopped {
        /// Queries answered so far.
        done: u64,
        /// Queries in all.
        total: u64,
        /// Whether the answers are kept, in words.
        kept: &'static str,
    },
}

impl LiraError {
    pub(super) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        |source| Self::Io { path, source }
    }

    pub(super) fn array(path: &Path) -> impl FnOnce(NpzError) -> Self {
        let path = path.to_owned();
        |source| Self::Array { path, source }
    }

    pub(super) fn data(path: &Path, problem: impl Into<String>) -> Self {
        Self::Data { path: path.to_owned(), problem: problem.into() }
    }
}
