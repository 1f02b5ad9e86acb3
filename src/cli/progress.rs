//! A progress bar on stderr, where that is a terminal; nothing elsewhere.

use indicatif::{ProgressBar, ProgressStyle};

/// The bar of one piece of work. It goes away when it is dropped.
pub(super) struct Bar(ProgressBar);

impl Bar {
    /// A bar of `total` things, in plural.
    pub(super) fn new(total: u64, things: &str) -> Self {
        let template = format!("{{bar:30}} {{human_pos}} of {{human_len}} {things}, {{eta}} left");
        let bar = ProgressBar::new(total);
        if let Ok(style) = ProgressStyle::with_template(&template) {
            bar.set_style(style.progress_chars("━╸ "));
        }
        Self(bar)
    }

    /// Begins at `done`, which was done earlier and says nothing about the time that is left.
    pub(super) fn begin_at(&self, done: u64) {
        self.0.set_position(done);
        self.0.reset_eta();
    }

    pub(super) fn set(&self, done: u64) {
        self.0.set_position(done);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
