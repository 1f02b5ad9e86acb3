//! Keys: what an object is, and where it lies in every kind of place.

use std::fmt;

use crate::domain::ids::{FileId, SubmissionId};
use crate::domain::release::FileName;

/// Names an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ObjectKey {
    /// The archive of a submission.
    Upload(SubmissionId),
    /// A file that participants are given. Another content is another file.
    Release(FileId, FileName),
}

/// What the names of uploads begin with, of those that were set aside, and of the files of releases.
pub(super) const UPLOADS: &str = "uploads";
pub(super) const ORPHANED: &str = "orphaned";
pub(super) const RELEASES: &str = "releases";
/// The object that says whose the others are.
pub(super) const INSTANCE: &str = "instance";

impl fmt::Display for ObjectKey {
    /// The path below folder or prefix. Its last part is what a browser calls the file.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Upload(id) => write!(f, "{UPLOADS}/{id}.zip"),
            Self::Release(id, name) => write!(f, "{RELEASES}/{id}/{name}"),
        }
    }
}

/// Where an upload goes that nobody knows.
pub(super) fn aside(id: SubmissionId) -> String {
    format!("{ORPHANED}/{id}.zip")
}

/// The submission whose upload has this file name; other files are nobody's business.
pub(super) fn upload_of(name: &str) -> Option<SubmissionId> {
    name.strip_suffix(".zip")?.parse().ok()
}
