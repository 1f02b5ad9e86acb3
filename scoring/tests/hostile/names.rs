//! Names and kinds of entries: cases 9 to 11, 14 and 21.

use crate::{only_problem, problems};
use scoring::ProblemCode;
use scoring_testkit::sample::{FILE, items, validate, with_entry, with_extra};
use scoring_testkit::zip::{Item, Zip, field};

#[test]
fn case_09_names_that_lead_elsewhere_are_bad_paths() {
    let names = [
        "../x",
        "a/../../x",
        "..",
        "..\\x",
        "/etc/passwd",
        "C:\\x",
        "c:x",
        "//host/x",
        "./",
        "./x",
        "a//b",
        "a/./b",
        "a/..",
        "a\\b",
        "",
    ];
    for name in names {
        let problem = only_problem(&with_extra(Item::stored(name, b"x")), ProblemCode::BadPath);
        assert_eq!(problem.path.as_deref(), Some(name));
    }
}

#[test]
fn case_10_names_with_control_characters_are_escaped_when_said() {
    let cases = [
        ("a\0b", ProblemCode::BadName, "a\\u{0}b"),
        ("a\nb", ProblemCode::BadName, "a\\nb"),
        ("\u{1b}[31mred", ProblemCode::BadName, "\\u{1b}[31mred"),
        ("a\u{7f}", ProblemCode::BadName, "a\\u{7f}"),
        ("cifar10/\u{202e}vsc.noitciderp", ProblemCode::NonAsciiName, "cifar10/\\u{202e}vsc.noitciderp"),
    ];
    for (name, code, said) in cases {
        let problem = only_problem(&with_extra(Item::stored(name, b"x")), code);
        assert_eq!(problem.path.as_deref(), Some(said));
    }
}

#[test]
fn case_10_long_and_deep_names_are_refused_and_cut_short() {
    let problem = only_problem(&with_extra(Item::stored(&"n".repeat(4096), b"x")), ProblemCode::NameTooLong);
    assert_eq!(problem.found.as_deref(), Some("a name of 4096 bytes"));
    assert_eq!(problem.path.as_ref().map(|path| path.chars().count()), Some(241));
    let problem = only_problem(&with_extra(Item::stored("1/2/3/4/5/6/7/8/9", b"x")), ProblemCode::TooDeep);
    assert_eq!(
        problem.to_string(),
        "1/2/3/4/5/6/7/8/9: a path of 9 parts is too many folders deep; expected at most 8"
    );
}

#[test]
fn case_11_links_devices_and_special_permissions_are_refused() {
    // Link, block device, character device, pipe, socket; then set-uid,
    // set-gid and sticky files.
    let modes = [0o120_777, 0o060_644, 0o020_644, 0o010_644, 0o140_644, 0o104_755, 0o102_755, 0o101_644];
    for mode in modes {
        let bytes = with_entry(|mut item| {
            item.attributes = mode << 16;
            item
        });
        let problem = problems(&bytes).into_iter().find(|problem| problem.code == ProblemCode::NotRegularFile);
        assert_eq!(problem.expect("not a regular file").path.as_deref(), Some(FILE), "{mode:o}");
    }
}

#[test]
fn case_11_folders_and_files_that_pretend_to_be_each_other_are_refused() {
    let kinds = [
        ("folder/", 0o040_755_u32 << 16, &b"content"[..]),
        ("file", 0o040_755 << 16, b""),
        ("file", 0x10, b""),
        ("file", 0x08, b""),
    ];
    for (name, attributes, content) in kinds {
        let item = Item { attributes, ..Item::stored(name, content) };
        only_problem(&with_extra(item), ProblemCode::NotRegularFile);
    }
}

#[test]
fn case_11_a_mode_that_says_nothing_is_a_file() {
    let bytes = with_entry(|mut item| {
        item.attributes = 0x20;
        item
    });
    assert!(validate(&bytes, 4).is_ok());
}

#[test]
fn case_14_names_that_some_file_system_takes_for_the_same_are_duplicates() {
    let twins = [
        FILE.to_owned(),
        FILE.to_uppercase(),
        format!("{FILE}."),
        format!("{FILE} "),
        FILE.replace("/dev/", "/dev./"),
        format!("{FILE}/"),
    ];
    for twin in twins {
        let problem = only_problem(&with_extra(Item::stored(&twin, b"")), ProblemCode::DuplicateEntry);
        assert_eq!(problem.path.as_deref(), Some(twin.as_str()));
        assert_eq!(problem.found.as_deref(), Some(FILE).map(|file| &file[..file.len().min(48)]));
    }
}

#[test]
fn case_14_composed_and_decomposed_forms_of_a_name_are_duplicates() {
    let mut all = items();
    all.push(Item::stored("caf\u{e9}", b"x"));
    all.push(Item::stored("cafe\u{301}", b"x"));
    let codes: Vec<_> = problems(&Zip::of(all).bytes()).iter().map(|problem| problem.code).collect();
    assert_eq!(codes, [ProblemCode::NonAsciiName, ProblemCode::DuplicateEntry]);
}

#[test]
fn case_21_names_outside_ascii_are_refused_whatever_their_encoding() {
    let mut cp437 = Item::stored("x", b"x").both(|header| header.name = b"pr\x82diction.csv".to_vec());
    let problem = only_problem(&with_extra(cp437.clone()), ProblemCode::NonAsciiName);
    assert_eq!(problem.path.as_deref(), Some("pr\\x82diction.csv"));
    // The flag says UTF-8, the bytes do not.
    cp437 = cp437.both(|header| header.flags |= 1 << 11);
    only_problem(&with_extra(cp437), ProblemCode::NonAsciiName);
}

#[test]
fn case_21_a_unicode_name_that_differs_is_inconsistent() {
    let with_name = |name: &str| {
        let content = [&[1][..], &crc32fast_of(FILE).to_le_bytes(), name.as_bytes()].concat();
        with_entry(|item| item.both(|header| header.extra = field(0x7075, &content)))
    };
    assert!(validate(&with_name(FILE), 4).is_ok());
    only_problem(&with_name("cifar10/other"), ProblemCode::Inconsistent);
}

fn crc32fast_of(text: &str) -> u32 {
    Item::stored("x", text.as_bytes()).central.crc
}
