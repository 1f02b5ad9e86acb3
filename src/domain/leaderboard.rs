//! The leaderboard: scored entries in their order, with shared ranks and statistical ties.

use scoring::{Interval, Metrics, RankingCounts, RankingNumber, RocGrid};
use time::OffsetDateTime;

use super::ids::{ParticipantId, ScoringId, SubmissionId};

/// One scenario's scores as they are kept and shown: the numbers, and the curve on the public grid.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct ScenarioResult {
    /// The scenario's folder name.
    pub name: String,
    /// Members among its challenge points.
    pub members: u64,
    /// Non-members among its challenge points.
    pub non_members: u64,
    /// The counts behind the ranking number; scores that were stored before they were kept have none.
    #[serde(default)]
    pub counts: Option<RankingCounts>,
    /// The value of each metric.
    pub numbers: Metrics,
    /// The ROC curve on the fixed grid; `None` where it is not told.
    #[serde(default)]
    pub grid: Option<RocGrid>,
}

/// One scoring of one submission and split, as it is kept and shown.
#[derive(Debug, Clone, PartialEq)]
pub struct SplitResult {
    /// Which run of the scorer this is.
    pub scoring: ScoringId,
    /// The ranking number, which has the name of the track's rule where it is shown.
    pub ranking_value: f64,
    /// The counts behind it, which decide the rank.
    pub ranking: RankingNumber,
    /// Its 95 % interval.
    pub interval: Interval,
    /// The scenarios that are there, in the order of scores.txt.
    pub scenarios: Vec<ScenarioResult>,
}

impl SplitResult {
    /// The result of a scenario; `None` if it was left out.
    pub fn scenario(&self, name: &str) -> Option<&ScenarioResult> {
        self.scenarios.iter().find(|scenario| scenario.name == name)
    }

    /// The same with its curves at 13 rates alone: whoever has a zip and its whole curve has the labels. With few
    /// non-members even those tell too much, and there is no curve.
    #[must_use]
    pub fn with_coarse_curves(mut self) -> Self {
        for scenario in &mut self.scenarios {
            let is_told = scenario.non_members >= Self::NON_MEMBERS_OF_A_CURVE;
            scenario.grid = scenario.grid.take().filter(|_| is_told).and_then(RocGrid::coarse_only);
        }
        self
    }

    /// Whether the curve of any scenario is told.
    pub fn has_curves(&self) -> bool {
        self.scenarios.iter().any(|scenario| scenario.grid.is_some())
    }

    /// How many non-members a scenario needs in a split for its curve to be told while labels are kept.
    pub const NON_MEMBERS_OF_A_CURVE: u64 = 1000;

    /// Another number of the scenarios made one in the way of the ranking number, such as their mean.
    pub fn over_scenarios(&self, value: impl Fn(&ScenarioResult) -> f64) -> f64 {
        // The ranking number knows how many scenarios the track has.
        let left_out = self.ranking.counts().len().saturating_sub(self.scenarios.len());
        let values = self.scenarios.iter().map(|scenario| Some(value(scenario)));
        self.ranking.number().of(values.chain(std::iter::repeat_n(None, left_out)))
    }
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

/// What is told of a submission's score on the final split, once final scores are public. While labels are kept, exact
/// numbers are those of the official entries alone, with curves at 13 rates.
#[derive(Debug, Clone, PartialEq)]
pub enum FinalTold {
    /// Its numbers; with whole curves where the labels are public.
    Numbers(SplitResult),
    /// The ranking number alone, rounded to [`FinalTold::STEP`].
    Rounded(f64),
}

impl FinalTold {
    /// To what the ranking number of a submission that is no official entry is rounded while labels are kept.
    pub const STEP: f64 = 0.005;

    /// What is told of a result.
    pub fn of(result: SplitResult, is_official: bool, labels_are_open: bool) -> Self {
        if labels_are_open {
            Self::Numbers(result)
        } else if is_official {
            Self::Numbers(result.with_coarse_curves())
        } else {
            // Multiples of 1/200, so that the shortest text of the number shows no more than that.
            Self::Rounded((result.ranking_value * 200.0).round() / 200.0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use scoring::{Membership, RankingKind};

    /// A score with one scenario of `points` challenge points, half of them members, all found before any other.
    fn perfect(points: u32) -> SplitResult {
        let is_member = |i: u32| i < points / 2;
        let confidences: Vec<f64> = (0..points).map(|i| f64::from(u8::from(is_member(i)))).collect();
        let truth: Vec<Membership> =
            (0..points).map(|i| if is_member(i) { Membership::Member } else { Membership::NonMember }).collect();
        let curve = scoring::roc(&confidences, &truth).expect("both kinds");
        let half = u64::from(points / 2);
        let scenario = ScenarioResult {
            name: "hi".to_owned(),
            members: half,
            non_members: half,
            counts: None,
            numbers: scoring::metrics(&curve),
            grid: Some(curve.grid()),
        };
        SplitResult {
            scoring: ScoringId::generate(),
            ranking_value: 0.4567,
            ranking: RankingNumber::new(RankingKind::Mean, vec![Some((half, half))]).expect("sound"),
            interval: Interval { low: 0.4, high: 0.5 },
            scenarios: vec![scenario],
        }
    }

    #[test]
    fn while_labels_are_kept_an_official_curve_is_coarse_and_others_have_none() {
        let curve = |told: FinalTold| match told {
            FinalTold::Numbers(result) => result.scenarios[0].grid.clone(),
            FinalTold::Rounded(_) => None,
        };
        let opened = curve(FinalTold::of(perfect(2000), true, true)).expect("told");
        assert_eq!((opened.linear.len(), opened.log.len()), (101, 41));
        let kept = curve(FinalTold::of(perfect(2000), true, false)).expect("told");
        assert_eq!(kept.points().len(), 13);
        assert!(kept.linear.is_empty() && kept.log.is_empty());
        assert_eq!(curve(FinalTold::of(perfect(1998), true, false)), None, "999 non-members");
        assert_eq!(FinalTold::of(perfect(2000), false, false), FinalTold::Rounded(0.455));
    }
}
