//! What offline checking and scoring share: reading a track directory and predictions from disk.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use scoring::{FileEntry, Limits, RankingKind, Scenarios, Split, TrackShape, Validated};
use track_files::{PassedOver, TrackDirectory};

use super::Failure;
use super::progress;
use crate::importer::apply::SaidOfRanking;

/// Larger archives, in bytes, are not read, whatever the track's limit is.
const ARCHIVE_LIMIT: usize = 1 << 30;

/// Where the track directory is, and what it is called inside submissions.
#[derive(Debug, clap::Args)]
pub(super) struct TrackArgs {
    /// The track directory
    #[arg(long, value_name = "DIR")]
    track_dir: PathBuf,
    /// The track's short name, the first folder inside a submission; the directory's name if not
    /// given
    #[arg(long, value_name = "SLUG")]
    track: Option<String>,
    #[command(flatten)]
    ranking: RankingArgs,
}

/// What is said of ranking on the command line. It wins over `track.yaml`.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(super) struct RankingArgs {
    /// The ranking number: average_TPR_FPR_1000, the mean over the scenarios, or max_TPR_FPR_1000, the greatest of them
    /// [default: what track.yaml says, else average_TPR_FPR_1000]
    #[arg(long, value_name = "NUMBER")]
    ranking: Option<RankingKind>,
    /// Which scenarios a submission must hold: all, or any (at least one) [default: what track.yaml says, else all]
    #[arg(long, value_name = "all|any")]
    scenarios: Option<Scenarios>,
}

impl From<RankingArgs> for SaidOfRanking {
    fn from(args: RankingArgs) -> Self {
        Self { number: args.ranking, scenarios: args.scenarios }
    }
}

impl TrackArgs {
    /// Reads these splits of the directory.
    pub(super) fn read(&self, splits: &[Split]) -> Result<TrackDirectory, Failure> {
        let slug = slug(&self.track_dir, self.track.as_deref())?;
        let mut directory = TrackDirectory::read(&self.track_dir, &slug, splits)?;
        let said: SaidOfRanking = self.ranking.into();
        directory.shape = directory.shape.clone().with_ranking(said.over(directory.shape.ranking()));
        tell_passed_over(directory.folders.passed_over());
        Ok(directory)
    }
}

/// Names on stderr, in one line, what of a track directory was passed over. Not the files beside the scenarios: there
/// participants keep notebooks and zips.
pub(super) fn tell_passed_over<'a>(passed_over: impl IntoIterator<Item = &'a PassedOver>) {
    let is_told = |one: &&PassedOver| !one.is_hidden_file() && (one.is_folder || !one.is_beside_scenarios());
    if let Some(list) = PassedOver::list(passed_over.into_iter().filter(is_told)) {
        progress::message!("note: passed over {list}");
    }
}

/// The slug of the track in `folder`: `given`, else the folder's name.
pub(super) fn slug(folder: &Path, given: Option<&str>) -> Result<String, Failure> {
    if !folder.is_dir() {
        return Err(Failure::input(format!("there is no folder {}", folder.display())));
    }
    let slug = given.map(str::to_owned).or_else(|| track_files::folder_name(folder));
    slug.ok_or_else(|| Failure::input("the folder has no name to call the track by: give --track"))
}

/// Reads a zip and validates it in full, as the server does. `archive_bytes` is the size limit.
pub(super) fn check_archive(path: &Path, shape: &TrackShape, archive_bytes: usize) -> Result<Validated, Failure> {
    let bytes = read_archive(path)?;
    report(scoring::validate_archive(&bytes, shape, &Limits::for_shape(shape, archive_bytes)))
}

/// Reads the predictions of one split from a zip or a directory tree.
pub(super) fn predictions(path: &Path, shape: &TrackShape, split: Split) -> Result<Validated, Failure> {
    if path.is_dir() {
        let mut files = Vec::new();
        collect(path, path, &mut files).with_context(|| format!("cannot read {}", path.display()))?;
        report(scoring::validate_files(files, shape, &[split]))
    } else {
        let bytes = read_archive(path)?;
        let limits = Limits::for_shape(shape, ARCHIVE_LIMIT);
        report(scoring::validate_archive_splits(&bytes, shape, &limits, &[split]))
    }
}

/// Reads a zip into memory, up to [`ARCHIVE_LIMIT`].
pub(super) fn read_archive(path: &Path) -> Result<Vec<u8>, Failure> {
    let unreadable =
        |error| Failure::Input(anyhow::Error::new(error).context(format!("cannot read {}", path.display())));
    let size = fs::metadata(path).map_err(unreadable)?.len();
    if size > ARCHIVE_LIMIT as u64 {
        return Err(Failure::input(format!("{} has {size} bytes; at most {ARCHIVE_LIMIT} are read", path.display())));
    }
    fs::read(path).map_err(unreadable)
}

/// Collects the prediction files of a directory tree. Models and challenge points may be beside
/// them, as in the starting kit, and are skipped.
fn collect(root: &Path, folder: &Path, files: &mut Vec<FileEntry>) -> std::io::Result<()> {
    let mut entries: Vec<PathBuf> =
        fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    entries.sort();
    for path in entries {
        if path.is_dir() {
            collect(root, &path, files)?;
            continue;
        }
        let name = path.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
        if name.starts_with("prediction") {
            let below = path.strip_prefix(root).unwrap_or(&path);
            let parts: Vec<_> = below.iter().map(|part| part.to_string_lossy()).collect();
            files.push(FileEntry { path: parts.join("/"), bytes: fs::read(&path)? });
        }
    }
    Ok(())
}

/// Prints the warnings to stderr, or the problems to stdout and their number to stderr.
fn report(outcome: Result<Validated, scoring::Problems>) -> Result<Validated, Failure> {
    match outcome {
        Ok(validated) => {
            for warning in &validated.warnings {
                eprintln!("warning: {warning}");
            }
            Ok(validated)
        }
        Err(problems) => {
            for problem in &problems.shown {
                super::output::line!("{problem}");
            }
            let noun = if problems.total == 1 { "problem" } else { "problems" };
            let hidden = problems.total - problems.shown.len();
            let shown =
                if hidden > 0 { format!(", of which {} are shown", problems.shown.len()) } else { String::new() };
            eprintln!("{} {noun}{shown}", problems.total);
            Err(Failure::AlreadyReported)
        }
    }
}
