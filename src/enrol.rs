//! Enrolling in a track: for page, API and demo.

use thiserror::Error;

use crate::app::App;
use crate::domain::ids::UserId;
use crate::domain::participant::ParticipantStatus;
use crate::domain::track;
use crate::store::participant::Participant;
use crate::store::track::Track;
use crate::store::{self, StoreError};

/// Why somebody could not be enrolled.
#[derive(Debug, Error)]
pub enum EnrolError {
    /// The track has closed.
    #[error("the track takes no more participants")]
    Closed,
    /// The database could not do its part.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Enrols a user who has accepted the track's terms; answers the enrolment and whether it is new.
///
/// # Errors
/// The track has closed, and the user is not enrolled yet; or the database cannot answer.
pub async fn accepting_terms(app: &App, track: &Track, user: UserId) -> Result<(Participant, bool), EnrolError> {
    let mut db = app.db.begin().await.map_err(StoreError::from)?;
    if !track::takes_participants(track.phase) {
        let earlier = store::participant::find(&mut *db, track.id, user).await?;
        return earlier.map(|participant| (participant, false)).ok_or(EnrolError::Closed);
    }
    let status = ParticipantStatus::at_enrolment(track.settings.approval);
    let enrolled = store::participant::enrol(&mut db, track.id, user, status, app.clock.now()).await?;
    db.commit().await.map_err(StoreError::from)?;
    Ok(enrolled)
}
