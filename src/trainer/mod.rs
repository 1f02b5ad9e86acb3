//! Makes a track: draws the splits, trains the networks and writes the directory an organiser imports.
//!
//! It makes files and nothing else; whoever calls it hands them to the importer. One seed gives the same bytes
//! whatever the number of threads. The attacks in [`attack`] read only what participants are given.

pub mod attack;
mod dataset;
mod demo_track;
mod directory;
mod kernel;
mod network;
mod onnx;
mod plan;
mod sgd;
mod split;
#[cfg(test)]
mod tests;
mod wire;

use std::num::NonZero;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use scoring::Split;

pub use self::dataset::{Dataset, DatasetError};
pub use self::demo_track::demo_plan;
pub use self::directory::WriteError;
pub use self::network::{Network, Widths};
pub use self::onnx::{OnnxError, read as read_onnx, write as write_onnx};
pub use self::plan::{ModelCounts, PlanError, ScenarioPlan, TrainPlan};
pub use self::sgd::Schedule;
pub use self::split::Seed;

use self::directory::{ScenarioFile, Staging, TrackFile};
use self::split::{ModelKey, Purpose};

/// Why a track could not be made.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// The plan does not make sense, or not for this data set.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The directory could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// Training ran away: a weight is infinite or not a number. A smaller rate helps.
    #[error("training of {scenario}/{split}/model_{number} diverged: try a smaller rate")]
    Diverged {
        /// Which scenario.
        scenario: String,
        /// Which split.
        split: Split,
        /// Which model.
        number: usize,
    },
}

/// How far training has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Models trained and written.
    pub done: usize,
    /// Models in all.
    pub total: usize,
}

/// What was trained.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// In the order of the plan.
    pub scenarios: Vec<ScenarioReport>,
}

/// How good the models of one scenario are.
#[derive(Clone, Debug, PartialEq)]
pub struct ScenarioReport {
    /// The scenario's name.
    pub name: String,
    /// Its models, all splits together.
    pub models: usize,
    /// The share of rows classified rightly among those a model was trained on, averaged over the models.
    pub accuracy_trained: f64,
    /// The same among the rows of the pool it was not trained on; `None` where it was trained on all.
    pub accuracy_others: Option<f64>,
}

/// Trains every model of `plan` on `dataset` and writes the track directory `out`, using all cores.
///
/// `progress` is called on this thread, after each model. `out` must not exist; it appears when it is complete, and
/// after an error nothing is left of it.
///
/// # Errors
/// [`TrainError`].
pub fn train(
    plan: &TrainPlan,
    dataset: &Dataset,
    out: &Path,
    progress: &mut dyn FnMut(Progress),
) -> Result<Report, TrainError> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    train_on_threads(plan, dataset, out, threads, progress)
}

fn train_on_threads(
    plan: &TrainPlan,
    dataset: &Dataset,
    out: &Path,
    threads: usize,
    progress: &mut dyn FnMut(Progress),
) -> Result<Report, TrainError> {
    plan.check(dataset)?;
    let staging = Staging::begin(out)?;
    staging.write_track_file(&track_file(plan))?;
    staging.write_pool(dataset)?;
    let jobs = jobs(plan);
    let run = Run { plan, dataset, staging: &staging };
    let accuracies = run.all(&jobs, threads, progress)?;
    let report = report(plan, &jobs, &accuracies);
    staging.publish()?;
    Ok(report)
}

/// One model to train.
#[derive(Clone, Copy)]
struct Job {
    /// Index into the plan's scenarios.
    scenario: usize,
    split: Split,
    number: usize,
}

fn jobs(plan: &TrainPlan) -> Vec<Job> {
    let scenarios = 0..plan.scenarios.len();
    let of_scenario = |scenario| plan.models.numbered().map(move |(split, number)| Job { scenario, split, number });
    scenarios.flat_map(of_scenario).collect()
}

/// Rightly classified shares of one model, on its own rows and on the others.
#[derive(Clone, Copy)]
struct Accuracy {
    trained: f64,
    others: Option<f64>,
}

/// What the threads share.
#[derive(Clone, Copy)]
struct Run<'a> {
    plan: &'a TrainPlan,
    dataset: &'a Dataset,
    staging: &'a Staging,
}

impl Run<'_> {
    /// Trains and writes all models; the accuracies are in the order of `jobs`. The first error ends it.
    fn all(
        self,
        jobs: &[Job],
        threads: usize,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Vec<Accuracy>, TrainError> {
        let (next, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
        let (sender, receiver) = mpsc::channel();
        let mut accuracies = vec![None; jobs.len()];
        thread::scope(|scope| {
            for _ in 0..threads.clamp(1, jobs.len()) {
                let (sender, next, stop) = (sender.clone(), &next, &stop);
                scope.spawn(move || {
                    while !stop.load(Ordering::Relaxed) {
                        let index = next.fetch_add(1, Ordering::Relaxed);
                        let Some(job) = jobs.get(index) else { break };
                        if sender.send((index, self.one(job))).is_err() {
                            break;
                        }
                    }
                });
            }
            drop(sender);
            let mut result = Ok(());
            for (done, (index, finished)) in receiver.iter().enumerate() {
                match finished {
                    Ok(accuracy) => {
                        accuracies[index] = Some(accuracy);
                        progress(Progress { done: done + 1, total: jobs.len() });
                    }
                    Err(error) => {
                        stop.store(true, Ordering::Relaxed);
                        result = result.and(Err(error));
                    }
                }
            }
            result
        })?;
        Ok(accuracies.into_iter().flatten().collect())
    }

    fn one(self, job: &Job) -> Result<Accuracy, TrainError> {
        let scenario = &self.plan.scenarios[job.scenario];
        let key = ModelKey { scenario: &scenario.name, split: job.split, number: job.number };
        let split = split::draw(&self.plan.seed, key, self.plan.sizes(scenario, self.dataset));
        let widths = Widths { inputs: self.dataset.inputs(), hidden: scenario.hidden, classes: self.dataset.classes() };
        let mut rng = split::stream(&self.plan.seed, Purpose::Weights, key);
        let network = sgd::fit(widths, self.dataset.examples(), &split.trained_on, &scenario.schedule, &mut rng);
        if !network.is_finite() {
            let (scenario, split, number) = (scenario.name.clone(), job.split, job.number);
            return Err(TrainError::Diverged { scenario, split, number });
        }
        self.staging.write_model(key, self.dataset, &split, &network)?;
        Ok(accuracy(&network, self.dataset, &split.trained_on))
    }
}

/// `trained_on` is ascending.
fn accuracy(network: &Network, dataset: &Dataset, trained_on: &[usize]) -> Accuracy {
    let others: Vec<usize> = (0..dataset.len()).filter(|row| trained_on.binary_search(row).is_err()).collect();
    let share = |rows: &[usize]| {
        let (mut records, mut labels) = (Vec::new(), Vec::new());
        sgd::gather(dataset.examples(), rows, &mut records, &mut labels);
        let correct = network::correct(&network.logits(&records), &labels, dataset.classes());
        correct as f64 / rows.len() as f64
    };
    Accuracy { trained: share(trained_on), others: (!others.is_empty()).then(|| share(&others)) }
}

fn report(plan: &TrainPlan, jobs: &[Job], accuracies: &[Accuracy]) -> Report {
    let scenarios = plan.scenarios.iter().enumerate().map(|(index, scenario)| {
        let of_scenario = jobs.iter().zip(accuracies).filter(|(job, _)| job.scenario == index);
        let models: Vec<Accuracy> = of_scenario.map(|(_, &accuracy)| accuracy).collect();
        let others: Option<Vec<f64>> = models.iter().map(|accuracy| accuracy.others).collect();
        ScenarioReport {
            name: scenario.name.clone(),
            models: models.len(),
            accuracy_trained: mean(models.iter().map(|accuracy| accuracy.trained)),
            accuracy_others: others.map(|others| mean(others.into_iter())),
        }
    });
    Report { scenarios: scenarios.collect() }
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len() as f64;
    values.sum::<f64>() / count
}

fn track_file(plan: &TrainPlan) -> TrackFile {
    let scenarios = plan.scenarios.iter().map(|scenario| {
        let file = ScenarioFile { label: scenario.label.clone(), epsilon: None };
        (scenario.name.clone(), file)
    });
    TrackFile { title: plan.title.clone(), description: plan.description.clone(), scenarios: scenarios.collect() }
}
