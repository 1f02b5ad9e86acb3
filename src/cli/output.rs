//! Results on stdout.
//!
//! `println!` panics where stdout takes nothing, with an exit code that means nothing, and after a step of a track was
//! taken. Here the command goes on to its end. Whoever closed a pipe has read enough, which is no failure; a full disk
//! is one.

use std::fmt::Arguments;
use std::io::{self, ErrorKind, Write};
use std::sync::OnceLock;

use super::Failure;

/// Prints text to stdout.
macro_rules! text {
    ($($text:tt)*) => { $crate::cli::output::write(format_args!($($text)*)) };
}

/// Prints a line to stdout.
macro_rules! line {
    ($($line:tt)*) => { $crate::cli::output::write(format_args!("{}\n", format_args!($($line)*))) };
}

pub(super) use {line, text};

/// What went wrong first.
static FAILED: OnceLock<io::Error> = OnceLock::new();

fn note(done: io::Result<()>) {
    if let Err(error) = done
        && error.kind() != ErrorKind::BrokenPipe
    {
        // The first is the one that is told.
        let _ = FAILED.set(error);
    }
}

/// What `text!` and `line!` stand for.
pub(super) fn write(text: Arguments<'_>) {
    note(io::stdout().write_fmt(text));
}

/// Whether all results were written.
///
/// # Errors
/// Something was not, and not because nobody reads on.
pub(super) fn finish() -> Result<(), Failure> {
    note(io::stdout().flush());
    match FAILED.get() {
        Some(error) => Err(Failure::Ours(anyhow::anyhow!("the result cannot be written: {error}"))),
        None => Ok(()),
    }
}
