//! Turns a ranked board into the rows of a page: sorted and split into pages, with legend keys,
//! intervals and links.

use std::cmp::Ordering;
use std::ops::Range;

use scoring::Split;
use time::OffsetDateTime;

use super::super::markup::Markup;
use super::super::number;
use super::super::scenario::{self, ScenarioName};
use super::super::timestamp::Timestamp;
use super::query::{Query, Sort};
use super::{Mine, Row, Shared, Tied};
use crate::board::{BenchmarkBoard, Board, BoardKind};
use crate::domain::ids::ParticipantId;
use crate::domain::leaderboard::RankedEntry;
use figures::interval_plot::{Axis, interval_svg};
use figures::series::Series;

/// Rows per page of a board.
pub(super) const ROWS_PER_PAGE: usize = 100;
/// The score of guessing: the true-positive rate at 10 % false-positive rate.
const CHANCE: f64 = 0.1;

/// A board, and how one reader wants to see it.
pub(super) struct BoardView<'a> {
    pub(super) board: &'a Board,
    pub(super) query: &'a Query,
    pub(super) names: &'a [ScenarioName],
    /// The benchmark board that the board is, if it is one.
    pub(super) benchmark: Option<&'a BenchmarkBoard>,
    /// The reader as a participant, whose row is highlighted.
    pub(super) reader: Option<ParticipantId>,
    /// Whether the reader is an organiser and may open every submission.
    pub(super) is_staff: bool,
    pub(super) now: OffsetDateTime,
}

impl<'a> BoardView<'a> {
    /// All entries in the requested order.
    pub(super) fn sorted(&self) -> Vec<&'a RankedEntry> {
        let mut entries: Vec<&RankedEntry> = self.board.entries.iter().collect();
        let by = self.query.by;
        let descending = |a: f64, b: f64| b.partial_cmp(&a).unwrap_or(Ordering::Equal);
        // The sort is stable: equal entries stay in the order of the ranking.
        match self.query.sort {
            Sort::Score if by.ranks() => {}
            Sort::Score => entries.sort_by(|a, b| descending(by.of_entry(a), by.of_entry(b))),
            Sort::Participant => entries.sort_by_cached_key(|ranked| ranked.entry.participant.to_lowercase()),
            Sort::Submissions => entries.sort_by_key(|ranked| std::cmp::Reverse(ranked.entry.submissions)),
            Sort::Last => entries.sort_by_key(|ranked| std::cmp::Reverse(ranked.entry.submitted_at)),
            Sort::Scenario(index) => {
                let name = self.names.get(index).map(|name| name.folder.as_str());
                let of = |ranked: &'a RankedEntry| name.and_then(|name| ranked.entry.result.scenario(name));
                // Those that left the scenario out come last.
                let value = |ranked| of(ranked).map_or(f64::NEG_INFINITY, |scenario| by.of(scenario));
                entries.sort_by(|a, b| descending(value(a), value(b)));
            }
        }
        entries
    }

    /// The entries whose curves are drawn, at most six: those that were asked for, else the leading
    /// ones and the reader's own.
    pub(super) fn drawn(&self) -> Vec<&'a RankedEntry> {
        let entries = &self.board.entries;
        let Some(names) = &self.query.curves else {
            let mut drawn: Vec<&RankedEntry> = entries.iter().take(Series::COUNT).collect();
            let own = entries.iter().skip(Series::COUNT).find(|ranked| self.is_own(ranked));
            if let (Some(own), Some(last)) = (own, drawn.last_mut()) {
                *last = own;
            }
            return drawn;
        };
        names.iter().filter_map(|name| entries.iter().find(|ranked| ranked.entry.participant == *name)).collect()
    }

    fn is_own(&self, ranked: &RankedEntry) -> bool {
        self.reader == Some(ranked.entry.participant_id)
    }

    /// The entries of the requested page; the reader's own entry comes last if it is on another
    /// page.
    pub(super) fn on_page(&self, sorted: &[&'a RankedEntry]) -> Vec<&'a RankedEntry> {
        let range = self.page_range(sorted.len());
        let mut entries = sorted[range.clone()].to_vec();
        let own = sorted.iter().enumerate().find(|(_, ranked)| self.is_own(ranked));
        if let Some((index, own)) = own
            && !range.contains(&index)
        {
            entries.push(own);
        }
        entries
    }

    /// The indices, out of `count` entries, that the page shows.
    pub(super) fn page_range(&self, count: usize) -> Range<usize> {
        let first = (self.query.page - 1).saturating_mul(ROWS_PER_PAGE).min(count);
        first..(first + ROWS_PER_PAGE).min(count)
    }

    /// The axis that all intervals of a page share; `None` where the metric shown has no interval.
    pub(super) fn axis(&self, entries: &[&RankedEntry]) -> Option<Axis> {
        let interval = |ranked: &&RankedEntry| (ranked.entry.result.interval.low, ranked.entry.result.interval.high);
        self.query.by.ranks().then(|| Axis::spanning(CHANCE, entries.iter().map(interval)))
    }

    /// One entry's row.
    pub(super) fn row(&self, ranked: &RankedEntry, axis: Option<&Axis>, drawn: &[String]) -> Row {
        let entry = &ranked.entry;
        let result = &entry.result;
        let series = drawn.iter().position(|name| *name == entry.participant).and_then(Series::nth);
        let interval = (result.interval.low, result.interval.high);
        let interval_plot = |axis| Markup::from_svg(interval_svg(axis, result.ranking_value, interval, series));
        let is_own = self.is_own(ranked);
        Row {
            id: entry.submission.to_string(),
            rank: ranked.rank_shown(),
            out_of_competition: entry.out_of_competition,
            shared: if ranked.is_shared { Shared::Yes } else { Shared::No },
            name: entry.participant.clone(),
            note: entry.description.clone(),
            mine: if is_own { Mine::Yes } else { Mine::No },
            key: series.map(|series| Markup::from_svg(series.key_svg())),
            key_href: self.query.with_toggled(&entry.participant, drawn).href(),
            score: number::score(self.query.by.of_entry(ranked)),
            interval_plot: axis.map(interval_plot),
            interval: number::interval(interval.0, interval.1),
            // "The entry above" is meaningful only in the order of the ranking.
            tied: if ranked.tied_with_above && self.is_ranking() { Tied::WithAbove } else { Tied::No },
            values: scenario::in_order(self.names, result, |one| self.query.by.of(one)),
            entries: number::count(entry.submissions.into()),
            submissions: number::counted(entry.submissions.into(), "submission", "submissions"),
            last: Timestamp::age(entry.submitted_at, self.now),
            numbers: scenario::numbers(self.names, result),
            href: (is_own || self.is_staff).then(|| format!("/submissions/{}", entry.submission)),
            method_url: entry.method_url.clone(),
            took_part: self.benchmark.is_some_and(|benchmark| benchmark.took_part(entry.participant_id)),
        }
    }

    /// Whether the rows are in the order of the ranking.
    pub(super) fn is_ranking(&self) -> bool {
        self.query.by.ranks() && self.query.sort == Sort::Score
    }

    /// The table's caption: what is ranked, and by which metric.
    pub(super) fn caption(&self, title: &str) -> String {
        let split = if self.board.split == Split::Dev { "dev" } else { "test" };
        let board = match self.board.kind {
            BoardKind::Official => "Leaderboard",
            BoardKind::Benchmark => "Benchmark",
        };
        format!("{board} of {title} on the {split} split by {}", self.query.by.name)
    }
}

#[cfg(test)]
mod tests {
    use super::super::query::QueryParams;
    use super::*;
    use crate::domain::ids::{ScoringId, SubmissionId};
    use crate::domain::leaderboard::{self, BoardEntry, SplitResult};
    use crate::domain::phase::Phase;
    use time::macros::datetime;

    const NOW: OffsetDateTime = datetime!(2026-11-23 12:00 UTC);

    fn board(scores: &[(&str, u64)]) -> Board {
        let entry = |(name, tp): &(&str, u64)| BoardEntry {
            participant_id: ParticipantId::generate(),
            participant: (*name).to_owned(),
            out_of_competition: false,
            submission: SubmissionId::generate(),
            description: String::new(),
            method_url: None,
            method_url_at: None,
            submitted_at: NOW,
            submissions: 1,
            result: SplitResult {
                scoring: ScoringId::generate(),
                ranking_value: *tp as f64 / 1000.0,
                ranking: scoring::RankingNumber::new(scoring::RankingKind::Mean, vec![Some((*tp, 1000))]).unwrap(),
                interval: scoring::Interval { low: 0.1, high: 0.3 },
                scenarios: Vec::new(),
            },
        };
        Board {
            kind: BoardKind::Official,
            track: "mico/toy".parse().unwrap(),
            split: Split::Dev,
            phase: Phase::Open,
            updated_at: NOW,
            version: 1,
            texts: 1,
            log_seq: None,
            ranking: scoring::RankingRule::default(),
            scenarios: Vec::new(),
            has_curves: false,
            entries: leaderboard::rank(scores.iter().map(entry).collect(), |_, _| true),
        }
    }

    fn board_view<'a>(board: &'a Board, query: &'a Query, reader: Option<ParticipantId>) -> BoardView<'a> {
        BoardView { board, query, names: &[], benchmark: None, reader, is_staff: false, now: NOW }
    }

    fn names(entries: &[&RankedEntry]) -> Vec<String> {
        entries.iter().map(|ranked| ranked.entry.participant.clone()).collect()
    }

    #[test]
    fn all_holders_of_a_shared_rank_are_marked() {
        let board = board(&[("a", 30), ("b", 20), ("c", 20), ("d", 10)]);
        let query = Query::parse(QueryParams::default(), Vec::new(), Split::Dev).unwrap();
        let board_view = board_view(&board, &query, None);
        let rows: Vec<Row> = board.entries.iter().map(|ranked| board_view.row(ranked, None, &[])).collect();
        let ranks: Vec<_> = rows.iter().map(|row| (row.rank.as_str(), row.shared)).collect();
        assert_eq!(ranks, [("1", Shared::No), ("2", Shared::Yes), ("2", Shared::Yes), ("4", Shared::No)]);
    }

    #[test]
    fn readers_see_their_own_row_on_every_page() {
        let many: Vec<(String, u64)> = (0..150).map(|i| (format!("p{i}"), 900 - i)).collect();
        let many: Vec<(&str, u64)> = many.iter().map(|(name, tp)| (name.as_str(), *tp)).collect();
        let board = board(&many);
        let last = board.entries[149].entry.participant_id;
        let query = Query::parse(QueryParams::default(), Vec::new(), Split::Dev).unwrap();
        let board_view = board_view(&board, &query, Some(last));
        let page = board_view.on_page(&board_view.sorted());
        assert_eq!(page.len(), ROWS_PER_PAGE + 1);
        assert_eq!(page[ROWS_PER_PAGE].entry.participant_id, last);
        assert_eq!(names(&board_view.drawn()), ["p0", "p1", "p2", "p3", "p4", "p149"]);
    }

    #[test]
    fn a_page_past_the_end_is_empty() {
        let board = board(&[("a", 30)]);
        let query = Query::parse(QueryParams::default(), Vec::new(), Split::Dev).unwrap().page(usize::MAX);
        assert_eq!(board_view(&board, &query, None).page_range(1), 1..1);
    }

    #[test]
    fn tied_is_shown_only_in_the_order_of_the_ranking() {
        let board = board(&[("a", 30), ("b", 20)]);
        let query = Query::parse(QueryParams::default(), Vec::new(), Split::Dev).unwrap();
        let by_name = query.sorted(Sort::Participant);
        assert_eq!(board_view(&board, &query, None).row(&board.entries[1], None, &[]).tied, Tied::WithAbove);
        assert_eq!(board_view(&board, &by_name, None).row(&board.entries[1], None, &[]).tied, Tied::No);
    }
}
