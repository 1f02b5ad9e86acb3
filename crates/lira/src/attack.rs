//! The attacks by name: which statistic each fits to the answers of shadow models, and how it
//! scores the answer of a target.

use std::borrow::Cow;
use std::fmt;

use rayon::prelude::*;

use super::signal;
use super::statistic::{
    Calibration, Deviations, Gaussian, Hierarchical, RecordStatistics, Reference, ScenarioStatistics, Variances,
    offline, online, record_statistics,
};

/// A way to score how likely it is that a model was trained on a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attack {
    /// The loss threshold of MICO's starting kit: the smaller the loss, the likelier a member. S.
    /// Yeom, I. Giacomelli, M. Fredrikson and S. Jha, "Privacy Risk in Machine Learning", CSF 2018,
    /// section 3.
    Loss,
    /// [`online`].
    Online(Variances),
    /// [`offline`].
    Offline(Variances),
    /// [`Hierarchical`].
    Hierarchical,
    /// [`Calibration`].
    Calibrated(Calibration),
    /// [`Reference::online`].
    ReferenceOnline(Deviations),
    /// [`Reference::offline`].
    ReferenceOffline(Deviations),
}

impl Attack {
    /// Whether the attack compares with shadow models.
    pub fn needs_shadows(self) -> bool {
        self != Self::Loss
    }

    /// The number that the attack compares, of an answer with this `phi`.
    fn signal(self, phi: f64) -> f64 {
        match self {
            Self::Calibrated(calibration) => calibration.signal(phi),
            _ => phi,
        }
    }
}

impl fmt::Display for Attack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let variances = |variances: &Variances| match variances {
            Variances::PerExample => "per-example",
            Variances::Fixed => "fixed",
            Variances::Shrunk => "shrunk",
        };
        let deviations = |deviations: &Deviations| match deviations {
            Deviations::PerExample => "per-example",
            Deviations::Fixed => "fixed",
        };
        match self {
            Self::Loss => f.write_str("loss"),
            Self::Online(of) => write!(f, "online, {} variances", variances(of)),
            Self::Offline(of) => write!(f, "offline, {} variances", variances(of)),
            Self::Hierarchical => f.write_str("hierarchical"),
            Self::Calibrated(Calibration::Loss) => f.write_str("calibrated loss"),
            Self::Calibrated(Calibration::Confidence) => f.write_str("calibrated confidence"),
            Self::ReferenceOnline(of) => write!(f, "reference online, {} variances", deviations(of)),
            Self::ReferenceOffline(of) => write!(f, "reference offline, {} variances", deviations(of)),
        }
    }
}

/// The answers of the shadow models: phi `[shadows][R]`, and which records each model was trained
/// on, of the same shape.
#[derive(Clone, Debug, Default)]
pub struct Shadows {
    phi: Vec<Vec<f64>>,
    trained_on: Vec<Vec<bool>>,
}

impl Shadows {
    /// Takes phi and whether the model was trained on the record, both `[shadows][R]`.
    ///
    /// # Panics
    /// If the two have different shapes, or rows of different lengths.
    pub fn new(phi: Vec<Vec<f64>>, trained_on: Vec<Vec<bool>>) -> Self {
        assert!(
            phi.iter().map(Vec::len).eq(trained_on.iter().map(Vec::len)),
            "a model's answers and its records differ"
        );
        assert!(phi.windows(2).all(|pair| pair[0].len() == pair[1].len()), "models were asked about different records");
        Self { phi, trained_on }
    }

    /// The number of shadow models.
    pub fn len(&self) -> usize {
        self.phi.len()
    }

    /// Whether there are no shadow models.
    pub fn is_empty(&self) -> bool {
        self.phi.is_empty()
    }

    /// R, the number of records.
    pub fn records(&self) -> usize {
        self.phi.first().map_or(0, Vec::len)
    }

    /// Whether shadow `model` was trained on record `row`.
    pub fn is_trained_on(&self, model: usize, row: usize) -> bool {
        self.trained_on[model][row]
    }

    /// Phi of shadow `model` on record `row`.
    pub fn phi(&self, model: usize, row: usize) -> f64 {
        self.phi[model][row]
    }

    /// The numbers that the attack compares `[shadows][R]`.
    fn signals(&self, attack: Attack) -> Cow<'_, [Vec<f64>]> {
        if !matches!(attack, Attack::Calibrated(_)) {
            return Cow::Borrowed(&self.phi);
        }
        let of_model = |phi: &Vec<f64>| phi.iter().map(|&phi| attack.signal(phi)).collect();
        Cow::Owned(self.phi.par_iter().map(of_model).collect())
    }

    /// All shadow models but one.
    fn without(&self, model: usize) -> Self {
        let mut left = self.clone();
        left.phi.remove(model);
        left.trained_on.remove(model);
        left
    }
}

/// An attack that is fitted to shadow models.
#[derive(Clone, Debug)]
pub struct FittedAttack {
    attack: Attack,
    statistic: Statistic,
}

#[derive(Clone, Debug)]
enum Statistic {
    Records { records: Vec<RecordStatistics>, scenario: ScenarioStatistics, hierarchical: Option<Hierarchical> },
    Reference(Reference),
}

impl FittedAttack {
    /// Fits the attack to all of `shadows`.
    pub fn new(attack: Attack, shadows: &Shadows) -> Self {
        let deviations = match attack {
            Attack::ReferenceOnline(deviations) | Attack::ReferenceOffline(deviations) => deviations,
            _ => return Self::from_records(attack, record_statistics(&shadows.signals(attack), &shadows.trained_on)),
        };
        let reference = Reference::fit(&shadows.phi, &shadows.trained_on, deviations);
        Self { attack, statistic: Statistic::Reference(reference) }
    }

    fn from_records(attack: Attack, records: Vec<RecordStatistics>) -> Self {
        let scenario = ScenarioStatistics::of(&records);
        let hierarchical = (attack == Attack::Hierarchical).then(|| Hierarchical::fit(&records, scenario));
        Self { attack, statistic: Statistic::Records { records, scenario, hierarchical } }
    }

    /// The score of a target whose answer for record `row` has this `phi`: the higher, the likelier
    /// a member.
    pub fn score(&self, phi: f64, row: usize) -> f64 {
        let (records, scenario, hierarchical) = match &self.statistic {
            Statistic::Records { records, scenario, hierarchical } => (records, scenario, hierarchical),
            Statistic::Reference(reference) if matches!(self.attack, Attack::ReferenceOffline(_)) => {
                return reference.offline(phi, row);
            }
            Statistic::Reference(reference) => return reference.online(phi, row),
        };
        // The loss threshold is not fitted, so it has no records.
        let record = records.get(row).copied().unwrap_or_default();
        match (self.attack, hierarchical) {
            (Attack::Online(variances), _) => online(phi, Gaussian::of(&record, scenario, variances)),
            (Attack::Offline(variances), _) => offline(phi, Gaussian::of(&record, scenario, variances).outside),
            (Attack::Calibrated(calibration), _) => calibration.score(calibration.signal(phi), &record, scenario),
            (_, Some(hierarchical)) => hierarchical.score(phi, &record),
            (_, None) => -signal::loss(phi),
        }
    }
}

/// Scores each shadow model as if it were a target, with an attack that is fitted to the others.
#[derive(Clone, Debug)]
pub struct LeaveOneOut<'a> {
    attack: Attack,
    shadows: &'a Shadows,
    signals: Cow<'a, [Vec<f64>]>,
    /// Of all shadow models.
    records: Vec<RecordStatistics>,
}

impl<'a> LeaveOneOut<'a> {
    /// Computes what the fits without one model have in common.
    pub fn new(attack: Attack, shadows: &'a Shadows) -> Self {
        let signals = shadows.signals(attack);
        let records = record_statistics(&signals, &shadows.trained_on);
        Self { attack, shadows, signals, records }
    }

    /// The scores of shadow `model` on the records `rows`, in this order, with the attack fitted to
    /// all others.
    pub fn scores(&self, model: usize, rows: impl IntoIterator<Item = usize>) -> Vec<f64> {
        let fitted = match self.attack {
            Attack::ReferenceOnline(_) | Attack::ReferenceOffline(_) => {
                FittedAttack::new(self.attack, &self.shadows.without(model))
            }
            _ => {
                let of_model = self.signals[model].iter().zip(&self.shadows.trained_on[model]);
                let left = self.records.iter().zip(of_model);
                FittedAttack::from_records(
                    self.attack,
                    left.map(|(record, (&value, &inside))| record.without(value, inside)).collect(),
                )
            }
        };
        rows.into_iter().map(|row| fitted.score(self.shadows.phi(model, row), row)).collect()
    }
}
