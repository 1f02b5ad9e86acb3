//! The commitment to a track's labels, for anybody; and its opening, once the labels are public.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use scoring::commitment::{ModelPath, OpenedModel, Opening, Salt, Version1};

use crate::app::App;
use crate::domain::timestamp::rfc3339;
use crate::http::auth::TrackView;
use crate::http::error::{Detail, HttpError};
use crate::store;
use crate::store::label::LabelVersion;

/// The commitment to a track's labels.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
pub(super) struct CommitmentView {
    /// SHA-256 of commitment.txt; null: nobody committed to these labels.
    root: Option<String>,
    /// The models that it is about, dev and final.
    models: usize,
    /// Which version of the labels: a correction makes the next.
    version: i32,
    /// When it was made (RFC 3339); null without a commitment.
    made_at: Option<String>,
    /// Whether the labels are public.
    opened: bool,
}

async fn version(app: &App, view: &TrackView) -> Result<LabelVersion, HttpError> {
    if !view.access.sees_log() {
        return Err(HttpError::NotFound);
    }
    let label = store::label::version(&app.db, view.track.id, view.track.ending.labels_version).await?;
    label.ok_or(HttpError::NotFound)
}

/// The commitment to the labels of a track.
#[utoipa::path(get, path = "/competitions/{competition}/tracks/{track}/commitment", operation_id = "get_commitment",
    tag = "log", params(("competition" = String, Path), ("track" = String, Path)),
    responses((status = 200, description = "The commitment", body = CommitmentView),
        (status = 404, description = "`not_found`: no such track, or a draft")))]
pub(super) async fn show(State(app): State<App>, view: TrackView) -> Result<Json<CommitmentView>, HttpError> {
    let label = version(&app, &view).await?;
    Ok(Json(CommitmentView {
        root: label.root.map(|root| root.to_string()),
        models: ModelPath::of(&view.track.shape).count(),
        version: label.version,
        made_at: label.root.map(|_| rfc3339(label.made_at)),
        opened: view.track.ending.labels_opened_at.is_some(),
    }))
}

/// commitment.txt, whose SHA-256 is the root.
#[utoipa::path(get, path = "/competitions/{competition}/tracks/{track}/commitment.txt",
    operation_id = "get_commitment_txt", tag = "log",
    params(("competition" = String, Path), ("track" = String, Path)),
    responses((status = 200, description = "A line a model", content_type = "text/plain", body = String),
        (status = 404, description = "`not_found`: no such track, a draft, no commitment, or one to labels that are kept \
            elsewhere until the close")))]
pub(super) async fn text(State(app): State<App>, view: TrackView) -> Result<Response, HttpError> {
    let text = version(&app, &view).await?.text.ok_or(HttpError::NotFound)?;
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response())
}

/// What opens the commitment: labels and salts, once they are public.
#[utoipa::path(get, path = "/competitions/{competition}/tracks/{track}/opening", operation_id = "get_opening",
    tag = "log", params(("competition" = String, Path), ("track" = String, Path)),
    responses((status = 200, description = "`{\"version\": 1, \"track\", \"models\": {\"<scenario>/<split>/<model>\": \
            {\"salt\": hex, \"labels\": \"0101…\"}}}`", body = serde_json::Value),
        (status = 404, description = "`not_opened`: the labels are not public; `not_found`")))]
pub(super) async fn opening(State(app): State<App>, view: TrackView) -> Result<Response, HttpError> {
    version(&app, &view).await?;
    if view.track.ending.labels_opened_at.is_none() {
        return Err(HttpError::Hidden(Detail::new("not_opened", "The labels are not public.")));
    }
    let mut models = BTreeMap::new();
    for one in store::solution::all(&app.db, view.track.id).await? {
        let Some(salt) = one.salt else { continue };
        models.insert(one.path(), OpenedModel { salt: Salt::from_bytes(salt), labels: one.membership });
    }
    let opening = Opening { version: Version1, track: view.track.shape.slug().to_owned(), models };
    Ok(Json(opening).into_response())
}
