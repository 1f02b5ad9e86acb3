//! The official ranking: made at the reveal, and anew, under the next number, whenever something that it rests on changed.

use std::collections::HashMap;

use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::app::App;
use crate::domain::ids::{SubmissionId, TrackId};
use crate::domain::log_event::{LogEvent, RankedCounts};
use crate::domain::official_ranking::{RankingChange, RankingFile, RankingFileEntry, ResultsFile, ResultsFileEntry};
use crate::domain::phase::Phase;
use crate::domain::sha256::Sha256;
use crate::domain::visibility::VisibleSplit;
use crate::proof::ranking_file::{Counted, ranking_file};
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
    (changes, reason): (Vec<RankingChange>, Option<String>),
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    let scores = store::ranking::final_scores(&mut *db, VisibleSplit::for_official_ranking(track.id)).await?;
    let version = track.ending.ranking_version + 1;
    let files = files(track, version.unsigned_abs(), &scores)?;
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
        results_sha256: Sha256::of(results.as_bytes()),
        entries,
    };
    let log = store::log::append(db, track.id, event, Detail::default(), now).await?;
    let (participants, submissions) = store::ranking::counted(&mut *db, track.id).await?;
    let official = OfficialRanking {
        version,
        made_at: now,
        log_seq: log.seq,
        changes,
        reason,
        participants,
        submissions,
        ranking,
        results,
    };
    store::ranking::insert(db, track.id, &official, &files.ranked).await?;
    store::track::set_ranking_version(db, track.id, version).await
}

struct Files {
    ranking: RankingFile,
    results: ResultsFile,
    ranked: Vec<Ranked>,
}

fn files(track: &Track, version: u32, scores: &[FinalScore]) -> Result<Files, StoreError> {
    let names: Vec<String> = track.shape.scenarios().iter().map(|scenario| scenario.name().to_owned()).collect();
    let number = track.shape.ranking().number;
    let counted = scores.iter().map(|score| counted(&names, score)).collect::<Result<_, _>>()?;
    let ranking = ranking_file(number, &names, counted).map_err(|error| StoreError::Inconsistent(error.to_string()))?;
    let by_submission: HashMap<SubmissionId, &FinalScore> =
        scores.iter().map(|score| (score.submission, score)).collect();
    let placed = |entry: &RankingFileEntry| {
        let score = by_submission.get(&entry.submission)?;
        let RankingFileEntry { participant, submission, rank, .. } = *entry;
        let result = &score.result;
        let shown = ResultsFileEntry {
            participant,
            submission,
            rank,
            value: result.ranking_value,
            interval_95: [result.interval.low, result.interval.high],
            scenarios: names.iter().map(|name| result.scenario(name).map(|scenario| scenario.numbers)).collect(),
        };
        let rank = rank.and_then(|rank| i32::try_from(rank).ok());
        Some((shown, Ranked { participant: score.participant, submission, scoring: result.scoring, rank }))
    };
    let (entries, ranked) = ranking.entries.iter().filter_map(placed).unzip();
    let results = ResultsFile { format: 1, version, number: number.name().to_owned(), entries };
    Ok(Files { ranking, results, ranked })
}

/// What decides an entry's place.
fn counted(names: &[String], score: &FinalScore) -> Result<Counted, StoreError> {
    let counts = |name: &String| match score.result.scenario(name) {
        None => Ok(None),
        Some(scenario) => scenario
            .counts
            .map(Some)
            .ok_or_else(|| StoreError::Inconsistent(format!("the final score of {} has no counts", score.submission))),
    };
    Ok(Counted {
        participant: score.log_participant,
        submission: score.submission,
        arrived_at: score.received_at,
        out_of_competition: score.out_of_competition,
        counts: names.iter().map(counts).collect::<Result<_, _>>()?,
    })
}

/// Makes the next version of a revealed track's ranking if one is due and all its final scores are there. Part of a
/// transaction that holds the track's lock; says whether it did.
///
/// # Errors
/// The database cannot answer.
pub async fn make_if_due(db: &mut PgConnection, track: TrackId, now: OffsetDateTime) -> Result<bool, StoreError> {
    let Some(track) = store::track::by_id(&mut *db, track).await? else { return Ok(false) };
    if !track.ending.ranking_is_due {
        return Ok(false);
    }
    let visible = VisibleSplit::for_official_ranking(track.id);
    let is_complete = store::ranking::final_counts(&mut *db, visible).await?.is_complete();
    if !track.phase.rules().final_is_public || !is_complete {
        return Ok(false);
    }
    // Labels were corrected: scores against the old ones and the new ones make no ranking. Applying the rescoring does.
    if store::rescoring::stale_final_scores(&mut *db, visible).await? > 0 {
        return Ok(false);
    }
    let changes = store::track::ranking_due(&mut *db, track.id).await?;
    // Of the others the reason is told to the owner of a submission alone.
    let reason = match changes.contains(&RankingChange::Rescored) {
        true => store::rescoring::last_official_reason(&mut *db, track.id).await?,
        false => None,
    };
    make(db, &track, (changes, reason), now).await?;
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
    store::track::add_ranking_due(db, track, change).await?;
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
