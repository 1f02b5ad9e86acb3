//! The trainer as a whole: a small track, made in a temporary folder and looked at through its
//! files.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::Ordering;

use ndarray::{Array2, Axis};
use tempfile::TempDir;

use super::*;
use npz::{NpzReader, RawArray};

/// 60 records of 6 numbers in 3 classes that overlap.
fn dataset() -> Dataset {
    let x = Array2::from_shape_fn((60, 6), |(row, column)| {
        let noise = ((row * 37 + column * 101) % 17) as f32 / 17.0;
        noise + if column == row % 3 { 0.3 } else { 0.0 }
    });
    let y: Vec<i64> = (0..60).map(|row| row % 3).collect();
    Dataset::new(x, &y).unwrap()
}

fn plan() -> TrainPlan {
    let schedule = Schedule { epochs: 60, batch: 8, rate: 0.1, momentum: 0.9, weight_decay: 0.0 };
    let few =
        ScenarioPlan { name: "few".into(), label: "12 rows".into(), training: 12, hidden: 9, schedule, privacy: None };
    let privacy = Some(Privacy { epsilon: 8.0, delta: 1e-5, clipping_norm: 1.0 });
    let many = ScenarioPlan { name: "many".into(), label: "40 rows".into(), training: 40, privacy, ..few.clone() };
    TrainPlan {
        title: "A test".into(),
        description: "Of the trainer.".into(),
        scenarios: vec![few, many],
        models: ModelCounts { train: 3, dev: 2, r#final: 2 },
        challenge: 6,
        seed: Seed::from_text("test"),
    }
}

/// Every file below a folder, by its path from there.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
                found.insert(name, fs::read(path).unwrap());
            }
        }
    }
    found
}

fn options(resume: ResumePolicy, threads: usize, stop: &AtomicBool) -> RunOptions<'_> {
    RunOptions { resume, threads: NonZero::new(threads).unwrap(), stop }
}

/// Trains to the end on two threads; goes on with what an interrupted run of the same plan left.
fn run(plan: &TrainPlan, out: &Path) -> Result<Report, TrainError> {
    train(plan, &dataset(), out, options(ResumePolicy::Resume, 2, &AtomicBool::new(false)), &mut |_| {})
}

/// Trains until `models` are done and stops there.
fn run_until(plan: &TrainPlan, out: &Path, models: usize) -> TrainError {
    let stop = AtomicBool::new(false);
    let mut progress = |progress: TrainingProgress| stop.store(progress.done >= models, Ordering::Relaxed);
    train(plan, &dataset(), out, options(ResumePolicy::Resume, 1, &stop), &mut progress).unwrap_err()
}

fn made(folder: &TempDir) -> (PathBuf, Report) {
    let out = folder.path().join("shapes");
    let report = run(&plan(), &out).unwrap();
    (out, report)
}

#[test]
fn one_seed_gives_the_same_bytes_on_any_number_of_threads() {
    let folder = TempDir::new().unwrap();
    let run = |name: &str, plan: &TrainPlan, threads| {
        let (out, stop) = (folder.path().join(name), AtomicBool::new(false));
        let options = options(ResumePolicy::Resume, threads, &stop);
        let report = train(plan, &dataset(), &out, options, &mut |_| {}).unwrap();
        (files(&out), report)
    };
    let alone = run("alone", &plan(), 1);
    assert!(alone == run("five", &plan(), 5));

    let other = TrainPlan { seed: Seed::from_text("other"), ..plan() };
    let (other, _) = run("other", &other, 2);
    let differ = |file: &str| alone.0[file] != other[file];
    assert!(differ("few/dev/model_3/model.onnx") && differ("few/dev/model_3/challenge.npz"));
    assert!(differ("many/dev/model_3/model.onnx") && differ("recipe.json"));
    assert!(!differ("data.npz"), "the pool does not depend on the seed");
}

#[test]
fn the_directory_holds_every_model_and_its_files_agree() {
    let folder = TempDir::new().unwrap();
    let (out, _) = made(&folder);
    let pool = dataset();
    let found = files(&out);
    let beside = ["data.npz", "recipe.json", "report.json", "report.txt", "track.yaml"];
    assert!(found.keys().filter(|name| !name.contains('/')).eq(&beside), "{:?}", found.keys());
    assert_eq!(found.len(), beside.len() + 2 * 7 * 4, "{:?}", found.keys());
    for (scenario, trained) in [("few", 12), ("many", 40)] {
        for (number, split) in ["train", "train", "train", "dev", "dev", "final", "final"].iter().enumerate() {
            let model = format!("{scenario}/{split}/model_{number}");
            let file = |name: &str| found[&format!("{model}/{name}")].as_slice();

            let challenge_bytes = file("challenge.npz");
            let mut challenge = NpzReader::from_bytes(challenge_bytes).unwrap();
            assert_eq!(challenge.names(), ["idx", "x", "y"]);
            let rows = challenge.get("idx").unwrap().array::<i64>().unwrap();
            let rows: Vec<usize> = rows.iter().map(|&row| usize::try_from(row).unwrap()).collect();
            let x = challenge.get("x").unwrap().array::<f32>().unwrap();
            assert_eq!(x, pool.x().select(Axis(0), &rows).into_dyn());
            let y = challenge.get("y").unwrap().array::<i64>().unwrap();
            assert!(y.iter().zip(&rows).all(|(&class, &row)| class == pool.y()[row] as i64));

            let trained_on = RawArray::read(file("train_idx.npy")).unwrap().array::<i64>().unwrap();
            assert_eq!(trained_on.len(), trained, "{model}");
            let solution: Vec<&str> =
                std::str::from_utf8(file("solution.csv")).unwrap().trim_end().split(',').collect();
            assert_eq!(solution.iter().filter(|&&value| value == "1").count(), 6);
            for (row, value) in rows.iter().zip(solution) {
                let member = trained_on.iter().any(|&trained| trained == *row as i64);
                assert_eq!(value, if member { "1" } else { "0" }, "{model}, row {row}");
            }
            assert_eq!(
                onnx::reader::read(file("model.onnx")).unwrap().widths(),
                network::Widths { inputs: 6, hidden: 9, classes: 3 }
            );
        }
    }
}

#[test]
fn track_yaml_names_every_scenario_and_the_privacy_it_was_trained_with() {
    let folder = TempDir::new().unwrap();
    let (out, _) = made(&folder);
    let text = fs::read_to_string(out.join("track.yaml")).unwrap();
    let track: serde_json::Value = serde_saphyr::from_str(&text).unwrap();
    assert_eq!(track["title"], "A test");
    assert_eq!(track["scenarios"]["few"], serde_json::json!({"label": "12 rows"}));
    assert_eq!(track["scenarios"]["many"], serde_json::json!({"label": "40 rows", "epsilon": 8}));
}

#[test]
fn the_report_tells_trained_rows_from_others() {
    let folder = TempDir::new().unwrap();
    let (out, report) = made(&folder);
    let few = &report.scenarios[0];
    assert_eq!((few.name.as_str(), few.privacy), ("few", PrivacyReport::default()));
    assert!(few.accuracy_trained > 0.95, "{few:?}");
    assert!(few.accuracy_others < few.accuracy_trained - 0.1, "{few:?}");

    let json: serde_json::Value = serde_json::from_slice(&fs::read(out.join("report.json")).unwrap()).unwrap();
    let written: serde_json::Value = serde_json::from_str(&serde_json::to_string(&report).unwrap()).unwrap();
    assert_eq!(json, written);
    assert_eq!(json["scenarios"][0]["epsilon"], serde_json::Value::Null);
    let text = fs::read_to_string(out.join("report.txt")).unwrap();
    assert_eq!(text, report.to_string());
    assert!(["few", "many", "none", "100.0 %"].iter().all(|part| text.contains(part)), "{text}");
}

/// Everything an accountant needs is in the report, and the epsilon in it is a bound at most what
/// was asked for.
#[test]
fn the_report_says_what_the_privacy_was_computed_from() {
    let folder = TempDir::new().unwrap();
    let (_, report) = made(&folder);
    let PrivacyReport { epsilon, target_epsilon, delta, noise_multiplier, clipping_norm, sampling_rate, steps } =
        report.scenarios[1].privacy;
    assert_eq!((target_epsilon, delta, clipping_norm), (Some(8.0), Some(1e-5), Some(1.0)));
    // A batch of 8 of 40 rows, and 60 passes.
    assert_eq!((sampling_rate, steps), (Some(0.2), Some(300)));
    let (sampling_rate, noise_multiplier, steps) = (0.2, noise_multiplier.unwrap(), 300);
    let mechanism = accountant::Mechanism { sampling_rate, noise_multiplier, steps };
    let bound = accountant::epsilon(&mechanism, 1e-5).unwrap();
    assert!((bound..=8.0).contains(&epsilon.unwrap()) && bound > 7.99, "{bound} and {epsilon:?}");
}

/// The same rows with less and less privacy: noise is what keeps a network from learning them by
/// heart.
#[test]
fn more_privacy_costs_accuracy() {
    let folder = TempDir::new().unwrap();
    let trained = |epsilon: f64| {
        let mut plan = plan();
        plan.scenarios.remove(0);
        plan.scenarios[0].privacy = Some(Privacy { epsilon, delta: 1e-5, clipping_norm: 1.0 });
        run(&plan, &folder.path().join(format!("at{epsilon}"))).unwrap().scenarios[0].accuracy_trained
    };
    let (little, some, much) = (trained(0.1), trained(20.0), trained(5_000.0));
    assert!(little < some - 0.1 && some < much - 0.02, "{little}, {some}, {much}");
}

#[test]
fn progress_counts_every_model_once() {
    let folder = TempDir::new().unwrap();
    let (mut seen, stop) = (Vec::new(), AtomicBool::new(false));
    let options = options(ResumePolicy::Resume, 3, &stop);
    train(&plan(), &dataset(), &folder.path().join("shapes"), options, &mut |progress| seen.push(progress)).unwrap();
    let expected: Vec<TrainingProgress> = (0..=14).map(|done| TrainingProgress { done, total: 14 }).collect();
    assert_eq!(seen, expected);
}

#[test]
fn what_is_there_already_is_not_touched() {
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("shapes");
    fs::write(&out, "mine").unwrap();
    assert!(matches!(run(&plan(), &out), Err(TrainError::Write(WriteError::Exists(_)))));
    assert_eq!(fs::read(&out).unwrap(), b"mine");

    let full = folder.path().join("full");
    fs::create_dir(&full).unwrap();
    fs::write(full.join("notes"), "mine").unwrap();
    assert!(matches!(run(&plan(), &full), Err(TrainError::Write(WriteError::Exists(_)))));
    assert_eq!(fs::read_dir(&full).unwrap().count(), 1);
}

#[test]
fn what_lies_where_unfinished_tracks_are_kept_is_not_touched_either() {
    let folder = TempDir::new().unwrap();
    let kept = folder.path().join(".shapes.partial");
    fs::create_dir(&kept).unwrap();
    fs::write(kept.join("notes"), "mine").unwrap();
    let refused = run(&plan(), &folder.path().join("shapes"));
    assert!(matches!(refused, Err(TrainError::Write(WriteError::Foreign(path))) if path == kept));
    assert_eq!(fs::read(kept.join("notes")).unwrap(), b"mine");
}

#[test]
fn only_the_owner_may_read_what_says_who_is_a_member() {
    let folder = TempDir::new().unwrap();
    let (out, _) = made(&folder);
    let mode = |name: &str| fs::metadata(out.join(name)).unwrap().permissions().mode() & 0o777;
    for name in ["recipe.json", "few/dev/model_3/solution.csv", "many/final/model_6/train_idx.npy"] {
        assert_eq!(mode(name) & 0o077, 0, "{name}");
    }
    // The others are as open as any new file: how open that is, the umask of whoever runs the tests says.
    fs::write(out.join("any"), "").unwrap();
    for name in ["data.npz", "few/dev/model_3/model.onnx"] {
        assert_eq!(mode(name), mode("any"), "{name}");
    }
}

#[test]
fn an_empty_folder_is_filled() {
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("shapes");
    fs::create_dir(&out).unwrap();
    run(&plan(), &out).unwrap();
    assert!(out.join("data.npz").is_file());
}

#[test]
fn training_that_runs_away_is_named_and_leaves_nothing_behind() {
    let folder = TempDir::new().unwrap();
    let mut plan = plan();
    plan.scenarios[1].schedule.rate = 1e30;
    plan.scenarios[1].schedule.weight_decay = 0.5;
    let failed = run(&plan, &folder.path().join("shapes"));
    assert!(matches!(failed, Err(TrainError::Diverged { scenario, .. }) if scenario == "many"));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_run_stopped_again_and_again_gives_the_bytes_of_one_run() {
    let folder = TempDir::new().unwrap();
    let (whole, _) = made(&folder);
    let parts = folder.path().join("parts");
    for models in [0, 1, 5, 9, 12] {
        let TrainError::Stopped { done, total: 14, kept } = run_until(&plan(), &parts, models) else { panic!() };
        assert!((models..14).contains(&done), "{done} of {models}");
        assert!(kept.is_dir() && !parts.exists());
    }
    let mut first = None;
    let stop = AtomicBool::new(false);
    let mut progress = |progress: TrainingProgress| {
        first.get_or_insert(progress.done);
    };
    train(&plan(), &dataset(), &parts, options(ResumePolicy::Resume, 2, &stop), &mut progress).unwrap();
    assert!(first.is_some_and(|done| done >= 12), "{first:?}");
    assert!(files(&whole) == files(&parts));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[test]
fn a_model_whose_files_are_not_what_was_written_is_trained_again() {
    let folder = TempDir::new().unwrap();
    let (whole, _) = made(&folder);
    for harm in ["cut", "changed", "gone"] {
        let parts = folder.path().join("parts");
        let TrainError::Stopped { kept, .. } = run_until(&plan(), &parts, 14 - 2) else { panic!() };
        let model = kept.join("few/train/model_0/model.onnx");
        let mut bytes = fs::read(&model).unwrap();
        match harm {
            "cut" => bytes.truncate(bytes.len() / 2),
            _ => bytes[60] ^= 1,
        }
        if harm == "gone" {
            fs::remove_file(&model).unwrap()
        } else {
            fs::write(&model, &bytes).unwrap()
        }
        run(&plan(), &parts).unwrap();
        assert!(files(&whole) == files(&parts), "{harm}");
        fs::remove_dir_all(&parts).unwrap();
    }
}

#[test]
fn what_another_plan_left_is_neither_taken_over_nor_lost_without_a_word() {
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("shapes");
    let TrainError::Stopped { done, kept, .. } = run_until(&plan(), &out, 3) else { panic!() };
    let other = TrainPlan { challenge: 5, ..plan() };
    assert!(matches!(run(&other, &out), Err(TrainError::Write(WriteError::OtherRecipe(_)))));
    let stop = AtomicBool::new(false);
    // The one that was begun is still there …
    let mut first = None;
    let mut progress = |progress: TrainingProgress| {
        first.get_or_insert(progress.done);
        stop.store(true, Ordering::Relaxed);
    };
    train(&plan(), &dataset(), &out, options(ResumePolicy::Resume, 1, &stop), &mut progress).unwrap_err();
    assert!(first.is_some_and(|first| first >= done), "{first:?}");
    // … until it is given up.
    let stop = AtomicBool::new(false);
    train(&other, &dataset(), &out, options(ResumePolicy::ResumeOrRestart, 2, &stop), &mut |_| {}).unwrap();
    assert!(!kept.exists());
    let one_run = folder.path().join("one_run");
    run(&other, &one_run).unwrap();
    assert!(files(&out) == files(&one_run));
}

#[test]
fn a_second_run_on_the_same_track_is_turned_away() {
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("shapes");
    let (mut turned_away, stop) = (false, AtomicBool::new(false));
    let mut progress = |progress: TrainingProgress| {
        if progress.done == 1 {
            turned_away = matches!(run(&plan(), &out), Err(TrainError::Write(WriteError::Busy(_))));
        }
    };
    train(&plan(), &dataset(), &out, options(ResumePolicy::Resume, 1, &stop), &mut progress).unwrap();
    assert!(turned_away && out.is_dir());
}

#[test]
fn the_seed_of_an_interrupted_run_is_found_and_no_other() {
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("shapes");
    assert!(interrupted_seed(&out).unwrap().is_none());
    run_until(&plan(), &out, 1);
    assert!(interrupted_seed(&out).unwrap() == Some(Seed::from_text("test")));
    run(&plan(), &out).unwrap();
    assert!(interrupted_seed(&out).unwrap().is_none());
}

#[test]
fn a_plan_that_cannot_be_carried_out_says_why() {
    let refusal = |change: &dyn Fn(&mut TrainPlan)| {
        let mut plan = plan();
        change(&mut plan);
        plan.check(&dataset()).unwrap_err()
    };
    assert_eq!(refusal(&|plan| plan.models.dev = 0), PlanError::Empty("dev models"));
    assert_eq!(refusal(&|plan| plan.scenarios.clear()), PlanError::Empty("scenarios"));
    assert_eq!(refusal(&|plan| plan.models.train = usize::MAX), PlanError::TooManyModels(usize::MAX));
    for hidden in [0, usize::MAX] {
        let refused = refusal(&|plan| plan.scenarios[0].hidden = hidden);
        assert!(matches!(refused, PlanError::Schedule { what: "there have to be 1 to 65536 hidden units", .. }));
    }
    assert_eq!(refusal(&|plan| plan.scenarios[1].name = "few".into()), PlanError::DuplicateName("few".into()));
    for name in ["", "..", "a/b", "a b", ".hidden"] {
        assert_eq!(refusal(&|plan| plan.scenarios[0].name = name.into()), PlanError::Name(name.into()));
    }
    let scenario = || "few".to_owned();
    assert_eq!(
        refusal(&|plan| plan.scenarios[0].training = 55),
        PlanError::TooFewRows { scenario: scenario(), needed: 61, rows: 60 }
    );
    assert_eq!(
        refusal(&|plan| plan.scenarios[0].training = 5),
        PlanError::TooFewTrainingRows { scenario: scenario(), training: 5, members: 6 }
    );
    let rate = refusal(&|plan| plan.scenarios[0].schedule.rate = f32::NAN);
    assert_eq!(rate, PlanError::Schedule { scenario: scenario(), what: "the rate has to be positive" });
    let norm =
        refusal(&|plan| plan.scenarios[0].privacy = Some(Privacy { epsilon: 1.0, delta: 1e-5, clipping_norm: 0.0 }));
    assert_eq!(
        norm,
        PlanError::Schedule { scenario: scenario(), what: "the clipping norm has to be from 0.000001 to 1000000" }
    );
    let mut without = plan();
    without.scenarios[1].privacy = Some(Privacy { epsilon: -1.0, delta: 1e-5, clipping_norm: 1.0 });
    let refused = format!("{:#}", anyhow::Error::new(without.scenarios[1].account().unwrap_err()));
    let expected = "scenario `many` cannot have the privacy that is asked for: epsilon is -1; give a number above 0";
    assert_eq!(refused, expected);
}

#[test]
fn the_demo_plan_can_be_carried_out_on_the_digits() {
    let plan = demo_plan();
    assert_eq!(plan.check(&Dataset::digits().unwrap()), Ok(()));
    let epsilons = plan.scenarios.iter().map(|scenario| scenario.privacy.map(|privacy| privacy.epsilon));
    assert!(epsilons.eq([None, Some(10.0), Some(4.0)]));
}
