//! Serves the files of a release, for pages and API: which file, which bytes of it, and from where.
//!
//! Objects on disk are streamed. For objects in S3 the answer is a redirect to an address that is
//! valid for minutes, so that the bytes do not pass through the web process. Files packed in an
//! archive are ranges of its bytes, and are streamed in both cases.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::error::HttpError;
use super::file_body::FileBody;
use super::representation::{Answer, Representation};
use crate::app::App;
use crate::domain::ids::{FileId, TrackId, UserId};
use crate::objects::{ObjectKey, Outgoing};
use crate::store;
use crate::store::release::{PackedFile, ReleaseFile};

/// The file that a request asks for.
#[derive(Debug, Clone)]
pub struct RequestedFile {
    /// The track it belongs to.
    track: TrackId,
    file: ReleaseFile,
    /// The file packed in it that is asked for; if `None`, the whole file.
    packed: Option<PackedFile>,
}

impl RequestedFile {
    /// Finds a file of a track by its name, or a packed file by its path.
    ///
    /// # Errors
    /// [`HttpError::NotFound`], or the database failed.
    pub async fn by_path(app: &App, track: TrackId, path: &str) -> Result<Self, HttpError> {
        let files = store::release::files(&app.db, track).await?;
        if let Some(file) = files.iter().find(|file| file.name.as_str() == path) {
            return Ok(Self { track, file: file.clone(), packed: None });
        }
        if !may_be_path(path) {
            return Err(HttpError::NotFound);
        }
        let (id, packed) = store::release::packed_file(&app.db, track, path).await?.ok_or(HttpError::NotFound)?;
        let file = files.into_iter().find(|file| file.id == id).ok_or(HttpError::NotFound)?;
        Ok(Self { track, file, packed: Some(packed) })
    }

    /// Finds a file by its id, if `path` is its name, or else the file packed in it at `path`.
    ///
    /// # Errors
    /// [`HttpError::NotFound`], or the database failed.
    pub async fn by_id(app: &App, id: FileId, path: &str) -> Result<Self, HttpError> {
        let (track, file) = store::release::by_id(&app.db, id).await?.ok_or(HttpError::NotFound)?;
        if file.name.as_str() == path {
            return Ok(Self { track, file, packed: None });
        }
        if !may_be_path(path) {
            return Err(HttpError::NotFound);
        }
        let packed = store::release::packed_file_in(&app.db, id, path).await?.ok_or(HttpError::NotFound)?;
        Ok(Self { track, file, packed: Some(packed) })
    }

    /// The track it belongs to.
    pub fn track(&self) -> TrackId {
        self.track
    }

    fn key(&self) -> ObjectKey {
        ObjectKey::Release(self.file.id, self.file.name.clone())
    }

    fn representation(&self) -> Representation {
        let (size, sha256) = match &self.packed {
            Some(packed) => (packed.size, packed.sha256),
            None => (self.file.size, self.file.sha256),
        };
        Representation { size, sha256, modified: self.file.released_at.into() }
    }

    /// The file name to save it under.
    fn name(&self) -> &str {
        match &self.packed {
            Some(packed) => packed.path.rsplit('/').next().unwrap_or_default(),
            None => self.file.name.as_str(),
        }
    }
}

/// Whether a text can be a path: neither file names nor the database's texts can contain a zero
/// byte.
fn may_be_path(path: &str) -> bool {
    !path.contains('\0')
}

/// Answers with a file, a range of its bytes, or a redirect to where it is.
///
/// # Errors
/// The object is missing, or the database or the object storage failed.
pub async fn answer(
    app: &App,
    requested: &RequestedFile,
    user: UserId,
    method: &Method,
    asked: &HeaderMap,
) -> Result<Response, HttpError> {
    let representation = requested.representation();
    let answer = representation.answer(asked);
    let begins = answer.bytes(representation.size).is_some_and(|bytes| bytes.start == 0);
    let elsewhere = match &requested.packed {
        None => app.objects.signed_url(method.clone(), &requested.key()).await.map_err(HttpError::internal)?,
        Some(_) => None,
    };
    if begins && method == Method::GET && requested.packed.is_none() {
        store::release::count_download(&app.db, requested.track, &requested.file.name, user, app.clock.now()).await?;
    }
    if let Some(url) = elsewhere.filter(|_| !matches!(answer, Answer::NotModified | Answer::PreconditionFailed)) {
        // The address expires in minutes and works for anybody who has it, so it must not be
        // cached.
        let headers = [(header::LOCATION, url), (header::CACHE_CONTROL, "private, no-store".to_owned())];
        return Ok((StatusCode::TEMPORARY_REDIRECT, headers).into_response());
    }
    let mut response = match (&answer, answer.bytes(representation.size)) {
        (Answer::PreconditionFailed, _) => HttpError::PreconditionFailed.into_response(),
        (Answer::NotSatisfiable, _) => HttpError::RangeNotSatisfiable.into_response(),
        (_, Some(bytes)) if method != Method::HEAD => Response::new(body(app, requested, bytes).await?),
        _ => Response::new(Body::empty()),
    };
    *response.status_mut() = answer.status();
    representation.write_headers(&answer, response.headers_mut());
    // The body of an error is not the file's, and has a length and a type of its own.
    if !answer.status().is_client_error() {
        describe(requested, &representation, &answer, response.headers_mut());
    }
    Ok(response)
}

async fn body(app: &App, requested: &RequestedFile, bytes: std::ops::Range<u64>) -> Result<Body, HttpError> {
    let begins = requested.packed.as_ref().map_or(0, |packed| packed.begins);
    let range = begins + bytes.start..begins + bytes.end;
    if range.is_empty() {
        return Ok(Body::empty());
    }
    match app.objects.outgoing(&requested.key(), range).await.map_err(HttpError::internal)? {
        Outgoing::File(slice) => Ok(Body::new(FileBody::from(slice))),
        Outgoing::Stream(stream) => Ok(Body::from_stream(stream)),
    }
}

fn describe(requested: &RequestedFile, representation: &Representation, answer: &Answer, headers: &mut HeaderMap) {
    if let Some(bytes) = answer.bytes(representation.size) {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes.end - bytes.start));
    }
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type(requested.name())));
    // Packed files have names from the allow-list, and others names of a few plain characters, so
    // none needs escaping.
    if let Ok(disposition) = HeaderValue::from_str(&format!("attachment; filename=\"{}\"", requested.name())) {
        headers.insert(header::CONTENT_DISPOSITION, disposition);
    }
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit_once('.') {
        Some((_, "tar")) => "application/x-tar",
        Some((_, "zip")) => "application/zip",
        Some((_, "gz" | "tgz")) => "application/gzip",
        _ => "application/octet-stream",
    }
}
