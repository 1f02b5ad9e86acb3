//! The official ranking: numbered versions of it, and ranking.json, the file that holds nothing but what decides.

use serde::{Deserialize, Serialize};

use super::ids::SubmissionId;
use super::log_event::LogParticipant;

/// Why there is another version of the official ranking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, sqlx::Type, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
#[sqlx(type_name = "ranking_change", rename_all = "lowercase")]
pub enum RankingChange {
    /// The first one.
    Reveal,
    /// A submission was taken out.
    Disqualified,
    /// A submission counts again.
    Restored,
    /// A participant was taken out.
    Removed,
    /// A participant counts again.
    Returned,
    /// Submissions were scored anew.
    Rescored,
    /// A participant stands out of competition from now on, or competes again.
    Competes,
}

impl RankingChange {
    /// Why a version of the ranking was made, as half a sentence.
    pub fn words(self) -> &'static str {
        match self {
            Self::Reveal => "the reveal",
            Self::Disqualified => "a submission was disqualified",
            Self::Restored => "a disqualified submission counts again",
            Self::Removed => "a participant was taken out",
            Self::Returned => "a participant counts again",
            Self::Rescored => "submissions were scored anew",
            Self::Competes => "who competes was corrected",
        }
    }

    /// Several of them, each once.
    pub fn all_words(changes: &[Self]) -> String {
        let mut words: Vec<&str> = Vec::new();
        for change in changes {
            if !words.contains(&change.words()) {
                words.push(change.words());
            }
        }
        words.join(", ")
    }
}

/// ranking.json: what decides the final ranking, in integers only. Format 1 is frozen: every later version of the program
/// makes the same bytes from the same entries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RankingFile {
    /// 1.
    pub format: u32,
    /// The ranking number, by the name of its rule.
    pub number: String,
    /// The scenarios' names, in the order of every entry's counts.
    pub scenarios: Vec<String>,
    /// Best first; equal ones in the order in which they were taken.
    pub entries: Vec<RankingFileEntry>,
}

/// An entry of ranking.json.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RankingFileEntry {
    /// The participant, as the log calls it.
    pub participant: LogParticipant,
    /// The submission.
    pub submission: SubmissionId,
    /// 1 for the best; equal ones share a rank, and the next is skipped. Null: out of competition, where no rank is taken.
    pub rank: Option<u32>,
    /// `[tp, P, fp, N]` of each scenario at the point that decides; null: left out.
    pub counts: Vec<Option<[u64; 4]>>,
}

impl RankingFile {
    /// The bytes: compact JSON and a newline.
    ///
    /// # Errors
    /// None that can happen: everything in it can be written.
    pub fn to_text(&self) -> Result<String, serde_json::Error> {
        Ok(serde_json::to_string(self)? + "\n")
    }
}

/// results.json: the numbers of the official entries as they were told, without names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResultsFile {
    /// 1.
    pub format: u32,
    /// Which version of the official ranking it belongs to.
    pub version: u32,
    /// The ranking number, by the name of its rule.
    pub number: String,
    /// The entries, in the order of ranking.json.
    pub entries: Vec<ResultsFileEntry>,
}

/// An entry of results.json.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResultsFileEntry {
    /// The participant, as the log calls it.
    pub participant: LogParticipant,
    /// The submission.
    pub submission: SubmissionId,
    /// Its rank; null: out of competition.
    pub rank: Option<u32>,
    /// The ranking number.
    pub value: f64,
    /// Its 95 % interval.
    pub interval_95: [f64; 2],
    /// The nine numbers of each scenario, in the order of ranking.json's scenarios; null: left out.
    pub scenarios: Vec<Option<scoring::Metrics>>,
}

impl ResultsFile {
    /// The bytes: compact JSON and a newline.
    ///
    /// # Errors
    /// None that can happen: every number in it is finite.
    pub fn to_text(&self) -> Result<String, serde_json::Error> {
        Ok(serde_json::to_string(self)? + "\n")
    }
}
