//! A progress bar on stderr, where that is a terminal; a line at every tenth elsewhere.

use indicatif::{ProgressBar, ProgressStyle};

/// The bar of one piece of work. It goes away when it is dropped.
pub(super) struct Bar {
    bar: ProgressBar,
    things: String,
}

impl Bar {
    /// A bar of `total` things, in plural.
    pub(super) fn new(total: u64, things: &str) -> Self {
        let template = format!("{{bar:30}} {{human_pos}} of {{human_len}} {things}, {{eta}} left");
        let bar = ProgressBar::new(total);
        if let Ok(style) = ProgressStyle::with_template(&template) {
            bar.set_style(style.progress_chars("━╸ "));
        }
        Self { bar, things: things.to_owned() }
    }

    /// Begins at `done`, which was done earlier and says nothing about the time that is left.
    pub(super) fn begin_at(&self, done: u64) {
        self.bar.set_position(done);
        self.bar.reset_eta();
    }

    pub(super) fn set(&self, done: u64) {
        let tenths = |done: u64| 10 * done / self.bar.length().unwrap_or(1).max(1);
        let is_next_tenth = tenths(done) > tenths(self.bar.position());
        self.bar.set_position(done);
        if is_next_tenth && self.bar.is_hidden() {
            eprintln!("{done} of {} {}", self.bar.length().unwrap_or(done), self.things);
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
