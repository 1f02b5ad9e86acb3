//! Intervals for the ranking number, by resampling target models.
//!
//! Challenge points of one model share that model, so the models of each
//! scenario are drawn with replacement, not the points. Everyone's draws are
//! the same: they depend on the track and the split only, so differences
//! between entries are compared over the same draws.
//!
//! A replicate's number is exactly what [`score`](crate::score()) would say of a
//! split in which each model stands as often as it was drawn, thinning of the
//! curve included. It is found without building that split: the points are
//! sorted once, and a walk down the curve adds up how often each point's model
//! was drawn, for many replicates side by side.

mod draws;
mod interval;
mod walk;

pub use interval::{Interval, paired_difference};

use crate::prediction::SplitPredictions;
use crate::roc::Ranked;
use crate::rule::RankingKind;
use crate::score::ScoreError;
use crate::shape::{Split, TrackShape};
use crate::solution::SplitSolution;
use draws::Draws;
use walk::Walk;

/// The usual number of replicates.
pub const REPLICATES: usize = 2000;

/// The draws for one split of one track, to be used for all its submissions.
#[derive(Debug, Clone)]
pub struct Bootstrap {
    scenarios: Vec<Draws>,
    replicates: usize,
    number: RankingKind,
}

impl Bootstrap {
    /// Draws the models. `track` is the track's slug, such as `cifar10`; the seed
    /// is the SHA-256 of it and the split.
    #[must_use]
    pub fn new(shape: &TrackShape, split: Split, track: &str, replicates: usize) -> Self {
        let scenarios = shape.scenarios().iter().map(|scenario| {
            let points = scenario.models(split).iter().map(|model| model.points as u32);
            Draws::none(points.collect(), replicates)
        });
        let mut scenarios: Vec<Draws> = scenarios.collect();
        let mut random = draws::generator(track, split);
        // Replicate by replicate, so that the first ones do not depend on how many there are.
        for replicate in 0..replicates {
            for draws in &mut scenarios {
                draws.draw(replicate, &mut random);
            }
        }
        Self { scenarios, replicates, number: shape.ranking().number }
    }

    /// How often each model of a scenario was drawn in one replicate, for
    /// checking a number by hand.
    ///
    /// # Panics
    /// If there is no such scenario or replicate.
    #[must_use]
    pub fn counts(&self, scenario: usize, replicate: usize) -> Vec<usize> {
        assert!(replicate < self.replicates, "there are {} replicates", self.replicates);
        self.scenarios[scenario].counts(replicate)
    }

    /// The ranking number of each replicate.
    ///
    /// In a replicate whose drawn models have no members or no non-members a
    /// scenario counts as 0; that needs models whose points are all of one kind.
    /// So does a scenario that is left out; the draws of the others are the same
    /// as if it were there.
    ///
    /// # Errors
    /// Predictions or a solution made for another shape.
    pub fn ranking_numbers(
        &self,
        predictions: &SplitPredictions,
        solution: &SplitSolution,
    ) -> Result<Vec<f64>, ScoreError> {
        let points = || self.scenarios.iter().map(Draws::points);
        let fits = predictions.fit(points()) && points().eq(solution.scenarios().iter().map(Vec::len));
        if !fits {
            return Err(ScoreError::OtherShape);
        }
        let mut numbers = vec![0.0_f64; self.replicates];
        for (index, draws) in self.scenarios.iter().enumerate() {
            let Some(confidences) = predictions.scenario(index) else { continue };
            let ranked = Ranked::new(confidences, solution.scenario(index))?;
            let walk = Walk::new(&ranked, solution.scenario(index), draws.model_points());
            for (number, rate) in numbers.iter_mut().zip(walk.rates(draws)) {
                *number = match self.number {
                    RankingKind::Mean => *number + rate,
                    RankingKind::Max => number.max(rate),
                };
            }
        }
        if self.number == RankingKind::Mean {
            let scenarios = self.scenarios.len() as f64;
            numbers.iter_mut().for_each(|sum| *sum /= scenarios);
        }
        Ok(numbers)
    }
}
