//! A split's score: every scenario's numbers, and the number that ranks.

use crate::metric::Metric;
use crate::metrics::{Metrics, metrics};
use crate::prediction::SplitPredictions;
use crate::ranking::{RankingCounts, RankingNumber};
use crate::roc::{RocCurve, roc};
use crate::rule::{RankingKind, Scenarios};
use crate::shape::{Split, TrackShape};
use crate::solution::SplitSolution;

/// The false-positive rate of the ranking number, in parts of 10,000.
pub(crate) const RANKING_RATE: u32 = Metric::RANKING.fpr_limit().expect("the ranking number is a true-positive rate");

/// The score of one scenario: all its target models under one threshold.
#[derive(Debug, Clone, PartialEq)]
pub struct ScenarioScore {
    /// The scenario's name.
    pub name: String,
    /// The counts behind `TPR_FPR_1000`, with the numbers of members and non-members.
    pub counts: RankingCounts,
    /// The reported numbers.
    pub metrics: Metrics,
    /// The whole curve; secret until the reveal, see [`RocCurve::grid`].
    pub curve: RocCurve,
}

/// The score of one split of a track.
#[derive(Debug, Clone, PartialEq)]
pub struct TrackScore {
    /// One score a scenario, in the order of the shape; `None` for one that the submission leaves out.
    pub scenarios: Vec<Option<ScenarioScore>>,
    /// What the ranking number is, by the track's rule.
    pub number: RankingKind,
    /// The ranking number, as the original computes it.
    pub ranking_value: f64,
}

impl TrackScore {
    /// The scores of the scenarios that are there, in the order of the shape.
    pub fn present(&self) -> impl Iterator<Item = &ScenarioScore> {
        self.scenarios.iter().flatten()
    }

    /// The exact number that decides the rank.
    #[must_use]
    pub fn ranking(&self) -> RankingNumber {
        RankingNumber::of(
            self.number,
            self.scenarios.iter().map(|scenario| scenario.as_ref().map(|scenario| scenario.counts)),
        )
    }
}

/// Scores one split.
///
/// # Errors
/// Predictions or a solution made for another shape. (Values that are not a
/// number and one-sided solutions cannot occur in these types.)
pub fn score(
    shape: &TrackShape,
    split: Split,
    predictions: &SplitPredictions,
    solution: &SplitSolution,
) -> Result<TrackScore, ScoreError> {
    check_fit(shape, split, predictions, solution)?;
    let mut scenarios = Vec::with_capacity(shape.scenarios().len());
    for (index, scenario) in shape.scenarios().iter().enumerate() {
        let Some(confidences) = predictions.scenario(index) else {
            scenarios.push(None);
            continue;
        };
        let curve = roc(confidences, solution.scenario(index))?;
        scenarios.push(Some(ScenarioScore {
            name: scenario.name().to_owned(),
            counts: ranking_counts(&curve),
            metrics: metrics(&curve),
            curve,
        }));
    }
    let number = shape.ranking().number;
    let rate = |scenario: &Option<ScenarioScore>| scenario.as_ref().map(|one| one.metrics.get(Metric::RANKING));
    let ranking_value = number.of(scenarios.iter().map(rate));
    Ok(TrackScore { scenarios, number, ranking_value })
}

/// The counts at the point of the curve that ranks.
fn ranking_counts(curve: &RocCurve) -> RankingCounts {
    let tp = curve.tp_below(RANKING_RATE);
    RankingCounts { tp, members: curve.positives(), fp: curve.fp_reaching(tp), non_members: curve.negatives() }
}

/// Checks that predictions and solution were made for this shape and split.
fn check_fit(
    shape: &TrackShape,
    split: Split,
    predictions: &SplitPredictions,
    solution: &SplitSolution,
) -> Result<(), ScoreError> {
    let expected = shape.scenarios().iter().map(|scenario| scenario.points(split));
    let all_there = predictions.scenarios().all(|values| values.is_some());
    let fits = (all_there || shape.ranking().scenarios == Scenarios::Any)
        && predictions.fit(expected.clone())
        && expected.eq(solution.scenarios().iter().map(Vec::len));
    if fits { Ok(()) } else { Err(ScoreError::OtherShape) }
}

/// Why there is no score.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScoreError {
    /// The predictions or the solution were made for another shape or split.
    #[error("the predictions and the solution do not belong to the same shape and split")]
    OtherShape,
    /// Lists of different lengths.
    #[error("there are {confidences} confidences for {truth} labels")]
    Lengths {
        /// Confidences given.
        confidences: usize,
        /// Labels given.
        truth: usize,
    },
    /// A confidence that is not a number.
    #[error("a confidence is not a number")]
    NotANumber,
    /// No member among the points.
    #[error("there is no member, so there is no true-positive rate")]
    NoMember,
    /// No non-member among the points.
    #[error("there is no non-member, so there is no false-positive rate")]
    NoNonMember,
}
