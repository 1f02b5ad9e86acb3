//! How far a track has come, for its organisers: what `track status` prints and the page of the final shows.

use time::OffsetDateTime;

use super::entries::{self, FreezeWait};
use super::lifecycle::StepError;
use super::readiness::{self, NotReady};
use crate::app::App;
use crate::domain::phase::Phase;
use crate::domain::slug::TrackPath;
use crate::domain::visibility::VisibleSplit;
use crate::store::job::TroubledJob;
use crate::store::label::LabelVersion;
use crate::store::ranking::FinalCounts;
use crate::store::rescoring::{Rescoring, RescoringState};
use crate::store::submission::{StateCounts, Submission};
use crate::store::track::Track;
use crate::store::{self, StoreError};

/// How far a track has come.
#[derive(Debug)]
pub struct Status {
    /// The track, in the phase that holds for everybody.
    pub track: Track,
    /// When this was so.
    pub now: OffsetDateTime,
    /// Its submissions by state.
    pub submissions: StateCounts,
    /// Entries on the dev board, or, once they are frozen, official ones.
    pub entries: i64,
    /// What the freeze waits for: of a closed track whose entries are not frozen.
    pub freeze: Option<FreezeWait>,
    /// Submissions without a dev score by our fault: the freeze does not wait for them.
    pub failed: Vec<Submission>,
    /// Final scores that are there, of those that there will be; `None` before the first preview.
    pub final_scores: Option<FinalCounts>,
    /// Final jobs that went wrong.
    pub troubled: Vec<TroubledJob>,
    /// What keeps the ranking from being revealed: of a closed track.
    pub before_reveal: Vec<NotReady>,
    /// The present version of the labels; `None` of a draft.
    pub labels: Option<LabelVersion>,
    /// Whether all labels of the final split are here.
    pub has_final_labels: bool,
    /// The rescoring that is open.
    pub rescoring: Option<Rescoring>,
}

/// How far the track has come.
///
/// # Errors
/// There is no such track, or the database cannot answer.
pub async fn of(app: &App, path: &TrackPath) -> Result<Status, StepError> {
    let track = store::track::by_path(&app.db, path).await?.ok_or_else(|| StepError::NoTrack(path.clone()))?;
    Ok(of_track(app, track).await?)
}

/// How far a track that was just read has come.
///
/// # Errors
/// The database cannot answer.
pub async fn of_track(app: &App, track: Track) -> Result<Status, StoreError> {
    let mut db = app.db.acquire().await?;
    let now = app.database_time(&mut *db).await?;
    let track = track.at(now);
    let (id, ending) = (track.id, track.ending);
    let is_closed = track.phase == Phase::Closed;
    let counts = store::ranking::final_counts(&mut *db, VisibleSplit::for_official_ranking(id)).await?;
    let entries = match ending.entries_frozen_at {
        Some(_) => counts.of,
        None => i64::try_from(store::entry::participants(&mut *db, id).await?.len()).unwrap_or(i64::MAX),
    };
    let freeze = match is_closed && ending.entries_frozen_at.is_none() {
        true => {
            let wait = entries::freeze_wait(&mut db, id, track.settings.dates.closes_at, now).await?;
            Some(wait.unwrap_or(FreezeWait { waiting_for_dev: 0, waiting_for_rescoring: 0, not_before: None }))
        }
        false => None,
    };
    let troubled = store::job::troubled_final(&mut *db, id).await?;
    let before_reveal = match is_closed {
        true => readiness::cannot_reveal_with(&mut db, &track, counts, &troubled).await?,
        false => Vec::new(),
    };
    let rescorings = store::rescoring::of_track(&mut *db, id).await?;
    Ok(Status {
        now,
        submissions: store::submission::state_counts(&mut *db, id).await?,
        entries,
        freeze,
        failed: store::submission::failed(&mut *db, id).await?,
        final_scores: ending.final_begun_at.map(|_| counts),
        troubled,
        before_reveal,
        labels: store::label::version(&mut *db, id, ending.labels_version).await?,
        has_final_labels: store::solution::is_complete(&mut db, id, scoring::Split::Final).await?,
        rescoring: rescorings.into_iter().find(|batch| batch.state == RescoringState::Running),
        track,
    })
}
