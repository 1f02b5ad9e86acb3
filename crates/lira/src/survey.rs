//! What has to be asked on a scenario: which rows, of whom, and who was trained on what. Found out for all scenarios
//! before the first model is loaded, so that a mistake in the last file does not cost a night.

use std::ops::Range;

use rayon::prelude::*;
use scoring::Membership;

use super::LiraError;
use super::records::places;
use super::track::{Model, PublicScenario, PublicTrack};

/// What has to be asked on a scenario. All rows are numbers of the pool's, ascending, and all places count in them.
pub(super) struct Survey {
    /// All rows that somebody is asked about.
    pub(super) rows: Vec<usize>,
    /// All of them.
    pub(super) all: Range<usize>,
    /// Of the challenge points of the models under attack; `None` if these are all.
    pub(super) attacked: Option<Vec<usize>>,
    /// The others.
    pub(super) extra: Vec<usize>,
    /// The challenge points of each target model, dev and final.
    pub(super) targets: [Vec<Vec<usize>>; 2],
    /// Of each shadow model, which rows it was trained on; empty if nobody asks.
    pub(super) trained_on: Vec<Vec<bool>>,
    /// The challenge points of each shadow model and which of them are members, if they are to be scored too.
    pub(super) train: Option<Train>,
}

/// The models of the train split as targets.
pub(super) struct Train {
    pub(super) points: Vec<Vec<usize>>,
    pub(super) solutions: Vec<Vec<Membership>>,
}

impl Survey {
    /// For an attack that compares with shadow models, if `shadows`, and to score them too, if `evaluate`.
    pub(super) fn of(
        track: &PublicTrack,
        scenario: &PublicScenario,
        shadows: bool,
        evaluate: bool,
    ) -> Result<Self, LiraError> {
        if (shadows || evaluate) && scenario.train.is_empty() {
            return Err(LiraError::NoShadows(scenario.name.clone()));
        }
        let targets = || scenario.targets.iter().flatten();
        let asked = targets().chain(scenario.train.iter().filter(|_| shadows || evaluate));
        if let Some(model) = asked.map(Model::onnx).find(|model| !model.is_file()) {
            let problem = "the file is not there; models in PyTorch's format are turned into it by kit/export_onnx.py";
            return Err(LiraError::Network { path: model, problem: problem.to_owned() });
        }
        let attacked = unique(targets());
        let rows = if evaluate { unique(targets().chain(&scenario.train)) } else { attacked.clone() };
        let is_all = attacked.len() == rows.len();
        let is_attacked = |&place: &usize| attacked.binary_search(&rows[place]).is_ok();
        let (inside, extra): (Vec<usize>, Vec<usize>) = (0..rows.len()).partition(is_attacked);
        let trained_on = if shadows { trained_on(track, scenario, &rows)? } else { Vec::new() };
        let train = if evaluate { Some(Train::of(track, scenario, &rows)?) } else { None };
        let points = |models: &Vec<Model>| models.iter().map(|model| places(&rows, &model.rows)).collect();
        Ok(Self {
            all: 0..rows.len(),
            attacked: (!is_all).then_some(inside),
            extra,
            targets: scenario.targets.each_ref().map(points),
            trained_on,
            train,
            rows,
        })
    }

    /// How many answers of models it takes.
    pub(super) fn queries(&self, shadows: bool) -> u64 {
        let points = |models: &[Vec<usize>]| models.iter().map(Vec::len).sum::<usize>();
        let targets: usize = self.targets.iter().map(|models| points(models)).sum();
        let own = self.train.as_ref().filter(|_| !shadows).map_or(0, |train| points(&train.points));
        (targets + own + self.trained_on.len() * self.rows.len()) as u64
    }
}

impl Train {
    fn of(track: &PublicTrack, scenario: &PublicScenario, rows: &[usize]) -> Result<Self, LiraError> {
        let mut solutions = Vec::new();
        for model in &scenario.train {
            let solution = track.revealed_solution(model)?;
            let missing = || LiraError::data(&model.folder, "--evaluate-train needs solution.csv, which is not there");
            solutions.push(solution.ok_or_else(missing)?);
        }
        Ok(Self { points: scenario.train.iter().map(|model| places(rows, &model.rows)).collect(), solutions })
    }
}

/// The rows of the models' challenge points, ascending, each once.
fn unique<'a>(models: impl Iterator<Item = &'a Model>) -> Vec<usize> {
    let mut rows: Vec<usize> = models.flat_map(|model| model.rows.iter().copied()).collect();
    rows.sort_unstable();
    rows.dedup();
    rows
}

/// Of each shadow model, which of `rows` it was trained on.
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

/// Rows that count from elsewhere would make nonsense of every score, and their own solution gives them away.
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
