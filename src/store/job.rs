//! The scoring queue, in the database, so that a submission and its job are one transaction.
//!
//! A worker claims a job for a limited time (a lease) and renews it while it works. Claims are counted, and
//! every later step matches worker and count: a worker that lost its lease can store nothing. Leases are
//! measured by the database's clock, which all workers share.

use scoring::Split;
use sqlx::{PgConnection, PgExecutor, PgPool};
use time::OffsetDateTime;

use super::{DbSplit, StoreError};
use crate::domain::ids::{BatchId, SubmissionId, TrackId, WorkerId};
use crate::domain::slug::TrackPath;
use crate::store::scoring::SCORER_VERSION;

/// How long a claim holds without being renewed, in seconds.
pub const LEASE_SECONDS: f64 = 15.0;

/// A claimed job.
#[derive(Debug, Clone, Copy)]
pub struct Job {
    /// The job itself.
    pub id: uuid::Uuid,
    /// The rescoring that it is part of.
    pub batch: Option<BatchId>,
    /// What to score.
    pub submission: SubmissionId,
    /// On which split.
    pub split: Split,
    /// The claim: which worker, and how many claims of the job there were.
    pub claim: Claim,
    /// Times that scoring went wrong before.
    pub errors: i32,
}

/// The right to finish a job.
#[derive(Debug, Clone, Copy)]
pub struct Claim {
    /// Who holds it.
    pub worker: WorkerId,
    /// Counts the claims of the job, from 1.
    pub attempt: i32,
}

/// Puts a submission into the queue; part of the transaction that adds it. The wake-up leaves with its commit.
pub async fn enqueue(
    db: &mut PgConnection,
    submission: SubmissionId,
    split: Split,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into jobs (submission_id, split, run_after, created_at) values ($1, $2, clock_timestamp(), $3)
         on conflict do nothing",
        submission.as_uuid(),
        DbSplit::from(split) as DbSplit,
        now,
    )
    .execute(&mut *db)
    .await?;
    super::live::notify(db, super::live::Signal::Job).await
}

/// Claims the job that has waited longest: one that nobody holds, or whose holder's lease ran out. Jobs of a rescoring come
/// after all others, so that nobody waits for a score because of one; another version of the scorer leaves them alone.
///
/// What is next is looked up once: as a subquery Postgres may look it up for each row of a table that it takes for small,
/// find another one each time, and lease them all to a worker that does one.
pub async fn claim(db: &mut PgConnection, worker: WorkerId) -> Result<Option<Job>, StoreError> {
    let row = sqlx::query!(
        r#"with next as materialized (
               select j.id from jobs j
               where j.failed_at is null and j.run_after <= clock_timestamp()
                 and (j.leased_until is null or j.leased_until < clock_timestamp())
                 and (j.batch_id is null or exists (
                      select from rescorings b
                      where b.id = j.batch_id and coalesce(b.scorer_version, $3) = $3))
               order by j.batch_id is not null, j.run_after
               limit 1
               for update of j skip locked)
           update jobs set worker = $1, leased_until = clock_timestamp() + make_interval(secs => $2),
                  attempts = attempts + 1
           from next
           where jobs.id = next.id
           returning jobs.id, jobs.batch_id as "batch: BatchId", jobs.submission_id as "submission: SubmissionId", jobs.split as "split: DbSplit",
                     jobs.attempts, jobs.errors"#,
        worker.as_uuid(),
        LEASE_SECONDS,
        SCORER_VERSION,
    )
    .fetch_optional(&mut *db)
    .await?;
    if let Some(batch) = row.as_ref().and_then(|row| row.batch) {
        // All of a batch is scored by one version of the scorer: that of its first job. Another may have been first just now.
        let version = sqlx::query_scalar!(
            r#"update rescorings set scorer_version = coalesce(scorer_version, $2) where id = $1
               returning scorer_version as "version!""#,
            batch.as_uuid(),
            SCORER_VERSION,
        )
        .fetch_one(&mut *db)
        .await?;
        if version != SCORER_VERSION {
            // The claim ends with the transaction, which nobody commits.
            return Ok(None);
        }
    }
    Ok(row.map(|row| Job {
        id: row.id,
        batch: row.batch,
        submission: row.submission,
        split: row.split.into(),
        claim: Claim { worker, attempt: row.attempts },
        errors: row.errors,
    }))
}

/// Prolongs a claim; says whether it still held.
pub async fn renew(db: &PgPool, job: Job) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "update jobs set leased_until = clock_timestamp() + make_interval(secs => $4)
         where id = $1 and worker = $2 and attempts = $3",
        job.id,
        job.claim.worker.as_uuid(),
        job.claim.attempt,
        LEASE_SECONDS,
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Takes a job out of the queue; says whether the claim still held. Part of the transaction that stores the
/// result: where it answers `false`, nothing may be stored.
pub async fn finish(db: &mut PgConnection, job: Job) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "delete from jobs where id = $1 and worker = $2 and attempts = $3",
        job.id,
        job.claim.worker.as_uuid(),
        job.claim.attempt,
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Gives a job back after an error of ours, to be tried again after `delay_seconds`; says whether the claim
/// still held. `error` is for organisers.
pub async fn retry_later(db: &mut PgConnection, job: Job, delay_seconds: f64, error: &str) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "update jobs set worker = null, leased_until = null, errors = errors + 1,
                run_after = clock_timestamp() + make_interval(secs => $4), last_error = $5
         where id = $1 and worker = $2 and attempts = $3",
        job.id,
        job.claim.worker.as_uuid(),
        job.claim.attempt,
        delay_seconds,
        error,
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Gives a job back to be done again at once, which is nobody's error; says whether the claim still held.
pub async fn retry_now(db: &mut PgConnection, job: Job) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "update jobs set worker = null, leased_until = null, run_after = clock_timestamp()
         where id = $1 and worker = $2 and attempts = $3",
        job.id,
        job.claim.worker.as_uuid(),
        job.claim.attempt,
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Gives up a job for the final split or of a rescoring: it stays where organisers find it, and no worker takes it again. Says whether
/// the claim still held.
pub async fn give_up(db: &mut PgConnection, job: Job, error: &str) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "update jobs set worker = null, leased_until = null, errors = errors + 1, failed_at = clock_timestamp(),
                last_error = $4
         where id = $1 and worker = $2 and attempts = $3",
        job.id,
        job.claim.worker.as_uuid(),
        job.claim.attempt,
        error,
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Holds the jobs of a draft's trials until the transaction ends, which removes them together with the trials. A worker
/// has its job before the track, so this comes before the track is locked. Answers which.
pub async fn lock_trials(db: impl PgExecutor<'_>, track: &TrackPath) -> Result<Vec<uuid::Uuid>, StoreError> {
    Ok(sqlx::query_scalar!(
        "select j.id from jobs j join submissions s on s.id = j.submission_id
         join tracks t on t.id = s.track_id join competitions c on c.id = t.competition_id
         where c.slug = $1 and t.slug = $2 and t.phase = 'draft' order by j.id for update of j",
        track.competition.as_str(),
        track.track.as_str(),
    )
    .fetch_all(db)
    .await?)
}

/// Whether a track has jobs that came after [`lock_trials`]: a worker may hold one and wait for the track.
pub async fn has_others(db: impl PgExecutor<'_>, track: TrackId, held: &[uuid::Uuid]) -> Result<bool, StoreError> {
    Ok(sqlx::query_scalar!(
        r#"select exists (select from jobs j join submissions s on s.id = j.submission_id
                          where s.track_id = $1 and j.id <> all($2)) as "yes!""#,
        track.as_uuid(),
        held,
    )
    .fetch_one(db)
    .await?)
}

/// Puts a track's failed submissions, those sent to the benchmark or the others, back into the queue, as if they had just
/// come; answers how many. The wake-ups leave with the caller's commit.
pub async fn enqueue_failed(
    db: &mut PgConnection,
    track: TrackId,
    is_benchmark: bool,
    now: OffsetDateTime,
) -> Result<usize, StoreError> {
    let again = super::submission::queue_failed(db, track, is_benchmark).await?;
    for submission in &again {
        enqueue(db, *submission, Split::Dev, now).await?;
    }
    Ok(again.len())
}

/// Puts a track's jobs that were given up back into the queue: those of the final split, and those of rescorings. Answers
/// how many.
pub async fn enqueue_given_up(db: &mut PgConnection, track: TrackId) -> Result<usize, StoreError> {
    let given_up = sqlx::query!(
        "update jobs set failed_at = null, errors = 0, attempts = 0, run_after = clock_timestamp()
         from submissions s where s.id = jobs.submission_id and s.track_id = $1 and jobs.failed_at is not null",
        track.as_uuid(),
    )
    .execute(&mut *db)
    .await?;
    super::live::notify(db, super::live::Signal::Job).await?;
    Ok(usize::try_from(given_up.rows_affected()).unwrap_or(usize::MAX))
}

/// Puts back into the queue what was forgotten: submissions that wait for a dev score without a job, and official
/// entries, once final scores may exist, and submissions to the benchmark without a final score or a job.
///
/// No path of the program leaves one behind; this finds what a restored backup or a hand in the database did.
pub async fn enqueue_forgotten(db: &PgPool) -> Result<u64, StoreError> {
    let done = sqlx::query!(
        "insert into jobs (submission_id, split, run_after, created_at)
         select s.id, 'dev'::split, clock_timestamp(), s.received_at from submissions s
         where s.state in ('queued', 'scoring')
           and not exists (select from jobs j where j.submission_id = s.id and j.split = 'dev' and j.batch_id is null)
         union all
         select s.id, 'final'::split, clock_timestamp(), t.final_begun_at
         from official_entries o join submissions s on s.id = o.submission_id join tracks t on t.id = o.track_id
         join participants p on p.id = o.participant_id and p.status = 'approved'
         where t.final_begun_at is not null
           and not exists (select from jobs j where j.submission_id = s.id and j.split = 'final' and j.batch_id is null)
           and not exists (select from scorings g
                           where g.submission_id = s.id and g.split = 'final' and g.superseded_at is null)
         union all
         select s.id, 'final'::split, clock_timestamp(), s.received_at from submissions s
         where s.is_benchmark and s.state <> 'rejected'
           and not exists (select from jobs j where j.submission_id = s.id and j.split = 'final' and j.batch_id is null)
           and not exists (select from scorings g
                           where g.submission_id = s.id and g.split = 'final' and g.superseded_at is null)
         on conflict do nothing",
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected())
}

/// A job for the final split that went wrong.
#[derive(Debug, Clone)]
pub struct TroubledJob {
    /// What it was to score.
    pub submission: SubmissionId,
    /// Whose submission it is.
    pub participant: String,
    /// What went wrong the last time.
    pub error: String,
    /// How often it went wrong.
    pub errors: i32,
    /// When it is tried again; `None`: it was given up.
    pub next_try: Option<OffsetDateTime>,
}

/// The jobs for the final split of a track that went wrong: those that are tried again, and those that were given up.
pub async fn troubled_final(db: impl PgExecutor<'_>, track: TrackId) -> Result<Vec<TroubledJob>, StoreError> {
    Ok(sqlx::query_as!(
        TroubledJob,
        r#"select s.id as "submission: SubmissionId", p.name as participant, j.last_error as "error!", j.errors,
                  case when j.failed_at is null then j.run_after end as next_try
           from jobs j join submissions s on s.id = j.submission_id
           join official_entries o on o.submission_id = s.id
           join participants p on p.id = s.participant_id and p.status = 'approved'
           where s.track_id = $1 and j.split = 'final' and j.batch_id is null and j.last_error is not null
           order by s.received_at, s.id"#,
        track.as_uuid(),
    )
    .fetch_all(db)
    .await?)
}

/// Puts a job for the final split that was given up, or waits for its next try, back into the queue; says whether there
/// is one.
pub async fn retry_final(db: &mut PgConnection, submission: SubmissionId) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "update jobs set failed_at = null, errors = 0, attempts = 0, run_after = clock_timestamp()
         where submission_id = $1 and split = 'final' and batch_id is null and worker is null",
        submission.as_uuid(),
    )
    .execute(&mut *db)
    .await?;
    super::live::notify(db, super::live::Signal::Job).await?;
    Ok(done.rows_affected() > 0)
}

/// Puts a job for the final split that was given up back into the queue.
pub async fn retry_given_up_final(db: impl PgExecutor<'_>, submission: SubmissionId) -> Result<(), StoreError> {
    sqlx::query!(
        "update jobs set failed_at = null, errors = 0, attempts = 0, run_after = clock_timestamp()
         where submission_id = $1 and split = 'final' and batch_id is null and failed_at is not null",
        submission.as_uuid(),
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Whether a submission has a job for the final split that somebody will do.
pub async fn is_final_queued(db: impl PgExecutor<'_>, submission: SubmissionId) -> Result<bool, StoreError> {
    Ok(sqlx::query_scalar!(
        r#"select exists (select from jobs where submission_id = $1 and split = 'final' and batch_id is null
                                             and failed_at is null) as "yes!""#,
        submission.as_uuid(),
    )
    .fetch_one(db)
    .await?)
}

/// Takes a submission's job for the final split out of the queue: it is an official entry no more.
pub async fn drop_final(db: impl PgExecutor<'_>, submission: SubmissionId) -> Result<(), StoreError> {
    sqlx::query!(
        "delete from jobs where submission_id = $1 and split = 'final' and batch_id is null",
        submission.as_uuid()
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Queues a submission for a score on the final split where it has none.
pub async fn enqueue_unscored_final(
    db: &mut PgConnection,
    submission: SubmissionId,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into jobs (submission_id, split, run_after, created_at)
         select $1, 'final', clock_timestamp(), $2
         where not exists (select from scorings
                           where submission_id = $1 and split = 'final' and superseded_at is null)
         on conflict do nothing",
        submission.as_uuid(),
        now,
    )
    .execute(&mut *db)
    .await?;
    super::live::notify(db, super::live::Signal::Job).await
}
