//! The reference baseline: the likelihood ratio attack over ONNX Runtime, from a participant's copy of a track to a
//! submission.
//!
//! The models of the train split are the shadow models: it is known what they were trained on. `track` finds models and
//! challenge points, `records` gathers what models are asked about, `queries` asks them and `cache` keeps the answers,
//! `statistic` and `attack` make scores of answers, `choice` finds out which attack does best, `submission` packs the
//! zip. The statistic is pure; only `runtime` and `network` know ONNX Runtime.

mod attack;
mod cache;
mod choice;
mod error;
mod network;
mod pool;
mod queries;
mod records;
mod run;
mod runtime;
pub mod signal;
pub mod statistic;
mod submission;
mod survey;
#[cfg(test)]
mod tests;
mod track;

pub use attack::{Attack, Fitted, LeaveOneOut, Shadows};
pub use choice::{CANDIDATES, Choice, choose};
pub use error::LiraError;
pub use queries::Progress;
pub use run::{Conditions, Event, Outcome, ScenarioReport, Settings, TrainOutcome, Wanted, run};
pub use runtime::{Device, DeviceChoice, Library, Runtime, RuntimeError};
pub use submission::{archive, confidences};
pub use track::PublicTrack;
