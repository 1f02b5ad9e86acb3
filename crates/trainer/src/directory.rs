//! Writes a track directory: the public pool, one folder for each model, `track.yaml`, the report and the recipe.
//!
//! Everything goes to a folder beside the target, whose name begins with a dot, and is renamed at the end: whoever
//! finds the target finds it whole. A run that was interrupted leaves that folder, and the next one with the same recipe
//! goes on in it. It decides nothing about what the files hold.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Cursor, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use ndarray::{Array1, ArrayView1, Axis};
use scoring::{Membership, Split};
use serde::{Deserialize, Serialize, Serializer};
use sha2::{Digest, Sha256};

use npz::{NpzError, NpzWriter, npy_bytes};
use track_files::{
    CHALLENGE_NPZ, MODEL_ONNX, POOL_NPZ, RECIPE, REPORT_JSON, REPORT_TXT, SOLUTION, TRACK_YAML, TRAIN_IDX,
};

use super::dataset::Dataset;
use super::journal::Journal;
use super::network::Network;
use super::onnx;
use super::plan::TrainPlan;
use super::report::Report;
use super::split::{ModelKey, ModelSplit, Seed};

/// Why a track directory could not be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// There is something at the target already; nothing is ever overwritten.
    #[error("{0} exists already: give a new folder or an empty one")]
    Exists(PathBuf),
    /// Where unfinished tracks are kept there is something that no run left.
    #[error("{0} is where an unfinished track is kept, and holds something else: move it away")]
    Foreign(PathBuf),
    /// Another process is writing this track.
    #[error("another run is writing {0}")]
    Busy(PathBuf),
    /// An interrupted run left another track's models.
    #[error(
        "{0} was begun with other options, data or another version: give the same again to go on, or --restart to begin anew"
    )]
    OtherRecipe(PathBuf),
    /// The target is a root or ends in `..`, so it has no name.
    #[error("{0} does not name a folder")]
    NoName(PathBuf),
    /// A file or folder could not be written.
    #[error("cannot read or write {path}")]
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
    /// The report or the recipe could not be put into its form.
    #[error("cannot encode the report or the recipe")]
    Json(#[from] serde_json::Error),
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
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_people_write_it")]
    pub(super) epsilon: Option<f64>,
}

/// 10 and not 10.0: it is shown as it is written.
fn as_people_write_it<S: Serializer>(epsilon: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
    match epsilon {
        Some(epsilon) if epsilon.fract() == 0.0 && *epsilon < 1e15 => (*epsilon as u64).serialize(serializer),
        epsilon => epsilon.serialize(serializer),
    }
}

/// What to do with the folder that an interrupted run has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResumePolicy {
    /// Go on if the recipe is the same, and refuse if it is another one.
    Resume,
    /// Go on if the recipe is the same, and start again if it is another one.
    ResumeOrRestart,
    /// Start again.
    Restart,
}

/// Everything a track is made from: the same recipe gives the same bytes. It holds the seed, so it is as secret as
/// the solutions.
#[derive(Serialize)]
pub(super) struct Recipe<'a> {
    pub(super) program: &'static str,
    pub(super) seed: String,
    /// SHA-256 of the records and labels.
    pub(super) dataset: String,
    pub(super) plan: &'a TrainPlan,
}

/// The part of a recipe that a later run may take over.
#[derive(Deserialize)]
struct SeedOfRecipe {
    seed: String,
}

const JOURNAL: &str = "journal.jsonl";

/// The files of a model, in the order in which they are hashed.
const MODEL_FILES: [&str; 4] = [MODEL_ONNX, CHALLENGE_NPZ, TRAIN_IDX, SOLUTION];

/// Those of them that only the organiser may read while the model is attacked.
const SECRET_FILES: [&str; 2] = [TRAIN_IDX, SOLUTION];

/// A track directory that is being written.
pub(super) struct Staging {
    folder: PathBuf,
    target: PathBuf,
}

/// The seed of the run that was interrupted before `target` was finished, if there was one.
///
/// # Errors
/// [`WriteError`] if there is a recipe and it cannot be read.
pub fn interrupted_seed(target: &Path) -> Result<Option<Seed>, WriteError> {
    let recipe = partial(target)?.join(RECIPE);
    let Some(bytes) = read_if_there(&recipe)? else { return Ok(None) };
    let seed = serde_json::from_slice(&bytes).ok().and_then(|SeedOfRecipe { seed }| Seed::from_hex(&seed));
    // A recipe without a seed is not one of this version's.
    seed.map(Some).ok_or_else(|| WriteError::OtherRecipe(partial(target).unwrap_or(recipe)))
}

/// The hidden folder beside `target`.
fn partial(target: &Path) -> Result<PathBuf, WriteError> {
    let name = target.file_name().ok_or_else(|| WriteError::NoName(target.to_owned()))?;
    let mut hidden = std::ffi::OsString::from(".");
    hidden.push(name);
    hidden.push(".partial");
    Ok(target.with_file_name(hidden))
}

impl Staging {
    /// Begins the directory that will be at `target`, or goes on with it; the journal is this run's until it is
    /// dropped.
    pub(super) fn begin(
        target: &Path,
        recipe: &Recipe<'_>,
        resume: ResumePolicy,
    ) -> Result<(Self, Journal), WriteError> {
        let folder = partial(target)?;
        if is_foreign(&folder)? {
            return Err(WriteError::Foreign(folder));
        }
        create_folder(&folder)?;
        let path = folder.join(JOURNAL);
        let journal = Journal::open(&path).map_err(|error| failed(&path, error))?;
        let journal = journal.ok_or_else(|| WriteError::Busy(target.to_owned()))?;
        // Another run may have finished before the lock.
        make_free(target)?;

        let text = json(recipe)?;
        let found = read_if_there(&folder.join(RECIPE))?;
        match (found, resume) {
            (Some(found), ResumePolicy::Resume | ResumePolicy::ResumeOrRestart) if found == text => {}
            (Some(_), ResumePolicy::Resume) => return Err(WriteError::OtherRecipe(folder)),
            _ => {
                clear(&folder, &journal)?;
                write_secret(&folder.join(RECIPE), &text)?;
            }
        }
        Ok((Self { folder, target: target.to_owned() }, journal))
    }

    /// The journal could not be read or written.
    pub(super) fn journal_failed(&self, error: io::Error) -> WriteError {
        failed(&self.folder.join(JOURNAL), error)
    }

    /// Where the directory is while it is not finished.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Writes `data.npz`: x [N, d] float32 and y [N] int64.
    pub(super) fn write_pool(&self, dataset: &Dataset) -> Result<(), WriteError> {
        let labels = labels(dataset, 0..dataset.len());
        let mut archive = NpzWriter::new(Cursor::new(Vec::new()));
        archive.add("x", dataset.x())?;
        archive.add("y", labels.view())?;
        write(&self.folder.join(POOL_NPZ), archive.finish()?.get_ref())
    }

    /// Writes the folder of one model, hidden files included; answers the hash of its files.
    pub(super) fn write_model(
        &self,
        model: ModelKey<'_>,
        dataset: &Dataset,
        split: &ModelSplit,
        network: &Network,
    ) -> Result<String, WriteError> {
        let folder = self.folder.join(model.path());
        create_folder(&folder)?;
        let contents = [
            onnx::write(network),
            challenge(dataset, &split.challenge)?,
            npy_bytes(indices(&split.trained_on).view())?,
            solution(&split.membership).into_bytes(),
        ];
        for (name, content) in MODEL_FILES.iter().zip(&contents) {
            let is_secret = model.split != Split::Train && SECRET_FILES.contains(name);
            if is_secret { write_secret(&folder.join(name), content)? } else { write(&folder.join(name), content)? }
        }
        Ok(hash(&contents))
    }

    /// The hash of a model's files as they are; `None` where one is missing.
    pub(super) fn hash_of(&self, model: ModelKey<'_>) -> Result<Option<String>, WriteError> {
        let folder = self.folder.join(model.path());
        let contents: Option<Vec<_>> =
            MODEL_FILES.iter().map(|name| read_if_there(&folder.join(name)).transpose()).collect();
        contents.map(|contents| Ok(hash(&contents.into_iter().collect::<Result<Vec<_>, WriteError>>()?))).transpose()
    }

    /// Writes `track.yaml`.
    pub(super) fn write_track_file(&self, track: &TrackFile) -> Result<(), WriteError> {
        write(&self.folder.join(TRACK_YAML), serde_saphyr::to_string(track)?.as_bytes())
    }

    /// Adds the report and puts the finished directory in its place.
    pub(super) fn publish(self, report: &Report, journal: Journal) -> Result<(), WriteError> {
        write(&self.folder.join(REPORT_JSON), &json(report)?)?;
        write(&self.folder.join(REPORT_TXT), report.to_string().as_bytes())?;
        fs::rename(&self.folder, &self.target).map_err(|error| failed(&self.target, error))?;
        drop(journal);
        let journal = self.target.join(JOURNAL);
        fs::remove_file(&journal).map_err(|error| failed(&journal, error))
    }

    /// Removes what was written.
    pub(super) fn discard(self) -> Result<(), WriteError> {
        fs::remove_dir_all(&self.folder).map_err(|error| failed(&self.folder, error))
    }
}

/// Sees to it that nothing is at `target`. An empty folder is removed at once: where that cannot be done, as with the
/// root of a volume, it is better known now than when all is trained.
pub(super) fn make_free(target: &Path) -> Result<(), WriteError> {
    partial(target)?;
    match fs::remove_dir(target) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() != io::ErrorKind::ResourceBusy && target.symlink_metadata().is_ok() => {
            Err(WriteError::Exists(target.to_owned()))
        }
        Err(error) => Err(failed(target, error)),
    }
}

/// Whether there is a folder with something in it, but nothing of ours.
fn is_foreign(folder: &Path) -> Result<bool, WriteError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(failed(folder, error)),
    };
    let names = entries.map(|entry| entry.map(|entry| entry.file_name())).collect::<Result<Vec<_>, _>>();
    let names = names.map_err(|error| failed(folder, error))?;
    Ok(!names.is_empty() && !names.iter().any(|name| name == RECIPE || name == JOURNAL))
}

/// Empties a folder but for its journal, which is emptied too: first, so that no line is left without its model.
fn clear(folder: &Path, journal: &Journal) -> Result<(), WriteError> {
    journal.clear().map_err(|error| failed(&folder.join(JOURNAL), error))?;
    let entries = fs::read_dir(folder).map_err(|error| failed(folder, error))?;
    for entry in entries {
        let path = entry.map_err(|error| failed(folder, error))?.path();
        if path.ends_with(JOURNAL) {
            continue;
        }
        let is_folder = path.symlink_metadata().map_err(|error| failed(&path, error))?.is_dir();
        let removed = if is_folder { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        removed.map_err(|error| failed(&path, error))?;
    }
    Ok(())
}

fn hash(contents: &[Vec<u8>]) -> String {
    let mut hash = Sha256::new();
    for content in contents {
        hash.update((content.len() as u64).to_le_bytes());
        hash.update(content);
    }
    hex::encode(hash.finalize())
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

/// A JSON file for people to read as well.
fn json(value: &impl Serialize) -> Result<Vec<u8>, WriteError> {
    let mut text = serde_json::to_vec_pretty(value)?;
    text.push(b'\n');
    Ok(text)
}

fn create_folder(path: &Path) -> Result<(), WriteError> {
    fs::create_dir_all(path).map_err(|error| failed(path, error))
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), WriteError> {
    fs::write(path, bytes).map_err(|error| failed(path, error))
}

/// Writes a file that is whole whenever it is there, and that only its owner may read.
fn write_secret(path: &Path, bytes: &[u8]) -> Result<(), WriteError> {
    let beside = path.with_extension("new");
    let written = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside);
    let written = written.and_then(|mut file| file.write_all(bytes)).and_then(|()| fs::rename(&beside, path));
    written.map_err(|error| failed(path, error))
}

fn read_if_there(path: &Path) -> Result<Option<Vec<u8>>, WriteError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(path, error)),
    }
}

fn failed(path: &Path, source: io::Error) -> WriteError {
    WriteError::Io { path: path.to_owned(), source }
}
