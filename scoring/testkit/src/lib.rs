//! Sample submissions and hostile archives, for tests, benches and fuzzing.
//!
//! Never part of the program. Panics freely: a test kit that cannot build its
//! input has found a bug in itself.

pub mod fuzz;
pub mod mico;
pub mod sample;
pub mod zip;
