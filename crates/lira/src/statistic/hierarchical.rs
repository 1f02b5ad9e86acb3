//! The likelihood ratio with a prior for the mean of a record's OUT models: for scenarios in which
//! few models are OUT, and for those where noise hides the difference of the means.

use nalgebra::{SMatrix, SVector};

use super::sample::{Moments, PRIOR_WEIGHT, RecordStatistics, ScenarioStatistics};

/// The smallest tau^2, so that a prediction that happens to fit well is not trusted without limit.
const MIN_TAU_SQUARED: f64 = 1e-3;

/// The terms of the prediction: 1, mean_in, sd_in, mean_in^2, mean_in sd_in.
const TERMS: usize = 5;

/// The prior that is fitted to all records of a scenario.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hierarchical {
    scenario: ScenarioStatistics,
    prediction: Prediction,
    /// tau^2: the variance of the records' true means OUT about their predictions.
    tau_squared: f64,
}

/// The mean OUT as a function of the mean and the standard deviation IN. Both are centred and
/// scaled first, so that they are not nearly collinear with their squares.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Prediction {
    centre: f64,
    scale: f64,
    coefficients: [f64; TERMS],
}

impl Hierarchical {
    /// Fits the prediction f of the mean OUT by least squares, each record weighted by its number
    /// of OUT models, and the variance tau^2 of the means about it:
    ///
    /// ```text
    /// f     = b0 + b1 mean_in + b2 sd_in + b3 mean_in^2 + b4 mean_in sd_in
    /// tau^2 = max(weighted mean squared residual - v_out * records / sum of n_out, 0.001)
    /// ```
    ///
    /// where the subtracted part is the expected error of means over few models.
    ///
    /// This is empirical Bayes as in A. Gelman et al., "Bayesian Data Analysis", third edition,
    /// chapter 5. If no record has both IN and OUT models, the mean IN is the prediction.
    pub fn fit(records: &[RecordStatistics], scenario: ScenarioStatistics) -> Self {
        let mut prediction = Prediction::unfitted(records);
        let known = || records.iter().filter(|record| record.inside.count > 0.0 && record.outside.count > 0.0);
        let mut normal = SMatrix::<f64, TERMS, TERMS>::zeros();
        let mut right = SVector::<f64, TERMS>::zeros();
        let (mut count, mut weights) = (0.0, 0.0);
        for record in known() {
            let terms = SVector::from(prediction.terms(record, &scenario));
            let weight = record.outside.count;
            normal.syger(weight, &terms, &terms, 1.0);
            right.axpy(weight * prediction.scaled(record.outside.mean), &terms, 1.0);
            (count, weights) = (count + 1.0, weights + weight);
        }
        if weights > 0.0 {
            normal.fill_upper_triangle_with_lower_triangle();
            // Terms can be linearly dependent, as where all deviations are equal; of all solutions
            // this is the one of least norm.
            let eigen = normal.symmetric_eigen();
            let largest = eigen.eigenvalues.max();
            let along = eigen.eigenvectors.transpose() * right;
            let solved = along.zip_map(
                &eigen.eigenvalues,
                |part, value| {
                    if value > 1e-12 * largest { part / value } else { 0.0 }
                },
            );
            prediction.coefficients = (eigen.eigenvectors * solved).into();
        }
        let squares: f64 = known()
            .map(|record| record.outside.count * (record.outside.mean - prediction.mean_out(record, &scenario)).powi(2))
            .sum();
        let tau_squared = if weights > 0.0 { (squares - scenario.variance_out * count) / weights } else { 0.0 };
        Self { scenario, prediction, tau_squared: tau_squared.max(MIN_TAU_SQUARED) }
    }

    /// The score of a target whose answer for `record` is `phi`:
    ///
    /// ```text
    /// (mean_in - mean_out) (phi - (mean_in + mean_out) / 2) / v
    /// mean_out = (f / tau^2 + sum of OUT / v_out) / (1 / tau^2 + n_out / v_out)
    /// v        = (16 v_in + S_in + S_out / r) / (16 + n_in + n_out), where r = v_out / v_in
    /// ```
    ///
    /// It is the logarithm of the ratio of two normal densities with the common variance v, and
    /// finite for every finite `phi`.
    pub fn score(&self, phi: f64, record: &RecordStatistics) -> f64 {
        let ScenarioStatistics { variance_in, variance_out, .. } = self.scenario;
        let RecordStatistics { inside, outside } = record;
        let (mean_in, _) = self.scenario.means(record);
        let prior_mean = self.prediction.mean_out(record, &self.scenario);
        let (prior_precision, data_precision) = (1.0 / self.tau_squared, outside.count / variance_out);
        let mean_out =
            (prior_mean * prior_precision + outside.mean * data_precision) / (prior_precision + data_precision);
        let tied = (PRIOR_WEIGHT * variance_in + inside.squares + outside.squares * variance_in / variance_out)
            / (PRIOR_WEIGHT + inside.count + outside.count);
        (mean_in - mean_out) * (phi - (mean_in + mean_out) / 2.0) / tied
    }
}

impl Prediction {
    /// Before the fit, the prediction of the mean OUT is the mean IN.
    fn unfitted(records: &[RecordStatistics]) -> Self {
        let inside = records.iter().filter(|record| record.inside.count > 0.0).map(|record| record.inside.mean);
        let all = Moments::of(inside);
        let deviation = (all.squares / all.count.max(1.0)).sqrt();
        let scale = if deviation > 0.0 { deviation } else { 1.0 };
        Self { centre: all.mean, scale, coefficients: [0.0, 1.0, 0.0, 0.0, 0.0] }
    }

    fn scaled(&self, value: f64) -> f64 {
        (value - self.centre) / self.scale
    }

    fn terms(&self, record: &RecordStatistics, scenario: &ScenarioStatistics) -> [f64; TERMS] {
        let mean = self.scaled(scenario.means(record).0);
        let inside = &record.inside;
        // A single model has no deviation, so the scenario's is used.
        let variance = if inside.count > 1.0 { inside.squares / (inside.count - 1.0) } else { scenario.variance_in };
        let deviation = variance.sqrt() / self.scale;
        [1.0, mean, deviation, mean * mean, mean * deviation]
    }

    fn mean_out(&self, record: &RecordStatistics, scenario: &ScenarioStatistics) -> f64 {
        let terms = self.terms(record, scenario);
        let scaled: f64 = terms.iter().zip(self.coefficients).map(|(term, coefficient)| term * coefficient).sum();
        self.centre + scaled * self.scale
    }
}
