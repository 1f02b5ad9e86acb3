//! The benchmark board: one row for each participant, with the best that is disclosed of their official entry and of what
//! they sent to the benchmark.
//!
//! While labels are kept its final numbers are rounded, and everything that is shown (which submission stands, order, ranks,
//! when it changed) follows from the rounded numbers and public facts alone.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, PoisonError};

use scoring::Split;
use time::OffsetDateTime;

use super::{Board, BoardKind, Boards};
use crate::domain::benchmark::{self, BenchmarkCandidate, Telling};
use crate::domain::ids::{ParticipantId, ScoringId, SubmissionId};
use crate::domain::leaderboard::{self, BoardEntry, FinalTold, SplitResult};
use crate::domain::visibility::{BenchmarkScores, VisibleSplit};
use crate::store::track::Track;
use crate::store::{self, StoreError};

/// A benchmark board as it is shown.
#[derive(Debug)]
pub struct BenchmarkBoard {
    /// When the benchmark began.
    pub began_at: OffsetDateTime,
    /// The board; where numbers are told rounded, without entries.
    pub board: Board,
    /// The entries as they are told while labels are kept, best first; `None` where numbers are told as they are.
    pub rounded: Option<Vec<RoundedEntry>>,
    /// Who has an entry in the official ranking.
    took_part: HashSet<ParticipantId>,
}

/// A row of which the ranking number is told rounded, and no other number.
#[derive(Debug, Clone)]
pub struct RoundedEntry {
    /// 1 for the best; equal rounded numbers share a rank. `None`: out of competition.
    pub rank: Option<usize>,
    /// Whose it is.
    pub participant_id: ParticipantId,
    /// The participant's public name.
    pub participant: String,
    /// Whether the participant has an entry in the official ranking.
    pub took_part: bool,
    /// The submission that stands.
    pub submission: SubmissionId,
    /// What its sender says of it.
    pub description: String,
    /// Where its method is described.
    pub method_url: Option<String>,
    /// When it arrived.
    pub submitted_at: OffsetDateTime,
    /// How many of the participant's submissions are of the benchmark, the official entry among them.
    pub submissions: u32,
    /// The ranking number, rounded to [`FinalTold::STEP`].
    pub value: f64,
}

impl RoundedEntry {
    fn of(rank: Option<usize>, one: BenchmarkCandidate) -> Self {
        Self {
            rank,
            participant_id: one.participant_id,
            participant: one.participant,
            took_part: one.took_part,
            submission: one.submission,
            description: one.description,
            method_url: one.method_url,
            submitted_at: one.submitted_at,
            submissions: one.submissions,
            value: FinalTold::round(one.value),
        }
    }
}

impl BenchmarkBoard {
    /// Whether a participant has an entry in the official ranking.
    pub fn took_part(&self, participant: ParticipantId) -> bool {
        self.took_part.contains(&participant)
    }

    /// The board as CSV, likewise.
    pub fn to_csv(&self) -> String {
        use std::fmt::Write as _;
        let Some(rounded) = &self.rounded else {
            return self.board.csv_with("took_part", |entry| self.took_part(entry.participant_id).to_string());
        };
        let number = self.board.ranking.number;
        let mut csv = format!(
            "rank,participant,submission,submitted_at,submissions,took_part,{number},rounded_to,description\r\n"
        );
        for entry in rounded {
            let _ = write!(
                csv,
                "{},{},{},{},{},{},{},{},{}\r\n",
                entry.rank.map(|rank| rank.to_string()).unwrap_or_default(),
                super::csv_text(&entry.participant),
                entry.submission,
                crate::domain::timestamp::rfc3339(entry.submitted_at),
                entry.submissions,
                entry.took_part,
                entry.value,
                FinalTold::STEP,
                super::csv_text(&entry.description),
            );
        }
        csv
    }
}

impl Boards {
    /// The benchmark board that `visible` allows to see; `track` is the same track as it stands now.
    ///
    /// # Errors
    /// The database cannot answer.
    pub async fn benchmark(
        &self,
        track: &Track,
        visible: VisibleSplit<BenchmarkScores>,
    ) -> Result<Arc<BenchmarkBoard>, StoreError> {
        if let Some(board) = self.fresh_benchmark(track, visible) {
            return Ok(board);
        }
        let _one_at_a_time = self.computing.lock().await;
        if let Some(board) = self.fresh_benchmark(track, visible) {
            return Ok(board);
        }
        // As with other boards the entries are read after the version.
        let board = Arc::new(self.compute_benchmark(track, visible).await?);
        let key = (visible.of().track(), visible.split());
        self.benchmarks.lock().unwrap_or_else(PoisonError::into_inner).insert(key, Arc::clone(&board));
        Ok(board)
    }

    /// The board as last computed, if nothing has changed since.
    fn fresh_benchmark(&self, track: &Track, visible: VisibleSplit<BenchmarkScores>) -> Option<Arc<BenchmarkBoard>> {
        let boards = self.benchmarks.lock().unwrap_or_else(PoisonError::into_inner);
        boards
            .get(&(visible.of().track(), visible.split()))
            .filter(|known| known.board.version >= track.benchmark.version && known.board.phase == track.phase)
            .cloned()
    }

    async fn compute_benchmark(
        &self,
        track: &Track,
        visible: VisibleSplit<BenchmarkScores>,
    ) -> Result<BenchmarkBoard, StoreError> {
        let is_rounded = visible.split() == Split::Final && track.ending.labels_opened_at.is_none();
        let telling = if is_rounded { Telling::Rounded } else { Telling::Exact };
        let candidates = store::benchmark::candidates(&self.db, visible).await?;
        let best = benchmark::best_of_each(candidates, telling);
        let took_part = best.iter().filter(|one| one.took_part).map(|one| one.participant_id).collect();
        let (rounded, entries) = match telling {
            Telling::Rounded => {
                let ranks = benchmark::ranks(&best, telling);
                (Some(ranks.into_iter().zip(best).map(|(rank, one)| RoundedEntry::of(rank, one)).collect()), Vec::new())
            }
            Telling::Exact => {
                let mut entries = self.with_results(visible, best).await?;
                leaderboard::order(&mut entries);
                self.find_ties(visible.official(), &entries).await?;
                (None, leaderboard::rank(entries, |above, below| self.tied(above, below)))
            }
        };
        let mut board = self.board(track, visible.split(), entries);
        board.kind = BoardKind::Benchmark;
        board.version = track.benchmark.version;
        board.updated_at = track.benchmark.changed_at.unwrap_or(OffsetDateTime::UNIX_EPOCH);
        board.log_seq = track.benchmark.log_seq;
        let began_at = track.benchmark.began_at.unwrap_or(board.updated_at);
        Ok(BenchmarkBoard { began_at, board, rounded, took_part })
    }

    /// The candidates with their scores in full.
    async fn with_results(
        &self,
        visible: VisibleSplit<BenchmarkScores>,
        best: Vec<BenchmarkCandidate>,
    ) -> Result<Vec<BoardEntry>, StoreError> {
        let ids: Vec<ScoringId> = best.iter().map(|one| one.scoring).collect();
        let results = store::benchmark::results(&self.db, visible, &ids).await?;
        let mut results: HashMap<ScoringId, SplitResult> =
            results.into_iter().map(|result| (result.scoring, result)).collect();
        let entry = |one: BenchmarkCandidate| {
            Some(BoardEntry {
                result: results.remove(&one.scoring)?,
                participant_id: one.participant_id,
                participant: one.participant,
                out_of_competition: one.out_of_competition,
                submission: one.submission,
                description: one.description,
                method_url: one.method_url,
                // Results tell it, and this board is none of them.
                method_url_at: None,
                submitted_at: one.submitted_at,
                submissions: one.submissions,
            })
        };
        Ok(best.into_iter().filter_map(entry).collect())
    }
}
