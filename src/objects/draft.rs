//! A file for participants while it is being written, to disk or to S3 in parts. What has been
//! stored durably is noted in a file on this machine, so that a process that continues after
//! another was killed need not write it again.

use std::collections::BTreeMap;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::body::Bytes;
use object_store::aws::AmazonS3;
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path as ObjectPath;
use object_store::{ObjectStoreExt, PutPayload};
use tokio::task::{JoinSet, spawn_blocking};

use super::folder;
use super::s3::to_io;
use super::{Backend, ObjectKey, Objects};

/// Bytes written to disk between two notes. Each note needs a flush first, which is slow.
const NOTE_EVERY: u64 = 256 << 20;
/// The smallest part of a multipart upload, in bytes. S3 accepts at most 10,000 parts, and none
/// below 5 MiB except the last.
const SMALLEST_PART: u64 = 16 << 20;
const MAX_PARTS: u64 = 9_000;
/// Parts uploaded at the same time; each is in memory.
const PARTS_IN_FLIGHT: usize = 3;

/// A file that does not have its key yet. It cannot be read before [`finish`](Self::finish).
///
/// A draft that is resumed must be written with the same bytes in the same order as before.
#[derive(Debug)]
pub struct Draft {
    sink: Sink,
    /// Bytes at the beginning that an earlier process has stored.
    durable: u64,
    /// Bytes given to [`write`](Self::write), including those.
    handed_in: u64,
}

#[derive(Debug)]
enum Sink {
    Disk(DiskSink),
    S3(S3Sink),
}

impl Objects {
    /// Begins a file of `size` bytes, or resumes the draft that is noted in the file `note` of this
    /// machine.
    ///
    /// # Errors
    /// The disk or S3 fails.
    pub async fn draft(&self, key: &ObjectKey, size: u64, note: &Path) -> io::Result<Draft> {
        let (sink, durable) = match &self.backend {
            Backend::Disk(disk) => {
                let (sink, durable) = DiskSink::open(disk.path(key), Note::read(note)?)?;
                (Sink::Disk(sink), durable)
            }
            Backend::S3(s3) => {
                let (sink, durable) = S3Sink::open(s3.client(), s3.path(key), size, Note::read(note)?)?;
                (Sink::S3(sink), durable)
            }
        };
        Ok(Draft { sink, durable, handed_in: 0 })
    }

    /// Removes the draft that is noted in the file `note`, and the note.
    ///
    /// # Errors
    /// The disk or S3 fails.
    pub async fn discard_draft(&self, id: crate::domain::ids::FileId, key: &ObjectKey, note: &Path) -> io::Result<()> {
        let noted = Note::read(note)?;
        if let (Backend::S3(s3), Some(upload)) =
            (&self.backend, noted.lines.first().and_then(|line| Upload::parse(line)))
        {
            match s3.client().abort_multipart(&s3.path(key), &upload.id).await {
                // It may be complete, or removed already.
                Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(to_io(error)),
            }
        }
        self.remove_release(id).await?;
        noted.remove()
    }
}

impl Draft {
    /// Bytes at the beginning that an earlier process has stored.
    pub fn durable(&self) -> u64 {
        self.durable
    }

    /// Adds bytes. Those that an earlier process has stored are skipped.
    ///
    /// # Errors
    /// The disk or S3 fails; the draft can be resumed.
    pub async fn write(&mut self, mut bytes: Bytes) -> io::Result<()> {
        let known = self.durable.saturating_sub(self.handed_in);
        self.handed_in += bytes.len() as u64;
        if known > 0 {
            let known = usize::try_from(known).unwrap_or(usize::MAX).min(bytes.len());
            bytes = bytes.slice(known..);
        }
        if bytes.is_empty() {
            return Ok(());
        }
        match &mut self.sink {
            Sink::Disk(sink) => sink.write(bytes).await,
            Sink::S3(sink) => sink.write(bytes).await,
        }
    }

    /// Gives the file its key. All of it is durable when this returns.
    ///
    /// # Errors
    /// The disk or S3 fails; the draft can be resumed.
    pub async fn finish(self) -> io::Result<()> {
        match self.sink {
            Sink::Disk(sink) => sink.finish().await,
            Sink::S3(sink) => sink.finish().await,
        }
    }
}

/// A file on this machine with a line for each thing that was stored. An incomplete last line is
/// ignored.
#[derive(Debug)]
struct Note {
    path: PathBuf,
    lines: Vec<String>,
}

impl Note {
    fn read(path: &Path) -> io::Result<Self> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error),
        };
        let whole = text.rfind('\n').map_or("", |end| &text[..=end]);
        if whole.len() < text.len() {
            // A line that is added now must not continue an incomplete one.
            std::fs::write(path, whole)?;
        }
        Ok(Self { path: path.to_owned(), lines: whole.lines().map(str::to_owned).collect() })
    }

    fn add(&self, line: &str) -> io::Result<()> {
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(&self.path)?;
        file.write_all(format!("{line}\n").as_bytes())?;
        file.sync_data()
    }

    fn remove(&self) -> io::Result<()> {
        folder::ignore_missing(std::fs::remove_file(&self.path))
    }
}

#[derive(Debug)]
struct DiskSink {
    file: Arc<std::fs::File>,
    part: PathBuf,
    whole: PathBuf,
    note: Note,
    written: u64,
    noted: u64,
}

impl DiskSink {
    fn open(whole: PathBuf, note: Note) -> io::Result<(Self, u64)> {
        folder::make_private(folder::parent(&whole))?;
        let mut part = whole.clone().into_os_string();
        part.push(".part");
        let part = PathBuf::from(part);
        let mut file = std::fs::OpenOptions::new().create(true).write(true).truncate(false).open(&part)?;
        let noted = note.lines.last().and_then(|line| line.parse().ok()).unwrap_or(0);
        let durable = if file.metadata()?.len() >= noted { noted } else { 0 };
        file.set_len(durable)?;
        file.seek(SeekFrom::End(0))?;
        Ok((Self { file: Arc::new(file), part, whole, note, written: durable, noted: durable }, durable))
    }

    async fn write(&mut self, bytes: Bytes) -> io::Result<()> {
        self.written += bytes.len() as u64;
        let is_due = self.written - self.noted >= NOTE_EVERY;
        let file = Arc::clone(&self.file);
        let written = spawn_blocking(move || {
            (&*file).write_all(&bytes)?;
            if is_due { file.sync_data() } else { Ok(()) }
        });
        written.await.map_err(io::Error::other)??;
        if is_due {
            self.note.add(&self.written.to_string())?;
            self.noted = self.written;
        }
        Ok(())
    }

    async fn finish(self) -> io::Result<()> {
        let finished = spawn_blocking(move || {
            self.file.sync_all()?;
            std::fs::rename(&self.part, &self.whole)?;
            std::fs::File::open(folder::parent(&self.whole))?.sync_all()?;
            self.note.remove()
        });
        finished.await.map_err(io::Error::other)?
    }
}

/// A multipart upload, as in the first line of its note.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Upload {
    part_size: u64,
    id: String,
}

impl Upload {
    fn parse(line: &str) -> Option<Self> {
        let (part_size, id) = line.split_once(' ')?;
        Some(Self { part_size: part_size.parse().ok()?, id: id.to_owned() })
    }

    fn line(&self) -> String {
        format!("{} {}", self.part_size, self.id)
    }
}

#[derive(Debug)]
struct S3Sink {
    client: Arc<AmazonS3>,
    path: ObjectPath,
    note: Note,
    part_size: u64,
    /// `None` while everything fits into one part.
    upload: Option<Upload>,
    /// The ids that S3 gave the stored parts, by part number from 0.
    arrived: BTreeMap<usize, String>,
    /// The number of the part that is being filled.
    next_part: usize,
    /// The bytes of that part so far.
    filling: Vec<Bytes>,
    filled: u64,
    uploading: JoinSet<object_store::Result<(usize, PartId)>>,
}

impl S3Sink {
    fn open(client: Arc<AmazonS3>, path: ObjectPath, size: u64, note: Note) -> io::Result<(Self, u64)> {
        let upload = note.lines.first().and_then(|line| Upload::parse(line));
        let part_size = upload.as_ref().map_or_else(|| part_size(size), |upload| upload.part_size);
        let part = |line: &String| {
            let (number, id) = line.split_once(' ')?;
            Some((number.parse().ok()?, id.to_owned()))
        };
        let mut arrived: BTreeMap<usize, String> = BTreeMap::new();
        if upload.is_some() {
            arrived.extend(note.lines.iter().skip(1).filter_map(part));
        }
        // Parts after a gap are uploaded again.
        let next_part = (0..).take_while(|number| arrived.contains_key(number)).count();
        arrived.split_off(&next_part);
        let durable = next_part as u64 * part_size;
        let (filling, uploading) = (Vec::new(), JoinSet::new());
        Ok((Self { client, path, note, part_size, upload, arrived, next_part, filling, filled: 0, uploading }, durable))
    }

    async fn write(&mut self, mut bytes: Bytes) -> io::Result<()> {
        while !bytes.is_empty() {
            let room = usize::try_from(self.part_size - self.filled).unwrap_or(usize::MAX);
            let taken = bytes.split_to(room.min(bytes.len()));
            self.filled += taken.len() as u64;
            self.filling.push(taken);
            if self.filled == self.part_size {
                self.send().await?;
            }
        }
        Ok(())
    }

    /// Starts to upload the part that was filled, and waits while too many are being uploaded.
    async fn send(&mut self) -> io::Result<()> {
        let upload = match self.upload.clone() {
            Some(upload) => upload,
            None => self.begin().await?,
        };
        let (client, path, number) = (Arc::clone(&self.client), self.path.clone(), self.next_part);
        let payload: PutPayload = std::mem::take(&mut self.filling).into_iter().collect();
        self.uploading.spawn(async move { Ok((number, client.put_part(&path, &upload.id, number, payload).await?)) });
        self.next_part += 1;
        self.filled = 0;
        while self.uploading.len() >= PARTS_IN_FLIGHT {
            self.note_one().await?;
        }
        Ok(())
    }

    async fn begin(&mut self) -> io::Result<Upload> {
        let id = self.client.create_multipart(&self.path).await.map_err(to_io)?;
        let upload = Upload { part_size: self.part_size, id };
        self.note.add(&upload.line())?;
        self.upload = Some(upload.clone());
        Ok(upload)
    }

    /// Waits until one part is stored, and notes it.
    async fn note_one(&mut self) -> io::Result<()> {
        let Some(sent) = self.uploading.join_next().await else { return Ok(()) };
        let (number, part) = sent.map_err(io::Error::other)?.map_err(|error| self.lost(error))?;
        self.note.add(&format!("{number} {}", part.content_id))?;
        self.arrived.insert(number, part.content_id);
        Ok(())
    }

    /// Forgets an upload that S3 does not know any more, so that the next run begins a new one.
    fn lost(&self, error: object_store::Error) -> io::Error {
        if matches!(error, object_store::Error::NotFound { .. }) {
            // If the note cannot be removed, the next run fails in the same way.
            let _ = self.note.remove();
        }
        to_io(error)
    }

    async fn finish(mut self) -> io::Result<()> {
        let Some(upload) = self.upload.clone() else {
            let payload: PutPayload = std::mem::take(&mut self.filling).into_iter().collect();
            self.client.put(&self.path, payload).await.map_err(to_io)?;
            return self.note.remove();
        };
        if self.filled > 0 {
            self.send().await?;
        }
        while !self.uploading.is_empty() {
            self.note_one().await?;
        }
        let parts = self.arrived.values().map(|id| PartId { content_id: id.clone() }).collect();
        let completed = self.client.complete_multipart(&self.path, &upload.id, parts).await;
        completed.map_err(|error| self.lost(error))?;
        self.note.remove()
    }
}

/// The size of every part but the last, for a file of `size` bytes.
fn part_size(size: u64) -> u64 {
    size.div_ceil(MAX_PARTS).max(SMALLEST_PART)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_file_fits_into_the_parts_that_s3_takes() {
        for size in [0, 1, SMALLEST_PART, 256_000_000_000, 4 << 40] {
            assert!(size.div_ceil(part_size(size)) <= 10_000, "{size}");
            assert!(part_size(size) >= 5 << 20);
        }
    }

    #[test]
    fn a_torn_line_of_a_note_is_not_believed_and_not_continued() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("note");
        std::fs::write(&path, "268435456\n5368709").expect("written");
        let note = Note::read(&path).expect("a note");
        assert_eq!(note.lines, ["268435456"]);
        note.add("536870912").expect("added");
        assert_eq!(std::fs::read_to_string(&path).expect("read"), "268435456\n536870912\n");
    }
}
