//! Who competes: organisers never do, and others may stand on the boards without a rank, as a baseline does.

use sqlx::PgConnection;
use time::OffsetDateTime;

use super::rankings;
use crate::app::App;
use crate::domain::ids::{CompetitionId, ParticipantId, TrackId, UserId};
use crate::domain::log_event::LogEvent;
use crate::domain::official_ranking::RankingChange;
use crate::domain::participant::ParticipantStatus;
use crate::store::log::Detail;
use crate::store::participant::Participant;
use crate::store::{self, StoreError};

/// Takes an account that becomes staff out of the competition, in all tracks whose ranking is not public. Part of the
/// transaction that makes it staff.
///
/// # Errors
/// The database cannot answer.
pub(super) async fn becomes_staff(
    app: &App,
    db: &mut PgConnection,
    competition: CompetitionId,
    user: UserId,
) -> Result<(), StoreError> {
    let competing = store::participant::competing_staff(&mut *db, Some((competition, user))).await?;
    mark(app, db, competing, true, Detail::default()).await?;
    Ok(())
}

/// Takes out of the competition whoever is staff and competes all the same; for the sweeper: they may have taken part
/// before this was asked, or have joined while they became staff.
///
/// # Errors
/// The database cannot answer.
pub async fn mark_staff(app: &App) -> Result<(), StoreError> {
    for participant in store::participant::competing_staff(&app.db, None).await? {
        let mut db = app.db.begin().await?;
        mark(app, &mut db, vec![participant], true, Detail::default()).await?;
        db.commit().await?;
    }
    Ok(())
}

/// Says of one participant whether they stand out of competition; answers whether that is a change. Part of the transaction
/// that decides of them.
///
/// # Errors
/// The database cannot answer.
pub(super) async fn mark_one(
    app: &App,
    db: &mut PgConnection,
    (track, id): (TrackId, ParticipantId),
    out: bool,
    detail: Detail<'_>,
) -> Result<bool, StoreError> {
    let Some(standing) = store::participant::standing(&mut *db, id).await? else { return Ok(false) };
    mark(app, db, vec![Participant { id, track, status: standing.status }], out, detail).await
}

/// Marks participants, each of another track; says whether any was changed. Locks all participants, then all tracks, in the
/// order of their ids, so that two who mark at once wait for each other and no more.
async fn mark(
    app: &App,
    db: &mut PgConnection,
    mut participants: Vec<Participant>,
    out: bool,
    detail: Detail<'_>,
) -> Result<bool, StoreError> {
    participants.sort_by_key(|participant| participant.id);
    for participant in &participants {
        store::participant::lock(db, participant.id).await?;
    }
    participants.sort_by_key(|participant| participant.track);
    let mut gates = Vec::with_capacity(participants.len());
    for participant in &participants {
        gates.push(store::track::lock_entries(db, participant.track).await?);
    }
    let now: OffsetDateTime = app.database_time(&mut *db).await?;
    let mut changed = false;
    for (participant, gate) in participants.iter().zip(gates) {
        if !store::participant::set_out_of_competition(&mut *db, participant.id, out).await? {
            continue;
        }
        changed = true;
        // Of whoever waits or was refused the log tells nothing; it is told should they be let in.
        if participant.status == ParticipantStatus::Approved {
            log(db, participant, out, detail, now).await?;
        }
        if store::entry::official_of(&mut *db, participant.id).await?.is_some() {
            rankings::changed(db, participant.track, gate.phase, RankingChange::Competes, now).await?;
        }
        store::track::board_changed(db, participant.track, now).await?;
    }
    Ok(changed)
}

/// Tells the log whether a participant competes.
///
/// # Errors
/// The database cannot answer.
pub(super) async fn log(
    db: &mut PgConnection,
    participant: &Participant,
    out: bool,
    detail: Detail<'_>,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    let who = store::log::participant(&mut *db, participant.id).await?;
    let event = LogEvent::OutOfCompetition { participant: who, out };
    store::log::append(db, participant.track, event, detail, now).await?;
    Ok(())
}
