//! `callimico train`: makes a track from a data set, whatever interrupts it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;

use crate::support::{DIGITS, Running, callimico, done, folder, interrupt, run, stderr, stdout, text};

/// Options of a track of 24 small networks.
const SMALL: [&str; 12] = [
    "--dataset",
    DIGITS,
    "--models",
    "4,2,2",
    "--training",
    "200",
    "--challenge",
    "20",
    "--hidden",
    "16",
    "--seed",
    "a test",
];

fn train<'a>(out: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["train", "--out", out][..], &SMALL, more].concat()
}

/// All files below a folder, by their relative paths.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).expect("below it").to_owned();
                found.insert(name, fs::read(path).expect("a file"));
            }
        }
    }
    found
}

#[test]
fn a_trained_track_is_imported_and_says_how_private_it_is() {
    let folder = folder();
    let (out, data) = (folder.path().join("digits"), folder.path().join("data"));
    let report: Value = serde_json::from_str(&done(&train(text(&out), &["--json"]))).expect("JSON");
    let names: Vec<&str> = report["scenarios"].as_array().expect("scenarios").iter().map(name).collect();
    assert_eq!(names, ["digits_inf", "digits_hi", "digits_lo"]);
    assert_eq!(report["scenarios"][0]["epsilon"], Value::Null);
    for (scenario, target) in [(1, 10.0), (2, 4.0)] {
        let epsilon = report["scenarios"][scenario]["epsilon"].as_f64().expect("a number");
        assert!((target - 0.01..=target).contains(&epsilon), "{epsilon}");
    }
    let accuracy = |scenario: usize| report["scenarios"][scenario]["accuracy_trained"].as_f64().expect("a number");
    assert!(accuracy(0) > 0.99 && accuracy(1) < accuracy(0) && accuracy(2) < accuracy(1), "{report}");

    let plan = done(&["import", text(&out), "--competition", "c", "--data-dir", text(&data)]);
    assert!(!plan.contains("recipe.json") && !plan.contains("report"), "all of it is known: {plan}");
    assert!(plan.contains("scenario digits_hi: train: 4 models, 160 challenge points"), "{plan}");
    let table = fs::read_to_string(out.join("report.txt")).expect("a table");
    assert!(table.contains("digits_lo") && table.contains("Digits: 1797 rows of 64 numbers in 10 classes"), "{table}");
}

fn name(scenario: &Value) -> &str {
    scenario["name"].as_str().expect("a name")
}

#[test]
fn a_run_killed_at_any_moment_goes_on_and_gives_the_same_bytes() {
    let folder = folder();
    let (whole, parts) = (folder.path().join("whole/digits"), folder.path().join("parts/digits"));
    done(&train(text(&whole), &[]));
    let mut killed = 0;
    for round in 0_u64..40 {
        if parts.exists() {
            break;
        }
        let mut running = Running::start(&train(text(&parts), &["--threads", "2"]));
        // Longer each time, so that it makes progress and is killed at every stage.
        std::thread::sleep(Duration::from_millis(60 + 17 * round));
        running.kill();
        killed += u32::from(!parts.exists());
    }
    assert!(killed >= 3, "it was done after {killed} kills: the test shows nothing");
    if !parts.exists() {
        done(&train(text(&parts), &[]));
    }
    assert!(files(&whole) == files(&parts));
    let left = fs::read_dir(folder.path().join("parts")).expect("a folder").count();
    assert_eq!(left, 1, "nothing is left beside it");
}

#[test]
fn ctrl_c_says_where_it_stands_and_without_a_seed_the_same_command_goes_on_with_the_same_one() {
    let folder = folder();
    let out = folder.path().join("digits");
    let recipe = folder.path().join(".digits.partial/recipe.json");
    // Enough epochs that it cannot finish before it is stopped.
    let args = ["train", "--dataset", DIGITS, "--out", text(&out), "--models", "2,1,1", "--epochs", "3000", "--json"];
    let seed = |path: &Path| {
        let recipe: Value = serde_json::from_slice(&fs::read(path).expect("a recipe")).expect("JSON");
        recipe["seed"].as_str().expect("a seed").to_owned()
    };
    let begun = callimico().args(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    while !recipe.exists() {
        std::thread::sleep(Duration::from_millis(20));
    }
    let first = seed(&recipe);
    interrupt(begun.id());
    let stopped = begun.wait_with_output().expect("it ends");
    assert_eq!(stopped.status.code(), Some(130), "{}", stderr(&stopped));
    assert!(stderr(&stopped).contains("the same command goes on"), "{}", stderr(&stopped));
    assert!(stdout(&stopped).is_empty() && !out.exists());

    let other = run(&train(text(&out), &[]));
    assert_eq!(other.status.code(), Some(2), "another plan is refused: {}", stderr(&other));
    assert!(stderr(&other).contains("--restart"), "{}", stderr(&other));
    assert_eq!(seed(&recipe), first);
    done(&train(text(&out), &["--restart"]));
    assert_ne!(seed(&out.join("recipe.json")), first);
}

#[test]
fn wrong_arguments_are_refused_with_a_sentence() {
    let folder = folder();
    let out = folder.path().join("digits");
    let no_array = folder.path().join("notes.npz");
    fs::write(&no_array, "no archive").expect("written");
    let gone = folder.path().join("gone.npz");
    let cannot_read_gone = format!("cannot read {}", text(&gone));
    let refused = |args: &[&str], part: &str| {
        let output = run(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(part), "{args:?}: {}", stderr(&output));
        assert!(stdout(&output).is_empty() && !out.exists());
    };
    let out_text = text(&out);
    let with = |more: &[&'static str]| [&["train", "--dataset", DIGITS, "--out", out_text][..], more].concat();
    refused(&["train", "--dataset", text(&gone), "--out", out_text], &cannot_read_gone);
    refused(&["train", "--dataset", text(&no_array), "--out", out_text], "notes.npz");
    refused(&with(&["--models", "10,5"]), "three numbers");
    refused(&with(&["--models", "10,0,5"]), "no dev models");
    refused(&with(&["--scenarios", "inf,loud"]), "an epsilon above 0");
    refused(&with(&["--scenarios", "inf,inf"]), "two scenarios are called `digits_inf`");
    refused(&with(&["--training", "1790"]), "needs 1890 rows");
    refused(&with(&["--training", "50"]), "fewer than its 100 members");
    refused(&with(&["--rate=-1"]), "the rate has to be positive");
    refused(&with(&["--delta", "1.5"]), "delta is 1.5");
    refused(&with(&["--epochs", "0"]), "1 to 1000000 epochs");
    refused(&["train", "--dataset", DIGITS, "--out", "/"], "does not name a folder");
    fs::create_dir(&out).expect("a folder");
    fs::write(out.join("mine"), "").expect("written");
    let output = run(&train(out_text, &[]));
    assert_eq!((output.status.code(), files(&out).len()), (Some(2), 1), "{}", stderr(&output));
}
