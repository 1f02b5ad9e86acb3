//! Any bytes as an uploaded zip.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| scoring_testkit::fuzz::archive(bytes));
