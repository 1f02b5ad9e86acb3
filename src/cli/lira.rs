//! `callimico lira`: the reference baseline over a participant's copy of a track.

use std::fs::{self, File};
use std::io::Write as _;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::Context;
use ndarray::ArrayView1;
use scoring::{Split, SplitPredictions, SplitSolution, TrackShape};
use serde_json::{Map, Value, json};

use super::progress::{Bar, message};
use super::{Failure, offline, report, serve};
use lira::statistic::{Calibration, Deviations, Variances};
use lira::{
    self, Attack, AttackChoice, DeviceChoice, Event, Library, LiraError, Outcome, PublicTrack, RunOptions, Runtime,
    ScenarioReport, Settings, TrainOutcome,
};
use npz::NpzWriter;

/// More would take memory and help nobody.
const MOST_THREADS: NonZero<usize> = NonZero::new(1024).unwrap();

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The track's folder, as participants get it
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// The submission to write
    #[arg(long, value_name = "ZIP")]
    out: PathBuf,
    /// The track's short name, the first folder inside the submission; the folder's name if not given
    #[arg(long, value_name = "SLUG")]
    track: Option<String>,
    #[command(flatten)]
    attack: AttackArgs,
    #[command(flatten)]
    models: ModelArgs,
    /// Also score the train models, each by what is learned from the others, and print their scores.txt
    #[arg(long)]
    evaluate_train: bool,
    /// Write these scores with ROC curves into this folder: scores.html, and an SVG for each scenario and scale
    #[arg(long, value_name = "DIR", requires = "evaluate_train")]
    plots: Option<PathBuf>,
    /// Also write the raw scores: an .npz with an array [points] for each `<scenario>/<split>`
    #[arg(long, value_name = "NPZ")]
    scores: Option<PathBuf>,
    /// Print what was done as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Attack")]
struct AttackArgs {
    /// `lira` takes on each scenario what does best on the train models
    #[arg(long, value_enum, default_value_t = Named::Lira)]
    attack: Named,
    /// Whose variances `online` and `offline` take [default: shrunk; with --reference per-example]
    #[arg(long, value_enum)]
    variance: Option<NamedVariance>,
    /// Compute `online` (also by default) or `offline` number for number as the Python references do: medians, and their
    /// deviations
    #[arg(long)]
    reference: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Named {
    /// The best of online, offline, hierarchical and both calibrations, for each scenario.
    Lira,
    /// The starting kit's: a small loss means a member.
    Loss,
    /// The likelihood of models trained on the point against that of models not trained on it.
    Online,
    /// The likelihood of models not trained on the point alone.
    Offline,
    /// Online, with a prior for points that nearly all models were trained on, and one variance for both sides.
    Hierarchical,
    /// The loss against the mean loss of models trained on the point.
    CalibratedLoss,
    /// The confidence against the mean confidence of models trained on the point.
    CalibratedConfidence,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum NamedVariance {
    /// Each point's own.
    PerExample,
    /// One for all points of a scenario.
    Fixed,
    /// Each point's own, drawn to that of all.
    Shrunk,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum DeviceArg {
    /// A GPU where one answers, else the processor.
    Auto,
    /// The processor.
    Cpu,
    /// A GPU, or an error.
    Cuda,
}

impl From<DeviceArg> for DeviceChoice {
    fn from(device: DeviceArg) -> Self {
        match device {
            DeviceArg::Auto => Self::Auto,
            DeviceArg::Cpu => Self::Cpu,
            DeviceArg::Cuda => Self::Cuda,
        }
    }
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Models")]
struct ModelArgs {
    /// What runs the models; `auto` takes a GPU where one answers
    #[arg(long, value_enum, default_value_t = DeviceArg::Auto)]
    device: DeviceArg,
    /// Let a GPU round to 19 bits in products: faster, and no longer what the processor gets
    #[arg(long)]
    tf32: bool,
    /// Models asked side by side on the processor; as many as there are cores if not given
    #[arg(long, value_name = "N")]
    threads: Option<NonZero<usize>>,
    /// Points a model is asked about at once; what suits model and device if not given
    #[arg(long, value_name = "N")]
    batch: Option<NonZero<usize>>,
    /// Rows each model was trained on, members included; needed only where seeds stand for rows and the pool is none of
    /// MICO's
    #[arg(long, value_name = "N")]
    training: Option<usize>,
    /// Where answers of models are kept, so that they are not asked twice [default: the folder `signals` in the user's
    /// cache]
    #[arg(long, value_name = "DIR", conflicts_with = "no_cache")]
    cache: Option<PathBuf>,
    /// Keep no answers
    #[arg(long)]
    no_cache: bool,
}

impl AttackArgs {
    fn choice(&self) -> Result<AttackChoice, Failure> {
        let variances = match self.variance {
            Some(NamedVariance::PerExample) => Variances::PerExample,
            Some(NamedVariance::Fixed) => Variances::Fixed,
            Some(NamedVariance::Shrunk) | None => Variances::Shrunk,
        };
        if self.reference {
            let deviations = match self.variance {
                None | Some(NamedVariance::PerExample) => Deviations::PerExample,
                Some(NamedVariance::Fixed) => Deviations::Fixed,
                Some(NamedVariance::Shrunk) => return Err(Failure::input("the Python references shrink no variances")),
            };
            return match self.attack {
                Named::Lira | Named::Online => Ok(AttackChoice::One(Attack::ReferenceOnline(deviations))),
                Named::Offline => Ok(AttackChoice::One(Attack::ReferenceOffline(deviations))),
                _ => Err(Failure::input("--reference knows the attacks online and offline")),
            };
        }
        if self.variance.is_some() && !matches!(self.attack, Named::Online | Named::Offline) {
            return Err(Failure::input("--variance belongs to the attacks online and offline"));
        }
        Ok(match self.attack {
            Named::Lira => AttackChoice::Best,
            Named::Loss => AttackChoice::One(Attack::Loss),
            Named::Online => AttackChoice::One(Attack::Online(variances)),
            Named::Offline => AttackChoice::One(Attack::Offline(variances)),
            Named::Hierarchical => AttackChoice::One(Attack::Hierarchical),
            Named::CalibratedLoss => AttackChoice::One(Attack::Calibrated(Calibration::Loss)),
            Named::CalibratedConfidence => AttackChoice::One(Attack::Calibrated(Calibration::Confidence)),
        })
    }
}

impl ModelArgs {
    fn cache(&self) -> Option<PathBuf> {
        if self.no_cache {
            return None;
        }
        self.cache.clone().or_else(|| Some(caches::own()?.join("signals")))
    }
}

pub(super) async fn run(args: Args) -> Result<(), Failure> {
    let stop = serve::stop_flag()?;
    tokio::task::spawn_blocking(move || attack(&args, &stop)).await.context("the attack broke off")?
}

fn attack(args: &Args, stop: &Arc<AtomicBool>) -> Result<(), Failure> {
    let choice = args.attack.choice()?;
    let threads = args.models.threads.unwrap_or_else(trainer::all_cores);
    if threads > MOST_THREADS {
        return Err(Failure::input(format!(
            "--threads takes 1 to {MOST_THREADS}, and no more than there are cores helps"
        )));
    }
    let outputs = [Some(&args.out), args.scores.as_ref()].into_iter().flatten();
    outputs.map(PathBuf::as_path).try_for_each(|path| can_be_written(path, &args.data))?;
    if args.scores.as_ref() == Some(&args.out) {
        return Err(Failure::input("--out and --scores name the same file"));
    }
    if let Some(folder) = &args.plots {
        fs::create_dir_all(folder)
            .map_err(|error| Failure::input(format!("cannot make the folder {}: {error}", folder.display())))?;
        can_be_written(&folder.join("scores.html"), &args.data)?;
    }
    let slug = offline::slug(&args.data, args.track.as_deref())?;
    let track = PublicTrack::read(&args.data, &slug, args.models.training).map_err(failure)?;
    offline::tell_passed_over(track.passed_over());
    let library = Library::load().map_err(|error| failure(error.into()))?;
    let runtime =
        library.with_device(args.models.device.into(), args.models.tf32).map_err(|error| failure(error.into()))?;
    let library = runtime.library();
    message!(
        "models run on {}, by ONNX Runtime {} in {}",
        runtime.device(),
        library.version(),
        library.path().display()
    );

    let settings = Settings { attack: choice, cache: args.models.cache(), evaluate_train: args.evaluate_train };
    let options = RunOptions { threads, batch: args.models.batch.map(NonZero::get), stop };
    let mut bar: Option<Bar> = None;
    let mut on_event = |event: Event<'_>| match event {
        Event::Queries(progress) => {
            let bar = bar.get_or_insert_with(|| Bar::with_rate(progress.total, "queries"));
            bar.set_with_cached(progress.done, progress.cached);
        }
        Event::Scored(report) => {
            let say = || message!("{}", sentence(report));
            bar.as_ref().map_or_else(say, |bar| bar.suspend(say));
        }
    };
    let outcome = lira::run(&track, &runtime, &settings, options, &mut on_event).map_err(failure)?;
    drop(bar);
    write_outcome(args, &track, &runtime, &outcome)
}

fn write_outcome(args: &Args, track: &PublicTrack, runtime: &Runtime, outcome: &Outcome) -> Result<(), Failure> {
    let shape = track.shape();
    let archive = outcome.archive(shape).context("cannot pack the submission")?;
    write(&args.out, &archive)?;
    if let Some(path) = &args.scores {
        write(path, &raw_scores(shape, outcome).context("cannot pack the scores")?)?;
    }
    let train = outcome.train.as_ref().map(|train| evaluate(shape, train, args.plots.as_deref())).transpose()?;
    if args.json {
        let document = document(runtime, shape, outcome, train.as_ref());
        print(&(serde_json::to_string_pretty(&document).context("cannot write the outcome as JSON")? + "\n"))?;
    } else if let Some(train) = &train {
        print(&scoring::write_scores(train))?;
    }
    let (out, data) = (args.out.display(), args.data.display());
    let track = args.track.as_ref().map(|track| format!(" --track {track}")).unwrap_or_default();
    message!("wrote {out}; next: callimico check {out} --track-dir {data}{track}");
    Ok(())
}

/// What was done on a scenario, in a sentence or two.
fn sentence(report: &ScenarioReport) -> String {
    let ScenarioReport { name, shadows, rows, attack, selection } = report;
    let of = if *shadows == 0 { String::new() } else { format!(" ({shadows} shadow models, {rows} records)") };
    let Some(selection) = selection else { return format!("{name}: {attack}{of}") };
    let mut others: Vec<(Attack, f64)> = selection.rates.iter().copied().filter(|(other, _)| other != attack).collect();
    others.sort_by(|a, b| b.1.total_cmp(&a.1));
    let Some((_, best)) = selection.rates.iter().find(|(other, _)| other == attack) else {
        return format!("{name}: {attack}{of}; the train models cannot tell which attack is best");
    };
    let others: Vec<String> = others.iter().map(|(other, rate)| format!("{other} {rate:.4}")).collect();
    format!("{name}: {attack}{of}, TPR {best:.4} at 10 % FPR on the train models; {}", others.join("; "))
}

/// Scores of the models of the train split, and their curves into `plots`.
fn evaluate(shape: &TrackShape, train: &TrainOutcome, plots: Option<&Path>) -> Result<scoring::TrackScore, Failure> {
    let confidences = train.scores.iter().map(|scores| Some(lira::confidences(scores))).collect();
    let predictions = SplitPredictions::new(shape, Split::Train, confidences).map_err(anyhow::Error::new)?;
    let solution = SplitSolution::new(shape, Split::Train, train.solutions.clone())
        .map_err(|error| Failure::Input(anyhow::Error::new(error).context("the train models cannot be scored")))?;
    let score = scoring::score(shape, Split::Train, &predictions, &solution).map_err(anyhow::Error::new)?;
    if let Some(folder) = plots {
        let interval = report::interval(shape, Split::Train, &predictions, &solution)?;
        write(&folder.join("scores.html"), report::page(shape, Split::Train, &score, interval)?.as_bytes())?;
        for (name, svg) in report::plots(&score)? {
            write(&folder.join(name), svg.as_bytes())?;
        }
        message!("wrote scores.html and the curves into {}", folder.display());
    }
    Ok(score)
}

fn raw_scores(shape: &TrackShape, outcome: &Outcome) -> anyhow::Result<Vec<u8>> {
    let mut archive = NpzWriter::new(std::io::Cursor::new(Vec::new()));
    for (scenario, of_scenario) in shape.scenarios().iter().zip(&outcome.scores) {
        for (split, scores) in Split::SUBMITTED.iter().zip(of_scenario) {
            archive.add(&format!("{}/{split}", scenario.name()), ArrayView1::from(scores.as_slice()))?;
        }
    }
    Ok(archive.finish()?.into_inner())
}

fn document(runtime: &Runtime, shape: &TrackShape, outcome: &Outcome, train: Option<&scoring::TrackScore>) -> Value {
    let scenario = |report: &ScenarioReport| {
        let rates = report.selection.iter().flat_map(|selection| &selection.rates);
        let rates: Map<String, Value> = rates.map(|(attack, rate)| (attack.to_string(), json!(rate))).collect();
        json!({
            "name": report.name,
            "attack": report.attack.to_string(),
            "shadow_models": report.shadows,
            "records": report.rows,
            "train_TPR_FPR_1000": rates,
        })
    };
    json!({
        "device": runtime.device().to_string(),
        "onnxruntime": runtime.library().version(),
        "scenarios": outcome.scenarios.iter().map(scenario).collect::<Vec<_>>(),
        "train": train.map(|train| report::numbers(shape, train)),
    })
}

/// Writes results to stdout. Whoever stopped reading has what they wanted.
fn print(text: &str) -> Result<(), Failure> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::Input(anyhow::Error::new(error).context("cannot write to stdout")))
        }
        _ => Ok(()),
    }
}

/// Says before the work what would go wrong after it.
fn can_be_written(path: &Path, data: &Path) -> Result<(), Failure> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !folder.is_dir() {
        return Err(Failure::input(format!(
            "cannot write {}: there is no folder {}",
            path.display(),
            folder.display()
        )));
    }
    if let Ok(found) = fs::symlink_metadata(path) {
        if !found.is_file() {
            return Err(Failure::input(format!("cannot write {}: it is there and no ordinary file", path.display())));
        }
        let is_ours = path.extension().is_some_and(|extension| extension == "zip");
        let within = |data: PathBuf| folder.canonicalize().is_ok_and(|folder| folder.starts_with(data));
        if !is_ours && data.canonicalize().is_ok_and(within) {
            return Err(Failure::input(format!("cannot write {}: it is a file of the track", path.display())));
        }
    }
    let new = partial(path);
    let tried = File::create(&new).and_then(|_| fs::remove_file(&new));
    tried.map_err(|error| Failure::input(format!("cannot write {}: {error}", path.display())))
}

/// What a file is called until it is whole.
fn partial(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.partial", std::process::id()));
    path.with_file_name(name)
}

/// Writes a file whole or not at all.
fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let new = partial(path);
    let written = File::create(&new).and_then(|mut file| file.write_all(bytes)).and_then(|()| fs::rename(&new, path));
    if let Err(error) = written {
        // What is left of it is of no use; that it cannot be removed is told by the error before.
        let _ = fs::remove_file(&new);
        return Err(Failure::Input(anyhow::Error::new(error).context(format!("cannot write {}", path.display()))));
    }
    Ok(())
}

fn failure(error: LiraError) -> Failure {
    match error {
        LiraError::Stopped { .. } => Failure::Stopped(error.into()),
        LiraError::Threads(_) => Failure::Ours(error.into()),
        other => Failure::Input(other.into()),
    }
}
