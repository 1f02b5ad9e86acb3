//! A participant: who is enrolled in a track and ranked there, one person or several.

/// Where an enrolment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, sqlx::Type, utoipa::ToSchema)]
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

    /// All of them.
    pub const ALL: [Self; 4] = [Self::Pending, Self::Approved, Self::Denied, Self::Withdrawn];

    /// The status of a word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
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

/// A participant's name folded for comparison: two names with one key are one participant of a track.
pub fn name_key(name: &str) -> String {
    name.trim().to_lowercase()
}

/// What organisers decide of a participant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// They take part.
    Approve,
    /// They do not take part, and cannot ask again.
    Deny,
    /// They do not take part, and may ask again.
    Withdraw,
    /// It is as it was before they were denied or withdrew.
    Restore,
}

impl Decision {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Approve, Self::Deny, Self::Withdraw, Self::Restore];

    /// The word that commands and forms have for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Deny => "deny",
            Self::Withdraw => "withdraw",
            Self::Restore => "restore",
        }
    }

    /// The decision of a word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|decision| decision.as_str() == word)
    }
}

/// How a participant stands, as far as it decides what can become of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Where the enrolment stands.
    pub status: ParticipantStatus,
    /// What it was before they were denied or withdrew, where that is known.
    pub before: Option<ParticipantStatus>,
    /// Whether they take part, or did.
    pub has_taken_part: bool,
}

impl Standing {
    /// Where the enrolment stands after a decision; the same where it stood so before.
    pub fn after(self, decision: Decision) -> ParticipantStatus {
        use ParticipantStatus::{Approved, Denied, Pending, Withdrawn};
        match (decision, self.status) {
            (Decision::Approve, _) => Approved,
            (Decision::Deny, _) => Denied,
            (Decision::Withdraw, _) => Withdrawn,
            (Decision::Restore, Denied | Withdrawn) => match self.before {
                Some(before) => before,
                None if self.has_taken_part => Approved,
                None => Pending,
            },
            (Decision::Restore, Approved | Pending) => self.status,
        }
    }

    /// What a later restoring leads back to, once the status is `new`.
    pub fn before_new(self, new: ParticipantStatus) -> Option<ParticipantStatus> {
        use ParticipantStatus::{Approved, Denied, Pending, Withdrawn};
        match (self.status, new) {
            (_, Approved | Pending) => None,
            (Approved | Pending, Denied | Withdrawn) => Some(self.status),
            (Denied | Withdrawn, Denied | Withdrawn) => self.before,
        }
    }

    /// Whether becoming approved would be more than getting back what they had: an approval.
    pub fn needs_approval(self) -> bool {
        self.status == ParticipantStatus::Pending || self.after(Decision::Restore) != ParticipantStatus::Approved
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decision_leads_to_its_status_and_restoring_leads_back() {
        use ParticipantStatus::{Approved, Denied, Pending, Withdrawn};
        let standing = |status, before| Standing { status, before, has_taken_part: false };
        let table = [
            //                              approve   deny    withdraw   restore
            (standing(Pending, None), [Approved, Denied, Withdrawn, Pending]),
            (standing(Approved, None), [Approved, Denied, Withdrawn, Approved]),
            (standing(Denied, Some(Pending)), [Approved, Denied, Withdrawn, Pending]),
            (standing(Denied, Some(Approved)), [Approved, Denied, Withdrawn, Approved]),
            (standing(Withdrawn, Some(Pending)), [Approved, Denied, Withdrawn, Pending]),
            (standing(Withdrawn, Some(Approved)), [Approved, Denied, Withdrawn, Approved]),
        ];
        for (from, to) in table {
            assert_eq!(Decision::ALL.map(|decision| from.after(decision)), to, "{from:?}");
        }
        // What was decided before that was written down.
        assert_eq!(standing(Denied, None).after(Decision::Restore), Pending);
        let took_part = Standing { has_taken_part: true, ..standing(Withdrawn, None) };
        assert_eq!(took_part.after(Decision::Restore), Approved);
    }

    #[test]
    fn what_is_restored_is_what_was_there_before_the_first_of_several_decisions() {
        use ParticipantStatus::{Approved, Denied, Pending, Withdrawn};
        let standing = |status, before| Standing { status, before, has_taken_part: true };
        assert_eq!(standing(Approved, None).before_new(Withdrawn), Some(Approved));
        assert_eq!(standing(Withdrawn, Some(Approved)).before_new(Denied), Some(Approved));
        assert_eq!(standing(Pending, None).before_new(Denied), Some(Pending));
        assert_eq!(standing(Denied, Some(Pending)).before_new(Approved), None);
    }

    #[test]
    fn who_took_part_needs_no_second_approval_but_who_asks_again_does() {
        use ParticipantStatus::{Approved, Denied, Pending, Withdrawn};
        let standing = |status, before| Standing { status, before, has_taken_part: true };
        assert!(!standing(Denied, Some(Approved)).needs_approval());
        assert!(!standing(Withdrawn, None).needs_approval());
        assert!(standing(Denied, Some(Pending)).needs_approval());
        assert!(standing(Pending, None).needs_approval());
    }
}
