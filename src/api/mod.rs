//! The JSON API under `/api/v1`, and its description as OpenAPI. It has serialised types of its own, so that
//! what scripts read changes only on purpose. It must not know the pages.

mod commitment;
mod competition;
mod description;
mod file;
mod final_score;
mod health;
mod leaderboard;
mod lifecycle;
mod log;
mod metrics;
mod organise;
mod participant;
mod problem;
mod rescoring;
mod results;
mod submission;
mod upload;

pub(crate) use lifecycle::FinalView;
pub(crate) use participant::ParticipantLine;
pub(crate) use problem::write as write_problem;
pub(crate) use results::{CompetitionResults, ResultsView};
pub(crate) use submission::SubmissionLine;

use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::routing::any;
use axum::{Extension, Json, Router, middleware};
use tower_http::timeout::RequestBodyDeadlineLayer;
use utoipa::OpenApi as _;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::drain::drain_unread;
use crate::http::error::HttpError;
use crate::http::listener::BODY_TIME;
use crate::http::query;
use crate::http::server::{ServerState, Site};

/// The most bytes of a correction of labels.
const MOST_OF_LABELS: usize = 8 << 20;

/// Uploads, which are large and have a time limit of their own.
fn uploads() -> OpenApiRouter<ServerState> {
    OpenApiRouter::new().routes(routes!(upload::create))
}

fn calls() -> OpenApiRouter<ServerState> {
    steps()
        .routes(routes!(competition::list))
        .routes(routes!(competition::show))
        .routes(routes!(competition::show_track))
        .routes(routes!(participant::list, participant::enrol))
        .routes(routes!(participant::change))
        .routes(routes!(submission::list))
        .routes(routes!(submission::show, submission::describe))
        .routes(routes!(submission::scores_txt))
        .routes(routes!(submission::archive))
        .routes(routes!(final_score::request))
        .routes(routes!(leaderboard::show))
        .routes(routes!(leaderboard::csv))
        .routes(routes!(leaderboard::events))
        .routes(routes!(lifecycle::show_final))
        .routes(routes!(organise::disqualify, organise::restore))
        .routes(routes!(rescoring::list, rescoring::begin))
        .routes(routes!(rescoring::show, rescoring::drop_batch))
        .routes(routes!(rescoring::apply))
        .routes(routes!(results::show))
        .routes(routes!(results::csv))
        .routes(routes!(results::tex))
        .routes(routes!(results::of_competition))
        .routes(routes!(log::lines))
        .routes(routes!(log::head))
        .routes(routes!(commitment::show))
        .routes(routes!(commitment::text))
        .routes(routes!(commitment::opening))
        .routes(routes!(file::list))
        .routes(routes!(file::bytes))
        .routes(routes!(file::signed))
        .routes(routes!(openapi))
}

/// Steps of a track's life; a correction carries the labels of many models.
fn steps() -> OpenApiRouter<ServerState> {
    OpenApiRouter::new().routes(routes!(lifecycle::step)).layer(DefaultBodyLimit::max(MOST_OF_LABELS))
}

fn health() -> OpenApiRouter<ServerState> {
    OpenApiRouter::new().routes(routes!(health::alive)).routes(routes!(health::ready))
}

/// Everything under its full path.
fn together(
    uploads: OpenApiRouter<ServerState>,
    calls: OpenApiRouter<ServerState>,
    health: OpenApiRouter<ServerState>,
) -> OpenApiRouter<ServerState> {
    let outline = OpenApiRouter::with_openapi(description::Outline::openapi());
    outline.nest("/api/v1", uploads.merge(calls)).merge(health)
}

/// What the handlers describe, under the paths of the router.
fn outline() -> OpenApi {
    together(uploads(), calls(), health()).into_openapi()
}

/// The description of the API, as a server that is reached like this gives it.
pub fn description(site: &Site) -> OpenApi {
    description::complete(outline(), site)
}

/// This description.
#[utoipa::path(get, path = "/openapi.json", operation_id = "get_description", tag = "service", security(()),
    responses((status = 200, description = "An OpenAPI 3.1 document", body = serde_json::Value)))]
async fn openapi(Extension(description): Extension<Arc<OpenApi>>) -> Json<Arc<OpenApi>> {
    Json(description)
}

/// The API's routes, and the health checks beside them.
pub fn router(site: &Site) -> Router<ServerState> {
    let names = description::query_names(&outline());
    let refuse_unknown = middleware::from_fn_with_state(names, query::refuse_unknown);
    // Inside of the draining, so that a client that still sends its upload gets to read the refusal.
    let uploads = uploads().layer(refuse_unknown.clone()).layer(middleware::from_fn(drain_unread));
    let calls = calls().layer(refuse_unknown.clone()).layer(RequestBodyDeadlineLayer::new(BODY_TIME));
    let (router, _) = together(uploads, calls, health().layer(refuse_unknown)).split_for_parts();
    router
        .layer(Extension(Arc::new(description(site))))
        .route("/api/v1/{*unknown}", any(|| std::future::ready(HttpError::NotFound)))
        .method_not_allowed_fallback(|| std::future::ready(HttpError::MethodNotAllowed))
        .layer(middleware::map_response(problem::write))
}
