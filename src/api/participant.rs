//! Enrolment in a track.

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;

use crate::app::App;
use crate::domain::participant::ParticipantStatus;
use crate::http::auth::{Enroller, TrackView};
use crate::http::error::{Detail, HttpError};
use crate::service::enrol;

/// What enrolling takes.
#[derive(Debug, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Enrolment {
    /// Whether the track's terms are accepted; must be true.
    accept_terms: bool,
}

/// Where the enrolment stands.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
pub(super) struct EnrolmentView {
    status: ParticipantStatus,
    /// `competition/track`.
    track: String,
    /// The public name.
    participant: String,
}

/// Enrols the caller. Asked again, it answers 200 and how the enrolment stands.
#[utoipa::path(post, path = "/competitions/{competition}/tracks/{track}/participants",
    params(("competition" = String, Path), ("track" = String, Path)), request_body = Enrolment,
    security(("token" = [])),
    responses((status = 201, body = EnrolmentView), (status = 200, body = EnrolmentView), (status = 401), (status = 422)))]
pub(super) async fn enrol(
    State(app): State<App>,
    Enroller(login): Enroller,
    TrackView { track, .. }: TrackView,
    body: Result<Json<Enrolment>, JsonRejection>,
) -> Result<(StatusCode, Json<EnrolmentView>), HttpError> {
    let Json(body) = body.map_err(bad_json)?;
    if !body.accept_terms {
        let detail = Detail::new("terms_not_accepted", "Enrolling takes `\"accept_terms\": true`.");
        return Err(HttpError::Unprocessable(detail));
    }
    let (participant, is_new) = enrol::accepting_terms(&app, &track, &login.user).await?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    let view =
        EnrolmentView { status: participant.status, track: track.path().to_string(), participant: login.user.name };
    Ok((status, Json(view)))
}

fn bad_json(rejection: JsonRejection) -> HttpError {
    match rejection {
        JsonRejection::MissingJsonContentType(_) => {
            HttpError::UnsupportedMedia(Detail::new("not_json", "Send `Content-Type: application/json`."))
        }
        JsonRejection::JsonDataError(error) => HttpError::Unprocessable(Detail::new("bad_field", error.body_text())),
        JsonRejection::BytesRejection(_) => HttpError::TooLarge { limit: 65_536 },
        _ => HttpError::BadRequest(Detail::new("bad_json", "The body is not valid JSON.")),
    }
}
