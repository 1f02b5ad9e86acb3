//! Counts the bytes of a whole download and reports them to the caller as they come.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How far a download has come, in bytes, over all selected files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ByteCounts {
    /// On this machine: found in the folder, or received.
    pub done: u64,
    /// Those of `done` that were in the folder already.
    pub found: u64,
    /// The size of all selected files.
    pub total: u64,
}

/// What a download reports while it runs.
#[derive(Clone, Debug)]
pub enum Event {
    /// The counts have changed. They go down when bytes turn out to be useless.
    Progress(ByteCounts),
    /// Something a person should know, in a sentence.
    Message(String),
}

/// Receives the events of a download, from several threads.
pub type EventHandler = Arc<dyn Fn(Event) + Send + Sync>;

/// The counts over all files, shared by all jobs.
pub(super) struct DownloadProgress {
    found: AtomicU64,
    received: AtomicU64,
    total: AtomicU64,
    on_event: EventHandler,
}

impl fmt::Debug for DownloadProgress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.counts())
    }
}

/// What one file has contributed to the counts, so that it can be subtracted when its bytes are
/// thrown away.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct FileCounts {
    found: u64,
    received: u64,
}

impl DownloadProgress {
    pub(super) fn new(total: u64, on_event: EventHandler) -> Self {
        let progress =
            Self { found: AtomicU64::new(0), received: AtomicU64::new(0), total: AtomicU64::new(total), on_event };
        progress.report();
        progress
    }

    pub(super) fn add_found(&self, counts: &mut FileCounts, bytes: u64) {
        counts.found += bytes;
        self.found.fetch_add(bytes, Ordering::Relaxed);
        self.report();
    }

    pub(super) fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    pub(super) fn add_received(&self, counts: &mut FileCounts, bytes: u64) {
        counts.received += bytes;
        self.received.fetch_add(bytes, Ordering::Relaxed);
        self.report();
    }

    /// Takes back what a file has contributed, as its bytes are of no use.
    pub(super) fn subtract(&self, counts: &mut FileCounts) {
        let FileCounts { found, received } = std::mem::take(counts);
        self.found.fetch_sub(found, Ordering::Relaxed);
        self.received.fetch_sub(received, Ordering::Relaxed);
        self.report();
    }

    /// Replaces a file's size in the total, as the file has changed on the server.
    pub(super) fn resize(&self, old: u64, new: u64) {
        self.total.fetch_add(new, Ordering::Relaxed);
        self.total.fetch_sub(old, Ordering::Relaxed);
        self.report();
    }

    pub(super) fn tell(&self, text: String) {
        (self.on_event)(Event::Message(text));
    }

    fn counts(&self) -> ByteCounts {
        let found = self.found.load(Ordering::Relaxed);
        ByteCounts { done: found + self.received(), found, total: self.total.load(Ordering::Relaxed) }
    }

    fn report(&self) {
        (self.on_event)(Event::Progress(self.counts()));
    }
}
