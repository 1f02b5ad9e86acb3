//! `callimico train`: makes a track directory from a data set.

use std::fmt::Write as _;
use std::fs;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::atomic::AtomicBool;

use anyhow::Context;

use super::progress::Bar;
use super::{Failure, serve};
use crate::domain::slug::Slug;
use crate::importer::settings;
use trainer::{
    self, Dataset, ModelCounts, Privacy, Report, ResumePolicy, RunOptions, ScenarioPlan, Schedule, Seed, TrainError,
    TrainPlan, TrainingProgress, WriteError,
};

/// More is no privacy at all: then `inf` is meant.
const MOST_EPSILON: f64 = 10_000.0;

/// Seeds shorter than this are found by trying.
const GUESSABLE: usize = 16;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// An .npz file with x [N, …] (numbers) and y [N] (classes 0, 1, 2, …)
    #[arg(long, value_name = "FILE")]
    dataset: PathBuf,
    /// The track directory to make; its name is the track's short name
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// The track's title; from its short name if not given
    #[arg(long)]
    title: Option<String>,
    /// Scenarios: `inf` (no differential privacy), `hi` (epsilon 10), `lo` (epsilon 4), or any epsilon
    #[arg(long, value_delimiter = ',', default_value = "inf,hi,lo")]
    scenarios: Vec<PrivacyLevel>,
    /// Models of a scenario: train, dev and final
    #[arg(long, value_delimiter = ',', default_value = "100,50,50", value_name = "TRAIN,DEV,FINAL")]
    models: Vec<usize>,
    /// m: members among the challenge points of a model, and as many non-members
    #[arg(long, default_value_t = 100, value_name = "M")]
    challenge: usize,
    /// n: rows each model is trained on, members included; half of the data set if not given
    #[arg(long, value_name = "N")]
    training: Option<usize>,
    /// Units of the hidden layer
    #[arg(long, default_value_t = 128)]
    hidden: usize,
    #[command(flatten)]
    schedule: ScheduleArgs,
    #[command(flatten)]
    privacy: PrivacyArgs,
    /// Any text; the same seed and options give the same bytes. Without it one of 256 bits is drawn. Whoever knows
    /// the seed knows the solutions
    #[arg(long, value_name = "TEXT")]
    seed: Option<String>,
    /// Models trained side by side; as many as there are cores if not given
    #[arg(long, value_name = "N")]
    threads: Option<NonZero<usize>>,
    /// Begin anew even where an interrupted run could go on
    #[arg(long)]
    restart: bool,
    /// Print the report as JSON instead of a table
    #[arg(long)]
    json: bool,
}

/// How models are trained. Where nothing is given the defaults differ: without differential privacy 40 epochs, batch
/// 128, rate 0.1, momentum 0.9; with it 30 epochs, batch 128, rate 0.5, momentum 0.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Training")]
struct ScheduleArgs {
    /// Passes over the training rows [default: 40, with differential privacy 30]
    #[arg(long)]
    epochs: Option<usize>,
    /// Rows in a step; with differential privacy, expected rows [default: 128]
    #[arg(long)]
    batch: Option<usize>,
    /// Learning rate [default: 0.1, with differential privacy 0.5]
    #[arg(long)]
    rate: Option<f32>,
    /// Share of the last step that is kept [default: 0.9, with differential privacy 0]
    #[arg(long)]
    momentum: Option<f32>,
    /// Weight decay
    #[arg(long, default_value_t = 0.0)]
    weight_decay: f32,
    /// Epochs of the scenarios with differential privacy, where they are to differ
    #[arg(long)]
    dp_epochs: Option<usize>,
    /// Their expected rows in a step
    #[arg(long)]
    dp_batch: Option<usize>,
    /// Their learning rate
    #[arg(long)]
    dp_rate: Option<f32>,
    /// Their momentum
    #[arg(long)]
    dp_momentum: Option<f32>,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Differential privacy")]
struct PrivacyArgs {
    /// The Euclidean norm to which the gradient of each row is clipped
    #[arg(long, alias = "clip", default_value_t = 1.0, value_name = "C")]
    clipping_norm: f32,
    /// The delta at which epsilon holds
    #[arg(long, default_value_t = 1e-5)]
    delta: f64,
}

impl ScheduleArgs {
    fn plain(&self) -> Schedule {
        Schedule {
            epochs: self.epochs.unwrap_or(40),
            batch: self.batch.unwrap_or(128),
            rate: self.rate.unwrap_or(0.1),
            momentum: self.momentum.unwrap_or(0.9),
            weight_decay: self.weight_decay,
        }
    }

    fn private(&self) -> Schedule {
        Schedule {
            epochs: self.dp_epochs.or(self.epochs).unwrap_or(30),
            batch: self.dp_batch.or(self.batch).unwrap_or(128),
            rate: self.dp_rate.or(self.rate).unwrap_or(0.5),
            momentum: self.dp_momentum.or(self.momentum).unwrap_or(0.0),
            weight_decay: self.weight_decay,
        }
    }
}

/// The differential privacy of a scenario, as it is asked for on the command line.
#[derive(Clone, Debug, PartialEq)]
enum PrivacyLevel {
    WithoutPrivacy,
    High,
    Low,
    Epsilon(f64),
}

impl FromStr for PrivacyLevel {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim() {
            "inf" | "none" => Ok(Self::WithoutPrivacy),
            "hi" => Ok(Self::High),
            "lo" => Ok(Self::Low),
            number => match number.parse::<f64>() {
                Ok(epsilon) if epsilon == f64::INFINITY => Ok(Self::WithoutPrivacy),
                Ok(epsilon) if epsilon > 0.0 && epsilon <= MOST_EPSILON => Ok(Self::Epsilon(epsilon)),
                _ => Err(format!("a scenario is `inf`, `hi`, `lo` or an epsilon above 0 and up to {MOST_EPSILON}")),
            },
        }
    }
}

impl PrivacyLevel {
    fn epsilon(&self) -> Option<f64> {
        match self {
            Self::WithoutPrivacy => None,
            Self::High => Some(10.0),
            Self::Low => Some(4.0),
            Self::Epsilon(epsilon) => Some(*epsilon),
        }
    }

    /// What follows the track's name in the scenario's.
    fn suffix(&self) -> String {
        match self {
            Self::WithoutPrivacy => "inf".to_owned(),
            Self::High => "hi".to_owned(),
            Self::Low => "lo".to_owned(),
            Self::Epsilon(epsilon) => format!("eps{epsilon}"),
        }
    }

    fn label(&self) -> String {
        match self {
            Self::WithoutPrivacy => "No DP".to_owned(),
            Self::High => "High ε".to_owned(),
            Self::Low => "Low ε".to_owned(),
            Self::Epsilon(epsilon) => format!("ε {epsilon}"),
        }
    }
}

pub(super) async fn run(args: Args) -> Result<(), Failure> {
    let stop = serve::stop_flag()?;
    let json = args.json;
    let out = args.out.clone();
    let report = tokio::task::spawn_blocking(move || train(&args, &stop)).await.context("training broke off")??;
    if json {
        super::output::line!("{}", serde_json::to_string_pretty(&report).context("cannot write the report as JSON")?);
    } else {
        super::output::text!("{report}");
    }
    let track = track_name(&out);
    let named =
        if out.file_name().is_some_and(|name| *name == *track) { String::new() } else { format!(" --track {track}") };
    eprintln!("\nwrote {0}; next: callimico import {0}{named} --competition NAME", out.display());
    Ok(())
}

fn train(args: &Args, stop: &AtomicBool) -> Result<Report, Failure> {
    let bytes = fs::read(&args.dataset)
        .map_err(|error| Failure::input(format!("cannot read {}: {error}", args.dataset.display())))?;
    let dataset = Dataset::from_npz(&bytes)
        .map_err(|error| Failure::Input(anyhow::Error::new(error).context(args.dataset.display().to_string())))?;
    drop(bytes);
    for note in dataset.notes() {
        eprintln!("note: {note}");
    }
    let plan = plan(args, &dataset)?;
    let threads = args.threads.unwrap_or_else(trainer::all_cores);
    let resume = if args.restart { ResumePolicy::Restart } else { ResumePolicy::Resume };
    let mut bar = None;
    let mut on_progress = |TrainingProgress { done, total }| {
        let (done, total) = (done as u64, total as u64);
        match &bar {
            None => {
                if done > 0 {
                    eprintln!("going on after {done} models of an interrupted run");
                }
                bar.insert(Bar::new(total, "models")).begin_at(done);
            }
            Some(bar) => bar.set(done),
        }
    };
    let options = RunOptions { resume, threads, stop };
    trainer::train(&plan, &dataset, &args.out, options, &mut on_progress).map_err(failure)
}

fn plan(args: &Args, dataset: &Dataset) -> Result<TrainPlan, Failure> {
    let &[train, dev, last] = args.models.as_slice() else {
        return Err(Failure::input("--models takes three numbers: train, dev and final, for example 100,50,50"));
    };
    let track = track_name(&args.out);
    let training = args.training.unwrap_or(dataset.len() / 2);
    let scenario = |level: &PrivacyLevel| ScenarioPlan {
        name: format!("{track}_{}", level.suffix()),
        label: level.label(),
        training,
        hidden: args.hidden,
        schedule: if level.epsilon().is_some() { args.schedule.private() } else { args.schedule.plain() },
        privacy: level.epsilon().map(|epsilon| Privacy {
            epsilon,
            delta: args.privacy.delta,
            clipping_norm: args.privacy.clipping_norm,
        }),
    };
    Ok(TrainPlan {
        title: args.title.clone().unwrap_or_else(|| settings::title_from(&track)),
        description: description(args, dataset, training),
        scenarios: args.scenarios.iter().map(scenario).collect(),
        models: ModelCounts { train, dev, r#final: last },
        challenge: args.challenge,
        seed: seed(args)?,
    })
}

/// The seed that was given, else that of the interrupted run, else a new one.
fn seed(args: &Args) -> Result<Seed, Failure> {
    if let Some(text) = &args.seed {
        if text.len() < GUESSABLE {
            eprintln!("note: whoever guesses the seed has the solutions; leave --seed out for a real competition");
        }
        return Ok(Seed::from_text(text));
    }
    let begun = if args.restart { None } else { trainer::interrupted_seed(&args.out).map_err(write_failure)? };
    Ok(begun.unwrap_or_else(|| Seed::new(rand::random())))
}

/// The track's short name: that of its folder, with what a short name cannot hold replaced.
fn track_name(out: &Path) -> String {
    let folder = out.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if folder.parse::<Slug>().is_ok() {
        return folder;
    }
    let lower = folder.to_lowercase();
    let letters = lower.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' });
    let name: String = letters.collect::<String>().trim_matches(['_', '-']).chars().take(64).collect();
    if name.is_empty() { "track".to_owned() } else { name }
}

fn description(args: &Args, dataset: &Dataset, training: usize) -> String {
    let (inputs, classes, hidden) = (dataset.inputs(), dataset.classes(), args.hidden);
    let mut text = format!(
        "Which of its challenge points was each network trained on? Networks {inputs}-{hidden}-{classes} with tanh, \
         each trained on {training} of {} records",
        dataset.len()
    );
    let private: Vec<String> =
        args.scenarios.iter().filter_map(PrivacyLevel::epsilon).map(|epsilon| format!("ε = {epsilon}")).collect();
    if !private.is_empty() {
        // Writing to a text does not fail.
        let _ = write!(text, "; with differential privacy at {}, δ = {:e}", private.join(", "), args.privacy.delta);
    }
    text + "."
}

fn failure(error: TrainError) -> Failure {
    match error {
        TrainError::Plan(_) | TrainError::Diverged { .. } => Failure::Input(error.into()),
        TrainError::Write(error) => write_failure(error),
        TrainError::Stopped { .. } => Failure::Stopped(error.into()),
    }
}

fn write_failure(error: WriteError) -> Failure {
    match error {
        WriteError::Exists(_)
        | WriteError::Foreign(_)
        | WriteError::NoName(_)
        | WriteError::Busy(_)
        | WriteError::OtherRecipe(_) => Failure::Input(error.into()),
        other => Failure::Ours(other.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scenario_is_a_word_or_an_epsilon() {
        let level = |text: &str| text.parse::<PrivacyLevel>();
        assert_eq!(level("inf"), Ok(PrivacyLevel::WithoutPrivacy));
        assert_eq!(level(" hi "), Ok(PrivacyLevel::High));
        assert_eq!(level("2.5").map(|level| level.suffix()), Ok("eps2.5".to_owned()));
        for text in ["", "0", "-1", "nan", "high", "1e999x"] {
            assert!(level(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_folder_whose_name_is_no_short_name_gives_one() {
        for (folder, name) in
            [("x/market20", "market20"), ("My Track!", "my_track"), ("…", "track"), ("tmp.Ab3", "tmp_ab3")]
        {
            assert_eq!(track_name(Path::new(folder)), name);
            assert!(name.parse::<Slug>().is_ok());
        }
    }
}
