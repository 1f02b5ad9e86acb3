//! Official rankings: numbered versions, each with its entries and the files that are exported from it.

use scoring::RankingNumber;
use sqlx::types::Json;
use sqlx::{PgConnection, PgExecutor};
use time::OffsetDateTime;

use super::scoring::split_result;
use super::{DbSplit, StoreError};
use crate::domain::ids::{ParticipantId, ScoringId, SubmissionId, TrackId};
use crate::domain::leaderboard::{ScenarioResult, SplitResult};
use crate::domain::log_event::LogParticipant;
use crate::domain::official_ranking::RankingChange;
use crate::domain::results::VersionInfo;
use crate::domain::visibility::{OfficialScores, VisibleSplit};

/// An official entry with the final score that places it.
#[derive(Debug, Clone)]
pub struct FinalScore {
    /// Whose entry it is.
    pub participant: ParticipantId,
    /// How the log calls them.
    pub log_participant: LogParticipant,
    /// Whether they stand without a rank.
    pub out_of_competition: bool,
    /// The submission.
    pub submission: SubmissionId,
    /// When it arrived.
    pub received_at: OffsetDateTime,
    /// Its final score.
    pub result: SplitResult,
}

/// The present final scores of a track's official entries: those that are there.
pub async fn final_scores(
    db: impl PgExecutor<'_>,
    visible: VisibleSplit<OfficialScores>,
) -> Result<Vec<FinalScore>, StoreError> {
    let rows = sqlx::query!(
        r#"select p.id as "participant: ParticipantId", p.log_id as "log_participant: LogParticipant",
                  p.out_of_competition, s.id as "submission: SubmissionId", s.received_at, g.id as "scoring: ScoringId",
                  g.ranking as "ranking: Json<RankingNumber>", g.average, g.interval_low, g.interval_high,
                  g.scenarios as "scenarios: Json<Vec<ScenarioResult>>"
           from official_entries o join submissions s on s.id = o.submission_id
           join participants p on p.id = o.participant_id and p.status = 'approved'
           join scorings g on g.submission_id = s.id and g.split = $2 and g.superseded_at is null
           where o.track_id = $1"#,
        visible.of().track().as_uuid(),
        DbSplit::from(visible.split()) as DbSplit,
    )
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| FinalScore {
            participant: row.participant,
            log_participant: row.log_participant,
            out_of_competition: row.out_of_competition,
            submission: row.submission,
            received_at: row.received_at,
            result: split_result!(row),
        })
        .collect())
}

/// How many final scores of official entries are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FinalCounts {
    /// Those that are there.
    pub ready: i64,
    /// Official entries.
    pub of: i64,
}

impl FinalCounts {
    /// Whether all are there.
    pub fn is_complete(self) -> bool {
        self.ready == self.of
    }
}

/// Counts the final scores of a track's official entries. No entries: all of none are there.
pub async fn final_counts(
    db: impl PgExecutor<'_>,
    visible: VisibleSplit<OfficialScores>,
) -> Result<FinalCounts, StoreError> {
    Ok(sqlx::query_as!(
        FinalCounts,
        r#"select count(*) filter (where exists (
                      select from scorings g
                      where g.submission_id = o.submission_id and g.split = $2 and g.superseded_at is null)) as "ready!",
                  count(*) as "of!"
           from official_entries o join participants p on p.id = o.participant_id and p.status = 'approved'
           where o.track_id = $1"#,
        visible.of().track().as_uuid(),
        DbSplit::from(visible.split()) as DbSplit,
    )
    .fetch_one(db)
    .await?)
}

/// A version of the official ranking.
#[derive(Debug, Clone)]
pub struct OfficialRanking {
    /// Its number, counted from 1.
    pub version: i32,
    /// When it became public.
    pub made_at: OffsetDateTime,
    /// The event in the log that made it.
    pub log_seq: i64,
    /// What changed against the version before, in the order in which it happened; at least one.
    pub changes: Vec<RankingChange>,
    /// Why, in public words, where somebody gave any.
    pub reason: Option<String>,
    /// Competing participants that had a submission which counts.
    pub participants: i32,
    /// Those submissions.
    pub submissions: i32,
    /// ranking.json.
    pub ranking: String,
    /// results.json.
    pub results: String,
}

/// An entry of a ranking that is to be stored: whose, which submission, which run of the scorer, and its rank.
#[derive(Debug, Clone, Copy)]
pub struct Ranked {
    /// Whose entry it is.
    pub participant: ParticipantId,
    /// The submission.
    pub submission: SubmissionId,
    /// Which run of the scorer.
    pub scoring: ScoringId,
    /// Its rank; `None`: out of competition.
    pub rank: Option<i32>,
}

/// Stores a version of the official ranking with its entries.
pub async fn insert(
    db: &mut PgConnection,
    track: TrackId,
    ranking: &OfficialRanking,
    entries: &[Ranked],
) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into official_rankings (track_id, version, made_at, log_seq, changes, reason, participants, submissions,
             ranking, results)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        track.as_uuid(),
        ranking.version,
        ranking.made_at,
        ranking.log_seq,
        &ranking.changes as &[RankingChange],
        ranking.reason,
        ranking.participants,
        ranking.submissions,
        ranking.ranking,
        ranking.results,
    )
    .execute(&mut *db)
    .await?;
    let participants: Vec<uuid::Uuid> = entries.iter().map(|one| one.participant.as_uuid()).collect();
    let submissions: Vec<uuid::Uuid> = entries.iter().map(|one| one.submission.as_uuid()).collect();
    let runs: Vec<uuid::Uuid> = entries.iter().map(|one| one.scoring.as_uuid()).collect();
    let ranks: Vec<Option<i32>> = entries.iter().map(|one| one.rank).collect();
    sqlx::query!(
        "insert into ranked_entries (track_id, version, participant_id, submission_id, scoring_id, rank)
         select $1, $2, * from unnest($3::uuid[], $4::uuid[], $5::uuid[], $6::int[])",
        track.as_uuid(),
        ranking.version,
        &participants,
        &submissions,
        &runs,
        &ranks as &[Option<i32>],
    )
    .execute(db)
    .await?;
    Ok(())
}

/// A version of a track's official ranking; `None` where there is none of this number.
pub async fn version(
    db: impl PgExecutor<'_>,
    track: TrackId,
    version: i32,
) -> Result<Option<OfficialRanking>, StoreError> {
    Ok(sqlx::query_as!(
        OfficialRanking,
        r#"select version, made_at, log_seq, changes as "changes: Vec<RankingChange>", reason, participants, submissions,
                  ranking, results
           from official_rankings where track_id = $1 and version = $2"#,
        track.as_uuid(),
        version,
    )
    .fetch_optional(db)
    .await?)
}

/// The score with which a submission is an entry of the newest official ranking of its track; `None` where it is none.
pub async fn official_score(
    db: impl PgExecutor<'_>,
    visible: VisibleSplit<SubmissionId>,
) -> Result<Option<SplitResult>, StoreError> {
    let row = sqlx::query!(
        r#"select g.id as "scoring: ScoringId", g.average, g.ranking as "ranking: Json<RankingNumber>",
                  g.interval_low, g.interval_high, g.scenarios as "scenarios: Json<Vec<ScenarioResult>>"
           from ranked_entries r join tracks t on t.id = r.track_id and t.ranking_version = r.version
           join scorings g on g.id = r.scoring_id and g.split = $2
           where r.submission_id = $1"#,
        visible.of().as_uuid(),
        DbSplit::from(visible.split()) as DbSplit,
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(|row| split_result!(row)))
}

/// What a track's official rankings say beside their entries, oldest first.
pub async fn versions(db: impl PgExecutor<'_>, track: TrackId) -> Result<Vec<VersionInfo>, StoreError> {
    let rows = sqlx::query!(
        r#"select version, made_at, log_seq, changes as "changes: Vec<RankingChange>", reason, participants, submissions
           from official_rankings where track_id = $1 order by version"#,
        track.as_uuid(),
    )
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| VersionInfo {
            version: row.version.unsigned_abs(),
            made_at: row.made_at,
            log_seq: row.log_seq,
            changes: row.changes,
            reason: row.reason,
            participants: row.participants.unsigned_abs(),
            submissions: row.submissions.unsigned_abs(),
        })
        .collect())
}

/// Who stood where with what in a version of a track's official ranking.
pub async fn places(
    db: impl PgExecutor<'_>,
    track: TrackId,
    version: i32,
) -> Result<Vec<(ParticipantId, SubmissionId, Option<i32>)>, StoreError> {
    let rows = sqlx::query!(
        r#"select participant_id as "participant: ParticipantId", submission_id as "submission: SubmissionId", rank
           from ranked_entries where track_id = $1 and version = $2"#,
        track.as_uuid(),
        version,
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|row| (row.participant, row.submission, row.rank)).collect())
}

/// The competing participants of a track that have a submission which counts, and how many such submissions there are:
/// scored and not disqualified, of approved participants.
pub async fn counted(db: impl PgExecutor<'_>, track: TrackId) -> Result<(i32, i32), StoreError> {
    let row = sqlx::query!(
        r#"select count(distinct p.id)::int as "participants!", count(*)::int as "submissions!"
           from submissions s join participants p on p.id = s.participant_id and p.status = 'approved'
           where s.track_id = $1 and s.state = 'scored' and s.disqualified_at is null and not s.is_benchmark
             and not p.out_of_competition"#,
        track.as_uuid(),
    )
    .fetch_one(db)
    .await?;
    Ok((row.participants, row.submissions))
}
