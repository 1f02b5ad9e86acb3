//! Track directories with what notebooks, programs and people leave in them.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::support::{MODELS, SCENARIOS, done, folder, perfect_zip, run, stderr, text, write_track};

/// Leaves folders and files all over a track of `write_track`, none of which is part of it.
fn litter(track: &Path) {
    for folder in [
        ".git/dev/model_9",
        "scratch/dev",
        "tiny_hi/plots",
        "tiny_hi/dev/.ipynb_checkpoints",
        "tiny_hi/final/__pycache__",
        "tiny_lo/train/tmp",
    ] {
        fs::create_dir_all(track.join(folder)).expect("a folder");
    }
    for file in [
        ".DS_Store",
        "notes.txt",
        ".git/dev/model_9/solution.csv",
        "tiny_hi/dev/.DS_Store",
        "tiny_hi/final/__pycache__/model.cpython-312.pyc",
        "tiny_lo/dev/old_predictions/prediction.csv",
        "tiny_lo/final/model_5",
    ] {
        let file = track.join(file);
        fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
        fs::write(file, "0,1").expect("written");
    }
}

#[test]
fn a_right_submission_stays_right_whatever_lies_in_the_track_directory() {
    let folder = folder();
    let track = write_track(folder.path());
    litter(&track);
    let archive = folder.path().join("good.zip");
    fs::write(&archive, perfect_zip()).expect("written");
    let (archive, track) = (text(&archive), text(&track));
    for args in [
        &["check", archive, "--track-dir", track] as &[&str],
        &["check", archive, "--track-dir", track, "--json"],
        &["score", archive, "--track-dir", track, "--split", "final"],
    ] {
        let output = run(args);
        assert!(output.status.success(), "{args:?}: {}", stderr(&output));
        let said = stderr(&output);
        let wanted = "note: passed over .git (hidden), scratch (it holds no model in `train`, `dev` or `final`), \
                      tiny_hi/dev/.ipynb_checkpoints (hidden), tiny_hi/final/__pycache__ (left behind by a program), \
                      tiny_hi/plots (neither `train`, `dev` nor `final`) and 3 more";
        let notes: Vec<&str> = said.lines().filter(|line| line.starts_with("note: ")).collect();
        assert_eq!(notes, [wanted]);
    }
    let json: Value = serde_json::from_str(&done(&["check", archive, "--track-dir", track, "--json"])).expect("JSON");
    assert_eq!(json["ok"], true);
}

#[test]
fn an_import_counts_models_alone_and_names_all_else_with_its_place() {
    let folder = folder();
    let track = write_track(folder.path());
    // The labels of the final split come later, so that a stray folder would have as many points as the models.
    for scenario in SCENARIOS {
        for model in MODELS[2].1 {
            let model = track.join(scenario).join("final").join(model);
            fs::rename(model.join("solution.csv"), model.join("model.pt")).expect("renamed");
        }
    }
    litter(&track);
    let data = folder.path().join("data");
    let plan = done(&["import", text(&track), "--competition", "c", "--dry-run", "--data-dir", text(&data)]);
    for scenario in SCENARIOS {
        let counted = "train: 1 models, 10 challenge points; dev: 2 models, 20 challenge points; \
                       final: 2 models, 20 challenge points";
        assert!(plan.contains(&format!("scenario {scenario}: {counted}")), "{plan}");
    }
    let ignored: Vec<&str> = plan.lines().filter_map(|line| line.trim().strip_prefix("ignored: ")).collect();
    assert_eq!(
        ignored,
        [
            ".git (hidden)",
            "notes.txt (a file that is no part of a track)",
            "scratch (it holds no model in `train`, `dev` or `final`)",
            "tiny_hi/dev/.ipynb_checkpoints (hidden)",
            "tiny_hi/final/__pycache__ (left behind by a program)",
            "tiny_hi/plots (neither `train`, `dev` nor `final`)",
            "tiny_lo/dev/old_predictions (it holds no file of a model)",
            "tiny_lo/final/model_5 (a file that is no part of a track)",
            "tiny_lo/train/tmp (it holds no file of a model)",
        ]
    );
}

#[test]
fn the_copy_of_a_participant_is_checked_by_the_same_rules() {
    let folder = folder();
    let track = write_track(folder.path());
    for scenario in SCENARIOS {
        for (split, models) in &MODELS[1..] {
            for model in *models {
                let model = track.join(scenario).join(split).join(model);
                fs::rename(model.join("solution.csv"), model.join("seed_challenge")).expect("renamed");
            }
        }
    }
    fs::create_dir(track.join("tiny_hi/dev/old_predictions")).expect("a folder");
    let archive = folder.path().join("good.zip");
    fs::write(&archive, perfect_zip()).expect("written");
    let said = done(&["check", text(&archive), "--track-dir", text(&track)]);
    assert!(said.contains("is fine"), "{said}");
}

#[test]
fn a_split_in_which_no_model_is_left_is_named_with_what_was_looked_for() {
    let folder = folder();
    let track = write_track(folder.path());
    let archive = folder.path().join("good.zip");
    fs::write(&archive, perfect_zip()).expect("written");
    let dev = track.join("tiny_lo/dev");
    fs::rename(&dev, track.join("tiny_lo/Dev")).expect("renamed");
    let refused = || {
        let output = run(&["check", text(&archive), "--track-dir", text(&track)]);
        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
        let said = stderr(&output);
        assert!(said.contains(&format!("{}: there are no models in `dev`", dev.display())), "{said}");
        said
    };
    assert!(refused().contains("only `Dev`, and capital letters count"));
    fs::write(&dev, "no folder").expect("written");
    assert!(refused().contains("it should be a folder and is a file"));
    fs::remove_file(&dev).expect("removed");
    fs::create_dir_all(dev.join("tmp")).expect("a folder");
    let said = refused();
    assert!(said.contains("no folder in it holds model.*, pytorch_model.bin, challenge*, solution.csv"), "{said}");
    assert!(said.contains("passed over: tiny_lo/dev/tmp"), "{said}");
}
