//! Writes a track directory: the public pool, one folder for each model, and `track.yaml`.
//!
//! Everything goes to a folder beside the target, whose name begins with a dot, and is renamed at the end: whoever
//! finds the target finds it whole. It decides nothing about what the files hold.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Cursor};
use std::path::{Path, PathBuf};

use ndarray::{Array1, ArrayView1, Axis};
use scoring::Membership;
use serde::Serialize;

use crate::npz::{NpzError, NpzWriter, npy_bytes};

use super::dataset::Dataset;
use super::network::Network;
use super::onnx;
use super::split::{ModelKey, ModelSplit};

/// Why a track directory could not be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// There is something at the target already; nothing is ever overwritten.
    #[error("{0} exists already")]
    Exists(PathBuf),
    /// The target is a root or ends in `..`, so it has no name.
    #[error("{0} does not name a folder")]
    NoName(PathBuf),
    /// A file or folder could not be written.
    #[error("cannot write {path}")]
    Io {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// An array could not be put into its file's form.
    #[error("cannot encode an array")]
    Array(#[from] NpzError),
    /// `track.yaml` could not be put into its form.
    #[error("cannot encode track.yaml")]
    Yaml(#[from] serde_saphyr::ser::Error),
}

/// What `track.yaml` says.
#[derive(Clone, Debug, Serialize)]
pub(super) struct TrackFile {
    pub(super) title: String,
    pub(super) description: String,
    pub(super) scenarios: BTreeMap<String, ScenarioFile>,
}

/// What `track.yaml` says of one scenario.
#[derive(Clone, Debug, Serialize)]
pub(super) struct ScenarioFile {
    pub(super) label: String,
    /// The epsilon the models were trained with; absent where they were trained without differential privacy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) epsilon: Option<f64>,
}

/// A track directory that is being written. Dropped before [`Staging::publish`], it is removed.
pub(super) struct Staging {
    folder: PathBuf,
    target: PathBuf,
}

impl Staging {
    /// Begins a directory that will be at `target`. What an interrupted run left beside it is removed.
    pub(super) fn begin(target: &Path) -> Result<Self, WriteError> {
        let name = target.file_name().ok_or_else(|| WriteError::NoName(target.to_owned()))?;
        if target.symlink_metadata().is_ok() {
            return Err(WriteError::Exists(target.to_owned()));
        }
        let mut hidden = std::ffi::OsString::from(".");
        hidden.push(name);
        hidden.push(".partial");
        let folder = target.with_file_name(hidden);
        match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(&folder, error)),
            _ => {}
        }
        create_folder(&folder)?;
        Ok(Self { folder, target: target.to_owned() })
    }

    /// Writes `data.npz`: x [N, d] float32 and y [N] int64.
    pub(super) fn write_pool(&self, dataset: &Dataset) -> Result<(), WriteError> {
        let labels = labels(dataset, 0..dataset.len());
        let mut archive = NpzWriter::new(Cursor::new(Vec::new()));
        archive.add("x", dataset.x())?;
        archive.add("y", labels.view())?;
        write(&self.folder.join("data.npz"), archive.finish()?.get_ref())
    }

    /// Writes the folder of one model, hidden files included.
    pub(super) fn write_model(
        &self,
        model: ModelKey<'_>,
        dataset: &Dataset,
        split: &ModelSplit,
        network: &Network,
    ) -> Result<(), WriteError> {
        let folder =
            self.folder.join(model.scenario).join(model.split.as_str()).join(format!("model_{}", model.number));
        create_folder(&folder)?;
        write(&folder.join("model.onnx"), &onnx::write(network))?;
        write(&folder.join("challenge.npz"), &challenge(dataset, &split.challenge)?)?;
        write(&folder.join("train_idx.npy"), &npy_bytes(indices(&split.trained_on).view())?)?;
        write(&folder.join("solution.csv"), solution(&split.membership).as_bytes())
    }

    /// Writes `track.yaml`.
    pub(super) fn write_track_file(&self, track: &TrackFile) -> Result<(), WriteError> {
        write(&self.folder.join("track.yaml"), serde_saphyr::to_string(track)?.as_bytes())
    }

    /// Puts the finished directory in its place.
    pub(super) fn publish(self) -> Result<(), WriteError> {
        fs::rename(&self.folder, &self.target).map_err(|error| failed(&self.target, error))
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // After `publish` the folder is gone, and there is nobody to tell of a failure before it: the next run
        // removes what is left.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// `challenge.npz`: x [2m, d] float32, y [2m] int64 and idx [2m] int64, rows of the pool.
fn challenge(dataset: &Dataset, rows: &[usize]) -> Result<Vec<u8>, NpzError> {
    let mut archive = NpzWriter::new(Cursor::new(Vec::new()));
    archive.add("x", dataset.x().select(Axis(0), rows).view())?;
    archive.add("y", labels(dataset, rows.iter().copied()).view())?;
    archive.add("idx", indices(rows).view())?;
    Ok(archive.finish()?.into_inner())
}

fn labels(dataset: &Dataset, rows: impl Iterator<Item = usize>) -> Array1<i64> {
    rows.map(|row| dataset.y()[row] as i64).collect()
}

fn indices(rows: &[usize]) -> Array1<i64> {
    ArrayView1::from(rows).mapv(|row| row as i64)
}

/// `solution.csv`: 1 for a member and 0 for a non-member, on one line.
fn solution(membership: &[Membership]) -> String {
    let values = membership.iter().map(|truth| match truth {
        Membership::Member => "1",
        Membership::NonMember => "0",
    });
    values.collect::<Vec<_>>().join(",") + "\n"
}

fn create_folder(path: &Path) -> Result<(), WriteError> {
    fs::create_dir_all(path).map_err(|error| failed(path, error))
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), WriteError> {
    let written = File::create_new(path).and_then(|mut file| io::Write::write_all(&mut file, bytes));
    written.map_err(|error| failed(path, error))
}

fn failed(path: &Path, source: io::Error) -> WriteError {
    WriteError::Io { path: path.to_owned(), source }
}
