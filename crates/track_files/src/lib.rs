//! The layout of a track's directory, which is MICO's: what its files and folders are called, which folders are
//! scenarios, splits and models, and what is no part of it.
//!
//! ```text
//! cifar10/                      the track
//!   track.yaml, pages/, data.npz, …
//!   cifar10_inf/                a scenario
//!     train/  dev/  final/      its splits
//!       model_0/                a model
//!         model.onnx, challenge.npz, solution.csv, …
//! ```
//!
//! Whoever reads or writes such a directory does it with these names and these rules. The organiser's copy and a
//! participant's are the same layout: in the latter files are missing. [`TrackFolders`] finds the models and names
//! what it passes over, by names alone; [`TrackDirectory`] adds the solutions and the numbers of challenge points.

mod directory;
mod entry;
mod error;
mod folders;
mod model;
mod names;
mod ranking;
#[cfg(test)]
mod tests;

pub use directory::{Solutions, TrackDirectory, folder_name};
pub use entry::{Entry, Kind, entries};
pub use error::DirectoryError;
pub use folders::{ModelFolder, PassedOver, ScenarioFolder, TrackFolders, Why};
pub use model::{Challenge, challenge, challenge_points, solution};
pub use names::*;
pub use ranking::{RANKING, ranking, ranking_yaml};
