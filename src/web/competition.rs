//! The list of competitions, and the page of one competition.

use askama::Template;
use axum::extract::State;
use axum::response::Html;
use scoring::Split;

use super::markup::Markup;
use super::number;
use super::site::{Link, Pill, Reader};
use super::track_head::{KeyDate, phase_pill};
use super::{markdown, render};
use crate::app::App;
use crate::domain::slug::Slug;
use crate::domain::visibility::TrackAccess;
use crate::http::auth::{Viewer, is_listed};
use crate::http::error::HttpError;
use crate::http::paging::Paging;
use crate::http::path_parameter::PathParameter;
use crate::store;
use crate::store::competition::Competition;
use crate::store::track::Track;

/// The most competitions that one page lists.
const CARDS: usize = 100;

/// `/`: the competitions with their tracks, newest first.
#[derive(Template)]
#[template(path = "competition/list.html")]
pub(crate) struct ListPage {
    pub(crate) reader: Reader,
    pub(crate) competitions: Vec<Card>,
    /// The address of older competitions, where there are more.
    pub(crate) older: Option<String>,
}

/// `/c/{competition}`.
#[derive(Template)]
#[template(path = "competition/show.html")]
pub(crate) struct ShowPage {
    pub(crate) reader: Reader,
    pub(crate) competition: Card,
    /// Whether any of its tracks has results.
    pub(crate) has_results: bool,
    /// The rest of the competition's description, from Markdown.
    pub(crate) page: Markup,
}

/// A competition with its tracks.
pub(crate) struct Card {
    pub(crate) title: String,
    pub(crate) href: String,
    pub(crate) summary: String,
    pub(crate) tracks: Vec<TrackRow>,
}

/// A track in the table of its competition.
pub(crate) struct TrackRow {
    pub(crate) link: Link,
    pub(crate) summary: String,
    pub(crate) phase: Pill,
    pub(crate) key_date: Option<KeyDate>,
    pub(crate) participants: String,
    pub(crate) entries: String,
    /// Both counts with their nouns, for narrow screens.
    pub(crate) counts: String,
    pub(crate) leader: Option<Leader>,
    /// Whether its final ranking is public.
    has_results: bool,
}

/// The first entry on a track's board: the final one once it is public, else the dev board.
pub(crate) struct Leader {
    /// The board's split, as pages call it.
    pub(crate) split: &'static str,
    pub(crate) name: String,
    pub(crate) score: String,
}

/// `GET /`
pub(crate) async fn list(
    State(app): State<App>,
    viewer: Viewer,
    paging: Paging<CARDS>,
) -> Result<Html<String>, HttpError> {
    let after = paging.after()?;
    let found = store::competition::list(&app.db, after.as_ref(), paging.to_load()).await?;
    let page = paging.page(found, |competition| (competition.created_at, competition.slug.to_string()))?;
    let mut competitions = Vec::new();
    for competition in page.items {
        let card = card(&app, competition, &viewer).await?;
        // A competition of which the reader may see no track is still in preparation: leave it out.
        if !card.tracks.is_empty() {
            competitions.push(card);
        }
    }
    render(&ListPage { reader: Reader::of(viewer.0.as_ref()), competitions, older: page.next })
}

/// `GET /c/{competition}`
pub(crate) async fn show(
    State(app): State<App>,
    PathParameter(slug): PathParameter,
    viewer: Viewer,
) -> Result<Html<String>, HttpError> {
    let slug: Slug = slug.parse().map_err(|_| HttpError::NotFound)?;
    let competition = store::competition::by_slug(&app.db, &slug).await?.ok_or(HttpError::NotFound)?;
    let page = markdown::render(markdown::opening(&competition.description).1);
    let competition = card(&app, competition, &viewer).await?;
    let has_results = competition.tracks.iter().any(|track| track.has_results);
    render(&ShowPage { reader: Reader::of(viewer.0.as_ref()), competition, has_results, page })
}

async fn card(app: &App, competition: Competition, viewer: &Viewer) -> Result<Card, HttpError> {
    let mut tracks = Vec::new();
    for track in store::track::of_competition(&app.db, &competition.slug).await? {
        let track = track.at(app.clock.now());
        if is_listed(app, &track, viewer).await? {
            tracks.push(track_row(app, &track).await?);
        }
    }
    Ok(Card {
        href: format!("/c/{}", competition.slug),
        title: competition.title,
        summary: markdown::opening(&competition.description).0,
        tracks,
    })
}

async fn track_row(app: &App, track: &Track) -> Result<TrackRow, HttpError> {
    let counts = store::track::counts(&app.db, track.id).await?;
    let (participants, entries) = (counts.participants.unsigned_abs(), counts.entries.unsigned_abs());
    let access = TrackAccess::visitor(track.id, track.phase);
    let board = match access.board(Split::Final).or_else(|| access.board(Split::Dev)) {
        Some(visible) => Some(app.boards.of_track(track, visible).await?),
        None => None,
    };
    let leader =
        board.as_ref().and_then(|board| Some((board.split, board.entries.first()?))).map(|(split, first)| Leader {
            split: if split == Split::Final { "test" } else { "dev" },
            name: first.entry.participant.clone(),
            score: number::score(first.entry.result.ranking_value),
        });
    let now = app.clock.now();
    Ok(TrackRow {
        link: Link {
            label: track.settings.title.clone(),
            href: format!("/c/{}/{}", track.competition_slug, track.slug),
        },
        summary: markdown::opening(&track.settings.description).0,
        phase: phase_pill(track, now),
        key_date: KeyDate::of(track, now),
        participants: number::count(participants),
        entries: number::count(entries),
        counts: format!(
            "{}, {}",
            number::counted(participants, "participant", "participants"),
            number::counted(entries, "entry", "entries")
        ),
        leader,
        has_results: access.board(Split::Final).is_some(),
    })
}
