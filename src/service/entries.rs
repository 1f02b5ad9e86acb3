//! Entries: the one place where it is picked which submission stands for a participant, and where the official entries
//! are frozen.

use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::app::App;
use crate::domain::entry::{self, Candidate};
use crate::domain::ids::{ParticipantId, SubmissionId, TrackId};
use crate::domain::log_event::LogEvent;
use crate::domain::phase::{GRACE, Phase};
use crate::domain::track::EntryRule;
use crate::domain::visibility::VisibleSplit;
use crate::store::log::Detail;
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

/// Puts what the rule picks on the dev board. Without a candidate the participant leaves the board.
async fn put(
    db: &mut PgConnection,
    track: TrackId,
    participant: ParticipantId,
    rule: EntryRule,
) -> Result<(), StoreError> {
    match picked(db, participant, rule).await? {
        Some(standing) => store::entry::put(&mut *db, track, participant, &standing).await,
        None => store::entry::remove(&mut *db, participant).await,
    }
}

/// What the rule picks among a participant's candidates.
async fn picked(
    db: &mut PgConnection,
    participant: ParticipantId,
    rule: EntryRule,
) -> Result<Option<Candidate>, StoreError> {
    let candidates = store::scoring::candidates(&mut *db, VisibleSplit::for_entry_rule(participant)).await?;
    Ok(entry::standing(rule, candidates))
}

/// A submission that organisers took out, or let count again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Touched {
    /// It counts no more.
    Out(SubmissionId),
    /// It counts again.
    In(SubmissionId),
}

impl Touched {
    /// Whether an entry that stands changes: only the submission itself gives way, or comes back.
    fn changes(self, standing: Option<SubmissionId>, picked: Option<SubmissionId>) -> bool {
        match self {
            Self::Out(submission) => standing == Some(submission),
            Self::In(submission) => picked == Some(submission) && standing != picked,
        }
    }
}

/// Picks a participant's entry anew after organisers took a submission out or back in: also on a dev board that stands,
/// and among the official entries, where an entry changes only by that submission itself. An entry that is official from
/// now on is queued for its final score where it has none; says whether the official entry became another.
///
/// # Errors
/// The database cannot answer.
pub async fn repick(
    db: &mut PgConnection,
    (track, participant): (TrackId, ParticipantId),
    touched: Touched,
    gate: EntryGate,
    now: OffsetDateTime,
) -> Result<bool, StoreError> {
    if gate.phase.rules().dev_entries_move && !gate.is_frozen {
        put(db, track, participant, gate.rule).await?;
        return Ok(false);
    }
    let candidate = picked(db, participant, gate.rule).await?;
    let submission = candidate.as_ref().map(|candidate| candidate.submission);
    let standing = store::entry::standing(&mut *db, participant).await?;
    if touched.changes(standing, submission) {
        match &candidate {
            Some(candidate) => store::entry::put(&mut *db, track, participant, candidate).await?,
            None => store::entry::remove(&mut *db, participant).await?,
        }
    }
    let official = store::entry::official_of(&mut *db, participant).await?;
    if !gate.is_frozen || !touched.changes(official, submission) {
        return Ok(false);
    }
    if let Some(before) = official {
        store::job::drop_final(&mut *db, before).await?;
    }
    match submission {
        Some(submission) => {
            store::entry::put_official(&mut *db, track, participant, submission).await?;
            if gate.final_has_begun {
                store::job::enqueue_unscored_final(db, submission, now).await?;
            }
        }
        None => store::entry::remove_official(&mut *db, participant).await?,
    }
    Ok(true)
}

/// Lets what stands for a participant count again who was out: their official entry, which is picked now where the entries
/// were frozen without them. It is queued for its final score where it has none. Part of the transaction that lets them
/// return; the caller holds the participant's lock and that of the track. Says whether they have an official entry.
///
/// # Errors
/// The database cannot answer.
pub async fn come_back(
    db: &mut PgConnection,
    (track, participant): (TrackId, ParticipantId),
    gate: EntryGate,
    now: OffsetDateTime,
) -> Result<bool, StoreError> {
    if !gate.is_frozen {
        return Ok(false);
    }
    let frozen = store::entry::official_of(&mut *db, participant).await?;
    let submission = match frozen {
        Some(submission) => Some(submission),
        None => picked(db, participant, gate.rule).await?.map(|candidate| candidate.submission),
    };
    let Some(submission) = submission else { return Ok(false) };
    if frozen.is_none() {
        store::entry::put_official(&mut *db, track, participant, submission).await?;
    }
    if gate.final_has_begun {
        store::job::enqueue_unscored_final(db, submission, now).await?;
    }
    Ok(true)
}

/// Takes the official entry of a participant who is out of the queue, so that nothing waits for its final score. It stays
/// remembered, should they return. Says whether they have one.
///
/// # Errors
/// The database cannot answer.
pub async fn go_out(db: &mut PgConnection, participant: ParticipantId) -> Result<bool, StoreError> {
    let official = store::entry::official_of(&mut *db, participant).await?;
    if let Some(submission) = official {
        store::job::drop_final(&mut *db, submission).await?;
    }
    Ok(official.is_some())
}

/// Why entries are not frozen yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct FreezeWait {
    /// Submissions that wait for their dev score.
    pub waiting_for_dev: i64,
    /// Dev scores against labels that were corrected since: they wait for a rescoring to be applied.
    pub waiting_for_rescoring: i64,
    /// Uploads that were under way at the close are taken until then (RFC 3339).
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>)]
    pub not_before: Option<OffsetDateTime>,
}

/// What came of a try to freeze.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freeze {
    /// The official entries stand now.
    Done,
    /// They stood already.
    Already,
    /// Something is waited for.
    Waits(FreezeWait),
    /// The track is not closed.
    NotClosed,
}

/// What a freeze waits for; `None` where it waits for nothing.
///
/// # Errors
/// The database cannot answer.
pub async fn freeze_wait(
    db: &mut PgConnection,
    track: TrackId,
    closes_at: Option<OffsetDateTime>,
    now: OffsetDateTime,
) -> Result<Option<FreezeWait>, StoreError> {
    let not_before = closes_at.map(|at| at + GRACE).filter(|at| *at > now);
    let waiting_for_dev = store::submission::state_counts(&mut *db, track).await?.unfinished;
    // The rule `best` would pick by labels that are known to be wrong.
    let waiting_for_rescoring = store::rescoring::stale_dev_scores(db, track).await?;
    let wait = FreezeWait { waiting_for_dev, waiting_for_rescoring, not_before };
    Ok((waiting_for_dev > 0 || waiting_for_rescoring > 0 || not_before.is_some()).then_some(wait))
}

/// Makes the entries of a closed track official: from now on neither scores nor rules change them. What was handed in
/// before the close counts, also where its score comes after it.
///
/// # Errors
/// The database cannot answer.
pub async fn freeze(app: &App, track: TrackId) -> Result<Freeze, StoreError> {
    let mut db = app.db.begin().await?;
    let gate = store::track::lock_entries(&mut db, track).await?;
    let now = app.database_time(&mut *db).await?;
    if gate.phase != Phase::Closed {
        return Ok(Freeze::NotClosed);
    }
    if gate.is_frozen {
        return Ok(Freeze::Already);
    }
    if let Some(wait) = freeze_wait(&mut db, track, gate.closes_at, now).await? {
        return Ok(Freeze::Waits(wait));
    }
    store::entry::freeze(&mut db, track).await?;
    store::track::set_frozen(&mut db, track, now).await?;
    let entries = store::entry::frozen(&mut *db, track).await?;
    store::log::append(&mut db, track, LogEvent::EntriesFrozen { entries }, Detail::default(), now).await?;
    // The board shows that it stands.
    store::track::board_changed(&mut db, track, now).await?;
    db.commit().await?;
    Ok(Freeze::Done)
}

/// Takes a freeze back, where there was one: the official entries are dropped, and those on the dev board picked anew, since
/// what was scored after the freeze moved none. Part of the transaction that holds the track's lock.
///
/// # Errors
/// The database cannot answer.
pub(super) async fn unfreeze(db: &mut PgConnection, track: TrackId, rule: EntryRule) -> Result<(), StoreError> {
    store::entry::unfreeze(db, track).await?;
    store::track::set_not_frozen(db, track).await?;
    pick_all(db, track, rule).await
}

/// Queues the official entries of a closed track for their final scores; final scores exist from here on. Part of the
/// first preview, whose transaction has asked whether it may begin.
///
/// # Errors
/// The database cannot answer.
pub(super) async fn begin_final(db: &mut PgConnection, track: TrackId, now: OffsetDateTime) -> Result<(), StoreError> {
    store::track::set_final_begun(db, track, now).await?;
    for submission in store::entry::official(&mut *db, track).await? {
        store::job::enqueue(db, submission, Split::Final, now).await?;
    }
    Ok(())
}
