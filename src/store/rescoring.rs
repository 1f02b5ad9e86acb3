//! Rescorings: batches whose results stand beside the present ones until all of them take their place at once.

use scoring::{RankingNumber, Split};
use sqlx::types::Json;
use sqlx::{PgConnection, PgExecutor};
use time::OffsetDateTime;

use super::scoring::{NewScoring, SCORER_VERSION};
use super::{DbSplit, StoreError};
use crate::domain::ids::{BatchId, SubmissionId, TrackId};
use crate::domain::leaderboard::ScenarioResult;
use crate::domain::visibility::{OfficialScores, VisibleSplit};

/// Where a rescoring stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, sqlx::Type, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
#[sqlx(type_name = "rescoring_state", rename_all = "lowercase")]
pub enum RescoringState {
    /// Being scored, or waiting for an organiser to look at it.
    Running,
    /// Its results stand.
    Applied,
    /// Its results were thrown away.
    Dropped,
}

/// A rescoring.
#[derive(Debug, Clone)]
pub struct Rescoring {
    /// Its identifier.
    pub id: BatchId,
    /// The track.
    pub track: TrackId,
    /// Where it stands.
    pub state: RescoringState,
    /// When it was begun.
    pub begun_at: OffsetDateTime,
    /// Why.
    pub reason: String,
    /// The version of the labels that it scores against.
    pub labels_version: i32,
    /// Jobs that are still to be done.
    pub waiting: i64,
    /// Jobs that were given up.
    pub failed: i64,
    /// Results that are there.
    pub ready: i64,
}

/// Begins a rescoring.
pub async fn create(
    db: impl PgExecutor<'_>,
    track: TrackId,
    reason: &str,
    labels_version: i32,
    now: OffsetDateTime,
) -> Result<BatchId, StoreError> {
    let id = BatchId::generate();
    sqlx::query!(
        "insert into rescorings (id, track_id, begun_at, reason, labels_version) values ($1, $2, $3, $4, $5)",
        id.as_uuid(),
        track.as_uuid(),
        now,
        reason,
        labels_version,
    )
    .execute(db)
    .await?;
    Ok(id)
}

/// Queues jobs of a rescoring: for every submission that has a present score on the split.
pub async fn enqueue(
    db: &mut PgConnection,
    batch: BatchId,
    split: Split,
    submission: Option<SubmissionId>,
    now: OffsetDateTime,
) -> Result<u64, StoreError> {
    let done = sqlx::query!(
        "insert into jobs (submission_id, split, batch_id, run_after, created_at)
         select s.id, $2, b.id, clock_timestamp(), $4
         from rescorings b join submissions s on s.track_id = b.track_id
         where b.id = $1 and ($3::uuid is null or s.id = $3)
           and exists (select from scorings g
                       where g.submission_id = s.id and g.split = $2 and g.superseded_at is null)
         on conflict do nothing",
        batch.as_uuid(),
        DbSplit::from(split) as DbSplit,
        submission.map(SubmissionId::as_uuid),
        now,
    )
    .execute(&mut *db)
    .await?;
    super::live::notify(db, super::live::Signal::Job).await?;
    Ok(done.rows_affected())
}

async fn select(
    db: impl PgExecutor<'_>,
    id: Option<BatchId>,
    track: Option<TrackId>,
) -> Result<Vec<Rescoring>, StoreError> {
    Ok(sqlx::query_as!(
        Rescoring,
        r#"select b.id as "id: BatchId", b.track_id as "track: TrackId", b.state as "state: RescoringState", b.begun_at,
                  b.reason, b.labels_version,
                  (select count(*) from jobs j where j.batch_id = b.id and j.failed_at is null) as "waiting!",
                  (select count(*) from jobs j where j.batch_id = b.id and j.failed_at is not null) as "failed!",
                  (select count(*) from rescored r where r.batch_id = b.id) as "ready!"
           from rescorings b
           where ($1::uuid is null or b.id = $1) and ($2::uuid is null or b.track_id = $2)
           order by b.begun_at desc, b.id"#,
        id.map(BatchId::as_uuid),
        track.map(TrackId::as_uuid),
    )
    .fetch_all(db)
    .await?)
}

/// The rescoring of an identifier.
pub async fn by_id(db: impl PgExecutor<'_>, id: BatchId) -> Result<Option<Rescoring>, StoreError> {
    Ok(select(db, Some(id), None).await?.pop())
}

/// The rescorings of a track, newest first.
pub async fn of_track(db: impl PgExecutor<'_>, track: TrackId) -> Result<Vec<Rescoring>, StoreError> {
    select(db, None, Some(track)).await
}

/// Takes what is left of a rescoring's jobs out of the queue. Before the rescoring is locked: a worker has its job first,
/// too.
pub async fn remove_jobs(db: impl PgExecutor<'_>, id: BatchId) -> Result<(), StoreError> {
    sqlx::query!("delete from jobs where batch_id = $1", id.as_uuid()).execute(db).await?;
    Ok(())
}

/// Locks a rescoring until the transaction ends; `None` where there is none or it has ended.
pub async fn lock_running(db: &mut PgConnection, id: BatchId) -> Result<Option<Rescoring>, StoreError> {
    let running = sqlx::query_scalar!(
        r#"select id as "id: BatchId" from rescorings where id = $1 and state = 'running' for no key update"#,
        id.as_uuid(),
    );
    match running.fetch_optional(&mut *db).await? {
        Some(id) => by_id(db, id).await,
        None => Ok(None),
    }
}

/// Ends a rescoring.
pub async fn end(
    db: impl PgExecutor<'_>,
    id: BatchId,
    state: RescoringState,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update rescorings set state = $2, ended_at = $3 where id = $1",
        id.as_uuid(),
        state as RescoringState,
        now,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Stores a result of a rescoring, beside the present score.
pub async fn insert(
    db: &mut PgConnection,
    batch: BatchId,
    submission: SubmissionId,
    split: Split,
    outcome: &NewScoring<'_>,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    let result = outcome.result;
    sqlx::query!(
        "insert into rescored (batch_id, submission_id, split, scoring_id, scorer_version, scored_at, average, ranking,
             interval_low, interval_high, scenarios, replicates, log_salt)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
         on conflict do nothing",
        batch.as_uuid(),
        submission.as_uuid(),
        DbSplit::from(split) as DbSplit,
        result.scoring.as_uuid(),
        SCORER_VERSION,
        now,
        result.ranking_value,
        Json(&result.ranking) as _,
        result.interval.low,
        result.interval.high,
        Json(&result.scenarios) as _,
        outcome.replicates(),
        &outcome.log_salt[..],
    )
    .execute(db)
    .await?;
    Ok(())
}

/// One score before and after.
#[derive(Debug, Clone)]
pub struct Difference {
    /// The submission.
    pub submission: SubmissionId,
    /// Whose it is.
    pub participant: String,
    /// On which split.
    pub split: Split,
    /// The ranking number before.
    pub old: f64,
    /// And after.
    pub new: f64,
    /// Whether anything differs, in any of the numbers.
    pub differs: bool,
}

/// What a rescoring would change, for organisers, or has changed: every score that was made anew, in the order in which the
/// submissions arrived.
pub async fn difference(
    db: impl PgExecutor<'_>,
    visible: VisibleSplit<BatchId>,
) -> Result<Vec<Difference>, StoreError> {
    let rows = sqlx::query!(
        r#"select r.submission_id as "submission: SubmissionId", p.name, r.split as "split: DbSplit",
                  g.average as old, r.average as new,
                  g.ranking as "old_ranking: Json<RankingNumber>", r.ranking as "new_ranking: Json<RankingNumber>",
                  g.scenarios as "old_scenarios: Json<Vec<ScenarioResult>>",
                  r.scenarios as "new_scenarios: Json<Vec<ScenarioResult>>"
           from rescored r join rescorings b on b.id = r.batch_id
           join submissions s on s.id = r.submission_id join participants p on p.id = s.participant_id
           join scorings g on g.submission_id = r.submission_id and g.split = r.split
                and (g.superseded_at is null and b.state <> 'applied' or g.superseded_at = b.ended_at and b.state = 'applied')
           where r.batch_id = $1 and (r.split = 'dev' or $2)
           order by r.split, s.received_at, s.id"#,
        visible.of().as_uuid(),
        visible.with_final(),
    )
    .fetch_all(db)
    .await?;
    let numbers = |scenarios: &[ScenarioResult]| -> Vec<(String, scoring::Metrics)> {
        scenarios.iter().map(|scenario| (scenario.name.clone(), scenario.numbers)).collect()
    };
    Ok(rows
        .into_iter()
        .map(|row| Difference {
            submission: row.submission,
            participant: row.name,
            split: row.split.into(),
            old: row.old,
            new: row.new,
            differs: row.old_ranking.0 != row.new_ranking.0
                || numbers(&row.old_scenarios.0) != numbers(&row.new_scenarios.0),
        })
        .collect())
}

/// Lets the results of a rescoring take the place of the present scores; answers how many.
pub async fn apply(db: &mut PgConnection, batch: BatchId, now: OffsetDateTime) -> Result<u64, StoreError> {
    sqlx::query!(
        "update scorings g set superseded_at = $2 from rescored r
         where r.batch_id = $1 and g.submission_id = r.submission_id and g.split = r.split and g.superseded_at is null",
        batch.as_uuid(),
        now,
    )
    .execute(&mut *db)
    .await?;
    let done = sqlx::query!(
        "insert into scorings (id, submission_id, split, scorer_version, scored_at, average, ranking, interval_low,
             interval_high, scenarios, replicates, labels_version, log_salt)
         select r.scoring_id, r.submission_id, r.split, r.scorer_version, r.scored_at, r.average, r.ranking, r.interval_low,
             r.interval_high, r.scenarios, r.replicates, b.labels_version, r.log_salt
         from rescored r join rescorings b on b.id = r.batch_id where r.batch_id = $1",
        batch.as_uuid(),
    )
    .execute(&mut *db)
    .await?;
    // The dev board names the scores of its entries.
    sqlx::query!(
        "update entries e set scoring_id = r.scoring_id from rescored r
         where r.batch_id = $1 and r.split = 'dev' and r.submission_id = e.submission_id",
        batch.as_uuid(),
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected())
}

/// Whether a rescoring made the final score of an official entry anew, so that the official ranking is another.
pub async fn is_official(db: impl PgExecutor<'_>, batch: BatchId) -> Result<bool, StoreError> {
    Ok(sqlx::query_scalar!(
        r#"select exists (select from rescored r join official_entries o on o.submission_id = r.submission_id
                          where r.batch_id = $1 and r.split = 'final'::split) as "yes!""#,
        batch.as_uuid(),
    )
    .fetch_one(db)
    .await?)
}

/// Whether all that a rescoring scored anew was sent to the benchmark, so that no board but that one changes.
pub async fn is_of_benchmark_alone(db: impl PgExecutor<'_>, batch: BatchId) -> Result<bool, StoreError> {
    Ok(sqlx::query_scalar!(
        r#"select coalesce(bool_and(s.is_benchmark), false) as "yes!"
           from rescored r join submissions s on s.id = r.submission_id where r.batch_id = $1"#,
        batch.as_uuid(),
    )
    .fetch_one(db)
    .await?)
}

/// Final scores of official entries that were made against other labels than those that hold now: until a rescoring is
/// applied, the final ranking would rest on labels that were corrected.
pub async fn stale_final_scores(
    db: impl PgExecutor<'_>,
    visible: VisibleSplit<OfficialScores>,
) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar!(
        r#"select count(*) as "n!" from official_entries o
           join participants p on p.id = o.participant_id and p.status = 'approved'
           join tracks t on t.id = o.track_id
           join scorings g on g.submission_id = o.submission_id and g.split = $2 and g.superseded_at is null
           where o.track_id = $1 and g.labels_version <> t.labels_version"#,
        visible.of().track().as_uuid(),
        DbSplit::from(visible.split()) as DbSplit,
    )
    .fetch_one(db)
    .await?)
}

/// Dev scores of a track's submissions that were made against other labels than those that hold now.
pub async fn stale_dev_scores(db: impl PgExecutor<'_>, track: TrackId) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar!(
        r#"select count(*) as "n!" from submissions s join tracks t on t.id = s.track_id
           join scorings g on g.submission_id = s.id and g.split = 'dev' and g.superseded_at is null
           where s.track_id = $1 and g.labels_version <> t.labels_version"#,
        track.as_uuid(),
    )
    .fetch_one(db)
    .await?)
}

/// The reason of the rescoring of a track's official entries that was applied last.
pub async fn last_official_reason(db: impl PgExecutor<'_>, track: TrackId) -> Result<Option<String>, StoreError> {
    Ok(sqlx::query_scalar!(
        "select b.reason from rescorings b
         where b.track_id = $1 and b.state = 'applied'
           and exists (select from rescored r join official_entries o on o.submission_id = r.submission_id
                       where r.batch_id = b.id and r.split = 'final'::split)
         order by b.ended_at desc, b.id desc limit 1",
        track.as_uuid(),
    )
    .fetch_optional(db)
    .await?)
}
