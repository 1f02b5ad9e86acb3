//! The ceremony, for a projector: the final ranking from the last place up, a screen at a time.
//!
//! For organisers alone. A rehearsal reads no score: it has names and numbers that stand for others.

mod screen;

use askama::Template;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::Html;
use scoring::Split;
use time::OffsetDateTime;

use self::screen::{Body, Field};
use super::{number, render};
use crate::app::App;
use crate::domain::leaderboard::{BoardEntry, SplitResult};
use crate::domain::results::{Results, VersionInfo};
use crate::domain::visibility::{Audience, Preview, VisibleSplit};
use crate::http::auth::TrackView;
use crate::http::error::{Detail, HttpError};
use crate::service::status;
use crate::store;
use crate::store::track::Track;

/// `/c/{competition}/{track}/reveal`.
#[derive(Template)]
#[template(path = "ceremony/show.html")]
pub(crate) struct CeremonyPage {
    competition: String,
    track: String,
    /// As in `8 participants`; empty where there are none.
    participants: String,
    is_rehearsal: bool,
    body: Body,
    /// The addresses of other screens; `None` at the ends.
    next: Option<String>,
    back: Option<String>,
    first: String,
    /// The screen before the awards.
    last: String,
    leave: String,
}

/// Which screen is asked for.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(crate) struct Params {
    screen: Option<usize>,
    rehearsal: Option<String>,
}

/// `GET /c/{competition}/{track}/reveal`
pub(crate) async fn show(
    State(app): State<App>,
    view: TrackView,
    params: Result<Query<Params>, QueryRejection>,
) -> Result<Html<String>, HttpError> {
    if view.audience() != Audience::Organiser {
        return Err(HttpError::NotFound);
    }
    let Query(params) = params?;
    let track = &view.track;
    let is_rehearsal = params.rehearsal.is_some();
    let field = match is_rehearsal {
        true => rehearsed(&app, track).await?,
        false => field(&app, &view).await?,
    };
    let base = format!("/c/{}/{}", track.competition_slug, track.slug);
    let screens = field.screens();
    let at = params.screen.unwrap_or(1).clamp(1, screens.len());
    let address =
        |screen: usize| format!("{base}/reveal?screen={screen}{}", if is_rehearsal { "&rehearsal" } else { "" });
    render(&CeremonyPage {
        competition: track.competition_title.clone(),
        track: track.settings.title.clone(),
        participants: match field.participants() {
            0 => String::new(),
            n => number::counted(n as u64, "participant", "participants"),
        },
        is_rehearsal,
        body: field.body(screens[at - 1]),
        next: (at < screens.len()).then(|| address(at + 1)),
        back: (at > 1).then(|| address(at - 1)),
        first: address(1),
        last: address(screens.iter().position(|screen| *screen == screen::Screen::Pause).map_or(1, |i| i + 1)),
        leave: format!("{base}/organise/final"),
    })
}

/// What is shown: the public results, or, before the reveal, a preview that is complete.
async fn field(app: &App, view: &TrackView) -> Result<Field, HttpError> {
    let track = &view.track;
    if let Some(visible) = view.access.results() {
        let found = app.boards.results(track, visible, None).await?.ok_or(HttpError::NotFound)?;
        return Ok(Field::of(&found.results, found.leaders_are_tied));
    }
    let not_ready = || {
        let text = "The ceremony can begin once all final scores are there. Until then it can be rehearsed.";
        HttpError::Hidden(Detail::new("not_ready", text))
    };
    let visible = view.access.preview(track.ending.final_begun_at.is_some()).ok_or_else(not_ready)?;
    let counts = status::of_track(app, track.clone()).await?.final_scores;
    if !counts.is_some_and(store::ranking::FinalCounts::is_complete) {
        return Err(not_ready());
    }
    preview(app, view, visible).await
}

async fn preview(app: &App, view: &TrackView, visible: VisibleSplit<Preview>) -> Result<Field, HttpError> {
    let board = app.boards.preview(&view.track, visible).await?;
    let tied = app.boards.are_leaders_tied(visible, &board.entries).await?;
    let dev = match view.access.board(Split::Dev) {
        Some(visible) => Some(app.boards.of_track(&view.track, visible).await?),
        None => None,
    };
    let on_dev: std::collections::HashMap<_, &SplitResult> =
        dev.iter().flat_map(|dev| &dev.entries).map(|one| (one.entry.submission, &one.entry.result)).collect();
    let dev_of = |entry: &BoardEntry| on_dev.get(&entry.submission).map(|result| (*result).clone());
    // No version is official yet.
    let info = VersionInfo {
        version: 0,
        made_at: OffsetDateTime::UNIX_EPOCH,
        log_seq: 0,
        changes: Vec::new(),
        reason: None,
        participants: 0,
        submissions: 0,
    };
    Ok(Field::of(&Results::new(info, board.entries, dev_of), tied))
}

/// A field as large as the track's, of which nothing is known. No score is read for it.
async fn rehearsed(app: &App, track: &Track) -> Result<Field, HttpError> {
    let counts = store::track::counts(&app.db, track.id).await?;
    Ok(Field::rehearsed(usize::try_from(counts.participants).unwrap_or(0)))
}
