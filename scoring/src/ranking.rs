//! The exact number that decides the rank.
//!
//! Ranks are never decided on floats: two entries are tied if and only if the
//! sums of their fractions are equal as rational numbers.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

/// The mean over scenarios of `tp / P`, kept as counts. Compared exactly: the
/// greater number ranks first. With equal P everywhere this is a comparison of
/// the sums of `tp`.
///
/// Serialised as a list of pairs `[tp, P]`, in the order of the scenarios.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "Vec<(u64, u64)>", into = "Vec<(u64, u64)>")]
pub struct RankingNumber(Vec<(u64, u64)>);

impl RankingNumber {
    /// Takes the counts of a score, which are sound.
    pub(crate) fn of(counts: impl Iterator<Item = (u64, u64)>) -> Self {
        Self(counts.collect())
    }

    /// Takes `(tp, P)` for each scenario.
    ///
    /// # Errors
    /// No scenario at all, a P of 0, or more true positives than members.
    pub fn new(counts: Vec<(u64, u64)>) -> Result<Self, RankingNumberError> {
        let sound = |(tp, members): &(u64, u64)| *members > 0 && tp <= members;
        if counts.is_empty() || !counts.iter().all(sound) {
            return Err(RankingNumberError);
        }
        Ok(Self(counts))
    }

    /// `(tp, P)` for each scenario, in the order of the shape.
    #[must_use]
    pub fn counts(&self) -> &[(u64, u64)] {
        &self.0
    }

    /// The number as scores.txt writes it; for showing, never for comparing.
    #[must_use]
    pub fn value(&self) -> f64 {
        self.0.iter().map(|(tp, members)| *tp as f64 / *members as f64).sum::<f64>() / self.0.len() as f64
    }

    /// The numerator of the mean over the denominator [`Self::denominator`].
    fn numerator(&self) -> Natural {
        let mut sum = Natural::zero();
        for (scenario, (tp, _)) in self.0.iter().enumerate() {
            let mut term = Natural::of(*tp);
            for (other, (_, members)) in self.0.iter().enumerate() {
                if other != scenario {
                    term.multiply(*members);
                }
            }
            sum.add(&term);
        }
        sum
    }

    /// Multiplies by the number of scenarios times the product of all P.
    fn times_denominator(&self, mut number: Natural) -> Natural {
        number.multiply(self.0.len() as u64);
        for (_, members) in &self.0 {
            number.multiply(*members);
        }
        number
    }
}

impl Ord for RankingNumber {
    fn cmp(&self, other: &Self) -> Ordering {
        let (ours, theirs) = (self.numerator(), other.numerator());
        other.times_denominator(ours).cmp(&self.times_denominator(theirs))
    }
}

impl PartialOrd for RankingNumber {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for RankingNumber {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for RankingNumber {}

impl TryFrom<Vec<(u64, u64)>> for RankingNumber {
    type Error = RankingNumberError;

    fn try_from(counts: Vec<(u64, u64)>) -> Result<Self, RankingNumberError> {
        Self::new(counts)
    }
}

impl From<RankingNumber> for Vec<(u64, u64)> {
    fn from(number: RankingNumber) -> Self {
        number.0
    }
}

/// The counts are not those of a score.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a ranking number needs scenarios, each with members and no more true positives than members")]
pub struct RankingNumberError;

/// A natural number of any size: digits to the base 2^64, least first, without
/// zeros at the end. Just what comparing sums of fractions needs.
#[derive(Debug, PartialEq, Eq)]
struct Natural(Vec<u64>);

impl Natural {
    fn zero() -> Self {
        Self(Vec::new())
    }

    fn of(number: u64) -> Self {
        if number == 0 { Self::zero() } else { Self(vec![number]) }
    }

    /// Multiplies by a factor of at least 1.
    fn multiply(&mut self, factor: u64) {
        let mut carry = 0_u128;
        for digit in &mut self.0 {
            carry += u128::from(*digit) * u128::from(factor);
            *digit = carry as u64;
            carry >>= 64;
        }
        self.push_carry(carry);
    }

    fn add(&mut self, other: &Self) {
        self.0.resize(self.0.len().max(other.0.len()), 0);
        let others = other.0.iter().copied().chain(std::iter::repeat(0));
        let mut carry = 0_u128;
        for (digit, other) in self.0.iter_mut().zip(others) {
            carry += u128::from(*digit) + u128::from(other);
            *digit = carry as u64;
            carry >>= 64;
        }
        self.push_carry(carry);
    }

    fn push_carry(&mut self, carry: u128) {
        if carry > 0 {
            self.0.push(carry as u64);
        }
    }

    fn cmp(&self, other: &Self) -> Ordering {
        let by_length = self.0.len().cmp(&other.0.len());
        by_length.then_with(|| self.0.iter().rev().cmp(other.0.iter().rev()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn number(counts: &[(u64, u64)]) -> RankingNumber {
        RankingNumber::new(counts.to_vec()).expect("sound counts")
    }

    #[test]
    fn equal_sums_of_counts_are_a_tie_whatever_the_floats_say() {
        let a = number(&[(1, 5000), (2, 5000), (3, 5000)]);
        let b = number(&[(3, 5000), (3, 5000), (0, 5000)]);
        assert_eq!(a, b);
        assert!(number(&[(1, 5000), (2, 5000), (4, 5000)]) > b);
        // 0.1 + 0.2 is not 0.3 in floats; it is here.
        assert_eq!(number(&[(1, 10), (2, 10)]), number(&[(3, 10), (0, 10)]));
    }

    #[test]
    fn unequal_denominators_are_compared_as_fractions() {
        assert_eq!(number(&[(1, 2), (1, 3)]), number(&[(1, 3), (3, 6)]));
        assert!(number(&[(1, 3)]) > number(&[(33_333, 100_000)]));
        assert!(number(&[(u64::MAX - 1, u64::MAX)]) > number(&[(u64::MAX - 2, u64::MAX - 1)]));
    }

    #[test]
    fn unsound_counts_are_refused_also_by_deserialisation() {
        for json in ["[]", "[[1,0]]", "[[3,2]]"] {
            assert!(serde_json::from_str::<RankingNumber>(json).is_err(), "{json}");
        }
        let good: RankingNumber = serde_json::from_str("[[1,4],[2,4]]").expect("sound counts");
        assert_eq!(good.value(), 0.375);
        assert_eq!(serde_json::to_string(&good).expect("serialisable"), "[[1,4],[2,4]]");
    }

    proptest! {
        #[test]
        fn the_order_is_that_of_small_exact_fractions(
            a in proptest::collection::vec((0_u64..40, 40_u64..60), 1..4),
            b in proptest::collection::vec((0_u64..40, 40_u64..60), 1..4),
        ) {
            let whole = |counts: &[(u64, u64)]| counts.iter().map(|(_, p)| u128::from(*p)).product::<u128>();
            let sum = |counts: &[(u64, u64)]| -> u128 {
                counts.iter().map(|(tp, p)| u128::from(*tp) * whole(counts) / u128::from(*p)).sum()
            };
            let left = sum(&a) * whole(&b) * b.len() as u128;
            let right = sum(&b) * whole(&a) * a.len() as u128;
            prop_assert_eq!(number(&a).cmp(&number(&b)), left.cmp(&right));
        }
    }
}
