//! Final scores that are made because somebody asks for one: of other submissions than the official entries, after the
//! reveal. They enter no board.

use thiserror::Error;

use crate::app::App;
use crate::domain::ids::SubmissionId;
use crate::domain::submission::SubmissionState;
use crate::domain::visibility::VisibleSplit;
use crate::store::{self, StoreError};

/// What came of asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum FinalScore {
    /// It is being made.
    Queued,
    /// It is there.
    Scored,
}

/// Why none is made.
#[derive(Debug, Error)]
pub enum FinalScoreError {
    /// It has no score on the dev split.
    #[error("the submission has no dev score, so it gets no final score")]
    NotScored(SubmissionState),
    /// There is no such submission.
    #[error("there is no submission {0}")]
    NoSubmission(SubmissionId),
    /// The database could not do its part.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for FinalScoreError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// Has a submission scored on the final split, unless it is already; asked again it answers the same. That the caller may
/// see the score is shown by `visible`.
///
/// # Errors
/// It has no dev score.
pub async fn request(app: &App, visible: VisibleSplit<SubmissionId>) -> Result<FinalScore, FinalScoreError> {
    let id = visible.of();
    let mut db = app.db.begin().await?;
    let sent = store::submission::by_id(&mut *db, id).await?.ok_or(FinalScoreError::NoSubmission(id))?;
    // The same order of locks as a worker that scores it.
    store::participant::lock(&mut db, sent.participant).await?;
    if store::scoring::of_submission(&mut *db, visible).await?.is_some() {
        return Ok(FinalScore::Scored);
    }
    if sent.state != SubmissionState::Scored {
        return Err(FinalScoreError::NotScored(sent.state));
    }
    let now = app.database_time(&mut *db).await?;
    store::job::retry_given_up_final(&mut *db, id).await?;
    store::job::enqueue_unscored_final(&mut db, id, now).await?;
    db.commit().await?;
    Ok(FinalScore::Queued)
}
