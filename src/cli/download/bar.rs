//! The progress bar of a download, in bytes: with rate and time left on a terminal, and one line
//! per tenth elsewhere.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{BinaryBytes, HumanDuration, ProgressBar, ProgressStyle};

use super::message;
use client::{ByteCounts, Event};

/// The rate is that of the bytes received in this time.
const WINDOW: Duration = Duration::from_secs(15);

/// The progress bar of all files together.
#[derive(Debug)]
pub(super) struct ByteBar {
    bar: ProgressBar,
    pace: Mutex<Pace>,
}

#[derive(Debug)]
struct Pace {
    /// Times within the window and the bytes received until then, oldest first.
    marks: VecDeque<(Instant, u64)>,
    /// The last tenth for which a line was printed.
    tenth: u64,
}

impl ByteBar {
    pub(super) fn new() -> Self {
        let bar = ProgressBar::new(0);
        if let Ok(style) = ProgressStyle::with_template("{bar:30} {msg}") {
            bar.set_style(style.progress_chars("━╸ "));
        }
        Self { bar, pace: Mutex::new(Pace { marks: [(Instant::now(), 0)].into(), tenth: 0 }) }
    }

    /// Shows an event.
    pub(super) fn take(&self, event: Event) {
        match event {
            Event::Progress(progress) => self.show(progress),
            Event::Message(text) => self.bar.suspend(|| message!("{text}")),
        }
    }

    /// Removes the bar.
    pub(super) fn end(&self) {
        self.bar.finish_and_clear();
    }

    fn show(&self, progress: ByteCounts) {
        let mut pace = self.pace();
        let rate = pace.rate(progress);
        let text =
            format!("{} of {}{}", BinaryBytes(progress.done), BinaryBytes(progress.total), rate_text(rate, progress));
        let tenth = 10 * u128::from(progress.done) / u128::from(progress.total.max(1));
        let tenth = u64::try_from(tenth).unwrap_or(10);
        let is_next = tenth > pace.tenth;
        pace.tenth = pace.tenth.max(tenth);
        drop(pace);
        self.bar.set_length(progress.total);
        self.bar.set_position(progress.done);
        if !self.bar.is_hidden() {
            self.bar.set_message(text);
        } else if is_next {
            message!("{text}");
        }
    }

    fn pace(&self) -> MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pace {
    /// Bytes received per second within the window. Bytes that were found in the folder do not
    /// count.
    fn rate(&mut self, progress: ByteCounts) -> f64 {
        let (now, received) = (Instant::now(), progress.done.saturating_sub(progress.found));
        if received == 0 {
            // Files that were found are hashed first, and that time does not count.
            self.marks.clear();
        }
        while self.marks.len() > 1 && self.marks.front().is_some_and(|(at, _)| now - *at > WINDOW) {
            self.marks.pop_front();
        }
        if self.marks.back().is_none_or(|(at, _)| now - *at > WINDOW / 64) {
            self.marks.push_back((now, received));
        }
        let Some((at, before)) = self.marks.front() else { return 0.0 };
        received.saturating_sub(*before) as f64 / (now - *at).as_secs_f64()
    }
}

/// Rate and time left, once bytes were received.
fn rate_text(rate: f64, progress: ByteCounts) -> String {
    if rate < 1.0 || !rate.is_finite() {
        return String::new();
    }
    let left = progress.total.saturating_sub(progress.done) as f64 / rate;
    let left = Duration::try_from_secs_f64(left).unwrap_or(Duration::MAX);
    format!(", {} a second, {} left", BinaryBytes(rate as u64), HumanDuration(left))
}
