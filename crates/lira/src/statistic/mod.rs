//! The statistics: from what shadow models and a target model say of a record to a score, the greater the likelier
//! that the target was trained on it.
//!
//! Pure: numbers in, numbers out; no model, no file, no thread. All arithmetic is in `f64`, sums of squares are taken
//! in a second pass over the numbers. A record is IN a shadow model that was trained on it and OUT of the others; the
//! counts differ from record to record, and no model is left out to make them equal.

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
pub use sample::{Record, Sample, Scenario, records};
