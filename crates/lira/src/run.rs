//! The whole attack on a track: plans the queries, asks the models, selects an attack and scores,
//! scenario after scenario.

use std::num::NonZero;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use rayon::prelude::*;
use scoring::{Membership, TrackShape};

use super::cache::Cache;
use super::network::RecordIndices;
use super::queries::{Job, QueryRunner};
use super::query_plan::{QueryPlan, TrainTargets};
use super::records::Records;
use super::track::{Model, PublicScenario};
use super::{
    Attack, FittedAttack, LeaveOneOut, LiraError, PublicTrack, QueryProgress, Runtime, Selection, Shadows, confidences,
    select,
};

/// Which attack is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttackChoice {
    /// On each scenario the one that does best on its shadow models, by [`select`].
    Best,
    /// This one on every scenario.
    One(Attack),
}

impl AttackChoice {
    fn needs_shadows(self) -> bool {
        !matches!(self, Self::One(attack) if !attack.needs_shadows())
    }
}

/// What is to be computed.
#[derive(Clone, Debug)]
pub struct Settings {
    /// With which attack.
    pub attack: AttackChoice,
    /// The folder in which answers of models are kept; `None` keeps none.
    pub cache: Option<PathBuf>,
    /// Whether to score the models of the train split too, each with an attack fitted to the
    /// others.
    pub evaluate_train: bool,
}

/// How it is to be computed.
#[derive(Clone, Copy, Debug)]
pub struct RunOptions<'a> {
    /// Models queried in parallel on the processor; a GPU runs one at a time.
    pub threads: NonZero<usize>,
    /// Records in a batch; `None` takes what suits the model and the device. The batch size can
    /// change the last bits of an answer.
    pub batch: Option<usize>,
    /// Once it is true, the run ends early with [`LiraError::Stopped`].
    pub stop: &'a AtomicBool,
}

/// What a run reports on its way.
#[derive(Debug)]
pub enum Event<'a> {
    /// More queries are answered.
    Queries(QueryProgress),
    /// A scenario is scored.
    Scored(&'a ScenarioReport),
}

/// How a scenario was attacked.
#[derive(Clone, Debug)]
pub struct ScenarioReport {
    /// The scenario's name.
    pub name: String,
    /// Shadow models that were queried; 0 for an attack that needs none.
    pub shadows: usize,
    /// Challenge points of the target models, those that several share counted once.
    pub rows: usize,
    /// The attack.
    pub attack: Attack,
    /// How it was selected; `None` if it was asked for.
    pub selection: Option<Selection>,
}

/// The result of a run.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// One report for each scenario, in the order of the shape.
    pub scenarios: Vec<ScenarioReport>,
    /// The scores of dev and final for each scenario of the shape: models in the order of the
    /// shape, each with its points in theirs.
    pub scores: Vec<[Vec<f64>; 2]>,
    /// The models of the train split as targets, if that was asked for.
    pub train: Option<TrainOutcome>,
}

/// Scores of the models of the train split, each by an attack fitted to the others.
#[derive(Clone, Debug, Default)]
pub struct TrainOutcome {
    /// For each scenario of the shape: models in its order, each with its points in theirs.
    pub scores: Vec<Vec<f64>>,
    /// Which points are members, for each scenario and model.
    pub solutions: Vec<Vec<Vec<Membership>>>,
}

impl Outcome {
    /// The zip to upload.
    ///
    /// # Errors
    /// If there is not enough memory.
    pub fn archive(&self, shape: &TrackShape) -> Result<Vec<u8>, zip::result::ZipError> {
        let of_scenario = |scores: &[Vec<f64>; 2]| scores.each_ref().map(|scores| confidences(scores));
        super::archive(shape, &self.scores.iter().map(of_scenario).collect::<Vec<_>>())
    }
}

/// Attacks every scenario of a track. The same files give the same scores, whatever the cache holds
/// and however many threads there are.
///
/// Memory: the distinct records of one scenario as they are in the files; eight bytes for each
/// record and shadow model, and up to four times that while an attack is selected; and for each
/// thread one model with its buffers for a batch.
///
/// # Errors
/// [`LiraError`]; after [`LiraError::Stopped`], or if the process is killed, the cache keeps the
/// answers that it has.
pub fn run(
    track: &PublicTrack,
    runtime: &Runtime,
    settings: &Settings,
    options: RunOptions<'_>,
    on_event: &mut dyn FnMut(Event<'_>),
) -> Result<Outcome, LiraError> {
    let with_shadows = settings.attack.needs_shadows();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(options.threads.get()).build();
    let pool = pool.map_err(|error| LiraError::Threads(error.to_string()))?;
    let plan = |scenario| QueryPlan::new(track, scenario, with_shadows, settings.evaluate_train);
    let plans: Vec<QueryPlan> = track.scenarios.iter().map(plan).collect::<Result<_, _>>()?;
    let total = plans.iter().map(QueryPlan::query_count).sum();
    let progress = QueryProgress { total, ..QueryProgress::default() };
    let mut runner = QueryRunner { runtime, cache: Cache::open(settings.cache.clone())?, options, progress };
    on_event(Event::Queries(progress));
    let mut outcome = Outcome { scenarios: Vec::new(), scores: Vec::new(), train: None };
    for (scenario, plan) in track.scenarios.iter().zip(plans) {
        let models = scenario.targets.iter().flatten();
        let models = models.chain(scenario.train.iter().filter(|_| settings.evaluate_train));
        let models: Vec<&Model> = models.collect();
        let records = pool.install(|| Records::gather(&track.pool, &models, &plan.rows))?;
        let answers = Answers::query(&mut runner, scenario, &plan, &records, on_event)?;
        drop(records);
        let (attack, selection) = match settings.attack {
            AttackChoice::One(attack) => (attack, None),
            AttackChoice::Best => {
                let selection = pool.install(|| select(&answers.shadows));
                (selection.attack, Some(selection))
            }
        };
        outcome.scores.push(answers.target_scores(attack, &plan));
        if let Some(train) = &plan.train {
            let into = outcome.train.get_or_insert_default();
            into.scores.push(pool.install(|| answers.train_scores(attack, train, &plan)));
            into.solutions.push(train.solutions.clone());
        }
        let report = ScenarioReport {
            name: scenario.name.clone(),
            shadows: plan.trained_on.len(),
            rows: plan.attacked.as_ref().map_or(plan.rows.len(), Vec::len),
            attack,
            selection,
        };
        on_event(Event::Scored(&report));
        outcome.scenarios.push(report);
    }
    Ok(outcome)
}

/// The answers of a scenario's models, as phi. Records are those of the scenario's [`QueryPlan`].
struct Answers {
    /// Of the shadow models on the attacked records.
    shadows: Shadows,
    /// Of the shadow models on the extra records `[shadows][extra]`, if the train split is scored.
    extra: Vec<Vec<f64>>,
    /// Of each target model on its challenge points, for dev and final.
    targets: [Vec<Vec<f64>>; 2],
    /// Of each model of the train split on its challenge points, if it is scored without being
    /// queried as a shadow model.
    train: Vec<Vec<f64>>,
}

impl Answers {
    fn query(
        runner: &mut QueryRunner<'_>,
        scenario: &PublicScenario,
        plan: &QueryPlan,
        records: &Records,
        on_event: &mut dyn FnMut(Event<'_>),
    ) -> Result<Self, LiraError> {
        let attacked = plan.attacked.as_deref().map_or(RecordIndices::Range(&plan.all), RecordIndices::List);
        let extra = RecordIndices::List(&plan.extra);
        let digest = |indices: RecordIndices<'_>| records.digest(indices.iter());
        let (attacked_digest, extra_digest) = (digest(attacked), digest(extra));
        let mut jobs = Vec::new();
        let shadows = || scenario.train.iter().filter(|_| !plan.trained_on.is_empty());
        jobs.extend(shadows().map(|model| Job { model: model.onnx(), indices: attacked, digest: attacked_digest }));
        if !plan.extra.is_empty() {
            jobs.extend(shadows().map(|model| Job { model: model.onnx(), indices: extra, digest: extra_digest }));
        }
        let own =
            plan.train.iter().filter(|_| plan.trained_on.is_empty()).map(|train| (&scenario.train, &train.points));
        for (models, points) in scenario.targets.iter().zip(&plan.targets).chain(own) {
            jobs.extend(models.iter().zip(points).map(|(model, points)| {
                let indices = RecordIndices::List(points);
                Job { model: model.onnx(), indices, digest: digest(indices) }
            }));
        }
        let mut answers = runner.run(&jobs, records, &mut |progress| on_event(Event::Queries(progress)))?.into_iter();
        let mut next = |count: usize| answers.by_ref().take(count).collect::<Vec<_>>();
        let count = plan.trained_on.len();
        let phi = next(count);
        let extra = next(if plan.extra.is_empty() { 0 } else { count });
        let targets = plan.targets.each_ref().map(|models| next(models.len()));
        let train = next(scenario.train.len());
        let on_attacked = |trained_on: &Vec<bool>| attacked.iter().map(|index| trained_on[index]).collect();
        Ok(Self {
            shadows: Shadows::new(phi, plan.trained_on.iter().map(on_attacked).collect()),
            extra,
            targets,
            train,
        })
    }

    /// The scores of the target models of dev and final.
    fn target_scores(&self, attack: Attack, plan: &QueryPlan) -> [Vec<f64>; 2] {
        let fitted = FittedAttack::new(attack, &self.shadows);
        let row = |index: usize| match &plan.attacked {
            None => index,
            Some(attacked) => attacked.partition_point(|&other| other < index),
        };
        let split = |at: usize| {
            let models = plan.targets[at].iter().zip(&self.targets[at]);
            let points = models.flat_map(|(points, phi)| points.iter().zip(phi));
            points.map(|(&index, &phi)| fitted.score(phi, row(index))).collect()
        };
        [split(0), split(1)]
    }

    /// The scores of the models of the train split, by attacks that are fitted on the challenge
    /// points of these models.
    fn train_scores(&self, attack: Attack, train: &TrainTargets, plan: &QueryPlan) -> Vec<f64> {
        if self.shadows.is_empty() {
            let fitted = FittedAttack::new(attack, &self.shadows);
            return self.train.iter().flatten().map(|&phi| fitted.score(phi, 0)).collect();
        }
        let mut indices: Vec<usize> = train.points.iter().flatten().copied().collect();
        indices.sort_unstable();
        indices.dedup();
        // Whether a record is among the attacked ones, and its number there or among the extra
        // ones.
        let locate = |index: &usize| match plan.extra.binary_search(index) {
            Ok(extra) => (false, extra),
            Err(extra_before) => (true, index - extra_before),
        };
        let of_model = |model: usize| {
            let phi = |(is_attacked, at): (bool, usize)| {
                if is_attacked { self.shadows.phi(model, at) } else { self.extra[model][at] }
            };
            indices.iter().map(|index| phi(locate(index))).collect()
        };
        let on_indices = |trained_on: &Vec<bool>| indices.iter().map(|&index| trained_on[index]).collect();
        let shadows = Shadows::new(
            (0..self.shadows.len()).map(of_model).collect(),
            plan.trained_on.iter().map(on_indices).collect(),
        );
        let left_out = LeaveOneOut::new(attack, &shadows);
        let row = |point: &usize| indices.partition_point(|index| index < point);
        let scores = train.points.par_iter().enumerate();
        scores.flat_map_iter(|(model, points)| left_out.scores(model, points.iter().map(row))).collect()
    }
}
