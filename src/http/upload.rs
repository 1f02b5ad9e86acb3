//! Reading an upload from a request, for page and API: what the headers rule out, and the form with its file.

use std::time::Duration;

use axum::extract::multipart::{Field, Multipart, MultipartError};
use axum::extract::{DefaultBodyLimit, FromRequest, Request};
use axum::http::{HeaderMap, header};

use super::error::{Detail, HttpError};
use crate::app::App;
use crate::service::submit::{self, Received};
use crate::store::participant::Participant;
use crate::store::track::Track;

/// What a form may add around a zip of the greatest size.
const FORM_OVERHEAD: u64 = 16 * 1024;
/// What is read of a form beyond its file's limit before it is cut off. Far more than [`FORM_OVERHEAD`], so that a
/// file that is too large is told so; bounded, because the head of a part is held in memory until it ends.
const MOST_BESIDE_FILE: u64 = 1 << 20;
/// The longest text field, in bytes.
const MOST_TEXT: usize = 4096;

/// Refuses a body that is compressed once more.
///
/// # Errors
/// [`HttpError::UnsupportedMedia`]
pub fn refuse_encoded(headers: &HeaderMap) -> Result<(), HttpError> {
    match headers.get(header::CONTENT_ENCODING) {
        Some(encoding) if encoding != "identity" => Err(HttpError::UnsupportedMedia(Detail::new(
            "content_encoding",
            "Send the zip as it is, without a Content-Encoding.",
        ))),
        _ => Ok(()),
    }
}

/// Refuses a body that says of itself that it is too large.
///
/// # Errors
/// [`HttpError::TooLarge`]
pub fn refuse_large(headers: &HeaderMap, track: &Track) -> Result<(), HttpError> {
    let limit = track.settings.limits.bytes;
    let declared = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if declared.is_some_and(|declared| declared > limit + FORM_OVERHEAD) {
        return Err(HttpError::TooLarge { limit });
    }
    Ok(())
}

/// The form that carries an upload.
#[derive(Debug, utoipa::ToSchema)]
pub struct UploadForm {
    /// The zip.
    // On disk by now; `None` where the form has none.
    #[schema(rename = "file", required, nullable = false, value_type = String, content_media_type = "application/zip")]
    pub received: Option<Received>,
    /// What the submission is, in at most 500 characters.
    pub description: Option<String>,
    /// Where the method is described: `http://` or `https://`, at most 500 characters.
    pub method_url: Option<String>,
}

/// Takes in a form: one field `file`, and `description` and `method_url` if wanted.
///
/// # Errors
/// Another field, one that comes twice, a text that is too long or not UTF-8; and as [`submit::receive`].
pub async fn read_form(
    app: &App,
    track: &Track,
    participant: Participant,
    request: Request,
) -> Result<UploadForm, HttpError> {
    let time = Duration::from_secs(app.limits.upload_seconds);
    tokio::time::timeout(time, read_fields(app, track, participant, request)).await.unwrap_or(Err(HttpError::TooSlow))
}

async fn read_fields(
    app: &App,
    track: &Track,
    participant: Participant,
    mut request: Request,
) -> Result<UploadForm, HttpError> {
    // The limit of other bodies does not hold here: the file has its track's, and every text its own.
    let most = track.settings.limits.bytes.saturating_add(MOST_BESIDE_FILE);
    DefaultBodyLimit::max(usize::try_from(most).unwrap_or(usize::MAX)).apply(&mut request);
    let mut multipart = Multipart::from_request(request, app).await.map_err(|error| bad_form(&error.body_text()))?;
    let mut form = UploadForm { received: None, description: None, method_url: None };
    while let Some(field) = multipart.next_field().await.map_err(|error| form_error(&error))? {
        let name = field.name().unwrap_or_default().to_owned();
        match name.as_str() {
            "file" if form.received.is_none() => {
                let taken = submit::receive(app, track, participant, field).await;
                form.received = Some(taken.map_err(|error| HttpError::from_submit(error, app.clock.now()))?);
            }
            "description" if form.description.is_none() => form.description = Some(text(field).await?),
            "method_url" if form.method_url.is_none() => form.method_url = Some(text(field).await?),
            _ => {
                return Err(bad_form("Send one field `file`, and at most one `description` and one `method_url`."));
            }
        }
    }
    Ok(form)
}

/// Reads a short text field.
async fn text(mut field: Field<'_>) -> Result<String, HttpError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = field.chunk().await.map_err(|error| form_error(&error))? {
        if bytes.len() + chunk.len() > MOST_TEXT {
            return Err(bad_form("A text field has more than 4,096 bytes."));
        }
        bytes.extend_from_slice(&chunk);
    }
    String::from_utf8(bytes).map_err(|_| bad_form("A text field is not UTF-8."))
}

fn form_error(error: &MultipartError) -> HttpError {
    bad_form(&error.body_text())
}

/// A form that is not as it should be.
pub fn bad_form(text: &str) -> HttpError {
    HttpError::BadRequest(Detail::new("bad_form", text))
}
