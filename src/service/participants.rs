//! Who takes part: organisers approve, deny, withdraw and restore participants, one or many at once, and participants
//! withdraw by themselves. Each act is one transaction, in which the boards change with the participants.
//!
//! Events tell of those alone who take part, or did; of applicants the log says nothing. Why something was decided is shown
//! to the participant and to organisers.

use std::collections::BTreeMap;

use sqlx::PgConnection;
use thiserror::Error;
use time::OffsetDateTime;

use super::lifecycle::By;
use super::{competing, entries, rankings};
use crate::app::App;
use crate::domain::ids::{ParticipantId, TrackId, UserId};
use crate::domain::log_event::{LogEvent, LogParticipant};
use crate::domain::official_ranking::RankingChange;
use crate::domain::participant::{Decision, ParticipantStatus, Standing, name_key};
use crate::domain::phase::{Phase, PhaseRules};
use crate::domain::slug::TrackPath;
use crate::store::log::{Detail, LogPosition};
use crate::store::participant::Change;
use crate::store::track::{EntryGate, Track};
use crate::store::{self, StoreError};

/// Whom a decision is about.
#[derive(Debug, Clone, Copy)]
pub enum Who<'a> {
    /// The participants of these names, whatever their case.
    Named(&'a [String]),
    /// All who wait for an organiser.
    AllPending,
}

/// Why nothing was decided.
#[derive(Debug, Error)]
pub enum ParticipantsError {
    /// There is no such track.
    #[error("there is no track {0}")]
    NoTrack(TrackPath),
    /// Some names are those of no participant of the track.
    #[error("{track} has no participant named {}", names.join(", "))]
    NoParticipant {
        /// Which track.
        track: TrackPath,
        /// The names.
        names: Vec<String>,
    },
    /// Nobody is approved any more.
    #[error("the track is {}: nobody is approved any more", phase.as_str())]
    NoApprovals {
        /// The phase it is in.
        phase: Phase,
        /// Who would have been.
        names: Vec<String>,
    },
    /// The phase asks for a reason.
    #[error("the track is {}, so say why, in 1 to 500 characters; they will read it", .0.as_str())]
    NeedsReason(Phase),
    /// The participant has a member on the staff.
    #[error("{0} is staff of the competition, and staff never competes")]
    Staff(String),
    /// Participants do not withdraw by themselves any more.
    #[error("the final ranking is public: nobody withdraws any more")]
    TooLate(Phase),
    /// The account takes no part in the track.
    #[error("you do not take part in this track")]
    NotEnrolled,
    /// The database could not do its part.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for ParticipantsError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// What came of a decision.
#[derive(Debug, Clone)]
pub struct Done {
    /// When it was made.
    pub at: OffsetDateTime,
    /// Who stands otherwise now, and how: the names as boards have them.
    pub changed: Vec<(String, ParticipantStatus)>,
    /// Who stood so before.
    pub already: Vec<(String, ParticipantStatus)>,
    /// Whether who competes was changed.
    pub competes_changed: bool,
    /// The last event that it made; `None` where the log has none of it.
    pub log: Option<LogPosition>,
}

/// Decides who takes part: all of those named, or nobody where a name is unknown or the phase does not let one be approved.
///
/// # Errors
/// There is no such track or participant, or the phase asks for a reason or takes no approvals.
pub async fn decide(
    app: &App,
    path: &TrackPath,
    who: Who<'_>,
    decision: Decision,
    by: By<'_>,
) -> Result<Done, ParticipantsError> {
    change(app, path, who, Some(decision), None, by).await
}

/// Decides of one participant whether they take part, and whether they compete; what is not said stays.
///
/// # Errors
/// As [`decide`].
pub async fn change_one(
    app: &App,
    path: &TrackPath,
    name: &str,
    decision: Option<Decision>,
    out_of_competition: Option<bool>,
    by: By<'_>,
) -> Result<Done, ParticipantsError> {
    change(app, path, Who::Named(&[name.to_owned()]), decision, out_of_competition, by).await
}

async fn change(
    app: &App,
    path: &TrackPath,
    who: Who<'_>,
    decision: Option<Decision>,
    out_of_competition: Option<bool>,
    by: By<'_>,
) -> Result<Done, ParticipantsError> {
    let mut db = app.db.begin().await?;
    let track = store::track::by_path(&mut *db, path).await?;
    let track = track.ok_or_else(|| ParticipantsError::NoTrack(path.clone()))?;
    let mut locked = lock(&mut db, &track, who).await?;
    // As it stands now, and held still.
    let gate = store::track::lock_entries(&mut db, track.id).await?;
    let now = app.database_time(&mut *db).await?;
    let phase = phase_at(&track, gate, now);
    if matches!(who, Who::AllPending) {
        // Somebody else may have decided in between.
        locked.retain(|(.., standing)| standing.status == ParticipantStatus::Pending);
    }
    let mut done = Done { at: now, changed: Vec::new(), already: Vec::new(), competes_changed: false, log: None };
    if let Some(decision) = decision {
        let (same, others): (Vec<_>, Vec<_>) =
            locked.iter().cloned().partition(|(.., standing)| standing.after(decision) == standing.status);
        allowed(phase, decision, &others, by)?;
        let mut turned = Vec::new();
        for (id, name, standing) in others {
            let new = standing.after(decision);
            turned.push((id, standing, Turn { new, reason: by.detail().reason, by_participant: false }));
            done.changed.push((name, new));
        }
        done.already = same.into_iter().map(|(_, name, standing)| (name, standing.status)).collect();
        done.log = turn(&mut db, track.id, gate, &turned, by.detail(), now).await?;
    }
    if let Some(out) = out_of_competition {
        for (id, name, _) in &locked {
            if !out && store::participant::has_staff(&mut *db, *id).await? {
                return Err(ParticipantsError::Staff(name.clone()));
            }
            let marked = competing::mark_one(app, &mut db, (track.id, *id), out, by.detail()).await?;
            done.competes_changed |= marked;
        }
        if done.competes_changed {
            done.log = store::log::head(&mut *db, track.id).await?;
        }
    }
    db.commit().await?;
    Ok(done)
}

/// Withdraws the participant that an account is a member of, with all of theirs; says whether they took part, or waited to.
///
/// # Errors
/// The account takes no part, or the final ranking is public.
pub async fn leave(app: &App, track: &Track, user: UserId) -> Result<bool, ParticipantsError> {
    let mut db = app.db.begin().await?;
    let found = store::participant::find(&mut *db, track.id, user).await?.ok_or(ParticipantsError::NotEnrolled)?;
    store::participant::lock(&mut db, found.id).await?;
    let gate = store::track::lock_entries(&mut db, track.id).await?;
    let now = app.database_time(&mut *db).await?;
    let standing = store::participant::standing(&mut *db, found.id).await?.ok_or(ParticipantsError::NotEnrolled)?;
    if matches!(standing.status, ParticipantStatus::Denied | ParticipantStatus::Withdrawn) {
        return Ok(false);
    }
    let phase = phase_at(track, gate, now);
    if !phase.rules().participants_may_leave {
        return Err(ParticipantsError::TooLate(phase));
    }
    let detail = Detail { user: Some(user), reason: None };
    let leaves = Turn { new: ParticipantStatus::Withdrawn, reason: None, by_participant: true };
    turn(&mut db, track.id, gate, &[(found.id, standing, leaves)], detail, now).await?;
    db.commit().await?;
    Ok(true)
}

/// A participant whose row is locked, with the name that boards have for them.
type Locked = (ParticipantId, String, Standing);

/// Locks participants in the order of their ids, so that two who decide at once wait for each other and no more.
async fn lock(db: &mut PgConnection, track: &Track, who: Who<'_>) -> Result<Vec<Locked>, ParticipantsError> {
    let mut ids: Vec<ParticipantId> = match who {
        Who::AllPending => store::participant::pending(&mut *db, track.id).await?,
        Who::Named(names) => {
            let asked: BTreeMap<String, &String> = names.iter().map(|name| (name_key(name), name)).collect();
            let keys: Vec<String> = asked.keys().cloned().collect();
            let found = store::participant::named(&mut *db, track.id, &keys).await?;
            let is_known = |key: &str| found.iter().any(|(_, known)| known == key);
            let unknown: Vec<String> =
                asked.iter().filter(|(key, _)| !is_known(key)).map(|(_, name)| (*name).clone()).collect();
            if !unknown.is_empty() {
                return Err(ParticipantsError::NoParticipant { track: track.path(), names: unknown });
            }
            found.into_iter().map(|(id, _)| id).collect()
        }
    };
    ids.sort_unstable();
    for id in &ids {
        store::participant::lock(db, *id).await?;
    }
    let mut locked = Vec::with_capacity(ids.len());
    for id in ids {
        if let Some(standing) = store::participant::standing(&mut *db, id).await? {
            locked.push((id, store::participant::name(&mut *db, id).await?, standing));
        }
    }
    locked.sort_by_key(|(_, name, _)| name_key(name));
    Ok(locked)
}

/// The phase that holds for everybody, whether or not the sweeper has written it down.
fn phase_at(track: &Track, gate: EntryGate, now: OffsetDateTime) -> Phase {
    let mut stage = track.stage();
    stage.phase = gate.phase;
    stage.dates.closes_at = gate.closes_at;
    stage.phase_at(now)
}

/// Whether the phase lets organisers decide so of those whom it changes.
fn allowed(phase: Phase, decision: Decision, changed: &[Locked], by: By<'_>) -> Result<(), ParticipantsError> {
    let PhaseRules { approves, removing_needs_a_reason, .. } = phase.rules();
    let new = |standing: Standing| standing.after(decision) == ParticipantStatus::Approved && standing.needs_approval();
    let names: Vec<String> =
        changed.iter().filter(|(.., standing)| new(*standing)).map(|(_, name, _)| name.clone()).collect();
    if !approves && !names.is_empty() {
        return Err(ParticipantsError::NoApprovals { phase, names });
    }
    if removing_needs_a_reason && !changed.is_empty() && by.reason.is_none() {
        return Err(ParticipantsError::NeedsReason(phase));
    }
    Ok(())
}

/// What becomes of a participant.
#[derive(Debug, Clone, Copy)]
struct Turn<'a> {
    new: ParticipantStatus,
    reason: Option<&'a str>,
    by_participant: bool,
}

/// Lets participants stand otherwise, with what that does to boards, official entries and the final ranking. Answers the
/// last event of it. The caller holds the locks of all of them and of the track.
async fn turn(
    db: &mut PgConnection,
    track: TrackId,
    gate: EntryGate,
    turned: &[(ParticipantId, Standing, Turn<'_>)],
    detail: Detail<'_>,
    now: OffsetDateTime,
) -> Result<Option<LogPosition>, StoreError> {
    let mut events = Vec::new();
    let mut changes = Vec::new();
    for (id, standing, turn) in turned {
        let before = standing.before_new(turn.new);
        let change = Change { status: turn.new, before, reason: turn.reason, by_participant: turn.by_participant };
        store::participant::set_status(&mut *db, *id, change, now).await?;
        let participant = store::log::participant(&mut *db, *id).await?;
        let (event, is_official, change) = match (standing.status, turn.new) {
            (ParticipantStatus::Approved, _) => {
                (LogEvent::ParticipantRemoved { participant }, entries::go_out(db, *id).await?, RankingChange::Removed)
            }
            (_, ParticipantStatus::Approved) if standing.has_taken_part => (
                LogEvent::ParticipantReturned { participant },
                entries::come_back(db, (track, *id), gate, now).await?,
                RankingChange::Returned,
            ),
            _ => {
                tell_if_out(db, (*id, participant), turn.new, &mut events).await?;
                continue;
            }
        };
        events.push(event);
        tell_if_out(db, (*id, participant), turn.new, &mut events).await?;
        if is_official && !changes.contains(&change) {
            changes.push(change);
        }
    }
    // The log's head is locked last of all.
    let mut log = None;
    for event in events {
        log = Some(store::log::append(db, track, event, detail, now).await?);
    }
    for change in changes {
        rankings::changed(db, track, gate.phase, change, now).await?;
    }
    if log.is_some() {
        store::track::board_changed(db, track, now).await?;
    }
    Ok(log)
}

/// Of whoever waited or was out the log did not tell that they stand out of competition; it does once they are in.
async fn tell_if_out(
    db: &mut PgConnection,
    (id, participant): (ParticipantId, LogParticipant),
    new: ParticipantStatus,
    events: &mut Vec<LogEvent>,
) -> Result<(), StoreError> {
    if new == ParticipantStatus::Approved && store::participant::is_out_of_competition(&mut *db, id).await? {
        events.push(LogEvent::OutOfCompetition { participant, out: true });
    }
    Ok(())
}
