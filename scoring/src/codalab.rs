//! scores.txt, the file by which the original scoring program reports.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::metrics::Metrics;
use crate::rule::RankingKind;
use crate::score::TrackScore;

/// Writes the scores.txt of a whole score; see [`write_metrics`].
#[must_use]
pub fn write_scores(score: &TrackScore) -> String {
    let metrics = score.scenarios.iter().map(|scenario| scenario.as_ref().map(|scenario| scenario.metrics));
    write_metrics(metrics, (score.number, score.ranking_value))
}

/// Writes scores.txt: `name: value` a line, numbers as Python writes them.
///
/// `scenarios` come in the order of their names and are numbered from 1. One that is left out has no
/// lines, and those after it keep their numbers. `ranking` is the ranking number.
#[must_use]
pub fn write_metrics(scenarios: impl IntoIterator<Item = Option<Metrics>>, ranking: (RankingKind, f64)) -> String {
    let mut text = String::new();
    for (number, metrics) in (1..).zip(scenarios) {
        let Some(metrics) = metrics else { continue };
        // As in the original program's file, the true-positive rates come last.
        let (rates, others): (Vec<_>, Vec<_>) = metrics.iter().partition(|(metric, _)| metric.fpr_limit().is_some());
        for (metric, value) in others.into_iter().chain(rates) {
            push_line(&mut text, format_args!("scenario{number}_{metric}"), value);
        }
    }
    let (kind, value) = ranking;
    push_line(&mut text, format_args!("{kind}"), value);
    text
}

fn push_line(text: &mut String, name: std::fmt::Arguments<'_>, value: f64) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{name}: {}", python_repr(value));
}

/// Reads a scores.txt into a map; the order of its lines has no meaning.
///
/// # Errors
/// A line without `: `, a value that is no number, or a name that occurs twice.
pub fn read_scores(text: &str) -> Result<BTreeMap<String, f64>, ScoresTxtError> {
    let mut scores = BTreeMap::new();
    for (line, content) in (1..).zip(text.lines()) {
        if content.trim().is_empty() {
            continue;
        }
        let (name, value) = content.split_once(':').ok_or(ScoresTxtError::NoColon { line })?;
        let value = value.trim().parse().map_err(|_| ScoresTxtError::NotANumber { line })?;
        if scores.insert(name.trim().to_owned(), value).is_some() {
            return Err(ScoresTxtError::Twice { line });
        }
    }
    Ok(scores)
}

/// Why a text is not a scores.txt.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScoresTxtError {
    /// A line that is not `name: value`.
    #[error("line {line} is not `name: value`")]
    NoColon {
        /// The line, counted from 1.
        line: usize,
    },
    /// A value that is no number.
    #[error("the value in line {line} is not a number")]
    NotANumber {
        /// The line, counted from 1.
        line: usize,
    },
    /// A name that occurs twice.
    #[error("the name in line {line} occurs twice")]
    Twice {
        /// The line, counted from 1.
        line: usize,
    },
}

/// A number as Python's `repr` writes it: the shortest digits that read back
/// equal, in positional form from 1e-4 up to 1e16, else with an exponent of at
/// least two digits.
#[must_use]
pub fn python_repr(number: f64) -> String {
    if number.is_nan() {
        return "nan".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    let magnitude = number.abs();
    if magnitude == 0.0 || (1e-4..1e16).contains(&magnitude) {
        // The same shortest digits, but whole numbers come without a point.
        let text = number.to_string();
        return if text.contains('.') { text } else { format!("{text}.0") };
    }
    let text = format!("{number:e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, exponent) = match exponent.strip_prefix('-') {
        Some(exponent) => ('-', exponent),
        None => ('+', exponent),
    };
    format!("{digits}e{sign}{exponent:0>2}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::Metric;

    #[test]
    fn numbers_are_written_as_python_writes_them() {
        let cases = [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (0.5, "0.5"),
            (0.1 + 0.2, "0.30000000000000004"),
            (1.0 / 3.0, "0.3333333333333333"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (0.000_012_345, "1.2345e-05"),
            (5e-324, "5e-324"),
            (123_456_789_012_345_680.0, "1.2345678901234568e+17"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (-1.5e-7, "-1.5e-07"),
            (1e100, "1e+100"),
            (f64::NAN, "nan"),
            (f64::NEG_INFINITY, "-inf"),
        ];
        for (number, expected) in cases {
            assert_eq!(python_repr(number), expected);
        }
    }

    #[test]
    fn the_true_positive_rates_of_a_scenario_come_last() {
        let text = write_metrics([Some(Metrics::from_fn(|_| 0.5))], (RankingKind::Mean, 0.5));
        let names: Vec<_> = text.lines().filter_map(|line| line.strip_suffix(": 0.5")).collect();
        assert_eq!(names[..4], ["scenario1_AUC", "scenario1_MIA", "scenario1_accuracy", "scenario1_TPR_FPR_10"]);
        assert_eq!(names[8..], ["scenario1_TPR_FPR_2000", "average_TPR_FPR_1000"]);
    }

    #[test]
    fn a_scenario_that_is_left_out_has_no_lines_and_the_others_keep_their_numbers() {
        let there = Some(Metrics::from_fn(|_| 0.5));
        let text = write_metrics([None, there, None, there], (RankingKind::Max, 0.5));
        let names = read_scores(&text).expect("our own file");
        assert_eq!(names.len(), 2 * Metric::COUNT + 1);
        assert!(names.keys().all(|name| name.starts_with("scenario2_")
            || name.starts_with("scenario4_")
            || name == "max_TPR_FPR_1000"));
    }

    #[test]
    fn scores_are_read_as_a_map() {
        let scores = read_scores("b: 0.5\n\na: 1e-05").expect("a good file");
        assert_eq!(scores.into_iter().collect::<Vec<_>>(), [("a".into(), 1e-5), ("b".into(), 0.5)]);
        assert_eq!(read_scores("a: 1\nb"), Err(ScoresTxtError::NoColon { line: 2 }));
        assert_eq!(read_scores("a: x"), Err(ScoresTxtError::NotANumber { line: 1 }));
        assert_eq!(read_scores("a: 1\na: 1"), Err(ScoresTxtError::Twice { line: 2 }));
    }
}
