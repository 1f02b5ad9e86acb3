//! Scenarios that are left out whole or in part.

use scoring::{
    FileEntry, Limits, Problem, ProblemCode, Problems, RankingKind, RankingRule, Scenarios, Split, TrackShape,
    Validated, WarningCode, validate_archive, validate_archive_splits, validate_files,
};
use scoring_testkit::sample::{ARCHIVE_BYTES, FILE, items, shape};
use scoring_testkit::zip::{Item, Zip};

/// The sample track, of whose two scenarios one may be left out.
fn any(number: RankingKind) -> TrackShape {
    shape(4).with_ranking(RankingRule { number, scenarios: Scenarios::Any })
}

/// The entries of a whole submission whose name this is true of.
fn some(keep: impl Fn(&str) -> bool) -> Vec<Item> {
    let is_kept = |item: &Item| keep(str::from_utf8(&item.central.name).expect("ASCII"));
    items().into_iter().filter(is_kept).collect()
}

fn validate(items: Vec<Item>, shape: &TrackShape) -> Result<Validated, Problems> {
    validate_archive(&Zip::of(items).bytes(), shape, &Limits::for_shape(shape, ARCHIVE_BYTES))
}

fn problems(items: Vec<Item>) -> Vec<Problem> {
    validate(items, &any(RankingKind::Max)).expect_err("this upload has to be rejected").shown
}

#[test]
fn a_scenario_can_be_left_out_whole_where_the_rule_says_any() {
    for (number, consequence) in [(RankingKind::Mean, "it counts as 0 in the mean"), (RankingKind::Max, "the greatest")]
    {
        let validated = validate(some(|name| name.contains("cifar10_lo")), &any(number)).expect("accepted");
        for split in Split::SUBMITTED {
            let predictions = validated.predictions.split(split).expect("both splits");
            assert_eq!(predictions.scenario(0), None);
            assert_eq!(predictions.scenario(1).map(<[f64]>::len), Some(8));
        }
        let [warning] = &validated.warnings[..] else { panic!("{:?}", validated.warnings) };
        assert_eq!((warning.code, warning.path.as_deref()), (WarningCode::ScenarioLeftOut, Some("cifar10_hi")));
        assert!(warning.detail.contains(consequence), "{}", warning.detail);
    }
}

#[test]
fn with_all_scenarios_there_the_rule_changes_nothing() {
    let strict = validate(items(), &shape(4)).expect("accepted");
    assert_eq!(validate(items(), &any(RankingKind::Max)).expect("accepted"), strict);
}

#[test]
fn where_the_rule_says_all_a_scenario_left_out_is_missing() {
    let problems = validate(some(|name| name.contains("cifar10_lo")), &shape(4)).expect_err("all are needed");
    assert_eq!(problems.total, 4);
    assert!(problems.shown.iter().all(|problem| problem.code == ProblemCode::MissingFile));
}

#[test]
fn a_scenario_that_is_begun_must_be_complete_in_both_splits() {
    // One split alone, and one file alone.
    for (keep, missing) in [("cifar10_hi/dev/", 2), ("cifar10_hi/final/model_150/", 3)] {
        let problems = problems(some(|name| name.contains("cifar10_lo") || name.contains(keep)));
        assert_eq!(problems.len(), missing, "{problems:#?}");
        for problem in &problems {
            assert_eq!(problem.code, ProblemCode::MissingFile);
            assert!(problem.path.as_deref().is_some_and(|path| path.starts_with("cifar10/cifar10_hi/")), "{problem}");
            assert!(problem.to_string().ends_with("of a scenario that is begun, in dev and final"), "{problem}");
        }
    }
}

#[test]
fn a_wrong_file_begins_a_scenario_too() {
    let mut begun = some(|name| name.contains("cifar10_hi"));
    begun.push(Item::stored(&FILE.replace("model_100", "model_7"), b"0,0,0,1"));
    let codes: Vec<_> = problems(begun).iter().map(|problem| problem.code).collect();
    assert_eq!(codes[0], ProblemCode::UnexpectedEntry);
    assert_eq!(codes[1..], [ProblemCode::MissingFile; 4]);
}

#[test]
fn at_least_one_scenario_has_to_be_there() {
    let none = problems(vec![Item::stored("cifar10/notes.txt", b"")]);
    let codes: Vec<_> = none.iter().map(|problem| problem.code).collect();
    assert_eq!(codes, [ProblemCode::UnexpectedEntry, ProblemCode::MissingFile]);
    assert_eq!(
        none[1].to_string(),
        "every scenario missing; expected at least one of cifar10_hi, cifar10_lo in full, one file for every target \
         model in dev and final"
    );
}

#[test]
fn a_wrapping_folder_and_folders_without_files_begin_nothing() {
    let mut all: Vec<Item> = some(|name| name.contains("cifar10_lo"));
    for item in &mut all {
        let name = String::from_utf8_lossy(&item.central.name).replace("cifar10/", "cifar10_hi/");
        *item = item.clone().both(|header| header.name = name.clone().into_bytes());
    }
    all.push(Item::stored("cifar10_hi/cifar10_hi/dev/", b""));
    let validated = validate(all, &any(RankingKind::Max)).expect("accepted");
    assert_eq!(validated.predictions.split(Split::Dev).expect("the split").scenario(0), None);
}

#[test]
fn offline_a_scenario_is_left_out_of_the_split_that_is_read() {
    let any = any(RankingKind::Max);
    let kept = || some(|name| name.contains("cifar10_lo") || name.contains("final"));
    let limits = Limits::for_shape(&any, ARCHIVE_BYTES);
    let dev = validate_archive_splits(&Zip::of(kept()).bytes(), &any, &limits, &[Split::Dev]).expect("accepted");
    assert_eq!(dev.predictions.split(Split::Dev).expect("the split").scenario(0), None);
    let problems = validate_files(Vec::<FileEntry>::new(), &any, &[Split::Dev]).expect_err("nothing at all");
    assert_eq!((problems.total, problems.shown[0].code), (1, ProblemCode::MissingFile));
}
