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
use crate::store;

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

/// Enrols the caller.
///
/// Called again, it answers 200 and how the enrolment stands.
#[utoipa::path(post, path = "/competitions/{competition}/tracks/{track}/participants", operation_id = "enrol",
    tag = "participation", params(("competition" = String, Path), ("track" = String, Path)),
    request_body(content = Enrolment, description = "The acceptance of the track's terms"),
    security(("token" = [])),
    responses((status = 201, description = "Enrolled", body = EnrolmentView),
        (status = 200, description = "Already enrolled; how the enrolment stands", body = EnrolmentView),
        (status = 400, description = "`bad_json`: the body is not JSON; `bad_parameter`: a query parameter"),
        (status = 403, description = "`read_only_token`, `closed`: the track takes no more participants, `cross_site`"),
        (status = 404, description = "`not_found`: no such track"),
        (status = 409, description = "`name_taken`: another participant of the track has the caller's name"),
        (status = 413, description = "`too_large`: a body over 64 KiB"),
        (status = 415, description = "`not_json`: another `Content-Type` than `application/json`"),
        (status = 422, description = "`terms_not_accepted`; `bad_field`: a field is missing, unknown or of another type")))]
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
    let name = store::participant::name(&app.db, participant.id).await?;
    let view = EnrolmentView { status: participant.status, track: track.path().to_string(), participant: name };
    Ok((status, Json(view)))
}

fn bad_json(rejection: JsonRejection) -> HttpError {
    match rejection {
        JsonRejection::MissingJsonContentType(_) => {
            HttpError::UnsupportedMedia(Detail::new("not_json", "Send `Content-Type: application/json`."))
        }
        JsonRejection::JsonDataError(error) => HttpError::Unprocessable(Detail::new("bad_field", error.body_text())),
        JsonRejection::BytesRejection(error) if error.status() == StatusCode::PAYLOAD_TOO_LARGE => {
            HttpError::TooLarge { limit: 65_536 }
        }
        JsonRejection::BytesRejection(_) => {
            HttpError::BadRequest(Detail::new("bad_json", "The body did not arrive whole."))
        }
        _ => HttpError::BadRequest(Detail::new("bad_json", "The body is not valid JSON.")),
    }
}
