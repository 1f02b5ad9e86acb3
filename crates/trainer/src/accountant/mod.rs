//! How private DP-SGD is: an upper bound on epsilon for so many steps with so much noise, and the noise for a given
//! epsilon.
//!
//! A step takes every record with probability q, clips its gradient and adds Gaussian noise to the sum; neighbouring
//! data sets differ by one record that is there or not. Epsilon is the larger of both directions. It comes from the
//! distribution of the privacy loss on a grid, composed by a fast Fourier transform (Koskela, Jälkö and Honkela,
//! AISTATS 2020; Gopi, Lee and Wutschitz, NeurIPS 2021; Doroshenko and others, PoPETs 2022). Where something is
//! approximated it is to the safe side; the bound lies about 1e-4 of epsilon above the truth.
//!
//! What DP-SGD does not do is not covered: batches of a fixed size, data sets in which a record is replaced, or noise
//! that is not Gaussian. Every function used gives the same bits on every machine.

mod composition;
mod fft;
mod step;
#[cfg(test)]
mod tests;

use composition::Question;
use step::{Direction, Step};

/// Noise multipliers that can be computed with. Below, a single step gives a record away.
const NOISE: std::ops::RangeInclusive<f64> = 0.05..=1e6;
/// Smaller sampling rates are those of no data set.
const LEAST_SAMPLING_RATE: f64 = 1e-12;
/// The grid of the sum is fine enough up to here.
const MOST_STEPS: u64 = 10_000_000;
/// Every probability down to `delta` and a small part of it must be a number with full precision.
const LEAST_DELTA: f64 = 1e-15;
/// Part of `delta` that outcomes too far off to look at may use, over all steps.
const BEYOND_REACH: f64 = 1e-7;

/// What DP-SGD does to one record.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mechanism {
    /// q: the probability of being in the batch of a step, at least 1e-12 and at most 1.
    pub sampling_rate: f64,
    /// Standard deviation of the noise in the sum of gradients over the norm they are clipped to, 0.05 to 1e6.
    pub noise_multiplier: f64,
    /// T: 1 to 10 million.
    pub steps: u64,
}

/// Why a privacy bound cannot be given.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq)]
pub enum AccountantError {
    /// The sampling rate is no probability, or none that can be computed with.
    #[error("the sampling rate is {0}; give a number from 1e-12 to 1")]
    SamplingRate(f64),
    /// The noise is none, or out of all proportion.
    #[error("the noise multiplier is {0}; give a number from 0.05 to 1000000")]
    NoiseMultiplier(f64),
    /// No steps, or too many.
    #[error("the number of steps is {0}; give a number from 1 to 10000000")]
    Steps(u64),
    /// Delta is no probability, or none that can be computed with.
    #[error("delta is {0}; give a number from 1e-15 up to but not including 1")]
    Delta(f64),
    /// The epsilon that is wanted makes no sense.
    #[error("epsilon is {0}; give a number above 0")]
    Epsilon(f64),
    /// No noise multiplier that can be computed with is enough.
    #[error("epsilon {0} cannot be reached with any noise multiplier up to 1000000; take a larger epsilon or delta")]
    Unreachable(f64),
    /// The numbers are beyond double precision.
    #[error("epsilon cannot be computed for these numbers; take more noise, fewer steps or a larger delta")]
    Precision,
}

/// An upper bound on the epsilon of `mechanism` at `delta`, in nats.
///
/// It is at least 0 and about 1e-4 of itself above the smallest epsilon for which the mechanism is
/// (epsilon, delta)-differentially private under adding or removing a record. It can lie a few parts in a thousand
/// above where hardly a step takes the record and a million are made, and further only where epsilon is below 0.01.
/// It takes some milliseconds for a thousand steps and about a second for a million.
///
/// # Errors
/// If a number is outside the range it is given for, or if the result is beyond double precision.
pub fn epsilon(mechanism: &Mechanism, delta: f64) -> Result<f64, AccountantError> {
    mechanism.check()?;
    check_delta(delta)?;
    let remove = mechanism.epsilon_of(Direction::Remove, delta, 0.0)?;
    // In this direction no loss of a step exceeds -ln(1 - q), where the record was in no batch.
    let most = -libm::log1p(-mechanism.sampling_rate) * mechanism.steps as f64;
    if remove >= most {
        return Ok(remove);
    }
    Ok(remove.max(mechanism.epsilon_of(Direction::Add, delta, remove)?))
}

/// The smallest noise multiplier of 5 significant digits whose [`epsilon`] at `delta` is at most `target`.
///
/// Five digits, so that it can be published in full and does not hang on the last bits of a computation. Where even
/// the least noise is enough that is what is returned, 0.05.
///
/// # Errors
/// If a number is outside the range it is given for, or if no noise multiplier up to 1e6 is enough.
pub fn noise_multiplier(target: f64, delta: f64, sampling_rate: f64, steps: u64) -> Result<f64, AccountantError> {
    if !(target.is_finite() && target > 0.0) {
        return Err(AccountantError::Epsilon(target));
    }
    let enough = |place: i64| -> Result<bool, AccountantError> {
        let mechanism = Mechanism { sampling_rate, noise_multiplier: at_place(place), steps };
        match epsilon(&mechanism, delta) {
            Ok(epsilon) => Ok(epsilon <= target),
            Err(AccountantError::Precision) => Ok(false),
            Err(error) => Err(error),
        }
    };
    // Places of 0.05 and of 1e6 in the list of all numbers of 5 digits; the answer is looked for from 1 on outwards.
    let (least, most, stride) = (-2 * DECADE + 40_000, 6 * DECADE, DECADE / 2);
    let (mut too_little, mut enough_at) = (0, 0);
    if enough(0)? {
        loop {
            if enough_at == least {
                return Ok(at_place(least));
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
    Ok(at_place(enough_at))
}

/// How many numbers of 5 significant digits lie between 1 and 10, the 10 left out.
const DECADE: i64 = 90_000;

/// The number at a place in the list of all numbers of 5 significant digits, 1 at place 0.
fn at_place(place: i64) -> f64 {
    let digits = (10_000 + place.rem_euclid(DECADE)) as f64;
    // Powers of ten up to 1e22 are exact, so the result is the number nearest to the decimal.
    let power = (0..(place.div_euclid(DECADE) - 4).abs()).fold(1.0, |power, _| power * 10.0);
    if place.div_euclid(DECADE) >= 4 { digits * power } else { digits / power }
}

impl Mechanism {
    fn check(&self) -> Result<(), AccountantError> {
        if !(LEAST_SAMPLING_RATE..=1.0).contains(&self.sampling_rate) {
            return Err(AccountantError::SamplingRate(self.sampling_rate));
        }
        if !NOISE.contains(&self.noise_multiplier) {
            return Err(AccountantError::NoiseMultiplier(self.noise_multiplier));
        }
        if !(1..=MOST_STEPS).contains(&self.steps) {
            return Err(AccountantError::Steps(self.steps));
        }
        Ok(())
    }

    /// The bound for one direction, made tight only if it is above `enough`.
    fn epsilon_of(&self, direction: Direction, delta: f64, enough: f64) -> Result<f64, AccountantError> {
        let beyond = BEYOND_REACH * delta / self.steps as f64;
        let step = Step::new(self.sampling_rate, self.noise_multiplier, direction, beyond);
        Question { step, steps: self.steps, delta }.epsilon(enough).ok_or(AccountantError::Precision)
    }
}

fn check_delta(delta: f64) -> Result<(), AccountantError> {
    if (LEAST_DELTA..1.0).contains(&delta) { Ok(()) } else { Err(AccountantError::Delta(delta)) }
}
