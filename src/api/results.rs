//! The results of a track and of a competition, as JSON, CSV and LaTeX.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderName, header};
use axum::response::IntoResponse;

use super::leaderboard::EntryView;
use super::metrics::RankingValue;
use super::submission::CurveView;
use crate::app::App;
use crate::board::{self, Moved, TrackResults};
use crate::domain::leaderboard::ScenarioResult;
use crate::domain::official_ranking::RankingChange;
use crate::domain::phase::Phase;
use crate::domain::results::{Agreement, DevPlace, ResultRow, VersionInfo};
use crate::domain::slug::Slug;
use crate::domain::timestamp::rfc3339;
use crate::domain::visibility::TrackAccess;
use crate::http::auth::{TrackView, Viewer, is_listed};
use crate::http::error::HttpError;
use crate::http::path_parameter::PathParameter;
use crate::store;
use crate::store::competition::Competition;
use crate::store::log::LogPosition;
use crate::store::track::Track;

/// The results of a track.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
pub(crate) struct ResultsView {
    /// `competition/track`.
    track: String,
    title: String,
    phase: Phase,
    /// Which version of the official ranking this is, counted from 1.
    version: u32,
    /// All versions, oldest first.
    versions: Vec<VersionView>,
    /// What this version changed against the one before; null of the first.
    moved: Option<Moved>,
    /// Whether organisers have not declared the results final yet.
    provisional: bool,
    /// Whether the labels are public, so that anybody can check every score.
    labels_open: bool,
    /// The event in the track's log that made this version.
    log: Option<LogPosition>,
    /// The name of the number that ranks, under which each entry has it.
    ranking: &'static str,
    /// Competing participants with a submission that counts: scored and not disqualified.
    participants: u32,
    /// Those submissions.
    submissions: u32,
    /// Who won; several where the first place is shared, none where nobody competed.
    winners: Vec<String>,
    /// Who came second; none where the first place is shared.
    runners_up: Vec<String>,
    /// How much the orders on dev and final agree.
    agreement: Agreement,
    /// Best first.
    entries: Vec<ResultView>,
}

/// A version of the official ranking.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
#[schema(as = ResultsVersion)]
struct VersionView {
    version: u32,
    made_at: String,
    /// What made it necessary, in the order in which it happened.
    changes: Vec<RankingChange>,
    /// Why, in public words; null where nobody gave any.
    reason: Option<String>,
}

impl From<&VersionInfo> for VersionView {
    fn from(info: &VersionInfo) -> Self {
        Self {
            version: info.version,
            made_at: rfc3339(info.made_at),
            changes: info.changes.clone(),
            reason: info.reason.clone(),
        }
    }
}

/// An entry of the results.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
#[schema(as = ResultsEntry)]
struct ResultView {
    #[serde(flatten)]
    entry: EntryView,
    /// Whether another competing entry has the very same number, and so the same rank.
    shared: bool,
    /// Its score on the dev split; null where there is none.
    dev: Option<DevView>,
    /// By how many places it rose from dev to final; negative: it fell.
    places_gained: Option<i64>,
    /// Its final ROC curves as far as they are told, by scenario; only where `curves=true` asks for them.
    #[serde(skip_serializing_if = "Option::is_none")]
    curves: Option<BTreeMap<String, CurveView>>,
}

/// Where an entry stood on the dev split.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
#[schema(as = ResultsDev)]
struct DevView {
    /// Its place among the competing entries of this ranking; null out of competition.
    rank: Option<usize>,
    #[serde(flatten)]
    ranking: RankingValue,
    interval_95: [f64; 2],
}

impl From<&DevPlace> for DevView {
    fn from(dev: &DevPlace) -> Self {
        let interval = dev.result.interval;
        Self { rank: dev.rank, ranking: (&dev.result).into(), interval_95: [interval.low, interval.high] }
    }
}

impl ResultsView {
    /// What is told of a track's results.
    pub(crate) fn of(track: &Track, found: &TrackResults, with_curves: bool) -> Self {
        let results = &found.results;
        let scenarios: Vec<&str> = track.shape.scenarios().iter().map(scoring::ScenarioShape::name).collect();
        let names = |row: &ResultRow| row.entry().participant.clone();
        let entry = |row: &ResultRow| ResultView {
            entry: EntryView::new(scenarios.iter().copied(), &row.ranked),
            shared: row.ranked.is_shared,
            dev: row.dev.as_ref().map(DevView::from),
            places_gained: row.rise(),
            curves: with_curves.then(|| {
                let curve = |scenario: &ScenarioResult| Some((scenario.name.clone(), scenario.grid.clone()?.into()));
                row.entry().result.scenarios.iter().filter_map(curve).collect()
            }),
        };
        Self {
            track: track.path().to_string(),
            title: track.settings.title.clone(),
            phase: track.phase,
            version: results.info.version,
            versions: found.versions.iter().map(VersionView::from).collect(),
            moved: found.moved,
            provisional: track.ending.results_final_at.is_none(),
            labels_open: track.ending.labels_opened_at.is_some(),
            log: found.log,
            ranking: track.shape.ranking().number.name(),
            participants: results.info.participants,
            submissions: results.info.submissions,
            winners: results.winners().map(names).collect(),
            runners_up: results.runners_up().map(names).collect(),
            agreement: results.agreement,
            entries: results.rows.iter().map(entry).collect(),
        }
    }
}

/// Which results.
#[derive(Debug, Default, serde::Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ResultsParams {
    /// Which version of the official ranking; the newest where none is named.
    version: Option<u32>,
    /// Whether to answer the entries' curves as well.
    #[serde(default)]
    curves: bool,
}

/// Which version.
#[derive(Debug, Default, serde::Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct VersionParams {
    /// Which version of the official ranking; the newest where none is named.
    version: Option<u32>,
}

async fn found(app: &App, view: &TrackView, version: Option<u32>) -> Result<Arc<TrackResults>, HttpError> {
    let visible = view.access.results().ok_or(HttpError::NotRevealed)?;
    app.boards.results(&view.track, visible, version).await?.ok_or(HttpError::NotFound)
}

/// The results of a track: its official ranking beside the dev ranking of the same entries, and who won.
#[utoipa::path(get, path = "/competitions/{competition}/tracks/{track}/results", operation_id = "get_results",
    tag = "results", params(("competition" = String, Path), ("track" = String, Path), ResultsParams),
    responses((status = 200, description = "The results", body = ResultsView),
        (status = 404, description = "`not_found`: no such track, or no such version; `not_revealed`: before the reveal")))]
pub(super) async fn show(
    State(app): State<App>,
    view: TrackView,
    params: Result<Query<ResultsParams>, QueryRejection>,
) -> Result<Json<ResultsView>, HttpError> {
    let Query(params) = params?;
    let results = found(&app, &view, params.version).await?;
    Ok(Json(ResultsView::of(&view.track, &results, params.curves)))
}

/// A text to be kept as a file.
fn file(
    view: &TrackView,
    results: &TrackResults,
    kind: &'static str,
    ending: &str,
    text: String,
) -> impl IntoResponse + use<> {
    let (track, version) = (&view.track.slug, results.results.info.version);
    let name = format!("attachment; filename=\"{track}-results-v{version}.{ending}\"");
    let headers: [(HeaderName, String); 2] =
        [(header::CONTENT_TYPE, kind.to_owned()), (header::CONTENT_DISPOSITION, name)];
    (headers, text)
}

/// The results of a track as CSV.
#[utoipa::path(get, path = "/competitions/{competition}/tracks/{track}/results.csv", operation_id = "get_results_csv",
    tag = "results", params(("competition" = String, Path), ("track" = String, Path), VersionParams),
    responses((status = 200, description = "A header line, and a line for each entry", content_type = "text/csv",
            body = String),
        (status = 404, description = "`not_found`: no such track, or no such version; `not_revealed`: before the reveal")))]
pub(super) async fn csv(
    State(app): State<App>,
    view: TrackView,
    params: Result<Query<VersionParams>, QueryRejection>,
) -> Result<impl IntoResponse, HttpError> {
    let Query(params) = params?;
    let results = found(&app, &view, params.version).await?;
    let text = board::text::csv(&view.track, &results);
    Ok(file(&view, &results, "text/csv; charset=utf-8", "csv", text))
}

/// The results of a track as a table for LaTeX.
#[utoipa::path(get, path = "/competitions/{competition}/tracks/{track}/results.tex", operation_id = "get_results_tex",
    tag = "results", params(("competition" = String, Path), ("track" = String, Path), VersionParams),
    responses((status = 200, description = "A `tabular` that needs no package, in ASCII", content_type = "text/x-tex",
            body = String),
        (status = 404, description = "`not_found`: no such track, or no such version; `not_revealed`: before the reveal")))]
pub(super) async fn tex(
    State(app): State<App>,
    view: TrackView,
    params: Result<Query<VersionParams>, QueryRejection>,
) -> Result<impl IntoResponse, HttpError> {
    let Query(params) = params?;
    let results = found(&app, &view, params.version).await?;
    let text = board::text::latex(&view.track, &results);
    Ok(file(&view, &results, "text/x-tex; charset=us-ascii", "tex", text))
}

/// The results of a competition over its tracks.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
pub(crate) struct CompetitionResults {
    competition: String,
    title: String,
    description: String,
    /// The tracks in the competition's order.
    tracks: Vec<TrackResultsView>,
}

/// The results of a track within those of its competition.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
#[schema(as = CompetitionResultsTrack)]
struct TrackResultsView {
    /// `competition/track`.
    track: String,
    title: String,
    phase: Phase,
    /// Its results; null before the reveal.
    results: Option<ResultsView>,
}

impl CompetitionResults {
    /// The results of tracks of a competition, in its order, as everybody sees them.
    pub(crate) async fn of(
        app: &App,
        competition: &Competition,
        listed: Vec<Track>,
    ) -> Result<Self, store::StoreError> {
        let mut tracks = Vec::with_capacity(listed.len());
        for track in listed {
            let results = match TrackAccess::visitor(track.id, track.phase).results() {
                Some(visible) => app.boards.results(&track, visible, None).await?,
                None => None,
            };
            tracks.push(TrackResultsView {
                track: track.path().to_string(),
                title: track.settings.title.clone(),
                phase: track.phase,
                results: results.map(|results| ResultsView::of(&track, &results, false)),
            });
        }
        Ok(Self {
            competition: competition.slug.to_string(),
            title: competition.title.clone(),
            description: competition.description.clone(),
            tracks,
        })
    }
}

/// The results of all tracks of a competition.
#[utoipa::path(get, path = "/competitions/{competition}/results", operation_id = "get_competition_results",
    tag = "results", params(("competition" = String, Path)),
    responses((status = 200, description = "The tracks with their newest results", body = CompetitionResults),
        (status = 404, description = "`not_found`: no such competition")))]
pub(super) async fn of_competition(
    State(app): State<App>,
    PathParameter(slug): PathParameter,
    viewer: Viewer,
) -> Result<Json<CompetitionResults>, HttpError> {
    let slug: Slug = slug.parse().map_err(|_| HttpError::NotFound)?;
    let competition = store::competition::by_slug(&app.db, &slug).await?.ok_or(HttpError::NotFound)?;
    let mut listed = Vec::new();
    for track in store::track::of_competition(&app.db, &slug).await? {
        let track = track.at(app.clock.now());
        if is_listed(&app, &track, &viewer).await? {
            listed.push(track);
        }
    }
    Ok(Json(CompetitionResults::of(&app, &competition, listed).await?))
}
