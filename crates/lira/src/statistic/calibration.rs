//! Difficulty calibration: the target's loss or confidence compared with its mean over the shadow
//! models trained on the record.

use super::sample::{RecordStatistics, ScenarioStatistics};

/// Which number is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Calibration {
    /// The cross-entropy.
    Loss,
    /// The probability of the record's class.
    Confidence,
}

impl Calibration {
    /// The number of an answer with this [`phi`](crate::signal::phi).
    pub fn signal(self, phi: f64) -> f64 {
        match self {
            Self::Loss => crate::signal::loss(phi),
            Self::Confidence => crate::signal::confidence(phi),
        }
    }

    /// The score of a target whose loss or confidence is `value`: confidence - mean_in, and mean_in
    /// - loss, since a small loss speaks for a member. `record` and `scenario` must be statistics
    ///   of the same number.
    ///
    /// Comparing with models trained on the record is what the winner of MICO did (the starting
    /// kit's loss calibrated, MICO 2023, tracks CIFAR-10, Purchase-100 and SST-2); the idea of a
    /// calibration is from L. Watson, C. Guo, G. Cormode and A. Sablayrolles, "On the Importance of
    /// Difficulty Calibration in Membership Inference Attacks", ICLR 2022, section 3, who compare
    /// with models that were not trained on the record.
    pub fn score(self, value: f64, record: &RecordStatistics, scenario: &ScenarioStatistics) -> f64 {
        let (mean_in, _) = scenario.means(record);
        match self {
            Self::Loss => mean_in - value,
            Self::Confidence => value - mean_in,
        }
    }
}
