//! The log of a track, for anybody: its events as they are hashed, and its head.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::http::auth::TrackView;
use crate::http::error::HttpError;
use crate::http::query::bad_parameter;
use crate::store;
use crate::store::log::{Line, LogPosition, MOST_LINES};

/// Where to begin.
#[derive(Debug, serde::Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct LogParams {
    /// The number of the first event that is wanted; 1 when missing.
    from: Option<i64>,
}

/// The log of a draft becomes public when it opens.
fn refuse_draft(view: &TrackView) -> Result<(), HttpError> {
    if view.access.sees_log() { Ok(()) } else { Err(HttpError::NotFound) }
}

/// Events of the track's log, at most 1,000, each a line `<hash> <event>`.
///
/// The hash is the SHA-256 of the hash before (32 zero bytes before the first event) and the event's bytes, which are those
/// between the blank and the end of the line.
#[utoipa::path(get, path = "/competitions/{competition}/tracks/{track}/log", operation_id = "get_log", tag = "log",
    params(("competition" = String, Path), ("track" = String, Path), LogParams),
    responses((status = 200, description = "The events", content_type = "application/x-ndjson", body = String),
        (status = 404, description = "`not_found`: no such track, or a draft")))]
pub(super) async fn lines(
    State(app): State<App>,
    view: TrackView,
    params: Result<Query<LogParams>, QueryRejection>,
) -> Result<Response, HttpError> {
    let Query(params) = params?;
    refuse_draft(&view)?;
    let from = params.from.unwrap_or(1);
    if from < 1 {
        return Err(bad_parameter("`from` is the number of an event, counted from 1."));
    }
    let lines = store::log::lines(&app.db, view.track.id, from, MOST_LINES).await?;
    let body: Vec<u8> = lines.iter().flat_map(Line::to_bytes).collect();
    let headers = [(header::CONTENT_TYPE, "application/x-ndjson"), (header::CACHE_CONTROL, "no-cache")];
    Ok((headers, body).into_response())
}

/// The last event of the track's log: keep it, and the log cannot be rewritten before it without your noticing.
#[utoipa::path(get, path = "/competitions/{competition}/tracks/{track}/log/head", operation_id = "get_log_head",
    tag = "log", params(("competition" = String, Path), ("track" = String, Path)),
    responses((status = 200, description = "The head", body = LogPosition),
        (status = 404, description = "`not_found`: no such track, a draft, or a log without events")))]
pub(super) async fn head(State(app): State<App>, view: TrackView) -> Result<Response, HttpError> {
    refuse_draft(&view)?;
    let head = store::log::head(&app.db, view.track.id).await?.ok_or(HttpError::NotFound)?;
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(head)).into_response())
}
