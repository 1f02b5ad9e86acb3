//! What the benchmark board is made of: the official entries, and what was sent to the benchmark.

use scoring::RankingNumber;
use sqlx::PgExecutor;
use sqlx::types::Json;

use super::scoring::split_result;
use super::{DbSplit, StoreError};
use crate::domain::benchmark::BenchmarkCandidate;
use crate::domain::ids::{ParticipantId, ScoringId, SubmissionId};
use crate::domain::leaderboard::{ScenarioResult, SplitResult};
use crate::domain::visibility::{BenchmarkScores, VisibleSplit};

/// All submissions that could stand on the board for an approved participant, in no order: those sent to the benchmark that
/// have a score on the split, and the entries of the newest official ranking, on the final split with the scores that made
/// it. `submissions` is not counted here.
pub async fn candidates(
    db: impl PgExecutor<'_>,
    visible: VisibleSplit<BenchmarkScores>,
) -> Result<Vec<BenchmarkCandidate>, StoreError> {
    let rows = sqlx::query!(
        r#"with official as (
               select r.participant_id, r.submission_id, r.scoring_id from ranked_entries r
               join tracks t on t.id = r.track_id and t.ranking_version = r.version
               where r.track_id = $1)
           select p.id as "participant_id: ParticipantId", p.name as participant, p.out_of_competition,
                  o.participant_id is not null as "took_part!", s.id as "submission: SubmissionId", s.description,
                  s.method_url, s.received_at, g.id as "scoring: ScoringId", g.average,
                  g.ranking as "ranking: Json<RankingNumber>"
           from submissions s
           join participants p on p.id = s.participant_id and p.status = 'approved'
           left join official o on o.participant_id = p.id
           join scorings g on g.submission_id = s.id and g.split = $2
                and case when g.split = 'final' and s.id = o.submission_id then g.id = o.scoring_id
                         else g.superseded_at is null end
           where s.track_id = $1 and s.disqualified_at is null and (s.is_benchmark or s.id = o.submission_id)"#,
        visible.of().track().as_uuid(),
        DbSplit::from(visible.split()) as DbSplit,
    )
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| BenchmarkCandidate {
            participant_id: row.participant_id,
            participant: row.participant,
            out_of_competition: row.out_of_competition,
            took_part: row.took_part,
            submission: row.submission,
            description: row.description,
            method_url: row.method_url,
            submitted_at: row.received_at,
            submissions: 0,
            scoring: row.scoring,
            value: row.average,
            ranking: row.ranking.0,
        })
        .collect())
}

/// Some scores in full, in no order; what is not of this board is left out.
pub async fn results(
    db: impl PgExecutor<'_>,
    visible: VisibleSplit<BenchmarkScores>,
    scorings: &[ScoringId],
) -> Result<Vec<SplitResult>, StoreError> {
    let ids: Vec<uuid::Uuid> = scorings.iter().map(|id| id.as_uuid()).collect();
    let rows = sqlx::query!(
        r#"select g.id as "scoring: ScoringId", g.average, g.ranking as "ranking: Json<RankingNumber>",
                  g.interval_low, g.interval_high, g.scenarios as "scenarios: Json<Vec<ScenarioResult>>"
           from scorings g join submissions s on s.id = g.submission_id
           where g.id = any($1) and s.track_id = $2 and g.split = $3"#,
        &ids,
        visible.of().track().as_uuid(),
        DbSplit::from(visible.split()) as DbSplit,
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|row| split_result!(row)).collect())
}
