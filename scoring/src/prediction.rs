//! What a participant claims: a confidence for every challenge point.
//!
//! Values only; reading them from files is the work of `csv` and `validate`.

use crate::rule::Scenarios;
use crate::shape::{Split, TrackShape};

/// The confidences of one split: for every scenario of the shape one list, its
/// target models concatenated in natural order, or nothing where the scenario
/// is left out. Each value lies in [0, 1] and is never -0.0.
#[derive(Debug, Clone, PartialEq)]
pub struct SplitPredictions {
    scenarios: Vec<Option<Vec<f64>>>,
}

impl SplitPredictions {
    /// Takes one list a scenario, in the order of the shape; `None` for one that is left out.
    ///
    /// # Errors
    /// Another number of scenarios or points than the shape says, a value that
    /// is no confidence, a scenario left out that the track's rule does not let
    /// be left out, or all of them.
    pub fn new(
        shape: &TrackShape,
        split: Split,
        mut scenarios: Vec<Option<Vec<f64>>>,
    ) -> Result<Self, PredictionsError> {
        if scenarios.len() != shape.scenarios().len() {
            return Err(PredictionsError::Scenarios { found: scenarios.len(), expected: shape.scenarios().len() });
        }
        if scenarios.iter().all(Option::is_none) {
            return Err(PredictionsError::NoScenario);
        }
        for (expected, values) in shape.scenarios().iter().zip(&mut scenarios) {
            let scenario = || expected.name().to_owned();
            let Some(values) = values else {
                match shape.ranking().scenarios {
                    Scenarios::All => return Err(PredictionsError::LeftOut { scenario: scenario() }),
                    Scenarios::Any => continue,
                }
            };
            if values.len() != expected.points(split) {
                let (found, expected) = (values.len(), expected.points(split));
                return Err(PredictionsError::Points { scenario: scenario(), found, expected });
            }
            for (point, value) in values.iter_mut().enumerate() {
                *value = confidence(*value)
                    .ok_or_else(|| PredictionsError::NotAConfidence { scenario: scenario(), point })?;
            }
        }
        Ok(Self { scenarios })
    }

    /// Zeros for every point of the shape, to be filled in by the validator.
    pub(crate) fn zeros(shape: &TrackShape, split: Split) -> Self {
        let zeros = |scenario: &crate::ScenarioShape| Some(vec![0.0; scenario.points(split)]);
        Self { scenarios: shape.scenarios().iter().map(zeros).collect() }
    }

    /// The confidences of scenario `index` of the shape; `None` if it is left out.
    ///
    /// # Panics
    /// If the shape has no such scenario.
    #[must_use]
    pub fn scenario(&self, index: usize) -> Option<&[f64]> {
        self.scenarios[index].as_deref()
    }

    pub(crate) fn scenario_mut(&mut self, index: usize) -> Option<&mut [f64]> {
        self.scenarios[index].as_deref_mut()
    }

    pub(crate) fn leave_out(&mut self, index: usize) {
        self.scenarios[index] = None;
    }

    /// The confidences of every scenario, in the order of the shape.
    pub(crate) fn scenarios(&self) -> impl ExactSizeIterator<Item = Option<&[f64]>> {
        self.scenarios.iter().map(Option::as_deref)
    }

    /// Whether each scenario has so many points or is left out, and not all are left out.
    pub(crate) fn fit(&self, points: impl ExactSizeIterator<Item = usize>) -> bool {
        points.len() == self.scenarios.len()
            && points.zip(self.scenarios()).all(|(points, values)| values.is_none_or(|values| values.len() == points))
            && self.scenarios.iter().any(Option::is_some)
    }
}

/// The value as a confidence: -0.0 becomes 0.0; `None` for a number outside
/// [0, 1] or NaN.
pub(crate) fn confidence(value: f64) -> Option<f64> {
    // Adding 0.0 changes no number but -0.0.
    (0.0..=1.0).contains(&value).then_some(value + 0.0)
}

/// Why values cannot be the predictions of a split.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PredictionsError {
    /// Another number of scenarios than the shape has.
    #[error("there are values for {found} scenarios where the track has {expected}")]
    Scenarios {
        /// Scenarios with values.
        found: usize,
        /// Scenarios of the track.
        expected: usize,
    },
    /// Every scenario is left out.
    #[error("every scenario is left out")]
    NoScenario,
    /// A scenario is left out where the track wants all of them.
    #[error("scenario {scenario} is left out, and this track needs all of them")]
    LeftOut {
        /// The scenario's name.
        scenario: String,
    },
    /// Another number of values than the scenario has challenge points.
    #[error("scenario {scenario}: there are {found} values for {expected} challenge points")]
    Points {
        /// The scenario's name.
        scenario: String,
        /// Values found.
        found: usize,
        /// Challenge points of the scenario in this split.
        expected: usize,
    },
    /// A value outside [0, 1], or not a number.
    #[error("scenario {scenario}: the value of point {point} is not in [0, 1]")]
    NotAConfidence {
        /// The scenario's name.
        scenario: String,
        /// The point's place in the scenario, counted from 0.
        point: usize,
    },
}

/// The predictions of one upload, by split.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Predictions {
    splits: Vec<(Split, SplitPredictions)>,
}

impl Predictions {
    /// Zeros for every point of the given splits.
    pub(crate) fn zeros(shape: &TrackShape, splits: &[Split]) -> Self {
        Self { splits: splits.iter().map(|split| (*split, SplitPredictions::zeros(shape, *split))).collect() }
    }

    /// The predictions of one split, if it was asked for.
    #[must_use]
    pub fn split(&self, split: Split) -> Option<&SplitPredictions> {
        self.splits.iter().find(|(of, _)| *of == split).map(|(_, predictions)| predictions)
    }

    pub(crate) fn splits_mut(&mut self) -> &mut [(Split, SplitPredictions)] {
        &mut self.splits
    }

    pub(crate) fn splits(&self) -> &[(Split, SplitPredictions)] {
        &self.splits
    }
}
