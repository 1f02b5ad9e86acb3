//! The lines that say of each check what came of it.

use std::fmt;

use serde::Serialize;

/// A line names so many of what is wrong, and counts the others.
const MOST_NAMED: usize = 5;

/// What came of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Outcome {
    /// It is so.
    #[serde(rename = "ok")]
    Ok,
    /// It is not so.
    #[serde(rename = "FAILED")]
    Failed,
    /// The file does not hold what the check needs.
    #[serde(rename = "not in this file")]
    NotInThisFile,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ok => "ok",
            Self::Failed => "FAILED",
            Self::NotInThisFile => "not in this file",
        })
    }
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What was checked.
    pub check: &'static str,
    /// What came of it.
    pub outcome: Outcome,
    /// A sentence for people.
    pub detail: String,
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<16}  {}: {}", self.outcome, self.check, self.detail)
    }
}

/// All checks of an export.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// They, in the order in which they were made.
    pub checks: Vec<Check>,
}

impl Report {
    /// Whether a check failed.
    pub fn has_failed(&self) -> bool {
        self.checks.iter().any(|check| check.outcome == Outcome::Failed)
    }

    /// Whether a check could not be made.
    pub fn has_gaps(&self) -> bool {
        self.checks.iter().any(|check| check.outcome == Outcome::NotInThisFile)
    }

    pub(super) fn ok(&mut self, check: &'static str, detail: impl Into<String>) {
        self.checks.push(Check { check, outcome: Outcome::Ok, detail: detail.into() });
    }

    pub(super) fn failed(&mut self, check: &'static str, detail: impl Into<String>) {
        self.checks.push(Check { check, outcome: Outcome::Failed, detail: detail.into() });
    }

    pub(super) fn gap(&mut self, check: &'static str, detail: impl Into<String>) {
        self.checks.push(Check { check, outcome: Outcome::NotInThisFile, detail: detail.into() });
    }

    /// Failed with these problems; without any, what `otherwise` says.
    pub(super) fn put(&mut self, check: &'static str, problems: &[String], otherwise: impl FnOnce(&mut Self)) {
        if problems.is_empty() { otherwise(self) } else { self.failed(check, list(problems)) }
    }
}

pub(super) fn list(problems: &[String]) -> String {
    let (named, others) = problems.split_at(problems.len().min(MOST_NAMED));
    let more = if others.is_empty() { String::new() } else { format!("; and {} more", others.len()) };
    named.join("; ") + &more
}
