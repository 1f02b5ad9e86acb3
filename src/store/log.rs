//! The log of a track: append-only, each event chained to the one before by a hash.
//!
//! The database refuses every other change of it. The row of the head is locked last of all locks.

use sqlx::{PgConnection, PgExecutor};
use time::OffsetDateTime;

use super::StoreError;
use crate::domain::ids::{ParticipantId, TrackId, UserId};
use crate::domain::log_event::{LogEvent, LogParticipant, Logged, Step, StepName};
use crate::domain::sha256::Sha256;

/// A place in a track's log, by which anybody can show later that an event stood there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct LogPosition {
    /// The event's number.
    pub seq: i64,
    /// The hash up to and with the event.
    #[schema(value_type = String)]
    pub hash: Sha256,
}

/// Who did something, and why in words. Not part of the log.
#[derive(Debug, Clone, Copy, Default)]
pub struct Detail<'a> {
    /// The account; `None` for what the server does by itself, and for commands on its machine.
    pub user: Option<UserId>,
    /// Why.
    pub reason: Option<&'a str>,
}

/// Appends an event. Part of the transaction that does what the event says; no lock is taken after it.
pub async fn append(
    db: &mut PgConnection,
    track: TrackId,
    event: LogEvent,
    detail: Detail<'_>,
    now: OffsetDateTime,
) -> Result<LogPosition, StoreError> {
    // One statement that makes the head where there is none, and locks it.
    let head = sqlx::query!(
        r#"insert into log_heads (track_id) values ($1)
           on conflict (track_id) do update set seq = log_heads.seq
           returning seq, hash as "hash: Sha256", case when seq > 0 then at end as at"#,
        track.as_uuid(),
    )
    .fetch_one(&mut *db)
    .await?;
    let (seq, at) = (head.seq + 1, head.at.map_or(now, |before| before.max(now)));
    let kind = event.kind();
    let logged = Logged { seq: seq.unsigned_abs(), at, event };
    let bytes = logged.to_bytes().map_err(|error| StoreError::Inconsistent(error.to_string()))?;
    let hash = Sha256::from(*scoring::log::chain(Some((*head.hash.as_bytes()).into()), &bytes).as_bytes());
    sqlx::query!(
        "insert into log_events (track_id, seq, at, kind, event, hash) values ($1, $2, $3, $4, $5, $6)",
        track.as_uuid(),
        seq,
        at,
        kind,
        bytes,
        hash as Sha256,
    )
    .execute(&mut *db)
    .await?;
    if detail.user.is_some() || detail.reason.is_some() {
        sqlx::query!(
            "insert into log_details (track_id, seq, user_id, reason) values ($1, $2, $3, $4)",
            track.as_uuid(),
            seq,
            detail.user.map(UserId::as_uuid),
            detail.reason,
        )
        .execute(db)
        .await?;
    }
    Ok(LogPosition { seq, hash })
}

/// The last event's place; `None` while there is none.
pub async fn head(db: impl PgExecutor<'_>, track: TrackId) -> Result<Option<LogPosition>, StoreError> {
    Ok(sqlx::query_as!(
        LogPosition,
        r#"select seq, hash as "hash: Sha256" from log_heads where track_id = $1 and seq > 0"#,
        track.as_uuid(),
    )
    .fetch_optional(db)
    .await?)
}

/// The place of an event; `None` where there is no such event.
pub async fn position(db: impl PgExecutor<'_>, track: TrackId, seq: i64) -> Result<Option<LogPosition>, StoreError> {
    Ok(sqlx::query_as!(
        LogPosition,
        r#"select seq, hash as "hash: Sha256" from log_events where track_id = $1 and seq = $2"#,
        track.as_uuid(),
        seq,
    )
    .fetch_optional(db)
    .await?)
}

/// An event as it is told.
#[derive(Debug, Clone)]
pub struct Line {
    /// The hash up to and with it.
    pub hash: Sha256,
    /// Its bytes.
    pub event: Vec<u8>,
}

impl Line {
    /// The line as it is published, with its line feed.
    pub fn to_bytes(&self) -> Vec<u8> {
        scoring::log::LogLine { hash: (*self.hash.as_bytes()).into(), event: &self.event }.to_bytes()
    }
}

/// The most events of one answer.
pub const MOST_LINES: i64 = 1000;

/// All events of a track, in their order.
pub async fn all(db: &mut PgConnection, track: TrackId) -> Result<Vec<Line>, StoreError> {
    let mut all = Vec::new();
    loop {
        let from = i64::try_from(all.len()).unwrap_or(i64::MAX).saturating_add(1);
        let some = lines(&mut *db, track, from, MOST_LINES).await?;
        if some.is_empty() {
            return Ok(all);
        }
        all.extend(some);
    }
}

/// At most `most` events of a track, in their order, from the one numbered `from` on.
pub async fn lines(db: impl PgExecutor<'_>, track: TrackId, from: i64, most: i64) -> Result<Vec<Line>, StoreError> {
    Ok(sqlx::query_as!(
        Line,
        r#"select hash as "hash: Sha256", event from log_events
           where track_id = $1 and seq >= $2 order by seq limit $3"#,
        track.as_uuid(),
        from,
        most,
    )
    .fetch_all(db)
    .await?)
}

/// The event of a number.
///
/// # Errors
/// [`StoreError::Inconsistent`] where it was written by a newer version of the program.
pub async fn event(db: impl PgExecutor<'_>, track: TrackId, seq: i64) -> Result<Option<Logged>, StoreError> {
    let row = lines(db, track, seq, 1).await?.pop();
    let read = |line: Line| Logged::from_bytes(&line.event).map_err(|e| StoreError::Inconsistent(e.to_string()));
    row.map(read).transpose()
}

/// A step as the track took it last; `None` where it never did, or before it had a log.
pub async fn last_step(db: impl PgExecutor<'_>, track: TrackId, step: StepName) -> Result<Option<Step>, StoreError> {
    let rows = sqlx::query_scalar!(
        "select event from log_events where track_id = $1 and kind = 'step' order by seq desc",
        track.as_uuid(),
    )
    .fetch_all(db)
    .await?;
    for event in rows {
        let logged = Logged::from_bytes(&event).map_err(|error| StoreError::Inconsistent(error.to_string()))?;
        if let LogEvent::Step(taken) = logged.event
            && taken.step == step
        {
            return Ok(Some(taken));
        }
    }
    Ok(None)
}

/// How the log calls a participant.
pub async fn participant(db: impl PgExecutor<'_>, id: ParticipantId) -> Result<LogParticipant, StoreError> {
    Ok(sqlx::query_scalar!(r#"select log_id as "id: LogParticipant" from participants where id = $1"#, id.as_uuid())
        .fetch_one(db)
        .await?)
}
