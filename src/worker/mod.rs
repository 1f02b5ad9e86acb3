//! Scoring workers: claim a job, score it, finish it in one transaction. Any number, in any process.
//!
//! A worker that dies loses its claim when the lease runs out, and somebody else scores the submission again;
//! a worker that only seemed dead finds its claim gone and stores nothing.
//!
//! A submission's state is about its dev job. A job for the final split has a state of its own, in its row: it moves no
//! submission, gives back no attempt, and touches neither dev entries nor the dev board.

mod score;
mod sweeper;

use std::time::Duration;

use scoring::Split;
use sqlx::PgConnection;
use tokio::sync::watch;

use crate::app::App;
use crate::domain::ids::{SubmissionId, WorkerId};
use crate::domain::log_event::LogEvent;
use crate::domain::submission::SubmissionState;
use crate::secret;
use crate::service::{entries, rankings};
use crate::store::job::Job;
use crate::store::live::Signal;
use crate::store::log::Detail;
use crate::store::scoring::NewScoring;
use crate::store::{self, StoreError};

pub use score::Scored;
pub use sweeper::{clear_orphans, take_due_steps};

/// After this many errors of ours a job is given up, and a dev job's submission is called failed: with the delays between them a little over a day,
/// so that bad storage can be repaired in the morning.
const MAX_ERRORS: i32 = 154;
/// The longest delay between two tries, in seconds.
const LONGEST_DELAY: f64 = 600.0;
/// A job during which this many workers died is given up too.
const MAX_DEATHS: i32 = 50;
/// How often to look for work without a wake-up.
const POLL: Duration = Duration::from_secs(5);

/// What one step of a worker did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// There was nothing to do.
    Idle,
    /// A submission was scored.
    Scored(SubmissionId),
    /// Scoring went wrong; it will be tried again, or was given up.
    WentWrong(SubmissionId),
    /// Somebody else had taken the job over.
    LostClaim(SubmissionId),
}

/// Runs `count` workers and the sweeper until `stop` turns true; then waits for what is being scored.
pub async fn run(app: App, count: usize, stop: watch::Receiver<bool>) {
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..count {
        tasks.spawn(work(app.clone(), stop.clone()));
    }
    // Every process closes tracks at their date, also one without workers.
    tasks.spawn(sweeper::run(app, stop));
    while let Some(ended) = tasks.join_next().await {
        if let Err(error) = ended {
            tracing::error!(%error, "a worker broke off");
        }
    }
}

async fn work(app: App, mut stop: watch::Receiver<bool>) {
    let worker = WorkerId::generate();
    let mut signals = app.live.subscribe();
    while !*stop.borrow() {
        match step(&app, worker).await {
            Ok(Step::Idle) => {
                let woken = async {
                    // A lagging or closed channel is a reason to look, too.
                    while !matches!(signals.recv().await, Ok(Signal::Job | Signal::Resync) | Err(_)) {}
                };
                tokio::select! {
                    () = woken => {}
                    () = tokio::time::sleep(POLL) => {}
                    _ = stop.changed() => {}
                }
            }
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(error = %chain(&error), "a worker could not reach its queue; trying again");
                tokio::select! {
                    () = tokio::time::sleep(Duration::from_secs(1)) => {}
                    _ = stop.changed() => {}
                }
            }
        }
    }
}

fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

/// Claims one job and sees it through.
///
/// # Errors
/// The database cannot answer; the job stays claimed until its lease runs out.
pub async fn step(app: &App, worker: WorkerId) -> Result<Step, StoreError> {
    let Some(job) = claim(app, worker).await? else { return Ok(Step::Idle) };
    let started = std::time::Instant::now();
    let outcome = tokio::select! {
        outcome = score::submission(app, job) => outcome,
        () = keep_claim(app, job) => return Ok(Step::LostClaim(job.submission)),
    };
    match outcome {
        Ok(scored) => {
            let kept = finish(app, job, &scored).await?;
            tracing::info!(submission = %job.submission, split = %job.split, kept, millis = started.elapsed().as_millis(), "scored");
            Ok(if kept { Step::Scored(job.submission) } else { Step::LostClaim(job.submission) })
        }
        Err(error) => {
            tracing::error!(submission = %job.submission, split = %job.split, error = format!("{error:#}"), "scoring went wrong");
            give_back(app, job, &format!("{error:#}")).await?;
            Ok(Step::WentWrong(job.submission))
        }
    }
}

/// Steps until there is nothing to do; answers what was done. For tests and the demo.
///
/// # Errors
/// As [`step`].
pub async fn drain(app: &App) -> Result<Vec<Step>, StoreError> {
    let worker = WorkerId::generate();
    let mut steps = Vec::new();
    loop {
        match step(app, worker).await? {
            Step::Idle => return Ok(steps),
            done => steps.push(done),
        }
    }
}

async fn claim(app: &App, worker: WorkerId) -> Result<Option<Job>, StoreError> {
    loop {
        let mut db = app.db.begin().await?;
        let Some(job) = store::job::claim(&mut db, worker).await? else { return Ok(None) };
        // A claim that ended in an error is no death: errors are counted for themselves.
        if job.claim.attempt - job.errors <= MAX_DEATHS {
            set_state(&mut db, app, job, SubmissionState::Scoring).await?;
            db.commit().await?;
            return Ok(Some(job));
        }
        tracing::error!(submission = %job.submission, split = %job.split, "given up: every worker that took it ended before it did");
        give_up(&mut db, app, job, "every worker that took it ended before it did").await?;
        db.commit().await?;
    }
}

/// Moves the job's submission into a state, if the job is the one that its state is about.
async fn set_state(db: &mut PgConnection, app: &App, job: Job, state: SubmissionState) -> Result<(), StoreError> {
    match job.split {
        _ if job.batch.is_some() => Ok(()),
        Split::Dev => store::submission::set_state(db, job.submission, state, app.clock.now()).await,
        Split::Train | Split::Final => Ok(()),
    }
}

/// Ends a job without a score; says whether the claim still held. Of a dev job nothing is left but its submission, which
/// is called failed and costs no attempt. A final job stays where organisers find it.
async fn give_up(db: &mut PgConnection, app: &App, job: Job, error: &str) -> Result<bool, StoreError> {
    let held = match job.split {
        _ if job.batch.is_some() => store::job::give_up(db, job, error).await?,
        Split::Dev => store::job::finish(db, job).await?,
        Split::Train | Split::Final => store::job::give_up(db, job, error).await?,
    };
    if held {
        set_state(db, app, job, SubmissionState::Failed).await?;
    }
    Ok(held)
}

/// Renews a claim for as long as it is awaited; ends when the claim is lost.
async fn keep_claim(app: &App, job: Job) {
    let third = Duration::from_secs_f64(store::job::LEASE_SECONDS / 3.0);
    loop {
        tokio::time::sleep(third).await;
        match store::job::renew(&app.db, job).await {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => tracing::warn!(error = %chain(&error), "could not renew a claim; trying again"),
        }
    }
}

/// Stores a score and what follows from it in one transaction; answers `false`, having stored nothing, where the claim was
/// lost. From a dev score follow the submission's state, the participant's entry and the board's change; from a final
/// score nothing that anybody but organisers can see before the reveal; from one of a rescoring nothing until it is
/// applied. What was sent to a benchmark is no entry and changes the benchmark board alone.
async fn finish(app: &App, job: Job, scored: &Scored) -> Result<bool, StoreError> {
    let mut db = app.db.begin().await?;
    // The same order of locks as an upload: participant, job, track.
    store::participant::lock(&mut db, scored.participant).await?;
    let now = app.database_time(&mut *db).await?;
    let outcome = NewScoring {
        result: &scored.result,
        replicates: &scored.replicates,
        labels_version: scored.labels_version,
        log_salt: secret::random_bytes().map_err(|error| StoreError::Inconsistent(error.to_string()))?,
    };
    if let Some(batch) = job.batch {
        let held = store::job::finish(&mut db, job).await?;
        if held {
            store::rescoring::insert(&mut db, batch, job.submission, job.split, &outcome, now).await?;
            db.commit().await?;
        }
        return Ok(held);
    }
    if !store::job::finish(&mut db, job).await? {
        return Ok(false);
    }
    // As it stands now, and held still: rule, phase or labels may have changed while the submission was scored.
    let gate = store::track::lock_entries(&mut db, scored.track).await?;
    if gate.labels_version != scored.labels_version {
        // The labels were corrected on the way: this score would be wrong. It is made again.
        db.rollback().await?;
        let mut db = app.db.begin().await?;
        let held = store::job::retry_now(&mut db, job).await?;
        db.commit().await?;
        return Ok(held);
    }
    let is_new = store::scoring::insert(&mut db, job.submission, job.split, &outcome, now).await?;
    set_state(&mut db, app, job, SubmissionState::Scored).await?;
    // A second job for what has its score: no path of the program makes one, but none is scored twice either.
    match job.split {
        Split::Dev if is_new => {
            if !scored.is_benchmark {
                entries::pick(&mut db, scored.track, scored.participant, gate).await?;
            }
            // Trials of a draft are in no log.
            if !gate.phase.rules().takes_trials {
                let event = LogEvent::Scored {
                    submission: job.submission,
                    split: job.split.to_string(),
                    result_sha256: outcome.hash()?,
                };
                store::log::append(&mut db, scored.track, event, Detail::default(), now).await?;
            }
            match scored.is_benchmark {
                true => store::track::benchmark_changed(&mut db, scored.track, now).await?,
                false => store::track::board_changed(&mut db, scored.track, now).await?,
            }
        }
        Split::Final if is_new && scored.is_benchmark => {
            store::track::benchmark_changed(&mut db, scored.track, now).await?;
        }
        // A newer official ranking may have waited for this score.
        Split::Final if gate.ranking_is_due => {
            rankings::make_if_due(&mut db, scored.track, now).await?;
        }
        _ => {}
    }
    db.commit().await?;
    Ok(true)
}

/// Puts a job back after an error, later each time, or gives it up.
async fn give_back(app: &App, job: Job, error: &str) -> Result<(), StoreError> {
    let mut db = app.db.begin().await?;
    if job.errors + 1 >= MAX_ERRORS {
        if give_up(&mut db, app, job, error).await? {
            db.commit().await?;
            tracing::error!(submission = %job.submission, split = %job.split, "given up; `callimico track retry` queues it again");
        }
    } else if store::job::retry_later(&mut db, job, delay_after(job.errors), error).await? {
        set_state(&mut db, app, job, SubmissionState::Queued).await?;
        db.commit().await?;
    }
    Ok(())
}

/// How long to wait after one more error than `errors`, in seconds: a second at first, then twice as long each
/// time up to [`LONGEST_DELAY`].
fn delay_after(errors: i32) -> f64 {
    2_f64.powi(errors.max(0)).min(LONGEST_DELAY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_submission_is_tried_for_a_day_before_it_is_given_up() {
        let hours = (0..MAX_ERRORS - 1).map(delay_after).sum::<f64>() / 3600.0;
        assert!((24.0..25.0).contains(&hours), "{hours}");
    }
}
