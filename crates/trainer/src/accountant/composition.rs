//! Many steps of DP-SGD: the distribution of the sum of their losses, and the epsilon that follows.
//!
//! The losses are tilted by exp(theta loss) before they are transformed and tilted back afterwards (Koskela, Jälkö
//! and Honkela, AISTATS 2020, for the transform itself; the tilt is that of large deviations). Around the epsilon
//! that is looked for the tilted sum has most of its mass, so errors of rounding are small against delta itself and
//! not only against 1, and a short window holds all that matters.
//!
//! Every step errs to the safe side. The transform is periodic, which adds mass from outside the window to values
//! inside it and takes none away; mass above the window counts as an infinite loss; a bound on what rounding can do
//! to delta is added to it.

use super::fft::{Complex, Fft};
use super::step::{Losses, Step, Tilted};

/// How much the first grid may add to epsilon, relative to it.
const FIRST_TOLERANCE: f64 = 2e-4;
/// Grids are made finer until epsilon gains less than this by it, relative to it ...
const RELATIVE_GAIN: f64 = 2e-4;
/// ... or less than this at all.
const ABSOLUTE_GAIN: f64 = 1e-7;
/// How often a bound is made tighter.
const MOST_ROUNDS: usize = 8;
/// The grids of one step and of their sum have no more points than this; the bound grows looser instead.
const MOST_POINTS: f64 = 2_097_152.0;
/// Part of delta that the mass above the window may use.
const OUTSIDE: f64 = 1e-7;
/// Mass of the tilted sum that may lie on either side of the window.
const TILTED_OUTSIDE: f64 = 2e-9;
/// Relative error of a probability of one step, for which delta is made smaller. Generous: 1e-13 is usual.
const MASS_ERROR: f64 = 1e-12;
/// Relative error of tilting and tilting back, whose exponents are some 1e6 at most: the same.
const TILT_ERROR: f64 = 1e-9;
/// Products smaller than this in absolute value are taken for 0.
const NEGLIGIBLE: f64 = 1e-30;

/// What is to be found out about one direction.
#[derive(Clone, Copy)]
pub(super) struct Question {
    pub(super) step: Step,
    /// T, at least 1.
    pub(super) steps: u64,
    pub(super) delta: f64,
}

/// Where the sum is computed, and how.
#[derive(Clone, Copy)]
struct Plan {
    /// Distance of two losses on the grid.
    width: f64,
    /// The tilt.
    theta: f64,
    /// The tilt for the Chernoff bound on the mass above the window.
    outer_tilt: f64,
    /// Losses of the sum between which the window lies.
    window: (f64, f64),
}

/// The sum of the losses, tilted.
struct Sum {
    /// Entry i belongs to the loss (first + i) x width; the length is a power of two.
    tilted: Vec<f64>,
    first: i64,
    /// Bound on the 2-norm of the errors of `tilted`.
    error: f64,
    /// T times the cumulant of one step, to tilt back with.
    cumulant: f64,
    /// Probability of losses above the window, infinite ones included.
    outside: f64,
}

impl Question {
    /// An upper bound on the smallest epsilon >= 0, as tight as the grids allow; none if the numbers are beyond what
    /// can be computed with. A bound of at most `enough` is not made tighter.
    pub(super) fn epsilon(&self, enough: f64) -> Option<f64> {
        let sketch = self.step.sketch();
        let mut plan = self.first_plan(&sketch);
        let mut best = self.bound(&plan)?;
        let mut finer = 2.0;
        for _ in 0..MOST_ROUNDS {
            if best <= enough {
                break;
            }
            let tilted = sketch.at_mean(&sketch.tilted(0.0), best / self.count());
            let widest = plan.width / finer;
            plan = self.plan(&sketch, tilted, best, widest);
            let Some(next) = self.bound(&plan) else { break };
            let (gain, small) = (best - next, RELATIVE_GAIN * next + ABSOLUTE_GAIN);
            best = best.min(next);
            // Grids are at their finest where they stay wider than wanted.
            if gain <= small || plan.width > widest {
                break;
            }
            // What a grid adds falls at least with its width, and with the square of it once it is fine.
            finer = (gain / small).sqrt().clamp(2.0, 8.0);
        }
        Some(best)
    }

    fn bound(&self, plan: &Plan) -> Option<f64> {
        let sum = self.sum(plan)?;
        self.solve(plan, &sum)
    }

    /// T as a number to calculate with.
    fn count(&self) -> f64 {
        self.steps as f64
    }

    /// A plan for Chernoff's epsilon and the tilt that belongs to it: good where the losses are nearly normal.
    fn first_plan(&self, sketch: &Losses) -> Plan {
        let (plain, nats) = (sketch.tilted(0.0), -libm::log(self.delta));
        let tilted = sketch.at_entropy(&plain, 1.0, nats / self.count());
        self.plan(sketch, tilted, tilted.reached(&plain, self.count(), nats), f64::INFINITY)
    }

    /// Chooses the window for a tilt, and a grid for an epsilon and no wider than `widest`, from a sketch of one
    /// step's losses. Nothing chosen here can make the bound invalid, only loose.
    fn plan(&self, sketch: &Losses, tilted: Tilted, epsilon: f64, widest: f64) -> Plan {
        let (count, plain) = (self.count(), sketch.tilted(0.0));
        let tilted_nats = -libm::log(TILTED_OUTSIDE);
        let outer_nats = -libm::log(self.delta * OUTSIDE);
        let outer = sketch.at_entropy(&plain, 1.0, outer_nats / count);
        let above = sketch.at_entropy(&tilted, 1.0, tilted_nats / count);
        let below = sketch.at_entropy(&tilted, -1.0, tilted_nats / count);
        let high = above.reached(&tilted, count, tilted_nats).max(outer.reached(&plain, count, outer_nats));
        let low = below.reached(&tilted, count, tilted_nats);

        // Splitting a bin of width w keeps the means of 1 and exp(-loss), so to second order it adds
        // theta (theta + 1) w² / 12 to the cumulant; epsilon is about (T cumulant + nats) / theta.
        let theta = tilted.tilt;
        let fine = (12.0 * FIRST_TOLERANCE * epsilon / (count * (theta + 1.0))).sqrt();
        let (lowest, highest) = self.step.range();
        let span = (high.min(count * highest) - low.max(count * lowest)).max(highest - lowest);
        let width = fine.min(widest).max(span / (0.999 * MOST_POINTS));
        // Rounding up to the grid may take every step beyond its range, and Chernoff says nothing about that.
        let high = if high < count * highest { high } else { f64::INFINITY };
        Plan { width, theta, outer_tilt: outer.tilt, window: (low, high) }
    }

    /// The distribution of the sum of all losses.
    fn sum(&self, plan: &Plan) -> Option<Sum> {
        let (first, losses) = self.step.discretise(plan.width);
        let last = first + losses.points().len() as i64 - 1;
        let steps = self.steps as i64;
        let bottom = ((plan.window.0 / plan.width).floor() as i64).max(steps * first);
        let top = ((plan.window.1 / plan.width).ceil() as i64).min(steps * last).min(bottom + MOST_POINTS as i64 - 1);
        let length = ((top - bottom).max(1) as usize + 1).next_power_of_two();

        let tilted = losses.tilted(plan.theta);
        // A period is the window's length; where a period begins plays no part for the transform.
        let mut values = vec![Complex::default(); length];
        for (index, &(loss, probability)) in (first..).zip(losses.points()) {
            values[index.rem_euclid(length as i64) as usize].re += probability * tilted.factor(loss);
        }
        let error = self.convolve(&mut values)?;
        let start = bottom.rem_euclid(length as i64) as usize;
        let in_order = values[start..].iter().chain(&values[..start]);
        let tilted_sum = in_order.map(|value| value.re.max(0.0)).collect();
        let infinite = self.count() * losses.infinite();
        let end = bottom + length as i64 - 1;
        let above = if end < steps * last { self.above(plan, &losses, end as f64 * plan.width) } else { 0.0 };
        let cumulant = self.count() * tilted.cumulant;
        Some(Sum { tilted: tilted_sum, first: bottom, error, cumulant, outside: infinite + above })
    }

    /// A bound on the probability that the sum lies above `end` and is finite (Chernoff).
    fn above(&self, plan: &Plan, losses: &Losses, end: f64) -> f64 {
        let Tilted { tilt, cumulant, .. } = losses.tilted(plan.outer_tilt);
        libm::exp(self.count() * cumulant - tilt * end)
    }

    /// Replaces `values`, which add up to 1, by their T-fold periodic convolution and returns a bound on the 2-norm
    /// of all errors.
    ///
    /// To first order in the rounding, and doubled for the rest. A coefficient z wrong by e has a T-th power wrong by
    /// T |z|^(T-1) e. The power itself is wrong by sqrt(5) u for each of the T - 1 products it stands for (Brent,
    /// Percival and Zimmermann, Math. Comp. 76, 2007), and the inverse transform adds an error of its own. The
    /// transform back divides 2-norms by the root of the length.
    fn convolve(&self, values: &mut [Complex]) -> Option<f64> {
        let fft = Fft::new(values.len());
        let (count, length) = (self.count(), values.len() as f64);
        // Where an error is not small to the power of T, first order means nothing.
        if count * fft.relative_error() > 0.1 {
            return None;
        }
        fft.forward(values);
        let (mut one_less, mut squares, mut absolute) = (0.0, 0.0, 0.0);
        for value in &mut *values {
            let (previous, power) = powers(*value, self.steps);
            one_less += previous.norm_squared();
            squares += power.norm_squared();
            absolute += power.norm_squared().sqrt();
            *value = power;
        }
        fft.inverse(values);
        for value in &mut *values {
            value.re /= length;
        }
        let of_coefficients = count * fft.relative_error() * (one_less / length).sqrt();
        let of_powers = count * 5.0_f64.sqrt() * (f64::EPSILON / 2.0) * (squares / length).sqrt();
        let of_inverse = fft.relative_error() * absolute / length.sqrt();
        Some(2.0 * (of_coefficients + of_powers + of_inverse) + NEGLIGIBLE)
    }

    /// The smallest epsilon >= 0 at which delta is small enough, going down from the window's upper end.
    ///
    /// Delta of epsilon is the sum of p(l) (1 - exp(epsilon - l)) over the losses l above it. Between two grid
    /// points it is linear in exp(epsilon), so the last step is exact.
    fn solve(&self, plan: &Plan, sum: &Sum) -> Option<f64> {
        let target = self.delta / (1.0 + TILT_ERROR + MASS_ERROR * self.count()) - sum.outside;
        if target <= 0.0 {
            return None;
        }
        let error = sum.error * weight_norm(plan).min((sum.tilted.len() as f64).sqrt());
        let (shrink, step) = (libm::exp(-plan.width), -libm::expm1(-plan.width));
        // Delta at the grid point in hand, and the sum of p(l) exp(epsilon - l) over the losses above it.
        let (mut delta, mut discounted) = (0.0, 0.0);
        let back = |index: i64| libm::exp(sum.cumulant - plan.theta * (index as f64 * plan.width));
        let mut factor = back(sum.first + sum.tilted.len() as i64 - 1);
        for (place, &tilted) in sum.tilted.iter().enumerate().rev() {
            let index = sum.first + place as i64;
            if index <= 0 {
                return Some(0.0);
            }
            let with_this = discounted + tilted * factor;
            delta += step * with_this;
            discounted = shrink * with_this;
            factor = back(index - 1);
            let allowed = target - error * factor;
            if delta > allowed {
                // The bound on the errors is that of the lower point, so the upper one may do already.
                let above = libm::log1p((delta - allowed) / discounted).min(plan.width);
                let epsilon = (index - 1) as f64 * plan.width + above;
                return epsilon.is_finite().then_some(epsilon.max(0.0));
            }
        }
        Some((sum.first - 1).max(0) as f64 * plan.width)
    }
}

/// A bound on the 2-norm of what errors are multiplied with in delta: (1 - exp(-x)) exp(-theta x) at x = 0, width,
/// 2 width and so on, which times exp(T cumulant - theta epsilon) is the weight of the loss epsilon + x.
///
/// Each of 1 and x bounds 1 - exp(-x). A sum of values that rise and then fall is at most their integral over the
/// width, and the largest of them.
fn weight_norm(plan: &Plan) -> f64 {
    let rate = 2.0 * plan.theta;
    let by_one = 1.0 / (rate * plan.width) + 1.0;
    let by_loss = 2.0 / (rate * rate * rate * plan.width) + 4.0 / (rate * rate * std::f64::consts::E.powi(2));
    by_one.min(by_loss).sqrt()
}

/// `base` to the powers `exponent` - 1 and `exponent`, by repeated squaring; `exponent` is at least 1.
fn powers(base: Complex, exponent: u64) -> (Complex, Complex) {
    let mut power = Complex { re: 1.0, im: 0.0 };
    for bit in (0..u64::BITS - (exponent - 1).leading_zeros()).rev() {
        power = power.times(power);
        if (exponent - 1) >> bit & 1 == 1 {
            power = power.times(base);
        }
        // No absolute value exceeds 1, so it can only shrink; and numbers below the normal range are slow.
        if power.norm_squared() < NEGLIGIBLE * NEGLIGIBLE {
            return (Complex::default(), Complex::default());
        }
    }
    (power, power.times(base))
}

#[cfg(test)]
mod tests {
    use super::super::step::Direction;
    use super::*;

    /// All sums of the losses of `count` steps, one by one.
    fn summed(losses: &Losses, count: u64) -> Vec<f64> {
        let one: Vec<f64> = losses.points().iter().map(|&(_, probability)| probability).collect();
        let mut sum = vec![1.0];
        for _ in 0..count {
            let mut longer = vec![0.0; sum.len() + one.len() - 1];
            for (i, a) in sum.iter().enumerate() {
                for (j, b) in one.iter().enumerate() {
                    longer[i + j] += a * b;
                }
            }
            sum = longer;
        }
        sum
    }

    #[test]
    fn a_composition_equals_the_sum_over_all_pairs_of_losses() {
        for (q, s, steps, delta) in [(0.5, 2.0, 2, 1e-5), (0.064, 1.0, 3, 1e-3), (1.0, 4.0, 4, 1e-9)] {
            for direction in [Direction::Remove, Direction::Add] {
                // So much of delta lies beyond reach that it would be missed.
                let question = Question { step: Step::new(q, s, direction, 0.1 * delta / steps as f64), steps, delta };
                let plan = question.first_plan(&question.step.sketch());
                let (first, losses) = question.step.discretise(plan.width);
                let (sum, losses_beyond) = (summed(&losses, steps), losses.infinite());
                assert!(direction == Direction::Add && q < 1.0 || losses_beyond > 1e-5 * delta);
                let delta_of = |epsilon: f64| -> f64 {
                    let losses = (first * steps as i64..).map(|index| index as f64 * plan.width);
                    let above = losses.zip(&sum).filter(|&(loss, _)| loss > epsilon);
                    let finite: f64 = above.map(|(loss, probability)| -probability * (epsilon - loss).exp_m1()).sum();
                    finite + steps as f64 * losses_beyond
                };
                let epsilon = question.bound(&plan).unwrap();
                let part = delta_of(epsilon) / delta;
                // It may only be smaller, by what lies outside of the window and was mirrored into it.
                assert!(part <= 1.0 && part > 1.0 - 1e-6, "{part} of delta at {epsilon}");
            }
        }
    }

    #[test]
    fn no_errors_within_their_norm_raise_epsilon_above_the_bound() {
        let question = Question { step: Step::new(0.1, 1.0, Direction::Remove, 1e-14), steps: 50, delta: 1e-5 };
        let plan = question.first_plan(&question.step.sketch());
        let exact = Sum { error: 0.0, ..question.sum(&plan).unwrap() };
        let epsilon = question.solve(&plan, &exact).unwrap();
        let norm = 1e-7;
        let bound = question.solve(&plan, &Sum { error: norm, tilted: exact.tilted.clone(), ..exact }).unwrap();
        // The worst errors are in proportion to what they are multiplied with.
        let weight = |place: usize| {
            let over = (exact.first + place as i64) as f64 * plan.width - epsilon;
            if over > 0.0 { -(-over).exp_m1() * (-plan.theta * over).exp() } else { 0.0 }
        };
        let scale = norm / (0..exact.tilted.len()).map(|place| weight(place).powi(2)).sum::<f64>().sqrt();
        let tilted = exact.tilted.iter().enumerate().map(|(place, value)| value + scale * weight(place)).collect();
        let worst = question.solve(&plan, &Sum { tilted, ..exact }).unwrap();
        assert!(epsilon + 1e-6 < worst && worst <= bound, "{epsilon} {worst} {bound}");
        assert!(bound - epsilon < 1.5 * (worst - epsilon), "{epsilon} {worst} {bound}");
    }

    #[test]
    fn mass_above_the_window_counts_against_delta() {
        let question = Question { step: Step::new(1.0, 4.0, Direction::Remove, 1e-14), steps: 20, delta: 1e-5 };
        let plan = question.first_plan(&question.step.sketch());
        let sum = question.sum(&plan).unwrap();
        let losses = question.step.discretise(plan.width).1;
        assert!(sum.outside >= 20.0 * losses.infinite() && sum.outside < 1e-6 * question.delta);
        // The sum is N(5/8, 5/4), and Chernoff's bound lies a little above its tail where the tilt fits.
        let end = 20.0 * losses.tilted(plan.outer_tilt).mean;
        let exact = 0.5 * libm::erfc((end - 0.625) / 2.5_f64.sqrt());
        let above = question.above(&plan, &losses, end);
        assert!(above > exact && above < 50.0 * exact, "{above} {exact}");
        let all = question.solve(&plan, &sum).unwrap();
        let half = question.solve(&plan, &Sum { outside: 0.5 * question.delta, ..sum }).unwrap();
        let twice = Question { delta: 0.5 * question.delta, ..question };
        assert!(half > all && (half / twice.epsilon(0.0).unwrap() - 1.0).abs() < 1e-3, "{all} {half}");
    }

    #[test]
    fn the_bound_on_rounding_holds_and_is_not_far_off() {
        // A binomial distribution, whose probabilities are known.
        let steps = 1_000;
        let question = Question { step: Step::new(1.0, 1.0, Direction::Add, 1e-9), steps, delta: 1e-5 };
        let mut values = vec![Complex::default(); 1024];
        values[0].re = 0.75;
        values[1].re = 0.25;
        let bound = question.convolve(&mut values).unwrap();
        let mut logarithm = steps as f64 * libm::log(0.75);
        let mut squares = 0.0;
        for (k, value) in values.iter().take(1_001).enumerate() {
            squares += (value.re - libm::exp(logarithm)).powi(2);
            logarithm += libm::log((steps as f64 - k as f64) / (k as f64 + 1.0) / 3.0);
        }
        let error: f64 = libm::sqrt(squares);
        assert!(error <= bound && bound < 1e-10, "{error} for {bound}");
    }

    #[test]
    fn powers_are_repeated_products() {
        let base = Complex { re: 0.6, im: -0.75 };
        let mut expected = Complex { re: 1.0, im: 0.0 };
        for exponent in 1..200 {
            let before = expected;
            expected = expected.times(base);
            let (previous, found) = powers(base, exponent);
            let parts =
                [previous.re - before.re, previous.im - before.im, found.re - expected.re, found.im - expected.im];
            let off: f64 = parts.iter().map(|part| part.abs()).sum();
            assert!(off < 1e-13, "{exponent}: {found:?} for {expected:?}");
        }
        assert_eq!(powers(Complex { re: 0.5, im: 0.0 }, 10_000_000).1, Complex::default());
    }
}
