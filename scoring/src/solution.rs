//! The organiser's truth: which challenge points are members.
//!
//! Reads `solution.csv` and holds one split's labels. Labels are secret until
//! the reveal, so nothing here prints them.

use std::fmt;

use crate::csv::{self, Kind, Source};
use crate::problem::{Collector, Problem};
use crate::shape::{Split, TrackShape};

/// Whether a challenge point was in the training set of the target model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Membership {
    /// Trained on: label 1, the positive class.
    Member,
    /// Not trained on: label 0, the negative class.
    NonMember,
}

/// Reads a `solution.csv`: labels 0 or 1, on one line or one a line, in the
/// order of the challenge points. The grammar is that of predictions, so `1.0`
/// and `1e0` are labels as well.
///
/// # Errors
/// The first thing that is wrong with the file, with `path` as its name.
pub fn parse_solution(bytes: &[u8], path: &str) -> Result<Vec<Membership>, Problem> {
    let mut problems = Collector::new(1);
    let mut labels = Vec::new();
    let source = Source { path: path.as_bytes(), bytes, points: None, kind: Kind::Label };
    csv::read(&source, &mut labels, &mut problems);
    match problems.or(()) {
        Ok(()) => Ok(labels.iter().map(|label| membership(*label)).collect()),
        Err(mut problems) => Err(problems.shown.swap_remove(0)),
    }
}

/// The meaning of a label that the reader has let through, so 0 or 1.
fn membership(label: f64) -> Membership {
    if label > 0.5 { Membership::Member } else { Membership::NonMember }
}

/// The labels of one split, every scenario's target models concatenated.
///
/// Its `Debug` form shows counts only.
#[derive(Clone, PartialEq, Eq)]
pub struct SplitSolution {
    scenarios: Vec<Vec<Membership>>,
}

impl SplitSolution {
    /// Takes labels by scenario, model and point, in the order of the shape.
    ///
    /// # Errors
    /// Another number of scenarios, models or points than the shape says, or a
    /// scenario that cannot be scored because it lacks members or non-members.
    pub fn new(shape: &TrackShape, split: Split, labels: Vec<Vec<Vec<Membership>>>) -> Result<Self, SolutionError> {
        if labels.len() != shape.scenarios().len() {
            return Err(SolutionError::Scenarios { found: labels.len(), expected: shape.scenarios().len() });
        }
        let mut scenarios = Vec::with_capacity(labels.len());
        for (expected, models) in shape.scenarios().iter().zip(labels) {
            let name = || expected.name().to_owned();
            if models.len() != expected.models(split).len() {
                let (found, expected) = (models.len(), expected.models(split).len());
                return Err(SolutionError::Models { scenario: name(), found, expected });
            }
            for (model, points) in expected.models(split).iter().zip(&models) {
                if points.len() != model.points {
                    return Err(SolutionError::Points {
                        scenario: name(),
                        model: model.name.clone(),
                        found: points.len(),
                        expected: model.points,
                    });
                }
            }
            let points = models.concat();
            for class in [Membership::Member, Membership::NonMember] {
                if !points.contains(&class) {
                    return Err(SolutionError::OneSided { scenario: name(), split });
                }
            }
            scenarios.push(points);
        }
        Ok(Self { scenarios })
    }

    /// The labels of scenario `index` of the shape, model after model.
    ///
    /// # Panics
    /// If the shape has no such scenario.
    #[must_use]
    pub fn scenario(&self, index: usize) -> &[Membership] {
        &self.scenarios[index]
    }

    /// The labels of every scenario, in the order of the shape.
    pub(crate) fn scenarios(&self) -> &[Vec<Membership>] {
        &self.scenarios
    }
}

impl fmt::Debug for SplitSolution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let points: Vec<_> = self.scenarios.iter().map(Vec::len).collect();
        f.debug_struct("SplitSolution").field("points", &points).finish_non_exhaustive()
    }
}

/// Why labels cannot be the solution of a split.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SolutionError {
    /// Another number of scenarios than the shape has.
    #[error("there are labels for {found} scenarios where the track has {expected}")]
    Scenarios {
        /// Scenarios with labels.
        found: usize,
        /// Scenarios of the track.
        expected: usize,
    },
    /// Another number of target models than the scenario has.
    #[error("scenario {scenario}: there are labels for {found} target models where it has {expected}")]
    Models {
        /// The scenario's name.
        scenario: String,
        /// Models with labels.
        found: usize,
        /// Models of the scenario.
        expected: usize,
    },
    /// Another number of labels than the target model has challenge points.
    #[error("scenario {scenario}, {model}: there are {found} labels for {expected} challenge points")]
    Points {
        /// The scenario's name.
        scenario: String,
        /// The model's name.
        model: String,
        /// Labels found.
        found: usize,
        /// Challenge points of the model.
        expected: usize,
    },
    /// A scenario without members or without non-members has no curve.
    #[error("scenario {scenario}: the {split} split needs at least one member and one non-member")]
    OneSided {
        /// The scenario's name.
        scenario: String,
        /// The split.
        split: Split,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::ProblemCode;
    use crate::shape::{ScenarioShape, TargetModel};
    use Membership::{Member, NonMember};

    fn shape() -> TrackShape {
        let model = |name: &str| TargetModel { name: name.to_owned(), points: 2 };
        let scenario = ScenarioShape::new("s", [(Split::Dev, vec![model("m1"), model("m2")])]);
        TrackShape::new("t", vec![scenario]).expect("a good shape")
    }

    #[test]
    fn labels_are_read_from_one_line_or_one_a_line() {
        let expected = vec![NonMember, Member, Member];
        for text in ["0,1,1", "0\n1\n1\n", "0.0, 1.0, 1e0\r\n"] {
            assert_eq!(parse_solution(text.as_bytes(), "solution.csv"), Ok(expected.clone()), "{text:?}");
        }
    }

    #[test]
    fn anything_but_0_and_1_is_not_a_label() {
        let problem = parse_solution(b"0,1\n", "s.csv").and_then(|_| parse_solution(b"0, 0.5,2", "s.csv"));
        let problem = problem.expect_err("0.5 is not a label");
        assert_eq!(problem.code, ProblemCode::NotALabel);
        assert_eq!(problem.to_string(), "s.csv:1:4: 0.5 is not a label; expected 0 for a non-member or 1 for a member");
    }

    #[test]
    fn a_solution_has_to_fit_the_shape() {
        let new = |labels| SplitSolution::new(&shape(), Split::Dev, labels);
        let good = vec![vec![vec![Member, NonMember], vec![Member, Member]]];
        assert_eq!(new(good).expect("fits").scenario(0), [Member, NonMember, Member, Member]);
        assert!(matches!(new(vec![]), Err(SolutionError::Scenarios { found: 0, expected: 1 })));
        assert!(matches!(new(vec![vec![]]), Err(SolutionError::Models { found: 0, expected: 2, .. })));
        let short = vec![vec![vec![Member, NonMember], vec![Member]]];
        assert!(matches!(new(short), Err(SolutionError::Points { found: 1, expected: 2, .. })));
        let one_sided = vec![vec![vec![Member; 2]; 2]];
        assert!(matches!(new(one_sided), Err(SolutionError::OneSided { split: Split::Dev, .. })));
    }
}
