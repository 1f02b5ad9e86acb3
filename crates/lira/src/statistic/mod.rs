//! The statistics: from the answers of the shadow models and of a target model on a record to a
//! score. The higher the score, the likelier it is that the target was trained on the record.
//!
//! Pure functions of numbers, without models, files or threads. All arithmetic is in `f64`, and
//! sums of squares are taken about the mean in a second pass. A shadow model is IN for a record
//! that it was trained on, and OUT otherwise. The numbers of IN and OUT models differ from record
//! to record; no model is dropped to make them equal.

mod calibration;
mod gaussian;
mod hierarchical;
mod reference;
mod sample;
#[cfg(test)]
mod tests;

pub use calibration::Calibration;
pub use gaussian::{Gaussian, Variances, offline, online};
pub use hierarchical::Hierarchical;
pub use reference::{Deviations, Reference};
pub use sample::{Moments, RecordStatistics, ScenarioStatistics, record_statistics};
