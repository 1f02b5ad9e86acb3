//! What is told of a submission's score: the one way to it, for pages and API.

use scoring::Split;
use sqlx::PgConnection;

use crate::domain::ids::SubmissionId;
use crate::domain::leaderboard::FinalTold;
use crate::domain::visibility::VisibleSplit;
use crate::store::track::Track;
use crate::store::{self, StoreError};

/// What is told of a submission's score on a split that may be seen; `None` where it has none.
///
/// # Errors
/// The database cannot answer.
pub async fn of_submission(
    db: &mut PgConnection,
    track: &Track,
    visible: VisibleSplit<SubmissionId>,
) -> Result<Option<FinalTold>, StoreError> {
    let opened = track.ending.labels_opened_at.is_some();
    // Of an official entry the score that ranks it is told, also while a newer one waits for the next ranking.
    if visible.split() == Split::Final
        && let Some(result) = store::ranking::official_score(&mut *db, visible).await?
    {
        return Ok(Some(FinalTold::of(result, true, opened)));
    }
    let result = store::scoring::of_submission(db, visible).await?;
    Ok(result.map(|result| match visible.split() {
        Split::Final => FinalTold::of(result, false, opened),
        Split::Dev | Split::Train => FinalTold::Numbers(result),
    }))
}
