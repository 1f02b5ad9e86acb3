//! `callimico track`: the steps of a track's life, what organisers do to its scores, and how far it has come.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use scoring::commitment::ModelPath;
use scoring::{Split, TrackShape};
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::{Failure, Session, output, progress, rescore};
use crate::api;
use crate::app::App;
use crate::config::StorageConfig;
use crate::domain::ids::{BatchId, SubmissionId};
use crate::domain::reason::Reason;
use crate::domain::sha256::Sha256;
use crate::domain::slug::TrackPath;
use crate::domain::timestamp::{self, rfc3339};
use crate::domain::visibility::VisibleSplit;
use crate::service::lifecycle::{self, By, LabelsAtReveal, OpeningLabels, SaidOfLimits, StepError, Taken};
use crate::service::readiness;
use crate::service::rescoring::{self, CorrectedLabels};
use crate::service::status;
use crate::store;
use crate::worker;

#[derive(Debug, clap::Args)]
pub(super) struct Step {
    /// competition/track
    track: TrackPath,
    /// Why; public, in the track's log
    #[arg(long)]
    reason: Option<Reason>,
    /// Confirm a step that cannot be taken back; other steps do not ask
    #[arg(long)]
    yes: bool,
    /// Print the answer as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Open a track for submissions; its dev board goes live, and the server commits to the labels
    Open {
        #[command(flatten)]
        step: Step,
        /// The root of the commitment to labels that are kept elsewhere until the close (from `callimico commit`)
        #[arg(long, value_name = "ROOT", conflicts_with = "uncommitted_final")]
        commitment: Option<Sha256>,
        /// Open without the labels of the final split, and without a commitment to them
        #[arg(long)]
        uncommitted_final: bool,
    },
    /// Close a track now, before its date
    Close {
        #[command(flatten)]
        step: Step,
    },
    /// Give an open track a later closing date
    Extend {
        #[command(flatten)]
        step: Step,
        /// When it closes, with an offset, such as 2026-12-01T23:59:00-12:00
        #[arg(long, value_name = "TIME", value_parser = instant)]
        closes_at: OffsetDateTime,
    },
    /// Open a closed track again, as long as no preview has begun
    Reopen {
        #[command(flatten)]
        step: Step,
        /// When it closes, with an offset, such as 2026-12-01T23:59:00-12:00
        #[arg(long, value_name = "TIME", value_parser = instant)]
        closes_at: OffsetDateTime,
    },
    /// Have the final scores made, wait for them, and print the final ranking; nobody else sees it
    Preview {
        #[command(flatten)]
        step: Step,
    },
    /// Make the final ranking public; it cannot be taken back (--yes)
    Reveal {
        #[command(flatten)]
        step: Step,
        #[command(flatten)]
        labels: LabelsArgs,
    },
    /// Make the labels of a revealed track public; it cannot be taken back (--yes)
    OpenLabels {
        #[command(flatten)]
        step: Step,
    },
    /// Correct labels: a new version of them, and a rescoring to be looked at (--yes)
    Correct {
        #[command(flatten)]
        step: Step,
        /// A directory with SCENARIO/SPLIT/MODEL/solution.csv of the models whose labels were wrong, or of all
        #[arg(long, value_name = "DIR")]
        labels: PathBuf,
    },
    /// Declare the results final: they are no longer called provisional
    Final {
        #[command(flatten)]
        step: Step,
    },
    /// Open a revealed track as a benchmark: new entries stand beside the official ranking, on a board of their own
    Benchmark {
        #[command(flatten)]
        step: Step,
        /// Submissions that a participant may send in a day (UTC); 1 unless it was set before
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(SaidOfLimits::MOST)))]
        per_day: Option<u32>,
        /// Submissions in a year, 365 days from the benchmark's beginning; 20 unless it was set before
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(SaidOfLimits::MOST)))]
        per_year: Option<u32>,
    },
    /// End a benchmark; what is queued is still scored, and its board stays
    End {
        #[command(flatten)]
        step: Step,
    },
    /// Print how far a track has come
    Status {
        /// competition/track
        track: TrackPath,
        /// Print it as JSON
        #[arg(long)]
        json: bool,
    },
    /// Score submissions anew beside their present scores, and print the difference; then apply or drop it
    Rescore {
        /// competition/track
        track: TrackPath,
        /// This submission only
        #[arg(long, value_name = "ID", conflicts_with_all = ["apply", "drop"])]
        submission: Option<SubmissionId>,
        /// Let the results of a rescoring take the place of the present scores
        #[arg(long, value_name = "BATCH", conflicts_with = "drop")]
        apply: Option<BatchId>,
        /// Throw the results of a rescoring away
        #[arg(long, value_name = "BATCH")]
        drop: Option<BatchId>,
        /// Why; needed to begin one
        #[arg(long)]
        reason: Option<Reason>,
        /// Print the answer as JSON
        #[arg(long)]
        json: bool,
    },
    /// Queue again the submissions that the server failed to score
    Retry {
        /// competition/track
        track: TrackPath,
    },
}

/// What becomes of the labels at the reveal: one must be said.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub(super) struct LabelsArgs {
    /// Make the labels public: anybody can check every score, and there is no benchmark with these models
    #[arg(long)]
    open_labels: bool,
    /// Keep the labels hidden, for a benchmark with these models
    #[arg(long)]
    keep_labels: bool,
}

fn instant(text: &str) -> Result<OffsetDateTime, String> {
    timestamp::parse(text)
        .ok_or_else(|| "a time has a date and an offset, such as 2026-12-01T23:59:00-12:00".to_owned())
}

pub(super) async fn run(storage: &StorageConfig, command: Command) -> Result<(), Failure> {
    let session = Session::open(storage).await?;
    let outcome = execute(&session.app, command).await;
    session.close(outcome).await
}

async fn execute(app: &App, command: Command) -> Result<(), Failure> {
    match command {
        Command::Open { step, commitment, uncommitted_final } => {
            let labels = match (commitment, uncommitted_final) {
                (Some(root), _) => OpeningLabels::Elsewhere(root),
                (None, true) => OpeningLabels::Uncommitted,
                (None, false) => OpeningLabels::Here,
            };
            let taken = lifecycle::open(app, &step.track, labels, by(&step)).await?;
            tell(&step, taken, "is open", "was open already")
        }
        Command::Close { step } => {
            let taken = lifecycle::close(app, &step.track, by(&step)).await?;
            tell(&step, taken, "is closed", "was closed already")
        }
        Command::Extend { step, closes_at } => {
            let taken = lifecycle::extend(app, &step.track, closes_at, by(&step)).await?;
            let until = rfc3339(closes_at);
            tell(&step, taken, &format!("closes at {until} now"), &format!("closes at {until} already"))
        }
        Command::Reopen { step, closes_at } => {
            let taken = lifecycle::reopen(app, &step.track, closes_at, by(&step)).await?;
            let until = rfc3339(closes_at);
            tell(&step, taken, &format!("is open again, until {until}"), &format!("is open until {until} already"))
        }
        Command::Preview { step } => preview(app, &step).await,
        Command::Reveal { step, labels } => {
            confirmed(&step, "The final ranking becomes public, as version 1, and cannot be taken back.")?;
            let labels = if labels.open_labels { LabelsAtReveal::Open } else { LabelsAtReveal::Keep };
            let taken = lifecycle::reveal(app, &step.track, labels, by(&step)).await?;
            tell(&step, taken, "is revealed", "was revealed already")
        }
        Command::OpenLabels { step } => {
            confirmed(&step, "The labels become public, and there can be no benchmark with these models any more.")?;
            let taken = lifecycle::open_labels(app, &step.track, by(&step)).await?;
            tell(&step, taken, "has public labels now", "had public labels already")
        }
        Command::Correct { step, labels } => correct(app, &step, labels).await,
        Command::Final { step } => {
            let taken = lifecycle::declare_final(app, &step.track, by(&step)).await?;
            tell(&step, taken, "has final results now", "had final results already")
        }
        Command::Benchmark { step, per_day, per_year } => {
            let limits = SaidOfLimits { per_day, per_year };
            let taken = lifecycle::benchmark(app, &step.track, limits, by(&step)).await?;
            tell(&step, taken, "is open as a benchmark", "was open as a benchmark already")
        }
        Command::End { step } => {
            let taken = lifecycle::end(app, &step.track, by(&step)).await?;
            tell(&step, taken, "has ended its benchmark", "has no benchmark that could end")
        }
        Command::Status { track, json } => print_status(app, &track, json).await,
        Command::Rescore { track, submission, apply, drop, reason, json } => {
            let by = By { user: None, reason: reason.as_ref() };
            match (apply, drop) {
                (Some(batch), _) => rescore::apply(app, &track, batch, by, json).await,
                (None, Some(batch)) => rescore::drop_batch(app, &track, batch, json).await,
                (None, None) => rescore::begin(app, &track, submission, by, json).await,
            }
        }
        Command::Retry { track } => {
            let again = lifecycle::retry_failed(app, &track).await?;
            progress::message!("put {again} failed submissions of {track} back into the queue");
            Ok(())
        }
    }
}

fn by(step: &Step) -> By<'_> {
    By { user: None, reason: step.reason.as_ref() }
}

fn confirmed(step: &Step, consequence: &str) -> Result<(), Failure> {
    match step.yes {
        true => Ok(()),
        false => Err(Failure::input(format!("{consequence} If you mean {}, say --yes.", step.track))),
    }
}

fn tell(step: &Step, taken: Taken, now: &str, before: &str) -> Result<(), Failure> {
    if step.json {
        let mut answer = json!({ "phase": taken.phase, "log": taken.log });
        if taken.already {
            answer["already"] = Value::Bool(true);
        }
        output::line!("{answer}");
    }
    progress::message!("{} {}", step.track, if taken.already { before } else { now });
    Ok(())
}

/// Waits for the freeze and for all final scores. Where no server runs, this process takes the steps that a server takes
/// by itself.
async fn preview(app: &App, step: &Step) -> Result<(), Failure> {
    let mut told = String::new();
    let mut say = |text: String| {
        if text != told {
            progress::message!("{text}");
            told = text;
        }
    };
    let mut last = (0, tokio::time::Instant::now());
    loop {
        match lifecycle::preview(app, &step.track, by(step)).await {
            Ok(counts) if counts.is_complete() => break,
            Ok(counts) => {
                if counts.ready != last.0 {
                    last = (counts.ready, tokio::time::Instant::now());
                }
                let track = store::track::by_path(&app.db, &step.track).await?;
                let troubled = match &track {
                    Some(track) => store::job::troubled_final(&app.db, track.id).await?,
                    None => Vec::new(),
                };
                let trouble = troubled.iter().find_map(|job| {
                    let next = rfc3339(job.next_try?);
                    Some(format!(
                        "submission {} of {}: {}; next try at {next}",
                        job.submission, job.participant, job.error
                    ))
                });
                let idle = last.1.elapsed() > super::PATIENCE;
                let hint = "no score for a while: does a server or a worker run? (`callimico worker`)";
                // One line: of two each would be new beside the other, and both be printed at every look.
                let more = trouble.or_else(|| idle.then(|| hint.to_owned())).map(|more| format!("; {more}"));
                say(format!("{} of {} final scores{}", counts.ready, counts.of, more.unwrap_or_default()));
                let lost = troubled.iter().filter(|job| job.next_try.is_none()).count();
                if i64::try_from(lost).unwrap_or(i64::MAX) >= counts.of - counts.ready {
                    for job in troubled {
                        progress::message!("submission {} of {}: {}", job.submission, job.participant, job.error);
                    }
                    return Err(Failure::Ours(anyhow::anyhow!(
                        "{lost} final scores failed for good: score them again (`callimico track retry {}`) or disqualify \
                         the submissions",
                        step.track
                    )));
                }
            }
            Err(StepError::NotReady { problems, .. })
                if problems.iter().all(|problem| problem.freeze.is_some() || problem.code == "not_frozen") =>
            {
                say(readiness::freeze_sentence(problems.iter().find_map(|problem| problem.freeze)));
                worker::take_due_steps(app).await?;
            }
            Err(error) => return Err(error.into()),
        }
        tokio::time::sleep(super::LOOK).await;
    }
    let track = store::track::by_path(&app.db, &step.track).await?;
    let track = track.ok_or_else(|| StepError::NoTrack(step.track.clone()))?;
    let visible = VisibleSplit::on_the_server(track.id, track.phase, track.ending.final_begun_at.is_some());
    let visible = visible.ok_or_else(|| Failure::input(format!("{} was revealed meanwhile", step.track)))?;
    if step.json {
        let shown = api::FinalView::of(app, &track, visible).await?;
        output::line!("{}", serde_json::to_string(&shown).map_err(anyhow::Error::from)?);
        return Ok(());
    }
    let board = app.boards.preview(&track, visible).await?;
    output::line!("{:>4}  {:<40}  {}", "rank", "participant", track.shape.ranking().number.name());
    for ranked in &board.entries {
        output::line!(
            "{:>4}  {:<40}  {:.4}",
            ranked.rank_shown(),
            ranked.entry.participant,
            ranked.entry.result.ranking_value
        );
    }
    progress::message!("{} entries; for organisers alone until `callimico track reveal`", board.entries.len());
    Ok(())
}

/// A solution in a dev or final folder that belongs to no model of the track: a slip of its name, which must not be passed
/// over.
fn strange_solution(directory: &Path, shape: &TrackShape) -> Option<PathBuf> {
    let inside = |folder: PathBuf| std::fs::read_dir(folder).into_iter().flatten().flatten().map(|one| one.path());
    let known: BTreeSet<PathBuf> = ModelPath::of(shape).map(|model| directory.join(model.to_string())).collect();
    inside(directory.to_owned())
        .flat_map(|scenario| Split::SUBMITTED.map(|split| scenario.join(split.as_str())))
        .flat_map(inside)
        .filter(|model| !known.contains(model))
        .map(|model| model.join("solution.csv"))
        .find(|file| file.exists())
}

async fn correct(app: &App, step: &Step, directory: PathBuf) -> Result<(), Failure> {
    confirmed(step, "Corrected labels are a new version that everybody is told about.")?;
    let track = store::track::by_path(&app.db, &step.track).await?;
    let track = track.ok_or_else(|| StepError::NoTrack(step.track.clone()))?;
    if let Some(file) = strange_solution(&directory, &track.shape) {
        return Err(Failure::input(format!("{} is of no dev or final model of {}", file.display(), step.track)));
    }
    let mut labels = CorrectedLabels::new();
    for model in ModelPath::of(&track.shape) {
        let file = directory.join(&model.scenario).join(model.split.as_str()).join(&model.model).join("solution.csv");
        match std::fs::read(&file) {
            Ok(bytes) => {
                let read = scoring::parse_solution(&bytes, &file.to_string_lossy())
                    .map_err(|problem| Failure::input(problem.to_string()))?;
                labels.insert(model, read);
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(Failure::input(format!("{}: {error}", file.display()))),
        }
    }
    if labels.is_empty() {
        return Err(Failure::input(format!(
            "{} has no SCENARIO/SPLIT/MODEL/solution.csv of a dev or final model of {}",
            directory.display(),
            step.track
        )));
    }
    let done = rescoring::correct(app, &step.track, &labels, by(step)).await?;
    let Some(batch) = done.batch else {
        let taken = Taken { phase: done.phase, log: done.log, already: done.already };
        return tell(step, taken, "has corrected labels now", "had these labels already");
    };
    if step.json {
        output::line!("{}", json!({ "phase": done.phase, "log": done.log, "batch": batch.to_string() }));
    }
    progress::message!(
        "{} has corrected labels; rescoring {batch} is to be looked at, then applied: \
         `callimico track rescore {} --apply {batch}`",
        step.track,
        step.track
    );
    Ok(())
}

async fn print_status(app: &App, path: &TrackPath, as_json: bool) -> Result<(), Failure> {
    let status = status::of(app, path).await?;
    let (track, dates) = (&status.track, status.track.settings.dates);
    if as_json {
        let root = status.labels.as_ref().and_then(|label| label.root).map(|root| root.to_string());
        let shown = json!({
            "track": path.to_string(),
            "phase": track.phase,
            "opens_at": dates.opens_at.map(rfc3339),
            "closes_at": dates.closes_at.map(rfc3339),
            "entries": status.entries,
            "submissions": { "unfinished": status.submissions.unfinished, "scored": status.submissions.scored,
                             "failed": status.failed.len() },
            "freeze": status.freeze,
            "frozen_at": track.ending.entries_frozen_at.map(rfc3339),
            "final": status.final_scores.map(|counts| json!({ "ready": counts.ready, "of": counts.of })),
            "commitment": root,
            "final_labels": status.has_final_labels,
            "benchmark": track.benchmark.began_at.map(|began_at| json!({
                "since": rfc3339(began_at),
                "limits": { "per_day": track.benchmark.limits.per_day, "per_year": track.benchmark.limits.per_year },
            })),
            "labels_opened_at": track.ending.labels_opened_at.map(rfc3339),
            "results": track.phase.rules().final_is_public.then(|| json!({
                "version": track.ending.ranking_version,
                "provisional": track.ending.results_final_at.is_none(),
            })),
            "before_reveal": status.before_reveal,
        });
        output::line!("{shown}");
        return Ok(());
    }
    let date = |at: Option<OffsetDateTime>| at.map_or_else(|| "not set".to_owned(), rfc3339);
    output::line!("{path} is {}", track.phase.as_str());
    output::line!("opens: {}; closes: {}", date(dates.opens_at), date(dates.closes_at));
    output::line!("submissions: {} scored, {} waiting", status.submissions.scored, status.submissions.unfinished);
    match (track.ending.entries_frozen_at, status.freeze) {
        (Some(at), _) => output::line!("entries: {}, frozen since {}", status.entries, rfc3339(at)),
        (None, Some(wait)) => {
            output::line!("entries: {}, not frozen: {}", status.entries, readiness::freeze_sentence(Some(wait)))
        }
        (None, None) => output::line!("entries: {}", status.entries),
    }
    for failed in &status.failed {
        output::line!("failed by our fault: submission {} of {}", failed.id, failed.participant_name);
    }
    let final_labels = if status.has_final_labels { "here" } else { "not here" };
    match status.labels.as_ref().map(|label| label.root) {
        None => output::line!("labels of the {} split: {final_labels}", Split::Final),
        Some(None) => output::line!("labels of the {} split: {final_labels}, not committed", Split::Final),
        Some(Some(root)) => {
            output::line!("labels of the {} split: {final_labels}, commitment {root}", Split::Final)
        }
    }
    if let Some(counts) = status.final_scores {
        output::line!("final scores: {} of {}", counts.ready, counts.of);
    }
    for problem in &status.before_reveal {
        output::line!("before the reveal: {}", problem.detail);
    }
    if track.phase.rules().final_is_public {
        let word = if track.ending.results_final_at.is_some() { "final" } else { "provisional" };
        output::line!("results: version {}, {word}", track.ending.ranking_version);
    }
    if let Some(began_at) = track.benchmark.began_at {
        let limits = track.benchmark.limits;
        let (since, day, year) = (rfc3339(began_at), limits.per_day, limits.per_year);
        output::line!("benchmark: since {since}, {day} a day and {year} a year for each participant");
    }
    Ok(())
}
