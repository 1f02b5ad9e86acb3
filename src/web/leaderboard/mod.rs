//! The board of a track: table, intervals, ROC curves.
//!
//! [`query`] says what may be asked, [`rows`] makes the rows; the page itself holds only what is shown.

mod query;
mod rows;

use askama::Template;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query as UrlQuery, State};
use axum::response::Html;
use scoring::Split;

use self::query::{Query, READINGS, Raw, Sort};
use self::rows::{PAGE, Shown};
use super::markup::Markup;
use super::scenario::{self, Drawn, Figure, Numbers, ScenarioName};
use super::site::{Choice, Link, Reader};
use super::timestamp::Timestamp;
use super::track_head::{Tab, TrackHead};
use super::{number, render};
use crate::app::App;
use crate::board::Board;
use crate::domain::leaderboard::RankedEntry;
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
    pub(crate) splits: Vec<Choice>,
    /// Why a split cannot be seen yet, as a sentence.
    pub(crate) split_note: Option<&'static str>,
    /// The numbers the board can be read by.
    pub(crate) metrics: Vec<Choice>,
    /// The address of the server-sent events, while the board is live.
    pub(crate) events: Option<String>,
    /// Stands for the board as it is shown: a later one has another.
    pub(crate) etag: String,
    pub(crate) last_change: Option<Timestamp>,
    /// The table's caption: what is ranked by what.
    pub(crate) caption: String,
    pub(crate) columns: Columns,
    pub(crate) rows: Vec<Row>,
    /// Links to the other pages of a long board.
    pub(crate) more: Vec<Link>,
    /// How to read the table, a sentence each.
    pub(crate) notes: Vec<&'static str>,
    pub(crate) figures: Vec<Figure>,
    pub(crate) legend: Vec<LegendItem>,
    pub(crate) json: String,
    pub(crate) csv: String,
}

/// The heads of the columns.
pub(crate) struct Columns {
    pub(crate) who: Column,
    pub(crate) score: Column,
    /// The numbers of the shared scale; `None` where the metric has no interval.
    pub(crate) interval_axis: Option<Markup>,
    pub(crate) scenarios: Vec<Column>,
    pub(crate) entries: Column,
    pub(crate) last: Column,
}

/// The head of a column, which sorts by it.
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
    /// The submission's id: rows keep their state by it when the board changes.
    pub(crate) id: String,
    pub(crate) rank: String,
    pub(crate) shared: Shared,
    pub(crate) name: String,
    /// The entry's description, or nothing.
    pub(crate) note: String,
    pub(crate) mine: Mine,
    /// The mark of its curve, `None` if its curve is not drawn.
    pub(crate) key: Option<Markup>,
    /// Shows or hides its curve.
    pub(crate) key_href: String,
    pub(crate) score: String,
    /// Its interval as a picture; `None` where the metric has none.
    pub(crate) interval_plot: Option<Markup>,
    /// The interval of the ranking number in words, `0.256 – 0.281`.
    pub(crate) interval: String,
    pub(crate) tied: Tied,
    pub(crate) values: Vec<String>,
    /// How many submissions the participant has, as a number and with its noun.
    pub(crate) entries: String,
    pub(crate) submissions: String,
    pub(crate) last: Timestamp,
    pub(crate) numbers: Numbers,
    /// The submission's own page, for who may see it.
    pub(crate) href: Option<String>,
    /// Where the method is described: checked to be http or https.
    pub(crate) method_url: Option<String>,
}

/// Whether a rank is held by several entries of exactly equal score.
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

/// Whose curve wears which mark.
pub(crate) struct LegendItem {
    pub(crate) class: String,
    pub(crate) key: Markup,
    pub(crate) name: String,
}

/// `GET /c/{competition}/{track}/leaderboard`
pub(crate) async fn show(
    State(app): State<App>,
    view: TrackView,
    raw: Result<UrlQuery<Raw>, QueryRejection>,
) -> Result<Html<String>, HttpError> {
    let UrlQuery(raw) = raw?;
    let names = scenario::names(&view.track);
    let query = Query::parse(raw, names.iter().map(|name| name.folder.clone()).collect())?;
    let visible = view.access.board(query.split).ok_or(HttpError::NotRevealed)?;
    let board = app.boards.of_track(&view.track, visible).await?;
    let head = TrackHead::load(&app, &view.track, view.access, Tab::Leaderboard).await?;
    let shown = Shown {
        board: &board,
        query: &query,
        names: &names,
        reader: view.participant.map(|participant| participant.id),
        is_staff: view.audience() == Audience::Organiser,
        now: app.clock.now(),
    };
    if query.page > 1 && shown.page_range(board.entries.len()).is_empty() {
        return Err(HttpError::NotFound);
    }
    render(&page(&view, head, &shown))
}

fn page(view: &TrackView, head: TrackHead, shown: &Shown<'_>) -> LeaderboardPage {
    let sorted = shown.sorted();
    let on_page = shown.on_page(&sorted);
    let axis = shown.axis(&on_page);
    let drawn = shown.drawn();
    let drawn_names: Vec<String> = drawn.iter().map(|ranked| ranked.entry.participant.clone()).collect();
    let api = format!("{}/leaderboard", head.api());
    let which = if shown.board.split == Split::Final { "?split=final" } else { "" };
    let (legend, figures) = curves(shown.names, &drawn);
    LeaderboardPage {
        reader: Reader::of(view.login.as_ref()),
        splits: splits(view, shown.query),
        split_note: (view.access.board(Split::Final).is_none()).then_some(
            "The test split is scored once, after the close. Until then nobody knows its scores, not even the organisers.",
        ),
        metrics: READINGS
            .into_iter()
            .map(|reading| Choice {
                label: reading.label.to_owned(),
                href: Some(shown.query.by(reading).href()),
                current: reading == shown.query.by,
            })
            .collect(),
        events: is_live(shown.board).then(|| format!("{api}/events")),
        etag: shown.board.etag(),
        last_change: (!shown.board.entries.is_empty()).then(|| Timestamp::ago(shown.board.updated_at, shown.now)),
        caption: shown.caption(&view.track.settings.title),
        columns: columns(shown, axis.as_ref().map(|axis| Markup::from_svg(axis.svg()))),
        rows: on_page.iter().map(|ranked| shown.row(ranked, axis.as_ref(), &drawn_names)).collect(),
        more: pages(shown, sorted.len()),
        notes: notes(shown),
        figures,
        legend,
        json: format!("{api}{which}"),
        csv: format!("{api}.csv{which}"),
        head,
    }
}

/// Whether the board can still change by a submission.
fn is_live(board: &Board) -> bool {
    board.split == Split::Dev && board.phase.rules().board_is_live
}

fn splits(view: &TrackView, query: &Query) -> Vec<Choice> {
    let revealed = view.access.board(Split::Final).is_some();
    let dev = if revealed { "Dev" } else { "Dev (live)" };
    let test = if revealed { "Test (final)" } else { "Test, after the close" };
    let choice = |split, label: &str, open: bool| Choice {
        label: label.to_owned(),
        href: open.then(|| query.split(split).href()),
        current: query.split == split,
    };
    vec![choice(Split::Dev, dev, true), choice(Split::Final, test, revealed)]
}

fn columns(shown: &Shown<'_>, interval_axis: Option<Markup>) -> Columns {
    let column = |label: &str, sub: &str, sort: Sort| Column {
        label: label.to_owned(),
        sub: sub.to_owned(),
        href: shown.query.sorted(sort).href(),
        order: match (shown.query.sort == sort, sort) {
            (false, _) => Order::Not,
            (true, Sort::Participant) => Order::Ascending,
            (true, _) => Order::Descending,
        },
    };
    let score = if shown.query.by.ranks() { "Score" } else { shown.query.by.label };
    let scenarios = shown.names.iter().enumerate();
    Columns {
        who: column("Participant", "", Sort::Participant),
        score: column(score, "", Sort::Score),
        interval_axis,
        scenarios: scenarios.map(|(i, name)| column(&name.label, &name.budget, Sort::Scenario(i))).collect(),
        entries: column("Sent", "", Sort::Submissions),
        last: column("Last", "", Sort::Last),
    }
}

fn pages(shown: &Shown<'_>, count: usize) -> Vec<Link> {
    let range = shown.page_range(count);
    let link = |page: usize| {
        let first = (page - 1) * PAGE;
        let label = format!(
            "Entries {} to {}",
            number::count(first as u64 + 1),
            number::count((first + PAGE).min(count) as u64)
        );
        Link { label, href: shown.query.page(page).href() }
    };
    let before = (range.start > 0).then(|| shown.query.page - 1).filter(|page| (page - 1) * PAGE < count);
    let after = (range.end < count).then(|| shown.query.page + 1);
    before.into_iter().chain(after).map(link).collect()
}

fn notes(shown: &Shown<'_>) -> Vec<&'static str> {
    let mut notes = Vec::new();
    if shown.query.by.ranks() {
        notes.push(
            "The score is the mean over the scenarios of the true-positive rate at 10 % false-positive rate. The dashed \
             tick is chance (0.1); the band is the 95 % interval over 2,000 resamplings of the target models.",
        );
    } else {
        notes.push("The board is sorted by this number; the rank stays that of the score.");
    }
    if shown.is_ranking() {
        notes.push(
            "“Tied”: the difference to the entry above is within chance. The rank itself follows the exact counts; exactly \
             equal entries share it, the earlier one first.",
        );
    }
    notes
}

fn curves(names: &[ScenarioName], drawn: &[&RankedEntry]) -> (Vec<LegendItem>, Vec<Figure>) {
    let drawn: Vec<Drawn<'_>> = drawn
        .iter()
        .enumerate()
        .filter_map(|(place, ranked)| {
            let entry = &ranked.entry;
            Some(Drawn { label: &entry.participant, series: Series::nth(place)?, results: &entry.result.scenarios })
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
