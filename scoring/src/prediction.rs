//! What a participant claims: a confidence for every challenge point.
//!
//! Values only; reading them from files is the work of `csv` and `validate`.

use crate::shape::{Split, TrackShape};

/// The confidences of one split: for every scenario of the shape one list, its
/// target models concatenated in natural order. Each value lies in [0, 1] and
/// is never -0.0.
#[derive(Debug, Clone, PartialEq)]
pub struct SplitPredictions {
    scenarios: Vec<Vec<f64>>,
}

impl SplitPredictions {
    /// Takes one list a scenario, in the order of the shape.
    ///
    /// # Errors
    /// Another number of scenarios or points than the shape says, or a value
    /// that is no confidence.
    pub fn new(shape: &TrackShape, split: Split, mut scenarios: Vec<Vec<f64>>) -> Result<Self, PredictionsError> {
        if scenarios.len() != shape.scenarios().len() {
            return Err(PredictionsError::Scenarios { found: scenarios.len(), expected: shape.scenarios().len() });
        }
        for (expected, values) in shape.scenarios().iter().zip(&mut scenarios) {
            let scenario = || expected.name().to_owned();
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
        let zeros = |scenario: &crate::ScenarioShape| vec![0.0; scenario.points(split)];
        Self { scenarios: shape.scenarios().iter().map(zeros).collect() }
    }

    /// The confidences of scenario `index` of the shape.
    ///
    /// # Panics
    /// If the shape has no such scenario.
    #[must_use]
    pub fn scenario(&self, index: usize) -> &[f64] {
        &self.scenarios[index]
    }

    pub(crate) fn scenario_mut(&mut self, index: usize) -> &mut [f64] {
        &mut self.scenarios[index]
    }

    /// The confidences of every scenario, in the order of the shape.
    pub(crate) fn scenarios(&self) -> &[Vec<f64>] {
        &self.scenarios
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
