//! A participant: who is enrolled in a track and ranked there, one person or several.

/// Where an enrolment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, sqlx::Type, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
#[sqlx(type_name = "participant_status", rename_all = "lowercase")]
pub enum ParticipantStatus {
    /// Waits for an organiser.
    Pending,
    /// May download and submit.
    Approved,
    /// Was refused by an organiser.
    Denied,
    /// Left the track.
    Withdrawn,
}

impl ParticipantStatus {
    /// What a new enrolment begins as.
    pub fn at_enrolment(approval: Approval) -> Self {
        match approval {
            Approval::Needed => Self::Pending,
            Approval::NotNeeded => Self::Approved,
        }
    }

    /// The word shown to people and scripts.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Denied => "denied",
            Self::Withdrawn => "withdrawn",
        }
    }
}

/// Whether an organiser must approve each participant of a track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Approval {
    /// An organiser looks at each enrolment.
    Needed,
    /// Accepting the terms is enough.
    NotNeeded,
}

impl From<bool> for Approval {
    fn from(needed: bool) -> Self {
        if needed { Self::Needed } else { Self::NotNeeded }
    }
}
