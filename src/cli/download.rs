//! `callimico download`: downloads the files of a track.

mod bar;

use std::io::Write as _;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use indicatif::BinaryBytes;
use serde_json::{Value, json};

use self::bar::ByteBar;
use super::login::{ServerArgs, failure};
use super::progress::message;
use super::{Failure, serve};
use client::{self, FetchOutcome, FileSelection, LocalState, RemoteFile, Report, Settings, TrackName, Unpacked};

/// More downloads at once would not be faster and would burden the server.
const MAX_JOBS: i64 = 16;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// competition/track
    track: String,
    /// Where to; a folder with the track's short name if not given
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    selection: SelectionArgs,
    /// Files at once
    #[arg(long, default_value_t = 4, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=MAX_JOBS))]
    jobs: u16,
    /// Unpack the archives once all files are there
    #[arg(long)]
    unpack: bool,
    /// Say which files there are and which of them are here, and end
    #[arg(long, conflicts_with = "unpack")]
    list: bool,
    /// Print what was done as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Which files")]
struct SelectionArgs {
    /// Only what belongs to this scenario; may be given more than once
    #[arg(long = "scenario", value_name = "NAME")]
    scenarios: Vec<String>,
    /// Only what belongs to this split; may be given more than once
    #[arg(long = "split", value_enum)]
    splits: Vec<SplitName>,
    /// This file alone; may be given more than once
    #[arg(long = "file", value_name = "NAME", conflicts_with_all = ["scenarios", "splits", "all"])]
    files: Vec<String>,
    /// Also archives whose content other files hold, such as the whole track in one
    #[arg(long)]
    all: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum SplitName {
    Train,
    Dev,
    Final,
}

impl SplitName {
    fn as_str(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Dev => "dev",
            Self::Final => "final",
        }
    }
}

pub(super) async fn run(args: Args) -> Result<(), Failure> {
    let track: TrackName = args.track.parse().map_err(failure)?;
    let api = args.server.api()?;
    let settings = Settings {
        folder: args.out.unwrap_or_else(|| PathBuf::from(track.slug())),
        selection: FileSelection {
            scenarios: args.selection.scenarios,
            splits: args.selection.splits.into_iter().map(|split| split.as_str().to_owned()).collect(),
            files: args.selection.files,
            all: args.selection.all,
        },
        jobs: NonZero::new(usize::from(args.jobs)).unwrap_or(NonZero::<usize>::MIN),
        unpack: args.unpack,
    };
    let stop = serve::stop_signal()?;
    if args.list {
        let files = client::local_states(&api, &track, &settings, stop).await.map_err(failure)?;
        return if args.json { print_json(&listed(&track, &settings.folder, &files)) } else { print(&table(&files)) };
    }
    let bar = Arc::new(ByteBar::new());
    let shown = Arc::clone(&bar);
    let outcome = client::download(&api, &track, &settings, stop, Arc::new(move |event| shown.take(event))).await;
    bar.end();
    let report = outcome.map_err(failure)?;
    if args.json {
        print_json(&document(&track, &settings.folder, &report))?;
    }
    message!("{}", summary(&report, &settings.folder));
    if !settings.unpack && report.files.iter().any(|file| file.file.name.ends_with(".tar")) {
        let folder = quoted(&settings.folder);
        message!("to unpack: for f in {folder}/*.tar; do tar -xf \"$f\" -C {folder}; done");
    }
    Ok(())
}

/// What was done, in a sentence or two.
fn summary(report: &Report, folder: &Path) -> String {
    let here = report.files.iter().filter(|file| file.outcome == FetchOutcome::Present).count();
    let came = report.files.len() - here;
    let files = |count: usize| if count == 1 { "1 file".to_owned() } else { format!("{count} files") };
    let was = if here == 1 { "was" } else { "were" };
    let received = BinaryBytes(report.received);
    let mut text = format!("{} {was} there, {} came ({received}): {}", files(here), files(came), folder.display());
    for Unpacked { name, written } in &report.unpacked {
        text += &format!("\n{name} is unpacked, {} of it new", files(usize::try_from(*written).unwrap_or(usize::MAX)));
    }
    text
}

/// A path, quoted for a shell where necessary.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+".contains(c);
    if text.chars().all(is_plain) && !text.starts_with('-') {
        return text;
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

fn word(local_state: LocalState) -> &'static str {
    match local_state {
        LocalState::Present => "present",
        LocalState::Unchecked => "unchecked",
        LocalState::Differs => "differs",
        LocalState::Partial(_) => "partial",
        LocalState::Missing => "missing",
    }
}

fn table(files: &[(RemoteFile, LocalState)]) -> String {
    let width = files.iter().map(|(file, _)| file.name.chars().count()).max().unwrap_or(0);
    let line = |(file, local_state): &(RemoteFile, LocalState)| {
        let state = match local_state {
            LocalState::Present => "have".to_owned(),
            LocalState::Unchecked => "have, not compared yet".to_owned(),
            LocalState::Differs => "another one is here".to_owned(),
            LocalState::Partial(bytes) => format!("missing, {} of it here", BinaryBytes(*bytes)),
            LocalState::Missing => "missing".to_owned(),
        };
        format!("{:width$}  {:>12}  {state}\n", file.name, BinaryBytes(file.size).to_string())
    };
    files.iter().map(line).collect()
}

fn listed(track: &TrackName, folder: &Path, files: &[(RemoteFile, LocalState)]) -> Value {
    let files = files.iter().map(|(file, local_state)| line(file, word(*local_state)));
    json!({ "track": track.to_string(), "folder": folder.display().to_string(), "files": files.collect::<Vec<_>>() })
}

fn document(track: &TrackName, folder: &Path, report: &Report) -> Value {
    let files = report.files.iter().map(|file| line(&file.file, file.outcome.as_str()));
    json!({ "track": track.to_string(), "folder": folder.display().to_string(), "files": files.collect::<Vec<_>>() })
}

fn line(file: &RemoteFile, state: &str) -> Value {
    json!({ "name": file.name, "size": file.size, "sha256": file.sha256, "state": state })
}

fn print_json(document: &Value) -> Result<(), Failure> {
    print(&(serde_json::to_string_pretty(document).context("cannot write the outcome as JSON")? + "\n"))
}

/// Writes results to stdout. It is not an error if the reader has closed the pipe.
fn print(text: &str) -> Result<(), Failure> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::Input(anyhow::Error::new(error).context("cannot write to stdout")))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_written_as_a_shell_takes_it() {
        assert_eq!(quoted(Path::new("./cifar10")), "./cifar10");
        assert_eq!(quoted(Path::new("my data")), "'my data'");
        assert_eq!(quoted(Path::new("it's $HOME")), "'it'\\''s $HOME'");
    }

    #[test]
    fn the_summary_counts_what_was_there_and_what_came() {
        let report = Report::default();
        assert_eq!(summary(&report, Path::new("x")), "0 files were there, 0 files came (0 B): x");
    }
}
