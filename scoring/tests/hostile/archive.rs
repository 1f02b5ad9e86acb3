//! The archive itself: cases 1 to 8, 12, 13, 15 and 16.

use crate::{only_problem, problems};
use scoring::{Limits, ProblemCode, validate_archive};
use scoring_testkit::sample::{ARCHIVE_BYTES, FILE, items, shape, with_entry, with_extra};
use scoring_testkit::zip::{Descriptor, End, Header, Item, STORED, Zip};
use scoring_testkit::zip::{deflate, local_header};

#[test]
fn case_01_a_file_of_another_kind_is_not_a_zip_and_is_named() {
    let cases: [(&[u8], &str); 7] = [
        (b"", "an empty file"),
        (b"\x1f\x8b\x08\0rest", "a gzip file (perhaps .tar.gz)"),
        (b"7z\xbc\xaf\x27\x1c\0\x04", "a 7z archive"),
        (b"\n<!doctype html><title>502 Bad Gateway</title>", "an HTML or XML page"),
        (b"{\"error\": 502}", "JSON text"),
        (b"0.1,0.2,0.3\n", "the file"),
        (b"PK", "the file"),
    ];
    for (bytes, kind) in cases {
        let problem = only_problem(bytes, ProblemCode::NotAZip);
        assert_eq!(problem.found.as_deref(), Some(kind));
    }
    let mut tar = vec![b'x'; 512];
    tar[257..262].copy_from_slice(b"ustar");
    assert_eq!(only_problem(&tar, ProblemCode::NotAZip).found.as_deref(), Some("a tar archive"));
}

#[test]
fn case_02_an_archive_without_files_is_empty() {
    only_problem(&Zip::default().bytes(), ProblemCode::EmptyArchive);
    let folders = vec![Item::stored("cifar10/", b""), Item::stored("cifar10/cifar10_lo/", b"")];
    only_problem(&Zip::of(folders).bytes(), ProblemCode::EmptyArchive);
    only_problem(&Zip::of(vec![Item::stored(".DS_Store", b"x")]).bytes(), ProblemCode::EmptyArchive);
}

#[test]
fn case_03_an_archive_in_the_archive_is_unexpected_and_not_opened() {
    let inner = Zip::of(items()).bytes();
    let problem = only_problem(&with_extra(Item::stored("lib 0.zip", &inner)), ProblemCode::UnexpectedEntry);
    assert_eq!(problem.path.as_deref(), Some("lib 0.zip"));
    assert!(problem.to_string().contains("not an archive in the archive"), "{problem}");
}

#[test]
fn case_04_a_zip_that_holds_itself_is_unexpected_once() {
    // A quine inflates to itself; whatever it inflates to, it is never inflated.
    let data = deflate(&[0; 4096]);
    let quine = Item::deflated("r/r.zip", &data).both(|header| header.crc = 0);
    let problems = problems(&Zip::of(vec![quine]).bytes());
    let unexpected = problems.iter().filter(|problem| problem.code == ProblemCode::UnexpectedEntry);
    assert_eq!(unexpected.count(), 1);
}

/// Fifield's construction: each entry's data quotes the next entry's header in
/// a stored block and then runs on into that entry's data, down to one kernel.
fn overlapping_bomb(layers: usize) -> (Vec<u8>, Vec<Item>) {
    let kernel = vec![0; 50_000];
    let packed = deflate(&kernel);
    let mut content = kernel;
    let mut files = packed.clone();
    let mut data_length = packed.len();
    let mut items = Vec::new();
    for layer in 0..layers {
        let name = format!("cifar10/cifar10_lo/dev/model_{layer}/prediction.csv");
        let mut item = Item::deflated(&name, &content);
        let change = |header: &mut Header| header.packed = data_length as u32;
        change(&mut item.local);
        change(&mut item.central);
        let header = local_header(&item.local);
        // An outer entry, before this one, has to quote this header.
        let quote = [&[0][..], &(header.len() as u16).to_le_bytes(), &(!(header.len() as u16)).to_le_bytes()];
        files = [quote.concat(), header.clone(), files].concat();
        content = [header.clone(), content].concat();
        data_length += header.len() + 5;
        items.push(item);
    }
    // The outermost quote has nobody before it.
    (files[5..].to_vec(), items)
}

#[test]
fn case_05_an_overlapping_bomb_is_refused_before_it_is_inflated() {
    let (files, mut items) = overlapping_bomb(20);
    items.reverse();
    let mut offset = 0;
    for item in &mut items {
        item.offset = Some(offset);
        offset += local_header(&item.local).len() as u32 + 5;
    }
    for zip64 in [false, true] {
        let mut zip = Zip::of(items.clone());
        for item in &mut zip.items {
            // The directory alone is written here; the files are in `before`.
            item.data.clear();
        }
        let bytes = directory_over(&files, &zip, zip64);
        let problems = problems(&bytes);
        assert!(problems.iter().all(|problem| problem.code == ProblemCode::OverlappingEntries), "{problems:#?}");
        assert_eq!(problems.len(), 19);
    }
}

/// An archive of these bytes and the directory of `zip`, whose own entries are
/// left out.
fn directory_over(files: &[u8], zip: &Zip, zip64: bool) -> Vec<u8> {
    let whole = zip.bytes();
    let start = whole.windows(4).position(|window| window == b"PK\x01\x02").expect("a directory");
    let end = whole.windows(4).rposition(|window| window == b"PK\x05\x06").expect("an end");
    let directory = &whole[start..end];
    let place = |end: &mut End, entries: usize, files: usize, directory: usize| {
        *end = End {
            disk: 0,
            directory_disk: 0,
            entries_here: entries as u64,
            entries: entries as u64,
            size: directory as u64,
            offset: files as u64,
        };
    };
    let (entries, files_length, directory_length) = (zip.items.len(), files.len(), directory.len());
    let mut out = Zip { before: [files, directory].concat(), ..Zip::default() };
    out.end = Some(Box::new(move |end| place(end, entries, files_length, directory_length)));
    if zip64 {
        out.zip64 = Some(Box::new(move |end| place(end, entries, files_length, directory_length)));
        out.end = Some(Box::new(leave_to_zip64));
    }
    out.bytes()
}

/// Leaves everything to the zip64 record.
pub(crate) fn leave_to_zip64(end: &mut End) {
    (end.entries_here, end.entries) = (0xffff, 0xffff);
    (end.size, end.offset) = (0xffff_ffff, 0xffff_ffff);
}

#[test]
fn case_05_two_directory_records_for_one_entry_overlap() {
    let mut items = items();
    items[1].offset = Some(0);
    let problems = problems(&Zip::of(items).bytes());
    assert!(problems.iter().any(|problem| problem.code == ProblemCode::OverlappingEntries), "{problems:#?}");
}

#[test]
fn case_06_a_deflate_bomb_is_cut_off_whatever_its_header_says() {
    let zeros = vec![b'0'; 16 << 20];
    let honest = Item::deflated(FILE, &zeros);
    let problem = only_problem(&with_entry(|_| honest.clone()), ProblemCode::EntryTooLarge);
    assert_eq!(problem.found.as_deref(), Some("content of 16777216 bytes"));
    let lying = honest.both(|header| header.size = 64 << 10);
    let problem = only_problem(&with_entry(|_| lying.clone()), ProblemCode::SizeMismatch);
    assert_eq!(problem.found.as_deref(), Some("content that goes on"));
}

#[test]
fn case_06_many_entries_that_are_too_large_together_are_refused_unread() {
    let shape = shape(4);
    let limits = Limits { total_bytes: 100, ..Limits::for_shape(&shape, ARCHIVE_BYTES) };
    let problems = validate_archive(&Zip::of(items()).bytes(), &shape, &limits).expect_err("too large");
    assert_eq!(problems.shown[0].code, ProblemCode::InflatedTooLarge);
}

#[test]
fn case_07_a_size_smaller_or_larger_than_the_content_is_a_mismatch() {
    for change in [-1_i32, 1] {
        let bytes = with_entry(|item| item.both(|header| header.size = header.size.wrapping_add_signed(change)));
        let problem = only_problem(&bytes, ProblemCode::SizeMismatch);
        assert_eq!(problem.path.as_deref(), Some(FILE));
        let stored = |item: Item| {
            Item::stored(FILE, b"0.1,0.2,0.3,0.4").both(|header| {
                header.size = header.size.wrapping_add_signed(change);
                header.flags = item.local.flags;
            })
        };
        only_problem(&with_entry(stored), ProblemCode::SizeMismatch);
    }
}

#[test]
fn case_07_bytes_after_the_end_of_the_compressed_data_are_a_mismatch() {
    let bytes = with_entry(|mut item| {
        item.data.extend(b"hidden");
        item.both(|header| header.packed += 6)
    });
    let problem = only_problem(&bytes, ProblemCode::SizeMismatch);
    assert!(problem.to_string().contains("compressed data of "), "{problem}");
}

#[test]
fn case_08_a_million_entries_are_refused_by_their_count() {
    let many = Zip::of(vec![Item::stored("a", b""); 65_534]).bytes();
    let shape = shape(4);
    let code_under = |archive_bytes| {
        let limits = Limits::for_shape(&shape, archive_bytes);
        validate_archive(&many, &shape, &limits).expect_err("too many").shown[0].code
    };
    assert_eq!(code_under(64 << 20), ProblemCode::TooManyEntries);
    assert_eq!(code_under(ARCHIVE_BYTES), ProblemCode::ArchiveTooLarge);

    let mut zip = Zip::of(items());
    zip.zip64 = Some(Box::new(|end| (end.entries, end.entries_here) = (1_000_000, 1_000_000)));
    zip.end = Some(Box::new(leave_to_zip64));
    let problem = only_problem(&zip.bytes(), ProblemCode::TooManyEntries);
    assert_eq!(problem.to_string(), "1000000 entries are more than allowed; expected at most 2000");
}

#[test]
fn case_08_a_count_that_is_too_small_hides_nothing() {
    let mut zip = Zip::of(items());
    zip.end = Some(Box::new(|end| (end.entries, end.entries_here) = (7, 7)));
    only_problem(&zip.bytes(), ProblemCode::Inconsistent);
}

#[test]
fn case_12_encrypted_entries_are_refused() {
    for flag in [1_u16, 1 << 6, 1 << 13] {
        let bytes = with_entry(|item| item.both(|header| header.flags |= flag));
        assert_eq!(only_problem(&bytes, ProblemCode::Encrypted).path.as_deref(), Some(FILE));
    }
    let aes = with_entry(|item| item.both(|header| (header.flags, header.method) = (1, 99)));
    only_problem(&aes, ProblemCode::Encrypted);
}

#[test]
fn case_13_methods_other_than_stored_and_deflate_are_refused() {
    for (method, name) in [(1, "method 1"), (9, "deflate64"), (12, "bzip2"), (14, "lzma"), (93, "zstd"), (99, "AES")] {
        let bytes = with_entry(|item| item.both(|header| header.method = method));
        let problem = only_problem(&bytes, ProblemCode::UnsupportedMethod);
        assert!(problem.found.as_ref().is_some_and(|found| found.contains(name)), "{problem}");
    }
    let patch = with_entry(|item| item.both(|header| header.flags |= 1 << 5));
    only_problem(&patch, ProblemCode::UnsupportedMethod);
}

#[test]
fn case_15_headers_that_disagree_are_inconsistent() {
    let other_name = FILE.replace("model_100", "model_101").into_bytes();
    let changes: [&dyn Fn(&mut Header); 6] = [
        &|local| local.name.clone_from(&other_name),
        &|local| local.method = STORED,
        &|local| local.flags |= 1,
        &|local| local.crc ^= 1,
        &|local| local.size += 1,
        &|local| local.packed += 1,
    ];
    for change in changes {
        let bytes = with_entry(|mut item| {
            change(&mut item.local);
            item
        });
        assert_eq!(only_problem(&bytes, ProblemCode::Inconsistent).path.as_deref(), Some(FILE));
    }
}

#[test]
fn case_16_a_wrong_checksum_is_found() {
    let wrong = with_entry(|item| item.both(|header| header.crc ^= 1));
    assert_eq!(only_problem(&wrong, ProblemCode::Crc).path.as_deref(), Some(FILE));
    // Zero everywhere, with a data descriptor that says so too.
    let descriptor = Descriptor { signature: true, zip64: false };
    let zero = with_entry(|item| item.both(|header| header.crc = 0).streamed(descriptor));
    only_problem(&zero, ProblemCode::Crc);
    // Zero in the directory only.
    let zero = with_entry(|item| {
        let mut item = item.streamed(descriptor);
        item.central.crc = 0;
        item
    });
    only_problem(&zero, ProblemCode::Crc);
}

#[test]
fn case_16_damaged_data_is_found() {
    let damaged = with_entry(|mut item| {
        item.data[0] = 0xff;
        item
    });
    only_problem(&damaged, ProblemCode::CorruptData);
    let cut = with_entry(|mut item| {
        item.data.truncate(5);
        item.both(|header| header.packed = 5)
    });
    only_problem(&cut, ProblemCode::CorruptData);
}
