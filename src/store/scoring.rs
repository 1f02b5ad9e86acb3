//! Scores: one current scoring a submission and split, older ones kept.

use scoring::{Interval, RankingNumber, Split};
use sqlx::types::Json;
use sqlx::{PgConnection, PgExecutor};
use time::OffsetDateTime;

use super::{DbSplit, StoreError};
use crate::domain::entry::Candidate;
use crate::domain::ids::{ParticipantId, ScoringId, SubmissionId};
use crate::domain::leaderboard::{ScenarioResult, SplitResult};
use crate::domain::sha256::Sha256;
use crate::domain::visibility::{Candidates, FullExport, OnABoard, VisibleSplit};

/// The version of the scorer, kept beside each score.
pub const SCORER_VERSION: &str = concat!("callimico ", env!("CARGO_PKG_VERSION"));

/// A score that is to be stored.
#[derive(Debug, Clone, Copy)]
pub struct NewScoring<'a> {
    /// The numbers.
    pub result: &'a SplitResult,
    /// The ranking number over the bootstrap's draws.
    pub replicates: &'a [f64],
    /// The version of the labels that it was scored against.
    pub labels_version: i32,
    /// Random bytes: the log tells the hash of them and the result.
    pub log_salt: [u8; 32],
}

impl NewScoring<'_> {
    /// The replicates as they are stored.
    pub(super) fn replicates(&self) -> Vec<u8> {
        self.replicates.iter().flat_map(|value| value.to_le_bytes()).collect()
    }

    /// What the log tells of it: SHA-256 of the random bytes and the result as JSON, which says nothing to whoever has not
    /// both.
    ///
    /// # Errors
    /// [`StoreError::Inconsistent`] where the result cannot be written as JSON, which no result is.
    pub fn hash(&self) -> Result<Sha256, StoreError> {
        use sha2::Digest;
        let result = logged_result(&self.result.ranking, self.result.interval, &self.result.scenarios)?;
        let mut hash = sha2::Sha256::new();
        hash.update(self.log_salt);
        hash.update(result);
        Ok(hash.into())
    }
}

/// The result in a row of a query that names its columns `scoring`, `average`, `ranking`, `interval_low`, `interval_high`
/// and `scenarios`.
macro_rules! split_result {
    ($row:ident) => {
        $crate::domain::leaderboard::SplitResult {
            scoring: $row.scoring,
            ranking_value: $row.average,
            ranking: $row.ranking.0,
            interval: ::scoring::Interval { low: $row.interval_low, high: $row.interval_high },
            scenarios: $row.scenarios.0,
        }
    };
}
pub(super) use split_result;

/// A result in the bytes that its hash in the log is made of.
fn logged_result(
    ranking: &RankingNumber,
    interval: Interval,
    scenarios: &[ScenarioResult],
) -> Result<String, StoreError> {
    serde_json::to_string(&(ranking, interval, scenarios)).map_err(|error| StoreError::Inconsistent(error.to_string()))
}

/// A dev result with the random bytes that its hash in the log was made with.
#[derive(Debug, Clone)]
pub struct LoggedResult {
    /// The submission.
    pub submission: SubmissionId,
    /// The random bytes.
    pub random: [u8; 32],
    /// The result in the bytes that were hashed.
    pub result: String,
}

/// The present dev results of a track that the log has hashes of, in the order in which the submissions arrived.
pub async fn logged_results(
    db: impl PgExecutor<'_>,
    visible: VisibleSplit<FullExport>,
) -> Result<Vec<LoggedResult>, StoreError> {
    let rows = sqlx::query!(
        r#"select s.id as "submission: SubmissionId", g.log_salt as "log_salt!",
                  g.ranking as "ranking: Json<RankingNumber>", g.interval_low, g.interval_high,
                  g.scenarios as "scenarios: Json<Vec<ScenarioResult>>"
           from submissions s join scorings g on g.submission_id = s.id and g.split = $2 and g.superseded_at is null
           where s.track_id = $1 and g.log_salt is not null order by s.received_at, s.id"#,
        visible.of().track().as_uuid(),
        DbSplit::from(visible.split()) as DbSplit,
    )
    .fetch_all(db)
    .await?;
    let read = |salt: Vec<u8>| {
        <[u8; 32]>::try_from(salt).map_err(|_| StoreError::Inconsistent("random bytes of another length".to_owned()))
    };
    rows.into_iter()
        .map(|row| {
            let interval = Interval { low: row.interval_low, high: row.interval_high };
            Ok(LoggedResult {
                submission: row.submission,
                random: read(row.log_salt)?,
                result: logged_result(&row.ranking.0, interval, &row.scenarios.0)?,
            })
        })
        .collect()
}

/// Stores the score of a submission; answers `false`, having stored nothing, where it has a current one for the
/// split.
pub async fn insert(
    db: &mut PgConnection,
    submission: SubmissionId,
    split: Split,
    outcome: &NewScoring<'_>,
    now: OffsetDateTime,
) -> Result<bool, StoreError> {
    let NewScoring { result, labels_version, log_salt, .. } = outcome;
    let replicates = outcome.replicates();
    let done = sqlx::query!(
        "insert into scorings (id, submission_id, split, scorer_version, scored_at, average, ranking, interval_low,
             interval_high, scenarios, replicates, labels_version, log_salt)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
         on conflict (submission_id, split) where superseded_at is null do nothing",
        result.scoring.as_uuid(),
        submission.as_uuid(),
        DbSplit::from(split) as DbSplit,
        SCORER_VERSION,
        now,
        result.ranking_value,
        Json(&result.ranking) as _,
        result.interval.low,
        result.interval.high,
        Json(&result.scenarios) as _,
        replicates,
        labels_version,
        &log_salt[..],
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The current scoring of a submission on a split that may be seen; `None` where there is none.
pub async fn of_submission(
    db: impl PgExecutor<'_>,
    visible: VisibleSplit<SubmissionId>,
) -> Result<Option<SplitResult>, StoreError> {
    let row = sqlx::query!(
        r#"select id as "scoring: ScoringId", average, ranking as "ranking: Json<RankingNumber>",
                  interval_low, interval_high, scenarios as "scenarios: Json<Vec<ScenarioResult>>"
           from scorings where submission_id = $1 and split = $2 and superseded_at is null"#,
        visible.of().as_uuid(),
        DbSplit::from(visible.split()) as DbSplit,
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(|row| split_result!(row)))
}

/// The ranking numbers of all of a participant's scored submissions, for the list of one's own: submission, number and
/// interval.
pub async fn history(
    db: impl PgExecutor<'_>,
    visible: VisibleSplit<ParticipantId>,
) -> Result<Vec<(SubmissionId, f64, Interval)>, StoreError> {
    let rows = sqlx::query!(
        r#"select g.submission_id as "submission: SubmissionId", g.average, g.interval_low, g.interval_high
           from scorings g join submissions s on s.id = g.submission_id
           where s.participant_id = $1 and g.split = $2 and g.superseded_at is null"#,
        visible.of().as_uuid(),
        DbSplit::from(visible.split()) as DbSplit,
    )
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.submission, row.average, Interval { low: row.interval_low, high: row.interval_high }))
        .collect())
}

/// A participant's scored submissions, among which the entry is picked; what was sent to the benchmark is none of them.
pub async fn candidates(
    db: impl PgExecutor<'_>,
    visible: VisibleSplit<Candidates>,
) -> Result<Vec<Candidate>, StoreError> {
    let rows = sqlx::query!(
        r#"select s.id as "submission: SubmissionId", g.id as "scoring: ScoringId", s.received_at,
                  g.ranking as "ranking: Json<RankingNumber>"
           from submissions s join scorings g on g.submission_id = s.id and g.split = $2 and g.superseded_at is null
           where s.participant_id = $1 and s.state = 'scored' and s.disqualified_at is null
             and not s.is_benchmark"#,
        visible.of().participant().as_uuid(),
        DbSplit::from(visible.split()) as DbSplit,
    )
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Candidate {
            submission: row.submission,
            scoring: row.scoring,
            received_at: row.received_at,
            ranking: row.ranking.0,
        })
        .collect())
}

/// The bootstrap replicates of some scorings of a board; what is not of this board is left out.
pub async fn replicates(
    db: impl PgExecutor<'_>,
    visible: VisibleSplit<impl OnABoard>,
    scorings: &[ScoringId],
) -> Result<Vec<(ScoringId, Vec<f64>)>, StoreError> {
    let ids: Vec<uuid::Uuid> = scorings.iter().map(|id| id.as_uuid()).collect();
    let rows = sqlx::query!(
        r#"select g.id as "id: ScoringId", g.replicates
           from scorings g join submissions s on s.id = g.submission_id
           where g.id = any($1) and s.track_id = $2 and g.split = $3"#,
        &ids,
        visible.track().as_uuid(),
        DbSplit::from(visible.split()) as DbSplit,
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, read_replicates(&row.replicates))).collect())
}

fn read_replicates(stored: &[u8]) -> Vec<f64> {
    let (values, _) = stored.as_chunks::<8>();
    values.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect()
}
