//! Reads a track directory in MICO's layout: `<scenario>/<split>/<model>/` with `solution.csv` and the
//! challenge points. The numbers of models and points are read, never assumed.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use scoring::{Membership, ScenarioShape, Split, SplitSolution, TargetModel, TrackShape};

use super::ImportError;

/// What a track directory holds, as far as scoring is concerned.
#[derive(Debug)]
pub struct TrackDirectory {
    /// Scenarios, splits, target models and their challenge points.
    pub shape: TrackShape,
    /// The solutions that are there, by split, scenario and model.
    pub solutions: Solutions,
    /// Entries of the directory that mean nothing here.
    pub ignored: Vec<String>,
}

/// One target model's folder, before the number of its points is settled.
struct ModelFolder {
    name: String,
    path: PathBuf,
    solution: Option<Vec<Membership>>,
    points: Option<usize>,
}

impl TrackDirectory {
    /// Reads `splits` of the track directory at `root`, whose slug is `slug`.
    ///
    /// A scenario is a folder that holds one of the folders `train`, `dev` and `final`. The number of a model's
    /// challenge points is that of its `solution.csv`, else of its `challenge.npz` or `challenge.npy`, else the
    /// one on which all other models of these splits agree, else the one of the models of the train split.
    ///
    /// # Errors
    /// Nothing that looks like a scenario, a split without models, files that cannot be read, counts that
    /// disagree within a model or that nothing tells.
    pub fn read(root: &Path, slug: &str, splits: &[Split]) -> Result<Self, ImportError> {
        let (mut scenarios, mut solutions, mut ignored) = (Vec::new(), BTreeMap::new(), Vec::new());
        for (name, path) in entries(root)? {
            if is_scenario(&path) {
                scenarios.push(read_scenario(&name, &path, splits, &mut solutions)?);
            } else if !is_known(&name) {
                ignored.push(name);
            }
        }
        if scenarios.is_empty() {
            let why = "it has no scenario, that is, no folder with `train`, `dev` or `final` in it".to_owned();
            return Err(ImportError::NotATrack(root.to_owned(), why));
        }
        let shape = TrackShape::new(slug, scenarios)
            .map_err(|error| ImportError::NotATrack(root.to_owned(), error.to_string()))?;
        Ok(Self { shape, solutions, ignored })
    }

    /// The whole solution of a split.
    ///
    /// # Errors
    /// A model without `solution.csv`, or a scenario in which there is no member or no non-member.
    pub fn solution(&self, split: Split) -> Result<SplitSolution, ImportError> {
        let mut scenarios = Vec::new();
        for scenario in self.shape.scenarios() {
            let mut models = Vec::new();
            for model in scenario.models(split) {
                let key = (split, scenario.name().to_owned(), model.name.clone());
                let solution = self.solutions.get(&key).ok_or_else(|| {
                    ImportError::Solution(format!("{}/{split}/{}/solution.csv is missing", scenario.name(), model.name))
                })?;
                models.push(solution.clone());
            }
            scenarios.push(models);
        }
        SplitSolution::new(&self.shape, split, scenarios)
            .map_err(|error| ImportError::Solution(format!("the {split} split cannot be scored: {error}")))
    }

    /// Whether no model of a split has a solution here.
    pub fn lacks_solution(&self, split: Split) -> bool {
        !self.solutions.keys().any(|(solved, ..)| *solved == split)
    }
}

/// Solutions by split, scenario and model.
pub type Solutions = BTreeMap<(Split, String, String), Vec<Membership>>;

fn read_scenario(
    name: &str,
    path: &Path,
    splits: &[Split],
    solutions: &mut Solutions,
) -> Result<ScenarioShape, ImportError> {
    let mut folders = Vec::new();
    for split in splits {
        let models = read_split(&path.join(split.as_str()))?;
        if models.is_empty() {
            let why = format!("the scenario has no models in its folder `{split}`");
            return Err(ImportError::NotATrack(path.to_owned(), why));
        }
        folders.push((*split, models));
    }
    let mut agreed = agreed_points(folders.iter().flat_map(|(_, models)| models));
    if agreed.is_none() && !splits.contains(&Split::Train) {
        // Participants of MICO have a seed where others have challenge points, and solutions of the train split alone.
        agreed = agreed_points(read_split(&path.join(Split::Train.as_str()))?.iter());
    }
    let mut shape = Vec::new();
    for (split, models) in folders {
        let mut targets = Vec::with_capacity(models.len());
        for model in models {
            let points = model.points.or(agreed).ok_or_else(|| {
                ImportError::Solution(format!(
                    "nothing tells how many challenge points {} has: it has no solution.csv, challenge.npz or challenge.npy",
                    model.path.display()
                ))
            })?;
            if let Some(solution) = model.solution {
                solutions.insert((split, name.to_owned(), model.name.clone()), solution);
            }
            targets.push(TargetModel { name: model.name, points });
        }
        shape.push((split, targets));
    }
    Ok(ScenarioShape::new(name, shape))
}

/// The number of points of the models that tell one, where they agree.
fn agreed_points<'a>(models: impl Iterator<Item = &'a ModelFolder>) -> Option<usize> {
    let mut told = models.filter_map(|model| model.points);
    let first = told.next()?;
    told.all(|points| points == first).then_some(first)
}

fn read_split(path: &Path) -> Result<Vec<ModelFolder>, ImportError> {
    if !path.is_dir() {
        return Ok(Vec::new());
    }
    let folders = entries(path)?.into_iter().filter(|(_, path)| path.is_dir());
    folders.map(|(name, path)| read_model(name, path)).collect()
}

fn read_model(name: String, path: PathBuf) -> Result<ModelFolder, ImportError> {
    let solution = read_solution(&path.join("solution.csv"))?;
    let challenge = challenge_points(&path)?;
    let told = solution.as_ref().map(Vec::len);
    if let (Some(solved), Some((file, challenged))) = (told, &challenge)
        && solved != *challenged
    {
        return Err(ImportError::Solution(format!(
            "{}: solution.csv has {solved} values where {} has {challenged} challenge points",
            path.display(),
            file.file_name().unwrap_or_default().display()
        )));
    }
    Ok(ModelFolder { name, path, solution, points: told.or(challenge.map(|(_, points)| points)) })
}

fn read_solution(path: &Path) -> Result<Option<Vec<Membership>>, ImportError> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(ImportError::Unreadable(path.to_owned(), error)),
    };
    scoring::parse_solution(&bytes, &path.display().to_string())
        .map(Some)
        .map_err(|problem| ImportError::Solution(problem.to_string()))
}

/// The rows of `challenge.npz` (its `idx`, or else `y`) or of `challenge.npy`, and which file told.
fn challenge_points(model: &Path) -> Result<Option<(PathBuf, usize)>, ImportError> {
    let archive = model.join("challenge.npz");
    if archive.is_file() {
        let points = npz::first_axis(&archive, "idx")
            .or_else(|_| npz::first_axis(&archive, "y"))
            .map_err(|error| ImportError::Challenge(archive.clone(), error))?;
        return Ok(Some((archive, points)));
    }
    let array = model.join("challenge.npy");
    if array.is_file() {
        let points =
            npz::first_axis(&array, "challenge").map_err(|error| ImportError::Challenge(array.clone(), error))?;
        return Ok(Some((array, points)));
    }
    Ok(None)
}

/// What a folder holds, by name.
fn entries(folder: &Path) -> Result<Vec<(String, PathBuf)>, ImportError> {
    let unreadable = |error| ImportError::Unreadable(folder.to_owned(), error);
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        entries.push((entry.file_name().to_string_lossy().into_owned(), entry.path()));
    }
    entries.sort();
    Ok(entries)
}

fn is_scenario(path: &Path) -> bool {
    Split::ALL.iter().any(|split| path.join(split.as_str()).is_dir())
}

/// Names beside the scenarios that have a meaning here or to participants, or that systems leave behind.
fn is_known(name: &str) -> bool {
    let known = [
        "track.yaml",
        "pages",
        "logo.png",
        "data.npz",
        "data.x.npy",
        "data.y.npy",
        "report.json",
        "report.txt",
        "recipe.json",
    ];
    known.contains(&name) || name.starts_with('.')
}

/// The slug a track directory has by itself: its folder's name.
pub fn folder_name(path: &Path) -> Option<String> {
    let canonical = path.canonicalize().ok()?;
    canonical.file_name().and_then(OsStr::to_str).map(str::to_owned)
}
