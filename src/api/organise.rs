//! What organisers do to submissions.

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Query, State};
use axum::http::StatusCode;

use super::lifecycle::reason;
use crate::app::App;
use crate::http::auth::{Organiser, SignedIn};
use crate::http::error::{Detail, HttpError};
use crate::http::path_parameter::PathParameter;
use crate::service::lifecycle::By;
use crate::service::organise::{self, OrganiseError};
use crate::store::log::LogPosition;

/// Why something is done.
#[derive(Debug, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ReasonRequest {
    /// In 1 to 500 characters; the owner is told it.
    reason: String,
}

/// Why something is undone.
#[derive(Debug, serde::Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ReasonParams {
    /// In at most 500 characters.
    reason: Option<String>,
}

/// A submission that was taken out.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
pub(super) struct DisqualifiedView {
    submission: String,
    /// The event in the track's log; null where it had been taken out before.
    log: Option<LogPosition>,
}

impl From<OrganiseError> for HttpError {
    fn from(error: OrganiseError) -> Self {
        match error {
            OrganiseError::NoSubmission(_) => Self::NotFound,
            OrganiseError::Draft => {
                Self::Conflict(Detail::new("wrong_phase", "The track has not opened, so nothing counts yet."))
            }
            OrganiseError::Reason => Self::BadRequest(Detail::new("bad_field", "A reason has 1 to 500 characters.")),
            OrganiseError::NoFinalJob(_) => {
                Self::Conflict(Detail::new("not_waiting", "The submission waits for no final score."))
            }
            OrganiseError::Store(error) => error.into(),
        }
    }
}

/// Takes a submission out.
///
/// The participant's next candidate takes its place on the board at once. The reason is told to the owner alone.
#[utoipa::path(post, path = "/submissions/{id}/disqualification", operation_id = "disqualify", tag = "organise",
    params(("id" = String, Path, description = "The submission's id")), request_body = ReasonRequest,
    security(("token" = [])),
    responses((status = 201, description = "Taken out", body = DisqualifiedView),
        (status = 400, description = "`bad_body`, `bad_field`"),
        (status = 403, description = "`organise_scope_needed`"),
        (status = 404, description = "`not_found`: no such submission, or none that this account organises"),
        (status = 409, description = "`wrong_phase`: the track has not opened")))]
pub(super) async fn disqualify(
    State(app): State<App>,
    SignedIn(login): SignedIn,
    PathParameter(id): PathParameter,
    body: Result<Json<ReasonRequest>, JsonRejection>,
) -> Result<(StatusCode, Json<DisqualifiedView>), HttpError> {
    let (organiser, submission) = Organiser::of_submission(&app, &id, login).await?;
    let Json(asked) = body.map_err(|error| HttpError::BadRequest(Detail::new("bad_body", error.body_text())))?;
    let reason = reason(Some(&asked.reason))?;
    let by = By { user: Some(organiser.login.user.id), reason: reason.as_ref() };
    let done = organise::disqualify(&app, submission.id, by).await?;
    let view = DisqualifiedView { submission: submission.id.to_string(), log: done.log };
    Ok((StatusCode::CREATED, Json(view)))
}

/// Lets a submission count again.
#[utoipa::path(delete, path = "/submissions/{id}/disqualification", operation_id = "restore_submission",
    tag = "organise", params(("id" = String, Path, description = "The submission's id"), ReasonParams),
    security(("token" = [])),
    responses((status = 204, description = "It counts again"),
        (status = 400, description = "`bad_field`"),
        (status = 403, description = "`organise_scope_needed`"),
        (status = 404, description = "`not_found`: no such submission, or none that this account organises"),
        (status = 409, description = "`wrong_phase`: the track has not opened")))]
pub(super) async fn restore(
    State(app): State<App>,
    SignedIn(login): SignedIn,
    PathParameter(id): PathParameter,
    params: Result<Query<ReasonParams>, QueryRejection>,
) -> Result<StatusCode, HttpError> {
    let (organiser, submission) = Organiser::of_submission(&app, &id, login).await?;
    let Query(params) = params?;
    let reason = reason(params.reason.as_deref())?;
    let by = By { user: Some(organiser.login.user.id), reason: reason.as_ref() };
    organise::restore(&app, submission.id, by).await?;
    Ok(StatusCode::NO_CONTENT)
}
