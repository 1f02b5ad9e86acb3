//! Trains the models of a track in parallel and writes each as soon as it is trained.

use std::num::NonZero;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use scoring::Split;

use super::dataset::Dataset;
use super::directory::Staging;
use super::journal::{CompletedModel, Journal};
use super::network::{self, Batch, Network, Widths};
use super::plan::{PrivacyAccounting, TrainPlan};
use super::report::Accuracy;
use super::split::{self, ModelKey, ModelSplit, Purpose};
use super::{TrainError, TrainingProgress, dp_sgd, sgd};

/// One model to train.
#[derive(Clone, Copy)]
pub(super) struct Job {
    /// The index of its scenario in the plan.
    pub(super) scenario: usize,
    pub(super) split: Split,
    pub(super) number: usize,
}

/// All models of a plan, scenario by scenario.
pub(super) fn jobs(plan: &TrainPlan) -> Vec<Job> {
    let scenarios = 0..plan.scenarios.len();
    let of_scenario = |scenario| plan.models.numbered().map(move |(split, number)| Job { scenario, split, number });
    scenarios.flat_map(of_scenario).collect()
}

/// Everything that the training threads share.
#[derive(Clone, Copy)]
pub(super) struct TrainingRun<'a> {
    pub(super) plan: &'a TrainPlan,
    pub(super) accounted: &'a [Option<PrivacyAccounting>],
    pub(super) dataset: &'a Dataset,
    pub(super) staging: &'a Staging,
    pub(super) stop: &'a AtomicBool,
}

impl TrainingRun<'_> {
    /// Trains and writes the models that the journal does not have yet, and returns the accuracies
    /// of all in the order of `jobs`. The first error or `stop` ends the run; models in training
    /// are then dropped.
    pub(super) fn train_all(
        self,
        jobs: &[Job],
        journal: &mut Journal,
        threads: NonZero<usize>,
        on_progress: &mut dyn FnMut(TrainingProgress),
    ) -> Result<Vec<Accuracy>, TrainError> {
        let mut accuracies = self.completed_before(jobs, journal)?;
        let open: Vec<usize> = (0..jobs.len()).filter(|&index| accuracies[index].is_none()).collect();
        let mut progress = TrainingProgress { done: jobs.len() - open.len(), total: jobs.len() };
        on_progress(progress);
        let (next, failed) = (AtomicUsize::new(0), AtomicBool::new(false));
        // Without a buffer, no thread begins another model before its last one is recorded: if the
        // process is killed, only models in training are lost.
        let (sender, receiver) = mpsc::sync_channel(0);
        thread::scope(|scope| {
            for _ in 0..threads.get().min(open.len()) {
                let (sender, next, failed, open) = (sender.clone(), &next, &failed, &open);
                scope.spawn(move || {
                    while !failed.load(Ordering::Relaxed) {
                        let Some(&index) = open.get(next.fetch_add(1, Ordering::Relaxed)) else { break };
                        let Some(finished) = self.train_one(&jobs[index]).transpose() else { break };
                        if sender.send((index, finished)).is_err() {
                            break;
                        }
                    }
                });
            }
            drop(sender);
            let mut result = Ok(());
            for (index, finished) in receiver {
                let recorded = finished.and_then(|done| {
                    journal.add(&done).map_err(|error| self.staging.journal_failed(error))?;
                    Ok(done.accuracy())
                });
                match recorded {
                    Ok(accuracy) => {
                        accuracies[index] = Some(accuracy);
                        progress.done += 1;
                        on_progress(progress);
                    }
                    Err(error) => {
                        failed.store(true, Ordering::Relaxed);
                        result = result.and(Err(error));
                    }
                }
            }
            result
        })?;
        if progress.done < progress.total {
            let TrainingProgress { done, total } = progress;
            return Err(TrainError::Stopped { done, total, kept: self.staging.folder().to_owned() });
        }
        Ok(accuracies.into_iter().flatten().collect())
    }

    /// The accuracies of the models that an earlier run completed and whose files have not changed
    /// since; `None` for all others.
    fn completed_before(self, jobs: &[Job], journal: &mut Journal) -> Result<Vec<Option<Accuracy>>, TrainError> {
        let known = journal.read().map_err(|error| self.staging.journal_failed(error))?;
        let found = jobs.iter().map(|job| {
            let key = self.key(job);
            let Some(done) = known.get(&key.path()) else { return Ok(None) };
            let same = self.staging.hash_of(key)?.as_ref() == Some(&done.sha256);
            Ok(same.then(|| done.accuracy()))
        });
        found.collect()
    }

    fn key(&self, job: &Job) -> ModelKey<'_> {
        ModelKey { scenario: &self.plan.scenarios[job.scenario].name, split: job.split, number: job.number }
    }

    /// Trains and writes one model; `None` if it was stopped.
    fn train_one(self, job: &Job) -> Result<Option<CompletedModel>, TrainError> {
        let scenario = &self.plan.scenarios[job.scenario];
        let key = self.key(job);
        let split = split::draw(&self.plan.seed, key, self.plan.sizes(scenario, self.dataset));
        let Some(network) = self.fit(job, &split) else { return Ok(None) };
        if !network.is_finite() {
            let (scenario, split, number) = (scenario.name.clone(), job.split, job.number);
            return Err(TrainError::Diverged { scenario, split, number });
        }
        let sha256 = self.staging.write_model(key, self.dataset, &split, &network)?;
        let Accuracy { trained, others } = accuracy(&network, self.dataset, &split.trained_on);
        Ok(Some(CompletedModel { model: key.path(), sha256, accuracy_trained: trained, accuracy_others: others }))
    }

    fn fit(self, job: &Job, split: &ModelSplit) -> Option<Network> {
        let scenario = &self.plan.scenarios[job.scenario];
        let stream = |purpose| split::stream(&self.plan.seed, purpose, self.key(job));
        let fast_stream = |purpose| split::fast_stream(&self.plan.seed, purpose, self.key(job));
        let widths = Widths { inputs: self.dataset.inputs(), hidden: scenario.hidden, classes: self.dataset.classes() };
        let task = sgd::TrainingTask {
            widths,
            examples: self.dataset.examples(),
            rows: &split.trained_on,
            schedule: &scenario.schedule,
            stop: self.stop,
        };
        match self.accounted[job.scenario] {
            None => sgd::fit(&task, &mut stream(Purpose::Weights)),
            Some(accounted) => {
                let mut streams = dp_sgd::RandomStreams {
                    weights: fast_stream(Purpose::Weights),
                    rows: fast_stream(Purpose::Rows),
                    noise: fast_stream(Purpose::Noise),
                };
                dp_sgd::fit(&task, accounted.sampling, accounted.noise, &mut streams)
            }
        }
    }
}

/// The accuracy on the rows `trained_on`, which ascend, and on all other rows of the pool; at least
/// the non-members among the challenge points are others.
fn accuracy(network: &Network, dataset: &Dataset, trained_on: &[usize]) -> Accuracy {
    let others: Vec<usize> = (0..dataset.len()).filter(|row| trained_on.binary_search(row).is_err()).collect();
    let share = |rows: &[usize]| {
        let correct: usize =
            rows.chunks(Batch::EVALUATION_ROWS).map(|rows| network::count_correct(network, dataset, rows)).sum();
        correct as f64 / rows.len() as f64
    };
    Accuracy { trained: share(trained_on), others: share(&others) }
}
