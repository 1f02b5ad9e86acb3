//! Any bytes as a prediction and as a solution file.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| scoring_testkit::fuzz::csv(bytes));
