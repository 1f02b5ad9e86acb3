//! Case 17, and a bounded run of the bodies that are fuzzed.

use scoring_testkit::fuzz;
use scoring_testkit::sample::{files, items, renamed, validate, with_content};
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
    let descriptor = Descriptor { signature: false, zip64: true };
    let streamed = items().into_iter().map(|item| item.streamed(descriptor)).collect();
    let mut zip64 = Zip::of(items());
    zip64.zip64 = Some(Box::new(|_| {}));
    let seeds = [
        Zip::of(items()).bytes(),
        Zip::of(streamed).bytes(),
        zip64.bytes(),
        renamed(|path| format!("mysub/{path}")),
        with_content(4, b"0,5;0,7"),
    ];
    fuzz::run(fuzz::archive, &seeds, 2_000);
}

#[test]
fn files_changed_at_random_never_panic() {
    let mut seeds: Vec<Vec<u8>> = [
        "0.1,0.2,0.3,0.4\n",
        "0.1\r\n0.2\r\n0.3\r\n0.4",
        "1e-5, 5e-324,1.0 ,0",
        "p\n0.1\n0.2\n0.3\n0.4\n",
        "0,5;0,7",
        "0,0.5\n1,0.6\n2,0.7\n3,0.8",
        "\u{feff}\u{2212}0.5",
        "0,1,1,0",
        "nan,inf,-0,1e400",
        "\"0.1\",'0.2' # x",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec();
    seeds.push(files(4)[0].1.clone().into_bytes());
    fuzz::run(fuzz::csv, &seeds, 20_000);
}
