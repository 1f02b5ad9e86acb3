//! Directories as organisers, participants and their programs leave them.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use ndarray::Array1;
use scoring::{ScenarioShape, Split};
use tempfile::TempDir;

use super::*;

/// A track with these files; a path that ends in a slash is an empty folder.
fn track(paths: &[&str]) -> TempDir {
    let root = tempfile::tempdir().expect("a folder");
    add(root.path(), paths);
    root
}

fn add(root: &Path, paths: &[&str]) {
    for path in paths {
        let to = root.join(path);
        if path.ends_with('/') {
            fs::create_dir_all(to).expect("a folder");
        } else {
            let content: &[u8] = if path.ends_with("solution.csv") { b"1,0,0,1\n" } else { b"anything" };
            fs::create_dir_all(to.parent().expect("a folder")).expect("a folder");
            fs::write(to, content).expect("a file");
        }
    }
}

/// A scenario `s` that has all it needs.
const WHOLE: [&str; 3] = ["s/train/m0/solution.csv", "s/dev/m1/solution.csv", "s/final/m2/solution.csv"];

fn read(root: &TempDir) -> TrackFolders {
    TrackFolders::read(root.path()).expect("a track")
}

fn error(root: &TempDir) -> String {
    TrackFolders::read(root.path()).expect_err("no track").to_string()
}

fn models(scenario: &ScenarioFolder, split: Split) -> Vec<&str> {
    scenario.models(split).iter().map(|model| model.name.as_str()).collect()
}

fn passed_over(folders: &TrackFolders) -> Vec<(&str, Why)> {
    folders.passed_over().map(|one| (one.place.as_str(), one.why)).collect()
}

#[test]
fn a_folder_with_any_file_of_a_model_is_one() {
    for file in [
        "model.onnx",
        "model.pt",
        "model.onnx.data",
        "model.safetensors",
        "pytorch_model.bin",
        "challenge.npz",
        "challenge.npy",
        "challenge_label.csv",
        "challenge_with_id.csv",
        "solution.csv",
        "seed_challenge",
        "seed_training",
        "seed_membership",
        "train_idx.npy",
    ] {
        let root = track(&["s/dev/tabddpm_51/README.md", &format!("s/dev/tabddpm_51/{file}")]);
        let found = read(&root);
        assert_eq!(models(&found.scenarios[0], Split::Dev), ["tabddpm_51"], "{file}");
        assert_eq!(passed_over(&found), [], "{file}");
    }
}

#[test]
fn a_folder_without_one_is_passed_over() {
    for file in [
        "",
        "README.md",
        "config.json",
        "prediction.csv",
        "trans_synthetic.csv",
        "models.txt",
        "Solution.csv",
        "solution.csv~",
        ".model.onnx.swp",
        "._solution.csv",
        "model_1/solution.csv",
        "model.onnx/",
    ] {
        let root = track(&WHOLE);
        add(root.path(), &["s/dev/model_7/", &format!("s/dev/model_7/{file}")]);
        let found = read(&root);
        assert_eq!(models(&found.scenarios[0], Split::Dev), ["m1"], "{file}");
        assert_eq!(passed_over(&found), [("s/dev/model_7", Why::NoModel)], "{file}");
    }
}

#[test]
fn everything_that_is_no_part_of_a_track_is_named_with_its_place_and_the_reason() {
    let root = track(&WHOLE);
    add(root.path(), &["track.yaml", "pages/overview.md", "logo.png", "data.npz", "recipe.json", "report.txt"]);
    add(
        root.path(),
        &[
            ".DS_Store",
            ".git/dev/m1/solution.csv",
            "__MACOSX/s/dev/m1/._solution.csv",
            "empty/dev/",
            "notes.txt",
            "old/s/dev/m1/solution.csv",
            "upper/Dev/m1/solution.csv",
            "s/.ipynb_checkpoints/",
            "s/Train/m0/solution.csv",
            "s/plots/",
            "s/words.txt",
            "s/dev/.ipynb_checkpoints/model.onnx",
            "s/dev/.DS_Store",
            "s/dev/__pycache__/model.cpython-312.pyc",
            "s/dev/mapping.json",
            "s/final/old_predictions/prediction.csv",
            "s/final/tmp/",
            "s/train/tmp/",
        ],
    );
    let found = read(&root);
    let scenarios: Vec<&str> = found.scenarios.iter().map(|scenario| scenario.name.as_str()).collect();
    assert_eq!(scenarios, ["s"]);
    for (split, model) in Split::ALL.into_iter().zip(["m0", "m1", "m2"]) {
        assert_eq!(models(&found.scenarios[0], split), [model]);
    }
    let beside: Vec<&str> = found.beside.iter().map(|entry| entry.name.as_str()).collect();
    assert_eq!(beside, ["data.npz", "logo.png", "pages", "recipe.json", "report.txt", "track.yaml"]);
    assert_eq!(
        passed_over(&found),
        [
            (".DS_Store", Why::Hidden),
            (".git", Why::Hidden),
            ("__MACOSX", Why::LeftBehind),
            ("empty", Why::NoScenario),
            ("notes.txt", Why::File),
            ("old", Why::NoScenario),
            ("upper", Why::Misspelt),
            ("s/.ipynb_checkpoints", Why::Hidden),
            ("s/Train", Why::Misspelt),
            ("s/dev/.DS_Store", Why::Hidden),
            ("s/dev/.ipynb_checkpoints", Why::Hidden),
            ("s/dev/__pycache__", Why::LeftBehind),
            ("s/dev/mapping.json", Why::File),
            ("s/final/old_predictions", Why::NoModel),
            ("s/final/tmp", Why::NoModel),
            ("s/plots", Why::NoSplit),
            ("s/train/tmp", Why::NoModel),
            ("s/words.txt", Why::File),
        ]
    );
    let hidden_files: Vec<&str> =
        found.passed_over().filter(|one| one.is_hidden_file()).map(|one| one.place.as_str()).collect();
    assert_eq!(hidden_files, [".DS_Store", "s/dev/.DS_Store"]);
    let files: Vec<&str> = found.passed_over().filter(|one| !one.is_folder).map(|one| one.place.as_str()).collect();
    assert_eq!(files, [".DS_Store", "notes.txt", "s/dev/.DS_Store", "s/dev/mapping.json", "s/words.txt"]);
}

#[test]
fn scenarios_and_models_have_the_order_of_a_shape() {
    let names = ["model_10", "model_2", "base", "model_02"];
    let root = track(&[]);
    for scenario in ["b", "a_10", "a_2"] {
        for split in Split::ALL {
            for name in names {
                add(root.path(), &[&format!("{scenario}/{split}/{name}/solution.csv")]);
            }
        }
    }
    let directory = TrackDirectory::read(root.path(), "t", &Split::ALL).expect("a track");
    let folders = &directory.folders.scenarios;
    let of_shape: Vec<&str> = directory.shape.scenarios().iter().map(ScenarioShape::name).collect();
    assert_eq!(folders.iter().map(|scenario| scenario.name.as_str()).collect::<Vec<_>>(), of_shape);
    assert_eq!(of_shape, ["a_10", "a_2", "b"]);
    for (folder, shape) in folders.iter().zip(directory.shape.scenarios()) {
        for split in Split::ALL {
            let of_shape: Vec<&str> = shape.models(split).iter().map(|model| model.name.as_str()).collect();
            assert_eq!(models(folder, split), of_shape);
            assert_eq!(of_shape, ["base", "model_02", "model_2", "model_10"]);
        }
    }
}

#[test]
fn a_split_without_models_is_named_with_what_was_looked_for() {
    for (instead, says) in [
        ("", "/s/final: there are no models in `final`: there is no such folder"),
        ("s/final", "/s/final: there are no models in `final`: it should be a folder and is a file"),
        ("s/Final/m2/solution.csv", "there is no such folder, only `Final`, and capital letters count"),
        (
            "s/final/",
            "no folder in it holds model.*, pytorch_model.bin, challenge*, solution.csv, seed_* or train_idx.npy",
        ),
        ("s/final/tmp/", "train_idx.npy; passed over: s/final/tmp (it holds no file of a model)"),
        ("s/final/m2", "passed over: s/final/m2 (a file that is no part of a track)"),
    ] {
        let root = track(&WHOLE[..2]);
        add(root.path(), &["other/train/m0/solution.csv", "other/dev/m1/model.pt", "other/final/m2/model.pt"]);
        if !instead.is_empty() {
            add(root.path(), &[instead]);
        }
        let error = TrackDirectory::read(root.path(), "t", &Split::ALL).expect_err(says).to_string();
        assert!(error.contains(says) && error.contains("/s/final"), "{instead}: {error}");
        assert!(error.starts_with(&root.path().display().to_string()), "{error}");
        // Whoever does not ask for this split does not mind.
        TrackDirectory::read(root.path(), "t", &[Split::Dev]).expect("dev is whole");
    }
}

#[test]
fn a_directory_without_scenarios_says_what_there_is_instead() {
    let says = "no scenario, that is, no folder with a model in its `train`, `dev` or `final`";
    for (paths, instead) in [
        (&[] as &[&str], "`final`"),
        (
            &["s/Train/m0/solution.csv"],
            "; passed over: s (splits are called `train`, `dev` and `final`, in small letters)",
        ),
        (&["s/dev/"], "; passed over: s (it holds no model in `train`, `dev` or `final`)"),
        (&["dev/m1/solution.csv"], "; passed over: dev (it holds no model in `train`, `dev` or `final`)"),
        (&["dev"], "; passed over: dev (a file that is no part of a track)"),
        (
            &["a/", "b/", "c/", "d/", "e/", "f/", "g/", ".h"],
            "e (it holds no model in `train`, `dev` or `final`) and 2 more",
        ),
    ] {
        let root = track(paths);
        let error = error(&root);
        assert!(error.contains(says) && error.ends_with(instead), "{paths:?}: {error}");
        assert!(error.starts_with(&root.path().display().to_string()), "{error}");
    }
}

#[test]
fn links_are_followed_where_they_lead_to_a_model_and_nowhere_else() {
    let root = track(&WHOLE);
    let dev = root.path().join("s/dev");
    symlink("../train/m0", dev.join("linked")).expect("a link");
    symlink(root.path(), dev.join("up")).expect("a link");
    symlink("loop", dev.join("loop")).expect("a link");
    symlink("nowhere", dev.join("nowhere")).expect("a link");
    symlink(".", root.path().join("again")).expect("a link");
    // The file is one that was not fetched, as in a cache or with git-annex.
    fs::create_dir(dev.join("unfetched")).expect("a folder");
    symlink("../../../blobs/1", dev.join("unfetched/model.onnx")).expect("a link");
    let found = read(&root);
    assert_eq!(found.scenarios.len(), 1);
    assert_eq!(models(&found.scenarios[0], Split::Dev), ["linked", "m1", "unfetched"]);
    assert_eq!(
        passed_over(&found),
        [
            ("again", Why::NoScenario),
            ("s/dev/loop", Why::DanglingLink),
            ("s/dev/nowhere", Why::DanglingLink),
            ("s/dev/up", Why::NoModel),
        ]
    );
}

#[test]
fn a_name_that_is_no_text_is_an_error_for_a_model_and_named_elsewhere() {
    let root = track(&WHOLE);
    let strange = root.path().join("s/dev").join(OsStr::from_bytes(b"m\xff"));
    fs::create_dir(&strange).expect("a folder");
    assert_eq!(passed_over(&read(&root)), [("s/dev/m\u{fffd}", Why::NoModel)]);
    fs::write(strange.join("solution.csv"), "1,0").expect("a file");
    assert!(error(&root).contains("must be UTF-8"), "{}", error(&root));
    fs::remove_dir_all(strange).expect("removed");

    let strange = root.path().join(OsStr::from_bytes(b"s\xff"));
    fs::create_dir_all(strange.join("dev/m1")).expect("a folder");
    assert_eq!(passed_over(&read(&root)), [("s\u{fffd}", Why::NoScenario)]);
    fs::write(strange.join("dev/m1/solution.csv"), "1,0").expect("a file");
    assert!(error(&root).contains("must be UTF-8"), "{}", error(&root));
}

#[test]
fn a_folder_that_may_not_be_read_is_an_error_that_names_it() {
    for folder in ["", "other", "s", "s/dev", "s/dev/closed"] {
        let root = track(&WHOLE);
        add(root.path(), &["other/", "s/dev/closed/model.pt"]);
        let closed = if folder.is_empty() { root.path().to_owned() } else { root.path().join(folder) };
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o000)).expect("permissions");
        let found = TrackFolders::read(root.path()).map_err(|error| error.to_string());
        // Root reads whatever it likes.
        let is_root = fs::read_dir(&closed).is_ok();
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).expect("permissions");
        if is_root {
            assert_eq!(found.expect("a track").scenarios.len(), 1);
        } else {
            assert_eq!(found.expect_err("it is closed"), format!("cannot read {}", closed.display()));
        }
    }
    let error = TrackFolders::read(Path::new("/nowhere")).expect_err("there is none").to_string();
    assert_eq!(error, "cannot read /nowhere");
}

#[test]
fn what_is_hidden_is_not_even_opened() {
    let root = track(&WHOLE);
    // A link that nobody may follow would be an error.
    symlink("/proc/1/root/nothing", root.path().join("s/dev/.link")).expect("a link");
    add(root.path(), &[".cache/dev/m1/solution.csv", "s/.cache/dev/m1/model.pt"]);
    let found = read(&root);
    assert_eq!(passed_over(&found), [(".cache", Why::Hidden), ("s/.cache", Why::Hidden), ("s/dev/.link", Why::Hidden)]);
}

#[test]
fn the_copy_of_a_participant_is_the_same_layout() {
    let organiser = track(&WHOLE);
    add(organiser.path(), &["s/dev/m1/seed_challenge", "s/final/m2/seed_challenge", "s/final/m2/model.pt"]);
    let participant = track(&["s/train/m0/solution.csv", "s/dev/m1/seed_challenge", "s/final/m2/model.pt"]);
    let [theirs, ours] = [&participant, &organiser]
        .map(|root| TrackDirectory::read(root.path(), "t", &Split::SUBMITTED).expect("a track"));
    assert_eq!(theirs.shape, ours.shape);
    assert_eq!(theirs.shape.scenarios()[0].points(Split::Dev), 4, "as many as the train split's");
    assert!(theirs.lacks_solution(Split::Dev) && !ours.lacks_solution(Split::Dev));
    let error = theirs.solution(Split::Dev).expect_err("it is the organiser's").to_string();
    assert_eq!(error, "s/dev/m1/solution.csv is missing");
}

/// Writes challenge points as arrays of these names, or as `challenge.npy` without any.
fn write_challenge(model: &Path, arrays: &[&str], points: i64) {
    let rows = Array1::from_iter(0..points);
    fs::create_dir_all(model).expect("a folder");
    if arrays.is_empty() {
        return fs::write(model.join(CHALLENGE_NPY), npz::npy_bytes(rows.view()).expect("an array")).expect("a file");
    }
    let mut archive = npz::NpzWriter::new(fs::File::create(model.join(CHALLENGE_NPZ)).expect("a file"));
    for name in arrays {
        archive.add(name, rows.view()).expect("an array");
    }
    archive.finish().expect("an archive");
}

#[test]
fn challenge_points_are_counted_by_the_first_file_that_says_so() {
    for (arrays, points) in [(&["idx"] as &[&str], 6), (&["y"], 6), (&["x", "idx", "y"], 6), (&[], 5)] {
        let root = track(&[]);
        let model = root.path().join("s/dev/m1");
        write_challenge(&model, &[], 5);
        if !arrays.is_empty() {
            write_challenge(&model, arrays, 6);
        }
        let file = if arrays.is_empty() { CHALLENGE_NPY } else { CHALLENGE_NPZ };
        let counted = challenge_points(&model).expect("readable");
        assert_eq!(counted, Some((model.join(file), points)), "{arrays:?}");
        let directory = TrackDirectory::read(root.path(), "t", &[Split::Dev]).expect("a track");
        assert_eq!(directory.shape.scenarios()[0].models(Split::Dev)[0].points, points);
    }
    let root = track(&["s/dev/m1/seed_challenge"]);
    let model = root.path().join("s/dev/m1");
    assert_eq!(challenge(&model), Some(Challenge::Seed(model.join(SEED_CHALLENGE))));
    assert_eq!(challenge_points(&model).expect("nothing to read"), None);
}

#[test]
fn counts_that_disagree_or_that_nothing_tells_are_errors_with_the_model() {
    let says = |root: &TempDir| TrackDirectory::read(root.path(), "t", &Split::ALL).expect_err("an error").to_string();
    let root = track(&WHOLE);
    write_challenge(&root.path().join("s/dev/m1"), &["idx"], 6);
    let error = says(&root);
    assert!(
        error.ends_with("/s/dev/m1: solution.csv has 4 values where challenge.npz has 6 challenge points"),
        "{error}"
    );

    // The others do not agree, so nobody can say how many it has.
    let root = track(&WHOLE);
    add(root.path(), &["s/dev/m3/model.pt"]);
    write_challenge(&root.path().join("s/dev/m4"), &["idx"], 6);
    assert!(says(&root).contains("/s/dev/m3 has: it has no solution.csv"), "{}", says(&root));

    let root = track(&WHOLE);
    add(root.path(), &["s/dev/m3/challenge.npz"]);
    let error = says(&root);
    assert!(
        error.starts_with("cannot read the challenge points in") && error.ends_with("/s/dev/m3/challenge.npz"),
        "{error}"
    );

    let root = track(&WHOLE);
    fs::write(root.path().join("s/dev/m1/solution.csv"), "1,0,2").expect("a file");
    assert!(says(&root).contains("/s/dev/m1/solution.csv"), "{}", says(&root));
}
