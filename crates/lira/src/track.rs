//! A track as participants get it: which models there are, and which rows of the pool their challenge points are.
//!
//! Hidden files are never opened: neither `solution.csv`, `train_idx.npy`, `seed_training` nor `seed_membership` of the
//! models under attack, so that on the organiser's copy an attack knows no more than elsewhere.

use std::fs;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use scoring::{Membership, ScenarioShape, Split, TargetModel, TrackShape};

use super::LiraError;
use super::pool::Pool;
use mico_splits::{ModelSeeds, Sizes};
use npz::{self, NpzReader, RawArray};
use track_files::{Challenge, MODEL_ONNX, ModelFolder, PassedOver, SOLUTION, ScenarioFolder, TRAIN_IDX, TrackFolders};

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
        self.folder.join(MODEL_ONNX)
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
    passed_over: Vec<PassedOver>,
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
        let folders = TrackFolders::read(root)?;
        let mut reader = Reader { pool: Pool::new(root), nameless: NAMELESS };
        let (mut scenarios, mut shapes) = (Vec::new(), Vec::new());
        for scenario in &folders.scenarios {
            let (scenario, shape) = reader.scenario(scenario)?;
            scenarios.push(scenario);
            shapes.push(shape);
        }
        let shape = TrackShape::new(slug, shapes)?.with_ranking(track_files::ranking(root)?.unwrap_or_default());
        // A pool that cannot be read is of no concern where the records lie beside the models.
        if let Ok(Some(rows)) = reader.pool.rows() {
            let models = scenarios.iter().flat_map(|scenario| scenario.targets.iter().flatten().chain(&scenario.train));
            let beyond = |model: &Model| model.has_rows() && model.rows.iter().any(|&row| row >= rows);
            if let Some(model) = models.into_iter().find(|model| beyond(model)) {
                let problem = format!("a challenge point is a row beyond the pool, which has {rows}");
                return Err(LiraError::data(&model.folder, problem));
            }
        }
        let passed_over = folders.passed_over().cloned().collect();
        Ok(Self { pool: reader.pool, shape, scenarios, trained_on, passed_over })
    }

    /// Scenarios, models and their challenge points.
    pub fn shape(&self) -> &TrackShape {
        &self.shape
    }

    /// What lies in the folder and is no part of a track.
    pub fn passed_over(&self) -> &[PassedOver] {
        &self.passed_over
    }

    /// The rows of the pool that a model of the train split was trained on, ascending.
    pub(super) fn rows_trained_on(&self, model: &Model) -> Result<Vec<usize>, LiraError> {
        let path = model.folder.join(TRAIN_IDX);
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
        let Some(solution) = track_files::solution(&model.folder)? else { return Ok(None) };
        if solution.len() != model.rows.len() {
            let problem = format!("{} values for {} challenge points", solution.len(), model.rows.len());
            return Err(LiraError::data(&model.folder.join(SOLUTION), problem));
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
    fn scenario(&mut self, scenario: &ScenarioFolder) -> Result<(PublicScenario, ScenarioShape), LiraError> {
        let train = self.models(scenario, Split::Train, scenario.models(Split::Train))?;
        // A submission answers these two, so both are needed.
        let dev = self.models(scenario, Split::Dev, scenario.needed(Split::Dev)?)?;
        let final_ = self.models(scenario, Split::Final, scenario.needed(Split::Final)?)?;
        let shape = [(Split::Train, &train), (Split::Dev, &dev), (Split::Final, &final_)].map(|(split, models)| {
            let target = |model: &Model| TargetModel { name: model.name.clone(), points: model.rows.len() };
            (split, models.iter().map(target).collect())
        });
        let shape = ScenarioShape::new(&scenario.name, shape);
        Ok((PublicScenario { name: scenario.name.clone(), train, targets: [dev, final_] }, shape))
    }

    fn models(
        &mut self,
        scenario: &ScenarioFolder,
        split: Split,
        folders: &[ModelFolder],
    ) -> Result<Vec<Model>, LiraError> {
        let models = folders.par_iter().map(|folder| self.model(scenario, split, folder));
        let models = models.collect::<Result<Vec<Model>, _>>()?;
        Ok(models.into_iter().map(|model| self.numbered(model)).collect())
    }

    fn model(&self, scenario: &ScenarioFolder, split: Split, model: &ModelFolder) -> Result<Model, LiraError> {
        let ModelFolder { name, path: folder } = model;
        let (rows, has_records) = match track_files::challenge(folder) {
            Some(Challenge::Arrays(archive)) => Self::rows_of_archive(&archive)?,
            Some(Challenge::Rows(rows)) => (read_rows_file(&rows)?, false),
            Some(Challenge::Seed(seed)) => (self.rows_from_seed(scenario, split, folder, &seed)?, false),
            None => {
                let problem = "there are no challenge points: neither challenge.npz, challenge.npy nor seed_challenge";
                return Err(LiraError::data(folder, problem));
            }
        };
        if rows.is_empty() {
            return Err(LiraError::data(folder, "there are no challenge points"));
        }
        Ok(Model { name: name.clone(), folder: folder.clone(), rows, has_records })
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

    fn rows_from_seed(
        &self,
        scenario: &ScenarioFolder,
        split: Split,
        folder: &Path,
        seed: &Path,
    ) -> Result<Vec<usize>, LiraError> {
        let seed = mico_splits::read_seed(seed)?;
        let members = Self::points(scenario, split, folder)? / 2;
        // How many other rows are trained on does not change which are challenge points.
        let sizes = Sizes { pool: pool_rows(&self.pool, folder)?, trained_on: members, members };
        let rows = mico_splits::challenge(seed, sizes);
        let rows = rows.map_err(|source| LiraError::Split { path: folder.to_owned(), source })?;
        Ok(rows.into_iter().map(|row| row as usize).collect())
    }

    /// Challenge points of a model that has a seed for them: as many as a solution has that participants are given,
    /// that of a model of the train split; else as MICO's models have.
    fn points(scenario: &ScenarioFolder, split: Split, folder: &Path) -> Result<usize, LiraError> {
        let siblings = scenario.models(Split::Train).iter().map(|model| model.path.as_path());
        let revealed: Vec<&Path> = if split == Split::Train { vec![folder] } else { siblings.collect() };
        for folder in revealed {
            if let Some(solution) = track_files::solution(folder)? {
                return Ok(solution.len());
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
