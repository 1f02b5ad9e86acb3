//! The likelihood ratio attack: one normal distribution for the models trained on a record, and one
//! for the others.

use super::sample::{Moments, PRIOR_WEIGHT, RecordStatistics, ScenarioStatistics};

/// Which variances the distributions of a record have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variances {
    /// The record's own, IN and OUT; the scenario's where fewer than two models are IN or OUT.
    PerExample,
    /// The scenario's, IN and OUT, for all records.
    Fixed,
    /// The record's own, shrunk towards the scenario's.
    Shrunk,
}

impl Variances {
    /// The variance of a record, IN or OUT; `pooled` is the scenario's.
    ///
    /// Shrunk, it is v = (16 v_pool + S) / (16 + n), for n models with the sum of squares S: the
    /// mean of an inverse gamma distribution whose prior is centred on the scenario's variance, as
    /// in A. Gelman et al., "Bayesian Data Analysis", third edition, section 2.6, where 16 was
    /// tuned on other tracks than those it is evaluated on.
    fn of(self, moments: &Moments, pooled: f64) -> f64 {
        match self {
            Self::PerExample if moments.count > 1.0 && moments.squares > 0.0 => moments.squares / moments.count,
            Self::PerExample | Self::Fixed => pooled,
            Self::Shrunk => (PRIOR_WEIGHT * pooled + moments.squares) / (PRIOR_WEIGHT + moments.count),
        }
    }
}

/// The normal distributions of a record's phi: over models trained on it, and over the others.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gaussian {
    /// Mean and variance over the IN models.
    pub inside: (f64, f64),
    /// Mean and variance over the OUT models.
    pub outside: (f64, f64),
}

impl Gaussian {
    /// The distributions of `record`; what too few models tell comes from `scenario`.
    pub fn of(record: &RecordStatistics, scenario: &ScenarioStatistics, variances: Variances) -> Self {
        let (mean_in, mean_out) = scenario.means(record);
        Self {
            inside: (mean_in, variances.of(&record.inside, scenario.variance_in)),
            outside: (mean_out, variances.of(&record.outside, scenario.variance_out)),
        }
    }
}

/// The logarithm of the likelihood ratio, for a target whose answer is `phi`:
///
/// ```text
/// ln(v_out / v_in) / 2 + (phi - mean_out)^2 / (2 v_out) - (phi - mean_in)^2 / (2 v_in)
/// ```
///
/// N. Carlini et al. 2022, "Membership Inference Attacks From First Principles", algorithm 1
/// (online).
pub fn online(phi: f64, Gaussian { inside, outside }: Gaussian) -> f64 {
    let (mean_in, variance_in) = inside;
    let (mean_out, variance_out) = outside;
    (variance_out / variance_in).ln() / 2.0 + (phi - mean_out).powi(2) / (2.0 * variance_out)
        - (phi - mean_in).powi(2) / (2.0 * variance_in)
}

/// How many standard deviations a target's `phi` lies above the mean of the OUT models: (phi -
/// mean_out) / sqrt(v_out). The IN models play no part.
///
/// The same paper, section VI-A (offline), scores by the probability of a smaller value, which
/// increases with this number.
pub fn offline(phi: f64, outside: (f64, f64)) -> f64 {
    let (mean, variance) = outside;
    (phi - mean) / variance.sqrt()
}
