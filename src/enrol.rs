//! Enrolling in a track: for page, API and demo.

use crate::app::App;
use crate::domain::ids::UserId;
use crate::domain::participant::ParticipantStatus;
use crate::store::participant::Participant;
use crate::store::track::Track;
use crate::store::{self, StoreError};

/// Enrols a user who has accepted the track's terms; answers the enrolment and whether it is new.
///
/// # Errors
/// The database cannot answer.
pub async fn accepting_terms(app: &App, track: &Track, user: UserId) -> Result<(Participant, bool), StoreError> {
    let mut db = app.db.begin().await?;
    let status = ParticipantStatus::at_enrolment(track.settings.approval);
    let enrolled = store::participant::enrol(&mut db, track.id, user, status, app.clock.now()).await?;
    db.commit().await?;
    Ok(enrolled)
}
