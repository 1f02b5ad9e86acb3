//! What an upload can make the reader allocate, counted by the allocator.
//!
//! One test, so that nothing else in this program allocates meanwhile.

use peak_alloc::PeakAlloc;
use scoring::{Limits, Problems, Validated, validate_archive};
use scoring_testkit::mico;
use scoring_testkit::sample::ARCHIVE_BYTES;
use scoring_testkit::zip::{Header, Item, Zip, deflate, deflate_repeated};

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// What reading an upload may take beyond the upload itself.
const ALLOWED: usize = 64 << 20;

/// Reads an upload and returns how many bytes were allocated at the worst moment.
fn peak_of(bytes: &[u8]) -> (Result<Validated, Problems>, usize) {
    let shape = mico::shape();
    let limits = Limits::for_shape(&shape, ARCHIVE_BYTES);
    ALLOCATOR.reset_peak_usage();
    let before = ALLOCATOR.current_usage();
    let result = validate_archive(bytes, &shape, &limits);
    (result, ALLOCATOR.peak_usage() - before)
}

/// A whole submission in which every file has this content.
fn all_files(content: &[u8], change: impl Fn(&mut Header)) -> Vec<u8> {
    let items = mico::files().iter().map(|(path, _)| Item::deflated(path, content).both(&change)).collect();
    Zip::of(items).bytes()
}

/// As many entries as are allowed, all of them bombs and none expected.
fn two_thousand_bombs() -> Vec<u8> {
    let zeros = vec![0; 1 << 20];
    let data = deflate(&zeros[..1 << 16]);
    let bomb = Item { data: data.clone(), ..Item::stored("", b"") }.both(|header| {
        header.method = 8;
        header.packed = data.len() as u32;
        header.size = 64 << 10;
    });
    let named = |number: usize| bomb.clone().both(|header| header.name = format!("{number:0>180}").into_bytes());
    Zip::of((0..2_000).map(named).collect()).bytes()
}

#[test]
fn no_upload_up_to_the_cap_makes_the_reader_allocate_64_mib() {
    let (good, used) = peak_of(&mico::archive());
    assert!(good.is_ok());
    // The predictions alone are 60,000 doubles, so the counter counts.
    assert!((480_000..ALLOWED).contains(&used), "{used}");

    let gibibyte = deflate_repeated(&vec![0; 1 << 20], 1 << 10);
    let bomb = |size| {
        let (path, _) = &mico::files()[0];
        let item = Item { data: gibibyte.clone(), ..Item::stored(path, b"") }.both(|header| {
            header.method = 8;
            header.packed = gibibyte.len() as u32;
            header.size = size;
        });
        Zip::of(vec![item]).bytes()
    };
    let mut many_ends = vec![0; 22];
    many_ends.splice(0..0, b"PK\x05\x06".repeat(ARCHIVE_BYTES / 4 - 10));
    let counted = |entries| {
        let end = move |end: &mut scoring_testkit::zip::End| (end.entries, end.entries_here) = (entries, entries);
        Zip { end: Some(Box::new(end)), before: vec![0; 1 << 20], ..Zip::default() }.bytes()
    };
    let hostile = [
        ("an honest bomb of 1 GiB", bomb(1 << 30)),
        ("a bomb that claims 64 KiB", bomb(64 << 10)),
        (
            "300 files that inflate to more than they say",
            all_files(&vec![b'0'; 4 << 20], |header| header.size = 27_000),
        ),
        ("four million empty values", all_files(&b",".repeat(27_000), |_| {})),
        ("four million bad values", all_files(&b"x,".repeat(13_500), |_| {})),
        ("lines without end", all_files(&b"\n0,".repeat(9_000), |_| {})),
        ("two thousand bombs", two_thousand_bombs()),
        ("two megabytes of ends", many_ends),
        ("a count without entries", counted(65_535)),
        ("a count within the limit", counted(2_000)),
    ];
    for (what, bytes) in hostile {
        assert!(bytes.len() <= ARCHIVE_BYTES, "{what}: {} bytes", bytes.len());
        let (result, used) = peak_of(&bytes);
        assert!(result.is_err(), "{what}");
        assert!(used < ALLOWED, "{what}: {used} bytes");
        eprintln!("{what}: {} bytes, {used} allocated, {}", bytes.len(), result.expect_err("rejected").total);
    }
}
