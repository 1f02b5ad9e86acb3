//! How the scenarios of a track make its ranking number.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What the ranking number is, out of the scenarios' `TPR_FPR_1000`.
///
/// Serialised as its name in scores.txt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum RankingKind {
    /// Their mean, as in MICO. A scenario that is left out counts as 0, so that leaving one out never helps.
    #[default]
    #[serde(rename = "average_TPR_FPR_1000")]
    Mean,
    /// The greatest of them, as in MIDST.
    #[serde(rename = "max_TPR_FPR_1000")]
    Max,
}

impl RankingKind {
    /// Both of them, MICO's first.
    pub const ALL: [Self; 2] = [Self::Mean, Self::Max];

    /// Its name in scores.txt, JSON and CSV.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mean => "average_TPR_FPR_1000",
            Self::Max => "max_TPR_FPR_1000",
        }
    }

    /// The number, from one value a scenario of the track; `None` stands for one that is left out.
    ///
    /// The mean is computed as the original computes it: summed up in the order of the scenarios, divided once.
    #[must_use]
    pub fn of(self, values: impl IntoIterator<Item = Option<f64>>) -> f64 {
        let (mut count, mut sum, mut greatest) = (0_u32, 0.0, 0.0_f64);
        for value in values {
            let value = value.unwrap_or(0.0);
            count += 1;
            sum += value;
            greatest = greatest.max(value);
        }
        match self {
            Self::Mean => sum / f64::from(count),
            Self::Max => greatest,
        }
    }

    /// What it is, as in `mean of three scenarios`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::Max => "greatest",
        }
    }
}

impl fmt::Display for RankingKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Which scenarios a submission must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scenarios {
    /// All of the track's.
    #[default]
    All,
    /// At least one, whichever; each that is begun must be complete.
    Any,
}

impl Scenarios {
    /// Both of them, MICO's first.
    pub const ALL: [Self; 2] = [Self::All, Self::Any];

    /// Its word in track.yaml and on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Any => "any",
        }
    }
}

impl fmt::Display for Scenarios {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// How the scenarios make the ranking number, and which of them a submission must hold. By default as in MICO.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RankingRule {
    /// What the number is.
    pub number: RankingKind,
    /// Which scenarios have to be there.
    pub scenarios: Scenarios,
}

impl RankingRule {
    /// What the number is made of, in a track with so many scenarios: `mean of three scenarios`. Tables have it
    /// beside the name of the column.
    #[must_use]
    pub fn over(self, scenarios: usize) -> String {
        let word = self.number.word();
        match scenarios {
            1 => "one scenario".to_owned(),
            2 => format!("{word} of two scenarios"),
            3 => format!("{word} of three scenarios"),
            n => format!("{word} of {n} scenarios"),
        }
    }

    /// What the number is, as part of a sentence after the true-positive rate at 10 % false-positive rate.
    #[must_use]
    pub const fn phrase(self) -> &'static str {
        match self.number {
            RankingKind::Mean => "the mean over the scenarios",
            RankingKind::Max => "the greatest of all scenarios",
        }
    }

    /// What becomes of a scenario that a submission leaves out, as a sentence; `None` where none may be left out.
    #[must_use]
    pub const fn on_leaving_out(self) -> Option<&'static str> {
        match (self.scenarios, self.number) {
            (Scenarios::All, _) => None,
            (Scenarios::Any, RankingKind::Mean) => Some(
                "A submission may leave out whole scenarios, but not all of them; one that is left out counts as 0 in \
                 the mean.",
            ),
            (Scenarios::Any, RankingKind::Max) => Some(
                "A submission may leave out whole scenarios, but not all of them; the greatest of those that are there \
                 counts.",
            ),
        }
    }
}

impl fmt::Display for RankingRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, scenarios {}", self.number, self.scenarios)
    }
}

/// The text names no ranking number, or not which scenarios are needed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{found}` is not one of {expected}")]
pub struct UnknownRule {
    found: String,
    expected: &'static str,
}

impl FromStr for RankingKind {
    type Err = UnknownRule;

    fn from_str(text: &str) -> Result<Self, UnknownRule> {
        let expected = "average_TPR_FPR_1000 and max_TPR_FPR_1000";
        let unknown = || UnknownRule { found: text.to_owned(), expected };
        Self::ALL.into_iter().find(|kind| kind.name() == text).ok_or_else(unknown)
    }
}

impl FromStr for Scenarios {
    type Err = UnknownRule;

    fn from_str(text: &str) -> Result<Self, UnknownRule> {
        let unknown = || UnknownRule { found: text.to_owned(), expected: "all and any" };
        Self::ALL.into_iter().find(|scenarios| scenarios.name() == text).ok_or_else(unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_written_and_serialised_alike() {
        for kind in RankingKind::ALL {
            assert_eq!(kind.name().parse(), Ok(kind));
            assert_eq!(serde_json::to_value(kind).expect("serialisable"), kind.name());
        }
        for scenarios in Scenarios::ALL {
            assert_eq!(scenarios.name().parse(), Ok(scenarios));
            assert_eq!(serde_json::to_value(scenarios).expect("serialisable"), scenarios.name());
        }
        let error = "min_TPR_FPR_1000".parse::<RankingKind>().expect_err("no such number").to_string();
        assert_eq!(error, "`min_TPR_FPR_1000` is not one of average_TPR_FPR_1000 and max_TPR_FPR_1000");
    }

    #[test]
    fn what_is_not_said_of_a_rule_is_as_in_mico() {
        let read = |json| serde_json::from_str::<RankingRule>(json).expect("a rule");
        assert_eq!(read("{}"), RankingRule { number: RankingKind::Mean, scenarios: Scenarios::All });
        let max = read(r#"{"number":"max_TPR_FPR_1000"}"#);
        assert_eq!(max, RankingRule { number: RankingKind::Max, scenarios: Scenarios::All });
        assert!(serde_json::from_str::<RankingRule>(r#"{"nummer":"max_TPR_FPR_1000"}"#).is_err());
    }

    #[test]
    fn a_scenario_that_is_left_out_counts_as_0() {
        let values = [Some(0.5), None, Some(0.25)];
        assert_eq!(RankingKind::Mean.of(values), 0.25);
        assert_eq!(RankingKind::Max.of(values), 0.5);
        assert_eq!(RankingKind::Max.of([None, Some(0.0)]), 0.0);
    }

    #[test]
    fn the_words_say_what_is_true_of_the_rule() {
        let rule = |number, scenarios| RankingRule { number, scenarios };
        let (mean, max) = (RankingRule::default(), rule(RankingKind::Max, Scenarios::Any));
        assert_eq!((mean.over(3), max.over(2)), ("mean of three scenarios".into(), "greatest of two scenarios".into()));
        assert_eq!((mean.over(1), max.over(12)), ("one scenario".into(), "greatest of 12 scenarios".into()));
        assert_eq!(mean.on_leaving_out(), None);
        assert!(rule(RankingKind::Mean, Scenarios::Any).on_leaving_out().is_some_and(|text| text.contains("as 0")));
        assert_eq!(max.to_string(), "max_TPR_FPR_1000, scenarios any");
    }
}
