//! The files of a track on its data page: a table and commands for a terminal, or the reason why
//! there are none.

use scoring::Split;

use super::number;
use super::scenario;
use super::track::EnrolmentStatus;
use crate::app::App;
use crate::domain::phase::Act;
use crate::domain::visibility::Audience;
use crate::http::auth::TrackView;
use crate::http::error::HttpError;
use crate::http::link;
use crate::http::server::Site;
use crate::store;
use crate::store::release::ReleaseFile;

/// The files of a track, or why the reader cannot have them.
pub(crate) enum Files {
    /// The reader may download them.
    Available(FileList),
    /// The organiser has not released any.
    NotReleased,
    /// The reader takes part, but the track has not opened yet.
    NotOpen,
    /// The reader does not take part.
    NotEnrolled(EnrolmentStatus),
}

/// Files that the reader may download.
pub(crate) struct FileList {
    pub(crate) rows: Vec<FileRow>,
    /// The size of all files together, without the bundle that repeats the others.
    pub(crate) total: String,
    /// Whether download counts are shown.
    pub(crate) counts: bool,
    /// The server's address, for `callimico login`.
    pub(crate) server: String,
    /// curl commands, one per file.
    pub(crate) lines: Vec<String>,
}

/// A file in the table.
pub(crate) struct FileRow {
    pub(crate) name: String,
    pub(crate) href: String,
    /// What it contains.
    pub(crate) content: String,
    pub(crate) size: String,
    pub(crate) sha256: String,
    /// Downloads and accounts, as in `3 by 2 accounts`, for organisers.
    pub(crate) downloads: String,
}

impl Files {
    /// The files for the reader of `view`.
    pub(crate) async fn of(app: &App, site: &Site, view: &TrackView) -> Result<Self, HttpError> {
        let Some(login) = &view.login else { return Ok(Self::NotEnrolled(EnrolmentStatus::SignedOut)) };
        match view.audience() {
            Audience::Visitor | Audience::Owner => {
                return Ok(Self::NotEnrolled(EnrolmentStatus::of(view, app.clock.now())));
            }
            Audience::Participant if view.track.stage().admit(Act::Download, app.clock.now()).is_err() => {
                return Ok(Self::NotOpen);
            }
            Audience::Participant | Audience::Organiser => {}
        }
        let files = store::release::files(&app.db, view.track.id).await?;
        if files.is_empty() {
            return Ok(Self::NotReleased);
        }
        let counts = view.audience() == Audience::Organiser;
        let downloads =
            if counts { store::release::download_counts(&app.db, view.track.id).await? } else { Vec::new() };
        let mut lines = Vec::new();
        for file in files.iter().filter(|file| !file.is_bundle) {
            let url = link::sign(app, file.id, file.name.as_str(), login.rights()).await?;
            lines.push(format!("curl -fL -C - -o {} \"{}{url}\"", file.name, site.base()));
        }
        let base = format!("/c/{}/files", view.track.path());
        let row = |file: &ReleaseFile| FileRow {
            name: file.name.to_string(),
            href: format!("{base}/{}", link::encode(file.name.as_str())),
            content: content(view, file),
            size: number::bytes(file.size),
            sha256: file.sha256.to_string(),
            downloads: downloads.iter().find(|one| one.name == file.name.as_str()).map_or_else(
                || "none".to_owned(),
                |one| {
                    format!("{} by {}", one.times, number::counted(one.accounts.unsigned_abs(), "account", "accounts"))
                },
            ),
        };
        let total = files.iter().filter(|file| !file.is_bundle).map(|file| file.size).sum();
        Ok(Self::Available(FileList {
            rows: files.iter().map(row).collect(),
            total: number::bytes(total),
            counts,
            server: site.base().to_owned(),
            lines,
        }))
    }
}

fn content(view: &TrackView, file: &ReleaseFile) -> String {
    if file.is_bundle {
        return "everything in one".to_owned();
    }
    let split = match file.split {
        Some(Split::Train) => "train models",
        Some(Split::Dev) => "dev models",
        Some(Split::Final) => "test models",
        None if file.name.as_str() == "SHA256SUMS" => return "checksums of the others".to_owned(),
        None if file.is_verbatim => return "an archive of the organiser".to_owned(),
        None => return "the pool of records".to_owned(),
    };
    let names = scenario::names(&view.track);
    let label = names.into_iter().find(|name| Some(&name.folder) == file.scenario.as_ref()).map(|name| name.label);
    format!("{split}, {}", label.or_else(|| file.scenario.clone()).unwrap_or_default())
}
