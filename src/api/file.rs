//! The files of a track: the list with sizes and hashes, and the bytes.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, Method};
use axum::response::Response;

use super::description::Binary;
use crate::app::App;
use crate::domain::ids::FileId;
use crate::domain::visibility::Audience;
use crate::http::auth::{self, Downloader, Rights};
use crate::http::download::{self, RequestedFile};
use crate::http::error::HttpError;
use crate::http::link::{self, Signed};
use crate::http::server::Site;
use crate::store;
use crate::store::release::ReleaseFile;
use crate::store::track::Track;

/// The files of a track.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
pub(super) struct FileList {
    /// `competition/track`.
    track: String,
    files: Vec<FileView>,
    /// Always null: the list is whole.
    next: Option<String>,
}

/// A file, or a single file within an archive.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
pub(super) struct FileView {
    /// What it is called; a path for a single file.
    name: String,
    /// Bytes.
    size: u64,
    /// SHA-256 in hexadecimal.
    sha256: String,
    /// The scenario it belongs to, if to one.
    scenario: Option<String>,
    /// `train`, `dev` or `final`, if it belongs to one.
    split: Option<&'static str>,
    /// Whether the other files hold what is in this one, too.
    part_of_others: bool,
    /// Downloads it without a log-in; for this account, and for a day.
    url: String,
    /// How often it was fetched. For organisers.
    #[serde(skip_serializing_if = "Option::is_none")]
    downloads: Option<DownloadsView>,
}

/// How often a file was fetched.
#[derive(Debug, Clone, Copy, Default, serde::Serialize, utoipa::ToSchema)]
pub(super) struct DownloadsView {
    /// Downloads begun at the first byte.
    times: i64,
    /// By how many accounts.
    accounts: i64,
}

/// Which files.
#[derive(Debug, Default, serde::Deserialize, utoipa::IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub(super) struct ListParams {
    /// The single files within the archives, in place of the archives.
    single: bool,
}

/// The files of a track, for its participants.
#[utoipa::path(get, path = "/competitions/{competition}/tracks/{track}/files", operation_id = "list_files",
    tag = "participation", params(("competition" = String, Path), ("track" = String, Path), ListParams),
    security(("token" = [])),
    responses((status = 200, description = "The files of the track's release", body = FileList),
        (status = 403, description = "`not_enrolled`, `not_approved_yet`, `denied`, `not_open`"),
        (status = 404, description = "`not_found`: no such track")))]
pub(super) async fn list(
    State(app): State<App>,
    State(site): State<Site>,
    downloader: Downloader,
    params: Result<Query<ListParams>, QueryRejection>,
) -> Result<Json<FileList>, HttpError> {
    let Downloader { track, login, audience } = downloader;
    let Query(params) = params?;
    let lister = Lister { app: &app, site: &site, rights: login.rights() };
    let released = store::release::files(&app.db, track.id).await?;
    let mut files = Vec::new();
    if params.single {
        for file in released.iter().filter(|file| !file.is_bundle) {
            for packed in store::release::packed_files(&app.db, file.id).await? {
                let single = FileView {
                    url: lister.url(file, &packed.path).await?,
                    name: packed.path,
                    size: packed.size,
                    sha256: packed.sha256.to_string(),
                    ..lister.view(file, None).await?
                };
                files.push(single);
            }
        }
    } else {
        let counts = counts(&app, &track, audience).await?;
        for file in &released {
            let downloads = counts.as_ref().map(|counts| counts.get(file.name.as_str()).copied().unwrap_or_default());
            files.push(lister.view(file, downloads).await?);
        }
    }
    Ok(Json(FileList { track: track.path().to_string(), files, next: None }))
}

/// Downloads by file name, for whoever may know.
async fn counts(
    app: &App,
    track: &Track,
    audience: Audience,
) -> Result<Option<BTreeMap<String, DownloadsView>>, HttpError> {
    if audience != Audience::Organiser {
        return Ok(None);
    }
    let counts = store::release::download_counts(&app.db, track.id).await?.into_iter();
    Ok(Some(counts.map(|one| (one.name, DownloadsView { times: one.times, accounts: one.accounts })).collect()))
}

struct Lister<'a> {
    app: &'a App,
    site: &'a Site,
    rights: Rights<'a>,
}

impl Lister<'_> {
    async fn url(&self, file: &ReleaseFile, path: &str) -> Result<String, HttpError> {
        Ok(format!("{}{}", self.site.base(), link::sign(self.app, file.id, path, self.rights).await?))
    }

    async fn view(&self, file: &ReleaseFile, downloads: Option<DownloadsView>) -> Result<FileView, HttpError> {
        Ok(FileView {
            name: file.name.to_string(),
            size: file.size,
            sha256: file.sha256.to_string(),
            scenario: file.scenario.clone(),
            split: file.split.map(scoring::Split::as_str),
            part_of_others: file.is_bundle,
            url: self.url(file, file.name.as_str()).await?,
            downloads,
        })
    }
}

/// A file, whole or one range of it: by its name, or a single file by its path.
///
/// Where the server keeps its files in S3, the answer may be a redirect.
#[utoipa::path(get, path = "/competitions/{competition}/tracks/{track}/files/{*name}", operation_id = "get_file",
    tag = "participation",
    params(("competition" = String, Path), ("track" = String, Path),
        ("name" = String, Path, description = "The file's name, or a single file's path with its slashes"),
        ("Range" = Option<String>, Header, description = "One range of bytes, such as `bytes=100-`"),
        ("If-Range" = Option<String>, Header, description = "The `ETag` or `Last-Modified` of what the client has"),
        ("If-None-Match" = Option<String>, Header, description = "An `ETag`: 304 if the file still has it"),
        ("If-Modified-Since" = Option<String>, Header, description = "A date: 304 if the file is not newer"),
        ("If-Match" = Option<String>, Header, description = "An `ETag`: 412 unless the file has it"),
        ("If-Unmodified-Since" = Option<String>, Header, description = "A date: 412 if the file is newer")),
    security(("token" = [])),
    responses(
        (status = 200, description = "The whole file", body = Binary, content_type = "application/octet-stream",
            headers(("ETag" = String, description = "The file's SHA-256, in quotes"))),
        (status = 206, description = "The range", body = Binary, content_type = "application/octet-stream",
            headers(("Content-Range" = String, description = "Which bytes these are, and of how many"))),
        (status = 304, description = "The client has the file already"),
        (status = 307, description = "The bytes are in the bucket, at an address that is good for five minutes",
            headers(("Location" = String, description = "That address"))),
        (status = 403, description = "`not_enrolled`, `not_approved_yet`, `denied`, `not_open`"),
        (status = 404, description = "`not_found`: no such track or file"),
        (status = 412, description = "`precondition_failed`: `If-Match` or `If-Unmodified-Since` does not hold"),
        (status = 416, description = "`range_not_satisfiable`: the range begins at or behind the end of the file",
            headers(("Content-Range" = String, description = "The size: `bytes */SIZE`")))))]
pub(super) async fn bytes(
    State(app): State<App>,
    Downloader { track, login, .. }: Downloader,
    path: Result<Path<(String, String, String)>, PathRejection>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, HttpError> {
    let Path((_, _, name)) = path.map_err(|_| HttpError::NotFound)?;
    let requested = RequestedFile::by_path(&app, track.id, &name).await?;
    download::answer(&app, &requested, login.user.id, &method, &headers).await
}

/// The same file at the address that the list gives, which needs no token.
///
/// The address is signed for one account and one day, and every request asks again whether that account may have
/// the file.
#[utoipa::path(get, path = "/files/{id}/{*name}", operation_id = "get_signed_file", tag = "participation",
    params(("id" = String, Path, description = "The file's id, which stands for its content"),
        ("name" = String, Path, description = "The file's name, or a single file's path with its slashes"), Signed,
        ("Range" = Option<String>, Header, description = "One range of bytes, such as `bytes=100-`"),
        ("If-Range" = Option<String>, Header, description = "The `ETag` or `Last-Modified` of what the client has"),
        ("If-None-Match" = Option<String>, Header, description = "An `ETag`: 304 if the file still has it"),
        ("If-Modified-Since" = Option<String>, Header, description = "A date: 304 if the file is not newer"),
        ("If-Match" = Option<String>, Header, description = "An `ETag`: 412 unless the file has it"),
        ("If-Unmodified-Since" = Option<String>, Header, description = "A date: 412 if the file is newer")),
    security(()),
    responses(
        (status = 200, description = "The whole file", body = Binary, content_type = "application/octet-stream",
            headers(("ETag" = String, description = "The file's SHA-256, in quotes"))),
        (status = 206, description = "The range", body = Binary, content_type = "application/octet-stream",
            headers(("Content-Range" = String, description = "Which bytes these are, and of how many"))),
        (status = 304, description = "The client has the file already"),
        (status = 307, description = "The bytes are in the bucket, at an address that is good for five minutes",
            headers(("Location" = String, description = "That address"))),
        (status = 403, description = "`link_expired`: get a new address from the list of files; `not_enrolled`, `not_approved_yet`, \
            `denied`, `not_open`"),
        (status = 404, description = "`not_found`: nobody signed this address, or the file was replaced"),
        (status = 412, description = "`precondition_failed`: `If-Match` or `If-Unmodified-Since` does not hold"),
        (status = 416, description = "`range_not_satisfiable`: the range begins at or behind the end of the file",
            headers(("Content-Range" = String, description = "The size: `bytes */SIZE`"))),
        (status = 500, description = "`internal`: a fault of the server"),
        (status = 503, description = "`unavailable`: the database cannot work just now; try again")))]
pub(super) async fn signed(
    State(app): State<App>,
    path: Result<Path<(String, String)>, PathRejection>,
    signed: Result<Query<Signed>, QueryRejection>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, HttpError> {
    let Path((id, name)) = path.map_err(|_| HttpError::NotFound)?;
    let id: FileId = id.parse().map_err(|_| HttpError::NotFound)?;
    let Query(signed) = signed.map_err(|_| HttpError::NotFound)?;
    let (user, may_organise) = link::check(&app, id, &name, &signed).await?;
    let user = store::user::by_id(&app.db, user).await?.ok_or(HttpError::NotFound)?;
    let requested = RequestedFile::by_id(&app, id, &name).await?;
    let track = store::track::by_id(&app.db, requested.track()).await?.ok_or(HttpError::NotFound)?.at(app.clock.now());
    let (participant, access) = auth::access(&app, &track, Rights { user: &user, may_organise }).await?;
    auth::may_download(&app, &track, access.audience(), participant)?;
    download::answer(&app, &requested, user.id, &method, &headers).await
}
