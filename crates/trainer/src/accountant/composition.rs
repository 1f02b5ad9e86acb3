//! The composition of many steps of DP-SGD: the distribution of the sum of their losses, and
//! epsilon from it.
//!
//! The losses are tilted by exp(theta loss) before the transform, and the tilt is undone afterwards
//! (Koskela, Jälkö and Honkela, AISTATS 2020, for the transform itself; exponential tilting is from
//! the theory of large deviations). The tilted sum has most of its mass around the epsilon that is
//! searched for. Rounding errors are therefore small relative to delta itself and not only to 1,
//! and a short window holds everything that matters.
//!
//! Every approximation errs on the safe side. The transform is periodic, which adds mass from
//! outside the window to values inside it and removes none. Mass above the window counts as an
//! infinite loss. A bound on the effect of rounding is added to delta.

use super::fft::{Complex, Fft};
use super::step::{LossDistribution, Step, Tilt};

/// How much the first grid may add to epsilon, relative to epsilon.
const FIRST_TOLERANCE: f64 = 2e-4;
/// The grid is refined until that lowers epsilon by less than this, relative to epsilon ...
const RELATIVE_GAIN: f64 = 2e-4;
/// ... plus this.
const ABSOLUTE_GAIN: f64 = 1e-7;
/// How often the grid is refined at most.
const MAX_ROUNDS: usize = 8;
/// The largest number of points in the grids of one step and of the sum. Where more would be
/// needed, the bound is looser.
const MAX_POINTS: f64 = 2_097_152.0;
/// The share of delta that may be spent on the mass above the window.
const OUTSIDE: f64 = 1e-7;
/// The mass of the tilted sum that may lie on either side of the window.
const TILTED_OUTSIDE: f64 = 2e-9;
/// A bound on the relative error of a probability of one step, by which delta is reduced. It is
/// generous: errors are about 1e-13.
const MASS_ERROR: f64 = 1e-12;
/// A bound on the relative error of tilting and of undoing it, with exponents up to about 1e6. It
/// is as generous.
const TILT_ERROR: f64 = 1e-9;
/// Products smaller than this in absolute value are set to 0.
const NEGLIGIBLE: f64 = 1e-30;

/// The composition of equal steps in one direction, for which epsilon is computed.
#[derive(Clone, Copy)]
pub(super) struct Composition {
    pub(super) step: Step,
    /// T, the number of steps, at least 1.
    pub(super) steps: u64,
    pub(super) delta: f64,
}

/// The grid and the tilt with which the sum is computed.
#[derive(Clone, Copy)]
struct Grid {
    /// The distance between two losses on the grid.
    width: f64,
    /// The tilt.
    theta: f64,
    /// The tilt for the Chernoff bound on the mass above the window.
    outer_tilt: f64,
    /// The lower and upper end of the window, as losses of the sum.
    window: (f64, f64),
}

/// The tilted distribution of the sum of the losses.
struct TiltedSum {
    /// Entry i belongs to the loss (first + i) x width; the length is a power of two.
    tilted: Vec<f64>,
    first: i64,
    /// A bound on the 2-norm of the errors of `tilted`.
    error: f64,
    /// T times the cumulant of one step, to undo the tilt.
    cumulant: f64,
    /// The probability of losses above the window, infinite ones included.
    outside: f64,
}

impl Composition {
    /// An upper bound on the smallest epsilon >= 0, as tight as the grids allow; `None` if double
    /// precision does not suffice. A bound that is at most `enough` is not made tighter.
    pub(super) fn epsilon(&self, enough: f64) -> Option<f64> {
        let quadrature = self.step.quadrature();
        let mut grid = self.first_grid(&quadrature);
        let mut best = self.bound(&grid)?;
        let mut finer = 2.0;
        for _ in 0..MAX_ROUNDS {
            if best <= enough {
                break;
            }
            let tilted = quadrature.at_mean(&quadrature.tilted(0.0), best / self.count());
            let widest = grid.width / finer;
            grid = self.grid(&quadrature, tilted, best, widest);
            let Some(next) = self.bound(&grid) else { break };
            let (gain, small) = (best - next, RELATIVE_GAIN * next + ABSOLUTE_GAIN);
            best = best.min(next);
            // The grid has as many points as allowed if it is wider than asked for.
            if gain <= small || grid.width > widest {
                break;
            }
            // What a grid adds decreases at least as its width, and as its square once the grid is
            // fine.
            finer = (gain / small).sqrt().clamp(2.0, 8.0);
        }
        Some(best)
    }

    fn bound(&self, grid: &Grid) -> Option<f64> {
        let sum = self.sum(grid)?;
        self.solve(grid, &sum)
    }

    /// T as an `f64`.
    fn count(&self) -> f64 {
        self.steps as f64
    }

    /// A grid for the epsilon of Chernoff's bound and its tilt, which is good if the losses are
    /// nearly normal.
    fn first_grid(&self, quadrature: &LossDistribution) -> Grid {
        let (plain, nats) = (quadrature.tilted(0.0), -libm::log(self.delta));
        let tilted = quadrature.at_entropy(&plain, 1.0, nats / self.count());
        self.grid(quadrature, tilted, tilted.chernoff_quantile(&plain, self.count(), nats), f64::INFINITY)
    }

    /// Chooses the window for a tilt, and a grid width for an epsilon that is at most `widest`,
    /// from the quadrature of one step's losses. No choice made here can make the bound invalid,
    /// only loose.
    fn grid(&self, quadrature: &LossDistribution, tilted: Tilt, epsilon: f64, widest: f64) -> Grid {
        let (count, plain) = (self.count(), quadrature.tilted(0.0));
        let tilted_nats = -libm::log(TILTED_OUTSIDE);
        let outer_nats = -libm::log(self.delta * OUTSIDE);
        let outer = quadrature.at_entropy(&plain, 1.0, outer_nats / count);
        let above = quadrature.at_entropy(&tilted, 1.0, tilted_nats / count);
        let below = quadrature.at_entropy(&tilted, -1.0, tilted_nats / count);
        let high = above
            .chernoff_quantile(&tilted, count, tilted_nats)
            .max(outer.chernoff_quantile(&plain, count, outer_nats));
        let low = below.chernoff_quantile(&tilted, count, tilted_nats);

        // Splitting a bin of width w keeps the means of 1 and exp(-loss), so to second order it
        // adds theta (theta + 1) w² / 12 to the cumulant; epsilon is about (T cumulant + nats) /
        // theta.
        let theta = tilted.tilt;
        let fine = (12.0 * FIRST_TOLERANCE * epsilon / (count * (theta + 1.0))).sqrt();
        let (lowest, highest) = self.step.range();
        let span = (high.min(count * highest) - low.max(count * lowest)).max(highest - lowest);
        let width = fine.min(widest).max(span / (0.999 * MAX_POINTS));
        // Rounding up to the grid can take every step beyond its range, which Chernoff's bound does
        // not cover.
        let high = if high < count * highest { high } else { f64::INFINITY };
        Grid { width, theta, outer_tilt: outer.tilt, window: (low, high) }
    }

    /// The distribution of the sum of all losses.
    fn sum(&self, grid: &Grid) -> Option<TiltedSum> {
        let (first, losses) = self.step.discretise(grid.width);
        let last = first + losses.points().len() as i64 - 1;
        let steps = self.steps as i64;
        let bottom = ((grid.window.0 / grid.width).floor() as i64).max(steps * first);
        let top = ((grid.window.1 / grid.width).ceil() as i64).min(steps * last).min(bottom + MAX_POINTS as i64 - 1);
        let length = ((top - bottom).max(1) as usize + 1).next_power_of_two();

        let tilted = losses.tilted(grid.theta);
        // The period is the length of the window; the transform does not depend on where it begins.
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
        let above = if end < steps * last { self.above(grid, &losses, end as f64 * grid.width) } else { 0.0 };
        let cumulant = self.count() * tilted.cumulant;
        Some(TiltedSum { tilted: tilted_sum, first: bottom, error, cumulant, outside: infinite + above })
    }

    /// Chernoff's bound on the probability that the sum is above `end` and finite.
    fn above(&self, grid: &Grid, losses: &LossDistribution, end: f64) -> f64 {
        let Tilt { tilt, cumulant, .. } = losses.tilted(grid.outer_tilt);
        libm::exp(self.count() * cumulant - tilt * end)
    }

    /// Replaces `values`, which add up to 1, by their T-fold periodic convolution, and returns a
    /// bound on the 2-norm of all errors.
    ///
    /// The bound is of first order in the rounding, and doubled to cover higher orders. An error e
    /// in a coefficient z makes an error of T |z|^(T-1) e in its T-th power. The power itself has a
    /// relative error of sqrt(5) u for each of its T - 1 products (Brent, Percival and Zimmermann,
    /// Math. Comp. 76, 2007), and the inverse transform adds its own error. The inverse transform
    /// divides 2-norms by the root of the length.
    fn convolve(&self, values: &mut [Complex]) -> Option<f64> {
        let fft = Fft::new(values.len());
        let (count, length) = (self.count(), values.len() as f64);
        // If T times the error is not small, a bound of first order is meaningless.
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

    /// The smallest epsilon >= 0 at which delta is small enough, searched for downwards from the
    /// upper end of the window.
    ///
    /// Delta at epsilon is the sum of p(l) (1 - exp(epsilon - l)) over the losses l above epsilon.
    /// Between two grid points it is linear in exp(epsilon), so the last step is exact.
    fn solve(&self, grid: &Grid, sum: &TiltedSum) -> Option<f64> {
        let target = self.delta / (1.0 + TILT_ERROR + MASS_ERROR * self.count()) - sum.outside;
        if target <= 0.0 {
            return None;
        }
        let error = sum.error * weight_norm(grid).min((sum.tilted.len() as f64).sqrt());
        let (shrink, step) = (libm::exp(-grid.width), -libm::expm1(-grid.width));
        // Delta at the current grid point, and the sum of p(l) exp(epsilon - l) over the losses
        // above it.
        let (mut delta, mut discounted) = (0.0, 0.0);
        let back = |index: i64| libm::exp(sum.cumulant - grid.theta * (index as f64 * grid.width));
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
                // The error bound is that of the lower point, so even the upper point may satisfy
                // it.
                let above = libm::log1p((delta - allowed) / discounted).min(grid.width);
                let epsilon = (index - 1) as f64 * grid.width + above;
                return epsilon.is_finite().then_some(epsilon.max(0.0));
            }
        }
        Some((sum.first - 1).max(0) as f64 * grid.width)
    }
}

/// A bound on the 2-norm of the weights that errors have in delta: (1 - exp(-x)) exp(-theta x) at x
/// = 0, width, 2 width and so on. Times exp(T cumulant - theta epsilon), that is the weight of the
/// loss epsilon + x.
///
/// Both 1 and x are bounds on 1 - exp(-x). A sum of values that rise and then fall is at most their
/// integral divided by the width, plus the largest of them.
fn weight_norm(grid: &Grid) -> f64 {
    let rate = 2.0 * grid.theta;
    let by_one = 1.0 / (rate * grid.width) + 1.0;
    let by_loss = 2.0 / (rate * rate * rate * grid.width) + 4.0 / (rate * rate * std::f64::consts::E.powi(2));
    by_one.min(by_loss).sqrt()
}

/// `base` to the powers `exponent` - 1 and `exponent`, by repeated squaring; `exponent` is at least
/// 1.
fn powers(base: Complex, exponent: u64) -> (Complex, Complex) {
    let mut power = Complex { re: 1.0, im: 0.0 };
    for bit in (0..u64::BITS - (exponent - 1).leading_zeros()).rev() {
        power = power.times(power);
        if (exponent - 1) >> bit & 1 == 1 {
            power = power.times(base);
        }
        // No absolute value exceeds 1, so the power only shrinks; and subnormal numbers are slow.
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

    /// The distribution of the sum of the losses of `count` steps, by direct convolution.
    fn summed(losses: &LossDistribution, count: u64) -> Vec<f64> {
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
                // The tails have so much of delta that the test would notice if they were ignored.
                let composition =
                    Composition { step: Step::new(q, s, direction, 0.1 * delta / steps as f64), steps, delta };
                let grid = composition.first_grid(&composition.step.quadrature());
                let (first, losses) = composition.step.discretise(grid.width);
                let (sum, losses_beyond) = (summed(&losses, steps), losses.infinite());
                assert!(direction == Direction::Add && q < 1.0 || losses_beyond > 1e-5 * delta);
                let delta_of = |epsilon: f64| -> f64 {
                    let losses = (first * steps as i64..).map(|index| index as f64 * grid.width);
                    let above = losses.zip(&sum).filter(|&(loss, _)| loss > epsilon);
                    let finite: f64 = above.map(|(loss, probability)| -probability * (epsilon - loss).exp_m1()).sum();
                    finite + steps as f64 * losses_beyond
                };
                let epsilon = composition.bound(&grid).unwrap();
                let part = delta_of(epsilon) / delta;
                // It may only be smaller, by the mass outside the window that the period maps into
                // it.
                assert!(part <= 1.0 && part > 1.0 - 1e-6, "{part} of delta at {epsilon}");
            }
        }
    }

    #[test]
    fn no_errors_within_their_norm_raise_epsilon_above_the_bound() {
        let composition = Composition { step: Step::new(0.1, 1.0, Direction::Remove, 1e-14), steps: 50, delta: 1e-5 };
        let grid = composition.first_grid(&composition.step.quadrature());
        let exact = TiltedSum { error: 0.0, ..composition.sum(&grid).unwrap() };
        let epsilon = composition.solve(&grid, &exact).unwrap();
        let norm = 1e-7;
        let bound =
            composition.solve(&grid, &TiltedSum { error: norm, tilted: exact.tilted.clone(), ..exact }).unwrap();
        // The worst errors are proportional to their weights.
        let weight = |place: usize| {
            let over = (exact.first + place as i64) as f64 * grid.width - epsilon;
            if over > 0.0 { -(-over).exp_m1() * (-grid.theta * over).exp() } else { 0.0 }
        };
        let scale = norm / (0..exact.tilted.len()).map(|place| weight(place).powi(2)).sum::<f64>().sqrt();
        let tilted = exact.tilted.iter().enumerate().map(|(place, value)| value + scale * weight(place)).collect();
        let worst = composition.solve(&grid, &TiltedSum { tilted, ..exact }).unwrap();
        assert!(epsilon + 1e-6 < worst && worst <= bound, "{epsilon} {worst} {bound}");
        assert!(bound - epsilon < 1.5 * (worst - epsilon), "{epsilon} {worst} {bound}");
    }

    #[test]
    fn mass_above_the_window_counts_against_delta() {
        let composition = Composition { step: Step::new(1.0, 4.0, Direction::Remove, 1e-14), steps: 20, delta: 1e-5 };
        let grid = composition.first_grid(&composition.step.quadrature());
        let sum = composition.sum(&grid).unwrap();
        let losses = composition.step.discretise(grid.width).1;
        assert!(sum.outside >= 20.0 * losses.infinite() && sum.outside < 1e-6 * composition.delta);
        // The sum is N(5/8, 5/4), and Chernoff's bound is a little above its tail if the tilt is
        // right.
        let end = 20.0 * losses.tilted(grid.outer_tilt).mean;
        let exact = 0.5 * libm::erfc((end - 0.625) / 2.5_f64.sqrt());
        let above = composition.above(&grid, &losses, end);
        assert!(above > exact && above < 50.0 * exact, "{above} {exact}");
        let all = composition.solve(&grid, &sum).unwrap();
        let half = composition.solve(&grid, &TiltedSum { outside: 0.5 * composition.delta, ..sum }).unwrap();
        let twice = Composition { delta: 0.5 * composition.delta, ..composition };
        assert!(half > all && (half / twice.epsilon(0.0).unwrap() - 1.0).abs() < 1e-3, "{all} {half}");
    }

    #[test]
    fn the_bound_on_rounding_holds_and_is_not_far_off() {
        // A binomial distribution, whose probabilities are known.
        let steps = 1_000;
        let composition = Composition { step: Step::new(1.0, 1.0, Direction::Add, 1e-9), steps, delta: 1e-5 };
        let mut values = vec![Complex::default(); 1024];
        values[0].re = 0.75;
        values[1].re = 0.25;
        let bound = composition.convolve(&mut values).unwrap();
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
