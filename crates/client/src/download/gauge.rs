//! How much of all is done. Bytes are told of as they come; what is said is for people.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How far a download is, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Here and counted, those that were found among them.
    pub done: u64,
    /// Of these, found in the folder.
    pub found: u64,
    /// Of all wanted files.
    pub total: u64,
}

/// What is told while files are brought.
#[derive(Clone, Debug)]
pub enum Event {
    /// Bytes came, or were found, or proved to be of no use.
    Progress(Progress),
    /// Something happened that a person should know, in a sentence.
    Said(String),
}

/// Takes what is told.
pub type Tell = Arc<dyn Fn(Event) + Send + Sync>;

/// The sum over all files.
pub(super) struct Gauge {
    found: AtomicU64,
    received: AtomicU64,
    total: AtomicU64,
    tell: Tell,
}

impl fmt::Debug for Gauge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.progress())
    }
}

/// A file's share of what is counted; it is taken back when the bytes are thrown away.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Share {
    found: u64,
    received: u64,
}

impl Gauge {
    pub(super) fn new(total: u64, tell: Tell) -> Self {
        let gauge = Self { found: AtomicU64::new(0), received: AtomicU64::new(0), total: AtomicU64::new(total), tell };
        gauge.show();
        gauge
    }

    pub(super) fn found(&self, share: &mut Share, bytes: u64) {
        share.found += bytes;
        self.found.fetch_add(bytes, Ordering::Relaxed);
        self.show();
    }

    pub(super) fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    pub(super) fn receive(&self, share: &mut Share, bytes: u64) {
        share.received += bytes;
        self.received.fetch_add(bytes, Ordering::Relaxed);
        self.show();
    }

    /// The bytes of a share are of no use.
    pub(super) fn take_back(&self, share: &mut Share) {
        let Share { found, received } = std::mem::take(share);
        self.found.fetch_sub(found, Ordering::Relaxed);
        self.received.fetch_sub(received, Ordering::Relaxed);
        self.show();
    }

    /// A file has another size than it was counted with.
    pub(super) fn resize(&self, old: u64, new: u64) {
        self.total.fetch_add(new, Ordering::Relaxed);
        self.total.fetch_sub(old, Ordering::Relaxed);
        self.show();
    }

    pub(super) fn say(&self, text: String) {
        (self.tell)(Event::Said(text));
    }

    fn progress(&self) -> Progress {
        let found = self.found.load(Ordering::Relaxed);
        Progress { done: found + self.received(), found, total: self.total.load(Ordering::Relaxed) }
    }

    fn show(&self) {
        (self.tell)(Event::Progress(self.progress()));
    }
}
