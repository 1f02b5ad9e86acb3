//! Progress on stderr: a bar on a terminal, elsewhere a line for every tenth that is done.

use std::time::{Duration, Instant};

use indicatif::{HumanBytes, HumanCount, HumanDuration, ProgressBar, ProgressStyle};

/// Prints a line to stderr. Unlike `eprintln!` it does not panic if stderr is closed, which must
/// not end work that took hours.
macro_rules! message {
    ($($line:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stderr(), $($line)*);
    }};
}
pub(super) use message;

/// The unit of a bar that counts bytes.
const BYTES: &str = "bytes";
/// Work on bytes that takes less than this prints no lines where there is no terminal.
const PRINT_BYTES_AFTER: Duration = Duration::from_secs(3);

/// A progress bar for one piece of work. It is cleared when it is dropped.
pub(super) struct Bar {
    bar: ProgressBar,
    /// What is counted, in the plural.
    unit: String,
    /// For bars that show a rate: when this run began, and how much came from the cache.
    rate_since: Option<(Instant, u64)>,
}

impl Bar {
    /// A bar of `total` units; `unit` is in the plural.
    pub(super) fn new(total: u64, unit: &str) -> Self {
        Self { bar: styled(total, unit, "{eta} left"), unit: unit.to_owned(), rate_since: None }
    }

    /// A bar that also shows how many units are done per second.
    pub(super) fn with_rate(total: u64, unit: &str) -> Self {
        Self { bar: styled(total, unit, "{msg}"), unit: unit.to_owned(), rate_since: Some((Instant::now(), 0)) }
    }

    /// A bar of bytes.
    pub(super) fn of_bytes(total: u64) -> Self {
        let bar = ProgressBar::new(total);
        let template = "{bar:30} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("━╸ "));
        }
        Self { bar, unit: BYTES.to_owned(), rate_since: None }
    }

    /// Like [`set`](Self::set), but `cached` of the units that are done came from the cache and do
    /// not count towards the rate and the time left.
    pub(super) fn set_with_cached(&mut self, done: u64, cached: u64) {
        if let Some((_, known)) = &mut self.rate_since {
            *known = cached;
        }
        if !self.bar.is_hidden() {
            self.bar.set_message(self.rate(done).unwrap_or_default());
        }
        self.set(done);
    }

    /// Rate and time left; `None` until something is done.
    fn rate(&self, done: u64) -> Option<String> {
        let (began, cached) = self.rate_since?;
        let elapsed = began.elapsed().as_secs_f64();
        let rate = done.saturating_sub(cached) as f64 / elapsed;
        if rate <= 0.0 || !rate.is_finite() {
            return None;
        }
        let left = self.bar.length().unwrap_or(done).saturating_sub(done) as f64 / rate;
        let left = Duration::try_from_secs_f64(left).unwrap_or(Duration::MAX);
        Some(format!("{} a second, {} left", HumanCount(rate as u64), HumanDuration(left)))
    }

    /// Starts at `done`, which an earlier run did and which does not count towards the time left.
    pub(super) fn begin_at(&self, done: u64) {
        self.bar.set_position(done);
        self.bar.reset_eta();
    }

    /// Hides the bar while `print` prints lines.
    pub(super) fn suspend(&self, print: impl FnOnce()) {
        self.bar.suspend(print);
    }

    pub(super) fn set(&self, done: u64) {
        if self.unit == BYTES && self.bar.elapsed() < PRINT_BYTES_AFTER {
            self.bar.set_position(done);
            return;
        }
        let tenths = |done: u64| 10 * done / self.bar.length().unwrap_or(1).max(1);
        let is_next_tenth = tenths(done) > tenths(self.bar.position());
        self.bar.set_position(done);
        if is_next_tenth && self.bar.is_hidden() {
            let rate = self.rate(done).map(|rate| format!(", {rate}")).unwrap_or_default();
            let total = self.bar.length().unwrap_or(done);
            if self.unit == BYTES {
                message!("{} of {}", HumanBytes(done), HumanBytes(total));
            } else {
                message!("{done} of {total} {}{rate}", self.unit);
            }
        }
    }
}

/// A bar that shows how much is done, followed by `end`.
fn styled(total: u64, unit: &str, end: &str) -> ProgressBar {
    let bar = ProgressBar::new(total);
    let template = format!("{{bar:30}} {{human_pos}} of {{human_len}} {unit}, {end}");
    if let Ok(style) = ProgressStyle::with_template(&template) {
        bar.set_style(style.progress_chars("━╸ "));
    }
    bar
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
