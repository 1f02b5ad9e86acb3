//! The leaderboard: scored entries in their order, with shared ranks and statistical ties.

use scoring::{Interval, RankingNumber, RocGrid};
use time::OffsetDateTime;

use super::ids::{ParticipantId, ScoringId, SubmissionId};

/// The nine numbers of a scenario under their names in scores.txt. Rates, areas and accuracies in [0, 1].
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ScenarioNumbers {
    /// True-positive rate where the false-positive rate is under 0.001.
    #[serde(rename = "TPR_FPR_10")]
    pub tpr_fpr_10: f64,
    /// … under 0.01.
    #[serde(rename = "TPR_FPR_100")]
    pub tpr_fpr_100: f64,
    /// … under 0.05.
    #[serde(rename = "TPR_FPR_500")]
    pub tpr_fpr_500: f64,
    /// … under 0.1: the mean of this over the scenarios ranks.
    #[serde(rename = "TPR_FPR_1000")]
    pub tpr_fpr_1000: f64,
    /// … under 0.15.
    #[serde(rename = "TPR_FPR_1500")]
    pub tpr_fpr_1500: f64,
    /// … under 0.2.
    #[serde(rename = "TPR_FPR_2000")]
    pub tpr_fpr_2000: f64,
    /// Area under the curve.
    #[serde(rename = "AUC")]
    pub auc: f64,
    /// Membership inference advantage, max(tpr - fpr).
    #[serde(rename = "MIA")]
    pub mia: f64,
    /// Balanced accuracy at the best threshold.
    pub accuracy: f64,
}

impl ScenarioNumbers {
    /// The names of the columns, in the order in which they are shown.
    pub const COLUMNS: [&str; 9] = [
        "TPR_FPR_10",
        "TPR_FPR_100",
        "TPR_FPR_500",
        "TPR_FPR_1000",
        "TPR_FPR_1500",
        "TPR_FPR_2000",
        "AUC",
        "MIA",
        "accuracy",
    ];

    /// The values in the order of [`Self::COLUMNS`].
    pub fn values(&self) -> [f64; 9] {
        [
            self.tpr_fpr_10,
            self.tpr_fpr_100,
            self.tpr_fpr_500,
            self.tpr_fpr_1000,
            self.tpr_fpr_1500,
            self.tpr_fpr_2000,
            self.auc,
            self.mia,
            self.accuracy,
        ]
    }
}

impl From<ScenarioNumbers> for scoring::Metrics {
    fn from(numbers: ScenarioNumbers) -> Self {
        let [at_10, at_100, at_500, at_1000, at_1500, at_2000, auc, advantage, accuracy] = numbers.values();
        Self { tpr_at: [at_10, at_100, at_500, at_1000, at_1500, at_2000], auc, advantage, accuracy }
    }
}

impl From<&scoring::Metrics> for ScenarioNumbers {
    fn from(metrics: &scoring::Metrics) -> Self {
        let [tpr_fpr_10, tpr_fpr_100, tpr_fpr_500, tpr_fpr_1000, tpr_fpr_1500, tpr_fpr_2000] = metrics.tpr_at;
        Self {
            tpr_fpr_10,
            tpr_fpr_100,
            tpr_fpr_500,
            tpr_fpr_1000,
            tpr_fpr_1500,
            tpr_fpr_2000,
            auc: metrics.auc,
            mia: metrics.advantage,
            accuracy: metrics.accuracy,
        }
    }
}

/// One scenario's scores as they are kept and shown: the numbers, and the curve on the public grid.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct ScenarioResult {
    /// The scenario's folder name.
    pub name: String,
    /// Members among its challenge points.
    pub members: u64,
    /// Non-members among its challenge points.
    pub non_members: u64,
    /// The nine numbers.
    pub numbers: ScenarioNumbers,
    /// The ROC curve on the fixed grid.
    pub grid: RocGrid,
}

/// One scoring of one submission and split, as it is kept and shown.
#[derive(Debug, Clone, PartialEq)]
pub struct SplitResult {
    /// Which run of the scorer this is.
    pub scoring: ScoringId,
    /// The ranking number, `average_TPR_FPR_1000`.
    pub average: f64,
    /// The counts behind it, which decide the rank.
    pub ranking: RankingNumber,
    /// Its 95 % interval.
    pub interval: Interval,
    /// Scenario by scenario, in the order of scores.txt.
    pub scenarios: Vec<ScenarioResult>,
}

/// A participant's entry, not yet ranked.
#[derive(Debug, Clone)]
pub struct BoardEntry {
    /// Whose it is.
    pub participant_id: ParticipantId,
    /// The participant's public name.
    pub participant: String,
    /// The submission that stands.
    pub submission: SubmissionId,
    /// What its sender says of it.
    pub description: String,
    /// Where its method is described.
    pub method_url: Option<String>,
    /// When it arrived.
    pub submitted_at: OffsetDateTime,
    /// How many scored submissions the participant has.
    pub submissions: u32,
    /// Its scores on the board's split.
    pub result: SplitResult,
}

/// An entry with its place.
#[derive(Debug, Clone)]
pub struct RankedEntry {
    /// 1 for the best; equal ranking numbers share a rank, and the next one is skipped (1, 2, 2, 4).
    pub rank: usize,
    /// Whether the difference to the entry above is within chance (its 95 % interval contains 0).
    pub tied_with_above: bool,
    /// The entry.
    pub entry: BoardEntry,
}

/// Orders entries by their exact ranking number, best first, equal ones by the earlier submission.
pub fn order(entries: &mut [BoardEntry]) {
    entries.sort_by(|a, b| {
        b.result
            .ranking
            .cmp(&a.result.ranking)
            .then_with(|| (a.submitted_at, a.submission).cmp(&(b.submitted_at, b.submission)))
    });
}

/// Orders entries and gives out ranks. `tied(above, below)` answers whether two neighbours differ within chance.
pub fn rank(mut entries: Vec<BoardEntry>, mut tied: impl FnMut(&BoardEntry, &BoardEntry) -> bool) -> Vec<RankedEntry> {
    order(&mut entries);
    let mut ranked: Vec<RankedEntry> = Vec::with_capacity(entries.len());
    for (place, entry) in entries.into_iter().enumerate() {
        let (rank, tied_with_above) = match ranked.last() {
            None => (1, false),
            Some(above) if above.entry.result.ranking == entry.result.ranking => (above.rank, true),
            Some(above) => (place + 1, tied(&above.entry, &entry)),
        };
        ranked.push(RankedEntry { rank, tied_with_above, entry });
    }
    ranked
}
