//! The board: which submission stands for each participant.

use scoring::{Interval, RankingNumber, Split};
use sqlx::PgExecutor;
use sqlx::types::Json;
use time::OffsetDateTime;

use super::{DbSplit, StoreError};
use crate::domain::entry::Candidate;
use crate::domain::ids::{ParticipantId, ScoringId, SubmissionId, TrackId, UserId};
use crate::domain::leaderboard::{BoardEntry, ScenarioResult, SplitResult};

/// Puts a participant's entry on the board of a split, in place of the one before.
pub async fn put(
    db: impl PgExecutor<'_>,
    track: TrackId,
    participant: ParticipantId,
    split: Split,
    standing: &Candidate,
) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into entries (participant_id, split, track_id, submission_id, scoring_id) values ($1, $2, $3, $4, $5)
         on conflict (participant_id, split)
         do update set submission_id = excluded.submission_id, scoring_id = excluded.scoring_id",
        participant.as_uuid(),
        DbSplit::from(split) as DbSplit,
        track.as_uuid(),
        standing.submission.as_uuid(),
        standing.scoring.as_uuid(),
    )
    .execute(db)
    .await?;
    Ok(())
}

/// The participants that have an entry on a track's dev board.
pub async fn participants(db: impl PgExecutor<'_>, track: TrackId) -> Result<Vec<ParticipantId>, StoreError> {
    Ok(sqlx::query_scalar!(
        r#"select participant_id as "id: ParticipantId" from entries where track_id = $1 and split = 'dev'"#,
        track.as_uuid(),
    )
    .fetch_all(db)
    .await?)
}

/// The submission that stands for a participant on the dev board.
pub async fn standing(db: impl PgExecutor<'_>, participant: ParticipantId) -> Result<Option<SubmissionId>, StoreError> {
    let row = sqlx::query!(
        r#"select submission_id as "id: SubmissionId" from entries where participant_id = $1 and split = 'dev'"#,
        participant.as_uuid(),
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(|row| row.id))
}

struct Row {
    user: UserId,
    participant: String,
    submission: SubmissionId,
    description: String,
    method_url: Option<String>,
    submitted_at: OffsetDateTime,
    submissions: i64,
    scoring: ScoringId,
    average: f64,
    ranking: Json<RankingNumber>,
    interval_low: f64,
    interval_high: f64,
    scenarios: Json<Vec<ScenarioResult>>,
}

impl From<Row> for BoardEntry {
    fn from(row: Row) -> Self {
        Self {
            user: row.user,
            participant: row.participant,
            submission: row.submission,
            description: row.description,
            method_url: row.method_url,
            submitted_at: row.submitted_at,
            submissions: u32::try_from(row.submissions).unwrap_or(u32::MAX),
            result: SplitResult {
                scoring: row.scoring,
                average: row.average,
                ranking: row.ranking.0,
                interval: Interval { low: row.interval_low, high: row.interval_high },
                scenarios: row.scenarios.0,
            },
        }
    }
}

/// All entries of a track's board, in no order: the exact order is the domain's.
///
/// The one query behind the board as page, JSON and CSV. Whether the split may be shown is the caller's check.
pub async fn of_track(db: impl PgExecutor<'_>, track: TrackId, split: Split) -> Result<Vec<BoardEntry>, StoreError> {
    let rows = sqlx::query_as!(
        Row,
        r#"select u.id as "user: UserId", u.name as participant, s.id as "submission: SubmissionId", s.description,
                  s.method_url, s.received_at as submitted_at,
                  (select count(*) from submissions o where o.participant_id = p.id and o.state = 'scored')
                      as "submissions!",
                  g.id as "scoring: ScoringId", g.average, g.ranking as "ranking: Json<RankingNumber>",
                  g.interval_low, g.interval_high, g.scenarios as "scenarios: Json<Vec<ScenarioResult>>"
           from entries e
           join participants p on p.id = e.participant_id and p.status = 'approved'
           join users u on u.id = p.user_id
           join submissions s on s.id = e.submission_id
           join scorings g on g.id = e.scoring_id
           where e.track_id = $1 and e.split = $2"#,
        track.as_uuid(),
        DbSplit::from(split) as DbSplit,
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(BoardEntry::from).collect())
}
