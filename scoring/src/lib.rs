//! Exact scoring of membership-inference submissions.
//!
//! Bytes and values go in, values come out. This crate reads an uploaded zip
//! without ever writing it anywhere, says everything that is wrong with it,
//! and computes the numbers of the original MICO scoring program bit for bit.
//!
//! It must not touch files, the network, the clock, the operating system's
//! random numbers, async runtimes or logs: whoever calls it decides about those.

mod archive;
mod bootstrap;
mod codalab;
pub mod commitment;
mod csv;
mod form;
mod hexadecimal;
mod layout;
mod limits;
pub mod log;
mod metric;
mod metrics;
mod prediction;
mod problem;
mod ranking;
mod roc;
mod rule;
mod score;
mod shape;
mod solution;
mod validate;

pub use bootstrap::{Bootstrap, Interval, REPLICATES, paired_difference};
pub use codalab::{ScoresTxtError, python_repr, read_scores, write_metrics, write_scores};
pub use hexadecimal::NotHexadecimal;
pub use limits::Limits;
pub use metric::{Metric, UnknownMetric};
pub use metrics::{Metrics, metrics};
pub use prediction::{Predictions, PredictionsError, SplitPredictions};
pub use problem::{Problem, ProblemCode, Problems, Warning, WarningCode};
pub use ranking::{RankingCounts, RankingNumber, RankingNumberError};
pub use roc::{RocCurve, RocGrid, roc};
pub use rule::{RankingKind, RankingRule, Scenarios, UnknownRule};
pub use score::{ScenarioScore, ScoreError, TrackScore, score};
pub use shape::{ScenarioShape, ShapeError, Split, TargetModel, TrackShape, UnknownSplit, natural_order};
pub use solution::{Membership, SolutionError, SplitSolution, parse_solution};
pub use validate::{FileEntry, Validated, validate_archive, validate_archive_splits, validate_files};
