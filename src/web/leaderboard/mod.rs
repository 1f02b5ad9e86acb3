//! A track's leaderboard: the table, the intervals and the ROC curves.
//!
//! [`query`] parses the query string, [`rows`] makes the rows; the page itself holds only what is
//! shown.

mod benchmark;
mod query;
mod rows;

use std::ops::Range;
use std::sync::Arc;

use askama::Template;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query as UrlQuery, State};
use axum::response::Html;
use scoring::Split;

use self::query::{BOARD_METRICS, Query, QueryParams, Sort};
use self::rows::{BoardView, ROWS_PER_PAGE};
use super::markup::Markup;
use super::scenario::{self, Figure, Numbers, PlottedEntry, ScenarioName};
use super::site::{Choice, Link, Reader, Sentence};
use super::timestamp::Timestamp;
use super::track_head::{Tab, TrackHead};
use super::{number, render};
use crate::app::App;
use crate::board::{BenchmarkBoard, Board, BoardKind};
use crate::domain::leaderboard::RankedEntry;
use crate::domain::phase::Phase;
use crate::domain::visibility::Audience;
use crate::http::auth::TrackView;
use crate::http::error::HttpError;
use figures::roc_plot::Scale;
use figures::series::Series;

/// `/c/{competition}/{track}/leaderboard`.
#[derive(Template)]
#[template(path = "leaderboard/show.html")]
pub(crate) struct LeaderboardPage {
    pub(crate) reader: Reader,
    pub(crate) head: TrackHead,
    /// The track's boards, where there is more than one.
    pub(crate) boards: Vec<Choice>,
    /// Which of them this is, as a sentence.
    pub(crate) which: Option<Sentence>,
    pub(crate) splits: Vec<Choice>,
    /// Why the final split cannot be seen yet, as a sentence.
    pub(crate) split_note: Option<&'static str>,
    /// The metrics that the board can show.
    pub(crate) metrics: Vec<Choice>,
    /// Whether the board moves, as in `live` or `entries frozen`.
    pub(crate) state: &'static str,
    /// The address of the server-sent events, while something can change the board.
    pub(crate) events: Option<String>,
    /// The ETag of the board as it is shown; every change gives it another.
    pub(crate) etag: String,
    pub(crate) last_change: Option<Timestamp>,
    /// The table's caption: what is ranked by what.
    pub(crate) caption: String,
    pub(crate) columns: Columns,
    pub(crate) rows: Vec<Row>,
    /// Links to the previous and the next page of a long board.
    pub(crate) more: Vec<Link>,
    /// Notes on how to read the table.
    pub(crate) notes: Vec<String>,
    /// Whether curves are shown: on the test split once the labels are public.
    pub(crate) has_curves: bool,
    pub(crate) figures: Vec<Figure>,
    pub(crate) legend: Vec<LegendItem>,
    pub(crate) json: String,
    pub(crate) csv: String,
}

/// The column headers.
pub(crate) struct Columns {
    pub(crate) who: Column,
    pub(crate) score: Column,
    /// The axis that all intervals share; `None` where the metric has no interval.
    pub(crate) interval_axis: Option<Markup>,
    pub(crate) scenarios: Vec<Column>,
    pub(crate) entries: Column,
    pub(crate) last: Column,
}

/// A column header, which links to the board sorted by that column.
pub(crate) struct Column {
    pub(crate) label: String,
    /// A second line, as in `ε = 10`.
    pub(crate) sub: String,
    pub(crate) href: String,
    pub(crate) order: Order,
}

/// How a column is sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Ascending,
    Descending,
    /// The table is sorted by another column.
    Not,
}

impl Order {
    /// The value of `aria-sort`.
    fn aria(self) -> Option<&'static str> {
        match self {
            Self::Ascending => Some("ascending"),
            Self::Descending => Some("descending"),
            Self::Not => None,
        }
    }

    fn arrow(self) -> &'static str {
        match self {
            Self::Ascending => "↑",
            Self::Descending => "↓",
            Self::Not => "",
        }
    }
}

/// One participant's entry.
pub(crate) struct Row {
    /// The submission's id: `board.js` uses it to keep a row's state when the board changes.
    pub(crate) id: String,
    pub(crate) rank: String,
    /// Whether it stands without a rank.
    pub(crate) out_of_competition: bool,
    pub(crate) shared: Shared,
    pub(crate) name: String,
    /// The entry's description; may be empty.
    pub(crate) note: String,
    pub(crate) mine: Mine,
    /// The legend key of its curve; `None` if its curve is not drawn.
    pub(crate) key: Option<Markup>,
    /// The address that shows or hides its curve.
    pub(crate) key_href: String,
    pub(crate) score: String,
    /// Its interval as a plot; `None` where the metric has none.
    pub(crate) interval_plot: Option<Markup>,
    /// The interval of the ranking number as text, as in `0.256 – 0.281`.
    pub(crate) interval: String,
    pub(crate) tied: Tied,
    pub(crate) values: Vec<String>,
    /// The participant's number of submissions; `submissions` has it with its noun.
    pub(crate) entries: String,
    pub(crate) submissions: String,
    pub(crate) last: Timestamp,
    pub(crate) numbers: Numbers,
    /// The submission's page, if the reader may see it.
    pub(crate) href: Option<String>,
    /// Where the method is described; checked to be http or https.
    pub(crate) method_url: Option<String>,
    /// On the benchmark board: whether the participant has an entry in the official ranking.
    pub(crate) took_part: bool,
}

/// Whether several entries with exactly equal scores share the rank.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shared {
    Yes,
    No,
}

/// Whether the row is the reader's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mine {
    Yes,
    No,
}

/// Whether the difference to the entry above is within chance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tied {
    WithAbove,
    No,
}

impl Row {
    fn is_mine(&self) -> bool {
        self.mine == Mine::Yes
    }

    fn is_shared(&self) -> bool {
        self.shared == Shared::Yes
    }

    fn is_tied(&self) -> bool {
        self.tied == Tied::WithAbove
    }
}

/// An item of the legend: which participant's curve has which key.
pub(crate) struct LegendItem {
    pub(crate) class: String,
    pub(crate) key: Markup,
    pub(crate) name: String,
}

/// `GET /c/{competition}/{track}/leaderboard`
pub(crate) async fn show(
    State(app): State<App>,
    view: TrackView,
    params: Result<UrlQuery<QueryParams>, QueryRejection>,
) -> Result<Html<String>, HttpError> {
    let UrlQuery(params) = params?;
    let names = scenario::names(&view.track);
    let first = if view.access.board(Split::Final).is_some() { Split::Final } else { Split::Dev };
    let query = Query::parse(params, names.iter().map(|name| name.folder.clone()).collect(), first)?;
    let shown = match query.board {
        BoardKind::Official => Shown::Official(official(&app, &view, query.split).await?),
        BoardKind::Benchmark => {
            let has_begun = view.track.benchmark.began_at.is_some();
            let visible = view.access.benchmark(query.split, has_begun).ok_or_else(HttpError::no_benchmark)?;
            Shown::Benchmark(app.boards.benchmark(&view.track, visible).await?)
        }
    };
    let head = TrackHead::load(&app, &view.track, view.access, Tab::Leaderboard).await?;
    let (board, benchmark) = match &shown {
        Shown::Official(board) => (&**board, None),
        Shown::Benchmark(benchmark) => match &benchmark.rounded {
            Some(rounded) => return render(&benchmark::page(&app, &view, head, (benchmark, rounded), &query).await?),
            None => (&benchmark.board, Some(&**benchmark)),
        },
    };
    let board_view = BoardView {
        board,
        benchmark,
        query: &query,
        names: &names,
        reader: view.participant.map(|participant| participant.id),
        is_staff: view.audience() == Audience::Organiser,
        now: app.clock.now(),
    };
    if query.page > 1 && board_view.page_range(board.entries.len()).is_empty() {
        return Err(HttpError::NotFound);
    }
    render(&page(&view, head, &board_view))
}

/// A board of either kind.
enum Shown {
    Official(Arc<Board>),
    Benchmark(Arc<BenchmarkBoard>),
}

async fn official(app: &App, view: &TrackView, split: Split) -> Result<Arc<Board>, HttpError> {
    match view.access.board(split) {
        Some(visible) => Ok(app.boards.of_track(&view.track, visible).await?),
        // Whoever knows a draft's address may look at its pages; what organisers try there is theirs.
        None if split == Split::Dev => Ok(Arc::new(Board::empty(&view.track, split))),
        None => Err(HttpError::NotRevealed),
    }
}

/// The boards of a track that has or had a benchmark.
fn board_choices(view: &TrackView, current: BoardKind) -> Vec<Choice> {
    let choice = |kind, label: &str, href: &str| Choice {
        label: label.to_owned(),
        href: Some(href.to_owned()),
        current: current == kind,
    };
    match view.track.benchmark.began_at {
        Some(_) if view.track.phase.rules().final_is_public => vec![
            choice(BoardKind::Official, "Official ranking", "?"),
            choice(BoardKind::Benchmark, "Benchmark", "?board=benchmark"),
        ],
        _ => Vec::new(),
    }
}

/// Which board it is, where there is more than one.
fn which_board(view: &TrackView, board: &Board) -> Option<Sentence> {
    let began_at = view.track.benchmark.began_at.filter(|_| view.track.phase.rules().final_is_public)?;
    Some(match (board.kind, board.split) {
        (BoardKind::Official, Split::Final) => Sentence::plain(
            "Official ranking: what was sent before the close decides it, and the benchmark changes nothing of it.",
        ),
        (BoardKind::Official, _) => Sentence::plain(
            "Official board of the competition on the dev split: it stands, and the benchmark changes nothing of it.",
        ),
        (BoardKind::Benchmark, _) => Sentence::with(
            "Benchmark, since ",
            Timestamp::date(began_at),
            ": one row for each participant, with the best of their official entry and of what they sent to the benchmark. \
             It is not the official ranking, and changes nothing of it.",
        ),
    })
}

fn page(view: &TrackView, head: TrackHead, board_view: &BoardView<'_>) -> LeaderboardPage {
    let sorted = board_view.sorted();
    let on_page = board_view.on_page(&sorted);
    let axis = board_view.axis(&on_page);
    // Whoever has the predictions and a curve has the labels.
    let has_curves = board_view.board.has_curves;
    let is_kept = board_view.board.split == Split::Final && view.track.ending.labels_opened_at.is_none();
    let drawn = if has_curves { board_view.drawn() } else { Vec::new() };
    let drawn_names: Vec<String> = drawn.iter().map(|ranked| ranked.entry.participant.clone()).collect();
    let api = format!("{}/leaderboard", head.api());
    let which = match (board_view.board.kind, board_view.board.split) {
        (BoardKind::Benchmark, split) => format!("?board=benchmark&split={split}"),
        (BoardKind::Official, Split::Final) => "?split=final".to_owned(),
        (BoardKind::Official, _) => String::new(),
    };
    let of_events = if board_view.board.kind == BoardKind::Benchmark { "?board=benchmark" } else { "" };
    let (legend, figures) = if has_curves { curves(board_view.names, &drawn) } else { (Vec::new(), Vec::new()) };
    LeaderboardPage {
        reader: Reader::of(view.login.as_ref()),
        boards: board_choices(view, board_view.board.kind),
        which: which_board(view, board_view.board),
        splits: splits(view, board_view.query),
        split_note: split_note(view, board_view.board),
        state: state(view, board_view.board),
        metrics: BOARD_METRICS
            .into_iter()
            .map(|metric| Choice {
                label: metric.label.to_owned(),
                href: Some(board_view.query.by(metric).href()),
                current: metric == board_view.query.by,
            })
            .collect(),
        events: (is_live(board_view.board) && view.access.board(Split::Dev).is_some())
            .then(|| format!("{api}/events{of_events}")),
        etag: board_view.board.etag(),
        last_change: (!board_view.board.entries.is_empty())
            .then(|| Timestamp::ago(board_view.board.updated_at, board_view.now)),
        caption: board_view.caption(&view.track.settings.title),
        columns: columns(board_view, axis.as_ref().map(|axis| Markup::from_svg(axis.svg()))),
        rows: on_page.iter().map(|ranked| board_view.row(ranked, axis.as_ref(), &drawn_names)).collect(),
        more: pages(board_view, sorted.len()),
        notes: notes(board_view, is_kept),
        has_curves,
        figures,
        legend,
        json: format!("{api}{which}"),
        csv: format!("{api}.csv{which}"),
        head,
    }
}

/// Why the final split cannot be seen, or what is left out of it, as a sentence. Between close and reveal it tells nobody
/// whether final scores exist.
fn split_note(view: &TrackView, board: &Board) -> Option<&'static str> {
    if board.kind == BoardKind::Benchmark {
        return None;
    }
    match (view.track.phase, board.split) {
        (Phase::Draft, _) => Some(match view.audience() {
            Audience::Organiser => {
                "Trials of organisers, which nobody else sees. They are removed when the track opens, and stand in no log."
            }
            _ => "The board is shown once the track has opened.",
        }),
        (Phase::Open, _) => Some(
            "The test split is scored after the close. Until then nobody knows its scores, not even the organisers.",
        ),
        (Phase::Closed, _) => Some(
            "The final ranking is on the test split. It is shown here once the organisers have revealed it; until then \
             nobody but them may see its scores.",
        ),
        (Phase::Revealed | Phase::Benchmark, Split::Final) if view.track.ending.results_final_at.is_none() => {
            Some("The final ranking is provisional: objections may still change it, and every change is a new version.")
        }
        (Phase::Revealed | Phase::Benchmark, _) => None,
    }
}

/// Whether the board moves.
fn state(view: &TrackView, board: &Board) -> &'static str {
    let ending = view.track.ending;
    match board.split {
        _ if board.kind == BoardKind::Benchmark => match board.phase.rules().is_benchmark {
            true => "live",
            false => "the benchmark has ended",
        },
        Split::Final if ending.results_final_at.is_some() => "final",
        Split::Final => "provisional",
        Split::Train | Split::Dev if view.track.phase.rules().final_is_public => "stands since the freeze",
        Split::Train | Split::Dev if ending.entries_frozen_at.is_some() => "entries frozen",
        Split::Train | Split::Dev => "live",
    }
}

/// Whether something can still change the board.
fn is_live(board: &Board) -> bool {
    match board.kind {
        BoardKind::Official => board.split == Split::Dev && board.phase.rules().board_is_live,
        BoardKind::Benchmark => board.phase.rules().is_benchmark,
    }
}

fn splits(view: &TrackView, query: &Query) -> Vec<Choice> {
    let revealed = view.access.board(Split::Final).is_some();
    let stands = revealed || view.track.ending.entries_frozen_at.is_some();
    let dev = if stands { "Dev" } else { "Dev (live)" };
    let test = match (revealed, view.track.ending.results_final_at) {
        _ if query.board == BoardKind::Benchmark => "Test",
        (false, _) => "Test, after the reveal",
        (true, None) => "Test (provisional)",
        (true, Some(_)) => "Test (final)",
    };
    let choice = |split, label: &str, open: bool| Choice {
        label: label.to_owned(),
        href: open.then(|| query.split(split).href()),
        current: query.split == split,
    };
    vec![choice(Split::Dev, dev, true), choice(Split::Final, test, revealed)]
}

fn columns(board_view: &BoardView<'_>, interval_axis: Option<Markup>) -> Columns {
    let column = |label: &str, sub: &str, sort: Sort| Column {
        label: label.to_owned(),
        sub: sub.to_owned(),
        href: board_view.query.sorted(sort).href(),
        order: match (board_view.query.sort == sort, sort) {
            (false, _) => Order::Not,
            (true, Sort::Participant) => Order::Ascending,
            (true, _) => Order::Descending,
        },
    };
    let score = if board_view.query.by.ranks() { "Score" } else { board_view.query.by.label };
    let scenarios = board_view.names.iter().enumerate();
    Columns {
        who: column("Participant", "", Sort::Participant),
        score: column(score, "", Sort::Score),
        interval_axis,
        scenarios: scenarios.map(|(i, name)| column(&name.label, &name.budget, Sort::Scenario(i))).collect(),
        entries: column("Sent", "", Sort::Submissions),
        last: column("Last", "", Sort::Last),
    }
}

fn pages(board_view: &BoardView<'_>, count: usize) -> Vec<Link> {
    more_pages(board_view.query, &board_view.page_range(count), count)
}

/// Links to the pages before and after the rows of `range`.
fn more_pages(query: &Query, range: &Range<usize>, count: usize) -> Vec<Link> {
    let link = |page: usize| {
        let first = (page - 1) * ROWS_PER_PAGE;
        let label = format!(
            "Entries {} to {}",
            number::count(first as u64 + 1),
            number::count((first + ROWS_PER_PAGE).min(count) as u64)
        );
        Link { label, href: query.page(page).href() }
    };
    let before = (range.start > 0).then(|| query.page - 1).filter(|page| (page - 1) * ROWS_PER_PAGE < count);
    let after = (range.end < count).then(|| query.page + 1);
    before.into_iter().chain(after).map(link).collect()
}

fn notes(board_view: &BoardView<'_>, is_kept: bool) -> Vec<String> {
    let mut notes = Vec::new();
    if is_kept {
        notes.push(
            "While labels are kept, a curve of the test split is told at 13 rates, and of a scenario with fewer than 1,000 \
             non-members not at all: it would give labels away."
                .to_owned(),
        );
    }
    if board_view.query.by.ranks() {
        let rule = board_view.board.ranking;
        notes.push(format!(
            "The score is the true-positive rate at 10 % false-positive rate, {}. The dashed tick is chance (0.1); the band \
             is the 95 % interval over 2,000 resamplings of the target models.",
            rule.phrase()
        ));
        notes.extend(rule.on_leaving_out().map(str::to_owned));
    } else {
        notes.push("The board is sorted by this number; the rank stays that of the score.".to_owned());
    }
    if board_view.is_ranking() {
        notes.push(
            "“Tied”: the difference to the entry above is within chance. The rank itself follows the exact counts; exactly \
             equal entries share it, the earlier one first."
                .to_owned(),
        );
    }
    notes
}

fn curves(names: &[ScenarioName], drawn: &[&RankedEntry]) -> (Vec<LegendItem>, Vec<Figure>) {
    let drawn: Vec<PlottedEntry<'_>> = drawn
        .iter()
        .enumerate()
        .filter_map(|(index, ranked)| {
            let entry = &ranked.entry;
            Some(PlottedEntry { label: &entry.participant, series: Series::nth(index)?, result: &entry.result })
        })
        .collect();
    let legend = drawn
        .iter()
        .map(|entry| LegendItem {
            class: entry.series.class(),
            key: Markup::from_svg(entry.series.key_svg()),
            name: entry.label.to_owned(),
        })
        .collect();
    (legend, scenario::figures(names, Scale::LogLog, &drawn))
}
