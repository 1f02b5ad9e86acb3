//! Keys: what an object is, and its name in every kind of storage.

use std::fmt;

use crate::domain::ids::{FileId, SubmissionId};
use crate::domain::release::FileName;

/// Names an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ObjectKey {
    /// The archive of a submission.
    Upload(SubmissionId),
    /// A file that participants are given. New content gets a new id.
    Release(FileId, FileName),
}

/// How the names begin of uploads, of uploads that were set aside, and of released files.
pub(super) const UPLOADS: &str = "uploads";
pub(super) const ORPHANED: &str = "orphaned";
pub(super) const RELEASES: &str = "releases";
/// The object that says which database the others belong to.
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

/// The name of an upload that was set aside.
pub(super) fn aside(id: SubmissionId) -> String {
    format!("{ORPHANED}/{id}.zip")
}

/// The submission whose upload has this file name; `None` if it is another kind of file.
pub(super) fn upload_of(name: &str) -> Option<SubmissionId> {
    name.strip_suffix(".zip")?.parse().ok()
}
