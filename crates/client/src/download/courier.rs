//! Brings one file, whatever happens on the way: connections that are cut, servers that are busy, addresses that run
//! out, a file that is replaced meanwhile, bytes that are wrong.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Response;
use tokio::sync::watch;

use super::folder::{Folder, Found};
use super::gauge::{Gauge, Share};
use super::part::{Part, Watch};
use super::{Brought, State, blocking, pause, stopped};
use crate::api::{Bytes, Trouble, reason};
use crate::patience::Tries;
use crate::{Api, ClientError, RemoteFile, TrackName};

/// Bytes gathered before they are written.
const PIECE: usize = 1 << 20;
/// Times a file may be replaced while it is fetched.
const MOST_CONTENTS: u32 = 4;
/// A wait from here on is told of.
const LONG_WAIT: Duration = Duration::from_secs(4);

/// The server's list, which all jobs share: addresses run out for all at once.
#[derive(Debug)]
pub(super) struct List {
    api: Api,
    track: TrackName,
    newest: tokio::sync::Mutex<(u64, Vec<RemoteFile>)>,
}

impl List {
    /// The list as it was read first; its number is 0.
    pub(super) fn new(api: Api, track: TrackName, files: Vec<RemoteFile>) -> Self {
        Self { api, track, newest: tokio::sync::Mutex::new((0, files)) }
    }

    /// A list that is newer than number `seen`: its own number, and the file of this name, if there still is one.
    async fn newer(&self, seen: u64, name: &str) -> Result<(u64, Option<RemoteFile>), Trouble> {
        let mut newest = self.newest.lock().await;
        if newest.0 <= seen {
            *newest = (newest.0 + 1, self.api.files(&self.track).await?);
        }
        Ok((newest.0, newest.1.iter().find(|file| file.name == name).cloned()))
    }
}

/// Brings files, one by each call.
#[derive(Debug)]
pub(super) struct Courier<'a> {
    pub(super) api: &'a Api,
    pub(super) list: List,
    pub(super) folder: Arc<Folder>,
    pub(super) gauge: Arc<Gauge>,
    pub(super) stop: watch::Receiver<bool>,
}

/// A file on its way, and what it met so far.
#[derive(Debug)]
struct Errand {
    file: RemoteFile,
    /// The number of the list the file is from.
    seen: u64,
    tries: Tries,
    share: Share,
    /// Times that the bytes were wrong, and that the file was replaced.
    wrong: u32,
    replaced: u32,
}

/// How an answer ended.
#[derive(Debug)]
enum End {
    /// It came to its end.
    Whole,
    /// It broke off, or did not begin.
    Cut { why: String, wish: Option<Duration> },
    /// The address does not hold any more.
    Stale(String),
}

impl Courier<'_> {
    /// Brings a file, unless it is here.
    pub(super) async fn bring(&self, file: RemoteFile) -> Result<Brought, ClientError> {
        if *self.stop.borrow() {
            return Err(ClientError::Stopped);
        }
        let tries = Tries::new(self.api.patience(), file.name.clone());
        let mut errand = Errand { file, seen: 0, tries, share: Share::default(), wrong: 0, replaced: 0 };
        loop {
            if self.is_here(&mut errand).await? {
                return Ok(Brought { file: errand.file, state: State::Present });
            }
            let part = self.open(&mut errand).await?;
            let Some(part) = self.fill(part, &mut errand).await? else { continue };
            let (folder, file, path) = (Arc::clone(&self.folder), errand.file.clone(), part.path().to_owned());
            match blocking(path, move || folder.keep(part, &file)).await? {
                Ok(()) => return Ok(Brought { file: errand.file, state: State::Downloaded }),
                Err(found) => self.throw_away(&mut errand, found).await?,
            }
        }
    }

    /// Whether the file is here already. What was counted of it before is counted anew.
    async fn is_here(&self, errand: &mut Errand) -> Result<bool, ClientError> {
        self.gauge.take_back(&mut errand.share);
        let file = errand.file.clone();
        let found = self.on_disk(errand, move |folder, watch| folder.look_for(&file, watch)).await?;
        if found == Found::Whole {
            return Ok(true);
        }
        self.gauge.take_back(&mut errand.share);
        if let Found::Another(aside) = found {
            let name = &errand.file.name;
            self.gauge.say(format!("{name} is not what the server lists: it is called {aside} now, and fetched anew"));
        }
        Ok(false)
    }

    async fn open(&self, errand: &mut Errand) -> Result<Part, ClientError> {
        let file = errand.file.clone();
        let part = self.on_disk(errand, move |folder, watch| folder.part(&file, watch)).await?;
        errand.tries.reached(part.length());
        Ok(part)
    }

    /// Does something that reads from the disk, and counts what it finds.
    async fn on_disk<T: Send + 'static>(
        &self,
        errand: &mut Errand,
        work: impl FnOnce(&Folder, &mut Watch<'_>) -> Result<T, ClientError> + Send + 'static,
    ) -> Result<T, ClientError> {
        let (folder, gauge, stop) = (Arc::clone(&self.folder), Arc::clone(&self.gauge), self.stop.clone());
        let mut share = errand.share;
        let done = blocking(self.folder.path(&errand.file.name), move || {
            let mut counted = |bytes| gauge.found(&mut share, bytes);
            let done = work(&folder, &mut Watch { stop: &|| *stop.borrow(), counted: &mut counted })?;
            Ok((done, share))
        });
        let (done, share) = done.await?;
        errand.share = share;
        Ok(done)
    }

    /// Fetches what is missing of a part; `None` if the file was replaced meanwhile.
    async fn fill(&self, mut part: Part, errand: &mut Errand) -> Result<Option<Part>, ClientError> {
        while part.length() < errand.file.size {
            let (end, back) = self.fetch(part, errand).await?;
            part = back;
            errand.tries.reached(part.length());
            match end {
                End::Whole if part.length() == errand.file.size => {}
                End::Whole => self.wait(errand, "the answer ended too early".into(), None).await?,
                End::Cut { why, wish } => self.wait(errand, why, wish).await?,
                End::Stale(why) => {
                    pause(errand.tries.stale(why)?, &self.stop).await?;
                    if self.renew(errand).await? {
                        return Ok(None);
                    }
                }
            }
        }
        Ok(Some(part))
    }

    /// Waits for the next try, if there is one.
    async fn wait(&self, errand: &mut Errand, why: String, wish: Option<Duration>) -> Result<(), ClientError> {
        let said = format!("{}: {why}", errand.file.name);
        let delay = errand.tries.failed(why, wish)?;
        if delay >= LONG_WAIT {
            self.gauge.say(format!("{said}; trying again in {} s", delay.as_secs()));
        }
        pause(delay, &self.stop).await
    }

    /// Asks for the list again; answers whether the file was replaced.
    async fn renew(&self, errand: &mut Errand) -> Result<bool, ClientError> {
        let (number, file) = loop {
            let newer = tokio::select! {
                newer = self.list.newer(errand.seen, &errand.file.name) => newer,
                () = stopped(&self.stop) => return Err(ClientError::Stopped),
            };
            match newer {
                Ok(newer) => break newer,
                Err(Trouble::Lasting(error)) => return Err(error),
                Err(Trouble::Passing { why, wish }) => self.wait(errand, why, wish).await?,
            }
        };
        let file = file.ok_or_else(|| ClientError::Changing(errand.file.name.clone()))?;
        let is_another = file.sha256 != errand.file.sha256 || file.size != errand.file.size;
        if is_another {
            errand.replaced += 1;
            if errand.replaced > MOST_CONTENTS {
                return Err(ClientError::Changing(file.name));
            }
            self.gauge.say(format!("{} was replaced on the server, and is fetched anew", file.name));
            self.gauge.resize(errand.file.size, file.size);
            errand.tries.begin_anew();
        }
        (errand.seen, errand.file) = (number, file);
        Ok(is_another)
    }

    /// The bytes were wrong: they are fetched once more, from a new address.
    async fn throw_away(&self, errand: &mut Errand, found: String) -> Result<(), ClientError> {
        errand.wrong += 1;
        let RemoteFile { name, sha256, .. } = &errand.file;
        if errand.wrong > 1 {
            self.gauge.take_back(&mut errand.share);
            return Err(ClientError::Corrupt { name: name.clone(), expected: sha256.clone(), found });
        }
        self.gauge.say(format!("{name} came with a wrong SHA-256, and is fetched once more from its beginning"));
        errand.tries.begin_anew();
        self.renew(errand).await.map(|_| ())
    }

    /// One request, and what comes of it.
    async fn fetch(&self, part: Part, errand: &mut Errand) -> Result<(End, Part), ClientError> {
        let answer = tokio::select! {
            answer = self.api.bytes(&errand.file.url, part.length()) => answer,
            () = stopped(&self.stop) => return Err(ClientError::Stopped),
        };
        match answer {
            Ok(Bytes::From(from, response)) => self.pour(response, from, part, errand).await,
            Ok(Bytes::Stale(why)) => Ok((End::Stale(why), part)),
            Err(Trouble::Passing { why, wish }) => Ok((End::Cut { why, wish }, part)),
            Err(Trouble::Lasting(error)) => Err(error),
        }
    }

    /// Pours an answer that begins at byte `from` into the part. Bytes that are here already are passed over: a server
    /// that knows no ranges sends them all, and which content it is the hash tells in the end.
    async fn pour(
        &self,
        mut response: Response,
        from: u64,
        mut part: Part,
        errand: &mut Errand,
    ) -> Result<(End, Part), ClientError> {
        let mut passed_over = part.length().saturating_sub(from);
        let mut room = errand.file.size.saturating_sub(part.length());
        let mut gathered = Vec::new();
        let stopped = stopped(&self.stop);
        tokio::pin!(stopped);
        let end = loop {
            let chunk = tokio::select! {
                chunk = response.chunk() => chunk,
                () = &mut stopped => break Err(ClientError::Stopped),
            };
            let chunk = match chunk {
                Ok(Some(chunk)) => chunk,
                Ok(None) => break Ok(End::Whole),
                Err(error) => break Ok(End::Cut { why: reason(error), wish: None }),
            };
            let bytes = &chunk[at_most(passed_over, chunk.len())..];
            passed_over -= (chunk.len() - bytes.len()) as u64;
            let bytes = &bytes[..at_most(room, bytes.len())];
            room -= bytes.len() as u64;
            gathered.extend_from_slice(bytes);
            if room == 0 {
                break Ok(End::Whole);
            }
            if gathered.len() >= PIECE {
                (part, gathered) = self.write(part, gathered, errand).await?;
            }
        };
        let (part, _) = self.write(part, gathered, errand).await?;
        Ok((end?, part))
    }

    /// Writes what was gathered, and gives the emptied buffer back.
    async fn write(&self, mut part: Part, bytes: Vec<u8>, errand: &mut Errand) -> Result<(Part, Vec<u8>), ClientError> {
        let count = bytes.len() as u64;
        let path = part.path().to_owned();
        let written = blocking(path, move || {
            part.append(&bytes)?;
            Ok((part, bytes))
        });
        let (part, mut bytes) = written.await?;
        self.gauge.receive(&mut errand.share, count);
        bytes.clear();
        Ok((part, bytes))
    }
}

/// The smaller of a count of bytes in a file and one in memory.
fn at_most(bytes: u64, length: usize) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX).min(length)
}
