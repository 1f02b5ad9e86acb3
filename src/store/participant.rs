//! Participants: who is ranked in a track, and which accounts are their members.

use sqlx::{PgConnection, PgExecutor};
use time::OffsetDateTime;

use super::user::User;
use super::{StoreError, violates};
use crate::domain::ids::{CompetitionId, ParticipantId, TrackId, UserId};
use crate::domain::log_event::LogParticipant;
use crate::domain::participant::{ParticipantStatus, Standing};
use crate::domain::slug::Slug;

/// A participant of a track: one person, or several who enter together.
#[derive(Debug, Clone, Copy)]
pub struct Participant {
    /// Its identifier.
    pub id: ParticipantId,
    /// The track.
    pub track: TrackId,
    /// How its enrolment stands.
    pub status: ParticipantStatus,
}

/// Adds a participant of which an account is the one member, under the account's name. The caller has seen that the
/// account is in no participant of the track.
///
/// # Errors
/// [`StoreError::NameTaken`] where another participant of the track has the account's name.
pub async fn create(
    db: &mut PgConnection,
    track: TrackId,
    user: &User,
    (status, out_of_competition): (ParticipantStatus, bool),
    now: OffsetDateTime,
) -> Result<Participant, StoreError> {
    let participant = Participant { id: ParticipantId::generate(), track, status };
    sqlx::query!(
        "insert into participants (id, track_id, name, name_key, status, created_at, out_of_competition, approved_at)
         select $1, $2, name, name_key, $4, $5, $6, case when $4 = 'approved'::participant_status then $5::timestamptz end
         from users where id = $3",
        participant.id.as_uuid(),
        track.as_uuid(),
        user.id.as_uuid(),
        status as ParticipantStatus,
        now,
        out_of_competition,
    )
    .execute(&mut *db)
    .await
    .map_err(
        |error| if violates(&error, "participants_track_name_key") { StoreError::NameTaken } else { error.into() },
    )?;
    sqlx::query!(
        "insert into participant_members (participant_id, track_id, user_id, terms_accepted_at, joined_at)
         values ($1, $2, $3, $4, $4)",
        participant.id.as_uuid(),
        track.as_uuid(),
        user.id.as_uuid(),
        now,
    )
    .execute(db)
    .await?;
    Ok(participant)
}

/// Lets a participant that withdrew take part again, after a member has accepted the terms anew.
pub async fn come_back(
    db: &mut PgConnection,
    participant: Participant,
    user: UserId,
    status: ParticipantStatus,
    now: OffsetDateTime,
) -> Result<Participant, StoreError> {
    let change = Change { status, before: None, reason: None, by_participant: true };
    set_status(&mut *db, participant.id, change, now).await?;
    sqlx::query!(
        "update participant_members set terms_accepted_at = $3 where participant_id = $1 and user_id = $2",
        participant.id.as_uuid(),
        user.as_uuid(),
        now,
    )
    .execute(db)
    .await?;
    Ok(Participant { status, ..participant })
}

/// What becomes of a participant, and why.
#[derive(Debug, Clone, Copy)]
pub struct Change<'a> {
    /// Where the enrolment stands from now on.
    pub status: ParticipantStatus,
    /// What restoring leads back to.
    pub before: Option<ParticipantStatus>,
    /// Why; shown to the participant and to organisers.
    pub reason: Option<&'a str>,
    /// Whether the participant did it.
    pub by_participant: bool,
}

/// Writes down what becomes of a participant.
pub async fn set_status(
    db: impl PgExecutor<'_>,
    participant: ParticipantId,
    change: Change<'_>,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update participants
         set status = $2, status_before = $3, status_reason = $4, status_by_participant = $5, status_changed_at = $6,
             approved_at = coalesce(approved_at, case when $2 = 'approved'::participant_status then $6::timestamptz end)
         where id = $1",
        participant.as_uuid(),
        change.status as ParticipantStatus,
        change.before as Option<ParticipantStatus>,
        change.reason,
        change.by_participant,
        now,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// How a participant stands.
pub async fn standing(db: impl PgExecutor<'_>, participant: ParticipantId) -> Result<Option<Standing>, StoreError> {
    Ok(sqlx::query_as!(
        Standing,
        r#"select status as "status: ParticipantStatus", status_before as "before: ParticipantStatus",
                  approved_at is not null or status = 'approved' as "has_taken_part!"
           from participants where id = $1"#,
        participant.as_uuid(),
    )
    .fetch_optional(db)
    .await?)
}

/// What was decided of a participant last.
#[derive(Debug, Clone)]
pub struct Decided {
    /// Why, where somebody said.
    pub reason: Option<String>,
    /// Whether the participant did it.
    pub by_participant: bool,
    /// Whether they take part, or did.
    pub has_taken_part: bool,
}

/// What was decided of a participant last.
pub async fn decided(db: impl PgExecutor<'_>, participant: ParticipantId) -> Result<Option<Decided>, StoreError> {
    Ok(sqlx::query_as!(
        Decided,
        r#"select status_reason as reason, status_by_participant as by_participant,
                  approved_at is not null as "has_taken_part!"
           from participants where id = $1"#,
        participant.as_uuid(),
    )
    .fetch_optional(db)
    .await?)
}

/// The participants of a track that have one of these names, whatever its case, with their names.
pub async fn named(
    db: impl PgExecutor<'_>,
    track: TrackId,
    keys: &[String],
) -> Result<Vec<(ParticipantId, String)>, StoreError> {
    let rows = sqlx::query!(
        r#"select id as "id: ParticipantId", name_key from participants where track_id = $1 and name_key = any($2)"#,
        track.as_uuid(),
        keys,
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.name_key)).collect())
}

/// The participants of a track that wait for an organiser.
pub async fn pending(db: impl PgExecutor<'_>, track: TrackId) -> Result<Vec<ParticipantId>, StoreError> {
    Ok(sqlx::query_scalar!(
        r#"select id as "id: ParticipantId" from participants where track_id = $1 and status = 'pending'"#,
        track.as_uuid(),
    )
    .fetch_all(db)
    .await?)
}

/// How many participants of a track wait for an organiser.
pub async fn count_pending(db: impl PgExecutor<'_>, track: TrackId) -> Result<u64, StoreError> {
    let count = sqlx::query_scalar!(
        r#"select count(*) as "n!" from participants where track_id = $1 and status = 'pending'"#,
        track.as_uuid(),
    );
    Ok(count.fetch_one(db).await?.unsigned_abs())
}

/// A participant as organisers see it in lists.
#[derive(Debug, Clone)]
pub struct Listed {
    /// Its identifier.
    pub id: ParticipantId,
    /// The public name.
    pub name: String,
    /// Where the enrolment stands.
    pub status: ParticipantStatus,
    /// Why, where somebody said.
    pub reason: Option<String>,
    /// When it last changed; `None` since the enrolment.
    pub changed_at: Option<OffsetDateTime>,
    /// Whether the participant changed it.
    pub by_participant: bool,
    /// When they enrolled.
    pub enrolled_at: OffsetDateTime,
    /// Whether they stand on boards without a rank.
    pub out_of_competition: bool,
    /// Submissions of theirs that were taken, in all.
    pub submissions: i64,
    /// The accounts of its members, by name.
    pub members: Vec<String>,
    /// Their e-mail addresses, in the order of the members; empty where there is none.
    pub emails: Vec<String>,
}

/// Which participants of a track a list has.
#[derive(Debug, Clone, Copy, Default)]
pub struct Filter<'a> {
    /// In this status alone.
    pub status: Option<ParticipantStatus>,
    /// With this in their name, or in the name or e-mail address of a member, whatever its case; empty: all.
    pub text: &'a str,
    /// Of this name alone, folded for comparison.
    pub name_key: Option<&'a str>,
    /// Whose status changed at this instant.
    pub changed_at: Option<OffsetDateTime>,
}

/// Participants of a track, who enrolled last first: at most `limit`, from the one behind `after` on.
pub async fn list(
    db: impl PgExecutor<'_>,
    track: TrackId,
    filter: Filter<'_>,
    after: Option<(OffsetDateTime, ParticipantId)>,
    limit: usize,
) -> Result<Vec<Listed>, StoreError> {
    Ok(sqlx::query_as!(
        Listed,
        r#"select p.id as "id: ParticipantId", p.name, p.status as "status: ParticipantStatus", p.status_reason as reason,
                  p.status_changed_at as changed_at, p.status_by_participant as by_participant,
                  p.created_at as enrolled_at, p.out_of_competition,
                  (select count(*) from submissions s where s.participant_id = p.id and s.state <> 'rejected')
                      as "submissions!",
                  array(select u.name from participant_members m join users u on u.id = m.user_id
                        where m.participant_id = p.id order by u.name) as "members!",
                  array(select coalesce(u.email, '') from participant_members m join users u on u.id = m.user_id
                        where m.participant_id = p.id order by u.name) as "emails!"
           from participants p
           where p.track_id = $1 and ($2::participant_status is null or p.status = $2)
             and ($3 = '' or position($3 in p.name_key) > 0
                  or exists (select from participant_members m join users u on u.id = m.user_id
                             where m.participant_id = p.id
                               and (position($3 in lower(u.email)) > 0 or position($3 in u.name_key) > 0)))
             and ($4::text is null or p.name_key = $4)
             and ($5::timestamptz is null or p.status_changed_at = $5)
             and ($6::timestamptz is null or (p.created_at, p.id) < ($6, $7::uuid))
           order by p.created_at desc, p.id desc limit $8"#,
        track.as_uuid(),
        filter.status as Option<ParticipantStatus>,
        filter.text.trim().to_lowercase(),
        filter.name_key,
        filter.changed_at,
        after.map(|(at, _)| at),
        after.map(|(_, id)| id.as_uuid()),
        i64::try_from(limit).unwrap_or(i64::MAX),
    )
    .fetch_all(db)
    .await?)
}

/// The participant of a track that an account is a member of.
pub async fn find(db: impl PgExecutor<'_>, track: TrackId, user: UserId) -> Result<Option<Participant>, StoreError> {
    Ok(sqlx::query_as!(
        Participant,
        r#"select p.id as "id: ParticipantId", p.track_id as "track: TrackId", p.status as "status: ParticipantStatus"
           from participant_members m join participants p on p.id = m.participant_id
           where m.track_id = $1 and m.user_id = $2"#,
        track.as_uuid(),
        user.as_uuid(),
    )
    .fetch_optional(db)
    .await?)
}

/// An account's enrolment, with the names of its track.
#[derive(Debug)]
pub struct Enrolment {
    /// The competition's slug.
    pub competition: Slug,
    /// The track's slug.
    pub track: Slug,
    /// The track's title.
    pub title: String,
    /// How it stands.
    pub status: ParticipantStatus,
}

/// All enrolments of an account, newest first.
pub async fn of_user(db: impl PgExecutor<'_>, user: UserId) -> Result<Vec<Enrolment>, StoreError> {
    Ok(sqlx::query_as!(
        Enrolment,
        r#"select c.slug as "competition: Slug", t.slug as "track: Slug", t.title,
                  p.status as "status: ParticipantStatus"
           from participant_members m join participants p on p.id = m.participant_id
           join tracks t on t.id = p.track_id join competitions c on c.id = t.competition_id
           where m.user_id = $1 order by m.joined_at desc"#,
        user.as_uuid(),
    )
    .fetch_all(db)
    .await?)
}

/// A participant's public name.
pub async fn name(db: impl PgExecutor<'_>, id: ParticipantId) -> Result<String, StoreError> {
    Ok(sqlx::query_scalar!("select name from participants where id = $1", id.as_uuid()).fetch_one(db).await?)
}

/// Locks a participant until the transaction ends: its submissions pass one by one, so that no limit is passed by
/// racing and no entry is picked from half the submissions.
///
/// Rows that refer to the participant can still be added: freezing the entries does that while it holds the track, for
/// which the holder of this lock may be waiting.
pub async fn lock(db: &mut PgConnection, id: ParticipantId) -> Result<Option<ParticipantStatus>, StoreError> {
    let row = sqlx::query!(
        r#"select status as "status: ParticipantStatus" from participants where id = $1 for no key update"#,
        id.as_uuid()
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(|row| row.status))
}

/// The participants of a track that the log may name, with the names that boards have for them, in no order that tells
/// anything.
pub async fn log_names(db: impl PgExecutor<'_>, track: TrackId) -> Result<Vec<(LogParticipant, String)>, StoreError> {
    let rows = sqlx::query!(
        r#"select log_id as "id: LogParticipant", name from participants p
           where track_id = $1 and exists (select from submissions s where s.participant_id = p.id)
           order by log_id"#,
        track.as_uuid(),
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.name)).collect())
}

/// The competing participants that have a member on the staff of their competition, but for those of a ranking that is
/// public: that stays as it was told. Of one account and competition, or of all.
pub async fn competing_staff(
    db: impl PgExecutor<'_>,
    of: Option<(CompetitionId, UserId)>,
) -> Result<Vec<Participant>, StoreError> {
    Ok(sqlx::query_as!(
        Participant,
        r#"select p.id as "id: ParticipantId", p.track_id as "track: TrackId", p.status as "status: ParticipantStatus"
           from participants p join tracks t on t.id = p.track_id
           where not p.out_of_competition and t.ranking_version = 0
             and ($1::uuid is null or t.competition_id = $1)
             and exists (select from participant_members m join users u on u.id = m.user_id
                         left join organisers o on o.competition_id = t.competition_id and o.user_id = u.id
                         where m.participant_id = p.id and (u.is_admin or o.user_id is not null)
                           and ($2::uuid is null or u.id = $2))
           order by p.id"#,
        of.map(|(competition, _)| competition.as_uuid()),
        of.map(|(_, user)| user.as_uuid()),
    )
    .fetch_all(db)
    .await?)
}

/// Whether a participant has a member on the staff of its competition.
pub async fn has_staff(db: impl PgExecutor<'_>, participant: ParticipantId) -> Result<bool, StoreError> {
    Ok(sqlx::query_scalar!(
        r#"select exists (select from participants p join tracks t on t.id = p.track_id
                          join participant_members m on m.participant_id = p.id join users u on u.id = m.user_id
                          left join organisers o on o.competition_id = t.competition_id and o.user_id = u.id
                          where p.id = $1 and (u.is_admin or o.user_id is not null)) as "yes!""#,
        participant.as_uuid(),
    )
    .fetch_one(db)
    .await?)
}

/// Whether a participant stands on boards without a rank.
pub async fn is_out_of_competition(db: impl PgExecutor<'_>, participant: ParticipantId) -> Result<bool, StoreError> {
    let row = sqlx::query!("select out_of_competition from participants where id = $1", participant.as_uuid());
    Ok(row.fetch_one(db).await?.out_of_competition)
}

/// Says that a participant stands on boards without a rank, or competes; answers whether that is a change.
pub async fn set_out_of_competition(
    db: impl PgExecutor<'_>,
    participant: ParticipantId,
    out: bool,
) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "update participants set out_of_competition = $2 where id = $1 and out_of_competition <> $2",
        participant.as_uuid(),
        out,
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}
