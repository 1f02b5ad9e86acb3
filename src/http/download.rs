//! Handing out the files of a release, for pages and API: which file, which bytes of it, and from where.
//!
//! Objects on disk are streamed; objects in S3 are fetched there, at an address that is good for minutes, so that no web
//! process carries them. Single files within an archive pass through here in both cases: they are runs of bytes.

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
use crate::store::release::{Member, ReleaseFile};

/// What somebody wants to have.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The track it belongs to.
    track: TrackId,
    file: ReleaseFile,
    /// The single file within it; all of it if none.
    member: Option<Member>,
}

impl Wanted {
    /// A file of a track by its name, or a single file by its path.
    ///
    /// # Errors
    /// [`HttpError::NotFound`], or the database cannot answer.
    pub async fn by_path(app: &App, track: TrackId, path: &str) -> Result<Self, HttpError> {
        let files = store::release::files(&app.db, track).await?;
        if let Some(file) = files.iter().find(|file| file.name.as_str() == path) {
            return Ok(Self { track, file: file.clone(), member: None });
        }
        if !may_be_path(path) {
            return Err(HttpError::NotFound);
        }
        let (id, member) = store::release::member(&app.db, track, path).await?.ok_or(HttpError::NotFound)?;
        let file = files.into_iter().find(|file| file.id == id).ok_or(HttpError::NotFound)?;
        Ok(Self { track, file, member: Some(member) })
    }

    /// A file by its identifier, or a single file within it.
    ///
    /// # Errors
    /// [`HttpError::NotFound`], or the database cannot answer.
    pub async fn by_id(app: &App, id: FileId, path: &str) -> Result<Self, HttpError> {
        let (track, file) = store::release::by_id(&app.db, id).await?.ok_or(HttpError::NotFound)?;
        if file.name.as_str() == path {
            return Ok(Self { track, file, member: None });
        }
        if !may_be_path(path) {
            return Err(HttpError::NotFound);
        }
        let member = store::release::member_of(&app.db, id, path).await?.ok_or(HttpError::NotFound)?;
        Ok(Self { track, file, member: Some(member) })
    }

    /// The track it belongs to.
    pub fn track(&self) -> TrackId {
        self.track
    }

    fn key(&self) -> ObjectKey {
        ObjectKey::Release(self.file.id, self.file.name.clone())
    }

    fn representation(&self) -> Representation {
        let (size, sha256) = match &self.member {
            Some(member) => (member.size, member.sha256),
            None => (self.file.size, self.file.sha256),
        };
        Representation { size, sha256, modified: self.file.released_at.into() }
    }

    /// What a browser calls it.
    fn name(&self) -> &str {
        match &self.member {
            Some(member) => member.path.rsplit('/').next().unwrap_or_default(),
            None => self.file.name.as_str(),
        }
    }
}

/// No name of a file holds a zero byte, and no text of the database either.
fn may_be_path(path: &str) -> bool {
    !path.contains('\0')
}

/// Answers with a file, or some bytes of it, or where it is.
///
/// # Errors
/// The bytes are gone, or database or objects cannot answer.
pub async fn answer(
    app: &App,
    wanted: &Wanted,
    user: UserId,
    method: &Method,
    asked: &HeaderMap,
) -> Result<Response, HttpError> {
    let representation = wanted.representation();
    let answer = representation.answer(asked);
    let begins = answer.bytes(representation.size).is_some_and(|bytes| bytes.start == 0);
    let elsewhere = match &wanted.member {
        None => app.objects.signed_url(method.clone(), &wanted.key()).await.map_err(HttpError::internal)?,
        Some(_) => None,
    };
    if begins && method == Method::GET && wanted.member.is_none() {
        store::release::count_download(&app.db, wanted.track, &wanted.file.name, user, app.clock.now()).await?;
    }
    if let Some(url) = elsewhere.filter(|_| !matches!(answer, Answer::NotModified | Answer::PreconditionFailed)) {
        // Good for minutes and for whoever has it, so nobody may keep it.
        let headers = [(header::LOCATION, url), (header::CACHE_CONTROL, "private, no-store".to_owned())];
        return Ok((StatusCode::TEMPORARY_REDIRECT, headers).into_response());
    }
    let mut response = match answer.bytes(representation.size).filter(|_| method != Method::HEAD) {
        Some(bytes) => Response::new(body(app, wanted, bytes).await?),
        None => Response::new(Body::empty()),
    };
    *response.status_mut() = answer.status();
    describe(wanted, &representation, &answer, response.headers_mut());
    Ok(response)
}

async fn body(app: &App, wanted: &Wanted, bytes: std::ops::Range<u64>) -> Result<Body, HttpError> {
    let begins = wanted.member.as_ref().map_or(0, |member| member.begins);
    let range = begins + bytes.start..begins + bytes.end;
    if range.is_empty() {
        return Ok(Body::empty());
    }
    match app.objects.outgoing(&wanted.key(), range).await.map_err(HttpError::internal)? {
        Outgoing::File(slice) => Ok(Body::new(FileBody::from(slice))),
        Outgoing::Stream(stream) => Ok(Body::from_stream(stream)),
    }
}

fn describe(wanted: &Wanted, representation: &Representation, answer: &Answer, headers: &mut HeaderMap) {
    representation.write_headers(answer, headers);
    if let Some(bytes) = answer.bytes(representation.size) {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes.end - bytes.start));
    }
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type(wanted.name())));
    // Single files have names of the allow-list, and others names of a small alphabet: none of them needs quoting.
    if let Ok(disposition) = HeaderValue::from_str(&format!("attachment; filename=\"{}\"", wanted.name())) {
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
