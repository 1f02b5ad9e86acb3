//! The results of a competition: who won each of its tracks. Who won several is not summed up.

use askama::Template;
use axum::extract::State;
use axum::response::Html;

use super::super::render;
use super::super::site::{Link, Pill, Reader};
use super::super::track_head::phase_pill;
use super::Outcome;
use crate::app::App;
use crate::domain::slug::Slug;
use crate::domain::visibility::TrackAccess;
use crate::http::auth::{Viewer, is_listed};
use crate::http::error::HttpError;
use crate::http::path_parameter::PathParameter;
use crate::store;

/// `/c/{competition}/results`.
#[derive(Template)]
#[template(path = "results/competition.html")]
pub(crate) struct CompetitionResultsPage {
    reader: Reader,
    title: String,
    href: String,
    tracks: Vec<TrackOutcome>,
}

/// A track, and who won it.
struct TrackOutcome {
    link: Link,
    /// What its number is, as in `mean of three scenarios`.
    over: String,
    phase: Pill,
    /// `None` before its reveal.
    outcome: Option<Outcome>,
}

/// `GET /c/{competition}/results`: there once any of its tracks has results.
pub(crate) async fn show(
    State(app): State<App>,
    PathParameter(slug): PathParameter,
    viewer: Viewer,
) -> Result<Html<String>, HttpError> {
    let slug: Slug = slug.parse().map_err(|_| HttpError::NotFound)?;
    let competition = store::competition::by_slug(&app.db, &slug).await?.ok_or(HttpError::NotFound)?;
    let mut tracks = Vec::new();
    for track in store::track::of_competition(&app.db, &competition.slug).await? {
        let now = app.clock.now();
        let track = track.at(now);
        if !is_listed(&app, &track, &viewer).await? {
            continue;
        }
        let outcome = Outcome::load(&app, &track, TrackAccess::visitor(track.id, track.phase)).await?;
        let base = format!("/c/{}/{}", track.competition_slug, track.slug);
        tracks.push(TrackOutcome {
            link: Link {
                label: track.settings.title.clone(),
                href: if outcome.is_some() { format!("{base}/results") } else { base },
            },
            over: track.shape.ranking().over(track.shape.scenarios().len()),
            phase: phase_pill(&track, now),
            outcome,
        });
    }
    if tracks.iter().all(|track| track.outcome.is_none()) {
        return Err(HttpError::NotRevealed);
    }
    render(&CompetitionResultsPage {
        reader: Reader::of(viewer.0.as_ref()),
        href: format!("/c/{}", competition.slug),
        title: competition.title,
        tracks,
    })
}
