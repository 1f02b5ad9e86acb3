//! What an organiser sets for a track: limits, entry rule, labels, texts. Its phase and dates are in [`super::phase`].

use std::collections::BTreeMap;

/// How the submission that stands on the board is picked for a participant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, sqlx::Type, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
#[sqlx(type_name = "entry_rule", rename_all = "lowercase")]
pub enum EntryRule {
    /// The one received last.
    Latest,
    /// The one with the greatest ranking number on the dev split; the earlier of equal ones.
    Best,
    /// The one the participant chose; the latest while none is chosen.
    Chosen,
}

impl EntryRule {
    /// The word shown to people and scripts.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Latest => "latest",
            Self::Best => "best",
            Self::Chosen => "chosen",
        }
    }
}

/// How much a participant may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SubmissionLimits {
    /// Submissions that count within one UTC day.
    pub per_day: u32,
    /// Submissions that count in all.
    pub total: u32,
    /// Bytes of one upload.
    pub bytes: u64,
}

impl SubmissionLimits {
    /// What MICO allowed: 30 a day, 1,000 in all, 2 MB (of 10^6 bytes).
    pub const MICO: Self = Self { per_day: 30, total: 1000, bytes: 2_000_000 };
}

/// How a scenario is called for people.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScenarioLabel {
    /// A short name, such as `High ε`; the scenario's folder name where it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The privacy budget in words, such as `10` or `∞`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epsilon: Option<String>,
}

/// Labels by the scenario's folder name.
pub type ScenarioLabels = BTreeMap<String, ScenarioLabel>;

/// A track's texts, in Markdown.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Pages {
    /// What the track is about and how to begin.
    pub overview: String,
    /// How entries are scored and ranked.
    pub evaluation: String,
    /// What the files are.
    pub data: String,
    /// What a participant agrees to.
    pub terms: String,
}
