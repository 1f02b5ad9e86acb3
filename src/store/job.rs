//! The scoring queue, in the database, so that a submission and its job are one transaction.
//!
//! A worker claims a job for a limited time (a lease) and renews it while it works. Claims are counted, and
//! every later step matches worker and count: a worker that lost its lease can store nothing. Leases are
//! measured by the database's clock, which all workers share.

use scoring::Split;
use sqlx::{PgConnection, PgPool};
use time::OffsetDateTime;

use super::{DbSplit, StoreError};
use crate::domain::ids::{SubmissionId, TrackId, WorkerId};

/// How long a claim holds without being renewed, in seconds.
pub const LEASE_SECONDS: f64 = 15.0;

/// A claimed job.
#[derive(Debug, Clone, Copy)]
pub struct Job {
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

/// Claims the job that has waited longest: one that nobody holds, or whose holder's lease ran out.
pub async fn claim(db: &mut PgConnection, worker: WorkerId) -> Result<Option<Job>, StoreError> {
    let row = sqlx::query!(
        r#"update jobs set worker = $1, leased_until = clock_timestamp() + make_interval(secs => $2),
                  attempts = attempts + 1
           from (select submission_id, split from jobs
                 where failed_at is null and run_after <= clock_timestamp()
                   and (leased_until is null or leased_until < clock_timestamp())
                 order by run_after
                 limit 1
                 for update skip locked) as next
           where jobs.submission_id = next.submission_id and jobs.split = next.split
           returning jobs.submission_id as "submission: SubmissionId", jobs.split as "split: DbSplit",
                     jobs.attempts, jobs.errors"#,
        worker.as_uuid(),
        LEASE_SECONDS,
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(|row| Job {
        submission: row.submission,
        split: row.split.into(),
        claim: Claim { worker, attempt: row.attempts },
        errors: row.errors,
    }))
}

/// Prolongs a claim; says whether it still held.
pub async fn renew(db: &PgPool, job: Job) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "update jobs set leased_until = clock_timestamp() + make_interval(secs => $5)
         where submission_id = $1 and split = $2 and worker = $3 and attempts = $4",
        job.submission.as_uuid(),
        DbSplit::from(job.split) as DbSplit,
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
        "delete from jobs where submission_id = $1 and split = $2 and worker = $3 and attempts = $4",
        job.submission.as_uuid(),
        DbSplit::from(job.split) as DbSplit,
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
                run_after = clock_timestamp() + make_interval(secs => $5), last_error = $6
         where submission_id = $1 and split = $2 and worker = $3 and attempts = $4",
        job.submission.as_uuid(),
        DbSplit::from(job.split) as DbSplit,
        job.claim.worker.as_uuid(),
        job.claim.attempt,
        delay_seconds,
        error,
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Gives up a job for the final split: it stays where organisers find it, and no worker takes it again. Says whether
/// the claim still held.
pub async fn give_up(db: &mut PgConnection, job: Job, error: &str) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "update jobs set worker = null, leased_until = null, errors = errors + 1, failed_at = clock_timestamp(),
                last_error = $5
         where submission_id = $1 and split = $2 and worker = $3 and attempts = $4",
        job.submission.as_uuid(),
        DbSplit::from(job.split) as DbSplit,
        job.claim.worker.as_uuid(),
        job.claim.attempt,
        error,
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Puts a track's failed submissions and its final jobs that were given up back into the queue, as if they had just come;
/// answers how many. The wake-ups leave with the caller's commit.
pub async fn enqueue_failed(db: &mut PgConnection, track: TrackId, now: OffsetDateTime) -> Result<usize, StoreError> {
    let again = super::submission::queue_failed(db, track).await?;
    for submission in &again {
        enqueue(db, *submission, Split::Dev, now).await?;
    }
    let given_up = sqlx::query!(
        "update jobs set failed_at = null, errors = 0, attempts = 0, run_after = clock_timestamp()
         from submissions s where s.id = jobs.submission_id and s.track_id = $1 and jobs.failed_at is not null",
        track.as_uuid(),
    )
    .execute(&mut *db)
    .await?;
    super::live::notify(db, super::live::Signal::Job).await?;
    Ok(again.len() + usize::try_from(given_up.rows_affected()).unwrap_or(usize::MAX))
}

/// Puts back into the queue what was forgotten: submissions that wait for a dev score without a job, and official
/// entries without a final score or a job once final scores may exist.
///
/// No path of the program leaves one behind; this finds what a restored backup or a hand in the database did.
pub async fn enqueue_forgotten(db: &PgPool) -> Result<u64, StoreError> {
    let done = sqlx::query!(
        "insert into jobs (submission_id, split, run_after, created_at)
         select s.id, 'dev'::split, clock_timestamp(), s.received_at from submissions s
         where s.state in ('queued', 'scoring')
           and not exists (select from jobs j where j.submission_id = s.id and j.split = 'dev')
         union all
         select s.id, 'final'::split, clock_timestamp(), t.final_begun_at
         from official_entries o join submissions s on s.id = o.submission_id join tracks t on t.id = o.track_id
         join participants p on p.id = o.participant_id and p.status = 'approved'
         where t.final_begun_at is not null
           and not exists (select from jobs j where j.submission_id = s.id and j.split = 'final')
           and not exists (select from scorings g
                           where g.submission_id = s.id and g.split = 'final' and g.superseded_at is null)
         on conflict do nothing",
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected())
}
