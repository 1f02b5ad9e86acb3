//! Rescoring: a batch of submissions is scored anew beside their present scores; organisers look at the difference, and
//! then all of it takes their place at once, or none of it. And the correction of labels, which makes such a batch.

use std::collections::BTreeMap;

use scoring::commitment::ModelPath;
use scoring::{Membership, Split};
use thiserror::Error;

use super::entries;
use super::labels::{self, LabelError};
use super::lifecycle::By;
use super::rankings;
use crate::app::App;
use crate::domain::ids::{BatchId, SubmissionId};
use crate::domain::log_event::LogEvent;
use crate::domain::official_ranking::RankingChange;
use crate::domain::phase::Phase;
use crate::domain::reason::Reason;
use crate::domain::sha256::Sha256;
use crate::domain::slug::TrackPath;
use crate::store::label::LabelVersion;
use crate::store::log::{Detail, LogPosition};
use crate::store::rescoring::{Rescoring, RescoringState};
use crate::store::{self, StoreError};

/// Why a rescoring was not done.
#[derive(Debug, Error)]
pub enum RescoringError {
    /// There is no such track.
    #[error("there is no track {0}")]
    NoTrack(TrackPath),
    /// The submission is not of this track, or has no score.
    #[error("{0} has no scored submission {1}")]
    NoSubmission(TrackPath, SubmissionId),
    /// There is no such batch that is still open.
    #[error("there is no open rescoring {0}")]
    NoBatch(BatchId),
    /// Not all of it is scored yet.
    #[error("rescoring {batch} is not done: {waiting} scores are waited for, {failed} went wrong for good")]
    NotDone {
        /// Which.
        batch: BatchId,
        /// Scores that are waited for.
        waiting: i64,
        /// Scores that went wrong for good.
        failed: i64,
    },
    /// Another batch of the track is open.
    #[error("rescoring {0} of this track is still open: apply or drop it first")]
    AnotherIsOpen(BatchId),
    /// The track is a draft.
    #[error("{0} is a draft: import its labels anew")]
    Draft(TrackPath),
    /// Labels for a model that the track does not have, or of another length.
    #[error("{0}")]
    BadLabels(String),
    /// No reason was given.
    #[error("give a reason of 1 to 500 characters; it is public")]
    Reason,
    /// The system cannot supply randomness.
    #[error("the labels could not be committed to")]
    Labels(#[source] LabelError),
    /// The database could not do its part.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for RescoringError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

fn reason_of<'a>(by: &By<'a>) -> Result<&'a str, RescoringError> {
    by.reason.map(Reason::as_str).ok_or(RescoringError::Reason)
}

async fn refuse_second(db: &mut sqlx::PgConnection, track: crate::domain::ids::TrackId) -> Result<(), RescoringError> {
    let open = store::rescoring::of_track(&mut *db, track).await?;
    match open.iter().find(|batch| batch.state == RescoringState::Running) {
        Some(batch) => Err(RescoringError::AnotherIsOpen(batch.id)),
        None => Ok(()),
    }
}

/// Begins to score a track's submissions anew, or one of them: on the dev split, and on the final split where they have
/// a final score. A final score that is missing because the server failed to make it has nothing beside which another
/// could stand: it is tried again at once, as an ordinary job.
///
/// # Errors
/// There is no such track or submission, or another rescoring is open.
pub async fn begin(
    app: &App,
    path: &TrackPath,
    submission: Option<SubmissionId>,
    by: By<'_>,
) -> Result<BatchId, RescoringError> {
    let reason = reason_of(&by)?;
    let mut db = app.db.begin().await?;
    let track = store::track::lock_by_path(&mut db, path).await?;
    let track = track.ok_or_else(|| RescoringError::NoTrack(path.clone()))?;
    if track.phase == Phase::Draft {
        return Err(RescoringError::Draft(path.clone()));
    }
    refuse_second(&mut db, track.id).await?;
    let now = app.database_time(&mut *db).await?;
    let batch = store::rescoring::create(&mut *db, track.id, reason, track.ending.labels_version, now).await?;
    let mut queued = 0;
    for split in [Split::Dev, Split::Final] {
        queued += store::rescoring::enqueue(&mut db, batch, split, submission, now).await?;
    }
    if let Some(submission) = submission.filter(|_| queued == 0) {
        return Err(RescoringError::NoSubmission(path.clone(), submission));
    }
    match submission {
        Some(submission) => {
            store::job::retry_final(&mut db, submission).await?;
        }
        None => {
            store::job::enqueue_given_up(&mut db, track.id).await?;
        }
    }
    db.commit().await?;
    Ok(batch)
}

/// Lets the results of a rescoring take the place of the present scores, all at once. Entries by the rule `best` follow
/// while entries move; official ones stand, and a revealed ranking gets its next version.
///
/// # Errors
/// There is no such open batch, or not all of it is scored.
pub async fn apply(app: &App, batch: BatchId, by: By<'_>) -> Result<LogPosition, RescoringError> {
    let mut db = app.db.begin().await?;
    let known = store::rescoring::by_id(&mut *db, batch).await?.ok_or(RescoringError::NoBatch(batch))?;
    let gate = store::track::lock_entries(&mut db, known.track).await?;
    let open = store::rescoring::lock_running(&mut db, batch).await?.ok_or(RescoringError::NoBatch(batch))?;
    if open.waiting > 0 || open.failed > 0 {
        return Err(RescoringError::NotDone { batch, waiting: open.waiting, failed: open.failed });
    }
    let now = app.database_time(&mut *db).await?;
    let is_benchmark = store::rescoring::is_of_benchmark_alone(&mut *db, batch).await?;
    let is_official = store::rescoring::is_official(&mut *db, batch).await?;
    let scores = store::rescoring::apply(&mut db, batch, now).await?;
    store::rescoring::end(&mut *db, batch, RescoringState::Applied, now).await?;
    if gate.phase.rules().dev_entries_move && !gate.is_frozen {
        entries::pick_all(&mut db, open.track, gate.rule).await?;
    }
    let scores = u32::try_from(scores).unwrap_or(u32::MAX);
    let event = LogEvent::Rescored { batch: batch.as_uuid(), scores };
    let detail = Detail { user: by.user, reason: Some(&open.reason) };
    let log = store::log::append(&mut db, open.track, event, detail, now).await?;
    if is_benchmark {
        store::track::benchmark_changed(&mut db, open.track, now).await?;
    } else {
        if is_official {
            rankings::changed(&mut db, open.track, gate.phase, RankingChange::Rescored, now).await?;
        }
        store::track::board_changed(&mut db, open.track, now).await?;
    }
    db.commit().await?;
    Ok(log)
}

/// Throws the results of a rescoring away.
///
/// # Errors
/// There is no such open batch.
pub async fn drop_batch(app: &App, batch: BatchId) -> Result<(), RescoringError> {
    let mut db = app.db.begin().await?;
    store::rescoring::remove_jobs(&mut *db, batch).await?;
    store::rescoring::lock_running(&mut db, batch).await?.ok_or(RescoringError::NoBatch(batch))?;
    let now = app.database_time(&mut *db).await?;
    store::rescoring::end(&mut *db, batch, RescoringState::Dropped, now).await?;
    db.commit().await?;
    Ok(())
}

/// A rescoring of a track; `None` where there is none of this identifier there.
///
/// # Errors
/// The database cannot answer.
pub async fn of_track(app: &App, path: &TrackPath, batch: BatchId) -> Result<Option<Rescoring>, RescoringError> {
    let track = store::track::by_path(&app.db, path).await?;
    let track = track.ok_or_else(|| RescoringError::NoTrack(path.clone()))?;
    let found = store::rescoring::by_id(&app.db, batch).await?;
    Ok(found.filter(|found| found.track == track.id))
}

/// Labels by target model: those that are corrected.
pub type CorrectedLabels = BTreeMap<ModelPath, Vec<Membership>>;

/// What a correction made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Corrected {
    /// The event, or, where the labels were these already, the log's head.
    pub log: LogPosition,
    /// The rescoring that it began; `None` where nothing changed or nothing was scored yet.
    pub batch: Option<BatchId>,
    /// The phase that the track is in.
    pub phase: Phase,
    /// The labels were these already; nothing changed.
    pub already: bool,
}

/// Corrects labels of an open or later track: a new version of all labels with a commitment of its own, and a rescoring
/// to be looked at. The old version is kept, with its salts and scores.
///
/// # Errors
/// The track is a draft, labels do not fit its shape, no reason was given, or a rescoring is open.
pub async fn correct(
    app: &App,
    path: &TrackPath,
    corrected: &CorrectedLabels,
    by: By<'_>,
) -> Result<Corrected, RescoringError> {
    let reason = reason_of(&by)?;
    let mut db = app.db.begin().await?;
    let track = store::track::lock_by_path(&mut db, path).await?;
    let track = track.ok_or_else(|| RescoringError::NoTrack(path.clone()))?;
    if !track.phase.rules().labels_are_corrected {
        return Err(RescoringError::Draft(path.clone()));
    }
    let now = app.database_time(&mut *db).await?;
    let mut solutions = store::solution::all(&mut *db, track.id).await?;
    let mut changed = Vec::new();
    for (model, labels) in corrected {
        let one = solutions
            .iter_mut()
            .find(|one| one.path() == *model)
            .ok_or_else(|| RescoringError::BadLabels(format!("{path} has no labels of {model} to be corrected.")))?;
        if one.membership.len() != labels.len() {
            return Err(RescoringError::BadLabels(format!(
                "{model} has {} challenge points, and {} labels were given.",
                one.membership.len(),
                labels.len()
            )));
        }
        if one.membership != *labels {
            one.membership.clone_from(labels);
            changed.push(model.to_string());
        }
    }
    if changed.is_empty() {
        let head = store::log::head(&mut *db, track.id).await?;
        let log = head.unwrap_or(LogPosition { seq: 0, hash: Sha256::from([0; 32]) });
        return Ok(Corrected { log, batch: None, phase: track.stage().phase_at(now), already: true });
    }
    check_splits(&track, &solutions)?;
    refuse_second(&mut db, track.id).await?;
    let old = store::label::version(&mut *db, track.id, track.ending.labels_version).await?;
    let version = track.ending.labels_version + 1;
    for one in &mut solutions {
        // A line of the new commitment that equalled one of the old would tell which labels did not change.
        one.salt = None;
    }
    labels::add_salts(&mut solutions).map_err(RescoringError::Labels)?;
    store::solution::replace(&mut db, track.id, version, &solutions).await?;
    let commitment = labels::commitment(&track.shape, &solutions, None).map_err(|error| match error {
        // Final labels may still be kept elsewhere; then there is nothing to commit to as a whole.
        LabelError::Missing(_) => RescoringError::BadLabels(
            "The labels of the final split are not here yet; import them before labels are corrected.".to_owned(),
        ),
        other => RescoringError::Labels(other),
    })?;
    let new_root = Sha256::from(commitment.root());
    let label = LabelVersion { version, root: Some(new_root), text: Some(commitment.text()), made_at: now };
    store::label::put(&mut *db, track.id, &label).await?;
    store::track::set_labels_version(&mut db, track.id, version).await?;
    let event = LogEvent::Corrected {
        old_root: old.and_then(|label| label.root),
        new_root,
        version: version.unsigned_abs(),
        models: changed,
    };
    let batch = store::rescoring::create(&mut *db, track.id, reason, version, now).await?;
    for split in [Split::Dev, Split::Final] {
        store::rescoring::enqueue(&mut db, batch, split, None, now).await?;
    }
    let detail = Detail { user: by.user, reason: Some(reason) };
    let log = store::log::append(&mut db, track.id, event, detail, now).await?;
    store::track::set_banner(&mut db, track.id, log.seq).await?;
    store::track::board_changed(&mut db, track.id, now).await?;
    db.commit().await?;
    Ok(Corrected { log, batch: Some(batch), phase: track.stage().phase_at(now), already: false })
}

/// Whether the corrected labels can still be scored against: each scenario needs members and non-members in both splits.
fn check_splits(
    track: &store::track::Track,
    solutions: &[store::solution::ModelSolution],
) -> Result<(), RescoringError> {
    for scenario in track.shape.scenarios() {
        for split in Split::SUBMITTED {
            let mut labels = solutions
                .iter()
                .filter(|one| one.split == split && one.scenario == scenario.name())
                .flat_map(|one| &one.membership)
                .peekable();
            let Some(first) = labels.peek().copied() else { continue };
            if labels.all(|label| label == first) {
                return Err(RescoringError::BadLabels(format!(
                    "With these labels {}/{split} has no member or no non-member, and could not be scored.",
                    scenario.name()
                )));
            }
        }
    }
    Ok(())
}
