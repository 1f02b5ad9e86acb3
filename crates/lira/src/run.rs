//! The whole attack: survey, queries, choice, scores, scenario after scenario.

use std::num::NonZero;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use rayon::prelude::*;
use scoring::{Membership, TrackShape};

use super::cache::Cache;
use super::network::Places;
use super::queries::{Desk, Job};
use super::records::Records;
use super::survey::{Survey, Train};
use super::track::{Model, PublicScenario};
use super::{
    Attack, Choice, Fitted, LeaveOneOut, LiraError, Progress, PublicTrack, Runtime, Shadows, choose, confidences,
};

/// Which attack is carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// On each scenario the one that does best on its shadow models, as [`choose`] has it.
    Best,
    /// This one.
    One(Attack),
}

impl Wanted {
    fn needs_shadows(self) -> bool {
        !matches!(self, Self::One(attack) if !attack.needs_shadows())
    }
}

/// What is done.
#[derive(Clone, Debug)]
pub struct Settings {
    /// With which attack.
    pub wanted: Wanted,
    /// Where answers of models are kept; nowhere if not given.
    pub cache: Option<PathBuf>,
    /// Whether the models of the train split are scored too, each by what is learned from the others.
    pub evaluate: bool,
}

/// How it is done.
#[derive(Clone, Copy, Debug)]
pub struct Conditions<'a> {
    /// Models asked side by side on the processor.
    pub threads: NonZero<usize>,
    /// Rows a model is asked about at once; what suits it if not given. Part of what decides about the last bits.
    pub batch: Option<usize>,
    /// Ends the run early when it becomes true.
    pub stop: &'a AtomicBool,
}

/// What is told while it is done.
#[derive(Debug)]
pub enum Event<'a> {
    /// Queries were answered.
    Queries(Progress),
    /// A scenario is done.
    Scored(&'a ScenarioReport),
}

/// What was done on a scenario.
#[derive(Clone, Debug)]
pub struct ScenarioReport {
    /// Its name.
    pub name: String,
    /// Its shadow models; 0 if none was asked.
    pub shadows: usize,
    /// Records that shadow models were asked about.
    pub rows: usize,
    /// The attack.
    pub attack: Attack,
    /// What it was chosen by; `None` if it was asked for.
    pub choice: Option<Choice>,
}

/// What comes of an attack.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What was done, in the order of the shape.
    pub scenarios: Vec<ScenarioReport>,
    /// The scores of dev and final for each scenario of the shape: models in the order of the shape, points in theirs.
    pub scores: Vec<[Vec<f64>; 2]>,
    /// The models of the train split as targets, if that was asked for.
    pub train: Option<TrainOutcome>,
}

/// Scores of the models of the train split, each by what was learned from the others.
#[derive(Clone, Debug, Default)]
pub struct TrainOutcome {
    /// For each scenario of the shape, models in its order, points in theirs.
    pub scores: Vec<Vec<f64>>,
    /// Which points are members, for each scenario and model.
    pub solutions: Vec<Vec<Vec<Membership>>>,
}

impl Outcome {
    /// The zip to upload.
    ///
    /// # Errors
    /// If memory ends.
    pub fn archive(&self, shape: &TrackShape) -> Result<Vec<u8>, zip::result::ZipError> {
        let of_scenario = |scores: &[Vec<f64>; 2]| scores.each_ref().map(|scores| confidences(scores));
        super::archive(shape, &self.scores.iter().map(of_scenario).collect::<Vec<_>>())
    }
}

/// Carries out the attack on a track. The same files give the same scores, whatever was in the cache and however many
/// threads there are.
///
/// Memory: the unique records of one scenario as they are in the files, eight bytes for each of them and each shadow
/// model (up to four times that while an attack is chosen), and for each thread one model with what it needs for a batch.
///
/// # Errors
/// [`LiraError`]; after [`LiraError::Stopped`] and after a kill the cache holds what was answered.
pub fn run(
    track: &PublicTrack,
    runtime: &Runtime,
    settings: &Settings,
    conditions: Conditions<'_>,
    tell: &mut dyn FnMut(Event<'_>),
) -> Result<Outcome, LiraError> {
    let with_shadows = settings.wanted.needs_shadows();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(conditions.threads.get()).build();
    let pool = pool.map_err(|error| LiraError::Threads(error.to_string()))?;
    let survey = |scenario| Survey::of(track, scenario, with_shadows, settings.evaluate);
    let surveys: Vec<Survey> = track.scenarios.iter().map(survey).collect::<Result<_, _>>()?;
    let total = surveys.iter().map(|survey| survey.queries(with_shadows)).sum();
    let progress = Progress { total, ..Progress::default() };
    let mut desk = Desk { runtime, cache: Cache::open(settings.cache.clone())?, conditions, progress };
    tell(Event::Queries(progress));
    let mut outcome = Outcome { scenarios: Vec::new(), scores: Vec::new(), train: None };
    for (scenario, survey) in track.scenarios.iter().zip(surveys) {
        let models = scenario.targets.iter().flatten();
        let models = models.chain(scenario.train.iter().filter(|_| settings.evaluate));
        let models: Vec<&Model> = models.collect();
        let records = pool.install(|| Records::gather(&track.pool, &models, &survey.rows))?;
        let answers = Answers::get(&mut desk, scenario, &survey, &records, tell)?;
        drop(records);
        let (attack, choice) = match settings.wanted {
            Wanted::One(attack) => (attack, None),
            Wanted::Best => {
                let choice = pool.install(|| choose(&answers.shadows));
                (choice.attack, Some(choice))
            }
        };
        outcome.scores.push(answers.scores(attack, &survey));
        if let Some(train) = &survey.train {
            let into = outcome.train.get_or_insert_default();
            into.scores.push(pool.install(|| answers.scores_of_train(attack, train, &survey)));
            into.solutions.push(train.solutions.clone());
        }
        let report = ScenarioReport {
            name: scenario.name.clone(),
            shadows: survey.trained_on.len(),
            rows: survey.attacked.as_ref().map_or(survey.rows.len(), Vec::len),
            attack,
            choice,
        };
        tell(Event::Scored(&report));
        outcome.scenarios.push(report);
    }
    Ok(outcome)
}

/// What the models of a scenario say.
struct Answers {
    /// Of the rows that are challenge points of targets.
    shadows: Shadows,
    /// Of the other rows [shadows][rows], if the train split is scored.
    extra: Vec<Vec<f64>>,
    /// Phi of each target model about its points, dev and final.
    targets: [Vec<Vec<f64>>; 2],
    /// Phi of each model of the train split about its points, where it is no shadow model.
    train: Vec<Vec<f64>>,
}

impl Answers {
    fn get(
        desk: &mut Desk<'_>,
        scenario: &PublicScenario,
        survey: &Survey,
        records: &Records,
        tell: &mut dyn FnMut(Event<'_>),
    ) -> Result<Self, LiraError> {
        let attacked = survey.attacked.as_deref().map_or(Places::Range(&survey.all), Places::Picked);
        let extra = Places::Picked(&survey.extra);
        let digest = |places: Places<'_>| records.digest(places.iter());
        let (of_attacked, of_extra) = (digest(attacked), digest(extra));
        let mut jobs = Vec::new();
        let shadows = || scenario.train.iter().filter(|_| !survey.trained_on.is_empty());
        jobs.extend(shadows().map(|model| Job { model: model.onnx(), places: attacked, digest: of_attacked }));
        if !survey.extra.is_empty() {
            jobs.extend(shadows().map(|model| Job { model: model.onnx(), places: extra, digest: of_extra }));
        }
        let own =
            survey.train.iter().filter(|_| survey.trained_on.is_empty()).map(|train| (&scenario.train, &train.points));
        for (models, points) in scenario.targets.iter().zip(&survey.targets).chain(own) {
            jobs.extend(models.iter().zip(points).map(|(model, points)| {
                let places = Places::Picked(points);
                Job { model: model.onnx(), places, digest: digest(places) }
            }));
        }
        let mut answers = desk.ask(&jobs, records, &mut |progress| tell(Event::Queries(progress)))?.into_iter();
        let mut next = |count: usize| answers.by_ref().take(count).collect::<Vec<_>>();
        let count = survey.trained_on.len();
        let phi = next(count);
        let extra = next(if survey.extra.is_empty() { 0 } else { count });
        let targets = survey.targets.each_ref().map(|models| next(models.len()));
        let train = next(scenario.train.len());
        let inside = |trained_on: &Vec<bool>| attacked.iter().map(|place| trained_on[place]).collect();
        Ok(Self { shadows: Shadows::new(phi, survey.trained_on.iter().map(inside).collect()), extra, targets, train })
    }

    /// The scores of the target models of dev and final.
    fn scores(&self, attack: Attack, survey: &Survey) -> [Vec<f64>; 2] {
        let fitted = Fitted::new(attack, &self.shadows);
        let row = |place: usize| match &survey.attacked {
            None => place,
            Some(attacked) => attacked.partition_point(|&other| other < place),
        };
        let split = |at: usize| {
            let models = survey.targets[at].iter().zip(&self.targets[at]);
            let points = models.flat_map(|(points, phi)| points.iter().zip(phi));
            points.map(|(&place, &phi)| fitted.score(phi, row(place))).collect()
        };
        [split(0), split(1)]
    }

    /// The scores of the models of the train split, learned from their own challenge points: those of all together.
    fn scores_of_train(&self, attack: Attack, train: &Train, survey: &Survey) -> Vec<f64> {
        if self.shadows.is_empty() {
            let fitted = Fitted::new(attack, &self.shadows);
            return self.train.iter().flatten().map(|&phi| fitted.score(phi, 0)).collect();
        }
        let mut places: Vec<usize> = train.points.iter().flatten().copied().collect();
        places.sort_unstable();
        places.dedup();
        // Whether a place is among the rows of the targets, and its number there or among the others.
        let at = |place: &usize| match survey.extra.binary_search(place) {
            Ok(extra) => (false, extra),
            Err(before) => (true, place - before),
        };
        let of_model = |model: usize| {
            let phi = |(is_attacked, at): (bool, usize)| {
                if is_attacked { self.shadows.phi(model, at) } else { self.extra[model][at] }
            };
            places.iter().map(|place| phi(at(place))).collect()
        };
        let inside = |trained_on: &Vec<bool>| places.iter().map(|&place| trained_on[place]).collect();
        let shadows = Shadows::new(
            (0..self.shadows.len()).map(of_model).collect(),
            survey.trained_on.iter().map(inside).collect(),
        );
        let left_out = LeaveOneOut::new(attack, &shadows);
        let row = |point: &usize| places.partition_point(|place| place < point);
        let scores = train.points.par_iter().enumerate();
        scores.flat_map_iter(|(model, points)| left_out.scores(model, points.iter().map(row))).collect()
    }
}
