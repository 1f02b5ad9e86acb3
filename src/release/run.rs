//! A release from its beginning to its end: survey, what is there already, what is written anew, and the transaction in
//! which participants come to see it.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use scoring::Split;

use super::journal::{Entry, Journal};
use super::pack::{self, Packed};
use super::survey::{self, Content, Item, Planned, Remarks, Source, Survey};
use super::{ReleaseError, as_it_is};
use crate::app::App;
use crate::domain::ids::FileId;
use crate::domain::release::FileName;
use crate::domain::slug::TrackPath;
use crate::importer::mico_directory::TrackDirectory;
use crate::objects::ObjectKey;
use crate::store;
use crate::store::release::{Member, ReleaseFile};
use crate::store::track::Track;

/// What lists the hashes of all other files.
const SUMS: &str = "SHA256SUMS";

/// What to release.
#[derive(Debug, Clone)]
pub struct Request {
    /// The track.
    pub track: TrackPath,
    /// Its directory; where it was imported from if not given.
    pub from: Option<PathBuf>,
    /// Archives to host as they are, in place of those that would be made from the directory.
    pub as_it_is: Vec<PathBuf>,
}

/// How far a release has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Bytes that are done.
    pub done: u64,
    /// Bytes in all, without what archives add.
    pub total: u64,
}

/// A release that was made, or stood already.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// What participants see, in the order of the list.
    pub files: Vec<ReleaseFile>,
    /// How many of them are new.
    pub written: usize,
    /// What the organiser should know.
    pub remarks: Remarks,
}

/// Makes the release of a track, or goes on with one that was interrupted.
///
/// # Errors
/// See [`ReleaseError`]. Participants see what they saw before, until all of it is whole.
pub async fn make(
    app: &App,
    request: &Request,
    stop: &Arc<AtomicBool>,
    told: &mut (dyn FnMut(Progress) + Send),
) -> Result<Outcome, ReleaseError> {
    let track = store::track::by_path(&app.db, &request.track).await?;
    let track = track.ok_or_else(|| ReleaseError::NoTrack(request.track.to_string()))?;
    let survey = survey(app, &track, request).await?;
    let journal = Journal::open(app.objects.building(), track.id)?;
    let journal = journal.ok_or_else(|| ReleaseError::Busy(track.path().to_string()))?;
    let standing = store::release::files(&app.db, track.id).await?;
    let mut run = Run { app, track: &track, journal, standing, stop, files: Vec::new() };
    let mut progress = Progress { done: 0, total: survey.files.iter().map(Planned::size).sum() };
    let mut written = 0;
    for planned in &survey.files {
        let before = progress.done;
        let mut add = |bytes: u64| {
            progress.done = (progress.done + bytes).min(before + planned.size());
            told(progress);
        };
        written += usize::from(run.file(planned, &mut add).await?);
        progress.done = before + planned.size();
        told(progress);
    }
    let sums = run.sums()?;
    written += usize::from(run.file(&sums, &mut |_| {}).await?);
    let files = run.publish().await?;
    Ok(Outcome { files, written, remarks: survey.remarks })
}

async fn survey(app: &App, track: &Track, request: &Request) -> Result<Survey, ReleaseError> {
    let kind = track.settings.kind;
    if !request.as_it_is.is_empty() {
        let paths = request.as_it_is.clone();
        let looked = tokio::task::spawn_blocking(move || {
            paths.iter().map(|path| as_it_is::archive(path, kind)).collect::<Result<Vec<_>, _>>()
        });
        let files = looked.await.map_err(|error| ReleaseError::Objects(std::io::Error::other(error)))??;
        return distinct(Survey { files, remarks: Remarks::default() });
    }
    let root = match &request.from {
        Some(root) => root.clone(),
        None => store::track::source(&app.db, track.id)
            .await?
            .map(PathBuf::from)
            .ok_or_else(|| ReleaseError::NoSource(track.path().to_string()))?,
    };
    let (shape, path) = (track.shape.clone(), track.path().to_string());
    let looked = tokio::task::spawn_blocking(move || {
        let directory = TrackDirectory::read(&root, shape.slug(), &Split::ALL).map_err(ReleaseError::Directory)?;
        if directory.shape != shape {
            return Err(ReleaseError::AnotherTrack { directory: root, track: path });
        }
        survey::directory(&root, kind, &directory)
    });
    distinct(looked.await.map_err(|error| ReleaseError::Objects(std::io::Error::other(error)))??)
}

/// Names must differ, and none may be that of the list of hashes.
fn distinct(survey: Survey) -> Result<Survey, ReleaseError> {
    let mut names: Vec<&str> = survey.files.iter().map(|file| file.name.as_str()).collect();
    names.push(SUMS);
    names.sort_unstable();
    match names.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(ReleaseError::TwoOfAName(pair[0].to_owned())),
        None => Ok(survey),
    }
}

struct Run<'a> {
    app: &'a App,
    track: &'a Track,
    journal: Journal,
    /// What participants see so far.
    standing: Vec<ReleaseFile>,
    stop: &'a Arc<AtomicBool>,
    files: Vec<(ReleaseFile, Vec<Member>)>,
}

impl Run<'_> {
    /// Sees to one file; answers whether it was written.
    async fn file(&mut self, planned: &Planned, told: &mut (dyn FnMut(u64) + Send)) -> Result<bool, ReleaseError> {
        let fingerprint = planned.fingerprint();
        let standing = self.standing.iter().find(|file| file.name == planned.name).cloned();
        if let Some(standing) = &standing
            && standing.fingerprint == fingerprint
            && self.is_whole(standing.id, &planned.name, standing.size).await?
        {
            let members = store::release::members(&self.app.db, standing.id).await?;
            self.files.push((standing.clone(), members));
            return Ok(false);
        }
        let (id, packed) = self.write(planned, fingerprint, told).await?;
        let mut file = self.describe(planned, id, fingerprint, &packed);
        // The same bytes as before keep their address.
        let same = standing.filter(|standing| standing.sha256 == packed.sha256 && standing.size == packed.size);
        if let Some(same) = same.filter(|same| same.id != id)
            && self.is_whole(same.id, &same.name, same.size).await?
        {
            self.app.objects.remove_release(id).await.map_err(ReleaseError::Objects)?;
            file.id = same.id;
            file.released_at = same.released_at;
        }
        self.files.push((file, packed.members));
        Ok(true)
    }

    fn describe(&self, planned: &Planned, id: FileId, fingerprint: [u8; 32], packed: &Packed) -> ReleaseFile {
        ReleaseFile {
            id,
            name: planned.name.clone(),
            scenario: planned.scenario.clone(),
            split: planned.split,
            size: packed.size,
            sha256: packed.sha256,
            fingerprint,
            is_whole: planned.is_whole,
            is_as_it_is: planned.is_as_it_is(),
            released_at: self.app.clock.now(),
        }
    }

    async fn is_whole(&self, id: FileId, name: &FileName, size: u64) -> Result<bool, ReleaseError> {
        let found = self.app.objects.size(&ObjectKey::Release(id, name.clone())).await;
        Ok(found.map_err(ReleaseError::Objects)? == Some(size))
    }

    /// Writes a file, or what an earlier run left of it.
    async fn write(
        &self,
        planned: &Planned,
        fingerprint: [u8; 32],
        told: &mut (dyn FnMut(u64) + Send),
    ) -> Result<(FileId, Packed), ReleaseError> {
        let (name, note) = (&planned.name, self.journal.draft_note(&planned.name));
        let mut id = FileId::generate();
        if let Some(entry) = self.journal.read(name) {
            let key = ObjectKey::Release(entry.id, name.clone());
            if entry.fingerprint == fingerprint {
                if let Some(packed) = entry.packed
                    && self.is_whole(entry.id, name, packed.size).await?
                {
                    return Ok((entry.id, packed));
                }
                id = entry.id;
            } else if !self.standing.iter().any(|file| file.id == entry.id) {
                self.app.objects.discard_draft(entry.id, &key, &note).await.map_err(ReleaseError::Objects)?;
            }
        }
        self.journal.write(name, &Entry { id, fingerprint, packed: None })?;
        let key = ObjectKey::Release(id, name.clone());
        let packed = match self.pack(planned, &key, told).await {
            // A bucket that forgot an upload it had begun, or had finished just before the end of an earlier run.
            Err(ReleaseError::Objects(error)) if error.kind() == std::io::ErrorKind::NotFound => {
                self.app.objects.discard_draft(id, &key, &note).await.map_err(ReleaseError::Objects)?;
                self.pack(planned, &key, told).await?
            }
            packed => packed?,
        };
        self.journal.write(name, &Entry { id, fingerprint, packed: Some(packed.clone()) })?;
        Ok((id, packed))
    }

    async fn pack(
        &self,
        planned: &Planned,
        key: &ObjectKey,
        told: &mut (dyn FnMut(u64) + Send),
    ) -> Result<Packed, ReleaseError> {
        let note = self.journal.draft_note(&planned.name);
        let draft = self.app.objects.draft(key, planned.size(), &note).await.map_err(ReleaseError::Objects)?;
        pack::pack(planned, draft, self.stop, told).await
    }

    /// The list of hashes, as `sha256sum --check` reads it.
    fn sums(&self) -> Result<Planned, ReleaseError> {
        let mut text = String::new();
        for (file, _) in &self.files {
            // A string takes whatever is written to it.
            let _ = writeln!(text, "{}  {}", hex::encode(file.sha256), file.name);
        }
        let bytes = text.into_bytes();
        let item = Item { path: SUMS.to_owned(), size: bytes.len() as u64, source: Source::Made(bytes) };
        let content = Content::AsItIs(item);
        Ok(Planned { name: SUMS.parse()?, scenario: None, split: None, content, is_whole: false })
    }

    /// Lets participants see what is there, and clears away what they saw before.
    async fn publish(self) -> Result<Vec<ReleaseFile>, ReleaseError> {
        let mut db = self.app.db.begin().await?;
        store::release::publish(&mut db, self.track.id, &self.files).await?;
        db.commit().await?;
        for old in &self.standing {
            if self.files.iter().all(|(file, _)| file.id != old.id)
                && let Err(error) = self.app.objects.remove_release(old.id).await
            {
                tracing::warn!(%error, file = %old.name, "could not remove a file that was replaced; the sweeper will");
            }
        }
        for name in self.journal.names()? {
            let Some(entry) = self.journal.read(&name) else { continue };
            let is_of_this = self.files.iter().any(|(file, _)| file.id == entry.id);
            if !is_of_this && !self.standing.iter().any(|file| file.id == entry.id) {
                // Begun for a release that was to have other files.
                let (key, note) = (ObjectKey::Release(entry.id, name.clone()), self.journal.draft_note(&name));
                self.app.objects.discard_draft(entry.id, &key, &note).await.map_err(ReleaseError::Objects)?;
            }
            self.journal.forget(&name)?;
        }
        Ok(self.files.into_iter().map(|(file, _)| file).collect())
    }
}
