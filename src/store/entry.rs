//! Entries: which submission stands for each participant, on the dev board and, frozen, in the final ranking.

use scoring::RankingNumber;
use sqlx::types::Json;
use sqlx::{PgConnection, PgExecutor};
use time::OffsetDateTime;

use super::scoring::split_result;
use super::{DbSplit, StoreError};
use crate::domain::entry::Candidate;
use crate::domain::ids::{ParticipantId, ScoringId, SubmissionId, TrackId};
use crate::domain::leaderboard::{BoardEntry, ScenarioResult};
use crate::domain::log_event::{FrozenEntry, LogParticipant};
use crate::domain::visibility::{Preview, VisibleSplit};

/// Puts a participant's entry on the dev board, in place of the one before.
pub async fn put(
    db: impl PgExecutor<'_>,
    track: TrackId,
    participant: ParticipantId,
    standing: &Candidate,
) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into entries (participant_id, track_id, submission_id, scoring_id) values ($1, $2, $3, $4)
         on conflict (participant_id)
         do update set submission_id = excluded.submission_id, scoring_id = excluded.scoring_id",
        participant.as_uuid(),
        track.as_uuid(),
        standing.submission.as_uuid(),
        standing.scoring.as_uuid(),
    )
    .execute(db)
    .await?;
    Ok(())
}

/// The participants that have an entry on a track's dev board, by id.
pub async fn participants(db: impl PgExecutor<'_>, track: TrackId) -> Result<Vec<ParticipantId>, StoreError> {
    Ok(sqlx::query_scalar!(
        r#"select participant_id as "id: ParticipantId" from entries where track_id = $1 order by participant_id"#,
        track.as_uuid(),
    )
    .fetch_all(db)
    .await?)
}

/// The submission that stands for a participant on the dev board.
pub async fn standing(db: impl PgExecutor<'_>, participant: ParticipantId) -> Result<Option<SubmissionId>, StoreError> {
    let row = sqlx::query!(
        r#"select submission_id as "id: SubmissionId" from entries where participant_id = $1"#,
        participant.as_uuid(),
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(|row| row.id))
}

/// Takes a participant's entry off the dev board.
pub async fn remove(db: impl PgExecutor<'_>, participant: ParticipantId) -> Result<(), StoreError> {
    sqlx::query!("delete from entries where participant_id = $1", participant.as_uuid()).execute(db).await?;
    Ok(())
}

/// Takes a participant's entry out of the official ones.
pub async fn remove_official(db: impl PgExecutor<'_>, participant: ParticipantId) -> Result<(), StoreError> {
    sqlx::query!("delete from official_entries where participant_id = $1", participant.as_uuid()).execute(db).await?;
    Ok(())
}

/// Puts a participant's official entry in place of the one before.
pub async fn put_official(
    db: impl PgExecutor<'_>,
    track: TrackId,
    participant: ParticipantId,
    submission: SubmissionId,
) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into official_entries (participant_id, track_id, submission_id) values ($1, $2, $3)
         on conflict (participant_id) do update set submission_id = excluded.submission_id",
        participant.as_uuid(),
        track.as_uuid(),
        submission.as_uuid(),
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Drops the official entries of a track that was closed too early.
pub async fn unfreeze(db: &mut PgConnection, track: TrackId) -> Result<(), StoreError> {
    sqlx::query!("delete from official_entries where track_id = $1", track.as_uuid()).execute(db).await?;
    Ok(())
}

/// The official entries of a track, as the log calls them, in the order in which they arrived.
pub async fn frozen(db: impl PgExecutor<'_>, track: TrackId) -> Result<Vec<FrozenEntry>, StoreError> {
    Ok(sqlx::query_as!(
        FrozenEntry,
        r#"select p.log_id as "participant: LogParticipant", s.id as "submission: SubmissionId"
           from official_entries o join submissions s on s.id = o.submission_id
           join participants p on p.id = o.participant_id and p.status = 'approved'
           where o.track_id = $1 order by s.received_at, s.id"#,
        track.as_uuid(),
    )
    .fetch_all(db)
    .await?)
}

/// The submission that is a participant's official entry.
pub async fn official_of(
    db: impl PgExecutor<'_>,
    participant: ParticipantId,
) -> Result<Option<SubmissionId>, StoreError> {
    Ok(sqlx::query_scalar!(
        r#"select submission_id as "id: SubmissionId" from official_entries where participant_id = $1"#,
        participant.as_uuid(),
    )
    .fetch_optional(db)
    .await?)
}

/// Makes the entries of the approved participants on the dev board the official ones, for good; answers how many.
pub async fn freeze(db: &mut PgConnection, track: TrackId) -> Result<u64, StoreError> {
    let done = sqlx::query!(
        "insert into official_entries (participant_id, track_id, submission_id)
         select e.participant_id, e.track_id, e.submission_id
         from entries e join participants p on p.id = e.participant_id and p.status = 'approved'
         where e.track_id = $1",
        track.as_uuid(),
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected())
}

/// The submissions that are official entries of a track's approved participants, in the order in which they arrived.
pub async fn official(db: impl PgExecutor<'_>, track: TrackId) -> Result<Vec<SubmissionId>, StoreError> {
    Ok(sqlx::query_scalar!(
        r#"select s.id as "id: SubmissionId" from official_entries o join submissions s on s.id = o.submission_id
           join participants p on p.id = o.participant_id and p.status = 'approved'
           where o.track_id = $1 order by s.received_at, s.id"#,
        track.as_uuid(),
    )
    .fetch_all(db)
    .await?)
}

struct Row {
    participant_id: ParticipantId,
    participant: String,
    out_of_competition: bool,
    submission: SubmissionId,
    description: String,
    method_url: Option<String>,
    method_url_at: Option<OffsetDateTime>,
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
            participant_id: row.participant_id,
            participant: row.participant,
            out_of_competition: row.out_of_competition,
            submission: row.submission,
            description: row.description,
            method_url: row.method_url,
            method_url_at: row.method_url_at,
            submitted_at: row.submitted_at,
            submissions: u32::try_from(row.submissions).unwrap_or(u32::MAX),
            result: split_result!(row),
        }
    }
}

/// The entries that stand on a track's dev board, in no order: the exact order is the domain's.
pub async fn of_dev_board(
    db: impl PgExecutor<'_>,
    visible: VisibleSplit<TrackId>,
) -> Result<Vec<BoardEntry>, StoreError> {
    let rows = sqlx::query_as!(
        Row,
        r#"select p.id as "participant_id: ParticipantId", p.name as participant, p.out_of_competition,
                  s.id as "submission: SubmissionId", s.description, s.method_url, s.method_url_at,
                  s.received_at as submitted_at,
                  (select count(*) from submissions o where o.participant_id = p.id and o.state = 'scored'
                       and not o.is_benchmark) as "submissions!",
                  g.id as "scoring: ScoringId", g.average, g.ranking as "ranking: Json<RankingNumber>",
                  g.interval_low, g.interval_high, g.scenarios as "scenarios: Json<Vec<ScenarioResult>>"
           from entries e
           join participants p on p.id = e.participant_id and p.status = 'approved'
           join submissions s on s.id = e.submission_id
           join scorings g on g.submission_id = s.id and g.split = $2 and g.split = 'dev' and g.superseded_at is null
           where e.track_id = $1"#,
        visible.of().as_uuid(),
        DbSplit::from(visible.split()) as DbSplit,
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(BoardEntry::from).collect())
}

/// The entries of a version of a track's official ranking, in no order: with the final scores that made it, or with their
/// present dev scores.
pub async fn of_version(
    db: impl PgExecutor<'_>,
    visible: VisibleSplit<TrackId>,
    version: i32,
) -> Result<Vec<BoardEntry>, StoreError> {
    let rows = sqlx::query_as!(
        Row,
        r#"select p.id as "participant_id: ParticipantId", p.name as participant, r.rank is null as "out_of_competition!",
                  s.id as "submission: SubmissionId", s.description, s.method_url, s.method_url_at,
                  s.received_at as submitted_at,
                  (select count(*) from submissions o where o.participant_id = p.id and o.state = 'scored'
                       and not o.is_benchmark) as "submissions!",
                  g.id as "scoring: ScoringId", g.average, g.ranking as "ranking: Json<RankingNumber>",
                  g.interval_low, g.interval_high, g.scenarios as "scenarios: Json<Vec<ScenarioResult>>"
           from ranked_entries r
           join participants p on p.id = r.participant_id
           join submissions s on s.id = r.submission_id
           join scorings g on g.submission_id = s.id and g.split = $2
               and case when $2 = 'final'::split then g.id = r.scoring_id else g.superseded_at is null end
           where r.track_id = $1 and r.version = $3"#,
        visible.of().as_uuid(),
        DbSplit::from(visible.split()) as DbSplit,
        version,
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(BoardEntry::from).collect())
}

/// The official entries of a track that have a final score, before the reveal, in no order.
pub async fn of_preview(
    db: impl PgExecutor<'_>,
    visible: VisibleSplit<Preview>,
) -> Result<Vec<BoardEntry>, StoreError> {
    let rows = sqlx::query_as!(
        Row,
        r#"select p.id as "participant_id: ParticipantId", p.name as participant, p.out_of_competition,
                  s.id as "submission: SubmissionId", s.description, s.method_url, s.method_url_at,
                  s.received_at as submitted_at,
                  (select count(*) from submissions o where o.participant_id = p.id and o.state = 'scored'
                       and not o.is_benchmark) as "submissions!",
                  g.id as "scoring: ScoringId", g.average, g.ranking as "ranking: Json<RankingNumber>",
                  g.interval_low, g.interval_high, g.scenarios as "scenarios: Json<Vec<ScenarioResult>>"
           from official_entries e
           join participants p on p.id = e.participant_id and p.status = 'approved'
           join submissions s on s.id = e.submission_id
           join scorings g on g.submission_id = s.id and g.split = $2 and g.superseded_at is null
           where e.track_id = $1"#,
        visible.track().as_uuid(),
        DbSplit::from(visible.split()) as DbSplit,
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(BoardEntry::from).collect())
}
