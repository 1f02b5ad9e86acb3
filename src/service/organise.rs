//! What organisers do to single submissions: take them out, take them back in, have them scored again.

use thiserror::Error;

use super::entries::{self, Touched};
use super::lifecycle::By;
use super::rankings;
use crate::app::App;
use crate::domain::ids::SubmissionId;
use crate::domain::log_event::LogEvent;
use crate::domain::official_ranking::RankingChange;
use crate::domain::phase::Phase;
use crate::store::log::LogPosition;
use crate::store::{self, StoreError};

/// Why something was not done to a submission.
#[derive(Debug, Error)]
pub enum OrganiseError {
    /// There is no such submission.
    #[error("there is no submission {0}")]
    NoSubmission(SubmissionId),
    /// The track is a draft: its trials count for nothing.
    #[error("the track has not opened, so nothing counts yet")]
    Draft,
    /// No reason was given.
    #[error("give a reason of 1 to 500 characters; the owner is told it")]
    Reason,
    /// It has no job for the final split that could be done again.
    #[error("submission {0} waits for no final score")]
    NoFinalJob(SubmissionId),
    /// The database could not do its part.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for OrganiseError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// What came of an act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Done {
    /// The event that the act made; `None` where it had been done before.
    pub log: Option<LogPosition>,
}

/// Takes a submission out: the participant's next candidate takes its place, on a dev board that stands too, and among
/// the official entries. The reason is told to the owner.
///
/// # Errors
/// There is no such submission, no reason was given, or the track is a draft.
pub async fn disqualify(app: &App, id: SubmissionId, by: By<'_>) -> Result<Done, OrganiseError> {
    let reason = by.reason.ok_or(OrganiseError::Reason)?.as_str();
    change(app, id, by, Some(reason)).await
}

/// Lets a disqualified submission count again.
///
/// # Errors
/// As [`disqualify`], but that it needs no reason.
pub async fn restore(app: &App, id: SubmissionId, by: By<'_>) -> Result<Done, OrganiseError> {
    change(app, id, by, None).await
}

async fn change(app: &App, id: SubmissionId, by: By<'_>, out: Option<&str>) -> Result<Done, OrganiseError> {
    let mut db = app.db.begin().await?;
    let sent = store::submission::by_id(&mut *db, id).await?.ok_or(OrganiseError::NoSubmission(id))?;
    // The same order of locks as a worker that scores it: participant, track.
    store::participant::lock(&mut db, sent.participant).await?;
    let gate = store::track::lock_entries(&mut db, sent.track).await?;
    let now = app.database_time(&mut *db).await?;
    if gate.phase == Phase::Draft {
        return Err(OrganiseError::Draft);
    }
    let sent = store::submission::by_id(&mut *db, id).await?.ok_or(OrganiseError::NoSubmission(id))?;
    if sent.disqualified.is_some() == out.is_some() {
        return Ok(Done { log: None });
    }
    let (event, change, touched) = match out {
        Some(reason) => {
            store::submission::disqualify(&mut *db, id, reason, now).await?;
            (LogEvent::Disqualified { submission: id }, RankingChange::Disqualified, Touched::Out(id))
        }
        None => {
            store::submission::restore(&mut *db, id).await?;
            (LogEvent::Restored { submission: id }, RankingChange::Restored, Touched::In(id))
        }
    };
    let official_changed = entries::repick(&mut db, (sent.track, sent.participant), touched, gate, now).await?;
    let log = store::log::append(&mut db, sent.track, event, by.detail(), now).await?;
    if official_changed {
        rankings::changed(&mut db, sent.track, gate.phase, change, now).await?;
    }
    // What was sent to a benchmark changes nothing official.
    match sent.is_benchmark {
        true => store::track::benchmark_changed(&mut db, sent.track, now).await?,
        false => store::track::board_changed(&mut db, sent.track, now).await?,
    }
    store::submission::notify(&mut db, id).await?;
    db.commit().await?;
    Ok(Done { log: Some(log) })
}

/// Has a submission scored on the final split again whose job went wrong.
///
/// # Errors
/// It has no such job.
pub async fn retry_final(app: &App, id: SubmissionId) -> Result<(), OrganiseError> {
    let mut db = app.db.begin().await?;
    if !store::job::retry_final(&mut db, id).await? {
        return Err(OrganiseError::NoFinalJob(id));
    }
    db.commit().await?;
    Ok(())
}
