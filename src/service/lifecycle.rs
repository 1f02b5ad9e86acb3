//! The steps of a track's life. Each exists once, here; commands, pages, API and the demo call it.

use thiserror::Error;

use crate::app::App;
use crate::domain::phase::Phase;
use crate::domain::slug::TrackPath;
use crate::store::{self, StoreError};

/// Why a step was not taken.
#[derive(Debug, Error)]
pub enum StepError {
    /// There is no such track.
    #[error("there is no track {0}")]
    NoTrack(TrackPath),
    /// The track is in a phase that the step does not start from.
    #[error("{track} is {} and cannot be opened again", .phase.as_str())]
    WrongPhase {
        /// Which track.
        track: TrackPath,
        /// The phase it is in.
        phase: Phase,
    },
    /// The database could not do its part.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What came of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// It was taken now.
    Taken,
    /// The track stood there already; nothing changed.
    Already,
}

/// Opens a track: from draft to open. It takes submissions from its opening date on, and its dev board is live.
///
/// # Errors
/// There is no such track, it has been open before, or the database cannot answer.
pub async fn open(app: &App, path: &TrackPath) -> Result<Step, StepError> {
    let mut db = app.db.begin().await.map_err(StoreError::from)?;
    let competition = store::competition::by_slug(&mut *db, &path.competition).await?;
    let competition = competition.ok_or_else(|| StepError::NoTrack(path.clone()))?;
    let track = store::track::lock(&mut db, competition.id, &path.track).await?;
    let track = track.ok_or_else(|| StepError::NoTrack(path.clone()))?;
    if track.phase == Phase::Open {
        return Ok(Step::Already);
    }
    if !store::track::change_phase(&mut db, track.id, Phase::Draft, Phase::Open).await? {
        return Err(StepError::WrongPhase { track: path.clone(), phase: track.phase });
    }
    // Whoever looks at the board sees the phase change.
    store::track::board_changed(&mut db, track.id, app.clock.now()).await?;
    db.commit().await.map_err(StoreError::from)?;
    Ok(Step::Taken)
}

/// Puts the submissions of a track that could not be scored back into the queue, on either split, all of them or none;
/// answers how many.
///
/// # Errors
/// There is no such track, or the database cannot answer.
pub async fn retry_failed(app: &App, path: &TrackPath) -> Result<usize, StepError> {
    let track = store::track::by_path(&app.db, path).await?.ok_or_else(|| StepError::NoTrack(path.clone()))?;
    let mut db = app.db.begin().await.map_err(StoreError::from)?;
    let again = store::job::enqueue_failed(&mut db, track.id, app.clock.now()).await?;
    db.commit().await.map_err(StoreError::from)?;
    Ok(again)
}
