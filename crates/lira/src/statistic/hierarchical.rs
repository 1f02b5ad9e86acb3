//! The likelihood ratio with a prior for what models say that were not trained on a record: for scenarios in which few
//! were not, and for those whose noise hides the difference of the means.

use nalgebra::{SMatrix, SVector};

use super::sample::{Record, Scenario, WEIGHT};

/// The least variance that records are thought to have beyond what is predicted.
const LEAST_SPREAD: f64 = 1e-3;

/// 1, mean_in, sd_in, mean_in^2, mean_in sd_in.
const TERMS: usize = 5;

/// What the records of a scenario tell of one another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hierarchical {
    scenario: Scenario,
    prediction: Prediction,
    /// tau^2: the variance of records' true means OUT about what is predicted for them.
    spread: f64,
}

/// The mean OUT as a function of mean and standard deviation IN, which are centred and scaled before anything else, so
/// that the squares among the terms stay apart from them.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Prediction {
    centre: f64,
    scale: f64,
    coefficients: [f64; TERMS],
}

impl Hierarchical {
    /// Fits the prediction f = b0 + b1 mean_in + b2 sd_in + b3 mean_in^2 + b4 mean_in sd_in of the mean OUT by least
    /// squares, each record weighted by its number of OUT models, and
    /// tau^2 = max(weighted mean square of what is left - v_out * records / sum of n_out, 0.001),
    /// where the subtracted part is what comes from means of few models.
    ///
    /// Empirical Bayes in the way of A. Gelman et al., "Bayesian Data Analysis", third edition, chapter 5. With no
    /// record that has OUT models, the mean OUT is thought to be the mean IN.
    pub fn fit(records: &[Record], scenario: Scenario) -> Self {
        let mut centred = Prediction::at(records);
        let known = || records.iter().filter(|record| record.inside.count > 0.0 && record.outside.count > 0.0);
        let mut normal = SMatrix::<f64, TERMS, TERMS>::zeros();
        let mut right = SVector::<f64, TERMS>::zeros();
        let (mut count, mut weights) = (0.0, 0.0);
        for record in known() {
            let terms = SVector::from(centred.terms(record, &scenario));
            let weight = record.outside.count;
            normal.syger(weight, &terms, &terms, 1.0);
            right.axpy(weight * centred.scaled(record.outside.mean), &terms, 1.0);
            (count, weights) = (count + 1.0, weights + weight);
        }
        if weights > 0.0 {
            normal.fill_upper_triangle_with_lower_triangle();
            // Terms that say the same, as where all deviations are equal, share what one would have: the shortest solution.
            let eigen = normal.symmetric_eigen();
            let largest = eigen.eigenvalues.max();
            let along = eigen.eigenvectors.transpose() * right;
            let solved = along.zip_map(
                &eigen.eigenvalues,
                |part, value| {
                    if value > 1e-12 * largest { part / value } else { 0.0 }
                },
            );
            centred.coefficients = (eigen.eigenvectors * solved).into();
        }
        let squares: f64 = known()
            .map(|record| record.outside.count * (record.outside.mean - centred.mean_out(record, &scenario)).powi(2))
            .sum();
        let spread = if weights > 0.0 { (squares - scenario.variance_out * count) / weights } else { 0.0 };
        Self { scenario, prediction: centred, spread: spread.max(LEAST_SPREAD) }
    }

    /// The score of a target that says `phi` of a record:
    /// (mean_in - mean_out) (phi - (mean_in + mean_out) / 2) / v, with
    /// mean_out = (f / tau^2 + sum of OUT / v_out) / (1 / tau^2 + n_out / v_out) and the tied variance
    /// v = (16 v_in + S_in + S_out / r) / (16 + n_in + n_out), where r = v_out / v_in.
    ///
    /// The logarithm of the ratio of two normal distributions of one variance; finite for every finite `phi`.
    pub fn score(&self, phi: f64, record: &Record) -> f64 {
        let Scenario { variance_in, variance_out, .. } = self.scenario;
        let Record { inside, outside } = record;
        let (mean_in, _) = self.scenario.means(record);
        let prior = self.prediction.mean_out(record, &self.scenario);
        let (trust, evidence) = (1.0 / self.spread, outside.count / variance_out);
        let mean_out = (prior * trust + outside.mean * evidence) / (trust + evidence);
        let tied = (WEIGHT * variance_in + inside.squares + outside.squares * variance_in / variance_out)
            / (WEIGHT + inside.count + outside.count);
        (mean_in - mean_out) * (phi - (mean_in + mean_out) / 2.0) / tied
    }
}

impl Prediction {
    /// Predicts the mean IN for the mean OUT until it is fitted.
    fn at(records: &[Record]) -> Self {
        let inside = records.iter().filter(|record| record.inside.count > 0.0).map(|record| record.inside.mean);
        let all = super::Sample::of(inside);
        let deviation = (all.squares / all.count.max(1.0)).sqrt();
        let scale = if deviation > 0.0 { deviation } else { 1.0 };
        Self { centre: all.mean, scale, coefficients: [0.0, 1.0, 0.0, 0.0, 0.0] }
    }

    fn scaled(&self, value: f64) -> f64 {
        (value - self.centre) / self.scale
    }

    fn terms(&self, record: &Record, scenario: &Scenario) -> [f64; TERMS] {
        let mean = self.scaled(scenario.means(record).0);
        let inside = &record.inside;
        // One model has no deviation, so the scenario's stands in.
        let variance = if inside.count > 1.0 { inside.squares / (inside.count - 1.0) } else { scenario.variance_in };
        let deviation = variance.sqrt() / self.scale;
        [1.0, mean, deviation, mean * mean, mean * deviation]
    }

    fn mean_out(&self, record: &Record, scenario: &Scenario) -> f64 {
        let terms = self.terms(record, scenario);
        let scaled: f64 = terms.iter().zip(self.coefficients).map(|(term, coefficient)| term * coefficient).sum();
        self.centre + scaled * self.scale
    }
}
