//! Makes a track: draws the splits, trains the networks and writes the directory that an organiser
//! imports.
//!
//! This crate turns a [`TrainPlan`] and a [`Dataset`] into files. It knows nothing of the server,
//! its database or the scoring of submissions. One seed gives the same bytes on every machine and
//! with any number of threads.
//!
//! Start reading at [`train`], which does these steps:
//!
//! - `plan` checks what is to be trained, and asks the [`accountant`] how much noise an epsilon
//!   needs;
//! - `run` trains the models in parallel: `split` draws the rows of each, and `sgd` or `dp_sgd`
//!   trains its `network`;
//! - `directory` writes the files of each model, of which `onnx` encodes the network, and `journal`
//!   records it as complete, so that an interrupted run can go on;
//! - `report` says how accurate and how private the models are.

pub mod accountant;
mod dataset;
mod demo_track;
mod directory;
mod dp_sgd;
mod journal;
mod network;
mod onnx;
mod plan;
mod report;
mod run;
mod sgd;
mod split;
#[cfg(test)]
mod tests;
mod wire;

use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::thread;

use scoring::Split;

pub use self::dataset::{Dataset, DatasetError};
pub use self::demo_track::{demo_plan, ended_demo_plan};
pub use self::directory::{ResumePolicy, WriteError, interrupted_seed};
pub use self::plan::{ModelCounts, PlanError, Privacy, ScenarioPlan, TrainPlan};
pub use self::report::{PrivacyReport, Report, ScenarioReport};
pub use self::sgd::Schedule;
pub use self::split::Seed;

use self::directory::{Recipe, ScenarioFile, Staging, TrackFile};
use self::run::{Job, TrainingRun};

/// Why a track could not be made.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// The plan is invalid, or does not fit the data set.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The directory could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// Training diverged: a weight is infinite or NaN. A smaller learning rate helps.
    #[error("training of {scenario}/{split}/model_{number} ran away: try a smaller rate")]
    Diverged {
        /// Which scenario.
        scenario: String,
        /// Which split.
        split: Split,
        /// Which model.
        number: usize,
    },
    /// The run was told to stop.
    #[error("stopped after {done} of {total} models, which are kept in {}: the same command goes on", kept.display())]
    Stopped {
        /// Models trained and written, in this run and before it.
        done: usize,
        /// Models in all.
        total: usize,
        /// The folder in which they are kept.
        kept: PathBuf,
    },
}

/// How many models are done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrainingProgress {
    /// Models trained and written.
    pub done: usize,
    /// Models in all.
    pub total: usize,
}

/// How to run the training. Nothing here changes the bytes that are written.
#[derive(Clone, Copy, Debug)]
pub struct RunOptions<'a> {
    /// What to do with what an interrupted run has left.
    pub resume: ResumePolicy,
    /// Models trained in parallel.
    pub threads: NonZero<usize>,
    /// Once it is true, the run ends soon with [`TrainError::Stopped`].
    pub stop: &'a AtomicBool,
}

/// As many threads as the machine has cores; one if that is unknown.
pub fn all_cores() -> NonZero<usize> {
    thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN)
}

/// Trains every model of `plan` on `dataset` and writes the track directory `out`.
///
/// `on_progress` is called on the calling thread, at the beginning and after each model.
///
/// `out` must not exist, or be an empty folder; it appears when it is complete. Until then,
/// finished models are kept in a folder beside it, from which the next call with the same plan and
/// data goes on. The bytes are the same as those of a single run.
///
/// # Errors
/// [`TrainError`].
pub fn train(
    plan: &TrainPlan,
    dataset: &Dataset,
    out: &Path,
    options: RunOptions<'_>,
    on_progress: &mut dyn FnMut(TrainingProgress),
) -> Result<Report, TrainError> {
    plan.check(dataset)?;
    // Checked now to fail before minutes of work, and again once the lock keeps other runs out.
    directory::make_free(out)?;
    let accounted = plan.scenarios.iter().map(ScenarioPlan::account).collect::<Result<Vec<_>, _>>()?;
    let recipe = Recipe {
        program: concat!("callimico ", env!("CARGO_PKG_VERSION")),
        seed: plan.seed.to_hex(),
        dataset: dataset.fingerprint(),
        plan,
    };
    let (staging, mut journal) = Staging::begin(out, &recipe, options.resume)?;
    staging.write_track_file(&track_file(plan))?;
    staging.write_pool(dataset)?;
    let jobs = run::jobs(plan);
    let run = TrainingRun { plan, accounted: &accounted, dataset, staging: &staging, stop: options.stop };
    let accuracies = match run.train_all(&jobs, &mut journal, options.threads, on_progress) {
        // The same plan would diverge again, so there is nothing to go on with.
        Err(error @ TrainError::Diverged { .. }) => {
            staging.discard()?;
            return Err(error);
        }
        other => other?,
    };
    let report = Report::new(plan, dataset, &accounted, &jobs, &accuracies);
    staging.publish(&report, journal)?;
    Ok(report)
}

fn track_file(plan: &TrainPlan) -> TrackFile {
    let scenarios = plan.scenarios.iter().map(|scenario| {
        let epsilon = scenario.privacy.map(|privacy| privacy.epsilon);
        (scenario.name.clone(), ScenarioFile { label: scenario.label.clone(), epsilon })
    });
    TrackFile { title: plan.title.clone(), description: plan.description.clone(), scenarios: scenarios.collect() }
}
