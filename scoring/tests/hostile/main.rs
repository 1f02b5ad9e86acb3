//! Uploads that are wrong on purpose, case by case.
//!
//! The numbers in the names are those of the project's list of bad input. Each
//! test builds its file; none is kept in the repository. What honest tools write
//! is in `../data/tools` and has to be accepted.

mod archive;
mod layout;
mod names;
mod numbers;
mod robust;
mod scenarios;
mod structure;

use scoring::{Problem, ProblemCode};
use scoring_testkit::sample;

/// The problems of an upload to the track with 4 points a model.
fn problems(bytes: &[u8]) -> Vec<Problem> {
    sample::problems(bytes, 4)
}

/// The one problem of such an upload, which must have this code.
fn only_problem(bytes: &[u8], code: ProblemCode) -> Problem {
    let problem = sample::only_problem(bytes, 4);
    assert_eq!(problem.code, code, "{problem}");
    problem
}

#[test]
fn every_problem_code_is_explained_in_the_documentation() {
    let documentation = include_str!("../../../docs/SCORING.md");
    for code in ProblemCode::ALL {
        assert!(documentation.contains(&format!("| `{code}` |")), "{code}");
    }
}
