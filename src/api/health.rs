//! Health: `/healthz` says the process lives, `/readyz` that it can do its work. They tell nobody more.

use axum::extract::State;

use crate::app::App;
use crate::http::error::HttpError;
use crate::store;

/// The process answers.
pub(super) async fn alive() -> &'static str {
    "ok\n"
}

/// Database and object store answer. Anybody may ask, as often as they like, so nothing is written.
pub(super) async fn ready(State(app): State<App>) -> Result<&'static str, HttpError> {
    store::health::now(&app.db).await?;
    app.objects.is_there().await.map_err(|error| {
        tracing::error!(%error, "the object store does not answer");
        HttpError::Unavailable
    })?;
    Ok("ok\n")
}
