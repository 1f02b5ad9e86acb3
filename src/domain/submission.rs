//! A submission: one immutable upload, and the states it passes through. They are about the dev split; a job for the
//! final split has a state of its own.

/// Where a submission stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, sqlx::Type, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
#[sqlx(type_name = "submission_state", rename_all = "lowercase")]
pub enum SubmissionState {
    /// Waits for a worker.
    Queued,
    /// A worker has it.
    Scoring,
    /// Its dev scores stand.
    Scored,
    /// The upload was wrong; its problems are shown; no attempt was used.
    Rejected,
    /// We could not score it, though we tried again; no attempt was used.
    Failed,
}

impl SubmissionState {
    /// Whether nothing more will happen by itself.
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Scored | Self::Rejected | Self::Failed)
    }

    /// The word shown to people and scripts.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Scoring => "scoring",
            Self::Scored => "scored",
            Self::Rejected => "rejected",
            Self::Failed => "failed",
        }
    }
}
