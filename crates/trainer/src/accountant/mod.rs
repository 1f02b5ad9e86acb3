//! The privacy of DP-SGD: an upper bound on epsilon for a number of steps with a given noise, and
//! the noise for a given epsilon.
//!
//! In a step, every record takes part with probability q, its gradient is clipped, and Gaussian
//! noise is added to the sum. Neighbouring data sets differ by adding or removing one record, and
//! epsilon is the larger one of these two directions. It is computed from the distribution of the
//! privacy loss on a grid, composed by a fast Fourier transform (Koskela, Jälkö and Honkela,
//! AISTATS 2020; Gopi, Lee and Wutschitz, NeurIPS 2021; Doroshenko and others, PoPETs 2022). Every
//! approximation errs on the safe side, and the bound is about 1e-4 of epsilon above the exact
//! value.
//!
//! The bound does not hold for other mechanisms: batches of a fixed size, neighbouring data sets in
//! which a record is replaced, or noise that is not Gaussian. Every function used here gives the
//! same bits on every machine.

mod composition;
mod fft;
mod step;
#[cfg(test)]
mod tests;

use composition::Composition;
use step::{Direction, Step};

/// Noise multipliers that are supported. With less noise, a single step reveals a record.
const NOISE_MULTIPLIERS: std::ops::RangeInclusive<f64> = 0.05..=1e6;
/// The smallest sampling rate that is supported; no data set is so large that it needs a smaller
/// one.
const MIN_SAMPLING_RATE: f64 = 1e-12;
/// The largest number of steps for which the grid of the sum is fine enough.
const MAX_STEPS: u64 = 10_000_000;
/// The smallest delta that is supported: probabilities far below delta must still be normal
/// numbers.
const MIN_DELTA: f64 = 1e-15;
/// The share of delta that may be spent on outcomes in the far tails, which are not evaluated, over
/// all steps.
const TAIL_SHARE: f64 = 1e-7;

/// What DP-SGD does to one record.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mechanism {
    /// q: the probability of being in the batch of a step, at least 1e-12 and at most 1.
    pub sampling_rate: f64,
    /// The standard deviation of the noise in the sum of gradients, divided by the clipping norm;
    /// 0.05 to 1e6.
    pub noise_multiplier: f64,
    /// T, the number of steps; 1 to 10 million.
    pub steps: u64,
}

/// Why a privacy bound cannot be given.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq)]
pub enum AccountantError {
    /// The sampling rate is not a probability, or is too small.
    #[error("the sampling rate is {0}; give a number from 1e-12 to 1")]
    SamplingRate(f64),
    /// The noise multiplier is too small or too large.
    #[error("the noise multiplier is {0}; give a number from 0.05 to 1000000")]
    NoiseMultiplier(f64),
    /// The number of steps is 0 or too large.
    #[error("the number of steps is {0}; give a number from 1 to 10000000")]
    Steps(u64),
    /// Delta is not a probability, or is too small.
    #[error("delta is {0}; give a number from 1e-15 up to but not including 1")]
    Delta(f64),
    /// The epsilon is not a positive number.
    #[error("epsilon is {0}; give a number above 0")]
    Epsilon(f64),
    /// No noise multiplier that is supported is large enough.
    #[error("epsilon {0} cannot be reached with any noise multiplier up to 1000000; take a larger epsilon or delta")]
    Unreachable(f64),
    /// Double precision does not suffice for these numbers.
    #[error("epsilon cannot be computed for these numbers; take more noise, fewer steps or a larger delta")]
    Precision,
}

/// An upper bound on the epsilon of `mechanism` at `delta`, in nats.
///
/// It is at least 0, and about 1e-4 of itself above the smallest epsilon for which the mechanism is
/// (epsilon, delta)-differentially private under adding or removing a record. It can be a few
/// thousandths above for a million steps of which few contain the record, and further only where
/// epsilon is below 0.01. It takes some milliseconds for a thousand steps and about a second for a
/// million.
///
/// # Errors
/// If a number is outside its range, or double precision does not suffice.
pub fn epsilon(mechanism: &Mechanism, delta: f64) -> Result<f64, AccountantError> {
    mechanism.check()?;
    check_delta(delta)?;
    let remove = mechanism.epsilon_of(Direction::Remove, delta, 0.0)?;
    // In direction `Add` no loss of a step exceeds -ln(1 - q), the loss if the record is not in the
    // batch.
    let most = -libm::log1p(-mechanism.sampling_rate) * mechanism.steps as f64;
    if remove >= most {
        return Ok(remove);
    }
    Ok(remove.max(mechanism.epsilon_of(Direction::Add, delta, remove)?))
}

/// The smallest noise multiplier of 5 significant digits whose [`epsilon`] at `delta` is at most
/// `target`.
///
/// It has five digits so that it can be published in full and does not depend on the last bits of a
/// computation. If the smallest noise multiplier that is supported, 0.05, is enough, it is the
/// result.
///
/// # Errors
/// If a number is outside its range, or if no noise multiplier up to 1e6 is enough.
pub fn noise_multiplier(target: f64, delta: f64, sampling_rate: f64, steps: u64) -> Result<f64, AccountantError> {
    if !(target.is_finite() && target > 0.0) {
        return Err(AccountantError::Epsilon(target));
    }
    let enough = |index: i64| -> Result<bool, AccountantError> {
        let mechanism = Mechanism { sampling_rate, noise_multiplier: five_digit_number(index), steps };
        match epsilon(&mechanism, delta) {
            Ok(epsilon) => Ok(epsilon <= target),
            Err(AccountantError::Precision) => Ok(false),
            Err(error) => Err(error),
        }
    };
    // The indices of 0.05 and of 1e6 in the list of all numbers of 5 digits. The search starts at 1
    // and goes outwards until it has bounds, between which it bisects.
    let (least, most, stride) = (-2 * NUMBERS_PER_DECADE + 40_000, 6 * NUMBERS_PER_DECADE, NUMBERS_PER_DECADE / 2);
    let (mut too_little, mut enough_at) = (0, 0);
    if enough(0)? {
        loop {
            if enough_at == least {
                return Ok(five_digit_number(least));
            }
            too_little = (enough_at - stride).max(least);
            if !enough(too_little)? {
                break;
            }
            enough_at = too_little;
        }
    } else {
        loop {
            if too_little == most {
                return Err(AccountantError::Unreachable(target));
            }
            enough_at = too_little + stride;
            if enough(enough_at)? {
                break;
            }
            too_little = enough_at;
        }
    }
    while enough_at - too_little > 1 {
        let middle = too_little + (enough_at - too_little) / 2;
        if enough(middle)? { enough_at = middle } else { too_little = middle }
    }
    Ok(five_digit_number(enough_at))
}

/// How many numbers of 5 significant digits lie in [1, 10).
const NUMBERS_PER_DECADE: i64 = 90_000;

/// The number at `index` in the ascending list of all numbers of 5 significant digits, with 1 at
/// index 0.
fn five_digit_number(index: i64) -> f64 {
    let digits = (10_000 + index.rem_euclid(NUMBERS_PER_DECADE)) as f64;
    // Powers of ten up to 1e22 are exact, so the result is the double nearest to the decimal.
    let power = (0..(index.div_euclid(NUMBERS_PER_DECADE) - 4).abs()).fold(1.0, |power, _| power * 10.0);
    if index.div_euclid(NUMBERS_PER_DECADE) >= 4 { digits * power } else { digits / power }
}

impl Mechanism {
    fn check(&self) -> Result<(), AccountantError> {
        if !(MIN_SAMPLING_RATE..=1.0).contains(&self.sampling_rate) {
            return Err(AccountantError::SamplingRate(self.sampling_rate));
        }
        if !NOISE_MULTIPLIERS.contains(&self.noise_multiplier) {
            return Err(AccountantError::NoiseMultiplier(self.noise_multiplier));
        }
        if !(1..=MAX_STEPS).contains(&self.steps) {
            return Err(AccountantError::Steps(self.steps));
        }
        Ok(())
    }

    /// The bound for one direction; it is not made tighter once it is at most `enough`.
    fn epsilon_of(&self, direction: Direction, delta: f64, enough: f64) -> Result<f64, AccountantError> {
        let beyond = TAIL_SHARE * delta / self.steps as f64;
        let step = Step::new(self.sampling_rate, self.noise_multiplier, direction, beyond);
        Composition { step, steps: self.steps, delta }.epsilon(enough).ok_or(AccountantError::Precision)
    }
}

fn check_delta(delta: f64) -> Result<(), AccountantError> {
    if (MIN_DELTA..1.0).contains(&delta) { Ok(()) } else { Err(AccountantError::Delta(delta)) }
}
