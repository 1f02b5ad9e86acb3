//! Plans the queries of a scenario: which models are queried on which records, and which of the
//! records each shadow model was trained on.
//!
//! All scenarios are planned before the first model is loaded, so that a mistake in the last file
//! shows at once and not after a night of queries.

use std::ops::Range;

use rayon::prelude::*;
use scoring::Membership;

use super::LiraError;
use super::records::record_indices;
use super::track::{Model, PublicScenario, PublicTrack};

/// The queries of one scenario. Its records are those at `rows` of the pool; every other field
/// refers to a record by its index in `rows`, and all lists of indices ascend unless they follow
/// the order of a model's challenge points.
pub(super) struct QueryPlan {
    /// Rows of the pool, ascending, each once.
    pub(super) rows: Vec<usize>,
    /// Every index: 0 to the length of `rows`.
    pub(super) all: Range<usize>,
    /// The challenge points of the target models; `None` if these are all records.
    pub(super) attacked: Option<Vec<usize>>,
    /// The other records, which are challenge points of shadow models alone.
    pub(super) extra: Vec<usize>,
    /// The challenge points of each target model in their order, for dev and final.
    pub(super) targets: [Vec<Vec<usize>>; 2],
    /// Whether each shadow model was trained on each record `[shadows][rows]`; empty if no shadow
    /// model is queried.
    pub(super) trained_on: Vec<Vec<bool>>,
    /// The shadow models as targets, if they are to be scored too.
    pub(super) train: Option<TrainTargets>,
}

/// The models of the train split as targets.
pub(super) struct TrainTargets {
    /// The challenge points of each model, in their order.
    pub(super) points: Vec<Vec<usize>>,
    /// Which of them are members.
    pub(super) solutions: Vec<Vec<Membership>>,
}

impl QueryPlan {
    /// Plans for an attack that compares with shadow models if `with_shadows`, and for scoring
    /// these models too if `evaluate_train`.
    ///
    /// # Errors
    /// A model or solution that is missing, or files that contradict each other.
    pub(super) fn new(
        track: &PublicTrack,
        scenario: &PublicScenario,
        with_shadows: bool,
        evaluate_train: bool,
    ) -> Result<Self, LiraError> {
        if (with_shadows || evaluate_train) && scenario.train.is_empty() {
            return Err(LiraError::NoShadows(scenario.name.clone()));
        }
        let targets = || scenario.targets.iter().flatten();
        let queried = targets().chain(scenario.train.iter().filter(|_| with_shadows || evaluate_train));
        if let Some(model) = queried.map(Model::onnx).find(|model| !model.is_file()) {
            let problem = "the file is not there; models in PyTorch's format are turned into it by kit/export_onnx.py";
            return Err(LiraError::Network { path: model, problem: problem.to_owned() });
        }
        let attacked_rows = unique_rows(targets());
        let rows = if evaluate_train { unique_rows(targets().chain(&scenario.train)) } else { attacked_rows.clone() };
        let is_all = attacked_rows.len() == rows.len();
        let is_attacked = |&index: &usize| attacked_rows.binary_search(&rows[index]).is_ok();
        let (attacked, extra): (Vec<usize>, Vec<usize>) = (0..rows.len()).partition(is_attacked);
        let trained_on = if with_shadows { trained_on(track, scenario, &rows)? } else { Vec::new() };
        let train = if evaluate_train { Some(TrainTargets::new(track, scenario, &rows)?) } else { None };
        let points = |models: &Vec<Model>| models.iter().map(|model| record_indices(&rows, &model.rows)).collect();
        Ok(Self {
            all: 0..rows.len(),
            attacked: (!is_all).then_some(attacked),
            extra,
            targets: scenario.targets.each_ref().map(points),
            trained_on,
            train,
            rows,
        })
    }

    /// Queries in all: one for each model and each record that it is queried on.
    pub(super) fn query_count(&self) -> u64 {
        let points = |models: &[Vec<usize>]| models.iter().map(Vec::len).sum::<usize>();
        let targets: usize = self.targets.iter().map(|models| points(models)).sum();
        // Where shadow models are queried on every record, their own points are among these.
        let own = self.train.as_ref().filter(|_| self.trained_on.is_empty());
        let own = own.map_or(0, |train| points(&train.points));
        (targets + own + self.trained_on.len() * self.rows.len()) as u64
    }
}

impl TrainTargets {
    fn new(track: &PublicTrack, scenario: &PublicScenario, rows: &[usize]) -> Result<Self, LiraError> {
        let mut solutions = Vec::new();
        for model in &scenario.train {
            let solution = track.revealed_solution(model)?;
            let missing = || LiraError::data(&model.folder, "--evaluate-train needs solution.csv, which is not there");
            solutions.push(solution.ok_or_else(missing)?);
        }
        Ok(Self { points: scenario.train.iter().map(|model| record_indices(rows, &model.rows)).collect(), solutions })
    }
}

/// The rows of the models' challenge points, ascending, each once.
fn unique_rows<'a>(models: impl Iterator<Item = &'a Model>) -> Vec<usize> {
    let mut rows: Vec<usize> = models.flat_map(|model| model.rows.iter().copied()).collect();
    rows.sort_unstable();
    rows.dedup();
    rows
}

/// Whether each shadow model was trained on each of `rows` `[shadows][rows]`.
fn trained_on(track: &PublicTrack, scenario: &PublicScenario, rows: &[usize]) -> Result<Vec<Vec<bool>>, LiraError> {
    let nameless = scenario.targets.iter().flatten().chain(&scenario.train).find(|model| !model.has_rows());
    if let Some(model) = nameless {
        let problem = "challenge.npz has no `idx`, so nothing tells which shadow models were trained on its points; \
                       --attack loss does without";
        return Err(LiraError::data(&model.folder, problem));
    }
    scenario
        .train
        .par_iter()
        .map(|model| {
            let trained = track.rows_trained_on(model)?;
            check_against_solution(track, model, &trained)?;
            let mut trained = trained.into_iter().peekable();
            let is_trained_on = |&row: &usize| {
                while trained.next_if(|&next| next < row).is_some() {}
                trained.peek() == Some(&row)
            };
            Ok(rows.iter().map(is_trained_on).collect())
        })
        .collect()
}

/// Checks the rows a model was `trained` on against its solution, where there is one: rows that are
/// counted from another origin would make every score meaningless, and the solution reveals that.
fn check_against_solution(track: &PublicTrack, model: &Model, trained: &[usize]) -> Result<(), LiraError> {
    let Some(solution) = track.revealed_solution(model)? else { return Ok(()) };
    let wrong = model
        .rows
        .iter()
        .zip(solution)
        .position(|(row, membership)| (membership == Membership::Member) != trained.binary_search(row).is_ok());
    let Some(point) = wrong else { return Ok(()) };
    let problem = format!(
        "by solution.csv its challenge point {} (row {} of the pool) is {}; by the rows it was trained on it is not",
        point + 1,
        model.rows[point],
        if trained.binary_search(&model.rows[point]).is_ok() { "no member" } else { "a member" }
    );
    Err(LiraError::data(&model.folder, problem))
}
