//! The JSON API under `/api/v1`, and its description as OpenAPI. It has serialised types of its own, so that
//! what scripts read changes only on purpose. It must not know the pages.

mod competition;
mod file;
mod health;
mod leaderboard;
mod metrics;
mod participant;
mod problem;
mod submission;
mod upload;

pub(crate) use problem::write as write_problem;

use axum::Router;
use axum::middleware;
use axum::routing::get;
use tower_http::timeout::RequestBodyDeadlineLayer;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::drain::drain_unread;
use crate::http::error::HttpError;
use crate::http::listener::BODY_TIME;
use crate::http::server::ServerState;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Callimico",
        description = "A competition server for membership inference. Numbers are f64 written to read back equal; \
                       times are RFC 3339. Errors are `application/problem+json` with a stable `code`.",
    ),
    modifiers(&BearerTokens),
    paths(file::bytes, file::signed),
)]
struct Description;

struct BearerTokens;

impl utoipa::Modify for BearerTokens {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
        let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        openapi.components.get_or_insert_default().add_security_scheme("token", scheme);
    }
}

fn described() -> OpenApiRouter<ServerState> {
    let uploads = OpenApiRouter::new().routes(routes!(upload::create)).layer(middleware::from_fn(drain_unread));
    let rest = OpenApiRouter::new()
        .routes(routes!(competition::list))
        .routes(routes!(competition::show))
        .routes(routes!(competition::show_track))
        .routes(routes!(participant::enrol))
        .routes(routes!(submission::list))
        .routes(routes!(submission::show))
        .routes(routes!(submission::scores_txt))
        .routes(routes!(submission::archive))
        .routes(routes!(leaderboard::show))
        .routes(routes!(leaderboard::csv))
        .routes(routes!(leaderboard::events))
        .routes(routes!(file::list))
        .layer(RequestBodyDeadlineLayer::new(BODY_TIME));
    OpenApiRouter::with_openapi(Description::openapi()).nest("/api/v1", rest.merge(uploads))
}

/// The API's routes, and the health checks beside them.
pub fn router() -> Router<ServerState> {
    let (api, openapi) = described().split_for_parts();
    // A path, which the description has no word for.
    let files = Router::new()
        .route("/api/v1/competitions/{competition}/tracks/{track}/files/{*name}", get(file::bytes))
        .route("/api/v1/files/{id}/{*name}", get(file::signed));
    api.merge(files)
        .route("/api/v1/openapi.json", get(move || std::future::ready(axum::Json(openapi))))
        .route("/api/v1/{*unknown}", axum::routing::any(|| std::future::ready(HttpError::NotFound)))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .method_not_allowed_fallback(|| std::future::ready(HttpError::MethodNotAllowed))
        .layer(middleware::map_response(problem::write))
}
