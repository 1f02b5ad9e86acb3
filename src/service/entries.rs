//! Entries: the one place where it is picked which submission stands for a participant, and where the official entries
//! are frozen.

use sqlx::PgConnection;

use crate::app::App;
use crate::domain::entry;
use crate::domain::ids::{ParticipantId, TrackId};
use crate::domain::track::EntryRule;
use crate::domain::visibility::VisibleSplit;
use crate::store::track::EntryGate;
use crate::store::{self, StoreError};
use scoring::Split;

/// Picks a participant's entry on the dev board anew, by the rule that holds now. Part of the transaction that changed
/// what it is picked from; the caller holds the participant's lock and that of the track, of which `gate` is proof.
///
/// Where the phase lets entries stand, as after the reveal, nothing changes.
///
/// # Errors
/// The database cannot answer.
pub async fn pick(
    db: &mut PgConnection,
    track: TrackId,
    participant: ParticipantId,
    gate: EntryGate,
) -> Result<(), StoreError> {
    if !gate.phase.rules().dev_entries_move || gate.is_frozen {
        return Ok(());
    }
    put(db, track, participant, gate.rule).await
}

/// Picks the entries of all participants that have one anew, after the track's rule has become `rule`. The track's lock,
/// held by the caller, keeps workers from picking at the same time.
///
/// # Errors
/// The database cannot answer.
pub async fn pick_all(db: &mut PgConnection, track: TrackId, rule: EntryRule) -> Result<(), StoreError> {
    for participant in store::entry::participants(&mut *db, track).await? {
        put(db, track, participant, rule).await?;
    }
    Ok(())
}

async fn put(
    db: &mut PgConnection,
    track: TrackId,
    participant: ParticipantId,
    rule: EntryRule,
) -> Result<(), StoreError> {
    let candidates = store::scoring::candidates(&mut *db, VisibleSplit::for_entry_rule(participant)).await?;
    if let Some(standing) = entry::standing(rule, candidates) {
        store::entry::put(&mut *db, track, participant, &standing).await?;
    }
    Ok(())
}

/// Makes the entries of a closed track official: from now on neither scores nor rules change them. Says whether it did
/// so now; while a dev score is awaited, a second time, and in any other phase, it changes nothing.
///
/// # Errors
/// The database cannot answer.
pub async fn freeze(app: &App, track: TrackId) -> Result<bool, StoreError> {
    let mut db = app.db.begin().await?;
    let gate = store::track::lock_entries(&mut db, track).await?;
    if !gate.phase.rules().final_can_begin || gate.is_frozen {
        return Ok(false);
    }
    // What was handed in before the close counts, also where its score comes after it.
    if store::submission::is_any_unfinished(&mut *db, track).await? {
        return Ok(false);
    }
    store::entry::freeze(&mut db, track).await?;
    store::track::set_frozen(&mut db, track, app.clock.now()).await?;
    db.commit().await?;
    Ok(true)
}

/// Queues the official entries of a closed track for a score on the final split; final scores exist from here on. Says
/// whether it did so now. Nothing happens before the entries are frozen, while final labels are missing, a second time,
/// or in any other phase.
///
/// # Errors
/// The database cannot answer.
pub async fn begin_final(app: &App, track: TrackId) -> Result<bool, StoreError> {
    let now = app.clock.now();
    let mut db = app.db.begin().await?;
    let gate = store::track::lock_entries(&mut db, track).await?;
    if !gate.phase.rules().final_can_begin || !gate.is_frozen || gate.final_has_begun {
        return Ok(false);
    }
    // Without them every job would fail, and there would be no way back.
    if !store::solution::is_complete(&mut db, track, Split::Final).await? {
        return Ok(false);
    }
    store::track::set_final_begun(&mut db, track, now).await?;
    for submission in store::entry::official(&mut *db, track).await? {
        store::job::enqueue(&mut db, submission, Split::Final, now).await?;
    }
    db.commit().await?;
    Ok(true)
}
