//! Enrolling in a track.

use thiserror::Error;

use super::{competing, entries, rankings};
use crate::app::App;
use crate::domain::log_event::LogEvent;
use crate::domain::official_ranking::RankingChange;
use crate::domain::participant::ParticipantStatus;
use crate::domain::phase::{Act, Refusal};
use crate::store::log::Detail;
use crate::store::participant::Participant;
use crate::store::track::Track;
use crate::store::user::User;
use crate::store::{self, StoreError};

/// Why somebody could not be enrolled.
#[derive(Debug, Error)]
pub enum EnrolError {
    /// The track takes no new participants now.
    #[error("the track takes no more participants")]
    Closed(Refusal),
    /// Another participant of the track has the account's name.
    #[error("another participant of the track has this name")]
    NameTaken,
    /// The database could not do its part.
    #[error(transparent)]
    Store(StoreError),
}

impl From<StoreError> for EnrolError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NameTaken => Self::NameTaken,
            other => Self::Store(other),
        }
    }
}

/// Enrols an account that has accepted the track's terms; answers the participant, and whether it is new or back. Who
/// takes part already stays as they are, whatever the phase.
///
/// # Errors
/// The track takes no new participants now, and the account does not take part yet; its name is another participant's;
/// or the database cannot answer.
pub async fn accepting_terms(app: &App, track: &Track, user: &User) -> Result<(Participant, bool), EnrolError> {
    let mut db = app.db.begin().await.map_err(StoreError::from)?;
    // Of one person's two requests at once, the second finds what the first made.
    store::user::lock(&mut db, user.id).await?;
    let mut earlier = store::participant::find(&mut *db, track.id, user.id).await?;
    let mut entry_gate = None;
    if let Some(earlier) = earlier.as_mut().filter(|earlier| earlier.status == ParticipantStatus::Withdrawn) {
        // Whoever comes back changes the participant and the board. A worker that scores for them takes the same locks
        // in the same order. An organiser may have decided otherwise in between.
        earlier.status = store::participant::lock(&mut db, earlier.id).await?.unwrap_or(earlier.status);
        entry_gate = Some(store::track::lock_entries(&mut db, track.id).await?);
    }
    if let Some(earlier) = earlier.filter(|earlier| earlier.status != ParticipantStatus::Withdrawn) {
        return Ok((earlier, false));
    }
    // As it stands now, and held still: it may have closed since the page was read.
    let gate = store::track::gate(&mut db, track.id)
        .await?
        .ok_or_else(|| StoreError::Inconsistent("a track vanished while somebody enrolled".to_owned()))?;
    let now = app.database_time(&mut *db).await?;
    if let Err(refusal) = gate.stage.admit(Act::Enrol, now) {
        return earlier.map(|participant| (participant, false)).ok_or(EnrolError::Closed(refusal));
    }
    // Organisers let themselves in, and stand on the boards without a rank.
    let is_staff = user.is_admin || store::organiser::is_one(&mut *db, track.competition, user.id).await?;
    let at_enrolment = ParticipantStatus::at_enrolment(gate.approval);
    let status = if is_staff { ParticipantStatus::Approved } else { at_enrolment };
    let participant = match earlier {
        None => {
            let new = store::participant::create(&mut db, track.id, user, (status, is_staff), now).await?;
            if is_staff {
                let detail = Detail { user: Some(user.id), reason: None };
                competing::log(&mut db, &new, true, detail, now).await?;
            }
            new
        }
        Some(earlier) => {
            let standing = store::participant::standing(&mut *db, earlier.id).await?;
            let took_part = standing.is_some_and(|standing| standing.has_taken_part);
            let back = store::participant::come_back(&mut db, earlier, user.id, status, now).await?;
            if back.status != ParticipantStatus::Approved || !took_part {
                db.commit().await.map_err(StoreError::from)?;
                return Ok((back, true));
            }
            // What they reached before is shown again. Whoever comes back during a benchmark comes back into the official
            // ranking as well.
            let is_official = match entry_gate {
                Some(gate) => entries::come_back(&mut db, (track.id, earlier.id), gate, now).await?,
                None => false,
            };
            let who = store::log::participant(&mut *db, earlier.id).await?;
            let event = LogEvent::ParticipantReturned { participant: who };
            store::log::append(&mut db, track.id, event, Detail { user: Some(user.id), reason: None }, now).await?;
            if is_official {
                rankings::changed(&mut db, track.id, gate.stage.phase, RankingChange::Returned, now).await?;
            }
            store::track::board_changed(&mut db, track.id, now).await?;
            back
        }
    };
    db.commit().await.map_err(StoreError::from)?;
    Ok((participant, true))
}
