//! Rescorings: batches that organisers begin, look at, and apply or drop.

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;

use super::lifecycle::reason;
use crate::app::App;
use crate::domain::ids::{BatchId, SubmissionId};
use crate::domain::timestamp::rfc3339;
use crate::http::auth::{Organiser, OrganiserOf};
use crate::http::error::{Detail, HttpError};
use crate::service::lifecycle::By;
use crate::service::rescoring;
use crate::store;
use crate::store::log::LogPosition;
use crate::store::rescoring::{Difference, Rescoring, RescoringState};
use crate::store::track::Track;

/// What is to be scored anew.
#[derive(Debug, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RescoringRequest {
    /// Why, in 1 to 500 characters.
    reason: String,
    /// One submission only.
    submission: Option<String>,
}

/// A rescoring that was begun.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
pub(super) struct BatchView {
    batch: String,
}

/// A rescoring.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
pub(super) struct RescoringView {
    batch: String,
    state: RescoringState,
    begun_at: String,
    reason: String,
    /// The version of the labels that it scores against.
    labels_version: i32,
    /// Scores that are there.
    ready: i64,
    /// Scores that are waited for.
    waiting: i64,
    /// Scores that went wrong for good.
    failed: i64,
    /// What would change, where one rescoring is asked for; those that differ. Of the final split once the preview has
    /// begun.
    #[serde(skip_serializing_if = "Option::is_none")]
    changed: Option<Vec<DifferenceView>>,
}

/// A score that would change.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
pub(super) struct DifferenceView {
    submission: String,
    participant: String,
    split: &'static str,
    /// The ranking number now.
    old: f64,
    /// And with the rescoring.
    new: f64,
}

impl RescoringView {
    fn new(rescoring: Rescoring, difference: Option<Vec<Difference>>) -> Self {
        let line = |one: Difference| DifferenceView {
            submission: one.submission.to_string(),
            participant: one.participant,
            split: one.split.as_str(),
            old: one.old,
            new: one.new,
        };
        Self {
            batch: rescoring.id.to_string(),
            state: rescoring.state,
            begun_at: rfc3339(rescoring.begun_at),
            reason: rescoring.reason,
            labels_version: rescoring.labels_version,
            ready: rescoring.ready,
            waiting: rescoring.waiting,
            failed: rescoring.failed,
            changed: difference.map(|all| all.into_iter().filter(|one| one.differs).map(line).collect()),
        }
    }
}

/// The rescorings of a track.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
pub(super) struct RescoringList {
    /// Newest first.
    rescorings: Vec<RescoringView>,
    /// There are never so many that they need a second page.
    next: Option<String>,
}

async fn find(app: &App, track: &Track, batch: &str) -> Result<Rescoring, HttpError> {
    let id: BatchId = batch.parse().map_err(|_| HttpError::NotFound)?;
    let found = store::rescoring::by_id(&app.db, id).await?;
    found.filter(|found| found.track == track.id).ok_or(HttpError::NotFound)
}

/// Begins to score submissions anew, beside their present scores.
#[utoipa::path(post, path = "/competitions/{competition}/tracks/{track}/rescorings", operation_id = "begin_rescoring",
    tag = "organise", params(("competition" = String, Path), ("track" = String, Path)),
    request_body = RescoringRequest, security(("token" = [])),
    responses((status = 202, description = "Begun", body = BatchView),
        (status = 400, description = "`bad_body`, `bad_field`"),
        (status = 403, description = "`organise_scope_needed`"),
        (status = 404, description = "`not_found`: no such track or submission, or none that this account organises"),
        (status = 409, description = "`wrong_phase`: a draft; `rescoring_open`: another one is open")))]
pub(super) async fn begin(
    State(app): State<App>,
    organiser: Organiser,
    body: Result<Json<RescoringRequest>, JsonRejection>,
) -> Result<(StatusCode, Json<BatchView>), HttpError> {
    let Json(asked) = body.map_err(|error| HttpError::BadRequest(Detail::new("bad_body", error.body_text())))?;
    let submission = asked.submission.as_deref().map(str::parse::<SubmissionId>).transpose();
    let submission = submission.map_err(|_| HttpError::NotFound)?;
    let reason = reason(Some(&asked.reason))?;
    let by = By { user: Some(organiser.login.user.id), reason: reason.as_ref() };
    let batch = rescoring::begin(&app, &organiser.track.path(), submission, by).await?;
    Ok((StatusCode::ACCEPTED, Json(BatchView { batch: batch.to_string() })))
}

/// The rescorings of a track, newest first.
#[utoipa::path(get, path = "/competitions/{competition}/tracks/{track}/rescorings", operation_id = "list_rescorings",
    tag = "organise", params(("competition" = String, Path), ("track" = String, Path)), security(("token" = [])),
    responses((status = 200, description = "The rescorings", body = RescoringList),
        (status = 404, description = "`not_found`: no such track, or none that this account organises")))]
pub(super) async fn list(
    State(app): State<App>,
    OrganiserOf(view): OrganiserOf,
) -> Result<Json<RescoringList>, HttpError> {
    let all = store::rescoring::of_track(&app.db, view.track.id).await?;
    let rescorings = all.into_iter().map(|one| RescoringView::new(one, None)).collect();
    Ok(Json(RescoringList { rescorings, next: None }))
}

/// A rescoring, with what it would change.
#[utoipa::path(get, path = "/competitions/{competition}/tracks/{track}/rescorings/{batch}",
    operation_id = "get_rescoring", tag = "organise",
    params(("competition" = String, Path), ("track" = String, Path),
        ("batch" = String, Path, description = "The rescoring's id")),
    security(("token" = [])),
    responses((status = 200, description = "The rescoring", body = RescoringView),
        (status = 404, description = "`not_found`")))]
pub(super) async fn show(
    State(app): State<App>,
    OrganiserOf(view): OrganiserOf,
    axum::extract::Path(BatchPath { batch }): axum::extract::Path<BatchPath>,
) -> Result<Json<RescoringView>, HttpError> {
    let found = find(&app, &view.track, &batch).await?;
    let begun = view.track.ending.final_begun_at.is_some();
    let visible = view.access.difference(found.id, begun).ok_or(HttpError::NotFound)?;
    let difference = store::rescoring::difference(&app.db, visible).await?;
    Ok(Json(RescoringView::new(found, Some(difference))))
}

/// The part of the address that names a rescoring.
#[derive(Debug, serde::Deserialize)]
pub(super) struct BatchPath {
    batch: String,
}

/// A rescoring whose results stand.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
pub(super) struct AppliedView {
    batch: String,
    log: LogPosition,
}

/// Lets the results of a rescoring take the place of the present scores, all at once.
#[utoipa::path(post, path = "/competitions/{competition}/tracks/{track}/rescorings/{batch}/apply",
    operation_id = "apply_rescoring", tag = "organise",
    params(("competition" = String, Path), ("track" = String, Path),
        ("batch" = String, Path, description = "The rescoring's id")),
    security(("token" = [])),
    responses((status = 200, description = "They stand", body = AppliedView),
        (status = 403, description = "`organise_scope_needed`"),
        (status = 404, description = "`not_found`: no such rescoring that is open"),
        (status = 409, description = "`not_ready`: not all of it is scored")))]
pub(super) async fn apply(
    State(app): State<App>,
    organiser: Organiser,
    axum::extract::Path(BatchPath { batch }): axum::extract::Path<BatchPath>,
) -> Result<Json<AppliedView>, HttpError> {
    let found = find(&app, &organiser.track, &batch).await?;
    let by = By { user: Some(organiser.login.user.id), reason: None };
    let log = rescoring::apply(&app, found.id, by).await?;
    Ok(Json(AppliedView { batch: found.id.to_string(), log }))
}

/// Throws the results of a rescoring away.
#[utoipa::path(delete, path = "/competitions/{competition}/tracks/{track}/rescorings/{batch}",
    operation_id = "drop_rescoring", tag = "organise",
    params(("competition" = String, Path), ("track" = String, Path),
        ("batch" = String, Path, description = "The rescoring's id")),
    security(("token" = [])),
    responses((status = 204, description = "Thrown away"),
        (status = 403, description = "`organise_scope_needed`"),
        (status = 404, description = "`not_found`: no such rescoring that is open")))]
pub(super) async fn drop_batch(
    State(app): State<App>,
    organiser: Organiser,
    axum::extract::Path(BatchPath { batch }): axum::extract::Path<BatchPath>,
) -> Result<StatusCode, HttpError> {
    let found = find(&app, &organiser.track, &batch).await?;
    rescoring::drop_batch(&app, found.id).await?;
    Ok(StatusCode::NO_CONTENT)
}
