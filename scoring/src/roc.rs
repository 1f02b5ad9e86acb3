//! The curve: counts of true and false positives at every threshold.
//!
//! Follows `roc_curve` of scikit-learn 1.1.3 with its defaults, on counts.
//! Rates are made by one division at the end, because that is what the
//! reference returns bit for bit.

use serde::{Deserialize, Serialize};

use crate::score::ScoreError;
use crate::solution::Membership;

/// A receiver operating characteristic in counts, thinned.
///
/// Index `i` is the i-th threshold that is left, from the highest: `tp[i]`
/// members and `fp[i]` non-members have a confidence of at least that. The
/// point (0, 0) is not among them; the rates begin with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RocCurve {
    tp: Vec<u64>,
    fp: Vec<u64>,
    positives: u64,
    negatives: u64,
}

impl RocCurve {
    /// Members with a confidence of at least each threshold.
    #[must_use]
    pub fn tp(&self) -> &[u64] {
        &self.tp
    }

    /// Non-members with a confidence of at least each threshold.
    #[must_use]
    pub fn fp(&self) -> &[u64] {
        &self.fp
    }

    /// P, the number of members; at least 1.
    #[must_use]
    pub fn positives(&self) -> u64 {
        self.positives
    }

    /// N, the number of non-members; at least 1.
    #[must_use]
    pub fn negatives(&self) -> u64 {
        self.negatives
    }

    /// False-positive rates from 0 to 1, beginning with the point (0, 0).
    pub fn fpr(&self) -> impl Iterator<Item = f64> + '_ {
        rates(&self.fp, self.negatives)
    }

    /// True-positive rates from 0 to 1, beginning with the point (0, 0).
    pub fn tpr(&self) -> impl Iterator<Item = f64> + '_ {
        rates(&self.tp, self.positives)
    }

    /// The greatest count of true positives whose false-positive rate is
    /// strictly less than `parts` in 10,000.
    #[must_use]
    pub fn tp_below(&self, parts: u32) -> u64 {
        let below = |fp: &u64| u128::from(*fp) * 10_000 < u128::from(parts) * u128::from(self.negatives);
        // `fp` never falls, so what is below is a prefix.
        match self.fp.partition_point(below) {
            0 => 0,
            end => self.tp[end - 1],
        }
    }

    /// The fewest false positives with which the curve reaches this count of true positives, or a
    /// greater one.
    pub(crate) fn fp_reaching(&self, tp: u64) -> u64 {
        if tp == 0 {
            // The point (0, 0).
            return 0;
        }
        let reached = self.tp.partition_point(|count| *count < tp);
        self.fp.get(reached).copied().unwrap_or(self.negatives)
    }

    /// What may be shown before the reveal: the curve on a fixed grid.
    #[must_use]
    pub fn grid(&self) -> RocGrid {
        RocGrid {
            linear: RocGrid::linear_rates().iter().map(|rate| self.shown_tpr(*rate)).collect(),
            log: RocGrid::log_rates().iter().map(|rate| self.shown_tpr(*rate)).collect(),
            coarse: RocGrid::coarse_rates().iter().map(|rate| (self.tpr_at(*rate) * 100.0).round() / 100.0).collect(),
        }
    }

    /// The greatest true-positive rate whose false-positive rate is at most `rate`.
    fn tpr_at(&self, rate: f64) -> f64 {
        let reached = self.fp.partition_point(|fp| *fp as f64 / self.negatives as f64 <= rate);
        let tp = if reached == 0 { 0 } else { self.tp[reached - 1] };
        tp as f64 / self.positives as f64
    }

    /// The same, rounded to 3 decimals.
    fn shown_tpr(&self, rate: f64) -> f64 {
        (self.tpr_at(rate) * 1000.0).round() / 1000.0
    }
}

fn rates(counts: &[u64], all: u64) -> impl Iterator<Item = f64> + '_ {
    std::iter::once(0.0).chain(counts.iter().map(move |count| *count as f64 / all as f64))
}

/// A curve on the fixed grid, coarse enough that it does not give away labels.
///
/// The curve is read as a step function: each value is the greatest
/// true-positive rate that the thinned curve reaches at a false-positive rate
/// of at most the grid's, rounded to 3 decimals.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RocGrid {
    /// True-positive rates at [`RocGrid::linear_rates`].
    pub linear: Vec<f64>,
    /// True-positive rates at [`RocGrid::log_rates`].
    pub log: Vec<f64>,
    /// True-positive rates at [`RocGrid::coarse_rates`], rounded to 2 decimals; empty in scores that were stored before
    /// they were kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub coarse: Vec<f64>,
}

impl RocGrid {
    /// The false-positive rates 0, 0.01 … 1.
    #[must_use]
    pub fn linear_rates() -> [f64; 101] {
        std::array::from_fn(|i| i as f64 / 100.0)
    }

    /// 41 false-positive rates from 1e-4 to 1, ten to each power of ten.
    #[must_use]
    pub fn log_rates() -> [f64; 41] {
        // Powers of 10^(1/10), written out so that every machine has the same.
        const TENTHS: [f64; 10] = [
            1.0,
            1.258_925_411_794_167_2,
            1.584_893_192_461_113_6,
            1.995_262_314_968_879_5,
            2.511_886_431_509_580_6,
            3.162_277_660_168_379_5,
            3.981_071_705_534_972_5,
            5.011_872_336_272_722,
            6.309_573_444_801_933,
            7.943_282_347_242_816,
        ];
        const SCALES: [f64; 5] = [1e4, 1e3, 1e2, 1e1, 1e0];
        std::array::from_fn(|i| TENTHS[i % 10] / SCALES[i / 10])
    }

    /// 13 false-positive rates from 1e-4 to 1, three to each power of ten.
    #[must_use]
    pub fn coarse_rates() -> [f64; 13] {
        // Powers of 10^(1/3), written out so that every machine has the same.
        const THIRDS: [f64; 3] = [1.0, 2.154_434_690_031_884, 4.641_588_833_612_779];
        const SCALES: [f64; 5] = [1e4, 1e3, 1e2, 1e1, 1e0];
        std::array::from_fn(|i| THIRDS[i % 3] / SCALES[i / 3])
    }

    /// The coarse curve alone; `None` where it was not kept.
    #[must_use]
    pub fn coarse_only(self) -> Option<Self> {
        (!self.coarse.is_empty()).then_some(Self { linear: Vec::new(), log: Vec::new(), coarse: self.coarse })
    }

    /// The curve as (false-positive rate, true-positive rate) by ascending false-positive rate, at all rates that are
    /// told: those of both grids, or the coarse ones.
    #[must_use]
    pub fn points(&self) -> Vec<(f64, f64)> {
        if self.linear.is_empty() && self.log.is_empty() {
            return Self::coarse_rates().into_iter().zip(self.coarse.iter().copied()).collect();
        }
        let linear = Self::linear_rates().into_iter().zip(self.linear.iter().copied());
        let log = Self::log_rates().into_iter().zip(self.log.iter().copied());
        let mut points: Vec<(f64, f64)> = linear.chain(log).collect();
        points.sort_by(|(a, _), (b, _)| a.total_cmp(b));
        points.dedup_by(|(a, _), (b, _)| a == b);
        points
    }
}

/// Computes the thinned curve of confidences against the truth.
///
/// Points of equal confidence are one step; equality is that of IEEE 754, so
/// -0.0 equals 0.0 and nothing else is rounded together.
///
/// # Errors
/// Lists of different lengths, a confidence that is not a number, or a truth
/// without members or non-members.
pub fn roc(confidences: &[f64], truth: &[Membership]) -> Result<RocCurve, ScoreError> {
    let ranked = Ranked::new(confidences, truth)?;
    let (mut tp, mut fp) = (Vec::new(), Vec::new());
    let (mut positives, mut negatives) = (0_u64, 0_u64);
    for step in ranked.steps() {
        for place in step {
            match place.truth {
                Membership::Member => positives += 1,
                Membership::NonMember => negatives += 1,
            }
        }
        tp.push(positives);
        fp.push(negatives);
    }
    thin(&mut tp, &mut fp);
    Ok(RocCurve { tp, fp, positives, negatives })
}

/// Drops the inner points of straight, evenly stepped runs: those where the
/// second differences of both counts are zero. The first and last stay.
fn thin(tp: &mut Vec<u64>, fp: &mut Vec<u64>) {
    let bends = |counts: &[u64], i: usize| counts[i] - counts[i - 1] != counts[i + 1] - counts[i];
    let last = tp.len().saturating_sub(1);
    let kept: Vec<bool> = (0..tp.len()).map(|i| i == 0 || i == last || bends(tp, i) || bends(fp, i)).collect();
    for counts in [tp, fp] {
        let mut keep = kept.iter();
        counts.retain(|_| keep.next() == Some(&true));
    }
}

/// One challenge point in the order of the curve.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    /// Ascending keys are descending confidences; equal keys are ties.
    key: u64,
    /// The point's index in the scenario.
    pub(crate) point: u32,
    /// Its truth.
    pub(crate) truth: Membership,
}

/// The challenge points of a scenario, from the highest confidence down.
pub(crate) struct Ranked(Vec<Place>);

impl Ranked {
    /// Sorts the points; the order within a tie is not defined.
    pub(crate) fn new(confidences: &[f64], truth: &[Membership]) -> Result<Self, ScoreError> {
        if confidences.len() != truth.len() {
            return Err(ScoreError::Lengths { confidences: confidences.len(), truth: truth.len() });
        }
        if confidences.iter().any(|confidence| confidence.is_nan()) {
            return Err(ScoreError::NotANumber);
        }
        if !truth.contains(&Membership::Member) {
            return Err(ScoreError::NoMember);
        }
        if !truth.contains(&Membership::NonMember) {
            return Err(ScoreError::NoNonMember);
        }
        let mut places = Vec::with_capacity(truth.len());
        for (point, (confidence, truth)) in (0_u32..).zip(confidences.iter().zip(truth)) {
            places.push(Place { key: descending_key(*confidence), point, truth: *truth });
        }
        places.sort_unstable_by_key(|place| place.key);
        Ok(Self(places))
    }

    /// The groups of equal confidence, from the highest down.
    pub(crate) fn steps(&self) -> impl Iterator<Item = &[Place]> {
        self.0.chunk_by(|a, b| a.key == b.key)
    }
}

/// An integer that falls as the number rises, equal for 0.0 and -0.0.
pub(crate) fn descending_key(number: f64) -> u64 {
    let bits = (number + 0.0).to_bits();
    // The usual total order of IEEE doubles, upside down.
    if bits >> 63 == 0 { !bits & !(1 << 63) } else { bits }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Membership::{Member, NonMember};

    #[test]
    fn keys_fall_as_numbers_rise() {
        let rising = [f64::NEG_INFINITY, -1.0, -5e-324, 0.0, 5e-324, 0.5, 1.0, f64::INFINITY];
        let keys: Vec<_> = rising.iter().map(|number| descending_key(*number)).collect();
        assert!(keys.windows(2).all(|pair| pair[0] > pair[1]), "{keys:?}");
        assert_eq!(descending_key(-0.0), descending_key(0.0));
    }

    #[test]
    fn the_middle_of_an_evenly_stepped_run_is_dropped() {
        let confidences = [0.9, 0.9, 0.8, 0.8, 0.7, 0.7];
        let truth = [Member, NonMember, Member, NonMember, Member, NonMember];
        let curve = roc(&confidences, &truth).expect("a curve");
        assert_eq!((curve.tp(), curve.fp()), (&[1, 3][..], &[1, 3][..]));
        assert_eq!(curve.fpr().collect::<Vec<_>>(), [0.0, 1.0 / 3.0, 1.0]);
    }

    #[test]
    fn the_grid_is_a_step_function_of_rates_at_most_the_grids() {
        let confidences: Vec<f64> = (0..20).map(|i| 1.0 - f64::from(i) / 20.0).collect();
        // One member, then one non-member, ten times over: N = 10.
        let truth: Vec<_> = (0..20).map(|i| if i % 2 == 0 { Member } else { NonMember }).collect();
        let grid = roc(&confidences, &truth).expect("a curve").grid();
        assert_eq!((grid.linear[0], grid.linear[9]), (0.1, 0.1));
        assert_eq!((grid.linear[10], grid.linear[100]), (0.2, 1.0));
        assert_eq!((grid.log[0], grid.log[29], grid.log[30], grid.log[40]), (0.1, 0.1, 0.2, 1.0));
        assert_eq!((grid.linear.len(), grid.log.len()), (101, 41));
    }

    #[test]
    fn the_coarse_grid_is_told_alone_and_to_two_decimals() {
        let confidences: Vec<f64> = (0..600).map(|i| 1.0 - f64::from(i) / 600.0).collect();
        // Two non-members after each member: P = 200, N = 400.
        let truth: Vec<_> = (0..600).map(|i| if i % 3 == 0 { Member } else { NonMember }).collect();
        let grid = roc(&confidences, &truth).expect("a curve").grid();
        let rates = RocGrid::coarse_rates();
        assert_eq!([rates[0], rates[3], rates[6], rates[9], rates[12]], [1e-4, 1e-3, 1e-2, 1e-1, 1.0]);
        for (i, rate) in rates.iter().enumerate() {
            assert!((rate / 10_f64.powf(i as f64 / 3.0 - 4.0) - 1.0).abs() < 1e-14, "{i}");
        }
        // At most 1e-2 of 400 are 4 non-members: 2 and then a third member of 200, which is 0.015 and told as 0.02.
        assert_eq!((grid.coarse[6], grid.coarse[12], grid.coarse.len()), (0.02, 1.0, 13));
        assert_eq!(grid.points().len(), 101 + 41 - 3, "0.01, 0.1 and 1 stand on both");
        let coarse = grid.coarse_only().expect("kept");
        assert_eq!(coarse.points().iter().map(|(rate, _)| *rate).collect::<Vec<_>>(), rates);
        assert!(coarse.linear.is_empty() && coarse.log.is_empty());
        let before = RocGrid { linear: vec![0.0; 101], log: vec![0.0; 41], coarse: Vec::new() };
        assert_eq!(before.coarse_only(), None);
        // The log has the hash of a score as it was stored: read and written again, an older one is the same text.
        let stored = r#"{"linear":[0.5],"log":[0.25]}"#;
        let read: RocGrid = serde_json::from_str(stored).expect("an older grid");
        assert_eq!(serde_json::to_string(&read).expect("text"), stored);
    }

    #[test]
    fn the_logarithmic_grid_has_exact_powers_of_ten() {
        let rates = RocGrid::log_rates();
        assert_eq!([rates[0], rates[10], rates[20], rates[30], rates[40]], [1e-4, 1e-3, 1e-2, 1e-1, 1.0]);
        for (i, rate) in rates.iter().enumerate() {
            let exact = 10_f64.powf(i as f64 / 10.0 - 4.0);
            assert!((rate / exact - 1.0).abs() < 1e-14, "{i}");
        }
    }

    #[test]
    fn what_has_no_curve_is_an_error() {
        assert!(matches!(roc(&[0.1], &[]), Err(ScoreError::Lengths { confidences: 1, truth: 0 })));
        assert_eq!(roc(&[0.1, f64::NAN], &[Member, NonMember]), Err(ScoreError::NotANumber));
        assert_eq!(roc(&[0.1], &[NonMember]), Err(ScoreError::NoMember));
        assert_eq!(roc(&[0.1], &[Member]), Err(ScoreError::NoNonMember));
    }
}
