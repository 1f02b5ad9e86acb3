//! The trainer as a whole: a small track, made in a temporary folder and looked at through its files.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Cursor, Read};

use ndarray::{Array2, Axis};
use scoring::{Limits, ScenarioShape, TargetModel, TrackShape};
use tempfile::TempDir;

use super::attack::{AttackError, PublicTrack};
use super::*;
use crate::npz::{NpzReader, RawArray};

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
    let few = ScenarioPlan { name: "few".into(), label: "12 rows".into(), training: 12, hidden: 9, schedule };
    let many = ScenarioPlan { name: "many".into(), label: "40 rows".into(), training: 40, ..few.clone() };
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

fn made(folder: &TempDir) -> (std::path::PathBuf, Report) {
    let out = folder.path().join("shapes");
    let report = train(&plan(), &dataset(), &out, &mut |_| {}).unwrap();
    (out, report)
}

#[test]
fn one_seed_gives_the_same_bytes_on_any_number_of_threads() {
    let folder = TempDir::new().unwrap();
    let run = |name: &str, plan: &TrainPlan, threads| {
        let out = folder.path().join(name);
        let report = train_on_threads(plan, &dataset(), &out, threads, &mut |_| {}).unwrap();
        (files(&out), report)
    };
    let alone = run("alone", &plan(), 1);
    assert!(alone == run("five", &plan(), 5));

    let other = TrainPlan { seed: Seed::from_text("other"), ..plan() };
    let (other, _) = run("other", &other, 2);
    let differ = |file: &str| alone.0[file] != other[file];
    assert!(differ("few/dev/model_3/model.onnx") && differ("few/dev/model_3/challenge.npz"));
    assert!(!differ("data.npz"), "the pool does not depend on the seed");
}

#[test]
fn the_directory_holds_every_model_and_its_files_agree() {
    let folder = TempDir::new().unwrap();
    let (out, _) = made(&folder);
    let pool = dataset();
    let found = files(&out);
    assert_eq!(found.len(), 2 + 2 * 7 * 4, "{:?}", found.keys());
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
            assert_eq!(read_onnx(file("model.onnx")).unwrap().widths(), Widths { inputs: 6, hidden: 9, classes: 3 });
        }
    }
}

#[test]
fn track_yaml_names_every_scenario_and_claims_no_privacy() {
    let folder = TempDir::new().unwrap();
    let (out, _) = made(&folder);
    let text = fs::read_to_string(out.join("track.yaml")).unwrap();
    let track: serde_json::Value = serde_saphyr::from_str(&text).unwrap();
    assert_eq!(track["title"], "A test");
    assert_eq!(track["scenarios"]["few"]["label"], "12 rows");
    assert_eq!(track["scenarios"]["many"]["label"], "40 rows");
    assert!(!text.contains("epsilon"), "{text}");
}

#[test]
fn the_report_tells_trained_rows_from_others() {
    let folder = TempDir::new().unwrap();
    let (_, report) = made(&folder);
    let few = &report.scenarios[0];
    assert_eq!((few.name.as_str(), few.models), ("few", 7));
    assert!(few.accuracy_trained > 0.95, "{few:?}");
    assert!(few.accuracy_others.unwrap() < few.accuracy_trained - 0.1, "{few:?}");
}

#[test]
fn progress_counts_every_model_once() {
    let folder = TempDir::new().unwrap();
    let mut seen = Vec::new();
    train(&plan(), &dataset(), &folder.path().join("shapes"), &mut |progress| seen.push(progress)).unwrap();
    let expected: Vec<Progress> = (1..=14).map(|done| Progress { done, total: 14 }).collect();
    assert_eq!(seen, expected);
}

#[test]
fn what_is_there_already_is_not_touched() {
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("shapes");
    fs::write(&out, "mine").unwrap();
    let refused = train(&plan(), &dataset(), &out, &mut |_| {});
    assert!(matches!(refused, Err(TrainError::Write(WriteError::Exists(_)))));
    assert_eq!(fs::read(&out).unwrap(), b"mine");
}

#[test]
fn training_that_diverges_is_named_and_leaves_nothing_behind() {
    let folder = TempDir::new().unwrap();
    let mut plan = plan();
    plan.scenarios[1].schedule.rate = 1e30;
    plan.scenarios[1].schedule.weight_decay = 0.5;
    let failed = train(&plan, &dataset(), &folder.path().join("shapes"), &mut |_| {});
    assert!(matches!(failed, Err(TrainError::Diverged { scenario, .. }) if scenario == "many"));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn what_an_interrupted_run_left_is_cleared_away() {
    let folder = TempDir::new().unwrap();
    let left = folder.path().join(".shapes.partial/few/train/model_99");
    fs::create_dir_all(&left).unwrap();
    let (out, _) = made(&folder);
    assert!(!files(&out).keys().any(|name| name.contains("model_99")));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_plan_that_cannot_be_carried_out_says_why() {
    let refusal = |change: &dyn Fn(&mut TrainPlan)| {
        let mut plan = plan();
        change(&mut plan);
        plan.check(&dataset()).unwrap_err()
    };
    assert_eq!(refusal(&|plan| plan.models.dev = 0), PlanError::None("dev models"));
    assert_eq!(refusal(&|plan| plan.scenarios.clear()), PlanError::None("scenarios"));
    assert_eq!(refusal(&|plan| plan.scenarios[1].name = "few".into()), PlanError::TwiceNamed("few".into()));
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
        PlanError::TooFewTrained { scenario: scenario(), training: 5, members: 6 }
    );
    let rate = refusal(&|plan| plan.scenarios[0].schedule.rate = f32::NAN);
    assert_eq!(rate, PlanError::Schedule { scenario: scenario(), what: "the rate has to be positive" });
}

#[test]
fn the_demo_plan_can_be_carried_out_on_the_digits() {
    let plan = demo_plan();
    assert_eq!(plan.check(&Dataset::digits().unwrap()), Ok(()));
    assert!(plan.scenarios.iter().map(|scenario| &scenario.name).is_sorted());
}

/// The confidences of a submission, by path.
fn submitted(zip: Vec<u8>) -> BTreeMap<String, Vec<f64>> {
    let mut archive = zip::ZipArchive::new(Cursor::new(zip)).unwrap();
    let mut files = BTreeMap::new();
    for index in 0..archive.len() {
        let mut file = archive.by_index(index).unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        let values = text.trim_end().split(',').map(|value| value.parse().unwrap()).collect();
        files.insert(file.name().unwrap().into_owned(), values);
    }
    files
}

/// The area under the curve of a submission over both splits of one scenario.
fn auc(zip: Vec<u8>, out: &Path, scenario: &str) -> f64 {
    let (mut members, mut others) = (Vec::new(), Vec::new());
    for (path, confidences) in submitted(zip).into_iter().filter(|(path, _)| path.contains(scenario)) {
        let solution = path.replace("shapes/", "").replace("prediction.csv", "solution.csv");
        let solution = fs::read_to_string(out.join(solution)).unwrap();
        for (confidence, truth) in confidences.into_iter().zip(solution.trim_end().split(',')) {
            if truth == "1" { &mut members } else { &mut others }.push(confidence);
        }
    }
    let pairs = members.iter().flat_map(|member| others.iter().map(move |other| (member, other)));
    let won = pairs.map(|(member, other)| f64::midpoint((member > other).into(), (member >= other).into()));
    won.sum::<f64>() / (members.len() * others.len()) as f64
}

#[test]
fn every_attack_answers_for_every_point_of_both_splits() {
    let folder = TempDir::new().unwrap();
    let (out, _) = made(&folder);
    let track = PublicTrack::read(&out).unwrap();
    let attacks = [track.loss_threshold(), track.calibrated(), track.quantised(10), track.noise(1)]
        .map(|zip| submitted(zip.unwrap()));
    let expected: Vec<String> = ["few", "many"]
        .iter()
        .flat_map(|scenario| {
            let models = ["dev/model_3", "dev/model_4", "final/model_5", "final/model_6"];
            models.map(|model| format!("shapes/{scenario}/{model}/prediction.csv"))
        })
        .collect();
    for submission in &attacks {
        assert!(submission.keys().eq(&expected), "{:?}", submission.keys());
        let values = submission.values().flatten();
        assert!(values.clone().all(|value| (0.0..=1.0).contains(value)));
        assert!(submission.values().all(|values| values.len() == 12));
    }
    let mut coarse: Vec<f64> = attacks[2].values().flatten().copied().collect();
    coarse.sort_by(f64::total_cmp);
    coarse.dedup();
    assert!((2..=10).contains(&coarse.len()), "{coarse:?}");
    assert_ne!(attacks[3], submitted(track.noise(2).unwrap()));
}

#[test]
fn every_attack_passes_the_checks_of_an_upload() {
    let folder = TempDir::new().unwrap();
    let (out, _) = made(&folder);
    let track = PublicTrack::read(&out).unwrap();
    let models = |numbers: std::ops::Range<usize>| {
        numbers.map(|number| TargetModel { name: format!("model_{number}"), points: 12 }).collect::<Vec<_>>()
    };
    let splits = || [(Split::Train, models(0..3)), (Split::Dev, models(3..5)), (Split::Final, models(5..7))];
    let scenarios = ["few", "many"].map(|name| ScenarioShape::new(name, splits()));
    let shape = TrackShape::new("shapes", scenarios.into()).unwrap();
    let limits = Limits::for_shape(&shape, 2_000_000);
    // Coarse confidences are warned about once for each scenario and split.
    let attacks = [(track.loss_threshold(), 0), (track.calibrated(), 0), (track.quantised(10), 4), (track.noise(1), 0)];
    for (zip, warnings) in attacks {
        let validated = scoring::validate_archive(&zip.unwrap(), &shape, &limits).unwrap();
        assert_eq!(validated.warnings.len(), warnings, "{:?}", validated.warnings);
    }
}

#[test]
fn attacks_read_no_hidden_file() {
    let folder = TempDir::new().unwrap();
    let (out, _) = made(&folder);
    let attacks = |track: PublicTrack| [track.loss_threshold().unwrap(), track.calibrated().unwrap()];
    let before = attacks(PublicTrack::read(&out).unwrap());
    for path in files(&out).keys().filter(|path| !path.contains("/train/")) {
        if path.ends_with("solution.csv") || path.ends_with("train_idx.npy") {
            fs::remove_file(out.join(path)).unwrap();
        }
    }
    assert!(before == attacks(PublicTrack::read(&out).unwrap()));
}

#[test]
fn attacks_beat_chance_on_the_digits_and_noise_does_not() {
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("shapes");
    let mut plan = demo_plan();
    plan.scenarios.truncate(1);
    plan.models = ModelCounts { train: 8, dev: 5, r#final: 5 };
    train(&plan, &Dataset::digits().unwrap(), &out, &mut |_| {}).unwrap();
    let track = PublicTrack::read(&out).unwrap();
    let area = |zip: Result<Vec<u8>, AttackError>| auc(zip.unwrap(), &out, "digits_n060");
    // 300 members and as many others: by chance the area is 0.5 with a standard deviation of 0.024.
    assert!(area(track.loss_threshold()) > 0.65);
    assert!(area(track.calibrated()) > 0.65);
    assert!((area(track.noise(1)) - 0.5).abs() < 0.08);
}

#[test]
fn a_track_with_a_broken_model_is_refused_with_its_path() {
    let folder = TempDir::new().unwrap();
    let (out, _) = made(&folder);
    fs::write(out.join("few/dev/model_3/model.onnx"), "no model").unwrap();
    let refused = PublicTrack::read(&out);
    assert!(matches!(refused, Err(AttackError::Model { path, .. }) if path.ends_with("few/dev/model_3/model.onnx")));
}
