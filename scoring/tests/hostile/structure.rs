//! One reading of the bytes, and what honest tools write: cases 18 to 20 and 22.

use scoring::{ProblemCode, Split};
use scoring_testkit::sample::{FILE, items, validate, with_entry};
use scoring_testkit::zip::{Descriptor, End, Item, STREAMED, Zip, field, zip64_field};

use crate::archive::leave_to_zip64;
use crate::{only_problem, problems};

#[test]
fn case_18_bytes_that_no_record_knows_of_are_ambiguous() {
    let stub = b"MZ this program unpacks itself".to_vec();
    let before = Zip { before: stub.clone(), ..Zip::of(items()) };
    only_problem(&before.bytes(), ProblemCode::Ambiguous);
    let moved = Zip { before: stub, end: Some(Box::new(|end| end.offset -= 30)), ..Zip::of(items()) };
    only_problem(&moved.bytes(), ProblemCode::Ambiguous);
    let after = Zip { after: b"rest".to_vec(), ..Zip::of(items()) };
    only_problem(&after.bytes(), ProblemCode::Ambiguous);
    let far_after = Zip { after: vec![0; 100_000], ..Zip::of(items()) };
    only_problem(&far_after.bytes(), ProblemCode::Ambiguous);
    let gap = Zip { gap: b"hidden".to_vec(), ..Zip::of(items()) };
    only_problem(&gap.bytes(), ProblemCode::Ambiguous);
    let between = with_entry(|mut item| {
        item.descriptor = b"hidden".to_vec();
        item
    });
    assert_eq!(only_problem(&between, ProblemCode::Ambiguous).path.as_deref(), Some(FILE));
}

#[test]
fn case_18_two_ends_are_ambiguous() {
    let inner = Zip::default().bytes();
    let end_in_comment = Zip { comment: inner, ..Zip::of(items()) };
    only_problem(&end_in_comment.bytes(), ProblemCode::Ambiguous);
    let signature_in_comment = Zip { comment: b"PK\x05\x06 and more".to_vec(), ..Zip::of(items()) };
    only_problem(&signature_in_comment.bytes(), ProblemCode::Ambiguous);
    let twice = [Zip::of(items()).bytes(), Zip::of(items()).bytes()].concat();
    only_problem(&twice, ProblemCode::Ambiguous);
    let plain_comment = Zip { comment: b"made by hand".to_vec(), ..Zip::of(items()) };
    assert!(validate(&plain_comment.bytes(), 4).is_ok());
}

#[test]
fn case_19_zip64_values_out_of_this_world_are_refused() {
    let sentinel = with_entry(|item| item.both(|header| header.size = u32::MAX));
    only_problem(&sentinel, ProblemCode::Inconsistent);
    for huge in [u64::MAX, 1 << 63, u64::MAX - 7] {
        let bytes = with_entry(|mut item| {
            (item.central.size, item.offset) = (u32::MAX, Some(u32::MAX));
            item.central.extra = zip64_field(&[huge, huge]);
            item
        });
        let codes: Vec<_> = problems(&bytes).iter().map(|problem| problem.code).collect();
        assert!(codes.contains(&ProblemCode::Inconsistent), "{codes:?}");
        let bytes = with_entry(|mut item| {
            item.central.packed = u32::MAX;
            item.central.extra = zip64_field(&[huge]);
            item.local.packed = u32::MAX;
            item.local.extra = zip64_field(&[huge]);
            item
        });
        only_problem(&bytes, ProblemCode::OverlappingEntries);
        let mut zip = Zip::of(items());
        zip.zip64 = Some(Box::new(move |end| (end.offset, end.size) = (huge, huge)));
        zip.end = Some(Box::new(leave_to_zip64));
        only_problem(&zip.bytes(), ProblemCode::Inconsistent);
    }
    let mut disagreeing = Zip::of(items());
    disagreeing.zip64 = Some(Box::new(|end| end.entries -= 1));
    only_problem(&disagreeing.bytes(), ProblemCode::Inconsistent);
    let no_zip64 = Zip { end: Some(Box::new(leave_to_zip64)), ..Zip::of(items()) };
    only_problem(&no_zip64.bytes(), ProblemCode::Inconsistent);
}

#[test]
fn case_19_honest_zip64_records_are_accepted() {
    let mut zip = Zip::of(items());
    zip.zip64 = Some(Box::new(|_| {}));
    assert!(validate(&zip.bytes(), 4).is_ok());
    zip.end = Some(Box::new(leave_to_zip64));
    assert!(validate(&zip.bytes(), 4).is_ok());
    let wide = with_entry(|item| {
        item.both(|header| {
            header.extra = zip64_field(&[header.size.into(), header.packed.into()]);
            (header.size, header.packed) = (u32::MAX, u32::MAX);
        })
    });
    assert!(validate(&wide, 4).is_ok());
}

#[test]
fn case_20_every_form_of_data_descriptor_is_accepted() {
    for signature in [false, true] {
        for zip64 in [false, true] {
            let descriptor = Descriptor { signature, zip64 };
            let items = items().into_iter().map(|item| item.streamed(descriptor)).collect();
            assert!(validate(&Zip::of(items).bytes(), 4).is_ok(), "{descriptor:?}");
        }
    }
}

#[test]
fn case_20_what_honest_tools_write_is_accepted() {
    let tools: [(&str, &[u8]); 6] = [
        ("java.util.zip", include_bytes!("../data/tools/java.zip")),
        ("Python, to a pipe", include_bytes!("../data/tools/python_pipe.zip")),
        ("Python, to a pipe, forced zip64", include_bytes!("../data/tools/python_pipe_zip64.zip")),
        ("zip -fd", include_bytes!("../data/tools/zip_fd.zip")),
        ("zip -fz", include_bytes!("../data/tools/zip_fz.zip")),
        ("zip, to a pipe", include_bytes!("../data/tools/zip_pipe.zip")),
    ];
    let expected = validate(&Zip::of(items()).bytes(), 4).expect("a good submission").predictions;
    for (tool, bytes) in tools {
        let validated = validate(bytes, 4).unwrap_or_else(|problems| panic!("{tool}: {problems}"));
        assert_eq!(validated.predictions, expected, "{tool}");
        assert_eq!(validated.predictions.split(Split::Train), None);
    }
}

#[test]
fn case_20_what_the_finder_writes_is_accepted() {
    // Streamed entries, folders, a companion for every file.
    let descriptor = Descriptor { signature: true, zip64: false };
    let mut all = vec![Item::stored("cifar10/", b"")];
    for item in items() {
        let path = String::from_utf8(item.central.name.clone()).expect("ASCII");
        let companion = format!("__MACOSX/{}", path.replace("prediction", "._prediction"));
        let times = field(0x5855, &[0; 8]);
        all.push(item.both(|header| header.extra.clone_from(&times)).streamed(descriptor));
        all.push(Item::deflated(&companion, b"\0\x05\x16\x07").streamed(descriptor));
    }
    let validated = validate(&Zip::of(all).bytes(), 4).expect("accepted");
    assert_eq!(validated.warnings.len(), 1);
    assert_eq!(validated.warnings[0].to_string(), "8 entries of the operating system passed over.");
}

#[test]
fn case_20_a_data_descriptor_that_disagrees_is_refused() {
    let descriptor = Descriptor { signature: true, zip64: false };
    let with_byte = |at: usize| {
        with_entry(|item| {
            let mut item = item.streamed(descriptor);
            item.descriptor[at] ^= 1;
            item
        })
    };
    only_problem(&with_byte(4), ProblemCode::Crc);
    only_problem(&with_byte(8), ProblemCode::SizeMismatch);
    only_problem(&with_byte(12), ProblemCode::SizeMismatch);
    only_problem(&with_byte(0), ProblemCode::Ambiguous);
    let missing = with_entry(|mut item| {
        item.local.flags |= STREAMED;
        item
    });
    only_problem(&missing, ProblemCode::Ambiguous);
}

#[test]
fn case_22_parts_of_split_archives_are_refused() {
    let changes: [fn(&mut End); 3] = [|end| end.disk = 1, |end| end.directory_disk = 1, |end| end.entries_here = 3];
    for change in changes {
        let zip = Zip { end: Some(Box::new(change)), ..Zip::of(items()) };
        only_problem(&zip.bytes(), ProblemCode::MultiDisk);
    }
    let on_disk_two = with_entry(|mut item| {
        item.disk = 2;
        item
    });
    only_problem(&on_disk_two, ProblemCode::MultiDisk);
    only_problem(b"PK\x07\x08PK\x03\x04 the first part of a spanned archive", ProblemCode::MultiDisk);
}
