//! The exact number that decides the rank.
//!
//! Ranks are never decided on floats: two entries are tied if and only if their
//! numbers are equal as fractions.

use std::cmp::Ordering;

use num_bigint::BigUint;
use num_rational::Ratio;
use serde::{Deserialize, Serialize};

use crate::rule::RankingKind;

/// The counts of a scenario where its `TPR_FPR_1000` is read off the curve.
///
/// Of the points of the curve with that many members the one with the fewest
/// non-members is meant, so `fp` is 0 where `tp` is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RankingCounts {
    /// Members with a confidence of at least the threshold.
    pub tp: u64,
    /// P, the members.
    #[serde(rename = "P")]
    pub members: u64,
    /// Non-members with a confidence of at least the threshold.
    pub fp: u64,
    /// N, the non-members.
    #[serde(rename = "N")]
    pub non_members: u64,
}

/// The ranking number, kept as counts: `tp / P` for each scenario of the track,
/// nothing for one that is left out. Compared exactly: the greater number ranks
/// first.
///
/// The mean is over all scenarios of the track, one that is left out counts as
/// 0; with equal P everywhere a comparison of means is one of the sums of `tp`.
///
/// Serialised as `{"number": "max_TPR_FPR_1000", "scenarios": [[tp, P], null]}`,
/// in the order of the scenarios. A list of pairs `[tp, P]` alone is read as a
/// mean: before there were other numbers, it was written so.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "Record", into = "Record")]
pub struct RankingNumber {
    number: RankingKind,
    scenarios: Vec<Option<(u64, u64)>>,
}

impl RankingNumber {
    /// Takes the counts of a score, which are sound.
    pub(crate) fn of(number: RankingKind, counts: impl Iterator<Item = Option<RankingCounts>>) -> Self {
        Self { number, scenarios: counts.map(|counts| counts.map(|counts| (counts.tp, counts.members))).collect() }
    }

    /// Takes `(tp, P)` for each scenario of the track, `None` for one that is left out.
    ///
    /// # Errors
    /// No scenario that is there, a P of 0, or more true positives than members.
    pub fn new(number: RankingKind, scenarios: Vec<Option<(u64, u64)>>) -> Result<Self, RankingNumberError> {
        let sound = |(tp, members): &(u64, u64)| *members > 0 && tp <= members;
        if scenarios.iter().all(Option::is_none) || !scenarios.iter().flatten().all(sound) {
            return Err(RankingNumberError);
        }
        Ok(Self { number, scenarios })
    }

    /// What the number is.
    #[must_use]
    pub fn number(&self) -> RankingKind {
        self.number
    }

    /// `(tp, P)` for each scenario, in the order of the shape.
    #[must_use]
    pub fn counts(&self) -> &[Option<(u64, u64)>] {
        &self.scenarios
    }

    /// The number as scores.txt writes it; for showing, never for comparing.
    #[must_use]
    pub fn value(&self) -> f64 {
        let rate = |(tp, members): (u64, u64)| tp as f64 / members as f64;
        self.number.of(self.scenarios.iter().map(|counts| counts.map(rate)))
    }

    /// The number as a fraction of integers of any size.
    fn exact(&self) -> Ratio<BigUint> {
        let rates = self.scenarios.iter().flatten().map(|(tp, members)| Ratio::new((*tp).into(), (*members).into()));
        let zero = Ratio::from_integer(BigUint::ZERO);
        match self.number {
            RankingKind::Mean => rates.fold(zero, |sum, rate| sum + rate) / BigUint::from(self.scenarios.len()),
            RankingKind::Max => rates.fold(zero, Ord::max),
        }
    }
}

impl Ord for RankingNumber {
    fn cmp(&self, other: &Self) -> Ordering {
        self.exact().cmp(&other.exact())
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

/// The serialised form.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Record {
    Named(NamedRecord),
    Mean(Vec<(u64, u64)>),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct NamedRecord {
    number: RankingKind,
    scenarios: Vec<Option<(u64, u64)>>,
}

impl TryFrom<Record> for RankingNumber {
    type Error = RankingNumberError;

    fn try_from(record: Record) -> Result<Self, RankingNumberError> {
        match record {
            Record::Named(NamedRecord { number, scenarios }) => Self::new(number, scenarios),
            Record::Mean(counts) => Self::new(RankingKind::Mean, counts.into_iter().map(Some).collect()),
        }
    }
}

impl From<RankingNumber> for Record {
    fn from(RankingNumber { number, scenarios }: RankingNumber) -> Self {
        Self::Named(NamedRecord { number, scenarios })
    }
}

/// The counts are not those of a score.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a ranking number needs scenarios, each with members and no more true positives than members")]
pub struct RankingNumberError;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn number(counts: &[(u64, u64)]) -> RankingNumber {
        RankingNumber::new(RankingKind::Mean, counts.iter().copied().map(Some).collect()).expect("sound counts")
    }

    fn max(counts: &[Option<(u64, u64)>]) -> RankingNumber {
        RankingNumber::new(RankingKind::Max, counts.to_vec()).expect("sound counts")
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
    fn the_greatest_is_the_greatest_fraction_not_the_greatest_count() {
        assert_eq!(max(&[Some((1, 2)), Some((1, 3))]), max(&[None, Some((2, 4))]));
        assert!(max(&[Some((2, 3)), Some((0, 9))]) > max(&[Some((3, 5)), Some((3, 5))]));
        assert!(max(&[Some((1, 3))]) > max(&[Some((33_333, 100_000))]));
        assert!(max(&[Some((u64::MAX - 1, u64::MAX))]) > max(&[Some((u64::MAX - 2, u64::MAX - 1))]));
    }

    #[test]
    fn leaving_out_a_scenario_is_as_good_as_scoring_0_in_it() {
        for kind in RankingKind::ALL {
            let left_out = RankingNumber::new(kind, vec![Some((1, 4)), None]).expect("sound counts");
            let zero = RankingNumber::new(kind, vec![Some((1, 4)), Some((0, 7))]).expect("sound counts");
            assert_eq!(left_out, zero);
            assert_eq!(left_out.value(), zero.value());
        }
    }

    #[test]
    fn unsound_counts_are_refused_also_by_deserialisation() {
        let named = |scenarios: &str| format!(r#"{{"number":"max_TPR_FPR_1000","scenarios":{scenarios}}}"#);
        let unsound = ["[]", "[[1,0]]", "[[3,2]]", "[null,[3,2]]", "[null,null]"];
        for json in unsound.map(named).iter().map(String::as_str).chain(unsound) {
            assert!(serde_json::from_str::<RankingNumber>(json).is_err(), "{json}");
        }
    }

    #[test]
    fn what_was_stored_before_there_was_a_rule_is_a_mean() {
        let old: RankingNumber = serde_json::from_str("[[1,4],[2,4]]").expect("sound counts");
        assert_eq!((old.number(), old.value()), (RankingKind::Mean, 0.375));
        let new = r#"{"number":"average_TPR_FPR_1000","scenarios":[[1,4],[2,4]]}"#;
        assert_eq!(serde_json::to_string(&old).expect("serialisable"), new);
        assert_eq!(serde_json::from_str::<RankingNumber>(new).expect("sound counts"), old);
        let left_out = r#"{"number":"max_TPR_FPR_1000","scenarios":[null,[2,4]]}"#;
        let read: RankingNumber = serde_json::from_str(left_out).expect("sound counts");
        assert_eq!((read.counts(), read.value()), (&[None, Some((2, 4))][..], 0.5));
        assert_eq!(serde_json::to_string(&read).expect("serialisable"), left_out);
    }

    /// Counts of an entry to a track of so many scenarios, at least one of which is there.
    fn entry(scenarios: usize) -> impl Strategy<Value = Vec<Option<(u64, u64)>>> {
        let members = prop::sample::select(vec![1_u64, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30, 60]);
        let counts = members.prop_flat_map(|members| (0..=members, Just(members)));
        let left_out_or_not = prop::option::weighted(0.7, counts);
        prop::collection::vec(left_out_or_not, scenarios)
            .prop_filter("one is there", |all| all.iter().any(Option::is_some))
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

        #[test]
        fn with_scenarios_left_out_the_order_is_that_of_exact_fractions_too(
            (a, b) in (1_usize..5).prop_flat_map(|scenarios| (entry(scenarios), entry(scenarios))),
        ) {
            // 60 divides by all P, so every rate is a whole number of sixtieths.
            let sixtieths = |counts: &[Option<(u64, u64)>]| -> Vec<u64> {
                counts.iter().map(|counts| counts.map_or(0, |(tp, p)| tp * 60 / p)).collect()
            };
            let (ours, theirs) = (sixtieths(&a), sixtieths(&b));
            let of = |kind, counts: &Vec<_>| RankingNumber::new(kind, counts.clone()).expect("sound counts");
            prop_assert_eq!(
                of(RankingKind::Max, &a).cmp(&of(RankingKind::Max, &b)),
                ours.iter().max().cmp(&theirs.iter().max())
            );
            prop_assert_eq!(
                of(RankingKind::Mean, &a).cmp(&of(RankingKind::Mean, &b)),
                ours.iter().sum::<u64>().cmp(&theirs.iter().sum::<u64>())
            );
        }
    }
}
