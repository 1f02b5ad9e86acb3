//! The files of a track, brought into a folder: only what is missing, several at once, each checked against its SHA-256
//! before it gets its name.
//!
//! `folder` knows what is there, `part` is a file on its way, `courier` brings one file whatever happens to connections
//! and addresses, `gauge` counts, `unpack` takes archives apart.

mod courier;
mod folder;
mod gauge;
mod part;
#[cfg(test)]
mod tests;
mod unpack;

use std::io;
use std::num::NonZero;
use std::path::PathBuf;
use std::sync::Arc;

use futures_util::StreamExt as _;
use tokio::sync::watch;

use self::courier::{Courier, List};
use self::folder::Folder;
pub use self::folder::Standing;
use self::gauge::Gauge;
pub use self::gauge::{Event, Progress, Tell};
use super::api::Trouble;
use super::patience::Tries;
use super::{Api, ClientError, RemoteFile, TrackName, Wanted};

/// What is brought, and how.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where to; made if it is missing.
    pub folder: PathBuf,
    /// Which files.
    pub wanted: Wanted,
    /// Files at once.
    pub jobs: NonZero<usize>,
    /// Whether archives are unpacked in the end.
    pub unpack: bool,
}

/// How a file came to be in the folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It was there.
    Present,
    /// It was brought.
    Downloaded,
}

impl State {
    /// The state in a word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Present => "present",
            Self::Downloaded => "downloaded",
        }
    }
}

/// A file that is in the folder now.
#[derive(Clone, Debug)]
pub struct Brought {
    /// Which one.
    pub file: RemoteFile,
    /// Since when.
    pub state: State,
}

/// An archive that was to be unpacked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unpacked {
    /// Its name.
    pub name: String,
    /// Files that were written; none if all were there.
    pub written: u64,
}

/// What was done.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The files, in the server's order.
    pub files: Vec<Brought>,
    /// The archives, if they were to be unpacked.
    pub unpacked: Vec<Unpacked>,
    /// Bytes that were received and kept by this run.
    pub received: u64,
}

/// Says how the wanted files of a track stand in a folder. Writes nothing and hashes nothing.
///
/// # Errors
/// [`ClientError`].
pub async fn standings(
    api: &Api,
    track: &TrackName,
    settings: &Settings,
    stop: watch::Receiver<bool>,
) -> Result<Vec<(RemoteFile, Standing)>, ClientError> {
    let files = settings.wanted.of(&first_list(api, track, &stop).await?)?;
    let records = folder::Records::read(&settings.folder);
    Ok(files
        .into_iter()
        .map(|file| {
            let standing = records.standing(&settings.folder, &file);
            (file, standing)
        })
        .collect())
}

/// Brings the wanted files of a track into a folder. What is there already, whole or in part, is not fetched again.
///
/// Memory: about a megabyte a job. `tell` is called from several threads.
///
/// # Errors
/// [`ClientError`]. Whatever it is, what came stays in the folder, and the next run goes on from there. Where one file
/// cannot be had, the others are brought first.
pub async fn download(
    api: &Api,
    track: &TrackName,
    settings: &Settings,
    stop: watch::Receiver<bool>,
    tell: Tell,
) -> Result<Report, ClientError> {
    let listed = first_list(api, track, &stop).await?;
    let wanted = settings.wanted.of(&listed)?;
    let folder = Arc::new(Folder::open(&settings.folder)?);
    let gauge = Arc::new(Gauge::new(wanted.iter().map(|file| file.size).sum(), Arc::clone(&tell)));
    let list = List::new(api.clone(), track.clone(), listed);
    let courier = Courier { api, list, folder: Arc::clone(&folder), gauge: Arc::clone(&gauge), stop: stop.clone() };
    let files = bring_all(&courier, wanted, settings.jobs).await?;
    let mut report = Report { files, received: gauge.received(), unpacked: Vec::new() };
    if settings.unpack {
        for Brought { file, .. } in &report.files {
            if let Some(unpacked) = unpack_one(&folder, file, track, (&stop, &tell)).await? {
                report.unpacked.push(unpacked);
            }
        }
    }
    Ok(report)
}

/// Brings the files, the largest first; answers them in the order they had.
async fn bring_all(
    courier: &Courier<'_>,
    files: Vec<RemoteFile>,
    jobs: NonZero<usize>,
) -> Result<Vec<Brought>, ClientError> {
    let mut queue: Vec<(usize, RemoteFile)> = files.into_iter().enumerate().collect();
    queue.sort_by_key(|(_, file)| std::cmp::Reverse(file.size));
    let jobs_of_all = queue.into_iter().map(|(place, file)| async move { (place, courier.bring(file).await) });
    let mut under_way = futures_util::stream::iter(jobs_of_all).buffer_unordered(jobs.get());
    let (mut brought, mut first_error) = (Vec::new(), None);
    while let Some((place, outcome)) = under_way.next().await {
        match outcome {
            Ok(file) => brought.push((place, file)),
            Err(error) if error.is_of_one_file() => {
                if first_error.is_some() {
                    courier.gauge.say(error.to_string());
                }
                first_error.get_or_insert(error);
            }
            // The others stop by themselves, and write what they have first.
            Err(ClientError::Stopped) => first_error = Some(ClientError::Stopped),
            Err(error) => return Err(error),
        }
    }
    brought.sort_by_key(|(place, _)| *place);
    first_error.map_or_else(|| Ok(brought.into_iter().map(|(_, file)| file).collect()), Err)
}

async fn unpack_one(
    folder: &Arc<Folder>,
    file: &RemoteFile,
    track: &TrackName,
    (stop, tell): (&watch::Receiver<bool>, &Tell),
) -> Result<Option<Unpacked>, ClientError> {
    if !file.name.ends_with(".tar") || folder.is_unpacked(file, track.slug()) {
        return Ok(None);
    }
    tell(Event::Said(format!("unpacking {}", file.name)));
    let (inside, name, slug, stop) = (Arc::clone(folder), file.name.clone(), track.slug().to_owned(), stop.clone());
    let written = blocking(folder.path(&file.name), move || {
        unpack::unpack(&inside.path(&name), inside.root(), &slug, &|| *stop.borrow())
    });
    let Some(written) = written.await? else {
        tell(Event::Said(format!("{} holds no {}/ and stays packed", file.name, track.slug())));
        return Ok(None);
    };
    folder.mark_unpacked(file)?;
    Ok(Some(Unpacked { name: file.name.clone(), written }))
}

/// The list a run begins with.
async fn first_list(
    api: &Api,
    track: &TrackName,
    stop: &watch::Receiver<bool>,
) -> Result<Vec<RemoteFile>, ClientError> {
    let mut tries = Tries::new(api.patience(), format!("the list of {track}"));
    loop {
        let answer = tokio::select! {
            answer = api.files(track) => answer,
            () = stopped(stop) => return Err(ClientError::Stopped),
        };
        match answer {
            Ok(files) => return Ok(files),
            Err(Trouble::Lasting(error)) => return Err(error),
            Err(Trouble::Passing { why, wish }) => pause(tries.failed(why, wish)?, stop).await?,
        }
    }
}

/// Waits, unless it is told to stop.
async fn pause(delay: std::time::Duration, stop: &watch::Receiver<bool>) -> Result<(), ClientError> {
    tokio::select! {
        () = tokio::time::sleep(delay) => Ok(()),
        () = stopped(stop) => Err(ClientError::Stopped),
    }
}

async fn stopped(stop: &watch::Receiver<bool>) {
    // A sender that is gone means stop, too.
    let _ = stop.clone().wait_for(|stop| *stop).await;
}

/// Does work on files outside of the runtime's threads.
async fn blocking<T: Send + 'static>(
    path: PathBuf,
    work: impl FnOnce() -> Result<T, ClientError> + Send + 'static,
) -> Result<T, ClientError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(ClientError::io(&path)(io::Error::other(error))))
}
