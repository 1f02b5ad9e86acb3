//! The attacks by name: which statistic is fitted to what shadow models say, and what it makes of a target's answer.

use std::borrow::Cow;
use std::fmt;

use rayon::prelude::*;

use super::signal;
use super::statistic::{
    Calibration, Deviations, Gaussian, Hierarchical, Record, Reference, Scenario, Variances, offline, online, records,
};

/// A way to score how likely a model was trained on a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attack {
    /// The threshold of MICO's starting kit: the smaller the loss, the likelier a member. S. Yeom, I. Giacomelli,
    /// M. Fredrikson and S. Jha, "Privacy Risk in Machine Learning", CSF 2018, section 3.
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
    /// Whether it compares with shadow models.
    pub fn needs_shadows(self) -> bool {
        self != Self::Loss
    }

    /// The number of an answer that it compares.
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

/// Phi of each shadow model [shadows][R], and which records it was trained on, of the same shape.
#[derive(Clone, Debug, Default)]
pub struct Shadows {
    phi: Vec<Vec<f64>>,
    trained_on: Vec<Vec<bool>>,
}

impl Shadows {
    /// # Panics
    /// If the two have different shapes.
    pub fn new(phi: Vec<Vec<f64>>, trained_on: Vec<Vec<bool>>) -> Self {
        assert!(
            phi.iter().map(Vec::len).eq(trained_on.iter().map(Vec::len)),
            "a model's answers and its records differ"
        );
        assert!(phi.windows(2).all(|pair| pair[0].len() == pair[1].len()), "models were asked about different records");
        Self { phi, trained_on }
    }

    /// How many shadow models.
    pub fn len(&self) -> usize {
        self.phi.len()
    }

    /// Whether there is no shadow model.
    pub fn is_empty(&self) -> bool {
        self.phi.is_empty()
    }

    /// R, the records they were asked about.
    pub fn records(&self) -> usize {
        self.phi.first().map_or(0, Vec::len)
    }

    /// Whether shadow `model` was trained on record `row`.
    pub fn is_trained_on(&self, model: usize, row: usize) -> bool {
        self.trained_on[model][row]
    }

    /// Phi of shadow `model` about record `row`.
    pub fn phi(&self, model: usize, row: usize) -> f64 {
        self.phi[model][row]
    }

    fn signals(&self, attack: Attack) -> Cow<'_, [Vec<f64>]> {
        if !matches!(attack, Attack::Calibrated(_)) {
            return Cow::Borrowed(&self.phi);
        }
        let of_model = |phi: &Vec<f64>| phi.iter().map(|&phi| attack.signal(phi)).collect();
        Cow::Owned(self.phi.par_iter().map(of_model).collect())
    }

    fn without(&self, model: usize) -> Self {
        let mut left = self.clone();
        left.phi.remove(model);
        left.trained_on.remove(model);
        left
    }
}

/// An attack that has learned from shadow models.
#[derive(Clone, Debug)]
pub struct Fitted {
    attack: Attack,
    statistic: Statistic,
}

#[derive(Clone, Debug)]
enum Statistic {
    Records { records: Vec<Record>, scenario: Scenario, hierarchical: Option<Hierarchical> },
    Reference(Reference),
}

impl Fitted {
    /// Learns from all shadow models.
    pub fn new(attack: Attack, shadows: &Shadows) -> Self {
        let deviations = match attack {
            Attack::ReferenceOnline(deviations) | Attack::ReferenceOffline(deviations) => deviations,
            _ => return Self::of(attack, records(&shadows.signals(attack), &shadows.trained_on)),
        };
        let reference = Reference::fit(&shadows.phi, &shadows.trained_on, deviations);
        Self { attack, statistic: Statistic::Reference(reference) }
    }

    fn of(attack: Attack, records: Vec<Record>) -> Self {
        let scenario = Scenario::of(&records);
        let hierarchical = (attack == Attack::Hierarchical).then(|| Hierarchical::fit(&records, scenario));
        Self { attack, statistic: Statistic::Records { records, scenario, hierarchical } }
    }

    /// The score of a target whose answer for record `row` has this `phi`: the greater, the likelier a member.
    pub fn score(&self, phi: f64, row: usize) -> f64 {
        let (records, scenario, hierarchical) = match &self.statistic {
            Statistic::Records { records, scenario, hierarchical } => (records, scenario, hierarchical),
            Statistic::Reference(reference) if matches!(self.attack, Attack::ReferenceOffline(_)) => {
                return reference.offline(phi, row);
            }
            Statistic::Reference(reference) => return reference.online(phi, row),
        };
        // The loss threshold is fitted to nothing.
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

/// Shadow models, each of which is scored as if it were a target by an attack that has learned from the others.
#[derive(Clone, Debug)]
pub struct LeaveOneOut<'a> {
    attack: Attack,
    shadows: &'a Shadows,
    signals: Cow<'a, [Vec<f64>]>,
    /// Of all shadow models.
    records: Vec<Record>,
}

impl<'a> LeaveOneOut<'a> {
    /// Nobody is left out yet.
    pub fn new(attack: Attack, shadows: &'a Shadows) -> Self {
        let signals = shadows.signals(attack);
        let records = records(&signals, &shadows.trained_on);
        Self { attack, shadows, signals, records }
    }

    /// The scores of shadow `model` about the records `rows`, in this order.
    pub fn scores(&self, model: usize, rows: impl IntoIterator<Item = usize>) -> Vec<f64> {
        let fitted = match self.attack {
            Attack::ReferenceOnline(_) | Attack::ReferenceOffline(_) => {
                Fitted::new(self.attack, &self.shadows.without(model))
            }
            _ => {
                let of_model = self.signals[model].iter().zip(&self.shadows.trained_on[model]);
                let left = self.records.iter().zip(of_model);
                Fitted::of(self.attack, left.map(|(record, (&value, &inside))| record.without(value, inside)).collect())
            }
        };
        rows.into_iter().map(|row| fitted.score(self.shadows.phi(model, row), row)).collect()
    }
}
