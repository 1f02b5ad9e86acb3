//! Computes a revealed ranking anew from an export, and says of everything that was published whether it is so.

mod labels;
mod log;
mod ranking;
mod report;
mod scores;

use std::io::{Read, Seek};

use scoring::TrackShape;
use scoring::log::LogPlace;
use thiserror::Error;

use self::labels::{commitment, labels};
use self::log::{dev_hashes, dev_results, log, log_events};
use self::ranking::{entries, official, ranking, zips};
pub use self::report::{Check, Outcome, Report};
use self::scores::{ranking_anew, results, scores};
use super::archive::{ExportFile, Kind, MANIFEST, RANKING, RESULTS, SHAPE};
use super::history::History;
use super::manifest::{FORMAT, Manifest};
use super::tar_file::TarError;
use crate::domain::sha256::Sha256;

/// What was published elsewhere, to compare with.
#[derive(Debug, Clone, Copy, Default)]
pub struct Published {
    /// A place in the log, such as that of a receipt or of a head that somebody kept.
    pub head: Option<LogPlace>,
    /// The root of the commitment to the labels.
    pub root: Option<Sha256>,
}

/// Why a file is not checked at all.
#[derive(Debug, Error)]
pub enum Unreadable {
    /// The archive cannot be read.
    #[error(transparent)]
    Archive(#[from] TarError),
    /// A later version of the program wrote it in another way.
    #[error("the export has format {0}, which this version of the program does not know")]
    Format(u64),
}

/// Checks an export.
///
/// # Errors
/// It is no export, is cut off, cannot be read, or has a later format. Everything else that is wrong with it is a check
/// that failed.
pub fn reproduce(file: impl Read + Seek, published: Published) -> Result<Report, Unreadable> {
    let mut report = Report::default();
    match check(file, published, &mut report) {
        Ok(()) => {}
        Err(Stop::Unreadable(error)) => return Err(error),
        // Nothing after it can be read.
        Err(Stop::Damaged(what)) => report.failed("archive", what),
        Err(Stop::Told) => {}
    }
    Ok(report)
}

/// Why no more checks are made.
enum Stop {
    Unreadable(Unreadable),
    Damaged(String),
    /// A check that failed has said it.
    Told,
}

impl From<TarError> for Stop {
    fn from(error: TarError) -> Self {
        match error {
            TarError::Damaged(what) => Self::Damaged(what),
            other => Self::Unreadable(other.into()),
        }
    }
}

fn check(file: impl Read + Seek, published: Published, report: &mut Report) -> Result<(), Stop> {
    let (mut export, problems) = ExportFile::read(file)?;
    let members = export.len();
    report.put("archive", &problems, |report| report.ok("archive", format!("{members} members, as SHA256SUMS says")));
    let manifest = manifest(&mut export, report)?;
    let shape = shape(&mut export, &manifest, report)?;
    let log = log(&mut export, &manifest, published.head, report)?;
    let (dev_scores, dev_results) = dev_results(&mut export, report)?;
    let history = History::of(&log, manifest.settings.entry_rule, dev_scores.as_ref());
    log_events(&log, &history, &manifest, export.sha256(&Kind::Top(SHAPE)), report);
    dev_hashes(dev_results.as_deref(), &history, report);
    let labels = labels(&mut export, &shape, report)?;
    commitment(&mut export, &manifest, &shape, labels.as_ref(), &history, published.root, report)?;
    let ranking = ranking(&mut export, &shape, report)?;
    zips(&export, &ranking, &history, report);
    entries(&manifest, &ranking, &history, report);
    let text = export.content(&Kind::Top(RANKING))?.unwrap_or_default();
    let told = export.content(&Kind::Top(RESULTS))?.unwrap_or_default();
    official(&ranking, (&text, &told), &manifest, &history, report);
    let scored = scores(&mut export, &manifest, &shape, labels.as_ref(), &ranking, report)?;
    ranking_anew(&ranking, &text, &shape, &scored, &history, report);
    results(&mut export, &manifest, &ranking, &scored, report)?;
    Ok(())
}

/// Reads a member as JSON; what is wrong with it fails the check of this name.
fn json<T: serde::de::DeserializeOwned, F: Read + Seek>(
    export: &mut ExportFile<F>,
    name: &'static str,
    report: &mut Report,
) -> Result<T, Stop> {
    let Some(bytes) = export.content(&Kind::Top(name))? else {
        report.failed(name, "it is missing");
        return Err(Stop::Told);
    };
    serde_json::from_slice(&bytes).map_err(|error| {
        report.failed(name, error.to_string());
        Stop::Told
    })
}

fn manifest<F: Read + Seek>(export: &mut ExportFile<F>, report: &mut Report) -> Result<Manifest, Stop> {
    let value: serde_json::Value = json(export, MANIFEST, report)?;
    match value["format"].as_u64() {
        Some(format) if format > u64::from(FORMAT) && !report.has_failed() => {
            return Err(Stop::Unreadable(Unreadable::Format(format)));
        }
        Some(format) if format != u64::from(FORMAT) => {
            report.failed(MANIFEST, format!("there is no format {format}"));
            return Err(Stop::Told);
        }
        _ => {}
    }
    let manifest: Manifest = json(export, MANIFEST, report)?;
    let problems = export.misfits(&manifest);
    report.put(MANIFEST, &problems, |report| {
        let whose = if manifest.full { "organisers" } else { "everybody" };
        report.ok(MANIFEST, format!("{}, ranking {}, for {whose}", manifest.track, manifest.ranking_version));
    });
    Ok(manifest)
}

fn shape<F: Read + Seek>(
    export: &mut ExportFile<F>,
    manifest: &Manifest,
    report: &mut Report,
) -> Result<TrackShape, Stop> {
    let shape: TrackShape = json(export, SHAPE, report)?;
    let mut problems = Vec::new();
    if shape.ranking() != manifest.settings.ranking {
        problems.push(format!("its ranking rule is another than that of {MANIFEST}"));
    }
    if manifest.track.rsplit('/').next() != Some(shape.slug()) {
        problems.push(format!("it is that of the track {}, and {MANIFEST} is of {}", shape.slug(), manifest.track));
    }
    report.put(SHAPE, &problems, |report| report.ok(SHAPE, format!("{} scenarios", shape.scenarios().len())));
    Ok(shape)
}
