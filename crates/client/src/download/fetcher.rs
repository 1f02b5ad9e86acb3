//! Fetches one file, whatever happens on the way: connections that break, servers that are busy,
//! addresses that expire, a file that is replaced on the server meanwhile, bytes that are wrong.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Response;
use tokio::sync::watch;

use super::folder::{Folder, LocalFile};
use super::part::{HashCallbacks, Part};
use super::progress::{DownloadProgress, FileCounts};
use super::{DownloadedFile, FetchOutcome, blocking, pause, stopped};
use crate::api::{FileAnswer, RequestError, reason};
use crate::retry_policy::Tries;
use crate::{Api, ClientError, RemoteFile, TrackName};

/// Bytes collected in memory before they are written to disk.
const WRITE_BYTES: usize = 1 << 20;
/// How often a file may be replaced on the server while it is fetched.
const MAX_REPLACEMENTS: u32 = 4;
/// Waits of at least this long are reported.
const LONG_WAIT: Duration = Duration::from_secs(4);

/// The server's list of files, shared by all jobs: its addresses expire for all files at once, so
/// one new list serves every job.
#[derive(Debug)]
pub(super) struct FileList {
    api: Api,
    track: TrackName,
    /// The newest list and its number.
    newest: tokio::sync::Mutex<(u64, Vec<RemoteFile>)>,
}

impl FileList {
    /// Takes the first list, which has number 0.
    pub(super) fn new(api: Api, track: TrackName, files: Vec<RemoteFile>) -> Self {
        Self { api, track, newest: tokio::sync::Mutex::new((0, files)) }
    }

    /// Asks for a list newer than number `seen`, unless another job has done so. Returns the list's
    /// number and its file of this name, if there still is one.
    async fn newer(&self, seen: u64, name: &str) -> Result<(u64, Option<RemoteFile>), RequestError> {
        let mut newest = self.newest.lock().await;
        if newest.0 <= seen {
            *newest = (newest.0 + 1, self.api.files(&self.track).await?);
        }
        Ok((newest.0, newest.1.iter().find(|file| file.name == name).cloned()))
    }
}

/// Fetches files, one per call.
#[derive(Debug)]
pub(super) struct Fetcher<'a> {
    pub(super) api: &'a Api,
    pub(super) list: FileList,
    pub(super) folder: Arc<Folder>,
    pub(super) progress: Arc<DownloadProgress>,
    pub(super) stop: watch::Receiver<bool>,
}

/// A file being fetched, and what has gone wrong with it so far.
#[derive(Debug)]
struct FileTask {
    file: RemoteFile,
    /// The number of the list that `file` was taken from.
    seen: u64,
    tries: Tries,
    counts: FileCounts,
    /// How often the bytes had a wrong hash.
    wrong: u32,
    /// How often the file was replaced on the server.
    replaced: u32,
}

/// How a request for bytes ended.
#[derive(Debug)]
enum Ending {
    /// The answer came to its end.
    Complete,
    /// The answer broke off, or there was none.
    Interrupted { why: String, retry_after: Option<Duration> },
    /// The address has expired.
    Expired(String),
}

impl Fetcher<'_> {
    /// Fetches a file, unless it is in the folder already.
    pub(super) async fn fetch(&self, file: RemoteFile) -> Result<DownloadedFile, ClientError> {
        if *self.stop.borrow() {
            return Err(ClientError::Stopped);
        }
        let tries = Tries::new(self.api.policy(), file.name.clone());
        let mut task = FileTask { file, seen: 0, tries, counts: FileCounts::default(), wrong: 0, replaced: 0 };
        loop {
            if self.is_present(&mut task).await? {
                return Ok(DownloadedFile { file: task.file, outcome: FetchOutcome::Present });
            }
            let part = self.open_part(&mut task).await?;
            let Some(part) = self.complete(part, &mut task).await? else { continue };
            let (folder, file, path) = (Arc::clone(&self.folder), task.file.clone(), part.path().to_owned());
            match blocking(path, move || folder.keep(part, &file)).await? {
                Ok(()) => return Ok(DownloadedFile { file: task.file, outcome: FetchOutcome::Downloaded }),
                Err(found) => self.discard(&mut task, found).await?,
            }
        }
    }

    /// Whether the file is in the folder already. Its bytes are counted from zero.
    async fn is_present(&self, task: &mut FileTask) -> Result<bool, ClientError> {
        self.progress.subtract(&mut task.counts);
        let file = task.file.clone();
        let found = self.on_disk(task, move |folder, callbacks| folder.look_for(&file, callbacks)).await?;
        if found == LocalFile::Match {
            return Ok(true);
        }
        self.progress.subtract(&mut task.counts);
        if let LocalFile::MovedAside(aside) = found {
            let name = &task.file.name;
            self.progress
                .tell(format!("{name} is not what the server lists: it is called {aside} now, and fetched anew"));
        }
        Ok(false)
    }

    async fn open_part(&self, task: &mut FileTask) -> Result<Part, ClientError> {
        let file = task.file.clone();
        let part = self.on_disk(task, move |folder, callbacks| folder.part(&file, callbacks)).await?;
        task.tries.reached(part.length());
        Ok(part)
    }

    /// Runs work that reads from the disk on a thread that may block, and counts the bytes it
    /// hashes.
    async fn on_disk<T: Send + 'static>(
        &self,
        task: &mut FileTask,
        work: impl FnOnce(&Folder, &mut HashCallbacks<'_>) -> Result<T, ClientError> + Send + 'static,
    ) -> Result<T, ClientError> {
        let (folder, progress, stop) = (Arc::clone(&self.folder), Arc::clone(&self.progress), self.stop.clone());
        let mut counts = task.counts;
        let done = blocking(self.folder.path(&task.file.name), move || {
            let mut hashed = |bytes| progress.add_found(&mut counts, bytes);
            let done = work(&folder, &mut HashCallbacks { stop: &|| *stop.borrow(), hashed: &mut hashed })?;
            Ok((done, counts))
        });
        let (done, counts) = done.await?;
        task.counts = counts;
        Ok(done)
    }

    /// Fetches the bytes that a part lacks; `None` if the file was replaced on the server
    /// meanwhile.
    async fn complete(&self, mut part: Part, task: &mut FileTask) -> Result<Option<Part>, ClientError> {
        while part.length() < task.file.size {
            let (end, back) = self.request(part, task).await?;
            part = back;
            task.tries.reached(part.length());
            match end {
                Ending::Complete if part.length() == task.file.size => {}
                Ending::Complete => self.wait_to_retry(task, "the answer ended too early".into(), None).await?,
                Ending::Interrupted { why, retry_after } => self.wait_to_retry(task, why, retry_after).await?,
                Ending::Expired(why) => {
                    pause(task.tries.expired(why)?, &self.stop).await?;
                    if self.refresh(task).await? {
                        return Ok(None);
                    }
                }
            }
        }
        Ok(Some(part))
    }

    /// Waits before the next try.
    ///
    /// # Errors
    /// That was the last try, or the run was stopped.
    async fn wait_to_retry(
        &self,
        task: &mut FileTask,
        why: String,
        retry_after: Option<Duration>,
    ) -> Result<(), ClientError> {
        let said = format!("{}: {why}", task.file.name);
        let delay = task.tries.failed(why, retry_after)?;
        if delay >= LONG_WAIT {
            self.progress.tell(format!("{said}; trying again in {} s", delay.as_secs()));
        }
        pause(delay, &self.stop).await
    }

    /// Takes the file's address from a new list; returns whether the file was replaced.
    async fn refresh(&self, task: &mut FileTask) -> Result<bool, ClientError> {
        let (number, file) = loop {
            let newer = tokio::select! {
                newer = self.list.newer(task.seen, &task.file.name) => newer,
                () = stopped(&self.stop) => return Err(ClientError::Stopped),
            };
            match newer {
                Ok(newer) => break newer,
                Err(RequestError::Permanent(error)) => return Err(error),
                Err(RequestError::Transient { why, retry_after }) => self.wait_to_retry(task, why, retry_after).await?,
            }
        };
        let file = file.ok_or_else(|| ClientError::Changing(task.file.name.clone()))?;
        let is_another = file.sha256 != task.file.sha256 || file.size != task.file.size;
        if is_another {
            task.replaced += 1;
            if task.replaced > MAX_REPLACEMENTS {
                return Err(ClientError::Changing(file.name));
            }
            self.progress.tell(format!("{} was replaced on the server, and is fetched anew", file.name));
            self.progress.resize(task.file.size, file.size);
            task.tries.restart();
        }
        (task.seen, task.file) = (number, file);
        Ok(is_another)
    }

    /// Prepares to fetch a file once more, from a new address, as its bytes had the hash `found`.
    ///
    /// # Errors
    /// [`ClientError::Corrupt`] the second time.
    async fn discard(&self, task: &mut FileTask, found: String) -> Result<(), ClientError> {
        task.wrong += 1;
        let RemoteFile { name, sha256, .. } = &task.file;
        if task.wrong > 1 {
            self.progress.subtract(&mut task.counts);
            return Err(ClientError::Corrupt { name: name.clone(), expected: sha256.clone(), found });
        }
        self.progress.tell(format!("{name} came with a wrong SHA-256, and is fetched once more from its beginning"));
        task.tries.restart();
        self.refresh(task).await.map(|_| ())
    }

    /// Makes one request for the bytes that a part lacks, and appends what comes.
    async fn request(&self, part: Part, task: &mut FileTask) -> Result<(Ending, Part), ClientError> {
        let answer = tokio::select! {
            answer = self.api.bytes(&task.file.url, part.length()) => answer,
            () = stopped(&self.stop) => return Err(ClientError::Stopped),
        };
        match answer {
            Ok(FileAnswer::Bytes(from, response)) => self.receive(response, from, part, task).await,
            Ok(FileAnswer::Expired(why)) => Ok((Ending::Expired(why), part)),
            Err(RequestError::Transient { why, retry_after }) => Ok((Ending::Interrupted { why, retry_after }, part)),
            Err(RequestError::Permanent(error)) => Err(error),
        }
    }

    /// Appends an answer that begins at byte `from` to the part. A server without ranges sends
    /// bytes that the part already has; they are skipped, and the hash shows at the end whether the
    /// content was the same.
    async fn receive(
        &self,
        mut response: Response,
        from: u64,
        mut part: Part,
        task: &mut FileTask,
    ) -> Result<(Ending, Part), ClientError> {
        let mut to_skip = part.length().saturating_sub(from);
        let mut room = task.file.size.saturating_sub(part.length());
        let mut buffer = Vec::new();
        let stopped = stopped(&self.stop);
        tokio::pin!(stopped);
        let end = loop {
            let chunk = tokio::select! {
                chunk = response.chunk() => chunk,
                () = &mut stopped => break Err(ClientError::Stopped),
            };
            let chunk = match chunk {
                Ok(Some(chunk)) => chunk,
                Ok(None) => break Ok(Ending::Complete),
                Err(error) => break Ok(Ending::Interrupted { why: reason(error), retry_after: None }),
            };
            let bytes = &chunk[at_most(to_skip, chunk.len())..];
            to_skip -= (chunk.len() - bytes.len()) as u64;
            let bytes = &bytes[..at_most(room, bytes.len())];
            room -= bytes.len() as u64;
            buffer.extend_from_slice(bytes);
            if room == 0 {
                break Ok(Ending::Complete);
            }
            if buffer.len() >= WRITE_BYTES {
                (part, buffer) = self.write(part, buffer, task).await?;
            }
        };
        let (part, _) = self.write(part, buffer, task).await?;
        Ok((end?, part))
    }

    /// Appends the buffer's bytes to the part, and returns the emptied buffer for reuse.
    async fn write(&self, mut part: Part, bytes: Vec<u8>, task: &mut FileTask) -> Result<(Part, Vec<u8>), ClientError> {
        let count = bytes.len() as u64;
        let path = part.path().to_owned();
        let written = blocking(path, move || {
            part.append(&bytes)?;
            Ok((part, bytes))
        });
        let (part, mut bytes) = written.await?;
        self.progress.add_received(&mut task.counts, count);
        bytes.clear();
        Ok((part, bytes))
    }
}

/// The smaller of a number of bytes in a file and one in memory.
fn at_most(bytes: u64, length: usize) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX).min(length)
}
