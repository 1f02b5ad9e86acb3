//! Where files stand and what they are called: cases 23 to 27.

use crate::{only_problem, problems};
use scoring::{
    FileEntry, Problem, ProblemCode, ScenarioShape, Split, TrackShape, WarningCode, validate_archive_splits,
    validate_files,
};
use scoring_testkit::sample::{ARCHIVE_BYTES, FILE, files, items, renamed, shape, validate, with_entry, with_extra};
use scoring_testkit::zip::{Item, Zip};

/// The paths of all problems with this code.
fn paths(problems: &[Problem], code: ProblemCode) -> Vec<&str> {
    problems.iter().filter(|problem| problem.code == code).filter_map(|problem| problem.path.as_deref()).collect()
}

#[test]
fn case_23_what_operating_systems_leave_behind_is_passed_over_with_a_warning() {
    let mut all = items();
    all.extend(
        ["__MACOSX/cifar10/._x", "cifar10/.DS_Store", "Thumbs.db", "cifar10/", "cifar10/cifar10_lo/"]
            .map(|name| Item::stored(name, if name.ends_with('/') { b"" } else { b"x" })),
    );
    let validated = validate(&Zip::of(all).bytes(), 4).expect("accepted");
    assert_eq!(validated.warnings.len(), 1);
    assert_eq!(validated.warnings[0].code, WarningCode::IgnoredEntries);
    assert!(validated.warnings[0].detail.starts_with("3 entries"));
}

#[test]
fn case_23_nothing_else_is_passed_over() {
    for name in [".gitignore", "cifar10/desktop.ini", "README.md", "DS_Store", "cifar10/._x"] {
        let problem = only_problem(&with_extra(Item::stored(name, b"x")), ProblemCode::UnexpectedEntry);
        assert_eq!(problem.path.as_deref(), Some(name));
    }
}

#[test]
fn case_24_a_missing_track_folder_and_one_wrapping_folder_are_accepted() {
    let expected = validate(&Zip::of(items()).bytes(), 4).expect("accepted").predictions;
    type Rename = fn(&str) -> String;
    let layouts: [(Rename, Option<&str>); 4] = [
        (|path| path.replace("cifar10/", ""), None),
        (|path| format!("mysub/{path}"), Some("mysub")),
        (|path| path.replace("cifar10/", "mysub/"), Some("mysub")),
        (|path| format!("cifar10/{path}"), Some("cifar10")),
    ];
    for (rename, wrapping) in layouts {
        let validated = validate(&renamed(rename), 4).expect("accepted");
        assert_eq!(validated.predictions, expected);
        let warned: Vec<_> = validated.warnings.iter().filter_map(|warning| warning.path.as_deref()).collect();
        assert_eq!(warned, wrapping.into_iter().collect::<Vec<_>>());
    }
}

#[test]
fn case_24_two_wrapping_folders_are_refused_with_the_folder_to_zip() {
    let found = problems(&renamed(|path| path.replace("cifar10/", "my/results/")));
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].code, ProblemCode::WrappingFolders);
    assert!(found[0].to_string().contains("the folder my/results zipped by itself"), "{}", found[0]);
    let found = problems(&renamed(|path| format!("my/results/{path}")));
    assert!(found.iter().all(|problem| problem.code == ProblemCode::WrappingFolders), "{found:#?}");
    assert!(found[0].to_string().contains("the folder cifar10 inside my/results"), "{}", found[0]);
}

#[test]
fn case_24_files_at_several_levels_are_refused_with_their_place() {
    let bytes =
        with_entry(|item| item.both(|header| header.name = b"cifar10_lo/dev/model_100/prediction.csv".to_vec()));
    let problem = only_problem(&bytes, ProblemCode::MixedLevels);
    assert_eq!(problem.path.as_deref(), Some("cifar10_lo/dev/model_100/prediction.csv"));
    assert_eq!(problem.expected.as_deref(), Some(FILE));
}

#[test]
fn case_25_predictions_csv_is_taken() {
    let all = renamed(|path| path.replace("prediction.csv", "predictions.csv"));
    assert!(validate(&all, 4).is_ok());
    let one = with_entry(|item| item.both(|header| header.name.truncate(header.name.len() - 4)));
    assert!(validate(&one, 4).is_err());
}

#[test]
fn case_25_both_names_in_one_folder_are_refused() {
    let second = Item::stored(&FILE.replace("prediction.csv", "predictions.csv"), b"0,0,0,1");
    let problem = only_problem(&with_extra(second), ProblemCode::BothNames);
    assert_eq!(problem.path.as_deref(), Some("cifar10/cifar10_lo/dev/model_100"));
}

#[test]
fn case_25_a_name_that_is_almost_right_is_met_with_a_suggestion() {
    let almost = [
        FILE.replace(".csv", ".CSV"),
        format!("{FILE}.txt"),
        FILE.replace("prediction.csv", "preds.csv"),
        FILE.replace("cifar10_lo", "CIFAR10_lo"),
    ];
    for name in almost {
        let bytes = with_entry(|item| item.both(|header| header.name = name.clone().into_bytes()));
        let problem = only_problem(&bytes, ProblemCode::UnexpectedEntry);
        assert_eq!(problem.path.as_deref(), Some(name.as_str()));
        assert_eq!(problem.expected, Some(format!("another name: did you mean {FILE}?")));
    }
}

#[test]
fn case_26_a_missing_file_is_named_by_the_path_where_it_belongs() {
    let mut all = items();
    all.retain(|item| item.central.name != FILE.as_bytes());
    let problem = only_problem(&Zip::of(all).bytes(), ProblemCode::MissingFile);
    assert_eq!(problem.to_string(), format!("{FILE}: missing; expected one file for every target model"));
}

#[test]
fn case_26_one_split_alone_is_refused_and_the_other_listed() {
    for (sent, missing) in [("/dev/", "/final/"), ("/final/", "/dev/")] {
        let all = items().into_iter().filter(|item| String::from_utf8_lossy(&item.central.name).contains(sent));
        let problems = problems(&Zip::of(all.collect()).bytes());
        let paths = paths(&problems, ProblemCode::MissingFile);
        assert_eq!(paths.len(), 4);
        assert!(paths.iter().all(|path| path.contains(missing)), "{paths:?}");
    }
}

#[test]
fn case_26_models_of_other_numbers_are_unexpected() {
    for model in ["model_99", "model_200", "model_0100"] {
        let name = FILE.replace("model_100", model);
        let problem = only_problem(&with_extra(Item::stored(&name, b"0,0,0,1")), ProblemCode::UnexpectedEntry);
        assert_eq!(problem.path.as_deref(), Some(name.as_str()));
        let expected = "cifar10_lo/dev/<model>/prediction.csv, for the models model_100 … model_101";
        assert_eq!(problem.expected.as_deref(), Some(expected));
    }
}

#[test]
fn case_26_the_train_split_is_not_submitted() {
    let name = FILE.replace("dev/model_100", "train/model_0");
    only_problem(&with_extra(Item::stored(&name, b"0,0,0,1")), ProblemCode::UnexpectedEntry);
}

#[test]
fn case_26_the_submission_of_another_track_lists_ten_of_each_and_counts_the_rest() {
    let mut all = Vec::new();
    for model in 0..30 {
        let name = format!("sst2/sst2_lo/dev/model_{model}/prediction.csv");
        all.push(Item::stored(&name, b"0,0,0,1"));
    }
    let shape = shape(4);
    let problems = validate(&Zip::of(all).bytes(), 4).expect_err("another track");
    let of = |code| problems.shown.iter().filter(move |problem| problem.code == code);
    assert_eq!(problems.total, 30 + 8);
    assert_eq!(of(ProblemCode::UnexpectedEntry).count(), 11);
    let rest = of(ProblemCode::UnexpectedEntry).next_back().expect("the rest");
    assert_eq!(rest.found.as_deref(), Some("20 more entries (30 in all)"));
    assert_eq!(of(ProblemCode::MissingFile).count(), 8);
    assert_eq!(shape.slug(), "cifar10");
}

#[test]
fn case_27_programs_networks_and_pages_are_unexpected() {
    for name in ["cifar10/run.sh", "cifar10/cifar10_lo/dev/model_100/model.pt", "logo.svg", "index.html", "a.exe"] {
        let problem = only_problem(&with_extra(Item::stored(name, b"#!/bin/sh\n")), ProblemCode::UnexpectedEntry);
        assert_eq!(problem.path.as_deref(), Some(name));
    }
}

#[test]
fn no_more_than_a_hundred_problems_are_shown_and_all_are_counted() {
    let mut all = items();
    all.extend((0..150).map(|i| Item::stored(&format!("../{i}"), b"")));
    let problems = validate(&Zip::of(all).bytes(), 4).expect_err("rejected");
    assert_eq!((problems.shown.len(), problems.total), (100, 150));
    assert!(problems.to_string().ends_with("\n150 problems"));
}

#[test]
fn problems_of_several_kinds_are_said_together() {
    let bytes = {
        let mut all = items();
        all[0] = Item::deflated(&String::from_utf8_lossy(&all[0].central.name), b"0.1,1.5,x,0.4");
        all.remove(1);
        all.push(Item::stored("../x", b""));
        all.push(Item::stored("notes.txt", b""));
        Zip::of(all).bytes()
    };
    let codes: Vec<_> = problems(&bytes).iter().map(|problem| problem.code.as_str()).collect();
    assert_eq!(codes, ["bad_path", "unexpected_entry", "missing_file", "out_of_range", "not_a_number"]);
}

fn tree(points: usize) -> Vec<FileEntry> {
    let entry = |(path, content): (String, String)| FileEntry { path, bytes: content.into_bytes() };
    files(points).into_iter().map(entry).collect()
}

#[test]
fn a_directory_tree_is_read_by_the_same_rules() {
    let shape = shape(4);
    let expected = validate(&Zip::of(items()).bytes(), 4).expect("accepted").predictions;
    let both = validate_files(tree(4), &shape, &Split::SUBMITTED).expect("accepted");
    assert_eq!(both.predictions, expected);
    let mut broken = tree(4);
    broken[0].bytes = b"0.1,0.2,0.3,2".to_vec();
    broken.push(FileEntry { path: "cifar10/.DS_Store".to_owned(), bytes: Vec::new() });
    let problems = validate_files(broken, &shape, &Split::SUBMITTED).expect_err("2 is over 1");
    assert_eq!(problems.total, 1);
    assert_eq!(problems.shown[0].place(), "cifar10/cifar10_hi/dev/model_100/prediction.csv:1:13");
}

#[test]
fn offline_one_split_can_be_read_alone() {
    let shape = shape(4);
    let dev = validate_files(tree(4), &shape, &[Split::Dev]).expect("accepted");
    assert!(dev.predictions.split(Split::Dev).is_some());
    assert_eq!(dev.predictions.split(Split::Final), None);
    let limits = scoring::Limits::for_shape(&shape, ARCHIVE_BYTES);
    let archive = Zip::of(items()).bytes();
    let from_zip = validate_archive_splits(&archive, &shape, &limits, &[Split::Dev]).expect("accepted");
    assert_eq!(from_zip.predictions, dev.predictions);
    let missing = validate_files(tree(4), &shape, &[Split::Train]).expect_err("no train files");
    assert_eq!(missing.total, 4);
}

#[test]
fn offline_a_shape_of_one_split_passes_over_files_of_the_others() {
    let scenario = |scenario: &ScenarioShape| {
        ScenarioShape::new(scenario.name(), [(Split::Dev, scenario.models(Split::Dev).to_vec())])
    };
    let dev_only = TrackShape::new("cifar10", shape(4).scenarios().iter().map(scenario).collect());
    let dev_only = dev_only.expect("a good shape");
    let read = validate_files(tree(4), &dev_only, &[Split::Dev]).expect("accepted");
    let whole = validate_files(tree(4), &shape(4), &[Split::Dev]).expect("accepted");
    assert_eq!(read.predictions, whole.predictions);
    let mut with_stray = tree(4);
    with_stray.push(FileEntry { path: FILE.replace("model_100", "model_99"), bytes: b"0,0,0,1".to_vec() });
    let problems = validate_files(with_stray, &dev_only, &[Split::Dev]).expect_err("a stray file of this split");
    assert_eq!(problems.shown[0].code, ProblemCode::UnexpectedEntry);
}
