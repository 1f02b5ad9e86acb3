//! What a track expects: scenarios, splits, target models, challenge points.
//!
//! A shape is read from the organiser's directory and kept with the track. It
//! holds names and counts only; no labels, no predictions. Every `TrackShape`
//! that exists has passed the checks of [`TrackShape::new`], also one that came
//! through deserialisation.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::rule::RankingRule;

/// Longest name of a track, scenario or target model, in bytes.
const MAX_NAME: usize = 100;

/// Which target models: revealed in full, scored live, or scored at the close.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// Revealed in full, for participants to learn from.
    Train,
    /// Attacked and scored while the track is open.
    Dev,
    /// Attacked, and scored once at the close.
    Final,
}

impl Split {
    /// All of them, in the order in which models are numbered.
    pub const ALL: [Self; 3] = [Self::Train, Self::Dev, Self::Final];

    /// The splits every submission has to answer in full.
    pub const SUBMITTED: [Self; 2] = [Self::Dev, Self::Final];

    /// The name on disk and in archives.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Dev => "dev",
            Self::Final => "final",
        }
    }

    /// Position in per-split arrays.
    const fn index(self) -> usize {
        match self {
            Self::Train => 0,
            Self::Dev => 1,
            Self::Final => 2,
        }
    }
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text named no split.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown split; expected train, dev or final")]
pub struct UnknownSplit;

impl FromStr for Split {
    type Err = UnknownSplit;

    fn from_str(text: &str) -> Result<Self, UnknownSplit> {
        match text {
            "train" => Ok(Self::Train),
            "dev" => Ok(Self::Dev),
            "final" => Ok(Self::Final),
            _ => Err(UnknownSplit),
        }
    }
}

/// One attacked network and the number of its challenge points.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetModel {
    /// The name of its folder, such as `model_100`.
    pub name: String,
    /// Challenge points, and so values expected in its prediction file.
    pub points: usize,
}

/// One scenario: its name and, for each split, its target models.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "ScenarioRecord", into = "ScenarioRecord")]
pub struct ScenarioShape {
    name: String,
    models: [Vec<TargetModel>; 3],
}

impl ScenarioShape {
    /// Collects the models of each split, in natural order of their names
    /// (`model_2` before `model_10`). A split named twice gets the models of
    /// both. Names and counts are checked by [`TrackShape::new`].
    pub fn new(name: impl Into<String>, splits: impl IntoIterator<Item = (Split, Vec<TargetModel>)>) -> Self {
        let mut models: [Vec<TargetModel>; 3] = Default::default();
        for (split, of_split) in splits {
            models[split.index()].extend(of_split);
        }
        for of_split in &mut models {
            of_split.sort_by(|a, b| natural_order(&a.name, &b.name));
        }
        Self { name: name.into(), models }
    }

    /// The scenario's folder name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The target models of one split, in natural order of their names.
    #[must_use]
    pub fn models(&self, split: Split) -> &[TargetModel] {
        &self.models[split.index()]
    }

    /// Challenge points of one split: the sum over its models.
    #[must_use]
    pub fn points(&self, split: Split) -> usize {
        self.models(split).iter().map(|model| model.points).sum()
    }
}

/// The serialised form of a scenario: one list a split.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ScenarioRecord {
    name: String,
    #[serde(default)]
    train: Vec<TargetModel>,
    #[serde(default)]
    dev: Vec<TargetModel>,
    #[serde(default, rename = "final")]
    final_: Vec<TargetModel>,
}

impl From<ScenarioRecord> for ScenarioShape {
    fn from(record: ScenarioRecord) -> Self {
        Self::new(record.name, [(Split::Train, record.train), (Split::Dev, record.dev), (Split::Final, record.final_)])
    }
}

impl From<ScenarioShape> for ScenarioRecord {
    fn from(shape: ScenarioShape) -> Self {
        let [train, dev, final_] = shape.models;
        Self { name: shape.name, train, dev, final_ }
    }
}

/// What a track expects of a submission.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "TrackRecord", into = "TrackRecord")]
pub struct TrackShape {
    slug: String,
    scenarios: Vec<ScenarioShape>,
    ranking: RankingRule,
}

impl TrackShape {
    /// Checks and sorts: scenarios by the bytes of their names, which is how
    /// scores.txt numbers them.
    ///
    /// # Errors
    /// A name that cannot be a folder in an archive, two names that differ at
    /// most in case, a track without scenarios, a scenario without models, a
    /// model without points, or more points than can be counted in 32 bits.
    pub fn new(slug: impl Into<String>, mut scenarios: Vec<ScenarioShape>) -> Result<Self, ShapeError> {
        let slug = slug.into();
        check_name(&slug)?;
        if scenarios.is_empty() {
            return Err(ShapeError::NoScenario);
        }
        for scenario in &scenarios {
            check_scenario(scenario)?;
        }
        check_distinct(scenarios.iter().map(|scenario| scenario.name.as_str()))?;
        scenarios.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Self { slug, scenarios, ranking: RankingRule::default() })
    }

    /// The same shape with another ranking rule; [`Self::new`] gives a shape MICO's.
    #[must_use]
    pub fn with_ranking(mut self, ranking: RankingRule) -> Self {
        self.ranking = ranking;
        self
    }

    /// The track's short name, the first folder inside every submission.
    #[must_use]
    pub fn slug(&self) -> &str {
        &self.slug
    }

    /// The scenarios, sorted by the bytes of their names.
    #[must_use]
    pub fn scenarios(&self) -> &[ScenarioShape] {
        &self.scenarios
    }

    /// How the scenarios make the ranking number, and which of them a submission must hold.
    #[must_use]
    pub fn ranking(&self) -> RankingRule {
        self.ranking
    }
}

/// The serialised form of a track, not yet checked.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TrackRecord {
    slug: String,
    scenarios: Vec<ScenarioShape>,
    // Shapes that were stored before there was a choice have none.
    #[serde(default)]
    ranking: RankingRule,
}

impl TryFrom<TrackRecord> for TrackShape {
    type Error = ShapeError;

    fn try_from(record: TrackRecord) -> Result<Self, ShapeError> {
        Ok(Self::new(record.slug, record.scenarios)?.with_ranking(record.ranking))
    }
}

impl From<TrackShape> for TrackRecord {
    fn from(shape: TrackShape) -> Self {
        Self { slug: shape.slug, scenarios: shape.scenarios, ranking: shape.ranking }
    }
}

/// Why a track cannot have this shape.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShapeError {
    /// A name that cannot be a folder in every archive and on every disk.
    #[error(
        "the name {0:?} is not usable: 1 to 100 letters, digits, '.', '_' or '-', \
         beginning with a letter, digit or '_', not ending with '.'"
    )]
    BadName(String),
    /// Two names that are equal, or differ only in case.
    #[error("the name {0:?} occurs twice (upper and lower case count as equal)")]
    Duplicate(String),
    /// A track without scenarios.
    #[error("the track has no scenario")]
    NoScenario,
    /// A scenario without target models in any split.
    #[error("the scenario {0:?} has no target model")]
    NoModel(String),
    /// A target model without challenge points.
    #[error("the target model {model:?} of scenario {scenario:?} has no challenge point")]
    NoPoint {
        /// The scenario's name.
        scenario: String,
        /// The model's name.
        model: String,
    },
    /// More points than the counters hold.
    #[error("the scenario {0:?} has too many challenge points")]
    TooManyPoints(String),
}

fn check_scenario(scenario: &ScenarioShape) -> Result<(), ShapeError> {
    check_name(&scenario.name)?;
    if scenario.models.iter().all(Vec::is_empty) {
        return Err(ShapeError::NoModel(scenario.name.clone()));
    }
    for models in &scenario.models {
        for model in models {
            check_name(&model.name)?;
            if model.points == 0 {
                return Err(ShapeError::NoPoint { scenario: scenario.name.clone(), model: model.name.clone() });
            }
        }
        check_distinct(models.iter().map(|model| model.name.as_str()))?;
        check_countable(scenario, models)?;
    }
    Ok(())
}

/// The bootstrap can draw the largest model every time; that count has to fit
/// its 32-bit counters.
fn check_countable(scenario: &ScenarioShape, models: &[TargetModel]) -> Result<(), ShapeError> {
    let largest = models.iter().map(|model| model.points).max().unwrap_or(0);
    let worst = largest.checked_mul(models.len());
    if worst.is_none_or(|points| points >= u32::MAX as usize) || models.len() > u16::MAX.into() {
        return Err(ShapeError::TooManyPoints(scenario.name.clone()));
    }
    Ok(())
}

fn check_name(name: &str) -> Result<(), ShapeError> {
    let first = name.bytes().next();
    let usable = name.len() <= MAX_NAME
        && first.is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && !name.ends_with('.')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    if usable { Ok(()) } else { Err(ShapeError::BadName(name.to_owned())) }
}

fn check_distinct<'a>(names: impl Iterator<Item = &'a str>) -> Result<(), ShapeError> {
    let mut seen = std::collections::BTreeSet::new();
    for name in names {
        if !seen.insert(name.to_ascii_lowercase()) {
            return Err(ShapeError::Duplicate(name.to_owned()));
        }
    }
    Ok(())
}

/// Orders names by text, with runs of digits compared as numbers; names that
/// differ only in leading zeros fall back to the order of their bytes.
#[must_use]
pub fn natural_order(a: &str, b: &str) -> Ordering {
    let (mut rest_a, mut rest_b) = (a.as_bytes(), b.as_bytes());
    while let (Some(first_a), Some(first_b)) = (rest_a.first(), rest_b.first()) {
        let order = if first_a.is_ascii_digit() && first_b.is_ascii_digit() {
            let (number_a, number_b) = (take_number(&mut rest_a), take_number(&mut rest_b));
            number_a.len().cmp(&number_b.len()).then(number_a.cmp(number_b))
        } else {
            let order = first_a.cmp(first_b);
            (rest_a, rest_b) = (&rest_a[1..], &rest_b[1..]);
            order
        };
        if order.is_ne() {
            return order;
        }
    }
    rest_a.len().cmp(&rest_b.len()).then_with(|| a.cmp(b))
}

/// Takes the leading digits off `text` and returns them without leading zeros.
fn take_number<'a>(text: &mut &'a [u8]) -> &'a [u8] {
    let end = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    *text = rest;
    let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
    &digits[zeros..]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::{RankingKind, Scenarios};

    fn model(name: &str) -> TargetModel {
        TargetModel { name: name.to_owned(), points: 4 }
    }

    fn names(scenario: &ScenarioShape, split: Split) -> Vec<&str> {
        scenario.models(split).iter().map(|model| model.name.as_str()).collect()
    }

    #[test]
    fn models_are_sorted_by_name_and_then_by_number() {
        let models = ["model_10", "model_2", "model_02", "base", "model_2b"].map(model).to_vec();
        let scenario = ScenarioShape::new("s", [(Split::Dev, models)]);
        assert_eq!(names(&scenario, Split::Dev), ["base", "model_02", "model_2", "model_2b", "model_10"]);
        assert_eq!(scenario.points(Split::Dev), 20);
        assert_eq!(scenario.points(Split::Final), 0);
    }

    #[test]
    fn scenarios_are_sorted_by_the_bytes_of_their_names() {
        let scenario = |name: &str| ScenarioShape::new(name, [(Split::Dev, vec![model("m")])]);
        let shape =
            TrackShape::new("t", vec![scenario("c_lo"), scenario("c_hi"), scenario("c_inf")]).expect("a good shape");
        let order: Vec<_> = shape.scenarios().iter().map(ScenarioShape::name).collect();
        assert_eq!(order, ["c_hi", "c_inf", "c_lo"]);
    }

    #[test]
    fn a_shape_survives_serialisation() {
        let scenario = ScenarioShape::new("s", [(Split::Dev, vec![model("m1")]), (Split::Final, vec![model("m2")])]);
        let shape = TrackShape::new("t", vec![scenario]).expect("a good shape");
        let text = serde_json::to_string(&shape).expect("serialisable");
        assert_eq!(serde_json::from_str::<TrackShape>(&text).expect("readable"), shape);
        let rule = RankingRule { number: RankingKind::Max, scenarios: Scenarios::Any };
        let max = shape.with_ranking(rule);
        let text = serde_json::to_string(&max).expect("serialisable");
        assert!(text.ends_with(r#""ranking":{"number":"max_TPR_FPR_1000","scenarios":"any"}}"#), "{text}");
        assert_eq!(serde_json::from_str::<TrackShape>(&text).expect("readable").ranking(), rule);
    }

    #[test]
    fn a_shape_that_says_nothing_of_ranking_has_micos_rule() {
        let json = r#"{"slug":"t","scenarios":[{"name":"s","dev":[{"name":"m","points":4}]}]}"#;
        let shape = serde_json::from_str::<TrackShape>(json).expect("a shape as it was stored before");
        assert_eq!(shape.ranking(), RankingRule { number: RankingKind::Mean, scenarios: Scenarios::All });
    }

    #[test]
    fn a_bad_shape_is_refused_also_by_deserialisation() {
        let json = r#"{"slug":"t","scenarios":[{"name":"../s","dev":[{"name":"m","points":4}]}]}"#;
        let error = serde_json::from_str::<TrackShape>(json).expect_err("a bad name");
        assert!(error.to_string().contains("../s"), "{error}");
    }

    #[test]
    fn every_kind_of_bad_shape_has_its_error() {
        let scenario = |name: &str, models: Vec<TargetModel>| ScenarioShape::new(name, [(Split::Dev, models)]);
        let error = |scenarios| TrackShape::new("t", scenarios).expect_err("a bad shape");
        assert_eq!(error(vec![]), ShapeError::NoScenario);
        assert_eq!(error(vec![scenario("s", vec![])]), ShapeError::NoModel("s".into()));
        let empty = TargetModel { name: "m".into(), points: 0 };
        let expected = ShapeError::NoPoint { scenario: "s".into(), model: "m".into() };
        assert_eq!(error(vec![scenario("s", vec![empty])]), expected);
        let twice = vec![scenario("s", vec![model("m")]), scenario("S", vec![model("m")])];
        assert_eq!(error(twice), ShapeError::Duplicate("S".into()));
        let huge = TargetModel { name: "m".into(), points: usize::MAX };
        assert_eq!(error(vec![scenario("s", vec![huge])]), ShapeError::TooManyPoints("s".into()));
        assert_eq!(TrackShape::new("", vec![]), Err(ShapeError::BadName(String::new())));
    }
}
