//! Values and the form of files: cases 31 to 43.

use crate::only_problem;
use scoring::{Problem, ProblemCode, Split, WarningCode};
use scoring_testkit::sample::{self, FILE, files, validate, with_content};
use scoring_testkit::zip::{Item, Zip};

/// The confidences read from the file under test.
fn accepted(points: usize, content: &str) -> Vec<f64> {
    let validated = validate(&with_content(points, content.as_bytes()), points)
        .unwrap_or_else(|problems| panic!("{content:?}: {problems}"));
    let dev = validated.predictions.split(Split::Dev).expect("the dev split");
    // The file is the first of the second scenario.
    dev.scenario(1).expect("the scenario")[..points].to_vec()
}

/// The one problem of a file with 4 challenge points.
fn rejected(content: impl AsRef<[u8]>, code: ProblemCode) -> Problem {
    let problem = only_problem(&with_content(4, content.as_ref()), code);
    assert_eq!(problem.path.as_deref(), Some(FILE));
    problem
}

/// Asserts that a value, third of four, is rejected at its place.
fn rejected_value(value: &str, code: ProblemCode) -> Problem {
    let problem = rejected(format!("0.1, 0.2, {value}, 0.4\n"), code);
    assert_eq!((problem.line, problem.column), (Some(1), Some(11)), "{value}");
    problem
}

#[test]
fn case_31_what_is_not_finite_is_said_to_be_so() {
    for value in ["nan", "NaN", "-nan", "inf", "-inf", "+Infinity", "1e400", "-1e400"] {
        let problem = rejected_value(value, ProblemCode::NotFinite);
        assert_eq!(problem.found.as_deref(), Some(value));
    }
}

#[test]
fn case_32_zero_has_no_sign_and_the_ends_belong_to_the_range() {
    let values = accepted(4, "-0.0,-1e-400,1e-99999999,+0");
    assert!(values.iter().all(|value| value.to_bits() == 0), "{values:?}");
    assert_eq!(accepted(4, "1.0,1e0,0,1"), [1.0, 1.0, 0.0, 1.0]);
    assert_eq!(accepted(4, ".5,+0.5,5e-1,1."), [0.5, 0.5, 0.5, 1.0]);
}

#[test]
fn case_32_what_is_out_of_range_by_however_little_is_rejected() {
    for value in ["-1e-9", "-0.1", "1.0000000000000002", "1.0002", "2", "1e300"] {
        let problem = rejected_value(value, ProblemCode::OutOfRange);
        let side = if value.starts_with('-') { "below 0" } else { "over 1" };
        assert!(problem.to_string().ends_with(side), "{problem}");
    }
}

#[test]
fn case_33_numbers_of_programming_languages_are_rejected() {
    let values = [
        ("0x1", "decimal digits"),
        ("0b1", "decimal digits"),
        ("0x1.8p-1", "decimal digits"),
        ("1_000", "underscores"),
        ("1d-1", "the letter e"),
        ("0.5f", "a letter after it"),
        ("50%", "percentage"),
        ("True", "a number from 0 to 1"),
        ("null", "a number from 0 to 1"),
        ("0.5j", "real number"),
        ("-", "a number"),
        ("1e", "a number"),
        ("0.5.5", "a number"),
        ("--1", "a number"),
        ("1/2", "a number"),
        ("e", "a number"),
    ];
    for (value, hint) in values {
        let problem = rejected_value(value, ProblemCode::NotANumber);
        assert!(problem.expected.as_ref().is_some_and(|expected| expected.contains(hint)), "{problem}");
    }
}

#[test]
fn case_34_characters_outside_ascii_are_named_by_code_point() {
    let values = [
        ("\u{660}.\u{665}", "U+0660"),
        ("\u{ff10}.5", "U+FF10"),
        ("\u{2212}0.5", "U+2212"),
        ("0.5\u{a0}", "U+00A0"),
        ("0\u{200b}.5", "U+200B"),
        ("\u{feff}0.5", "U+FEFF"),
    ];
    for (value, code_point) in values {
        let problem = rejected_value(value, ProblemCode::NonAscii);
        assert!(problem.to_string().contains(code_point), "{problem}");
        assert!(problem.to_string().is_ascii(), "{problem}");
    }
    let problem = rejected(b"0.1,0.2,\xff\xfe0,0.4", ProblemCode::NonAscii);
    assert_eq!(problem.found.as_deref(), Some("\\xff\\xfe0"));
}

#[test]
fn case_34_columns_count_characters() {
    let bytes = with_content(4, "\u{e9}\u{e9},x,\u{e9}0.1,2".as_bytes());
    let problems = validate(&bytes, 4).expect_err("rejected");
    let columns: Vec<_> = problems.shown.iter().filter_map(|problem| problem.column).collect();
    assert_eq!(columns, [1, 4, 6, 11]);
}

#[test]
fn case_35_decimal_commas_are_recognised() {
    for content in ["0,5;0,7;0,1;0,2", "0,5;0,7\n", "0,5\t0,7\t1,0\t0,25", "0,5\n0,7\n0,1\n0,2\n", "0,5,0,7,0,1,0,25"] {
        let problem = rejected(content, ProblemCode::DecimalComma);
        assert!(problem.to_string().contains("looks like a locale decimal comma"), "{problem}");
        assert_eq!((problem.line, problem.column), (Some(1), Some(1)));
    }
}

#[test]
fn case_36_byte_order_marks_other_encodings_and_nul_bytes_are_rejected() {
    let problem = rejected("\u{feff}0.1,0.2,0.3,0.4", ProblemCode::ByteOrderMark);
    assert!(problem.to_string().contains("without BOM"), "{problem}");
    rejected(b"\xff\xfe0\x00.\x00", ProblemCode::Utf16);
    rejected(b"\xfe\xff\x000\x00.", ProblemCode::Utf16);
    let problem = rejected(b"0.1,0.2\n0.3,\x000.4", ProblemCode::NulByte);
    assert_eq!((problem.line, problem.column), (Some(2), Some(5)));
}

#[test]
fn case_37_every_line_end_and_final_newlines_are_accepted() {
    let expected = [0.1, 0.2, 0.3, 0.4];
    for end in ["\n", "\r\n", "\r"] {
        let lines = ["0.1", "0.2", "0.3", "0.4"].join(end);
        assert_eq!(accepted(4, &lines), expected);
        assert_eq!(accepted(4, &format!("{lines}{}", end.repeat(5))), expected);
        assert_eq!(accepted(4, &format!("0.1,0.2,0.3,0.4{end}")), expected);
    }
    assert_eq!(accepted(4, "  0.1 ,\t0.2, 0.3\t,0.4  \n \t \n\n"), expected);
}

#[test]
fn case_37_an_empty_line_between_values_is_rejected() {
    let problem = rejected("0.1\n0.2\n\n \n0.3\n0.4\n", ProblemCode::BlankLine);
    assert_eq!((problem.line, problem.column), (Some(3), None));
    let problem = rejected("\r\n0.1,0.2,0.3,0.4", ProblemCode::BlankLine);
    assert_eq!(problem.line, Some(1));
}

#[test]
fn case_38_one_row_and_one_column_are_accepted_and_a_grid_is_not() {
    let values: Vec<String> = (0..200).map(|i| format!("0.{i:03}1")).collect();
    assert_eq!(accepted(200, &values.join(",")), accepted(200, &values.join("\n")));
    let grid: Vec<String> = values.chunks(20).map(|row| row.join(",")).collect();
    let problem = sample::only_problem(&with_content(200, grid.join("\n").as_bytes()), 200);
    assert_eq!((problem.code, problem.found.as_deref()), (ProblemCode::Grid, Some("10 lines of 20 values")));
    assert_eq!(rejected("0.1,0.2\n0.3\n0.4", ProblemCode::Grid).found.as_deref(), Some("3 lines of 1 to 2 values"));
}

#[test]
fn case_39_too_few_and_too_many_values_are_counted() {
    for count in [0, 1, 199, 201, 400] {
        let content = vec!["0.5"; count].join(",");
        let problem = sample::only_problem(&with_content(200, content.as_bytes()), 200);
        let noun = if count == 1 { "value" } else { "values" };
        assert_eq!((problem.code, problem.found), (ProblemCode::WrongCount, Some(format!("{count} {noun}"))));
        assert_eq!(problem.expected.as_deref(), Some("200"));
        assert_eq!((problem.path.as_deref(), problem.line), (Some(FILE), None));
    }
}

#[test]
fn case_39_the_right_total_in_the_wrong_files_is_rejected() {
    // Five values here and three in the next file: the original accepts this.
    let five = with_content(4, b"0.1,0.2,0.3,0.4,0.5");
    assert!(validate(&five, 4).is_err());
    let problem = rejected("0.1,0.2,0.3", ProblemCode::WrongCount);
    assert_eq!(problem.found.as_deref(), Some("3 values"));
}

#[test]
fn case_40_familiar_mistakes_are_said_once_and_by_name() {
    let cases: [(&str, ProblemCode, (u32, u32)); 13] = [
        ("prediction\n0.1\n0.2\n0.3\n0.4\n", ProblemCode::HeaderLine, (1, 1)),
        ("index,prediction\n0,0.1\n1,0.2\n", ProblemCode::HeaderLine, (1, 1)),
        ("\"p\"\n\"0.1\"\n\"0.2\"\n", ProblemCode::HeaderLine, (1, 1)),
        ("0,0.1\n1,0.2\n2,0.3\n3,0.4\n", ProblemCode::IndexColumn, (1, 1)),
        ("1,0.1\n2,0.2\n3,0.3\n4,0.4\n", ProblemCode::IndexColumn, (1, 1)),
        ("0.1,\"0.2\",0.3,0.4", ProblemCode::Quoted, (1, 5)),
        ("0.1,'0.2',0.3,0.4", ProblemCode::Quoted, (1, 5)),
        ("0.1;0.2;0.3;0.4", ProblemCode::WrongDelimiter, (1, 1)),
        ("0.1\t0.2\t0.3\t0.4", ProblemCode::WrongDelimiter, (1, 1)),
        ("  0.1 0.2 0.3 0.4", ProblemCode::WrongDelimiter, (1, 3)),
        ("# my attack\n0.1,0.2,0.3,0.4", ProblemCode::Comment, (1, 1)),
        ("0.1,0.2,0.3,0.4 # end", ProblemCode::Comment, (1, 17)),
        ("0.1,0.2,0.3,0.4,\n", ProblemCode::EmptyValue, (1, 17)),
    ];
    for (content, code, (line, column)) in cases {
        let problem = rejected(content, code);
        assert_eq!((problem.line, problem.column), (Some(line), Some(column)), "{content:?}");
        assert!(problem.expected.is_some());
    }
    let problem = rejected("0.1,,0.3,0.4", ProblemCode::EmptyValue);
    assert_eq!((problem.column, problem.found), (Some(5), None));
}

#[test]
fn case_41_endless_values_are_rejected_by_their_length() {
    let zeros = format!("0.1,0.2,0.{},0.4", "0".repeat(60_000));
    let problem = rejected(zeros, ProblemCode::ValueTooLong);
    assert_eq!((problem.line, problem.column), (Some(1), Some(9)));
    assert_eq!(problem.found.map(|found| found.chars().count()), Some(49));
    rejected("1".repeat(1 << 20), ProblemCode::EntryTooLarge);
    rejected("0,".repeat(1_000_000), ProblemCode::EntryTooLarge);
    let columns = rejected("0,".repeat(30_000) + "0", ProblemCode::WrongCount);
    assert_eq!(columns.found.as_deref(), Some("30001 values"));
    let longest = format!("0.1,0.2,0.{}1,0.4", "0".repeat(61));
    assert_eq!(accepted(4, &longest)[2], 1e-62);
}

#[test]
fn case_42_ties_are_accepted_with_a_warning() {
    let all = |value: &str| {
        let content = [value; 4].join(",");
        let items = files(4).iter().map(|(path, _)| Item::stored(path, content.as_bytes())).collect();
        validate(&Zip::of(items).bytes(), 4).expect("accepted").warnings
    };
    for value in ["0.5", "0", "1"] {
        let warnings = all(value);
        assert_eq!(warnings.len(), 4);
        assert!(warnings.iter().all(|warning| warning.code == WarningCode::FewDistinctValues));
    }
    let said = "cifar10_hi/dev: Only 1 distinct value is among 8; points with equal values are one step of the curve.";
    assert_eq!(all("0.5")[0].to_string(), said);
    // Half of the values of one scenario are tied; that is not yet worth a word.
    let half = with_content(4, b"0,1,0,-0.0");
    assert_eq!(validate(&half, 4).expect("accepted").warnings, []);
}

#[test]
fn case_43_neighbouring_doubles_and_denormals_stay_apart() {
    let values = accepted(4, "4.9e-324,1e-323,0.30000000000000004,0.3");
    assert_eq!(values.map_bits(), [1, 2, 0x3fd3_3333_3333_3334, 0x3fd3_3333_3333_3333]);
}

/// The bits of numbers, for comparing exactly.
trait Bits {
    fn map_bits(&self) -> Vec<u64>;
}

impl Bits for Vec<f64> {
    fn map_bits(&self) -> Vec<u64> {
        self.iter().map(|value| value.to_bits()).collect()
    }
}
