//! Submissions: what was uploaded, when, by whom, and where it stands.

use scoring::{Problems, Warning};
use sqlx::types::Json;
use sqlx::{PgConnection, PgExecutor};
use time::OffsetDateTime;

use super::log::LogPosition;
use super::{StoreError, violates};
use crate::domain::ids::{ParticipantId, SubmissionId, TrackId};
use crate::domain::quota::{self, Allowance, AttemptsUsed};
use crate::domain::sha256::Sha256;
use crate::domain::submission::SubmissionState;

/// A submission with the names that are shown beside it.
#[derive(Debug, Clone)]
pub struct Submission {
    /// Its identifier.
    pub id: SubmissionId,
    /// The track it was sent to.
    pub track: TrackId,
    /// The participant that sent it.
    pub participant: ParticipantId,
    /// The participant's public name.
    pub participant_name: String,
    /// Where it stands.
    pub state: SubmissionState,
    /// When the upload had arrived.
    pub received_at: OffsetDateTime,
    /// When it reached its last state.
    pub finished_at: Option<OffsetDateTime>,
    /// Bytes of the upload.
    pub size: u64,
    /// SHA-256 of the upload.
    pub sha256: Sha256,
    /// What its sender says of it.
    pub description: String,
    /// Where its method is described.
    pub method_url: Option<String>,
    /// Why it was rejected, if it was.
    pub problems: Option<Problems>,
    /// What was odd but taken.
    pub warnings: Vec<Warning>,
    /// Whether organisers took it out, and why.
    pub disqualified: Option<Disqualified>,
    /// Whether it was sent to the benchmark, beside the official ranking.
    pub is_benchmark: bool,
}

/// That organisers took a submission out. It stands beside the state, which is about the dev score.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disqualified {
    /// Why; for the owner and organisers.
    pub reason: String,
    /// When.
    pub at: OffsetDateTime,
}

struct SubmissionRow {
    id: SubmissionId,
    track: TrackId,
    participant: ParticipantId,
    participant_name: String,
    state: SubmissionState,
    received_at: OffsetDateTime,
    finished_at: Option<OffsetDateTime>,
    size: i64,
    sha256: Sha256,
    description: String,
    method_url: Option<String>,
    problems: Option<Json<Problems>>,
    warnings: Json<Vec<Warning>>,
    disqualified_at: Option<OffsetDateTime>,
    disqualified_reason: Option<String>,
    is_benchmark: bool,
}

impl From<SubmissionRow> for Submission {
    fn from(row: SubmissionRow) -> Self {
        Self {
            id: row.id,
            track: row.track,
            participant: row.participant,
            participant_name: row.participant_name,
            state: row.state,
            received_at: row.received_at,
            finished_at: row.finished_at,
            size: row.size.unsigned_abs(),
            sha256: row.sha256,
            description: row.description,
            method_url: row.method_url,
            problems: row.problems.map(|problems| problems.0),
            warnings: row.warnings.0,
            disqualified: row
                .disqualified_at
                .zip(row.disqualified_reason)
                .map(|(at, reason)| Disqualified { reason, at }),
            is_benchmark: row.is_benchmark,
        }
    }
}

/// A new submission's fields.
#[derive(Clone, Copy)]
pub struct NewSubmission<'a> {
    /// Its identifier, under which the upload is kept already.
    pub id: SubmissionId,
    /// The track.
    pub track: TrackId,
    /// The participant.
    pub participant: ParticipantId,
    /// When the upload had arrived.
    pub received_at: OffsetDateTime,
    /// Bytes of the upload.
    pub size: u64,
    /// SHA-256 of the upload.
    pub sha256: Sha256,
    /// What its sender says of it.
    pub description: &'a str,
    /// Where its method is described.
    pub method_url: Option<&'a str>,
    /// The sender's key against sending twice.
    pub idempotency_key: Option<&'a str>,
    /// Taken or not.
    pub verdict: Verdict<'a>,
    /// Whether it is for the benchmark.
    pub is_benchmark: bool,
}

/// What the check of an upload found.
#[derive(Clone, Copy)]
pub enum Verdict<'a> {
    /// To be scored.
    Accepted(&'a [Warning]),
    /// Kept as a record only.
    Rejected(&'a Problems),
}

/// Adds a submission: queued, or rejected with its problems.
///
/// # Errors
/// [`StoreError::IdempotencyKeyTaken`] where the participant used the key before.
pub async fn insert(db: &mut PgConnection, new: &NewSubmission<'_>) -> Result<(), StoreError> {
    let (state, problems, warnings): (_, _, &[Warning]) = match new.verdict {
        Verdict::Accepted(warnings) => (SubmissionState::Queued, None, warnings),
        Verdict::Rejected(problems) => (SubmissionState::Rejected, Some(Json(problems)), &[]),
    };
    sqlx::query!(
        "insert into submissions (id, track_id, participant_id, state, received_at, finished_at, size, sha256, description,
             method_url, idempotency_key, problems, warnings, is_benchmark)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
        new.id.as_uuid(),
        new.track.as_uuid(),
        new.participant.as_uuid(),
        state as SubmissionState,
        new.received_at,
        state.is_terminal().then_some(new.received_at),
        super::to_i64(new.size),
        new.sha256 as Sha256,
        new.description,
        new.method_url,
        new.idempotency_key,
        problems as _,
        Json(warnings) as _,
        new.is_benchmark,
    )
    .execute(db)
    .await
    .map_err(|error| {
        if violates(&error, "submissions_idempotency_key") { StoreError::IdempotencyKeyTaken } else { error.into() }
    })?;
    Ok(())
}

/// Writes down what an owner says of a submission from `now` on. An address that was sent with it stands as it was sent.
pub async fn describe(
    db: impl PgExecutor<'_>,
    id: SubmissionId,
    description: &str,
    method_url: Option<&str>,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update submissions set description = $2, method_url = $3,
             method_url_at = case when $3::text is null then null
                                  when method_url is not distinct from $3 then method_url_at else $4 end
         where id = $1",
        id.as_uuid(),
        description,
        method_url,
        now,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// What a participant has used of an allowance at `now`: submissions queued, being scored or scored.
pub async fn attempts_used(
    db: impl PgExecutor<'_>,
    participant: ParticipantId,
    allowance: Allowance,
    now: OffsetDateTime,
) -> Result<AttemptsUsed, StoreError> {
    let row = sqlx::query!(
        r#"select count(*) filter (where $4::timestamptz is null or received_at >= $4) as "total!",
                  count(*) filter (where received_at >= $2) as "today!"
           from submissions
           where participant_id = $1 and is_benchmark = $3 and state in ('queued', 'scoring', 'scored')"#,
        participant.as_uuid(),
        quota::day_start(now),
        allowance.is_benchmark,
        allowance.year.map(|(begins, _)| begins),
    )
    .fetch_one(db)
    .await?;
    let count = |n: i64| u32::try_from(n).unwrap_or(u32::MAX);
    Ok(AttemptsUsed { today: count(row.today), total: count(row.total) })
}

/// Whether any submission of a track still waits for its dev score.
pub async fn is_any_unfinished(db: impl PgExecutor<'_>, track: TrackId) -> Result<bool, StoreError> {
    let row = sqlx::query!(
        r#"select exists (select from submissions where track_id = $1 and state in ('queued', 'scoring')) as "yes!""#,
        track.as_uuid(),
    )
    .fetch_one(db)
    .await?;
    Ok(row.yes)
}

/// When the `n`-th last of a participant's rejected uploads arrived, counted from 1; `None` where there are fewer.
pub async fn nth_last_rejected(
    db: impl PgExecutor<'_>,
    participant: ParticipantId,
    n: u32,
) -> Result<Option<OffsetDateTime>, StoreError> {
    let row = sqlx::query!(
        "select received_at from submissions where participant_id = $1 and state = 'rejected'
         order by received_at desc offset $2 limit 1",
        participant.as_uuid(),
        i64::from(n.saturating_sub(1)),
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(|row| row.received_at))
}

#[derive(Debug, Clone, Copy, Default)]
struct Which<'a> {
    id: Option<SubmissionId>,
    track: Option<TrackId>,
    participant: Option<ParticipantId>,
    idempotency_key: Option<&'a str>,
    after: Option<Place>,
    most: Option<i64>,
    state: Option<SubmissionState>,
}

async fn select(db: impl PgExecutor<'_>, which: Which<'_>) -> Result<Vec<Submission>, StoreError> {
    let rows = sqlx::query_as!(
        SubmissionRow,
        r#"select s.id as "id: SubmissionId", s.track_id as "track: TrackId",
                  s.participant_id as "participant: ParticipantId",
                  p.name as participant_name, s.state as "state: SubmissionState", s.received_at, s.finished_at,
                  s.size, s.sha256 as "sha256: Sha256", s.description, s.method_url,
                  s.problems as "problems: Json<Problems>", s.warnings as "warnings: Json<Vec<Warning>>",
                  s.disqualified_at, s.disqualified_reason, s.is_benchmark
           from submissions s
           join participants p on p.id = s.participant_id
           where ($1::uuid is null or s.id = $1)
             and ($2::uuid is null or s.participant_id = $2)
             and ($3::text is null or s.idempotency_key = $3)
             and ($4::uuid is null or s.track_id = $4)
             and ($6::timestamptz is null or (s.received_at, s.id) < ($6, $7))
             and ($8::submission_state is null or s.state = $8)
           order by s.received_at desc, s.id desc
           limit $5"#,
        which.id.map(SubmissionId::as_uuid),
        which.participant.map(ParticipantId::as_uuid),
        which.idempotency_key,
        which.track.map(TrackId::as_uuid),
        which.most,
        which.after.map(|(received_at, _)| received_at),
        which.after.map(|(_, id)| id.as_uuid()),
        which.state as Option<SubmissionState>,
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(Submission::from).collect())
}

/// The submission of an identifier.
pub async fn by_id(db: impl PgExecutor<'_>, id: SubmissionId) -> Result<Option<Submission>, StoreError> {
    Ok(select(db, Which { id: Some(id), ..Which::default() }).await?.pop())
}

/// A place in a list of submissions, which is ordered by arrival, newest first.
pub type Place = (OffsetDateTime, SubmissionId);

/// The newest submissions of a track that arrived before `after`, whoever sent them and whatever became of them.
pub async fn of_track(
    db: impl PgExecutor<'_>,
    track: TrackId,
    after: Option<Place>,
    most: usize,
) -> Result<Vec<Submission>, StoreError> {
    select(db, Which { track: Some(track), after, most: Some(super::to_i64(most as u64)), ..Which::default() }).await
}

/// The submission a participant sent under a key.
pub async fn by_idempotency_key(
    db: impl PgExecutor<'_>,
    participant: ParticipantId,
    key: &str,
) -> Result<Option<Submission>, StoreError> {
    let which = Which { participant: Some(participant), idempotency_key: Some(key), ..Which::default() };
    Ok(select(db, which).await?.pop())
}

/// A submission in the list of its sender.
#[derive(Debug)]
pub struct Summary {
    /// Its identifier.
    pub id: SubmissionId,
    /// Its number among the participant's submissions, counted from 1.
    pub number: i64,
    /// Where it stands.
    pub state: SubmissionState,
    /// When the upload had arrived.
    pub received_at: OffsetDateTime,
    /// What its sender says of it.
    pub description: String,
    /// How many problems it has.
    pub problems: i64,
    /// Whether it was sent to the benchmark.
    pub is_benchmark: bool,
}

/// The newest submissions of a participant that arrived before `after`.
pub async fn of_participant(
    db: impl PgExecutor<'_>,
    participant: ParticipantId,
    after: Option<Place>,
    most: usize,
) -> Result<Vec<Summary>, StoreError> {
    Ok(sqlx::query_as!(
        Summary,
        r#"select id as "id: SubmissionId", number as "number!", state as "state: SubmissionState", received_at, description,
                  coalesce((problems->>'total')::bigint, 0) as "problems!", is_benchmark as "is_benchmark!"
           from (select *, row_number() over (order by received_at, id) as number
                 from submissions where participant_id = $1) as numbered
           where $2::timestamptz is null or (received_at, id) < ($2, $3)
           order by received_at desc, id desc limit $4"#,
        participant.as_uuid(),
        after.map(|(received_at, _)| received_at),
        after.map(|(_, id)| id.as_uuid()),
        super::to_i64(most as u64),
    )
    .fetch_all(db)
    .await?)
}

/// A submission's number among its participant's submissions, counted from 1.
pub async fn number(db: impl PgExecutor<'_>, submission: &Submission) -> Result<i64, StoreError> {
    let row = sqlx::query!(
        r#"select count(*) as "n!" from submissions where participant_id = $1 and (received_at, id) <= ($2, $3)"#,
        submission.participant.as_uuid(),
        submission.received_at,
        submission.id.as_uuid(),
    )
    .fetch_one(db)
    .await?;
    Ok(row.n)
}

/// Moves a submission to a state and tells whoever waits for it; part of the caller's transaction.
pub async fn set_state(
    db: &mut PgConnection,
    id: SubmissionId,
    state: SubmissionState,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update submissions set state = $2, finished_at = $3 where id = $1",
        id.as_uuid(),
        state as SubmissionState,
        state.is_terminal().then_some(now),
    )
    .execute(&mut *db)
    .await?;
    super::live::notify(db, super::live::Signal::Submission(id)).await
}

/// Lets a track's failed submissions, those sent to the benchmark or the others, wait for a score again, and tells whoever
/// waits for them; answers which. Part of the transaction that gives each its job.
pub async fn queue_failed(
    db: &mut PgConnection,
    track: TrackId,
    is_benchmark: bool,
) -> Result<Vec<SubmissionId>, StoreError> {
    let rows = sqlx::query!(
        r#"update submissions set state = 'queued', finished_at = null
           where track_id = $1 and state = 'failed' and is_benchmark = $2 returning id as "id: SubmissionId""#,
        track.as_uuid(),
        is_benchmark,
    )
    .fetch_all(&mut *db)
    .await?;
    let ids: Vec<SubmissionId> = rows.into_iter().map(|row| row.id).collect();
    for id in &ids {
        super::live::notify(db, super::live::Signal::Submission(*id)).await?;
    }
    Ok(ids)
}

/// Remembers the event by which a submission was taken.
pub async fn set_receipt(db: impl PgExecutor<'_>, id: SubmissionId, seq: i64) -> Result<(), StoreError> {
    sqlx::query!("update submissions set log_seq = $2 where id = $1", id.as_uuid(), seq).execute(db).await?;
    Ok(())
}

/// The place in the log of the event by which a submission was taken; `None` where there is none.
pub async fn receipt(db: impl PgExecutor<'_>, id: SubmissionId) -> Result<Option<LogPosition>, StoreError> {
    Ok(sqlx::query_as!(
        LogPosition,
        r#"select l.seq, l.hash as "hash: Sha256"
           from submissions s join log_events l on l.track_id = s.track_id and l.seq = s.log_seq where s.id = $1"#,
        id.as_uuid(),
    )
    .fetch_optional(db)
    .await?)
}

/// Takes a submission out, for a reason that its owner is told. Part of the transaction that picks the entry anew.
pub async fn disqualify(
    db: impl PgExecutor<'_>,
    id: SubmissionId,
    reason: &str,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update submissions set disqualified_at = $2, disqualified_reason = $3 where id = $1",
        id.as_uuid(),
        now,
        reason,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Lets a disqualified submission count again.
pub async fn restore(db: impl PgExecutor<'_>, id: SubmissionId) -> Result<(), StoreError> {
    sqlx::query!(
        "update submissions set disqualified_at = null, disqualified_reason = null where id = $1",
        id.as_uuid()
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Tells whoever waits for a submission that something about it changed; part of the caller's transaction.
pub async fn notify(db: &mut PgConnection, id: SubmissionId) -> Result<(), StoreError> {
    super::live::notify(db, super::live::Signal::Submission(id)).await
}

/// How many submissions of a track there are in each state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StateCounts {
    /// Waiting for their dev score, or being scored.
    pub unfinished: i64,
    /// Scored on the dev split.
    pub scored: i64,
}

/// Counts the submissions of a track by state.
pub async fn state_counts(db: impl PgExecutor<'_>, track: TrackId) -> Result<StateCounts, StoreError> {
    Ok(sqlx::query_as!(
        StateCounts,
        r#"select count(*) filter (where state in ('queued', 'scoring')) as "unfinished!",
                  count(*) filter (where state = 'scored') as "scored!"
           from submissions where track_id = $1"#,
        track.as_uuid(),
    )
    .fetch_one(db)
    .await?)
}

/// The submissions of a track that failed by the server's fault, in the order in which they arrived.
pub async fn failed(db: impl PgExecutor<'_>, track: TrackId) -> Result<Vec<Submission>, StoreError> {
    let all =
        select(db, Which { track: Some(track), state: Some(SubmissionState::Failed), ..Which::default() }).await?;
    Ok(all.into_iter().rev().collect())
}

/// The scored submissions of a track, in the order in which they arrived.
pub async fn scored(db: impl PgExecutor<'_>, track: TrackId) -> Result<Vec<SubmissionId>, StoreError> {
    Ok(sqlx::query_scalar!(
        r#"select id as "id: SubmissionId" from submissions where track_id = $1 and state = 'scored'
           order by received_at, id"#,
        track.as_uuid(),
    )
    .fetch_all(db)
    .await?)
}

/// The submissions of a track whose zips are kept, with the bytes of each, in the order in which they arrived.
pub async fn taken(db: impl PgExecutor<'_>, track: TrackId) -> Result<Vec<(SubmissionId, u64)>, StoreError> {
    let rows = sqlx::query!(
        r#"select id as "id: SubmissionId", size from submissions where track_id = $1 and state <> 'rejected'
           order by received_at, id"#,
        track.as_uuid(),
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.size.unsigned_abs())).collect())
}

/// Removes all submissions of a track: the trials of a draft. Answers how many; their zips are left to the sweeper.
pub async fn remove_all(db: impl PgExecutor<'_>, track: TrackId) -> Result<u64, StoreError> {
    let done = sqlx::query!("delete from submissions where track_id = $1", track.as_uuid()).execute(db).await?;
    Ok(done.rows_affected())
}

/// How many submissions of a track there are, whatever became of them.
pub async fn count(db: impl PgExecutor<'_>, track: TrackId) -> Result<u64, StoreError> {
    let count = sqlx::query_scalar!(r#"select count(*) as "n!" from submissions where track_id = $1"#, track.as_uuid());
    Ok(count.fetch_one(db).await?.unsigned_abs())
}

/// Which of these identifiers belong to a submission whose upload must be kept.
pub async fn keep_objects_of(db: impl PgExecutor<'_>, ids: &[SubmissionId]) -> Result<Vec<SubmissionId>, StoreError> {
    let ids: Vec<uuid::Uuid> = ids.iter().map(|id| id.as_uuid()).collect();
    let rows = sqlx::query!(
        r#"select id as "id: SubmissionId" from submissions where id = any($1) and state <> 'rejected'"#,
        &ids
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|row| row.id).collect())
}
