//! Final scores that are asked for.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use scoring::Split;

use crate::app::App;
use crate::http::auth::{Enroller, SeenSubmission};
use crate::http::error::{Detail, HttpError};
use crate::http::path_parameter::PathParameter;
use crate::service::final_score::{self, FinalScore, FinalScoreError};

/// How far a final score that was asked for is.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
pub(super) struct FinalScoreView {
    /// `queued`: being made; `scored`: `GET` of the submission tells it.
    state: FinalScore,
}

impl From<FinalScoreError> for HttpError {
    fn from(error: FinalScoreError) -> Self {
        match error {
            FinalScoreError::NotScored(_) => {
                Self::Conflict(Detail::new("not_scored", "It has no dev score, so it gets no final score."))
            }
            FinalScoreError::NoSubmission(_) => Self::NotFound,
            FinalScoreError::Store(error) => error.into(),
        }
    }
}

/// Asks for the final score of a submission, after the reveal.
///
/// Official entries have theirs. Of others the ranking number is told to 0.005 while labels are kept, and all numbers once
/// they are public. It enters no board. For its owner, with a token that may submit, and for organisers; asked again, the
/// answer is the same.
#[utoipa::path(post, path = "/submissions/{id}/final", operation_id = "ask_for_final_score", tag = "submissions",
    params(("id" = String, Path, description = "The submission's id")), security(("token" = [])),
    responses((status = 202, description = "It is being made, or is there", body = FinalScoreView),
        (status = 403, description = "`read_only_token`"),
        (status = 404, description = "`not_found`: no such submission, not the caller's, or the track is not revealed"),
        (status = 409, description = "`not_scored`: it has no dev score")))]
pub(super) async fn request(
    State(app): State<App>,
    Enroller(login): Enroller,
    PathParameter(id): PathParameter,
) -> Result<(StatusCode, Json<FinalScoreView>), HttpError> {
    let seen = SeenSubmission::find(&app, &id, login).await?;
    let visible = seen.access.scores(Split::Final).ok_or(HttpError::NotFound)?;
    let state = final_score::request(&app, visible).await?;
    Ok((StatusCode::ACCEPTED, Json(FinalScoreView { state })))
}
