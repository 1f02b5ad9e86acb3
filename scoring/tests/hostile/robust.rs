//! Case 17, and a bounded run of the bodies that are fuzzed.

use scoring_testkit::fuzz;
use scoring_testkit::sample::{items, validate};
use scoring_testkit::zip::{Descriptor, Zip};

#[test]
fn case_17_an_archive_cut_off_at_any_byte_is_refused() {
    let descriptor = Descriptor { signature: true, zip64: false };
    let streamed = items().into_iter().map(|item| item.streamed(descriptor)).collect();
    let mut zip64 = Zip::of(items());
    zip64.zip64 = Some(Box::new(|_| {}));
    for whole in [Zip::of(items()).bytes(), Zip::of(streamed).bytes(), zip64.bytes()] {
        assert!(validate(&whole, 4).is_ok());
        for length in 0..whole.len() {
            let problems = validate(&whole[..length], 4).expect_err("cut off");
            let code = problems.shown[0].code.as_str();
            let expected = if length < 4 { "not_a_zip" } else { "truncated" };
            assert_eq!(code, expected, "cut off at byte {length} of {}", whole.len());
        }
    }
}

#[test]
fn any_single_byte_changed_is_refused_or_harmless() {
    let whole = Zip::of(items()).bytes();
    for at in 0..whole.len() {
        for change in [1, 0x80, 0xff] {
            let mut bytes = whole.clone();
            bytes[at] ^= change;
            fuzz::archive(&bytes);
        }
    }
}

#[test]
fn archives_changed_at_random_never_panic() {
    fuzz::run(fuzz::archive, &fuzz::archive_seeds(), 4_000);
}

#[test]
fn files_changed_at_random_never_panic() {
    fuzz::run(fuzz::csv, &fuzz::csv_seeds(), 40_000);
}
