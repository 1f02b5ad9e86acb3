//! A track directory as far as scoring is concerned: its shape and the solutions that are there.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use scoring::{Membership, RankingRule, ScenarioShape, Split, SplitSolution, TargetModel, TrackShape};

use super::{DirectoryError, ModelFolder, ScenarioFolder, TrackFolders, challenge_points, ranking, solution};

/// What a track directory holds, as far as scoring is concerned.
#[derive(Debug)]
pub struct TrackDirectory {
    /// Its folders, and what was passed over.
    pub folders: TrackFolders,
    /// Scenarios, splits, target models and their challenge points. Its ranking rule is that of `track.yaml`, else
    /// MICO's.
    pub shape: TrackShape,
    /// What `track.yaml` says of ranking, if it says anything.
    pub ranking: Option<RankingRule>,
    /// The solutions that are there, by split, scenario and model.
    pub solutions: Solutions,
}

/// Solutions by split, scenario and model.
pub type Solutions = BTreeMap<(Split, String, String), Vec<Membership>>;

/// One target model, before the number of its points is settled.
struct Model {
    name: String,
    path: PathBuf,
    solution: Option<Vec<Membership>>,
    points: Option<usize>,
}

impl TrackDirectory {
    /// Reads `splits` of the track directory at `root`, whose slug is `slug`.
    ///
    /// The number of a model's challenge points is that of its `solution.csv`, else of its `challenge.npz` or
    /// `challenge.npy`, else the one on which all other models of these splits agree, else the one of the models of the
    /// train split.
    ///
    /// # Errors
    /// Nothing that looks like a scenario, a split without models, files that cannot be read, counts that
    /// disagree within a model or that nothing tells, a `track.yaml` that cannot be used.
    pub fn read(root: &Path, slug: &str, splits: &[Split]) -> Result<Self, DirectoryError> {
        let folders = TrackFolders::read(root)?;
        let (mut scenarios, mut solutions) = (Vec::new(), BTreeMap::new());
        for scenario in &folders.scenarios {
            scenarios.push(read_scenario(scenario, splits, &mut solutions)?);
        }
        let shape = TrackShape::new(slug, scenarios)
            .map_err(|error| DirectoryError::NotATrack(root.to_owned(), error.to_string()))?;
        let ranking = ranking(root)?;
        let shape = shape.with_ranking(ranking.unwrap_or_default());
        Ok(Self { folders, shape, ranking, solutions })
    }

    /// The whole solution of a split.
    ///
    /// # Errors
    /// A model without `solution.csv`, or a scenario in which there is no member or no non-member.
    pub fn solution(&self, split: Split) -> Result<SplitSolution, DirectoryError> {
        let mut scenarios = Vec::new();
        for scenario in self.shape.scenarios() {
            let mut models = Vec::new();
            for model in scenario.models(split) {
                let key = (split, scenario.name().to_owned(), model.name.clone());
                let solution = self.solutions.get(&key).ok_or_else(|| {
                    let place = format!("{}/{split}/{}", scenario.name(), model.name);
                    DirectoryError::Solution(format!("{place}/solution.csv is missing"))
                })?;
                models.push(solution.clone());
            }
            scenarios.push(models);
        }
        SplitSolution::new(&self.shape, split, scenarios)
            .map_err(|error| DirectoryError::Solution(format!("the {split} split cannot be scored: {error}")))
    }

    /// Whether no model of a split has a solution here.
    pub fn lacks_solution(&self, split: Split) -> bool {
        !self.solutions.keys().any(|(solved, ..)| *solved == split)
    }
}

fn read_scenario(
    scenario: &ScenarioFolder,
    splits: &[Split],
    solutions: &mut Solutions,
) -> Result<ScenarioShape, DirectoryError> {
    let mut read = Vec::new();
    for split in splits {
        read.push((*split, read_models(scenario.needed(*split)?)?));
    }
    let mut agreed = agreed_points(read.iter().flat_map(|(_, models)| models));
    if agreed.is_none() && !splits.contains(&Split::Train) {
        // Participants of MICO have a seed where others have challenge points, and solutions of the train split alone.
        agreed = agreed_points(read_models(scenario.models(Split::Train))?.iter());
    }
    let mut shape = Vec::new();
    for (split, models) in read {
        let mut targets = Vec::with_capacity(models.len());
        for model in models {
            let points = model.points.or(agreed).ok_or_else(|| {
                DirectoryError::Solution(format!(
                    "nothing tells how many challenge points {} has: it has no solution.csv, challenge.npz or challenge.npy",
                    model.path.display()
                ))
            })?;
            if let Some(solution) = model.solution {
                solutions.insert((split, scenario.name.clone(), model.name.clone()), solution);
            }
            targets.push(TargetModel { name: model.name, points });
        }
        shape.push((split, targets));
    }
    Ok(ScenarioShape::new(&scenario.name, shape))
}

/// The number of points of the models that tell one, where they agree.
fn agreed_points<'a>(models: impl Iterator<Item = &'a Model>) -> Option<usize> {
    let mut told = models.filter_map(|model| model.points);
    let first = told.next()?;
    told.all(|points| points == first).then_some(first)
}

fn read_models(folders: &[ModelFolder]) -> Result<Vec<Model>, DirectoryError> {
    folders.iter().map(read_model).collect()
}

fn read_model(ModelFolder { name, path }: &ModelFolder) -> Result<Model, DirectoryError> {
    let solution = solution(path)?;
    let challenge = challenge_points(path)?;
    let told = solution.as_ref().map(Vec::len);
    if let (Some(solved), Some((file, challenged))) = (told, &challenge)
        && solved != *challenged
    {
        return Err(DirectoryError::Solution(format!(
            "{}: solution.csv has {solved} values where {} has {challenged} challenge points",
            path.display(),
            file.file_name().unwrap_or_default().display()
        )));
    }
    let points = told.or(challenge.map(|(_, points)| points));
    Ok(Model { name: name.clone(), path: path.clone(), solution, points })
}

/// The slug a track directory has by itself: its folder's name.
pub fn folder_name(path: &Path) -> Option<String> {
    let canonical = path.canonicalize().ok()?;
    canonical.file_name().and_then(OsStr::to_str).map(str::to_owned)
}
