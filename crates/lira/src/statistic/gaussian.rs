//! The likelihood ratio attack: a normal distribution for the models trained on a record, one for the others.

use super::sample::{Record, Sample, Scenario, WEIGHT};

/// Whose variance is taken for a record's distribution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variances {
    /// The record's own, of its models on that side; that of the scenario where there are fewer than two.
    PerExample,
    /// One for all records of the scenario and each side.
    Fixed,
    /// The record's own drawn to that of the scenario.
    Shrunk,
}

impl Variances {
    /// The variance of one side of a record, `pooled` being the scenario's.
    ///
    /// Shrunk, v = (16 v_pool + S) / (16 + n), for n models and S their sum of squares: the mean of an inverse gamma
    /// distribution with the scenario's variance for its guess, as in A. Gelman et al., "Bayesian Data Analysis",
    /// third edition, section 2.6, with 16 found on tracks other than those it is measured on.
    fn of(self, sample: &Sample, pooled: f64) -> f64 {
        match self {
            Self::PerExample if sample.count > 1.0 && sample.squares > 0.0 => sample.squares / sample.count,
            Self::PerExample | Self::Fixed => pooled,
            Self::Shrunk => (WEIGHT * pooled + sample.squares) / (WEIGHT + sample.count),
        }
    }
}

/// The distributions of a record's phi: those of models trained on it and of the others.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gaussian {
    /// Mean and variance of models trained on it.
    pub inside: (f64, f64),
    /// Mean and variance of the others.
    pub outside: (f64, f64),
}

impl Gaussian {
    /// The distributions of `record`, where those of the scenario help out.
    pub fn of(record: &Record, scenario: &Scenario, variances: Variances) -> Self {
        let (mean_in, mean_out) = scenario.means(record);
        Self {
            inside: (mean_in, variances.of(&record.inside, scenario.variance_in)),
            outside: (mean_out, variances.of(&record.outside, scenario.variance_out)),
        }
    }
}

/// The logarithm of the likelihood ratio, for a target that says `phi`:
/// ln(v_out / v_in) / 2 + (phi - mean_out)^2 / (2 v_out) - (phi - mean_in)^2 / (2 v_in).
///
/// N. Carlini et al. 2022, "Membership Inference Attacks From First Principles", algorithm 1 (online).
pub fn online(phi: f64, Gaussian { inside, outside }: Gaussian) -> f64 {
    let (mean_in, variance_in) = inside;
    let (mean_out, variance_out) = outside;
    (variance_out / variance_in).ln() / 2.0 + (phi - mean_out).powi(2) / (2.0 * variance_out)
        - (phi - mean_in).powi(2) / (2.0 * variance_in)
}

/// How many standard deviations a target's `phi` lies above what models say that were not trained on the record:
/// (phi - mean_out) / sqrt(v_out). Models trained on it are not asked.
///
/// The same paper, section VI-A (offline): the probability of a smaller value, which goes up with this number.
pub fn offline(phi: f64, outside: (f64, f64)) -> f64 {
    let (mean, variance) = outside;
    (phi - mean) / variance.sqrt()
}
