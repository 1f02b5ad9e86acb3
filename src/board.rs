//! The boards of a track: one query and one ranking, whatever it is shown as.
//!
//! A board is computed once after each change and kept. Whoever asks for one shows by a [`VisibleSplit`] that it may be seen.

mod benchmark;
mod results;
pub mod text;

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use scoring::{Metric, RankingRule, Split};
use sqlx::PgPool;
use time::OffsetDateTime;

pub use self::results::{Moved, TrackResults};
use crate::domain::ids::{ScoringId, TrackId};
use crate::domain::leaderboard::{self, BoardEntry, RankedEntry};
use crate::domain::phase::Phase;
use crate::domain::slug::TrackPath;
use crate::domain::visibility::{OnABoard, Preview, VisibleSplit};
use crate::store::track::Track;
use crate::store::{self, StoreError};

pub use benchmark::{BenchmarkBoard, RoundedEntry};

/// Which of a track's boards.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum BoardKind {
    /// The board of the competition.
    #[default]
    Official,
    /// That of the benchmark after it.
    Benchmark,
}

/// A board as it is shown.
#[derive(Debug)]
pub struct Board {
    /// Which of the track's boards.
    pub kind: BoardKind,
    /// `competition/track`.
    pub track: TrackPath,
    /// Whose scores these are.
    pub split: Split,
    /// Where the track stood.
    pub phase: Phase,
    /// When the board last changed.
    pub updated_at: OffsetDateTime,
    /// Counts its changes.
    pub version: i64,
    /// Counts those of the dev board, with which names and descriptions on the final board may be others.
    pub texts: i64,
    /// The event in the track's log that made this version of it.
    pub log_seq: Option<i64>,
    /// How the scenarios make the ranking number.
    pub ranking: RankingRule,
    /// The scenarios' folder names, in the order of scores.txt.
    pub scenarios: Vec<String>,
    /// Whether the curve of any entry is told.
    pub has_curves: bool,
    /// The entries, best first.
    pub entries: Vec<RankedEntry>,
}

type Shared<K, V> = Arc<Mutex<HashMap<K, V>>>;

/// A column of CSV after those that every board has: its name, and what stands in it.
type LastColumn<'a> = (&'a str, &'a dyn Fn(&BoardEntry) -> String);

/// The boards of all tracks: the way to read them, what was last computed, and which neighbours were found tied.
#[derive(Debug, Clone)]
pub struct Boards {
    db: PgPool,
    computed: Shared<(TrackId, Split), Arc<Board>>,
    benchmarks: Shared<(TrackId, Split), Arc<BenchmarkBoard>>,
    ties: Shared<(ScoringId, ScoringId), bool>,
    results: Shared<(TrackId, i32), Arc<TrackResults>>,
    /// One computation at a time: a hundred readers of a changed board wait for one.
    computing: Arc<tokio::sync::Mutex<()>>,
}

impl Boards {
    /// The boards of a database, none computed yet.
    pub fn new(db: PgPool) -> Self {
        Self {
            db,
            computed: Shared::default(),
            benchmarks: Shared::default(),
            ties: Shared::default(),
            results: Shared::default(),
            computing: Arc::default(),
        }
    }

    /// The board that `visible` allows to see; `track` is the same track as it stands now.
    ///
    /// # Errors
    /// The database cannot answer.
    pub async fn of_track(&self, track: &Track, visible: VisibleSplit<TrackId>) -> Result<Arc<Board>, StoreError> {
        if let Some(board) = self.fresh(track, visible) {
            return Ok(board);
        }
        let _one_at_a_time = self.computing.lock().await;
        if let Some(board) = self.fresh(track, visible) {
            return Ok(board);
        }
        self.compute(track, visible).await
    }

    /// The official entries of a track before the reveal, ranked. It is kept nowhere, but for which neighbours are tied:
    /// organisers alone ask for it.
    ///
    /// # Errors
    /// The database cannot answer.
    pub async fn preview(&self, track: &Track, visible: VisibleSplit<Preview>) -> Result<Board, StoreError> {
        let entries = store::entry::of_preview(&self.db, visible).await?;
        let entries = self.ranked(visible, entries).await?;
        Ok(self.board(track, visible.split(), entries))
    }

    /// Orders and ranks entries, and finds which neighbours are tied.
    async fn ranked(
        &self,
        visible: VisibleSplit<impl OnABoard>,
        mut entries: Vec<BoardEntry>,
    ) -> Result<Vec<RankedEntry>, StoreError> {
        leaderboard::order(&mut entries);
        self.find_ties(visible, &entries).await?;
        Ok(leaderboard::rank(entries, |above, below| self.tied(above, below)))
    }

    /// The entries of a version of the official ranking with their final scores, as far as those are told, ranked.
    async fn ranked_officially(
        &self,
        track: &Track,
        visible: VisibleSplit<TrackId>,
        version: i32,
    ) -> Result<Vec<RankedEntry>, StoreError> {
        let mut entries = store::entry::of_version(&self.db, visible, version).await?;
        if track.ending.labels_opened_at.is_none() {
            for entry in &mut entries {
                entry.result = entry.result.clone().with_coarse_curves();
            }
        }
        self.ranked(visible, entries).await
    }

    /// Whether the first and the second place differ within chance; `None` where nobody competes for one of them. Baselines
    /// that stand between the two are no part of the question.
    ///
    /// # Errors
    /// The database cannot answer.
    pub async fn are_leaders_tied(
        &self,
        visible: VisibleSplit<impl OnABoard>,
        entries: &[RankedEntry],
    ) -> Result<Option<bool>, StoreError> {
        let at = |rank| entries.iter().find(|ranked| ranked.rank == Some(rank)).map(|ranked| ranked.entry.clone());
        let (Some(first), Some(second)) = (at(1), at(2)) else { return Ok(None) };
        let pair = [first, second];
        self.find_ties(visible, &pair).await?;
        Ok(Some(self.tied(&pair[0], &pair[1])))
    }

    fn board(&self, track: &Track, split: Split, entries: Vec<RankedEntry>) -> Board {
        Board {
            kind: BoardKind::Official,
            track: track.path(),
            split,
            phase: track.phase,
            updated_at: track.board_changed_at,
            version: version_of(track, split),
            texts: track.board_version,
            log_seq: track.board_log_seq,
            ranking: track.shape.ranking(),
            scenarios: track.shape.scenarios().iter().map(|scenario| scenario.name().to_owned()).collect(),
            has_curves: split == Split::Dev || entries.iter().any(|ranked| ranked.entry.result.has_curves()),
            entries,
        }
    }

    async fn compute(&self, track: &Track, visible: VisibleSplit<TrackId>) -> Result<Arc<Board>, StoreError> {
        // The entries are read after the version: at worst a newer board stands under an older version until the
        // next look, never an older board under a newer version.
        let entries = match visible.split() {
            Split::Final => self.ranked_officially(track, visible, track.ending.ranking_version).await?,
            Split::Train | Split::Dev => {
                self.ranked(visible, store::entry::of_dev_board(&self.db, visible).await?).await?
            }
        };
        let mut board = self.board(track, visible.split(), entries);
        if visible.split() == Split::Final
            && let Some(official) = store::ranking::version(&self.db, track.id, track.ending.ranking_version).await?
        {
            board.updated_at = track.ending.labels_opened_at.map_or(official.made_at, |at| at.max(official.made_at));
            board.log_seq = Some(official.log_seq);
        }
        let board = Arc::new(board);
        let key = (visible.of(), visible.split());
        self.computed.lock().unwrap_or_else(PoisonError::into_inner).insert(key, Arc::clone(&board));
        Ok(board)
    }

    /// The board as last computed, if nothing has changed since.
    fn fresh(&self, track: &Track, visible: VisibleSplit<TrackId>) -> Option<Arc<Board>> {
        let boards = self.computed.lock().unwrap_or_else(PoisonError::into_inner);
        boards
            .get(&(visible.of(), visible.split()))
            .filter(|board| board.version >= version_of(track, visible.split()) && board.phase == track.phase)
            .filter(|board| board.texts >= track.board_version)
            .cloned()
    }

    fn tied(&self, above: &BoardEntry, below: &BoardEntry) -> bool {
        let ties = self.ties.lock().unwrap_or_else(PoisonError::into_inner);
        ties.get(&(above.result.scoring, below.result.scoring)).copied().unwrap_or(false)
    }

    /// Compares the neighbours that were not neighbours before: a run of the scorer never changes, so what was found of two
    /// stays. A change of the board makes three new pairs at most; after a start all are new, and they are read some at a
    /// time.
    async fn find_ties(&self, visible: VisibleSplit<impl OnABoard>, ordered: &[BoardEntry]) -> Result<(), StoreError> {
        const AT_A_TIME: usize = 256;
        let pair_of = |pair: &[BoardEntry]| (pair[0].result.scoring, pair[1].result.scoring);
        let pairs: Vec<(ScoringId, ScoringId)> = ordered.windows(2).map(pair_of).collect();
        let new: Vec<(ScoringId, ScoringId)> = {
            let mut ties = self.ties.lock().unwrap_or_else(PoisonError::into_inner);
            // Only the present neighbours of this board are needed again, but other tracks' stay: bounded.
            if ties.len() > 500_000 {
                ties.clear();
            }
            pairs.into_iter().filter(|pair| !ties.contains_key(pair)).collect()
        };
        for some in new.chunks(AT_A_TIME) {
            let mut ids: Vec<ScoringId> = some.iter().flat_map(|(above, below)| [*above, *below]).collect();
            ids.sort_unstable();
            ids.dedup();
            let replicates = store::scoring::replicates(&self.db, visible, &ids).await?;
            let replicates: HashMap<_, _> = replicates.into_iter().collect();
            let mut ties = self.ties.lock().unwrap_or_else(PoisonError::into_inner);
            for (above, below) in some {
                if let (Some(a), Some(b)) = (replicates.get(above), replicates.get(below)) {
                    ties.insert((*above, *below), are_tied(a, b));
                }
            }
        }
        Ok(())
    }
}

/// Counts the changes of a track's board of a split. The final board changes with the official ranking alone.
fn version_of(track: &Track, split: Split) -> i64 {
    match split {
        // Curves are told once the labels are public.
        Split::Final => {
            i64::from(track.ending.ranking_version) * 2 + i64::from(track.ending.labels_opened_at.is_some())
        }
        Split::Train | Split::Dev => track.board_version,
    }
}

/// Whether two entries differ within chance, by the replicates of their ranking numbers over the same draws.
fn are_tied(above: &[f64], below: &[f64]) -> bool {
    above.len() == below.len() && scoring::paired_difference(above, below).contains(0.0)
}

impl Board {
    /// A board of which nothing is shown, not even when it changed.
    pub fn empty(track: &Track, split: Split) -> Self {
        Self {
            kind: BoardKind::Official,
            track: track.path(),
            split,
            phase: track.phase,
            updated_at: OffsetDateTime::UNIX_EPOCH,
            version: 0,
            texts: 0,
            log_seq: None,
            ranking: track.shape.ranking(),
            scenarios: Vec::new(),
            has_curves: false,
            entries: Vec::new(),
        }
    }

    /// A validator for caches: it changes when what is shown changes, and stands on public facts alone.
    pub fn etag(&self) -> String {
        match self.kind {
            BoardKind::Official => {
                format!("\"{}-{}-{}-{}\"", self.split, self.phase.as_str(), self.version, self.texts)
            }
            BoardKind::Benchmark => format!("\"benchmark-{}-{}-{}\"", self.split, self.phase.as_str(), self.version),
        }
    }

    /// The board as CSV (RFC 4180), a line an entry, numbers in full. The cells of a scenario that is left out are empty.
    pub fn to_csv(&self) -> String {
        self.csv(None)
    }

    /// The same with one more column at the end.
    fn csv_with(&self, column: &str, cell: impl Fn(&BoardEntry) -> String) -> String {
        self.csv(Some((column, &cell)))
    }

    fn csv(&self, last: Option<LastColumn<'_>>) -> String {
        let mut csv = format!(
            "rank,tied_with_above,participant,submission,submitted_at,submissions,{},interval_low,interval_high",
            self.ranking.number
        );
        for scenario in &self.scenarios {
            for metric in Metric::ALL {
                let _ = write!(csv, ",{scenario}_{metric}");
            }
        }
        csv.push_str(",description");
        if let Some((column, _)) = last {
            let _ = write!(csv, ",{column}");
        }
        csv.push_str("\r\n");
        for ranked in &self.entries {
            let entry = &ranked.entry;
            let _ = write!(
                csv,
                "{},{},{},{},{},{},{},{},{}",
                ranked.rank.map_or_else(String::new, |rank| rank.to_string()),
                ranked.tied_with_above,
                csv_text(&entry.participant),
                entry.submission,
                crate::domain::timestamp::rfc3339(entry.submitted_at),
                entry.submissions,
                entry.result.ranking_value,
                entry.result.interval.low,
                entry.result.interval.high,
            );
            for scenario in &self.scenarios {
                match entry.result.scenario(scenario) {
                    Some(scenario) => {
                        for (_, value) in scenario.numbers.iter() {
                            let _ = write!(csv, ",{value}");
                        }
                    }
                    None => csv.push_str(&",".repeat(Metric::ALL.len())),
                }
            }
            let _ = write!(csv, ",{}", csv_text(&entry.description));
            if let Some((_, cell)) = last {
                let _ = write!(csv, ",{}", cell(entry));
            }
            csv.push_str("\r\n");
        }
        csv
    }
}

/// A text cell: quoted where RFC 4180 asks for it, and with an apostrophe before what a spreadsheet would
/// take for a formula.
pub(crate) fn csv_text(text: &str) -> String {
    let formula = |c: char| matches!(c, '=' | '+' | '-' | '@' | '\t' | '\r' | '\n' | '＝' | '＋' | '－' | '＠');
    let guarded = if text.starts_with(formula) { format!("'{text}") } else { text.to_owned() };
    if guarded.contains(['"', ',', '\r', '\n']) { format!("\"{}\"", guarded.replace('"', "\"\"")) } else { guarded }
}

#[cfg(test)]
mod tests {
    use super::csv_text;

    #[test]
    fn a_csv_cell_is_never_a_formula() {
        assert_eq!(csv_text("plain"), "plain");
        assert_eq!(csv_text("=1+1"), "'=1+1");
        assert_eq!(csv_text("@SUM(A1)"), "'@SUM(A1)");
        assert_eq!(csv_text("\t=1"), "'\t=1");
        assert_eq!(csv_text("＝1"), "'＝1");
        assert_eq!(csv_text("=a,\"b\""), "\"'=a,\"\"b\"\"\"");
        assert_eq!(csv_text("two\nlines"), "\"two\nlines\"");
    }
}
