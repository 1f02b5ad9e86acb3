//! `callimico release`: makes the files that participants are given.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::Context;
use indicatif::HumanBytes;
use serde_json::{Value, json};

use super::progress::Bar;
use super::{Failure, Session, serve};
use crate::app::App;
use crate::config::StorageConfig;
use crate::domain::slug::TrackPath;
use crate::release::{self, Outcome, Remarks, Request};

/// The most lines of each kind that are printed; the rest are counted.
const MAX_LINES: usize = 10;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// competition/track
    track: TrackPath,
    /// The track directory; where it was imported from if not given
    #[arg(long, value_name = "DIR")]
    from: Option<PathBuf>,
    /// Host this .zip, .tar or .tar.gz byte for byte, in place of archives made from the directory;
    /// may be given again
    #[arg(long = "as-it-is", value_name = "FILE", conflicts_with = "from")]
    verbatim: Vec<PathBuf>,
    /// Write what was released as JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(storage: &StorageConfig, args: Args) -> Result<(), Failure> {
    let stop = serve::stop_flag()?;
    let session = Session::open(storage).await?;
    let request = Request { track: args.track, from: args.from, verbatim: args.verbatim };
    let outcome = make(&session.app, &request, &stop).await;
    let made = session.close(outcome).await?;
    if args.json {
        super::output::line!("{}", serde_json::to_string_pretty(&as_json(&made)).context("cannot write the files")?);
    } else {
        tell(&made);
        for file in &made.files {
            super::output::line!("{}  {}  {}", file.sha256, file.size, file.name);
        }
    }
    Ok(())
}

/// Makes a release with a progress bar.
pub(super) async fn make(app: &App, request: &Request, stop: &Arc<AtomicBool>) -> Result<Outcome, Failure> {
    let mut bar = None;
    let mut on_progress = |progress: release::ReleaseProgress| {
        bar.get_or_insert_with(|| Bar::of_bytes(progress.total)).set(progress.done);
    };
    Ok(release::make(app, request, stop, &mut on_progress).await?)
}

/// The release as JSON, for programs.
pub(super) fn as_json(made: &Outcome) -> Value {
    let files = made.files.iter().map(|file| {
        json!({
            "name": file.name,
            "size": file.size,
            "sha256": file.sha256,
            "scenario": file.scenario,
            "split": file.split,
        })
    });
    json!({ "files": files.collect::<Vec<_>>(), "written": made.written, "remarks": made.remarks })
}

/// Prints what was released and what the organiser should know to stderr.
pub(super) fn tell(made: &Outcome) {
    let Remarks { kept_back, left_out, disguised, doubts } = &made.remarks;
    let bytes = HumanBytes(made.files.iter().map(|file| file.size).sum());
    eprintln!("participants get {} files, {bytes}; {} of them are new", made.files.len(), made.written);
    for (name, count) in kept_back {
        eprintln!("  kept back: {count} times {name}");
    }
    tell_some("kept back, a hidden file in disguise: ", disguised);
    tell_some("left out, as nothing says that it may leave: ", left_out);
    tell_some("doubtful: ", doubts);
}

fn tell_some(what: &str, lines: &[String]) {
    for line in lines.iter().take(MAX_LINES) {
        eprintln!("  {what}{}", line.escape_debug());
    }
    if lines.len() > MAX_LINES {
        eprintln!("  {what}{} more", lines.len() - MAX_LINES);
    }
}
