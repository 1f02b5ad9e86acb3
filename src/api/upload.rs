//! Submitting: a zip as the body, or as the field `file` of a form.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::description::Binary;
use crate::app::App;
use crate::domain::quota::AttemptsLeft;
use crate::domain::submission::SubmissionState;
use crate::domain::timestamp::rfc3339;
use crate::http::auth::Submitter;
use crate::http::error::{Detail, HttpError};
use crate::http::query::bad_parameter;
use crate::http::upload::{self, UploadForm};
use crate::service::submit::{self, Details, DetailsError, Received};
use crate::store::log::LogPosition;
use crate::store::participant::Participant;
use crate::store::track::Track;

/// A submission that was taken.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
pub(super) struct Receipt {
    id: String,
    /// `competition/track`.
    track: String,
    state: SubmissionState,
    /// SHA-256 of the upload in hexadecimal.
    sha256: String,
    /// Bytes of the upload.
    size: u64,
    /// When the upload had arrived whole (RFC 3339).
    received_at: String,
    attempts_left: AttemptsLeft,
    /// The event in the track's log by which it was taken: keep it, and show later that the log has it.
    log: Option<LogPosition>,
    /// Where the submission can be watched.
    url: String,
}

/// What may be said of a submission when the body is the zip itself.
#[derive(Debug, Default, serde::Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct DetailParams {
    /// What it is, in at most 500 characters.
    description: Option<String>,
    /// Where the method is described: `http://` or `https://`, at most 500 characters.
    method_url: Option<String>,
}

impl DetailParams {
    fn is_empty(&self) -> bool {
        self.description.is_none() && self.method_url.is_none()
    }
}

/// Submits a zip.
///
/// It answers 201 once the zip is durable, or 200 and the earlier submission where the same `Idempotency-Key` and bytes
/// came before.
#[utoipa::path(post, path = "/competitions/{competition}/tracks/{track}/submissions", operation_id = "submit",
    tag = "submissions",
    params(("competition" = String, Path), ("track" = String, Path), DetailParams,
        ("Idempotency-Key" = Option<String>, Header,
            description = "1 to 200 visible ASCII characters, new for each upload: sent again with the same key and \
                bytes, an upload counts once")),
    request_body(description = "The zip, or a form with the zip as its field `file`",
        content((Binary = "application/zip"), (UploadForm = "multipart/form-data"))),
    security(("token" = [])),
    responses(
        (status = 201, description = "Taken: the upload is on disk and cannot be lost", body = Receipt,
            headers(("Location" = String, description = "The submission"))),
        (status = 200, description = "Taken before, under the same key; the submission as it stands", body = Receipt,
            headers(("Location" = String, description = "The submission"))),
        (status = 400, description = "`bad_parameter`; `bad_form`; `bad_field`: `description` or `method_url`; \
            `bad_idempotency_key`; `broken_upload`: it did not arrive whole"),
        (status = 403, description = "`read_only_token`, `not_enrolled`, `not_approved_yet`, `denied`, `not_open`, \
            `closed`, `cross_site`"),
        (status = 404, description = "`not_found`: no such track"),
        (status = 408, description = "`too_slow`: the upload took longer than the server allows"),
        (status = 409, description = "`idempotency_key_reused`: the key came before with other bytes"),
        (status = 413, description = "`too_large`: more bytes than the track's `limits.bytes`"),
        (status = 415, description = "`content_type`: neither a zip nor a form; `content_encoding`: compressed again"),
        (status = 422, description = "`rejected`: the zip is wrong, as `problems` says; no attempt was used"),
        (status = 429, description = "`limit_today`, `limit_total`, `too_many_rejected`"),
        (status = 503, description = "`unavailable`: nothing was kept; `undecided`: it may have been taken, so send it \
            again with the same `Idempotency-Key`")))]
pub(super) async fn create(
    State(app): State<App>,
    submitter: Submitter,
    params: Result<Query<DetailParams>, QueryRejection>,
    request: Request,
) -> Result<Response, HttpError> {
    let Submitter { track, sender, .. } = submitter;
    let participant = sender.participant;
    let Query(params) = params?;
    let key = idempotency_key(request.headers())?;
    upload::refuse_encoded(request.headers())?;
    upload::refuse_large(request.headers(), &track)?;
    let submit_error = |error| HttpError::from_submit(error, app.clock.now());
    submit::precheck(&app, &track, sender, key.as_deref()).await.map_err(submit_error)?;
    let (received, details) = match body_kind(request.headers())? {
        BodyKind::Zip => {
            let details = parse_details(params.description, params.method_url, key)?;
            let received = submit::receive(&app, &track, participant, request.into_body().into_data_stream())
                .await
                .map_err(submit_error)?;
            (received, details)
        }
        BodyKind::Form if params.is_empty() => form(&app, &track, participant, request, key).await?,
        BodyKind::Form => {
            let text = "A form carries `description` and `method_url` as fields, not in the address.";
            return Err(bad_parameter(text));
        }
    };
    let accepted = submit::accept(&app, &track, sender, received, &details).await.map_err(submit_error)?;
    let receipt = Receipt {
        id: accepted.id.to_string(),
        track: track.path().to_string(),
        state: accepted.state,
        sha256: accepted.sha256.to_string(),
        size: accepted.size,
        received_at: rfc3339(accepted.received_at),
        attempts_left: accepted.attempts_left,
        log: accepted.log,
        url: format!("/api/v1/submissions/{}", accepted.id),
    };
    let status = if accepted.replayed { StatusCode::OK } else { StatusCode::CREATED };
    Ok((status, [(header::LOCATION, receipt.url.clone())], Json(receipt)).into_response())
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, HttpError> {
    let key = headers.get("idempotency-key").map(|value| value.to_str().map(str::to_owned));
    key.transpose().map_err(|_| bad_details(&DetailsError::IdempotencyKey))
}

fn parse_details(
    description: Option<String>,
    method_url: Option<String>,
    key: Option<String>,
) -> Result<Details, HttpError> {
    Details::parse(description, method_url, key).map_err(|error| bad_details(&error))
}

pub(super) fn bad_details(error: &DetailsError) -> HttpError {
    let code = match error {
        DetailsError::IdempotencyKey => "bad_idempotency_key",
        DetailsError::Description | DetailsError::MethodUrl => "bad_field",
    };
    HttpError::BadRequest(Detail::new(code, error.to_string()))
}

enum BodyKind {
    Zip,
    Form,
}

fn body_kind(headers: &HeaderMap) -> Result<BodyKind, HttpError> {
    let kind = headers.get(header::CONTENT_TYPE).map(|value| value.to_str().unwrap_or_default());
    let essence = kind.map(|kind| kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase());
    match essence.as_deref() {
        None | Some("application/zip" | "application/x-zip-compressed" | "application/octet-stream") => {
            Ok(BodyKind::Zip)
        }
        Some("multipart/form-data") => Ok(BodyKind::Form),
        Some(_) => Err(HttpError::UnsupportedMedia(Detail::new(
            "content_type",
            "Send the zip as `Content-Type: application/zip`, or as the field `file` of `multipart/form-data`.",
        ))),
    }
}

/// Takes in a form; it must have a file.
async fn form(
    app: &App,
    track: &Track,
    participant: Participant,
    request: Request,
    key: Option<String>,
) -> Result<(Received, Details), HttpError> {
    let form = upload::read_form(app, track, participant, request).await?;
    let received = form.received.ok_or_else(|| upload::bad_form("The form has no field `file`."))?;
    Ok((received, parse_details(form.description, form.method_url, key)?))
}
