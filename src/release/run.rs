//! A release from beginning to end: decide which files to make, keep those that exist already,
//! write the others, and publish all of them in one transaction.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use scoring::Split;
use track_files::TrackDirectory;

use super::inventory::{self, Content, Inventory, Item, Planned, Remarks, Source};
use super::journal::{Entry, Journal};
use super::pack::{self, Packed};

use super::{ReleaseError, verbatim};
use crate::app::App;
use crate::domain::ids::FileId;
use crate::domain::release::FileName;
use crate::domain::sha256::Sha256;
use crate::domain::slug::TrackPath;
use crate::objects::ObjectKey;
use crate::store;
use crate::store::release::{PackedFile, ReleaseFile};
use crate::store::track::Track;

/// The file with the hashes of all other files.
const SUMS: &str = "SHA256SUMS";

/// What to release.
#[derive(Debug, Clone)]
pub struct Request {
    /// The track.
    pub track: TrackPath,
    /// Its directory; if `None`, the one it was imported from.
    pub from: Option<PathBuf>,
    /// Archives to release unchanged, instead of those that would be made from the directory.
    pub verbatim: Vec<PathBuf>,
}

/// How far a release has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReleaseProgress {
    /// Bytes processed so far.
    pub done: u64,
    /// Bytes in all, not counting what archives add.
    pub total: u64,
}

/// A release.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// What participants see, in the order of the list.
    pub files: Vec<ReleaseFile>,
    /// How many of them this run wrote.
    pub written: usize,
    /// What the organiser should know.
    pub remarks: Remarks,
}

/// Makes the release of a track, or continues one that was interrupted.
///
/// # Errors
/// See [`ReleaseError`]. Until the whole release is complete, participants see the one before.
pub async fn make(
    app: &App,
    request: &Request,
    stop: &Arc<AtomicBool>,
    on_progress: &mut (dyn FnMut(ReleaseProgress) + Send),
) -> Result<Outcome, ReleaseError> {
    let track = store::track::by_path(&app.db, &request.track).await?;
    let track = track.ok_or_else(|| ReleaseError::NoTrack(request.track.to_string()))?;
    let inventory = take_inventory(app, &track, request).await?;
    let journal = Journal::open(app.objects.building(), track.id)?;
    let journal = journal.ok_or_else(|| ReleaseError::Busy(track.path().to_string()))?;
    let current = store::release::files(&app.db, track.id).await?;
    let mut run = Run { app, track: &track, journal, current, stop, files: Vec::new() };
    let mut progress = ReleaseProgress { done: 0, total: inventory.files.iter().map(Planned::size).sum() };
    let mut written = 0;
    for planned in &inventory.files {
        let before = progress.done;
        let mut add = |bytes: u64| {
            progress.done = (progress.done + bytes).min(before + planned.size());
            on_progress(progress);
        };
        written += usize::from(run.file(planned, &mut add).await?);
        progress.done = before + planned.size();
        on_progress(progress);
    }
    let sums = run.sums()?;
    written += usize::from(run.file(&sums, &mut |_| {}).await?);
    let files = run.publish().await?;
    Ok(Outcome { files, written, remarks: inventory.remarks })
}

async fn take_inventory(app: &App, track: &Track, request: &Request) -> Result<Inventory, ReleaseError> {
    let kind = track.settings.kind;
    if !request.verbatim.is_empty() {
        let paths = request.verbatim.clone();
        let planned = tokio::task::spawn_blocking(move || {
            paths.iter().map(|path| verbatim::archive(path, kind)).collect::<Result<Vec<_>, _>>()
        });
        let files = planned.await.map_err(|error| ReleaseError::Objects(std::io::Error::other(error)))??;
        return distinct(Inventory { files, remarks: Remarks::default() });
    }
    let root = match &request.from {
        Some(root) => root.clone(),
        None => store::track::source(&app.db, track.id)
            .await?
            .map(PathBuf::from)
            .ok_or_else(|| ReleaseError::NoSource(track.path().to_string()))?,
    };
    let (shape, path) = (track.shape.clone(), track.path().to_string());
    let planned = tokio::task::spawn_blocking(move || {
        let mut directory = TrackDirectory::read(&root, shape.slug(), &Split::ALL).map_err(ReleaseError::Directory)?;
        // The rule may have been given on the command line.
        directory.shape = directory.shape.with_ranking(shape.ranking());
        if directory.shape != shape {
            return Err(ReleaseError::AnotherTrack { directory: root, track: path });
        }
        inventory::directory(&root, kind, &directory)
    });
    distinct(planned.await.map_err(|error| ReleaseError::Objects(std::io::Error::other(error)))??)
}

/// Checks that the names differ, and that none is that of the list of hashes.
fn distinct(inventory: Inventory) -> Result<Inventory, ReleaseError> {
    let mut names: Vec<&str> = inventory.files.iter().map(|file| file.name.as_str()).collect();
    names.push(SUMS);
    names.sort_unstable();
    match names.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(ReleaseError::TwoOfAName(pair[0].to_owned())),
        None => Ok(inventory),
    }
}

struct Run<'a> {
    app: &'a App,
    track: &'a Track,
    journal: Journal,
    /// What participants see before this release.
    current: Vec<ReleaseFile>,
    stop: &'a Arc<AtomicBool>,
    files: Vec<(ReleaseFile, Vec<PackedFile>)>,
}

impl Run<'_> {
    /// Makes sure that one file exists; returns whether it had to be written.
    async fn file(&mut self, planned: &Planned, on_bytes: &mut (dyn FnMut(u64) + Send)) -> Result<bool, ReleaseError> {
        let fingerprint = planned.fingerprint();
        let current = self.current.iter().find(|file| file.name == planned.name).cloned();
        if let Some(current) = &current
            && current.fingerprint == fingerprint
            && self.is_stored(current.id, &planned.name, current.size).await?
        {
            let packed_files = store::release::packed_files(&self.app.db, current.id).await?;
            self.files.push((current.clone(), packed_files));
            return Ok(false);
        }
        let (id, packed) = self.write(planned, fingerprint, on_bytes).await?;
        let mut file = self.describe(planned, id, fingerprint, &packed);
        // If the bytes are the same as before, the file keeps its id, and so its address.
        let same = current.filter(|current| current.sha256 == packed.sha256 && current.size == packed.size);
        if let Some(same) = same.filter(|same| same.id != id)
            && self.is_stored(same.id, &same.name, same.size).await?
        {
            self.app.objects.remove_release(id).await.map_err(ReleaseError::Objects)?;
            file.id = same.id;
            file.released_at = same.released_at;
        }
        self.files.push((file, packed.files));
        Ok(true)
    }

    fn describe(&self, planned: &Planned, id: FileId, fingerprint: Sha256, packed: &Packed) -> ReleaseFile {
        ReleaseFile {
            id,
            name: planned.name.clone(),
            scenario: planned.scenario.clone(),
            split: planned.split,
            size: packed.size,
            sha256: packed.sha256,
            fingerprint,
            is_bundle: planned.is_bundle,
            is_verbatim: planned.is_verbatim(),
            released_at: self.app.clock.now(),
        }
    }

    /// Whether the object storage has the complete file.
    async fn is_stored(&self, id: FileId, name: &FileName, size: u64) -> Result<bool, ReleaseError> {
        let found = self.app.objects.size(&ObjectKey::Release(id, name.clone())).await;
        Ok(found.map_err(ReleaseError::Objects)? == Some(size))
    }

    /// Writes a file, continuing what an earlier run has written of it.
    async fn write(
        &self,
        planned: &Planned,
        fingerprint: Sha256,
        on_bytes: &mut (dyn FnMut(u64) + Send),
    ) -> Result<(FileId, Packed), ReleaseError> {
        let (name, note) = (&planned.name, self.journal.draft_note(&planned.name));
        let mut id = FileId::generate();
        if let Some(entry) = self.journal.read(name) {
            let key = ObjectKey::Release(entry.id, name.clone());
            if entry.fingerprint == fingerprint {
                if let Some(packed) = entry.packed
                    && self.is_stored(entry.id, name, packed.size).await?
                {
                    return Ok((entry.id, packed));
                }
                id = entry.id;
            } else if !self.current.iter().any(|file| file.id == entry.id) {
                self.app.objects.discard_draft(entry.id, &key, &note).await.map_err(ReleaseError::Objects)?;
            }
        }
        self.journal.write(name, &Entry { id, fingerprint, packed: None })?;
        let key = ObjectKey::Release(id, name.clone());
        let packed = match self.pack(planned, &key, on_bytes).await {
            // S3 does not know the noted upload any more: a rule has removed it, or it was
            // completed just before an earlier run ended.
            Err(ReleaseError::Objects(error)) if error.kind() == std::io::ErrorKind::NotFound => {
                self.app.objects.discard_draft(id, &key, &note).await.map_err(ReleaseError::Objects)?;
                self.pack(planned, &key, on_bytes).await?
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
        on_bytes: &mut (dyn FnMut(u64) + Send),
    ) -> Result<Packed, ReleaseError> {
        let note = self.journal.draft_note(&planned.name);
        let draft = self.app.objects.draft(key, planned.size(), &note).await.map_err(ReleaseError::Objects)?;
        pack::pack(planned, draft, self.stop, on_bytes).await
    }

    /// The list of hashes, as `sha256sum --check` reads it.
    fn sums(&self) -> Result<Planned, ReleaseError> {
        let mut text = String::new();
        for (file, _) in &self.files {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{}  {}", file.sha256, file.name);
        }
        let bytes = text.into_bytes();
        let item = Item { path: SUMS.to_owned(), size: bytes.len() as u64, source: Source::Made(bytes) };
        let content = Content::Verbatim(item);
        Ok(Planned { name: SUMS.parse()?, scenario: None, split: None, content, is_bundle: false })
    }

    /// Lets participants see the new files, and removes those they saw before and unused drafts.
    async fn publish(self) -> Result<Vec<ReleaseFile>, ReleaseError> {
        let mut db = self.app.db.begin().await?;
        store::release::publish(&mut db, self.track.id, &self.files).await?;
        db.commit().await?;
        for old in &self.current {
            if self.files.iter().all(|(file, _)| file.id != old.id)
                && let Err(error) = self.app.objects.remove_release(old.id).await
            {
                tracing::warn!(%error, file = %old.name, "could not remove a file that was replaced; the sweeper will");
            }
        }
        for name in self.journal.names()? {
            let Some(entry) = self.journal.read(&name) else { continue };
            let is_used = self.files.iter().any(|(file, _)| file.id == entry.id);
            if !is_used && !self.current.iter().any(|file| file.id == entry.id) {
                // A draft for a release with other files that was not completed.
                let (key, note) = (ObjectKey::Release(entry.id, name.clone()), self.journal.draft_note(&name));
                self.app.objects.discard_draft(entry.id, &key, &note).await.map_err(ReleaseError::Objects)?;
            }
            self.journal.forget(&name)?;
        }
        Ok(self.files.into_iter().map(|(file, _)| file).collect())
    }
}
