//! What proves a revealed ranking: the file that `export` writes, and `reproduce`, which computes from it, without a
//! server, everything that was published.
//!
//! ```text
//! tar_file       an archive of plain files, written canonically and read strictly
//! manifest       what the export is of
//! archive        which members an export has, and SHA256SUMS over them
//! log_file       log.ndjson: the chain, then the events
//! history        what the events say: whose submissions, which entries stand
//! ranking_file   ranking.json from counts
//! reproduce      the checks, one line each: of the log, the labels, what was ranked, the scores made anew
//! ```
//!
//! It knows neither the database nor the network, and has no clock.

mod archive;
mod history;
mod log_file;
mod manifest;
pub mod ranking_file;
mod reproduce;
mod tar_file;
#[cfg(test)]
mod tests;

pub use archive::{DevResult, ExportWriter, NamedParticipant};
pub use log_file::{LogFileError, read_log};
pub use manifest::{Bootstrap, LabelsInFile, Manifest, ManifestCommitment, ManifestHead, ManifestSettings};
pub use ranking_file::{Counted, ranking_file};
pub use reproduce::{Check, Outcome, Published, Report, Unreadable, reproduce};
