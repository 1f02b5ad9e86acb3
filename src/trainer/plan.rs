//! What is to be trained: the scenarios of a track, how many models and points, and whether that can be done.

use super::dataset::Dataset;
use super::sgd::Schedule;
use super::split::{Seed, Sizes};
use scoring::Split;

/// A whole track to train.
#[derive(Clone, Debug)]
pub struct TrainPlan {
    /// Shown as the track's name.
    pub title: String,
    /// Shown under it, as Markdown.
    pub description: String,
    /// At least one; their names differ.
    pub scenarios: Vec<ScenarioPlan>,
    /// Models of each split, the same in every scenario.
    pub models: ModelCounts,
    /// m: members among the challenge points of a model, and as many non-members.
    pub challenge: usize,
    /// Everything random comes from it.
    pub seed: Seed,
}

/// One scenario: networks of one kind, trained one way.
#[derive(Clone, Debug)]
pub struct ScenarioPlan {
    /// The folder's name: letters, digits, `_`, `-` and `.`, not beginning with a dot.
    pub name: String,
    /// Shown on the board.
    pub label: String,
    /// n: rows a model is trained on, members included.
    pub training: usize,
    /// Units of the hidden layer.
    pub hidden: usize,
    /// How the models are trained.
    pub schedule: Schedule,
}

/// How many models there are of each split.
#[derive(Clone, Copy, Debug)]
pub struct ModelCounts {
    /// Revealed in full.
    pub train: usize,
    /// Attacked and scored live.
    pub dev: usize,
    /// Attacked and scored at the close.
    pub r#final: usize,
}

impl ModelCounts {
    /// All models in the order of their numbers: train from 0, then dev, then final.
    pub(super) fn numbered(self) -> impl Iterator<Item = (Split, usize)> {
        let splits = [(Split::Train, self.train), (Split::Dev, self.dev), (Split::Final, self.r#final)];
        let each = splits.into_iter().flat_map(|(split, count)| std::iter::repeat_n(split, count));
        each.enumerate().map(|(number, split)| (split, number))
    }
}

/// Why a plan cannot be carried out.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum PlanError {
    /// Scenarios, models of a split, or challenge points are none at all.
    #[error("the plan has no {0}")]
    None(&'static str),
    /// The name of a scenario cannot name a folder.
    #[error("`{0}` cannot name a scenario: use letters, digits, `_`, `-` and `.`, and begin with no dot")]
    Name(String),
    /// Two scenarios have one name.
    #[error("two scenarios are called `{0}`")]
    TwiceNamed(String),
    /// More rows are wanted than the pool has.
    #[error("scenario `{scenario}` needs {needed} rows for each model and the data set has {rows}")]
    TooFewRows {
        /// Which scenario.
        scenario: String,
        /// 2m challenge points and n - m other training rows.
        needed: usize,
        /// Rows of the data set.
        rows: usize,
    },
    /// Fewer training rows than members.
    #[error("scenario `{scenario}` trains on {training} rows, fewer than its {members} members")]
    TooFewTrained {
        /// Which scenario.
        scenario: String,
        /// n.
        training: usize,
        /// m.
        members: usize,
    },
    /// A number of the schedule makes no sense.
    #[error("scenario `{scenario}`: {what}")]
    Schedule {
        /// Which scenario.
        scenario: String,
        /// Which number, and what it has to be.
        what: &'static str,
    },
}

impl TrainPlan {
    /// Checks that the plan can be carried out on `dataset`.
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
            return Err(PlanError::None(what));
        }
        for (i, scenario) in self.scenarios.iter().enumerate() {
            scenario.check(self.challenge, dataset.len())?;
            if self.scenarios[..i].iter().any(|earlier| earlier.name == scenario.name) {
                return Err(PlanError::TwiceNamed(scenario.name.clone()));
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
            return Err(PlanError::TooFewTrained { scenario: scenario(), training: self.training, members });
        }
        let needed = self.training.saturating_add(members);
        if needed > rows {
            return Err(PlanError::TooFewRows { scenario: scenario(), needed, rows });
        }
        let Schedule { epochs, batch, rate, momentum, weight_decay } = self.schedule;
        let wrong = [
            (self.hidden == 0, "there has to be a hidden unit"),
            (epochs == 0, "there has to be an epoch"),
            (batch == 0, "a batch has to have a row"),
            (!(rate > 0.0 && rate.is_finite()), "the rate has to be positive"),
            (!(0.0..1.0).contains(&momentum), "the momentum has to be at least 0 and below 1"),
            (!(0.0..1.0).contains(&weight_decay), "the weight decay has to be at least 0 and below 1"),
        ];
        match wrong.into_iter().find(|&(wrong, _)| wrong) {
            Some((_, what)) => Err(PlanError::Schedule { scenario: scenario(), what }),
            None => Ok(()),
        }
    }
}
