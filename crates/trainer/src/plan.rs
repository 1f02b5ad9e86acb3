//! The plan of a track: its scenarios, how many models and challenge points there are, and whether
//! that can be trained.

use scoring::Split;
use serde::Serialize;

use super::accountant::{self, AccountantError, Mechanism};
use super::dataset::Dataset;
use super::dp_sgd::{Noise, Sampling};
use super::sgd::Schedule;
use super::split::{Seed, Sizes};

/// More hidden units than this are surely a typing mistake, and with many data sets would not fit
/// in memory.
const MAX_HIDDEN: usize = 65_536;

/// More models of a split than this are surely a typing mistake.
const MAX_MODELS: usize = 100_000;

/// More epochs than this are surely a typing mistake.
const MAX_EPOCHS: usize = 1_000_000;

/// Clipping norms that single precision can handle: the squares of clipped values neither underflow
/// nor overflow.
const CLIPPING_NORMS: std::ops::RangeInclusive<f32> = 1e-6..=1e6;

/// What a track is trained from.
#[derive(Clone, Debug, Serialize)]
pub struct TrainPlan {
    /// Shown as the track's name.
    pub title: String,
    /// Shown under it, as Markdown.
    pub description: String,
    /// At least one; their names differ.
    pub scenarios: Vec<ScenarioPlan>,
    /// Models of each split, the same in every scenario.
    pub models: ModelCounts,
    /// m: the members among the challenge points of a model; there are as many non-members.
    pub challenge: usize,
    /// The seed of everything random.
    #[serde(skip)]
    pub seed: Seed,
}

/// One scenario: networks of one kind, trained one way.
#[derive(Clone, Debug, Serialize)]
pub struct ScenarioPlan {
    /// The folder's name: letters, digits, `_`, `-` and `.`, not beginning with a dot.
    pub name: String,
    /// Shown on the board.
    pub label: String,
    /// n: the rows that a model is trained on, members included.
    pub training: usize,
    /// Units of the hidden layer.
    pub hidden: usize,
    /// How the models are trained.
    pub schedule: Schedule,
    /// The differential privacy they are trained with, if any.
    pub privacy: Option<Privacy>,
}

/// (epsilon, delta)-differential privacy of each training row, where neighbouring data sets differ
/// by adding or removing one row.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Privacy {
    /// The epsilon that must not be exceeded; training uses the least noise that achieves it.
    pub epsilon: f64,
    /// The delta at which it holds.
    pub delta: f64,
    /// C: the Euclidean norm to which the gradient of each row is clipped.
    pub clipping_norm: f32,
}

/// The noise and sampling of DP-SGD in one scenario, and the epsilon that they give.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct PrivacyAccounting {
    pub(super) noise: Noise,
    pub(super) sampling: Sampling,
    /// An upper bound on the epsilon, at most the one in the plan.
    pub(super) epsilon: f64,
}

/// How many models there are of each split.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ModelCounts {
    /// Published in full, solutions included.
    pub train: usize,
    /// Attacked, and scored at once.
    pub dev: usize,
    /// Attacked, and scored at the end.
    pub r#final: usize,
}

impl ModelCounts {
    /// The models of one split.
    pub fn of(self, split: Split) -> usize {
        match split {
            Split::Train => self.train,
            Split::Dev => self.dev,
            Split::Final => self.r#final,
        }
    }

    /// The split and number of every model, in the order of the numbers: train from 0, then dev,
    /// then final.
    pub(super) fn numbered(self) -> impl Iterator<Item = (Split, usize)> {
        let each = Split::ALL.into_iter().flat_map(move |split| std::iter::repeat_n(split, self.of(split)));
        each.enumerate().map(|(number, split)| (split, number))
    }
}

/// Why a plan cannot be trained.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum PlanError {
    /// There are no scenarios, no models of a split or no challenge points.
    #[error("the plan has no {0}")]
    Empty(&'static str),
    /// There are too many models of a split.
    #[error("the plan has {0} models of one split; {MAX_MODELS} are the most")]
    TooManyModels(usize),
    /// A scenario has a name that cannot be that of a folder.
    #[error("`{0}` cannot name a scenario: use letters, digits, `_`, `-` and `.`, and begin with no dot")]
    Name(String),
    /// Two scenarios have the same name.
    #[error("two scenarios are called `{0}`")]
    DuplicateName(String),
    /// The pool has too few rows.
    #[error("scenario `{scenario}` needs {needed} rows for each model and the data set has {rows}")]
    TooFewRows {
        /// Which scenario.
        scenario: String,
        /// 2m challenge points and n - m other training rows.
        needed: usize,
        /// Rows of the data set.
        rows: usize,
    },
    /// There are fewer training rows than members.
    #[error("scenario `{scenario}` trains on {training} rows, fewer than its {members} members")]
    TooFewTrainingRows {
        /// Which scenario.
        scenario: String,
        /// n.
        training: usize,
        /// m.
        members: usize,
    },
    /// A hyperparameter is out of range.
    #[error("scenario `{scenario}`: {what}")]
    Schedule {
        /// Which scenario.
        scenario: String,
        /// Which one, and its range.
        what: &'static str,
    },
    /// No noise gives the privacy that is asked for.
    #[error("scenario `{scenario}` cannot have the privacy that is asked for")]
    Privacy {
        /// Which scenario.
        scenario: String,
        /// Why not.
        source: AccountantError,
    },
}

impl TrainPlan {
    /// The number of models in all scenarios.
    pub fn model_count(&self) -> usize {
        let ModelCounts { train, dev, r#final } = self.models;
        self.scenarios.len() * (train + dev + r#final)
    }

    /// Checks that the plan can be trained on `dataset`.
    pub(super) fn check(&self, dataset: &Dataset) -> Result<(), PlanError> {
        let ModelCounts { train, dev, r#final } = self.models;
        let counts = [
            (self.scenarios.len(), "scenarios"),
            (train, "train models"),
            (dev, "dev models"),
            (r#final, "final models"),
            (self.challenge, "challenge points"),
        ];
        if let Some((_, what)) = counts.into_iter().find(|&(count, _)| count == 0) {
            return Err(PlanError::Empty(what));
        }
        if let Some(&count) = [train, dev, r#final].iter().find(|&&count| count > MAX_MODELS) {
            return Err(PlanError::TooManyModels(count));
        }
        for (i, scenario) in self.scenarios.iter().enumerate() {
            scenario.check(self.challenge, dataset.len())?;
            if self.scenarios[..i].iter().any(|earlier| earlier.name == scenario.name) {
                return Err(PlanError::DuplicateName(scenario.name.clone()));
            }
        }
        Ok(())
    }

    pub(super) fn sizes(&self, scenario: &ScenarioPlan, dataset: &Dataset) -> Sizes {
        Sizes { pool: dataset.len(), members: self.challenge, trained_on: scenario.training }
    }
}

impl ScenarioPlan {
    fn check(&self, members: usize, rows: usize) -> Result<(), PlanError> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
        if self.name.is_empty() || self.name.starts_with('.') || !self.name.bytes().all(allowed) {
            return Err(PlanError::Name(self.name.clone()));
        }
        let scenario = || self.name.clone();
        if self.training < members {
            return Err(PlanError::TooFewTrainingRows { scenario: scenario(), training: self.training, members });
        }
        let needed = self.training.saturating_add(members);
        if needed > rows {
            return Err(PlanError::TooFewRows { scenario: scenario(), needed, rows });
        }
        let Schedule { epochs, batch, rate, momentum, weight_decay } = self.schedule;
        let wrong = [
            (!(1..=MAX_HIDDEN).contains(&self.hidden), "there have to be 1 to 65536 hidden units"),
            (!(1..=MAX_EPOCHS).contains(&epochs), "there have to be 1 to 1000000 epochs"),
            (batch == 0, "a batch has to have a row"),
            (!is_positive(rate), "the rate has to be positive"),
            (!(0.0..1.0).contains(&momentum), "the momentum has to be at least 0 and below 1"),
            (!(0.0..1.0).contains(&weight_decay), "the weight decay has to be at least 0 and below 1"),
            (
                self.privacy.is_some_and(|privacy| !CLIPPING_NORMS.contains(&privacy.clipping_norm)),
                "the clipping norm has to be from 0.000001 to 1000000",
            ),
        ];
        match wrong.into_iter().find(|&(wrong, _)| wrong) {
            Some((_, what)) => Err(PlanError::Schedule { scenario: scenario(), what }),
            None => Ok(()),
        }
    }

    /// The least noise that achieves the epsilon of the plan; `None` for a scenario without
    /// privacy.
    pub(super) fn account(&self) -> Result<Option<PrivacyAccounting>, PlanError> {
        let Some(privacy) = self.privacy else { return Ok(None) };
        let failed = |source| PlanError::Privacy { scenario: self.name.clone(), source };
        let sampling = Sampling::new(&self.schedule, self.training);
        let Sampling { rate, steps } = sampling;
        let multiplier = accountant::noise_multiplier(privacy.epsilon, privacy.delta, rate, steps).map_err(failed)?;
        let mechanism = Mechanism { sampling_rate: rate, noise_multiplier: multiplier, steps };
        let epsilon = accountant::epsilon(&mechanism, privacy.delta).map_err(failed)?;
        Ok(Some(PrivacyAccounting {
            noise: Noise { clipping_norm: privacy.clipping_norm, multiplier },
            sampling,
            epsilon,
        }))
    }
}

fn is_positive(value: f32) -> bool {
    value > 0.0 && value.is_finite()
}
