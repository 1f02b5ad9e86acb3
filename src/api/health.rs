//! Health: `/healthz` says the process lives, `/readyz` that it can do its work. They tell nobody more.

use axum::extract::State;

use crate::app::App;
use crate::http::error::HttpError;
use crate::store;

/// Whether the process answers.
#[utoipa::path(get, path = "/healthz", operation_id = "health", tag = "service", security(()),
    responses((status = 200, description = "It does", content_type = "text/plain", body = String)))]
pub(super) async fn alive() -> &'static str {
    "ok\n"
}

/// Whether the database and the object store answer.
#[utoipa::path(get, path = "/readyz", operation_id = "readiness", tag = "service", security(()),
    responses((status = 200, description = "They do", content_type = "text/plain", body = String),
        (status = 500, description = "`internal`: a fault of the server"),
        (status = 503, description = "`unavailable`: one of them does not")))]
pub(super) async fn ready(State(app): State<App>) -> Result<&'static str, HttpError> {
    // Anybody may call this as often as they like, so it must not write anything.
    store::health::now(&app.db).await?;
    app.objects.is_there().await.map_err(|error| {
        tracing::error!(%error, "the object store does not answer");
        HttpError::Unavailable
    })?;
    Ok("ok\n")
}
