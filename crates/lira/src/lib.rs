//! The reference baseline: the likelihood ratio attack (LiRA) of Carlini et al. 2022, from a
//! participant's copy of a track to a submission. The models of the train split serve as shadow
//! models, since it is public what they were trained on.
//!
//! This crate reads a folder of files and returns scores. It knows nothing of the server or its
//! database, and it opens no file that is hidden from participants.
//!
//! Start reading at [`run()`], which does these steps for each scenario:
//!
//! - `track` and `pool` find the models, their challenge points and the public records;
//! - `query_plan` decides which models are queried on which records, and `records` loads these;
//! - `queries` runs the models through `network`, and `cache` keeps the answers;
//! - [`select`] finds the [`Attack`] that does best on the shadow models;
//! - [`FittedAttack`] turns answers into scores, by the formulas in [`signal`] and [`statistic`];
//! - [`confidences`] and [`archive`] make the submission.
//!
//! Only `runtime` and `network` use ONNX Runtime; everything under [`statistic`] is pure
//! arithmetic.

mod attack;
mod cache;
mod error;
mod network;
mod pool;
mod queries;
mod query_plan;
mod records;
mod run;
mod runtime;
mod selection;
pub mod signal;
pub mod statistic;
mod submission;
#[cfg(test)]
mod tests;
mod track;

pub use attack::{Attack, FittedAttack, LeaveOneOut, Shadows};
pub use error::LiraError;
pub use queries::QueryProgress;
pub use run::{AttackChoice, Event, Outcome, RunOptions, ScenarioReport, Settings, TrainOutcome, run};
pub use runtime::{Device, DeviceChoice, Library, Runtime, RuntimeError};
pub use selection::{CANDIDATES, Selection, select};
pub use submission::{archive, confidences};
pub use track::PublicTrack;
