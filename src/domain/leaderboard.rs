//! The leaderboard: scored entries in their order, with shared ranks and statistical ties.

use std::collections::HashMap;

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
    /// Whether it stands on the board without a rank.
    pub out_of_competition: bool,
    /// The submission that stands.
    pub submission: SubmissionId,
    /// What its sender says of it.
    pub description: String,
    /// Where its method is described.
    pub method_url: Option<String>,
    /// When that was said or changed after it had arrived; `None`: it stands as it was sent.
    pub method_url_at: Option<OffsetDateTime>,
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
    /// 1 for the best; equal ranking numbers share a rank, and the next one is skipped (1, 2, 2, 4). `None`: out of
    /// competition, which takes no rank from anybody.
    pub rank: Option<usize>,
    /// Whether another competing entry has the very same ranking number, and so the same rank.
    pub is_shared: bool,
    /// Whether the difference to the entry above is within chance (its 95 % interval contains 0).
    pub tied_with_above: bool,
    /// The entry.
    pub entry: BoardEntry,
}

impl RankedEntry {
    /// The rank as it is shown: a dash out of competition.
    pub fn rank_shown(&self) -> String {
        self.rank.map_or_else(|| "–".to_owned(), |rank| rank.to_string())
    }
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

/// Ranks of `count` entries in their order: equal ones share a rank, and the next one is skipped (1, 2, 2, 4). Out of
/// competition there is none, and none is taken. `same(i, j)` answers whether two that compete are equal.
pub fn ranks(count: usize, is_out: impl Fn(usize) -> bool, same: impl Fn(usize, usize) -> bool) -> Vec<Option<usize>> {
    let mut ranks = Vec::with_capacity(count);
    // The last that competes with its rank, and how many compete so far.
    let (mut last, mut competing) = (None::<(usize, usize)>, 0);
    for i in 0..count {
        if is_out(i) {
            ranks.push(None);
            continue;
        }
        competing += 1;
        let rank = last.filter(|(above, _)| same(*above, i)).map_or(competing, |(_, rank)| rank);
        last = Some((i, rank));
        ranks.push(Some(rank));
    }
    ranks
}

/// Orders entries and gives out ranks. `tied(above, below)` answers whether two neighbours differ within chance.
pub fn rank(mut entries: Vec<BoardEntry>, mut tied: impl FnMut(&BoardEntry, &BoardEntry) -> bool) -> Vec<RankedEntry> {
    order(&mut entries);
    let same = |i: usize, j: usize| entries[i].result.ranking == entries[j].result.ranking;
    let ranks = ranks(entries.len(), |i| entries[i].out_of_competition, same);
    let tied_with_above: Vec<bool> =
        (0..entries.len()).map(|i| i > 0 && (same(i - 1, i) || tied(&entries[i - 1], &entries[i]))).collect();
    let mut of_rank = HashMap::<usize, usize>::new();
    for rank in ranks.iter().flatten() {
        *of_rank.entry(*rank).or_default() += 1;
    }
    let ranked = |((entry, rank), tied_with_above): ((BoardEntry, Option<usize>), bool)| RankedEntry {
        rank,
        is_shared: rank.is_some_and(|rank| of_rank.get(&rank).is_some_and(|count| *count > 1)),
        tied_with_above,
        entry,
    };
    entries.into_iter().zip(ranks).zip(tied_with_above).map(ranked).collect()
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
            Self::Rounded(Self::round(result.ranking_value))
        }
    }

    /// A ranking number as it is told rounded.
    pub fn round(value: f64) -> f64 {
        // Multiples of 1/200, so that the shortest text of the number shows no more than that.
        (value * 200.0).round() / 200.0
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

    fn entry(name: &str, tp: u64, out_of_competition: bool) -> BoardEntry {
        BoardEntry {
            participant_id: ParticipantId::generate(),
            participant: name.to_owned(),
            out_of_competition,
            submission: SubmissionId::generate(),
            description: String::new(),
            method_url: None,
            method_url_at: None,
            submitted_at: time::macros::datetime!(2026-12-01 12:00 UTC),
            submissions: 1,
            result: SplitResult {
                ranking: RankingNumber::new(RankingKind::Mean, vec![Some((tp, 100))]).expect("sound"),
                ..perfect(10)
            },
        }
    }

    #[test]
    fn out_of_competition_takes_no_rank_and_shares_none() {
        let entries = vec![
            entry("a", 9, false),
            entry("baseline", 9, true),
            entry("b", 9, false),
            entry("c", 5, false),
            entry("noise", 5, true),
        ];
        let ranked = rank(entries, |_, _| false);
        let seen: Vec<_> = ranked
            .iter()
            .map(|one| (one.entry.out_of_competition, one.rank, one.is_shared, one.tied_with_above))
            .collect();
        let mut firsts = seen[..3].to_vec();
        // Equal entries that arrived together stand in the order of their ids.
        firsts.sort_by_key(|one| one.0);
        assert_eq!(
            firsts.iter().map(|one| (one.0, one.1, one.2)).collect::<Vec<_>>(),
            [(false, Some(1), true), (false, Some(1), true), (true, None, false)]
        );
        let mut lasts = seen[3..].to_vec();
        lasts.sort_by_key(|one| one.0);
        assert_eq!(
            lasts.iter().map(|one| (one.0, one.1, one.2)).collect::<Vec<_>>(),
            [(false, Some(3), false), (true, None, false)]
        );
        assert_eq!(seen.iter().map(|one| one.3).collect::<Vec<_>>(), [false, true, true, false, true]);
        let shown: Vec<_> = ranked.iter().map(RankedEntry::rank_shown).collect();
        assert_eq!(shown.iter().filter(|shown| *shown == "–").count(), 2);
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
