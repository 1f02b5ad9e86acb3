//! Training under differential privacy: DP-SGD with Poisson sampling.
//!
//! M. Abadi et al., "Deep Learning with Differential Privacy", CCS 2016, algorithm 1. In every step
//! each of the n training rows takes part independently with probability q. The gradient of each is
//! clipped to the norm C, Gaussian noise of standard deviation sigma C is added to their sum, and
//! the result is divided by the expected number of rows, q n. The accountant computes the privacy
//! of that.

use rand_chacha::rand_core::Rng;
use rand_distr::{Distribution, StandardNormal};

use super::network::{Network, Weighting};
use super::sgd::{Schedule, SgdState, TrainingTask};

/// The noise of the training.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Noise {
    /// C: the largest norm of one row's gradient.
    pub(super) clipping_norm: f32,
    /// sigma: the standard deviation of the noise, in units of C.
    pub(super) multiplier: f64,
}

/// How rows are sampled; the training and the accountant use the same numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Sampling {
    /// q: the probability that a row takes part in a step.
    pub(super) rate: f64,
    /// T: the number of steps.
    pub(super) steps: u64,
}

impl Sampling {
    /// q = batch / n for n `rows`, and as many steps as it takes to see every row `epochs` times on
    /// average.
    pub(super) fn new(schedule: &Schedule, rows: usize) -> Self {
        let rate = (schedule.batch as f64 / rows as f64).min(1.0);
        let seen = schedule.epochs as f64 * rows as f64;
        Self { rate, steps: (seen / schedule.batch.min(rows) as f64).ceil() as u64 }
    }
}

/// The streams of random numbers for one training.
pub(super) struct RandomStreams<R> {
    /// For the starting weights.
    pub(super) weights: R,
    /// For which rows take part in which step.
    pub(super) rows: R,
    /// For the noise.
    pub(super) noise: R,
}

/// Trains a new network; `None` if it was stopped.
pub(super) fn fit(
    task: &TrainingTask<'_>,
    sampling: Sampling,
    noise: Noise,
    streams: &mut RandomStreams<impl Rng>,
) -> Option<Network> {
    let expected = (sampling.rate * task.rows.len() as f64) as f32;
    let deviation = noise.multiplier as f32 * noise.clipping_norm;
    let mut state = SgdState::begin(task, &mut streams.weights);
    let mut sampled = Vec::new();
    for _ in 0..sampling.steps {
        if task.is_stopped() {
            return None;
        }
        sample_rows(task.rows, sampling.rate, &mut streams.rows, &mut sampled);
        state.step(&sampled, Weighting::Clipped { norm: noise.clipping_norm }, |gradient| {
            for parameter in gradient.real_parameters_mut() {
                let normal: f32 = StandardNormal.sample(&mut streams.noise);
                *parameter = (*parameter + deviation * normal) / expected;
            }
        });
    }
    Some(state.finish())
}

/// Sets `sampled` to the rows that take part in a step: each with probability `rate`, which is
/// rounded down to a multiple of 2^-32 so that no row takes part more often than the accountant
/// assumes.
fn sample_rows(rows: &[usize], rate: f64, rng: &mut impl Rng, sampled: &mut Vec<usize>) {
    const TWO_POW_32: f64 = 4_294_967_296.0;
    let below = (rate * TWO_POW_32) as u64;
    sampled.clear();
    sampled.extend(rows.iter().filter(|_| u64::from(rng.next_u32()) < below));
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::SeedableRng;

    use super::*;
    use crate::dataset::Scale;
    use crate::network::Widths;
    use crate::sgd::Examples;

    const SCHEDULE: Schedule = Schedule { epochs: 1, batch: 50, rate: 1.0, momentum: 0.0, weight_decay: 0.0 };

    #[test]
    fn rows_are_seen_as_often_as_the_epochs_say() {
        let sampling = |epochs, batch, rows| {
            let Sampling { rate, steps } = Sampling::new(&Schedule { epochs, batch, ..SCHEDULE }, rows);
            (rate, steps)
        };
        assert_eq!(sampling(30, 128, 2_000), (0.064, 469));
        assert_eq!(sampling(3, 50, 100), (0.5, 6));
        assert_eq!(sampling(7, 1_000, 60), (1.0, 7), "a batch larger than the rows is all of them");
    }

    #[test]
    fn every_row_takes_part_as_often_as_it_should_and_with_every_other() {
        let rows: Vec<usize> = (100..140).collect();
        let mut rng = ChaCha8Rng::from_seed([7; 32]);
        let (mut counts, mut pairs, mut sampled) = ([0_u32; 40], 0_u32, Vec::new());
        for _ in 0..20_000 {
            sample_rows(&rows, 0.25, &mut rng, &mut sampled);
            assert!(sampled.is_sorted_by(|a, b| a < b) && sampled.iter().all(|row| rows.contains(row)));
            sampled.iter().for_each(|row| counts[row - 100] += 1);
            pairs += u32::from(sampled.contains(&100) && sampled.contains(&101));
        }
        // 5,000 with a standard deviation of 61; 1,250 with one of 34. The stream is fixed.
        assert!(counts.iter().all(|count| (4_750..=5_250).contains(count)), "{counts:?}");
        assert!((1_100..=1_400).contains(&pairs), "{pairs}");

        sample_rows(&rows, 1.0, &mut rng, &mut sampled);
        assert_eq!(sampled, rows);
        sample_rows(&rows, 1e-12, &mut rng, &mut sampled);
        assert!(sampled.is_empty());
    }

    /// If each step adds independent noise, two steps have root two times the deviation of one; if
    /// both added the same noise, they would have twice.
    #[test]
    fn every_step_has_noise_of_its_own() {
        let deviation = |steps| {
            let steps = noise_steps(Sampling { rate: 1.0, steps });
            (steps.iter().map(|step| step * step).sum::<f64>() / steps.len() as f64).sqrt()
        };
        let ratio = deviation(2) / deviation(1);
        assert!((ratio - 2.0_f64.sqrt()).abs() < 0.07, "{ratio}");
    }

    /// One step, with so much noise that the gradients, at most C each, are negligible.
    #[test]
    fn the_noise_has_the_deviation_that_was_accounted_for() {
        let steps = noise_steps(Sampling { rate: 1.0, steps: 1 });
        assert_eq!(steps.len(), 2 * 30 + 30 + 30 * 40 + 40);
        let mean = steps.iter().sum::<f64>() / steps.len() as f64;
        let deviation = (steps.iter().map(|step| step * step).sum::<f64>() / steps.len() as f64).sqrt();
        // 1,330 numbers: standard errors of 0.027 and 0.019.
        assert!(mean.abs() < 0.1 && (deviation - 1.0).abs() < 0.07, "{mean} and {deviation}");
    }

    /// How far training moved each weight, in standard deviations of one step's noise; the
    /// gradients, at most C each, are negligible beside it.
    fn noise_steps(sampling: Sampling) -> Vec<f64> {
        let widths = Widths { inputs: 2, hidden: 30, classes: 40 };
        let (x, y): (Vec<f32>, Vec<usize>) = (vec![0.5; 200], (0..100).map(|row| row % 40).collect());
        let (squares, scale) = (vec![0.5; 100], Scale { shift: 0.0, factor: 1.0 });
        let (rows, stop): (Vec<usize>, _) = ((0..100).collect(), AtomicBool::new(false));
        let examples = Examples { x: &x, y: &y, squares: &squares, scale };
        let schedule = Schedule { batch: 100, ..SCHEDULE };
        let task = TrainingTask { widths, examples, rows: &rows, schedule: &schedule, stop: &stop };
        let stream = |number| ChaCha8Rng::from_seed([number; 32]);
        let mut streams = RandomStreams { weights: stream(1), rows: stream(2), noise: stream(3) };
        let noise = Noise { clipping_norm: 0.01, multiplier: 5_000.0 };
        let mut trained = fit(&task, sampling, noise, &mut streams).unwrap();
        let mut before = Network::draw(widths, &mut stream(1));
        // sigma C = 50, divided by the 100 expected rows.
        let steps = trained.real_parameters_mut().zip(before.real_parameters_mut());
        let steps: Vec<f64> = steps.map(|(after, before)| f64::from(*after - *before) / 0.5).collect();
        // Padding gets no noise: what is not a weight stays zero.
        let real = trained.real_parameters_mut().filter(|value| **value != 0.0).count();
        let all = trained.parameters_mut().into_iter().flatten().filter(|value| **value != 0.0).count();
        assert_eq!((real, all), (1_330, 1_330));
        steps
    }
}
