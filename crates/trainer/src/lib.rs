//! Makes a track: draws the splits, trains the networks and writes the directory an organiser imports.
//!
//! It makes files and nothing else; whoever calls it hands them to the importer. One seed gives the same bytes
//! whatever the number of threads.

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
pub use self::demo_track::demo_plan;
pub use self::directory::{Leftover, WriteError, interrupted_seed};
pub use self::network::{Network, Widths};
pub use self::onnx::{OnnxError, read as read_onnx, write as write_onnx};
pub use self::plan::{ModelCounts, PlanError, Privacy, ScenarioPlan, TrainPlan};
pub use self::report::{PrivacyReport, Report, ScenarioReport};
pub use self::sgd::Schedule;
pub use self::split::Seed;

use self::directory::{Recipe, ScenarioFile, Staging, TrackFile};
use self::run::{Job, Run};

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
    #[error("training of {scenario}/{split}/model_{number} ran away: try a smaller rate")]
    Diverged {
        /// Which scenario.
        scenario: String,
        /// Which split.
        split: Split,
        /// Which model.
        number: usize,
    },
    /// It was told to stop.
    #[error("stopped after {done} of {total} models, which are kept in {}: the same command goes on", kept.display())]
    Stopped {
        /// Models trained and written, by this run and those before.
        done: usize,
        /// Models in all.
        total: usize,
        /// Where they are.
        kept: PathBuf,
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

/// How to go about it.
#[derive(Clone, Copy, Debug)]
pub struct Conditions<'a> {
    /// What an interrupted run left.
    pub leftover: Leftover,
    /// Models trained side by side. The bytes do not depend on it.
    pub threads: NonZero<usize>,
    /// Once it is set, training ends soon with [`TrainError::Stopped`].
    pub stop: &'a AtomicBool,
}

/// As many threads as the machine has cores, one where nothing tells.
pub fn all_cores() -> NonZero<usize> {
    thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN)
}

/// Trains every model of `plan` on `dataset` and writes the track directory `out`.
///
/// `progress` is called on this thread, at the beginning and after each model. `out` must not exist or be an empty
/// folder; it appears when it is complete. What is done until then is kept beside it and taken up again by the next call
/// with the same plan and data; the bytes are the same as if there had been one run.
///
/// # Errors
/// [`TrainError`].
pub fn train(
    plan: &TrainPlan,
    dataset: &Dataset,
    out: &Path,
    conditions: Conditions<'_>,
    progress: &mut dyn FnMut(Progress),
) -> Result<Report, TrainError> {
    plan.check(dataset)?;
    // Known before minutes of work, and looked at again once nobody else can be writing it.
    directory::make_free(out)?;
    let accounted = plan.scenarios.iter().map(ScenarioPlan::account).collect::<Result<Vec<_>, _>>()?;
    let recipe = Recipe {
        program: concat!("callimico ", env!("CARGO_PKG_VERSION")),
        seed: plan.seed.to_hex(),
        dataset: dataset.fingerprint(),
        plan,
    };
    let (staging, mut journal) = Staging::begin(out, &recipe, conditions.leftover)?;
    staging.write_track_file(&track_file(plan))?;
    staging.write_pool(dataset)?;
    let jobs = run::jobs(plan);
    let run = Run { plan, accounted: &accounted, dataset, staging: &staging, stop: conditions.stop };
    let accuracies = match run.all(&jobs, &mut journal, conditions.threads, progress) {
        // It would run away again, so there is nothing to go on with.
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
