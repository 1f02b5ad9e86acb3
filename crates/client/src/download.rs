//! Downloads the files of a track into a folder: only what is missing, several at once, each
//! checked against its SHA-256 before it gets its name.
//!
//! `folder` knows which files are there, `part` is a file that is not complete yet, `fetcher`
//! fetches one file and copes with what goes wrong, `progress` counts bytes, `unpack` extracts
//! archives.

mod fetcher;
mod folder;
mod part;
mod progress;
#[cfg(test)]
mod tests;
mod unpack;

use std::io;
use std::num::NonZero;
use std::path::PathBuf;
use std::sync::Arc;

use futures_util::StreamExt as _;
use tokio::sync::watch;

use self::fetcher::{Fetcher, FileList};
use self::folder::Folder;
pub use self::folder::LocalState;
use self::progress::DownloadProgress;
pub use self::progress::{ByteCounts, Event, EventHandler};
use super::api::RequestError;
use super::retry_policy::Tries;
use super::{Api, ClientError, FileSelection, RemoteFile, TrackName};

/// What to download, and how.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The target folder; created if missing.
    pub folder: PathBuf,
    /// Which files.
    pub selection: FileSelection,
    /// Files fetched at once.
    pub jobs: NonZero<usize>,
    /// Whether to unpack the archives once all files are there.
    pub unpack: bool,
}

/// Whether a file had to be fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FetchOutcome {
    /// It was in the folder already.
    Present,
    /// It was fetched from the server.
    Downloaded,
}

impl FetchOutcome {
    /// One word for programs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Present => "present",
            Self::Downloaded => "downloaded",
        }
    }
}

/// A file that is in the folder now.
#[derive(Clone, Debug)]
pub struct DownloadedFile {
    /// The file as the server lists it.
    pub file: RemoteFile,
    /// Whether this run fetched it.
    pub outcome: FetchOutcome,
}

/// An archive that was to be unpacked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unpacked {
    /// Its file name.
    pub name: String,
    /// Files that were written; 0 if all of them were there.
    pub written: u64,
}

/// The result of a download.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The files, in the server's order.
    pub files: Vec<DownloadedFile>,
    /// The archives, if they were to be unpacked.
    pub unpacked: Vec<Unpacked>,
    /// Bytes that this run received and kept.
    pub received: u64,
}

/// Compares the selected files of a track with what is in the folder, by their sizes and by the
/// records of earlier runs. Writes nothing and hashes nothing.
///
/// # Errors
/// [`ClientError`].
pub async fn local_states(
    api: &Api,
    track: &TrackName,
    settings: &Settings,
    stop: watch::Receiver<bool>,
) -> Result<Vec<(RemoteFile, LocalState)>, ClientError> {
    let files = settings.selection.select(&first_list(api, track, &stop).await?)?;
    let records = folder::Records::read(&settings.folder);
    Ok(files
        .into_iter()
        .map(|file| {
            let local_state = records.local_state(&settings.folder, &file);
            (file, local_state)
        })
        .collect())
}

/// Downloads the selected files of a track into a folder. What is there already, whole or in part,
/// is not fetched again.
///
/// Memory: about a megabyte per job. `on_event` is called from several threads.
///
/// # Errors
/// [`ClientError`]. What was received stays in the folder, and the next run goes on from there. If
/// one file cannot be fetched, the others are fetched before the error is returned.
pub async fn download(
    api: &Api,
    track: &TrackName,
    settings: &Settings,
    stop: watch::Receiver<bool>,
    on_event: EventHandler,
) -> Result<Report, ClientError> {
    let listed = first_list(api, track, &stop).await?;
    let selected = settings.selection.select(&listed)?;
    let folder = Arc::new(Folder::open(&settings.folder)?);
    let progress = Arc::new(DownloadProgress::new(selected.iter().map(|file| file.size).sum(), Arc::clone(&on_event)));
    let list = FileList::new(api.clone(), track.clone(), listed);
    let fetcher =
        Fetcher { api, list, folder: Arc::clone(&folder), progress: Arc::clone(&progress), stop: stop.clone() };
    let files = fetch_all(&fetcher, selected, settings.jobs).await?;
    let mut report = Report { files, received: progress.received(), unpacked: Vec::new() };
    if settings.unpack {
        for DownloadedFile { file, .. } in &report.files {
            if let Some(unpacked) = unpack_one(&folder, file, track, (&stop, &on_event)).await? {
                report.unpacked.push(unpacked);
            }
        }
    }
    Ok(report)
}

/// Fetches the files, the largest first; returns them in the order they were given.
async fn fetch_all(
    fetcher: &Fetcher<'_>,
    files: Vec<RemoteFile>,
    jobs: NonZero<usize>,
) -> Result<Vec<DownloadedFile>, ClientError> {
    let mut queue: Vec<(usize, RemoteFile)> = files.into_iter().enumerate().collect();
    queue.sort_by_key(|(_, file)| std::cmp::Reverse(file.size));
    let fetches = queue.into_iter().map(|(place, file)| async move { (place, fetcher.fetch(file).await) });
    let mut under_way = futures_util::stream::iter(fetches).buffer_unordered(jobs.get());
    let (mut fetched, mut first_error) = (Vec::new(), None);
    while let Some((place, outcome)) = under_way.next().await {
        match outcome {
            Ok(file) => fetched.push((place, file)),
            Err(error) if error.concerns_one_file() => {
                if first_error.is_some() {
                    fetcher.progress.tell(error.to_string());
                }
                first_error.get_or_insert(error);
            }
            // The other jobs notice the stop themselves, and write what they have before they end.
            Err(ClientError::Stopped) => first_error = Some(ClientError::Stopped),
            Err(error) => return Err(error),
        }
    }
    fetched.sort_by_key(|(place, _)| *place);
    first_error.map_or_else(|| Ok(fetched.into_iter().map(|(_, file)| file).collect()), Err)
}

async fn unpack_one(
    folder: &Arc<Folder>,
    file: &RemoteFile,
    track: &TrackName,
    (stop, on_event): (&watch::Receiver<bool>, &EventHandler),
) -> Result<Option<Unpacked>, ClientError> {
    if !file.name.ends_with(".tar") || folder.is_unpacked(file, track.slug()) {
        return Ok(None);
    }
    on_event(Event::Message(format!("unpacking {}", file.name)));
    let (inside, name, slug, stop) = (Arc::clone(folder), file.name.clone(), track.slug().to_owned(), stop.clone());
    let written = blocking(folder.path(&file.name), move || {
        unpack::unpack(&inside.path(&name), inside.root(), &slug, &|| *stop.borrow())
    });
    let Some(written) = written.await? else {
        on_event(Event::Message(format!("{} holds no {}/ and stays packed", file.name, track.slug())));
        return Ok(None);
    };
    folder.mark_unpacked(file)?;
    Ok(Some(Unpacked { name: file.name.clone(), written }))
}

/// The list that a run begins with.
async fn first_list(
    api: &Api,
    track: &TrackName,
    stop: &watch::Receiver<bool>,
) -> Result<Vec<RemoteFile>, ClientError> {
    let mut tries = Tries::new(api.policy(), format!("the list of {track}"));
    loop {
        let answer = tokio::select! {
            answer = api.files(track) => answer,
            () = stopped(stop) => return Err(ClientError::Stopped),
        };
        match answer {
            Ok(files) => return Ok(files),
            Err(RequestError::Permanent(error)) => return Err(error),
            Err(RequestError::Transient { why, retry_after }) => pause(tries.failed(why, retry_after)?, stop).await?,
        }
    }
}

/// Waits, unless the run is stopped.
async fn pause(delay: std::time::Duration, stop: &watch::Receiver<bool>) -> Result<(), ClientError> {
    tokio::select! {
        () = tokio::time::sleep(delay) => Ok(()),
        () = stopped(stop) => Err(ClientError::Stopped),
    }
}

async fn stopped(stop: &watch::Receiver<bool>) {
    // A sender that was dropped means stop, too.
    let _ = stop.clone().wait_for(|stop| *stop).await;
}

/// Runs work on files on a thread that may block.
async fn blocking<T: Send + 'static>(
    path: PathBuf,
    work: impl FnOnce() -> Result<T, ClientError> + Send + 'static,
) -> Result<T, ClientError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(ClientError::io(&path)(io::Error::other(error))))
}
