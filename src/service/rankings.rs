//! The official ranking: made at the reveal, and anew, under the next number, whenever something that it rests on changed.

use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::app::App;
use crate::domain::ids::TrackId;
use crate::domain::log_event::{LogEvent, RankedCounts};
use crate::domain::official_ranking::{RankingChange, RankingFile, RankingFileEntry, ResultsFile, ResultsFileEntry};
use crate::domain::phase::Phase;
use crate::domain::sha256::Sha256;
use crate::domain::visibility::VisibleSplit;
use crate::store::log::Detail;
use crate::store::ranking::{FinalScore, OfficialRanking, Ranked};
use crate::store::track::Track;
use crate::store::{self, StoreError};

/// Makes the next version of a track's official ranking from the final scores of its official entries, which must all be
/// there. Part of the transaction that holds the track's lock.
///
/// # Errors
/// The database cannot answer, or a score lacks its counts.
pub(super) async fn make(
    db: &mut PgConnection,
    track: &Track,
    change: RankingChange,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    let mut scores = store::ranking::final_scores(&mut *db, VisibleSplit::for_official_ranking(track.id)).await?;
    scores.sort_by(|a, b| {
        b.ranking.cmp(&a.ranking).then_with(|| (a.received_at, a.submission).cmp(&(b.received_at, b.submission)))
    });
    let version = track.ending.ranking_version + 1;
    let ranks = ranks(&scores);
    let files = files(track, version.unsigned_abs(), &scores, &ranks)?;
    let entries = files
        .ranking
        .entries
        .iter()
        .map(|entry| RankedCounts {
            participant: entry.participant,
            submission: entry.submission,
            rank: entry.rank,
            counts: entry.counts.clone(),
        })
        .collect();
    let written = |error: serde_json::Error| StoreError::Inconsistent(error.to_string());
    let (ranking, results) = (files.ranking.to_text().map_err(written)?, files.results.to_text().map_err(written)?);
    let event = LogEvent::OfficialRanking {
        version: version.unsigned_abs(),
        ranking_sha256: Sha256::of(ranking.as_bytes()),
        entries,
    };
    let log = store::log::append(db, track.id, event, Detail::default(), now).await?;
    let official = OfficialRanking { version, made_at: now, log_seq: log.seq, change, ranking, results };
    let ranked: Vec<Ranked> = scores
        .iter()
        .zip(&ranks)
        .map(|(score, rank)| Ranked {
            participant: score.participant,
            submission: score.submission,
            scoring: score.scoring,
            rank: i32::try_from(*rank).unwrap_or(i32::MAX),
        })
        .collect();
    store::ranking::insert(db, track.id, &official, &ranked).await?;
    store::track::set_ranking_version(db, track.id, version).await
}

/// Ranks of scores that are in order: equal ones share one, and the next is skipped.
fn ranks(scores: &[FinalScore]) -> Vec<u32> {
    let mut ranks: Vec<u32> = Vec::with_capacity(scores.len());
    for (place, score) in (1..).zip(scores) {
        let shared = ranks.last().zip(scores.get(ranks.len().wrapping_sub(1)));
        let rank = shared.filter(|(_, above)| above.ranking == score.ranking).map_or(place, |(rank, _)| *rank);
        ranks.push(rank);
    }
    ranks
}

struct Files {
    ranking: RankingFile,
    results: ResultsFile,
}

fn files(track: &Track, version: u32, scores: &[FinalScore], ranks: &[u32]) -> Result<Files, StoreError> {
    let names: Vec<String> = track.shape.scenarios().iter().map(|scenario| scenario.name().to_owned()).collect();
    let number = track.shape.ranking().number.name().to_owned();
    let mut ranking = RankingFile { format: 1, number: number.clone(), scenarios: names.clone(), entries: Vec::new() };
    let mut results = ResultsFile { format: 1, version, number, entries: Vec::new() };
    for (score, rank) in scores.iter().zip(ranks) {
        let of = |name: &String| score.scenarios.iter().find(|scenario| scenario.name == *name);
        let mut counts = Vec::with_capacity(names.len());
        for name in &names {
            counts.push(match of(name) {
                None => None,
                Some(scenario) => {
                    let known = scenario.counts.ok_or_else(|| {
                        StoreError::Inconsistent(format!("the final score of {} has no counts", score.submission))
                    })?;
                    Some([known.tp, known.members, known.fp, known.non_members])
                }
            });
        }
        let (participant, submission, rank) = (score.log_participant, score.submission, *rank);
        ranking.entries.push(RankingFileEntry { participant, submission, rank, counts });
        results.entries.push(ResultsFileEntry {
            participant,
            submission,
            rank,
            value: score.average,
            interval_95: [score.interval.low, score.interval.high],
            scenarios: names.iter().map(|name| of(name).map(|scenario| scenario.numbers)).collect(),
        });
    }
    Ok(Files { ranking, results })
}

/// Makes the next version of a revealed track's ranking if one is due and all its final scores are there. Part of a
/// transaction that holds the track's lock; says whether it did.
///
/// # Errors
/// The database cannot answer.
pub async fn make_if_due(db: &mut PgConnection, track: TrackId, now: OffsetDateTime) -> Result<bool, StoreError> {
    let Some(track) = store::track::by_id(&mut *db, track).await? else { return Ok(false) };
    let Some(change) = track.ending.ranking_due else { return Ok(false) };
    let visible = VisibleSplit::for_official_ranking(track.id);
    let is_complete = store::ranking::final_counts(&mut *db, visible).await?.is_complete();
    if !track.phase.rules().final_is_public || !is_complete {
        return Ok(false);
    }
    make(db, &track, change, now).await?;
    store::track::board_changed(db, track.id, now).await?;
    Ok(true)
}

/// Says that something the official ranking rests on has changed: its next version is made now, or, where a final score is
/// missing, with that score. Before the reveal there is none to be made. Part of the transaction that made the change.
///
/// # Errors
/// The database cannot answer.
pub(super) async fn changed(
    db: &mut PgConnection,
    track: TrackId,
    phase: Phase,
    change: RankingChange,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    if !phase.rules().final_is_public {
        return Ok(());
    }
    store::track::set_ranking_due(db, track, change).await?;
    make_if_due(db, track, now).await?;
    Ok(())
}

/// Makes the ranking of a track that waited for final scores; for the sweeper, should the worker that stored the last of
/// them have been cut off. Says whether it did.
///
/// # Errors
/// The database cannot answer.
pub async fn make_waiting(app: &App, track: TrackId) -> Result<bool, StoreError> {
    let mut db = app.db.begin().await?;
    store::track::lock_entries(&mut db, track).await?;
    let now = app.database_time(&mut *db).await?;
    let made = make_if_due(&mut db, track, now).await?;
    db.commit().await?;
    Ok(made)
}
