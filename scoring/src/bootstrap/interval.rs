//! Percentile intervals.

use serde::{Deserialize, Serialize};

/// A range of numbers, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

impl Interval {
    /// The interval between the 2.5th and the 97.5th percentile.
    ///
    /// The percentile at a fraction `q` of `n` sorted numbers is read at the
    /// place `q * (n - 1)`, counted from 0, linearly between its neighbours
    /// (definition 7 of Hyndman and Fan, the default of NumPy and R). Without
    /// numbers both ends are NaN.
    #[must_use]
    pub fn percentile_95(numbers: &[f64]) -> Self {
        let mut sorted = numbers.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        Self { low: percentile(&sorted, 0.025), high: percentile(&sorted, 0.975) }
    }

    /// Whether the number lies in the interval or at an end of it.
    #[must_use]
    pub fn contains(&self, number: f64) -> bool {
        (self.low..=self.high).contains(&number)
    }
}

/// The interval of `a - b`, replicate by replicate. Both must come from the
/// same draws; if one list is longer, its surplus is ignored.
#[must_use]
pub fn paired_difference(a: &[f64], b: &[f64]) -> Interval {
    let differences: Vec<f64> = a.iter().zip(b).map(|(a, b)| a - b).collect();
    Interval::percentile_95(&differences)
}

fn percentile(sorted: &[f64], fraction: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else {
        return f64::NAN;
    };
    let place = fraction * last as f64;
    let below = place.floor() as usize;
    let above = (below + 1).min(last);
    sorted[below] + (sorted[above] - sorted[below]) * (place - place.floor())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_lie_between_neighbours() {
        let numbers: Vec<f64> = (0..=100).rev().map(f64::from).collect();
        assert_eq!(Interval::percentile_95(&numbers), Interval { low: 2.5, high: 97.5 });
        assert_eq!(Interval::percentile_95(&[3.0]), Interval { low: 3.0, high: 3.0 });
        assert!(Interval::percentile_95(&[]).low.is_nan());
    }

    #[test]
    fn a_paired_difference_is_narrower_than_the_entries() {
        let a: Vec<f64> = (0..1000).map(|i| f64::from(i % 37) / 37.0).collect();
        let b: Vec<f64> = a.iter().map(|number| number - 0.01).collect();
        let difference = paired_difference(&a, &b);
        assert!(difference.low > 0.0099 && difference.high < 0.0101, "{difference:?}");
        assert!(!difference.contains(0.0));
        assert!(paired_difference(&a, &a).contains(0.0));
    }
}
