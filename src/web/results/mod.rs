//! The results of a track: who won and what that means, the ranking beside the dev board, and how to check it.
//!
//! Everything is computed once for a version of the ranking and kept ([`crate::board::TrackResults`]); a page looks it up
//! and writes the rows that it shows.

mod awards;
mod check;
pub(crate) mod competition;
pub(crate) mod picture;
mod standing;
mod table;

use std::sync::Arc;

use askama::Template;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::Html;

use self::awards::{Awards, Totals};
use self::check::Check;
use self::standing::Standing;
use self::table::{Change, Table};
use super::markup::Markup;
use super::scenario::{self, Figure, PlottedEntry, ScenarioName};
use super::site::{Link, Reader};
use super::track_head::{Tab, TrackHead};
use super::{number, render};
use crate::app::App;
use crate::board::{self, TrackResults};
use crate::domain::results::ResultRow;
use crate::domain::visibility::{Audience, TrackAccess};
use crate::http::auth::TrackView;
use crate::http::error::HttpError;
use crate::http::server::Site;
use crate::store;
use crate::store::track::Track;
use figures::roc_plot::Scale;
use figures::series::Series;

/// `/c/{competition}/{track}/results`.
#[derive(Template)]
#[template(path = "results/show.html")]
pub(crate) struct ResultsPage {
    reader: Reader,
    head: TrackHead,
    standing: Standing,
    awards: Awards,
    totals: Totals,
    table: Table,
    /// How dev and final differ; `None` where nobody competes.
    change: Option<Change>,
    curves: Curves,
    check: Check,
    bibtex: String,
    downloads: Vec<Link>,
}

/// The ROC curves of the first entries, as far as they are told.
struct Curves {
    /// What is shown, or why nothing is.
    note: &'static str,
    legend: Vec<LegendItem>,
    log_log: Vec<Figure>,
    linear: Vec<Figure>,
}

/// An item of the legend.
struct LegendItem {
    class: String,
    key: Markup,
    name: String,
}

/// Which results are asked for, and how many rows of them.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(crate) struct Params {
    version: Option<u32>,
    all: Option<String>,
}

/// The results that somebody may see.
///
/// # Errors
/// [`HttpError::NotRevealed`] before the reveal, for everybody; [`HttpError::NotFound`] for a version that there is not.
pub(super) async fn load(
    app: &App,
    track: &Track,
    access: TrackAccess,
    version: Option<u32>,
) -> Result<Arc<TrackResults>, HttpError> {
    let visible = access.results().ok_or(HttpError::NotRevealed)?;
    app.boards.results(track, visible, version).await?.ok_or(HttpError::NotFound)
}

/// `GET /c/{competition}/{track}/results`
pub(crate) async fn show(
    State(app): State<App>,
    State(site): State<Site>,
    view: TrackView,
    params: Result<Query<Params>, QueryRejection>,
) -> Result<Html<String>, HttpError> {
    let Query(params) = params?;
    let track = &view.track;
    let of_track = load(&app, track, view.access, params.version).await?;
    let head = TrackHead::load(&app, track, view.access, Tab::Results).await?;
    let names = scenario::names(track);
    let log = store::log::head(&app.db, track.id).await?;
    let results = &of_track.results;
    let (base, version) = (head.base(), results.info.version);
    let table = table::Asked {
        all: params.all.is_some(),
        all_href: format!("{base}/results?version={version}&all#table"),
        reader: view.participant.map(|participant| participant.id),
        is_staff: view.audience() == Audience::Organiser,
    };
    render(&ResultsPage {
        standing: Standing::of(&base, track, &of_track),
        awards: Awards::of(&of_track, &names),
        totals: Totals::of(track, results),
        table: Table::of(track, &of_track, table),
        change: Change::of(results),
        curves: curves(track, &of_track, &names),
        check: Check::load(&app, track, log).await?,
        bibtex: board::text::bibtex(track, &of_track, &format!("{}{base}/results?version={version}", site.base())),
        downloads: downloads(&head, version),
        reader: Reader::of(view.login.as_ref()),
        head,
    })
}

fn downloads(head: &TrackHead, version: u32) -> Vec<Link> {
    let (api, base) = (head.api(), head.base());
    let link =
        |label: &str, address: String| Link { label: label.to_owned(), href: format!("{address}?version={version}") };
    vec![
        link("Results, JSON", format!("{api}/results")),
        link("Results, CSV", format!("{api}/results.csv")),
        link("Table, LaTeX", format!("{api}/results.tex")),
        link("Picture, SVG", format!("{base}/results.svg")),
        link("Picture, PNG", format!("{base}/results.png")),
    ]
}

/// The curves of the first six entries.
fn curves(track: &Track, of_track: &TrackResults, names: &[ScenarioName]) -> Curves {
    let rows = of_track.results.rows.iter().take(Series::COUNT);
    let drawn: Vec<PlottedEntry<'_>> = rows
        .enumerate()
        .filter_map(|(i, row)| {
            let entry = row.entry();
            Some(PlottedEntry { label: &entry.participant, series: Series::nth(i)?, result: &entry.result })
        })
        .collect();
    let is_told = drawn.iter().any(|entry| entry.result.has_curves());
    let note = match (track.ending.labels_opened_at.is_some(), is_told) {
        _ if drawn.is_empty() => "",
        (true, _) => {
            "In full, because the labels are open. All challenge points of a scenario under one threshold, both axes by \
             their logarithm; what matters is at the left. The thin diagonal is chance."
        }
        (false, true) => {
            "Told at 13 rates while the labels are kept, and of a scenario with fewer than 1,000 non-members not at all: a \
             finer curve would give labels away. Both axes by their logarithm; the thin diagonal is chance."
        }
        (false, false) => {
            "None are told while the labels are kept: no scenario has 1,000 non-members among its test networks, and with \
             fewer even a coarse curve would give labels away."
        }
    };
    if !is_told {
        return Curves { note, legend: Vec::new(), log_log: Vec::new(), linear: Vec::new() };
    }
    let item = |entry: &PlottedEntry<'_>| LegendItem {
        class: entry.series.class(),
        key: Markup::from_svg(entry.series.key_svg()),
        name: entry.label.to_owned(),
    };
    Curves {
        note,
        legend: drawn.iter().map(item).collect(),
        log_log: scenario::figures(names, Scale::LogLog, &drawn),
        linear: scenario::figures(names, Scale::Linear, &drawn),
    }
}

/// Who won a track, in a line.
pub(crate) struct Outcome {
    pub(crate) winners: Vec<String>,
    pub(crate) runners_up: Vec<String>,
    /// The winner's number.
    pub(crate) score: String,
    pub(crate) participants: String,
    pub(crate) entries: String,
    /// As in `provisional`, or empty.
    pub(crate) state: &'static str,
}

impl Outcome {
    /// Of the newest ranking; `None` before the reveal.
    ///
    /// # Errors
    /// The database cannot answer.
    pub(super) async fn load(app: &App, track: &Track, access: TrackAccess) -> Result<Option<Self>, HttpError> {
        let of_track = match load(app, track, access, None).await {
            Ok(results) => results,
            Err(HttpError::NotRevealed | HttpError::NotFound) => return Ok(None),
            Err(error) => return Err(error),
        };
        let results = &of_track.results;
        let names = |rows: Vec<&ResultRow>| {
            let more = awards::more(rows.len());
            let mut named: Vec<String> =
                rows.iter().take(awards::MOST_NAMED).map(|row| row.entry().participant.clone()).collect();
            named.extend((!more.is_empty()).then_some(more));
            named
        };
        let first = results.winners().next();
        Ok(Some(Self {
            winners: names(results.winners().collect()),
            runners_up: names(results.runners_up().collect()),
            score: first.map_or_else(String::new, |row| number::score(row.entry().result.ranking_value)),
            participants: number::count(results.info.participants.into()),
            entries: number::count(results.info.submissions.into()),
            state: if track.ending.results_final_at.is_some() { "" } else { "provisional" },
        }))
    }
}
