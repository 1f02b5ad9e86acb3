//! The report on a trained track: how accurate and how private the models are, as JSON and as a
//! table for people.

use std::fmt;

use scoring::Split;
use serde::Serialize;

use super::Job;
use super::dataset::Dataset;
use super::plan::{ModelCounts, Privacy, PrivacyAccounting, TrainPlan};
use super::sgd::Schedule;

/// The report on a trained track. Its JSON is `report.json`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// The track's title.
    pub title: String,
    /// N: rows of the data set.
    pub rows: usize,
    /// Numbers in a record.
    pub inputs: usize,
    /// Classes.
    pub classes: usize,
    /// m: the members among the challenge points of a model; there are as many non-members.
    pub challenge: usize,
    /// Models of each split, in every scenario.
    pub models: ModelCounts,
    /// In the order of the plan.
    pub scenarios: Vec<ScenarioReport>,
}

/// One scenario.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ScenarioReport {
    /// The scenario's name.
    pub name: String,
    /// Its label on the leaderboard.
    pub label: String,
    /// n: the rows that a model is trained on.
    pub training: usize,
    /// Units of the hidden layer.
    pub hidden: usize,
    /// How its models were trained.
    #[serde(flatten)]
    pub schedule: Schedule,
    /// How private its models are.
    #[serde(flatten)]
    pub privacy: PrivacyReport,
    /// The accuracy on the rows that a model was trained on, averaged over the models; in [0, 1].
    pub accuracy_trained: f64,
    /// The same on the other rows of the pool.
    pub accuracy_others: f64,
}

/// The privacy of one scenario; everything is `None` without differential privacy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct PrivacyReport {
    /// An upper bound on the epsilon of each model at `delta`, where neighbouring data sets differ
    /// by adding or removing a row; rounded up to four significant digits.
    pub epsilon: Option<f64>,
    /// The epsilon that was asked for; `epsilon` is at most this.
    pub target_epsilon: Option<f64>,
    /// The probability with which the bound may fail.
    pub delta: Option<f64>,
    /// The standard deviation of the noise, in units of the clipping norm.
    pub noise_multiplier: Option<f64>,
    /// The Euclidean norm to which the gradient of each row was clipped.
    pub clipping_norm: Option<f32>,
    /// The probability that a row takes part in a step.
    pub sampling_rate: Option<f64>,
    /// The number of steps.
    pub steps: Option<u64>,
}

impl PrivacyReport {
    fn new(privacy: &Privacy, accounted: &PrivacyAccounting) -> Self {
        Self {
            epsilon: Some(rounded_up(accounted.epsilon, privacy.epsilon)),
            target_epsilon: Some(privacy.epsilon),
            delta: Some(privacy.delta),
            noise_multiplier: Some(accounted.noise.multiplier),
            clipping_norm: Some(accounted.noise.clipping_norm),
            sampling_rate: Some(accounted.sampling.rate),
            steps: Some(accounted.sampling.steps),
        }
    }
}

/// The accuracy of one model on the rows it was trained on, and on the other rows of the pool.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Accuracy {
    pub(super) trained: f64,
    pub(super) others: f64,
}

impl Report {
    /// `accuracies` are in the order of `jobs`, `accounted` in that of the plan's scenarios.
    pub(super) fn new(
        plan: &TrainPlan,
        dataset: &Dataset,
        accounted: &[Option<PrivacyAccounting>],
        jobs: &[Job],
        accuracies: &[Accuracy],
    ) -> Self {
        let scenarios = plan.scenarios.iter().zip(accounted).enumerate().map(|(index, (scenario, accounted))| {
            let of_scenario = jobs.iter().zip(accuracies).filter(|(job, _)| job.scenario == index);
            let models: Vec<Accuracy> = of_scenario.map(|(_, &accuracy)| accuracy).collect();
            ScenarioReport {
                name: scenario.name.clone(),
                label: scenario.label.clone(),
                training: scenario.training,
                hidden: scenario.hidden,
                schedule: scenario.schedule,
                privacy: match (&scenario.privacy, accounted) {
                    (Some(privacy), Some(accounted)) => PrivacyReport::new(privacy, accounted),
                    _ => PrivacyReport::default(),
                },
                accuracy_trained: mean(models.iter().map(|accuracy| accuracy.trained)),
                accuracy_others: mean(models.iter().map(|accuracy| accuracy.others)),
            }
        });
        Self {
            title: plan.title.clone(),
            rows: dataset.len(),
            inputs: dataset.inputs(),
            classes: dataset.classes(),
            challenge: plan.challenge,
            models: plan.models,
            scenarios: scenarios.collect(),
        }
    }
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len() as f64;
    values.sum::<f64>() / count
}

/// `bound` rounded up to four significant digits, or `most` where that is less, so that the printed
/// number is still a bound.
fn rounded_up(bound: f64, most: f64) -> f64 {
    if bound <= 0.0 {
        return bound;
    }
    let places = 3 - bound.log10().floor() as i32;
    let scale = 10_f64.powi(places.abs());
    let up = if places >= 0 { (bound * scale).ceil() / scale } else { (bound / scale).ceil() * scale };
    // Scaling can round down below the bound, which is then returned as it is.
    up.max(bound).min(most)
}

/// A table for people, with a line for each scenario.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [train, dev, last] = Split::ALL.map(|split| self.models.of(split));
        let Self { title, rows, inputs, classes, challenge, .. } = self;
        writeln!(f, "{title}: {rows} rows of {inputs} numbers in {classes} classes")?;
        writeln!(
            f,
            "{train} train, {dev} dev and {last} final models a scenario, {} challenge points each",
            2 * challenge
        )?;
        writeln!(f)?;
        let names = self.scenarios.iter().map(|scenario| scenario.name.len());
        let width = names.chain(["scenario".len()]).max().unwrap_or_default();
        writeln!(f, "{:width$}  epsilon up to     noise  trained on  right on those  right on others", "scenario")?;
        for scenario in &self.scenarios {
            let PrivacyReport { epsilon, noise_multiplier, .. } = scenario.privacy;
            let epsilon = epsilon.map_or("none".to_owned(), |epsilon| epsilon.to_string());
            let noise = noise_multiplier.map_or(String::new(), |noise| noise.to_string());
            let share = |share: f64| format!("{:.1} %", 100.0 * share);
            writeln!(
                f,
                "{:width$}  {epsilon:>13}  {noise:>8}  {:>10}  {:>14}  {:>15}",
                scenario.name,
                scenario.training,
                share(scenario.accuracy_trained),
                share(scenario.accuracy_others),
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_is_said_in_four_digits_and_never_below_itself() {
        let cases = [(9.94737, 9.948), (3.0, 3.0), (0.012_345_6, 0.012_35), (49.136_19, 49.14), (696.812, 696.9)];
        for (bound, said) in cases {
            assert_eq!(rounded_up(bound, 1e9), said);
        }
        assert_eq!(rounded_up(9.9996, 9.9998), 9.9998, "what was asked for is a bound as well");
        assert_eq!(rounded_up(0.0, 1.0), 0.0);
        for step in 1..10_000_u32 {
            let bound = f64::from(step) * 0.001_234_567;
            assert!((bound..=bound * 1.001).contains(&rounded_up(bound, f64::INFINITY)), "{bound}");
        }
    }
}
