//! The numbers read off a curve.
//!
//! Each formula is the original scoring program's, operation by operation, so
//! that the results are equal bit for bit. Only the area under the curve is
//! computed better than there: in integers, with one division.

use crate::roc::RocCurve;

/// False-positive rates at which the true-positive rate is reported, in parts
/// of 10,000; they are in the names of the columns.
pub(crate) const RATES: [u32; 6] = [10, 100, 500, 1000, 1500, 2000];

/// The numbers of one scenario.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Metrics {
    /// The greatest true-positive rate where the false-positive rate is
    /// strictly less than 0.001, 0.01, 0.05, 0.1, 0.15 and 0.2.
    pub tpr_at: [f64; 6],
    /// The area under the curve.
    pub auc: f64,
    /// Membership inference advantage: the maximum of `tpr - fpr`.
    pub advantage: f64,
    /// Balanced accuracy at the best threshold: the maximum of
    /// `1 - (fpr + (1 - tpr)) / 2`.
    pub accuracy: f64,
}

impl Metrics {
    /// The numbers with their names in scores.txt, in the order of that file.
    #[must_use]
    pub fn columns(&self) -> [(&'static str, f64); 9] {
        let [at_10, at_100, at_500, at_1000, at_1500, at_2000] = self.tpr_at;
        [
            ("AUC", self.auc),
            ("MIA", self.advantage),
            ("accuracy", self.accuracy),
            ("TPR_FPR_10", at_10),
            ("TPR_FPR_100", at_100),
            ("TPR_FPR_500", at_500),
            ("TPR_FPR_1000", at_1000),
            ("TPR_FPR_1500", at_1500),
            ("TPR_FPR_2000", at_2000),
        ]
    }
}

/// Reads all numbers off a curve.
#[must_use]
pub fn metrics(curve: &RocCurve) -> Metrics {
    let points = || curve.fpr().zip(curve.tpr());
    Metrics {
        tpr_at: RATES.map(|rate| curve.tp_below(rate) as f64 / curve.positives() as f64),
        auc: area(curve),
        // The point (0, 0) is on the curve, so these are the least values.
        advantage: points().map(|(fpr, tpr)| tpr - fpr).fold(0.0, f64::max),
        accuracy: points().map(|(fpr, tpr)| 1.0 - (fpr + (1.0 - tpr)) / 2.0).fold(0.5, f64::max),
    }
}

/// The area under the curve by trapezoids. Twice the area times P times N is an
/// integer; it equals twice the Mann-Whitney U with ties counted half.
fn area(curve: &RocCurve) -> f64 {
    let (mut doubled, mut tp_before, mut fp_before) = (0_u128, 0, 0);
    for (tp, fp) in curve.tp().iter().zip(curve.fp()) {
        doubled += u128::from(fp - fp_before) * u128::from(tp + tp_before);
        (tp_before, fp_before) = (*tp, *fp);
    }
    let whole = 2 * u128::from(curve.positives()) * u128::from(curve.negatives());
    doubled as f64 / whole as f64
}
