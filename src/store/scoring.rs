//! Scores: one current scoring a submission and split, older ones kept.

use scoring::{Interval, RankingNumber, Split};
use sqlx::types::Json;
use sqlx::{PgConnection, PgExecutor};
use time::OffsetDateTime;

use super::{DbSplit, StoreError};
use crate::domain::entry::Candidate;
use crate::domain::ids::{ParticipantId, ScoringId, SubmissionId, TrackId};
use crate::domain::leaderboard::{ScenarioResult, SplitResult};
use crate::domain::visibility::{Candidates, VisibleSplit};

/// The version of the scorer, kept beside each score.
pub const SCORER_VERSION: &str = concat!("callimico ", env!("CARGO_PKG_VERSION"));

/// Stores the score of a submission; answers `false`, having stored nothing, where it has a current one for the
/// split.
pub async fn insert(
    db: &mut PgConnection,
    submission: SubmissionId,
    split: Split,
    outcome: (&SplitResult, &[f64]),
    now: OffsetDateTime,
) -> Result<bool, StoreError> {
    let (result, replicates) = outcome;
    let replicates: Vec<u8> = replicates.iter().flat_map(|value| value.to_le_bytes()).collect();
    let done = sqlx::query!(
        "insert into scorings (id, submission_id, split, scorer_version, scored_at, average, ranking, interval_low,
             interval_high, scenarios, replicates)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
         on conflict (submission_id, split) where superseded_at is null do nothing",
        result.scoring.as_uuid(),
        submission.as_uuid(),
        DbSplit::from(split) as DbSplit,
        SCORER_VERSION,
        now,
        result.average,
        Json(&result.ranking) as _,
        result.interval.low,
        result.interval.high,
        Json(&result.scenarios) as _,
        replicates,
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
        r#"select id as "id: ScoringId", average, ranking as "ranking: Json<RankingNumber>",
                  interval_low, interval_high, scenarios as "scenarios: Json<Vec<ScenarioResult>>"
           from scorings where submission_id = $1 and split = $2 and superseded_at is null"#,
        visible.of().as_uuid(),
        DbSplit::from(visible.split()) as DbSplit,
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(|row| SplitResult {
        scoring: row.id,
        average: row.average,
        ranking: row.ranking.0,
        interval: Interval { low: row.interval_low, high: row.interval_high },
        scenarios: row.scenarios.0,
    }))
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

/// A participant's scored submissions, among which the entry is picked.
pub async fn candidates(
    db: impl PgExecutor<'_>,
    visible: VisibleSplit<Candidates>,
) -> Result<Vec<Candidate>, StoreError> {
    let rows = sqlx::query!(
        r#"select s.id as "submission: SubmissionId", g.id as "scoring: ScoringId", s.received_at,
                  g.ranking as "ranking: Json<RankingNumber>"
           from submissions s join scorings g on g.submission_id = s.id and g.split = $2 and g.superseded_at is null
           where s.participant_id = $1 and s.state = 'scored'"#,
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
    visible: VisibleSplit<TrackId>,
    scorings: &[ScoringId],
) -> Result<Vec<(ScoringId, Vec<f64>)>, StoreError> {
    let ids: Vec<uuid::Uuid> = scorings.iter().map(|id| id.as_uuid()).collect();
    let rows = sqlx::query!(
        r#"select g.id as "id: ScoringId", g.replicates
           from scorings g join submissions s on s.id = g.submission_id
           where g.id = any($1) and s.track_id = $2 and g.split = $3"#,
        &ids,
        visible.of().as_uuid(),
        DbSplit::from(visible.split()) as DbSplit,
    )
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let (values, _) = row.replicates.as_chunks::<8>();
            (row.id, values.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect())
        })
        .collect())
}
