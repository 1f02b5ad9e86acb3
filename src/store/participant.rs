//! Enrolments.

use sqlx::{PgConnection, PgExecutor};
use time::OffsetDateTime;

use super::StoreError;
use crate::domain::ids::{ParticipantId, TrackId, UserId};
use crate::domain::participant::ParticipantStatus;

/// A user's enrolment in a track.
#[derive(Debug, Clone, Copy)]
pub struct Participant {
    /// Its identifier.
    pub id: ParticipantId,
    /// The track.
    pub track: TrackId,
    /// The user.
    pub user: UserId,
    /// Where it stands.
    pub status: ParticipantStatus,
}

/// Enrols a user; where there is an enrolment already it stays as it is, except that one who withdrew comes
/// back as `status`. Answers the enrolment and whether it is new.
pub async fn enrol(
    db: &mut PgConnection,
    track: TrackId,
    user: UserId,
    status: ParticipantStatus,
    now: OffsetDateTime,
) -> Result<(Participant, bool), StoreError> {
    let id = ParticipantId::generate();
    let done = sqlx::query!(
        "insert into participants (id, track_id, user_id, status, terms_accepted_at, created_at)
         values ($1, $2, $3, $4, $5, $5)
         on conflict on constraint participants_track_user_key
         do update set status = excluded.status, terms_accepted_at = excluded.terms_accepted_at
             where participants.status = 'withdrawn'",
        id.as_uuid(),
        track.as_uuid(),
        user.as_uuid(),
        status as ParticipantStatus,
        now,
    )
    .execute(&mut *db)
    .await?;
    let participant = find(db, track, user)
        .await?
        .ok_or_else(|| StoreError::Inconsistent("an enrolment vanished while it was made".to_owned()))?;
    Ok((participant, done.rows_affected() == 1))
}

/// A user's enrolment in a track.
pub async fn find(db: impl PgExecutor<'_>, track: TrackId, user: UserId) -> Result<Option<Participant>, StoreError> {
    Ok(sqlx::query_as!(
        Participant,
        r#"select id as "id: ParticipantId", track_id as "track: TrackId", user_id as "user: UserId",
                  status as "status: ParticipantStatus"
           from participants where track_id = $1 and user_id = $2"#,
        track.as_uuid(),
        user.as_uuid(),
    )
    .fetch_optional(db)
    .await?)
}

/// A user's enrolment, with the names of its track.
#[derive(Debug)]
pub struct Enrolment {
    /// The competition's slug.
    pub competition: String,
    /// The track's slug.
    pub track: String,
    /// The track's title.
    pub title: String,
    /// Where it stands.
    pub status: ParticipantStatus,
}

/// All enrolments of a user, newest first.
pub async fn of_user(db: impl PgExecutor<'_>, user: UserId) -> Result<Vec<Enrolment>, StoreError> {
    Ok(sqlx::query_as!(
        Enrolment,
        r#"select c.slug as competition, t.slug as track, t.title, p.status as "status: ParticipantStatus"
           from participants p join tracks t on t.id = p.track_id join competitions c on c.id = t.competition_id
           where p.user_id = $1 order by p.created_at desc"#,
        user.as_uuid(),
    )
    .fetch_all(db)
    .await?)
}

/// Locks an enrolment until the transaction ends: submissions of one participant pass one by one, so that no
/// limit is passed by racing and no board entry is picked from half the submissions.
pub async fn lock(db: &mut PgConnection, id: ParticipantId) -> Result<Option<ParticipantStatus>, StoreError> {
    let row = sqlx::query!(
        r#"select status as "status: ParticipantStatus" from participants where id = $1 for update"#,
        id.as_uuid()
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(|row| row.status))
}
