//! The one list of the numbers that a scenario is scored by.
//!
//! scores.txt, stored scores, the board's JSON and CSV and every table iterate [`Metric::ALL`]. To add
//! a number, add a variant here, to [`Metric::ALL`] and to `facts`.
//!
//! Each formula is the original scoring program's, operation by operation, so that the results are
//! equal bit for bit. Only the area under the curve is computed better than there: in integers, with
//! one division.

use std::fmt;
use std::str::FromStr;

use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde::{Serialize, Serializer};

use crate::roc::RocCurve;

/// A number that is read off the curve of a scenario. It lies in [0, 1], and more is better.
///
/// Serialised as its name in scores.txt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Metric {
    /// The greatest true-positive rate where the false-positive rate is strictly less than 0.001.
    TprFpr10,
    /// The same for a false-positive rate of 0.01.
    TprFpr100,
    /// The same for a false-positive rate of 0.05.
    TprFpr500,
    /// The same for a false-positive rate of 0.1. The ranking number is made of it.
    TprFpr1000,
    /// The same for a false-positive rate of 0.15.
    TprFpr1500,
    /// The same for a false-positive rate of 0.2.
    TprFpr2000,
    /// The area under the curve, by trapezoids.
    Auc,
    /// Membership inference advantage (Yeom et al. 2018): the maximum of `tpr - fpr`.
    Advantage,
    /// Balanced accuracy at the best threshold: the maximum of `1 - (fpr + (1 - tpr)) / 2`.
    Accuracy,
}

/// How a metric is read off a curve.
#[derive(Clone, Copy)]
enum Formula {
    /// The true-positive rate below a false-positive rate, which is given in parts of 10,000.
    TprBelow(u32),
    Area,
    Advantage,
    Accuracy,
}

/// The constants of a metric.
struct Facts {
    name: &'static str,
    label: &'static str,
    explanation: &'static str,
    formula: Formula,
}

impl Metric {
    /// All metrics, in the order in which tables show them. It is the order of the variants too.
    pub const ALL: [Self; 9] = [
        Self::TprFpr10,
        Self::TprFpr100,
        Self::TprFpr500,
        Self::TprFpr1000,
        Self::TprFpr1500,
        Self::TprFpr2000,
        Self::Auc,
        Self::Advantage,
        Self::Accuracy,
    ];

    /// The metric that the ranking number is made of, by the track's [`RankingRule`](crate::RankingRule).
    pub const RANKING: Self = Self::TprFpr1000;

    pub(crate) const COUNT: usize = Self::ALL.len();

    /// The names in the order of [`Self::ALL`].
    pub(crate) const NAMES: [&'static str; Self::COUNT] = {
        let mut names = [""; Self::COUNT];
        let mut place = 0;
        while place < Self::COUNT {
            // `Metrics` keeps the values at these places.
            assert!(Self::ALL[place] as usize == place, "`Metric::ALL` has the order of the variants");
            names[place] = Self::ALL[place].name();
            place += 1;
        }
        names
    };

    const fn facts(self) -> Facts {
        let (name, label, explanation, formula) = match self {
            Self::TprFpr10 => (
                "TPR_FPR_10",
                "TPR at 0.1 % FPR",
                "True-positive rate where the false-positive rate is under 0.001.",
                Formula::TprBelow(10),
            ),
            Self::TprFpr100 => (
                "TPR_FPR_100",
                "TPR at 1 % FPR",
                "True-positive rate where the false-positive rate is under 0.01.",
                Formula::TprBelow(100),
            ),
            Self::TprFpr500 => (
                "TPR_FPR_500",
                "TPR at 5 % FPR",
                "True-positive rate where the false-positive rate is under 0.05.",
                Formula::TprBelow(500),
            ),
            Self::TprFpr1000 => (
                "TPR_FPR_1000",
                "TPR at 10 % FPR",
                "True-positive rate where the false-positive rate is under 0.1; the ranking number is made of it.",
                Formula::TprBelow(1000),
            ),
            Self::TprFpr1500 => (
                "TPR_FPR_1500",
                "TPR at 15 % FPR",
                "True-positive rate where the false-positive rate is under 0.15.",
                Formula::TprBelow(1500),
            ),
            Self::TprFpr2000 => (
                "TPR_FPR_2000",
                "TPR at 20 % FPR",
                "True-positive rate where the false-positive rate is under 0.2.",
                Formula::TprBelow(2000),
            ),
            Self::Auc => ("AUC", "AUC", "Area under the curve.", Formula::Area),
            Self::Advantage => {
                ("MIA", "Advantage", "Membership inference advantage, max(tpr - fpr).", Formula::Advantage)
            }
            Self::Accuracy => ("accuracy", "Accuracy", "Balanced accuracy at the best threshold.", Formula::Accuracy),
        };
        Facts { name, label, explanation, formula }
    }

    /// Its name in scores.txt, JSON and CSV.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.facts().name
    }

    /// Its name in a table for people.
    #[must_use]
    pub const fn label(self) -> &'static str {
        self.facts().label
    }

    /// What it is, in one sentence.
    #[must_use]
    pub const fn explanation(self) -> &'static str {
        self.facts().explanation
    }

    /// For a true-positive rate: the limit that the false-positive rate stays strictly below, in parts
    /// of 10,000. `None` for the other metrics.
    #[must_use]
    pub const fn fpr_limit(self) -> Option<u32> {
        match self.facts().formula {
            Formula::TprBelow(limit) => Some(limit),
            _ => None,
        }
    }

    /// Reads the metric off a curve.
    #[must_use]
    pub fn of(self, curve: &RocCurve) -> f64 {
        let points = || curve.fpr().zip(curve.tpr());
        match self.facts().formula {
            Formula::TprBelow(limit) => curve.tp_below(limit) as f64 / curve.positives() as f64,
            Formula::Area => area(curve),
            // The point (0, 0) is on the curve, so 0 and 0.5 are the least values of these two.
            Formula::Advantage => points().map(|(fpr, tpr)| tpr - fpr).fold(0.0, f64::max),
            Formula::Accuracy => points().map(|(fpr, tpr)| 1.0 - (fpr + (1.0 - tpr)) / 2.0).fold(0.5, f64::max),
        }
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

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// There is no metric of this name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there is no metric of this name")]
pub struct UnknownMetric;

impl FromStr for Metric {
    type Err = UnknownMetric;

    fn from_str(name: &str) -> Result<Self, UnknownMetric> {
        Self::ALL.into_iter().find(|metric| metric.name() == name).ok_or(UnknownMetric)
    }
}

impl Serialize for Metric {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Metric {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Name;

        impl Visitor<'_> for Name {
            type Value = Metric;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a metric")
            }

            fn visit_str<E: Error>(self, name: &str) -> Result<Metric, E> {
                name.parse().map_err(|_| E::unknown_field(name, &Metric::NAMES))
            }
        }

        deserializer.deserialize_identifier(Name)
    }
}
