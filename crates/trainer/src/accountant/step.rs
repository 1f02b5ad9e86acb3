//! One step of DP-SGD: the distribution of its privacy loss, on a grid and by its moments.
//!
//! A record is in the batch with probability q, and the sum of gradients is released with Gaussian
//! noise of standard deviation s, in units of the clipping norm. The pair of distributions that
//! dominates all pairs of neighbouring data sets is N(0, s²) and the mixture (1-q) N(0, s²) + q
//! N(1, s²) (Zhu, Dong and Wang, AISTATS 2022, theorem 11). The loss of an outcome is the logarithm
//! of the ratio of its density under the distribution of the actual data to that of the
//! neighbouring data.

use std::f64::consts::FRAC_1_SQRT_2;

/// Which of two neighbouring data sets holds the record.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Direction {
    /// The record is removed: the actual distribution is the mixture, and the plain Gaussian is
    /// compared with it.
    Remove,
    /// The record is added: the actual distribution is the plain Gaussian, and the mixture is
    /// compared with it.
    Add,
}

/// One step, in one direction.
#[derive(Clone, Copy)]
pub(super) struct Step {
    /// q in (0, 1].
    sampling_rate: f64,
    /// s > 0.
    noise_multiplier: f64,
    direction: Direction,
    /// How many standard deviations of the noise are evaluated on either side; [`Step::discretise`]
    /// says what becomes of outcomes beyond.
    reach: f64,
}

/// A distribution of privacy losses.
pub(super) struct LossDistribution {
    /// (loss, probability), ascending by loss, at least one.
    points: Vec<(f64, f64)>,
    /// The probability of an infinite loss, which is not among the points.
    infinite: f64,
}

/// An exponential tilt of a distribution: every probability is multiplied by exp(tilt x loss), and
/// then all are scaled to add up to 1.
#[derive(Clone, Copy)]
pub(super) struct Tilt {
    pub(super) tilt: f64,
    /// The logarithm of the sum before scaling: the cumulant generating function at `tilt`.
    pub(super) cumulant: f64,
    /// The mean of the tilted losses.
    pub(super) mean: f64,
}

impl Tilt {
    /// The factor by which the probability of `loss` is multiplied.
    pub(super) fn factor(&self, loss: f64) -> f64 {
        libm::exp(self.tilt * loss - self.cumulant)
    }

    /// A bound that the sum of `count` losses tilted by `base` exceeds with probability at most
    /// exp(-`nats`), by Chernoff's inequality. If this tilt is smaller than `base`, it is a lower
    /// bound instead.
    pub(super) fn chernoff_quantile(&self, base: &Tilt, count: f64, nats: f64) -> f64 {
        (count * (self.cumulant - base.cumulant) + nats) / (self.tilt - base.tilt)
    }

    /// The relative entropy of the losses with this tilt to those with `base`, in nats.
    fn entropy(&self, base: &Tilt) -> f64 {
        (self.tilt - base.tilt) * self.mean - (self.cumulant - base.cumulant)
    }
}

impl LossDistribution {
    pub(super) fn points(&self) -> &[(f64, f64)] {
        &self.points
    }

    pub(super) fn infinite(&self) -> f64 {
        self.infinite
    }

    /// The tilt by `tilt`.
    pub(super) fn tilted(&self, tilt: f64) -> Tilt {
        // Relative to the end that the tilt favours, no factor exceeds 1.
        let end = if tilt >= 0.0 { self.points.last() } else { self.points.first() };
        let end = end.map_or(0.0, |&(loss, _)| loss);
        let (mut sum, mut moment) = (0.0, 0.0);
        for &(loss, probability) in &self.points {
            let weight = probability * libm::exp(tilt * (loss - end));
            sum += weight;
            moment += weight * (loss - end);
        }
        Tilt { tilt, cumulant: libm::log(sum) + tilt * end, mean: end + moment / sum }
    }

    /// The tilt above (`sign` = 1) or below (-1) `base` at which the relative entropy to `base` is
    /// `nats`.
    ///
    /// At this tilt [`Tilt::chernoff_quantile`] is tightest. If no tilt has so much entropy, it is
    /// the last one tried.
    pub(super) fn at_entropy(&self, base: &Tilt, sign: f64, nats: f64) -> Tilt {
        self.first_tilt(base, sign, |tilted| tilted.entropy(base) >= nats)
    }

    /// The tilt above `base` at which the mean is `mean`, or one close to `base` if the mean there
    /// is at least `mean`.
    pub(super) fn at_mean(&self, base: &Tilt, mean: f64) -> Tilt {
        self.first_tilt(base, 1.0, |tilted| tilted.mean >= mean)
    }

    /// The first tilt from `base` upwards (`sign` = 1) or downwards (-1) for which `far` is true.
    fn first_tilt(&self, base: &Tilt, sign: f64, far: impl Fn(&Tilt) -> bool) -> Tilt {
        let ends = self.points.first().zip(self.points.last());
        let range = ends.map_or(1.0, |(first, last)| last.0 - first.0);
        let change = |logarithm: f64| base.tilt + sign * libm::exp(logarithm) / range;
        // In units of the range, from 1e-8, smaller than any number of steps needs, to 1e6, up to
        // which exponents are accurate.
        let (mut low, mut high) = (-18.0, 14.0);
        for _ in 0..24 {
            let middle = 0.5 * (low + high);
            if far(&self.tilted(change(middle))) { high = middle } else { low = middle }
        }
        self.tilted(change(high))
    }
}

impl Step {
    /// A step, of which the tails with a probability of at most `beyond` on either side are not
    /// evaluated.
    pub(super) fn new(sampling_rate: f64, noise_multiplier: f64, direction: Direction, beyond: f64) -> Self {
        // The tail of the normal distribution is at most exp(-reach² / 2) / 2.
        let reach = (-2.0 * libm::log(2.0 * beyond)).sqrt();
        Self { sampling_rate, noise_multiplier, direction, reach }
    }

    /// The losses at evenly spaced outcomes, by the trapezoidal rule: accurate enough to choose a
    /// grid, but not a bound.
    pub(super) fn quadrature(&self) -> LossDistribution {
        const NODES: usize = 1024;
        let Self { sampling_rate: q, noise_multiplier: s, .. } = *self;
        let (first, last) = (-self.reach * s, 1.0 + self.reach * s);
        let density = |z: f64| libm::exp(-0.5 * z * z);
        let mut points = Vec::with_capacity(NODES);
        for i in 0..NODES {
            let x = first + (last - first) * i as f64 / (NODES - 1) as f64;
            let weight = match self.direction {
                Direction::Remove => (1.0 - q) * density(x / s) + q * density((x - 1.0) / s),
                Direction::Add => density(x / s),
            };
            points.push((self.loss(x), weight));
        }
        if self.direction == Direction::Add {
            points.reverse();
        }
        let sum: f64 = points.iter().map(|&(_, weight)| weight).sum();
        for (_, weight) in &mut points {
            *weight /= sum;
        }
        LossDistribution { points, infinite: 0.0 }
    }

    /// The smallest and the largest loss that are evaluated.
    pub(super) fn range(&self) -> (f64, f64) {
        let Self { noise_multiplier: s, reach, .. } = *self;
        match self.direction {
            Direction::Remove => (self.loss(-reach * s), self.loss(1.0 + reach * s)),
            Direction::Add => (self.loss(reach * s), self.loss(-reach * s)),
        }
    }

    /// A distribution of losses at multiples of `width` that dominates that of the step, with
    /// `first`: point i has the loss (first + i) x `width`.
    ///
    /// Doroshenko, Ghazi, Kamath, Kumar and Manurangsi, Connect the Dots (PoPETs 2022), section 4:
    /// the mass between two grid points is divided between them so that its probability under both
    /// distributions is kept. Delta is then exact at every grid point and too large between them.
    /// The mass below the grid goes to its first point, and the mass above it counts as an infinite
    /// loss. Rounding moves the edges of the bins by a few units in the last place, at most 1e-10
    /// of what the grid itself adds to epsilon.
    pub(super) fn discretise(&self, width: f64) -> (i64, LossDistribution) {
        let (lowest, highest) = self.range();
        let (first, last) = ((lowest / width).floor() as i64, (highest / width).ceil() as i64);
        let share = 1.0 / -libm::expm1(-width);

        let mut edge = self.edge(first as f64 * width);
        let mut here = edge.before(self);
        let mut points = Vec::with_capacity((last - first + 1) as usize);
        for index in first..last {
            let loss = index as f64 * width;
            let next = self.edge((index + 1) as f64 * width);
            let (own, other) = edge.between(&next, self);
            let above = (share * (own - libm::exp(loss) * other)).clamp(0.0, own);
            points.push((loss, here + (own - above)));
            here = above;
            edge = next;
        }
        points.push((last as f64 * width, here));
        (first, LossDistribution { points, infinite: edge.after(self) })
    }

    /// The loss of outcome `x`.
    fn loss(&self, x: f64) -> f64 {
        let Self { sampling_rate: q, noise_multiplier: s, .. } = *self;
        let exponent = (x - 0.5) / (s * s);
        let ratio = if exponent > 1.0 {
            exponent + libm::log(q) + libm::log1p((1.0 - q) / q * libm::exp(-exponent))
        } else if q * libm::expm1(exponent) > -0.5 {
            libm::log1p(q * libm::expm1(exponent))
        } else {
            libm::log((1.0 - q) + q * libm::exp(exponent))
        };
        self.signed(ratio)
    }

    /// The outcome with the loss `loss`, as the end of a bin.
    fn edge(&self, loss: f64) -> Edge {
        let Self { sampling_rate: q, noise_multiplier: s, .. } = *self;
        let ratio = self.signed(loss);
        let exponent = if ratio > 1.0 {
            ratio - libm::log(q) + libm::log1p(-(1.0 - q) * libm::exp(-ratio))
        } else if libm::expm1(ratio) / q > -0.5 {
            libm::log1p(libm::expm1(ratio) / q)
        } else {
            // The ratio of densities is above 1 - q for every outcome.
            libm::log(((libm::exp(ratio) - (1.0 - q)) / q).max(0.0))
        };
        let x = 0.5 + s * s * exponent;
        Edge { null: Tails::at(x / s), shifted: Tails::at((x - 1.0) / s) }
    }

    /// Converts the logarithm of the ratio of the mixture to the plain Gaussian to the loss, or
    /// back: one is the other or its negative.
    fn signed(&self, loss: f64) -> f64 {
        match self.direction {
            Direction::Remove => loss,
            Direction::Add => -loss,
        }
    }
}

/// The end of a bin: the mass of N(0, s²) and of N(1, s²) on either side of it.
struct Edge {
    null: Tails,
    shifted: Tails,
}

impl Edge {
    /// The probability of the losses below this edge, under the actual distribution.
    fn before(&self, step: &Step) -> f64 {
        let q = step.sampling_rate;
        match step.direction {
            Direction::Remove => (1.0 - q) * self.null.below + q * self.shifted.below,
            Direction::Add => self.null.above,
        }
    }

    /// The probability of the losses above this edge, under the actual distribution.
    fn after(&self, step: &Step) -> f64 {
        let q = step.sampling_rate;
        match step.direction {
            Direction::Remove => (1.0 - q) * self.null.above + q * self.shifted.above,
            Direction::Add => self.null.below,
        }
    }

    /// The probability of the losses from here to `next`, under the actual distribution and under
    /// the one that it is compared with.
    fn between(&self, next: &Edge, step: &Step) -> (f64, f64) {
        let q = step.sampling_rate;
        let (left, right) = match step.direction {
            Direction::Remove => (self, next),
            Direction::Add => (next, self),
        };
        let null = left.null.between(right.null);
        let mixture = (1.0 - q) * null + q * left.shifted.between(right.shifted);
        match step.direction {
            Direction::Remove => (mixture, null),
            Direction::Add => (null, mixture),
        }
    }
}

/// The mass of the standard normal distribution on either side of a point. The smaller of the two
/// is accurate.
#[derive(Clone, Copy)]
struct Tails {
    below: f64,
    above: f64,
}

impl Tails {
    fn at(z: f64) -> Self {
        let tail = 0.5 * libm::erfc(z.abs() * FRAC_1_SQRT_2);
        if z < 0.0 { Self { below: tail, above: 1.0 - tail } } else { Self { below: 1.0 - tail, above: tail } }
    }

    /// The probability from here to a point on the right, computed from the tails that are
    /// accurate.
    fn between(self, right: Self) -> f64 {
        let probability = if right.below < 0.5 {
            right.below - self.below
        } else if self.above < 0.5 {
            self.above - right.above
        } else {
            1.0 - self.below - right.above
        };
        probability.max(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: [(f64, f64); 5] = [(0.064, 1.0), (1.0, 2.0), (0.9, 0.3), (1e-3, 0.5), (0.3, 50.0)];

    fn steps() -> impl Iterator<Item = Step> {
        let both = |(q, s)| [Direction::Remove, Direction::Add].map(|direction| Step::new(q, s, direction, 1e-14));
        SETTINGS.into_iter().flat_map(both)
    }

    /// The hockey-stick divergence, computed from normal tails without a grid.
    fn exact_delta(step: &Step, epsilon: f64) -> f64 {
        let (q, s) = (step.sampling_rate, step.noise_multiplier);
        let above = |z: f64| 0.5 * libm::erfc(z * FRAC_1_SQRT_2);
        let outcome = |loss: f64| 0.5 + s * s * ((loss.exp() - (1.0 - q)) / q).max(0.0).ln();
        match step.direction {
            Direction::Remove => {
                let x = outcome(epsilon);
                (1.0 - q) * above(x / s) + q * above((x - 1.0) / s) - epsilon.exp() * above(x / s)
            }
            Direction::Add => {
                let x = outcome(-epsilon);
                above(-x / s) - epsilon.exp() * ((1.0 - q) * above(-x / s) + q * above((1.0 - x) / s))
            }
        }
    }

    #[test]
    fn losses_keep_their_probability_under_both_distributions() {
        for step in steps() {
            let (lowest, highest) = step.range();
            let (_, losses) = step.discretise((highest - lowest) / 500.0);
            let own: f64 = losses.points().iter().map(|&(_, probability)| probability).sum();
            let other: f64 = losses.points().iter().map(|&(loss, probability)| probability * (-loss).exp()).sum();
            assert!((own + losses.infinite() - 1.0).abs() < 1e-13, "{own}");
            assert!(losses.infinite() <= 1e-14);
            // The mass of the other distribution beyond the range is not included.
            let ends = [step.edge(lowest), step.edge(highest)];
            let (_, within) = ends[0].between(&ends[1], &step);
            assert!(other < 1.0 + 1e-12 && other > within - 1e-12, "{other} and {within}");
        }
    }

    #[test]
    fn delta_is_exact_at_grid_points_and_an_upper_bound_between() {
        for step in steps() {
            let (lowest, highest) = step.range();
            let width = (highest - lowest) / 200.0;
            let (first, losses) = step.discretise(width);
            let delta = |epsilon: f64| -> f64 {
                let above = losses.points().iter().filter(|&&(loss, _)| loss > epsilon);
                above.map(|&(loss, probability)| -probability * (epsilon - loss).exp_m1()).sum::<f64>()
                    + losses.infinite()
            };
            let mut strictly_above = 0;
            for index in first + 1..first + 199 {
                let (on, between) = (index as f64 * width, (index as f64 + 0.5) * width);
                assert!((delta(on) - exact_delta(&step, on)).abs() < 3e-14, "{on}");
                assert!(delta(between) > exact_delta(&step, between) - 3e-14, "{between}");
                strictly_above += i32::from(delta(between) > exact_delta(&step, between) + 1e-9);
            }
            assert!(strictly_above > 10, "{strictly_above}");
        }
    }

    #[test]
    fn the_grid_adds_to_the_cumulant_what_the_plan_expects() {
        for step in steps() {
            let (lowest, highest) = step.range();
            let width = (highest - lowest) / 2000.0;
            for tilt in [0.25, 1.0] {
                let added = step.discretise(width).1.tilted(tilt).cumulant - step.quadrature().tilted(tilt).cumulant;
                let expected = tilt * (tilt + 1.0) * width * width / 12.0;
                // In the most skewed cases nearly all losses lie in one bin, where it can be more
                // or less.
                assert!(added > 0.0 && added < 1.7 * expected, "{added} for {expected}");
            }
        }
    }

    #[test]
    fn a_tilt_has_the_entropy_it_is_looked_for_by() {
        let losses = Step::new(1.0, 2.0, Direction::Remove, 1e-30).quadrature();
        let plain = losses.tilted(0.0);
        // Losses of the plain Gaussian are N(1/8, 1/4); tilting by t moves the mean by t/4 at an
        // entropy of t²/8.
        let tilted = losses.at_entropy(&plain, 1.0, 2.0);
        assert!((tilted.tilt - 4.0).abs() < 1e-4 && (tilted.mean - 1.125).abs() < 1e-4, "{}", tilted.tilt);
        assert!((tilted.chernoff_quantile(&plain, 1.0, 2.0) - 1.125).abs() < 1e-6);
        let back = losses.at_entropy(&tilted, -1.0, 2.0);
        assert!(back.tilt.abs() < 1e-4 && (back.chernoff_quantile(&tilted, 1.0, 2.0) - 0.125).abs() < 1e-6);
    }
}
