//! A progress bar on stderr, where that is a terminal; a line at every tenth elsewhere.

use std::time::{Duration, Instant};

use indicatif::{HumanBytes, HumanCount, HumanDuration, ProgressBar, ProgressStyle};

/// Says a line on stderr. That nobody reads it is no reason to end what took hours.
macro_rules! tell {
    ($($line:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stderr(), $($line)*);
    }};
}
pub(super) use tell;

/// What a bar of bytes is of. Where no bar can be drawn, it says nothing about what is done in a moment.
const BYTES: &str = "bytes";
const PATIENCE: Duration = Duration::from_secs(3);

/// The bar of one piece of work. It goes away when it is dropped.
pub(super) struct Bar {
    bar: ProgressBar,
    things: String,
    /// Since when this run has been at work, and how much of what is done came from elsewhere; where the rate is told.
    pace: Option<(Instant, u64)>,
}

impl Bar {
    /// A bar of `total` things, in plural.
    pub(super) fn new(total: u64, things: &str) -> Self {
        Self { bar: styled(total, things, "{eta} left"), things: things.to_owned(), pace: None }
    }

    /// A bar that tells how many things are done in a second.
    pub(super) fn with_rate(total: u64, things: &str) -> Self {
        Self { bar: styled(total, things, "{msg}"), things: things.to_owned(), pace: Some((Instant::now(), 0)) }
    }

    /// A bar of bytes.
    pub(super) fn of_bytes(total: u64) -> Self {
        let bar = ProgressBar::new(total);
        let template = "{bar:30} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("━╸ "));
        }
        Self { bar, things: BYTES.to_owned(), pace: None }
    }

    /// As [`set`](Self::set), of which `found` were done earlier and say nothing about rate and time left.
    pub(super) fn set_with_found(&mut self, done: u64, found: u64) {
        if let Some((_, known)) = &mut self.pace {
            *known = found;
        }
        if !self.bar.is_hidden() {
            self.bar.set_message(self.pace(done).unwrap_or_default());
        }
        self.set(done);
    }

    /// Rate and time left, once something is done.
    fn pace(&self, done: u64) -> Option<String> {
        let (began, found) = self.pace?;
        let elapsed = began.elapsed().as_secs_f64();
        let rate = done.saturating_sub(found) as f64 / elapsed;
        if rate <= 0.0 || !rate.is_finite() {
            return None;
        }
        let left = self.bar.length().unwrap_or(done).saturating_sub(done) as f64 / rate;
        let left = Duration::try_from_secs_f64(left).unwrap_or(Duration::MAX);
        Some(format!("{} a second, {} left", HumanCount(rate as u64), HumanDuration(left)))
    }

    /// Begins at `done`, which was done earlier and says nothing about the time that is left.
    pub(super) fn begin_at(&self, done: u64) {
        self.bar.set_position(done);
        self.bar.reset_eta();
    }

    /// Lets `say` write lines without the bar in between.
    pub(super) fn aside(&self, say: impl FnOnce()) {
        self.bar.suspend(say);
    }

    pub(super) fn set(&self, done: u64) {
        if self.things == BYTES && self.bar.elapsed() < PATIENCE {
            self.bar.set_position(done);
            return;
        }
        let tenths = |done: u64| 10 * done / self.bar.length().unwrap_or(1).max(1);
        let is_next_tenth = tenths(done) > tenths(self.bar.position());
        self.bar.set_position(done);
        if is_next_tenth && self.bar.is_hidden() {
            let pace = self.pace(done).map(|pace| format!(", {pace}")).unwrap_or_default();
            let total = self.bar.length().unwrap_or(done);
            if self.things == BYTES {
                tell!("{} of {}", HumanBytes(done), HumanBytes(total));
            } else {
                tell!("{done} of {total} {}{pace}", self.things);
            }
        }
    }
}

/// A bar with how much is done, and `end` behind it.
fn styled(total: u64, things: &str, end: &str) -> ProgressBar {
    let bar = ProgressBar::new(total);
    let template = format!("{{bar:30}} {{human_pos}} of {{human_len}} {things}, {end}");
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
