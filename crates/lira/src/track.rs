//! A track as participants get it: which models there are, and which rows of the pool their challenge points are.
//!
//! Hidden files are never opened: neither `solution.csv`, `train_idx.npy`, `seed_training` nor `seed_membership` of the
//! models under attack, so that on the organiser's copy an attack knows no more than elsewhere.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use scoring::{Membership, ScenarioShape, Split, TargetModel, TrackShape};

use super::LiraError;
use super::pool::Pool;
use mico_splits::{ModelSeeds, Sizes};
use npz::{self, NpzReader, RawArray};

/// A model's folder and its challenge points.
#[derive(Debug)]
pub(super) struct Model {
    pub(super) name: String,
    pub(super) folder: PathBuf,
    /// Rows of the pool, in the order of the challenge points. Points that no file gives rows are numbered from
    /// [`NAMELESS`] on.
    pub(super) rows: Vec<usize>,
    /// Whether `challenge.npz` holds the records too; else they are the pool's.
    pub(super) has_records: bool,
}

/// Larger than any row of a pool.
pub(super) const NAMELESS: usize = usize::MAX / 2;

impl Model {
    pub(super) fn onnx(&self) -> PathBuf {
        self.folder.join("model.onnx")
    }

    pub(super) fn has_rows(&self) -> bool {
        self.rows.iter().all(|&row| row < NAMELESS)
    }
}

/// A scenario: the models that are revealed and those that are attacked, each list in the order of the shape.
#[derive(Debug)]
pub(super) struct PublicScenario {
    pub(super) name: String,
    pub(super) train: Vec<Model>,
    /// Dev, then final, as [`Split::SUBMITTED`].
    pub(super) targets: [Vec<Model>; 2],
}

/// The whole track.
#[derive(Debug)]
pub struct PublicTrack {
    pub(super) pool: Pool,
    pub(super) shape: TrackShape,
    pub(super) scenarios: Vec<PublicScenario>,
    /// Rows each model is trained on, members included, where that was given.
    trained_on: Option<usize>,
}

impl PublicTrack {
    /// Reads which models and challenge points the folder `root` has, as the track `slug`; no records yet and no model.
    ///
    /// `trained_on` is n, the rows each model is trained on, members included. It matters only where seeds stand for
    /// rows, no `train_idx.npy` tells, and the pool is none of MICO's.
    ///
    /// # Errors
    /// A folder that is no track, or files in it that cannot be used.
    pub fn read(root: &Path, slug: &str, trained_on: Option<usize>) -> Result<Self, LiraError> {
        let not_a_track = |problem: &str| LiraError::NotATrack { path: root.to_owned(), problem: problem.to_owned() };
        let mut reader = Reader { pool: Pool::new(root), nameless: NAMELESS };
        let mut scenarios = BTreeMap::new();
        let mut shapes = Vec::new();
        for (name, folder) in subfolders(root)? {
            let mut splits = Split::ALL.iter().map(|split| is_folder(&folder.join(split.as_str())));
            if splits.try_fold(false, |found, split| split.map(|split| found || split))? {
                let (scenario, shape) = reader.scenario(&name, &folder)?;
                scenarios.insert(name, scenario);
                shapes.push(shape);
            }
        }
        if scenarios.is_empty() {
            return Err(not_a_track("it has no scenario, that is, no folder with `train`, `dev` or `final` in it"));
        }
        let shape = TrackShape::new(slug, shapes)?;
        let scenarios: Vec<PublicScenario> =
            shape.scenarios().iter().filter_map(|scenario| scenarios.remove(scenario.name())).collect();
        // A pool that cannot be read is of no concern where the records lie beside the models.
        if let Ok(Some(rows)) = reader.pool.rows() {
            let models = scenarios.iter().flat_map(|scenario| scenario.targets.iter().flatten().chain(&scenario.train));
            let beyond = |model: &Model| model.has_rows() && model.rows.iter().any(|&row| row >= rows);
            if let Some(model) = models.into_iter().find(|model| beyond(model)) {
                let problem = format!("a challenge point is a row beyond the pool, which has {rows}");
                return Err(LiraError::data(&model.folder, problem));
            }
        }
        Ok(Self { pool: reader.pool, shape, scenarios, trained_on })
    }

    /// Scenarios, models and their challenge points.
    pub fn shape(&self) -> &TrackShape {
        &self.shape
    }

    /// The rows of the pool that a model of the train split was trained on, ascending.
    pub(super) fn rows_trained_on(&self, model: &Model) -> Result<Vec<usize>, LiraError> {
        let path = model.folder.join("train_idx.npy");
        let mut rows = if path.is_file() { read_rows_file(&path)? } else { self.rows_from_seeds(model)? };
        rows.sort_unstable();
        rows.dedup();
        Ok(rows)
    }

    fn rows_from_seeds(&self, model: &Model) -> Result<Vec<usize>, LiraError> {
        let folder = &model.folder;
        let Some(seeds) = ModelSeeds::read(folder)?.complete() else {
            let problem = "nothing tells which rows the model was trained on: there is neither train_idx.npy nor \
                           seed_challenge, seed_training and seed_membership";
            return Err(LiraError::data(folder, problem));
        };
        let pool = pool_rows(&self.pool, folder)?;
        let known = [Sizes::CIFAR10, Sizes::PURCHASE100, Sizes::SST2].into_iter().find(|sizes| sizes.pool == pool);
        let trained_on = self.trained_on.or(known.map(|sizes| sizes.trained_on)).ok_or_else(|| {
            let problem = format!(
                "seeds stand for the rows trained on, and the pool of {pool} rows is none of MICO's: say with --training \
                 how many rows each model was trained on"
            );
            LiraError::data(folder, problem)
        })?;
        let sizes = Sizes { pool, trained_on, members: model.rows.len() / 2 };
        let split =
            mico_splits::draw(seeds, sizes).map_err(|source| LiraError::Split { path: folder.clone(), source })?;
        Ok(split.trained_on().into_iter().map(|row| row as usize).collect())
    }

    /// The solution of a model of the train split, which participants are given.
    pub(super) fn revealed_solution(&self, model: &Model) -> Result<Option<Vec<Membership>>, LiraError> {
        let path = model.folder.join("solution.csv");
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(LiraError::io(&path)(error)),
        };
        let solution = scoring::parse_solution(&bytes, &path.display().to_string())
            .map_err(|problem| LiraError::data(&path, problem.to_string()))?;
        if solution.len() != model.rows.len() {
            let problem = format!("{} values for {} challenge points", solution.len(), model.rows.len());
            return Err(LiraError::data(&path, problem));
        }
        Ok(Some(solution))
    }
}

/// What is known while the folders are read.
struct Reader {
    pool: Pool,
    /// The number of the next challenge point that has no row.
    nameless: usize,
}

impl Reader {
    fn scenario(&mut self, name: &str, folder: &Path) -> Result<(PublicScenario, ScenarioShape), LiraError> {
        let mut of_split = BTreeMap::new();
        let mut shape = Vec::new();
        for split in Split::ALL {
            let folder = folder.join(split.as_str());
            let folders = if is_folder(&folder)? { subfolders(&folder)? } else { Vec::new() };
            let models = folders.into_par_iter().map(|(name, folder)| self.model(name, folder, split));
            let models = models.collect::<Result<Vec<Model>, _>>()?.into_iter().map(|model| self.numbered(model));
            let models: BTreeMap<String, Model> = models.map(|model| (model.name.clone(), model)).collect();
            if models.is_empty() && split != Split::Train {
                let problem = format!("a submission answers dev and final, and there are no models in `{split}`");
                return Err(LiraError::data(&folder, problem));
            }
            let targets =
                models.values().map(|model| TargetModel { name: model.name.clone(), points: model.rows.len() });
            shape.push((split, targets.collect::<Vec<_>>()));
            of_split.insert(split, models);
        }
        let shape = ScenarioShape::new(name, shape);
        let mut sorted = |split: Split| -> Vec<Model> {
            let models = of_split.get_mut(&split);
            let models = models.map(|models| shape.models(split).iter().filter_map(|model| models.remove(&model.name)));
            models.into_iter().flatten().collect()
        };
        let train = sorted(Split::Train);
        let targets = Split::SUBMITTED.map(sorted);
        Ok((PublicScenario { name: name.to_owned(), train, targets }, shape))
    }

    fn model(&self, name: String, folder: PathBuf, split: Split) -> Result<Model, LiraError> {
        let (archive, array) = (folder.join("challenge.npz"), folder.join("challenge.npy"));
        let (rows, has_records) = if archive.is_file() {
            Self::rows_of_archive(&archive)?
        } else if array.is_file() {
            (read_rows_file(&array)?, false)
        } else {
            (self.rows_from_seed(&folder, split)?, false)
        };
        if rows.is_empty() {
            return Err(LiraError::data(&folder, "there are no challenge points"));
        }
        Ok(Model { name, folder, rows, has_records })
    }

    fn rows_of_archive(path: &Path) -> Result<(Vec<usize>, bool), LiraError> {
        let mut archive = NpzReader::open(path).map_err(LiraError::array(path))?;
        let names = archive.names();
        let has = |name: &str| names.iter().any(|other| other == name);
        let has_records = has("y") && names.iter().any(|name| !matches!(name.as_str(), "y" | "idx"));
        if has("idx") {
            let rows = archive.get("idx").map_err(LiraError::array(path))?;
            return Ok((row_numbers(path, &rows)?, has_records));
        }
        if !has_records {
            let problem = "it has neither `idx`, the rows of the pool, nor records with their classes `y`";
            return Err(LiraError::data(path, problem));
        }
        let count = npz::first_axis(path, "y").map_err(LiraError::array(path))?;
        Ok((vec![NAMELESS; count], true))
    }

    /// Numbers the points that have no rows, so that no two are the same.
    fn numbered(&mut self, mut model: Model) -> Model {
        if !model.has_rows() {
            for row in &mut model.rows {
                *row = self.nameless;
                self.nameless += 1;
            }
        }
        model
    }

    fn rows_from_seed(&self, folder: &Path, split: Split) -> Result<Vec<usize>, LiraError> {
        let path = folder.join("seed_challenge");
        if !path.is_file() {
            let problem = "there are no challenge points: neither challenge.npz, challenge.npy nor seed_challenge";
            return Err(LiraError::data(folder, problem));
        }
        let seed = mico_splits::read_seed(&path)?;
        let members = Self::points(folder, split)? / 2;
        // How many other rows are trained on does not change which are challenge points.
        let sizes = Sizes { pool: pool_rows(&self.pool, folder)?, trained_on: members, members };
        let rows = mico_splits::challenge(seed, sizes);
        let rows = rows.map_err(|source| LiraError::Split { path: folder.to_owned(), source })?;
        Ok(rows.into_iter().map(|row| row as usize).collect())
    }

    /// Challenge points of a model that has a seed for them: as many as a solution has that participants are given,
    /// that of a model of the train split; else as MICO's models have.
    fn points(folder: &Path, split: Split) -> Result<usize, LiraError> {
        let scenario = folder.parent().and_then(Path::parent);
        let train = scenario.map(|scenario| scenario.join(Split::Train.as_str()));
        let train = train.filter(|folder| folder.is_dir());
        let siblings = match (split, train) {
            (Split::Train, _) => vec![folder.to_owned()],
            (_, Some(train)) => subfolders(&train)?.into_iter().map(|(_, folder)| folder).collect(),
            (_, None) => Vec::new(),
        };
        for sibling in siblings {
            let path = sibling.join("solution.csv");
            if let Ok(bytes) = fs::read(&path) {
                let solution = scoring::parse_solution(&bytes, &path.display().to_string());
                return Ok(solution.map_err(|problem| LiraError::data(&path, problem.to_string()))?.len());
            }
        }
        Ok(2 * Sizes::CIFAR10.members)
    }
}

/// N, the rows of the pool, of which seeds draw some for the model in `folder`.
fn pool_rows(pool: &Pool, folder: &Path) -> Result<usize, LiraError> {
    pool.rows()?.ok_or_else(|| {
        let problem = "seeds stand for rows of the pool, and there is no data.npz (or data.x.npy and data.y.npy) in the \
                       track's folder; docs/MICO.md says how MICO's are made";
        LiraError::data(folder, problem)
    })
}

fn read_rows_file(path: &Path) -> Result<Vec<usize>, LiraError> {
    let bytes = fs::read(path).map_err(LiraError::io(path))?;
    row_numbers(path, &RawArray::read(bytes.as_slice()).map_err(LiraError::array(path))?)
}

fn row_numbers(path: &Path, rows: &RawArray) -> Result<Vec<usize>, LiraError> {
    let values = rows.integers().map_err(LiraError::array(path))?;
    if values.ndim() != 1 {
        return Err(LiraError::data(
            path,
            format!("rows of the pool must be one list, and these have {} axes", values.ndim()),
        ));
    }
    let row = |&row: &i64| usize::try_from(row).ok().filter(|&row| row < NAMELESS);
    let rows: Option<Vec<usize>> = values.iter().map(row).collect();
    rows.ok_or_else(|| LiraError::data(path, "rows of the pool are counted from 0, and there is a number below"))
}

/// A folder that may not be looked into is an error, and none that is not there.
fn is_folder(path: &Path) -> Result<bool, LiraError> {
    match fs::metadata(path) {
        Ok(found) => Ok(found.is_dir()),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(false),
        Err(error) => Err(LiraError::io(path)(error)),
    }
}

/// The folders within `path` by name; those that begin with a dot are somebody else's.
fn subfolders(path: &Path) -> Result<Vec<(String, PathBuf)>, LiraError> {
    let mut folders = Vec::new();
    for entry in fs::read_dir(path).map_err(LiraError::io(path))? {
        let entry = entry.map_err(LiraError::io(path))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.path().is_dir() && !name.starts_with('.') {
            folders.push((name, entry.path()));
        }
    }
    folders.sort();
    Ok(folders)
}
