//! `callimico lira`: makes a submission from a copy of a track, whatever the track contains and
//! whatever interrupts it.

use std::fs;
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use lira::confidences;
use mico_splits::{self, Seeds, Sizes};
use ndarray::Array1;
use npz::{NpzReader, NpzWriter, RawArray, npy_bytes};
use serde_json::Value;

use crate::support::{DIGITS, Running, callimico, done, folder, interrupt, run, stderr, stdout, text};

/// The models of each split.
const MODELS: [(&str, std::ops::Range<usize>); 3] = [("train", 0..8), ("dev", 8..10), ("final", 10..12)];

/// A track of one scenario and twelve networks in `folder`, each trained on 150 of the digits, with
/// 40 challenge points.
fn track(folder: &Path) -> PathBuf {
    let out = folder.join("digits");
    let sizes = ["--models", "8,2,2", "--training", "150", "--challenge", "20", "--hidden", "12", "--seed", "a test"];
    let args = ["train", "--dataset", DIGITS, "--out", text(&out), "--scenarios", "inf"];
    done(&[&args[..], &sizes].concat());
    out
}

fn lira(track: &Path, out: &Path, more: &[&str]) -> Output {
    let cache = out.with_extension("cache");
    run(&[&["lira", "--data", text(track), "--out", text(out), "--cache", text(&cache)][..], more].concat())
}

/// Runs the attack; returns the bytes of the zip and the printed output.
fn attacked(track: &Path, out: &Path, more: &[&str]) -> (Vec<u8>, String) {
    let output = lira(track, out, more);
    assert!(output.status.success(), "{more:?}: {}", stderr(&output));
    (fs::read(out).expect("a zip"), stdout(&output))
}

#[test]
fn every_attack_gives_a_submission_that_passes_the_check() {
    let folder = folder();
    let track = track(folder.path());
    let out = folder.path().join("out.zip");
    let attacks: [&[&str]; 11] = [
        &[],
        &["--attack", "loss"],
        &["--attack", "online"],
        &["--attack", "online", "--variance", "fixed"],
        &["--attack", "offline", "--variance", "per-example"],
        &["--attack", "hierarchical"],
        &["--attack", "calibrated-loss"],
        &["--attack", "calibrated-confidence"],
        &["--reference"],
        &["--reference", "--attack", "offline"],
        &["--reference", "--variance", "fixed"],
    ];
    let mut zips = Vec::new();
    for more in attacks {
        let (zip, json) = attacked(&track, &out, &[more, &["--json"]].concat());
        assert!(done(&["check", text(&out), "--track-dir", text(&track)]).contains("is fine"));
        let json: Value = serde_json::from_str(&json).expect("JSON");
        assert_eq!((&json["device"], &json["scenarios"][0]["name"]), (&"CPU".into(), &"digits_inf".into()));
        let rates = json["scenarios"][0]["train_TPR_FPR_1000"].as_object().expect("rates");
        assert_eq!(rates.len(), if more.is_empty() { 6 } else { 0 }, "{json}");
        zips.push((more, zip));
    }
    // The first is the default, which is one of the others. The others all differ.
    for (at, (more, zip)) in zips.iter().enumerate().skip(1) {
        let same = zips[at + 1..].iter().find(|(_, other)| other == zip);
        assert_eq!(same.map(|(other, _)| other), None, "{more:?} is as another attack");
    }
}

#[test]
fn hidden_files_are_not_opened() {
    let folder = folder();
    let track = track(folder.path());
    let before = attacked(&track, &folder.path().join("a.zip"), &["--evaluate-train"]);
    for (split, models) in &MODELS[1..] {
        for model in models.clone() {
            let model = track.join("digits_inf").join(split).join(format!("model_{model}"));
            for hidden in ["solution.csv", "train_idx.npy"] {
                fs::remove_file(model.join(hidden)).expect("a hidden file");
            }
            // Folders in place of the files: opening one of these as a file fails.
            for hidden in ["solution.csv", "train_idx.npy", "seed_membership", "seed_training"] {
                fs::create_dir(model.join(hidden)).expect("a folder");
            }
        }
    }
    let after = attacked(&track, &folder.path().join("b.zip"), &["--evaluate-train"]);
    assert!(before == after);
}

#[test]
fn stray_folders_are_named_and_change_nothing() {
    let folder = folder();
    let track = track(folder.path());
    let before = attacked(&track, &folder.path().join("a.zip"), &[]);
    for stray in
        ["digits_inf/dev/.ipynb_checkpoints", "digits_inf/final/tmp", "digits_inf/train/__pycache__", "old/dev"]
    {
        fs::create_dir_all(track.join(stray)).expect("a folder");
    }
    let out = folder.path().join("b.zip");
    let output = lira(&track, &out, &[]);
    let said = stderr(&output);
    assert!(output.status.success(), "{said}");
    let note = "note: passed over old (it holds no model in `train`, `dev` or `final`), digits_inf/dev/.ipynb_checkpoints \
                (hidden), digits_inf/final/tmp (it holds no file of a model), digits_inf/train/__pycache__ (left behind by \
                a program)";
    assert_eq!(said.lines().filter(|line| *line == note).count(), 1, "{said}");
    assert!(before == (fs::read(out).expect("a zip"), stdout(&output)));
}

#[test]
fn rows_and_seeds_stand_for_the_same_points() {
    let folder = folder();
    let track = track(folder.path());
    let mut pool = NpzReader::open(&track.join("data.npz")).expect("the pool");
    let x = pool.get("x").and_then(|x| x.floats()).expect("x");
    let y = pool.get("y").and_then(|y| y.integers()).expect("y");
    let sizes = Sizes { pool: y.len(), trained_on: 150, members: 20 };
    let mut zips = Vec::new();
    for kind in ["archive", "rows", "seeds", "rows and a mapped pool"] {
        let copy = folder.path().join(kind).join("digits");
        for (split, models) in MODELS {
            for number in models {
                let name = format!("digits_inf/{split}/model_{number}");
                let model = copy.join(&name);
                fs::create_dir_all(&model).expect("a folder");
                fs::copy(track.join(&name).join("model.onnx"), model.join("model.onnx")).expect("a model");
                let number = number as u64;
                // Only the low 32 bits matter.
                let seeds = Seeds { challenge: number + (7 << 32), training: 100 + number, membership: 200 + number };
                let drawn = mico_splits::draw(seeds, sizes).expect("a split");
                let row = |rows: &[u32]| rows.iter().map(|&row| i64::from(row)).collect::<Array1<i64>>();
                let points: Vec<usize> = drawn.challenge.iter().map(|&row| row as usize).collect();
                if kind == "archive" {
                    let file = fs::File::create(model.join("challenge.npz")).expect("a file");
                    let mut archive = NpzWriter::new(file);
                    archive.add("x", x.select(ndarray::Axis(0), &points).view()).expect("x");
                    archive.add("y", y.select(ndarray::Axis(0), &points).view()).expect("y");
                    archive.add("idx", row(&drawn.challenge).view()).expect("idx");
                    archive.finish().expect("an archive");
                } else if kind == "seeds" {
                    fs::write(model.join("seed_challenge"), format!("{}\n", seeds.challenge)).expect("a seed");
                } else {
                    let bytes = npy_bytes(row(&drawn.challenge).view()).expect("rows");
                    fs::write(model.join("challenge.npy"), bytes).expect("rows");
                }
                if split != "train" {
                    continue;
                }
                if kind == "seeds" {
                    fs::write(model.join("seed_training"), seeds.training.to_string()).expect("a seed");
                    fs::write(model.join("seed_membership"), seeds.membership.to_string()).expect("a seed");
                } else {
                    let bytes = npy_bytes(row(&drawn.trained_on()).view()).expect("rows");
                    fs::write(model.join("train_idx.npy"), bytes).expect("rows");
                }
                let labels =
                    drawn.membership.iter().map(|&label| if label == scoring::Membership::Member { "1" } else { "0" });
                fs::write(model.join("solution.csv"), labels.collect::<Vec<_>>().join(",")).expect("a solution");
            }
        }
        match kind {
            "archive" => {}
            "rows and a mapped pool" => {
                fs::write(copy.join("data.x.npy"), npy_bytes(x.view()).expect("x")).expect("x");
                fs::write(copy.join("data.y.npy"), npy_bytes(y.view()).expect("y")).expect("y");
            }
            _ => drop(fs::copy(track.join("data.npz"), copy.join("data.npz")).expect("the pool")),
        }
        let out = folder.path().join(kind).join("out.zip");
        let more: &[&str] = if kind == "seeds" { &["--training", "150"] } else { &[] };
        zips.push(attacked(&copy, &out, &[&["--attack", "hierarchical", "--evaluate-train"], more].concat()));
        assert!(done(&["check", text(&out), "--track-dir", text(&copy)]).contains("is fine"), "{kind}");
        if kind == "seeds" {
            let refused = lira(&copy, &out, &[]);
            assert_eq!(refused.status.code(), Some(2));
            assert!(stderr(&refused).contains("--training"), "{}", stderr(&refused));
        }
    }
    assert!(zips.iter().all(|zip| *zip == zips[0]));
}

#[test]
fn a_run_that_is_killed_again_and_again_ends_with_the_same_zip() {
    let folder = folder();
    let track = track(folder.path());
    let (whole, parts) = (folder.path().join("whole.zip"), folder.path().join("parts.zip"));
    let (expected, _) = attacked(&track, &whole, &["--batch", "1"]);
    let cache = parts.with_extension("cache");
    let args = ["lira", "--data", text(&track), "--out", text(&parts), "--cache", text(&cache), "--batch", "1"];
    let mut killed = 0;
    for round in 0..60 {
        if parts.exists() {
            break;
        }
        let mut running = Running::start(&args);
        std::thread::sleep(Duration::from_millis(25 + 3 * round));
        running.kill();
        killed += u32::from(!parts.exists());
    }
    assert!(killed >= 3, "it was done after {killed} kills: the test shows nothing");
    // Another number of threads and a partly filled cache change nothing.
    let (found, _) = attacked(&track, &parts, &["--batch", "1", "--threads", "1"]);
    assert!(found == expected);
    // Neither does a corrupt cache.
    for entry in fs::read_dir(&cache).expect("the cache") {
        fs::write(entry.expect("an entry").path(), "rubbish").expect("written");
    }
    assert!(attacked(&track, &parts, &["--batch", "1"]).0 == expected);
    assert!(attacked(&track, &parts, &["--batch", "1", "--evaluate-train"]).0 == expected);
}

#[test]
fn ctrl_c_keeps_what_was_answered() {
    let folder = folder();
    let track = track(folder.path());
    let out = folder.path().join("out.zip");
    let cache = folder.path().join("cache");
    let args = ["lira", "--data", text(&track), "--out", text(&out), "--cache", text(&cache)];
    let slow = ["--batch", "1", "--threads", "1"];
    let begun =
        callimico().args(args).args(slow).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("started");
    while !fs::read_dir(&cache).is_ok_and(|mut entries| entries.next().is_some()) {
        std::thread::sleep(Duration::from_millis(5));
    }
    interrupt(begun.id());
    let stopped = begun.wait_with_output().expect("it ends");
    assert_eq!(stopped.status.code(), Some(130), "{}", stderr(&stopped));
    assert!(stderr(&stopped).contains("the same command goes on from there"), "{}", stderr(&stopped));
    assert!(!out.exists());
    done(&[&args[..], &slow].concat());
    assert!(out.exists());
}

#[test]
fn raw_scores_and_train_scores_are_told_on_request() {
    let folder = folder();
    let track = track(folder.path());
    let (out, scores, plots) = (folder.path().join("o.zip"), folder.path().join("s.npz"), folder.path().join("plots"));
    let more = ["--attack", "online", "--scores", text(&scores), "--evaluate-train", "--plots", text(&plots)];
    let (zip, printed) = attacked(&track, &out, &more);
    let table = scoring::read_scores(&printed).expect("scores.txt");
    assert_eq!(table.len(), 10);
    // 160 members and as many non-members, of networks that overfit. By chance the AUC would be 0.5
    // with a standard deviation of 0.03.
    assert!(table["scenario1_AUC"] > 0.65, "{printed}");
    for name in ["scores.html", "digits_inf_log.svg", "digits_inf_linear.svg"] {
        assert!(fs::read_to_string(plots.join(name)).expect(name).contains("<svg"), "{name}");
    }
    let mut scores = NpzReader::open(&scores).expect("scores");
    assert_eq!(scores.names(), ["digits_inf/dev", "digits_inf/final"]);
    let mut zip = zip::ZipArchive::new(Cursor::new(zip)).expect("a zip");
    for (split, models) in &MODELS[1..] {
        let raw = scores.get(&format!("digits_inf/{split}")).and_then(|array: RawArray| array.array::<f64>());
        let expected = confidences(raw.expect("numbers").as_slice().expect("a list"));
        let mut found = Vec::new();
        for model in models.clone() {
            let mut file = String::new();
            let path = format!("digits/digits_inf/{split}/model_{model}/prediction.csv");
            zip.by_name(&path).expect("a file").read_to_string(&mut file).expect("text");
            found.extend(file.trim_end().split(',').map(|value| value.parse::<f64>().expect("a number")));
        }
        assert_eq!(found, expected);
    }
}

#[test]
fn what_does_not_fit_is_refused_with_a_sentence_before_any_model_is_asked() {
    let folder = folder();
    let track = track(folder.path());
    let out = folder.path().join("out.zip");
    let gone = folder.path().join("gone");
    let file = folder.path().join("file");
    fs::write(&file, "").expect("written");
    let refused = |more: &[&str], part: &str| {
        let output = lira(&track, &out, more);
        assert_eq!(output.status.code(), Some(2), "{more:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(part), "{more:?}: {}", stderr(&output));
        assert!(stdout(&output).is_empty() && !out.exists() && !stderr(&output).contains("queries,"));
    };
    refused(&["--device", "cuda"], "CUDA was asked for and does not work");
    refused(&["--variance", "fixed"], "--variance belongs to");
    refused(&["--threads", "65535"], "--threads takes 1 to 1024");
    refused(&["--reference", "--attack", "loss"], "online and offline");
    refused(&["--reference", "--variance", "shrunk"], "shrink no variances");
    refused(&["--plots", "p"], "--evaluate-train");
    refused(&["--track", "../up"], "../up");
    refused(&["--scores", text(&gone.join("s.npz"))], &format!("there is no folder {}", text(&gone)));
    refused(&["--scores", text(&track.join("data.npz"))], "it is a file of the track");
    refused(&["--scores", text(folder.path())], "no ordinary file");
    refused(&["--scores", text(&out)], "the same file");
    refused(&["--evaluate-train", "--plots", text(&file.join("plots"))], "cannot make the folder");

    let model = |name: &str| track.join("digits_inf").join(name);
    let solution = model("train/model_3/solution.csv");
    let right = fs::read_to_string(&solution).expect("a solution");
    let turned: String = right
        .chars()
        .map(|c| {
            if c == '0' {
                '1'
            } else if c == '1' {
                '0'
            } else {
                c
            }
        })
        .collect();
    fs::write(&solution, turned).expect("written");
    refused(&[], "by solution.csv its challenge point 1");
    fs::write(&solution, "1,0").expect("written");
    refused(&[], "2 values for 40 challenge points");
    fs::write(&solution, right).expect("written");

    fs::rename(model("final/model_11/model.onnx"), model("final/model_11/model.pt")).expect("renamed");
    refused(&[], "kit/export_onnx.py");
    fs::rename(model("final/model_11/model.pt"), model("final/model_11/model.onnx")).expect("renamed");

    let challenge = model("dev/model_8/challenge.npz");
    let rows = fs::read(&challenge).expect("an archive");
    let mut beyond = NpzWriter::new(fs::File::create(&challenge).expect("a file"));
    beyond.add("idx", Array1::from_iter(1758..1798_i64).view()).expect("rows");
    beyond.finish().expect("an archive");
    refused(&[], "a row beyond the pool, which has 1797");
    fs::write(&challenge, rows).expect("written");
    let mut archive = NpzReader::open(&challenge).expect("an archive");
    let [x, y] = ["x", "y"].map(|name| archive.get(name).expect("an array"));
    let mut without = NpzWriter::new(fs::File::create(&challenge).expect("a file"));
    without.add("x", x.floats().expect("x").view()).expect("x");
    without.add("y", y.integers().expect("y").view()).expect("y");
    without.finish().expect("an archive");
    refused(&[], "has no `idx`");
    // The loss threshold needs no rows.
    attacked(&track, &out, &["--attack", "loss"]);
    fs::remove_file(&out).expect("a zip");

    fs::write(&challenge, "no archive").expect("written");
    refused(&["--attack", "loss"], "model_8/challenge.npz");
    fs::remove_file(&challenge).expect("removed");
    refused(&["--attack", "loss"], "no challenge points: neither");
    fs::remove_dir_all(model("train")).expect("removed");
    fs::remove_dir_all(model("dev/model_8")).expect("removed");
    refused(&[], "has no models in `train`");
    fs::remove_dir_all(model("final")).expect("removed");
    refused(&[], "no models in `final`");
}

#[test]
fn without_its_library_it_says_how_to_get_it() {
    let folder = folder();
    let track = track(folder.path());
    let with = |library: &Path| {
        let mut command = callimico();
        command.env("ORT_DYLIB_PATH", library).args(["lira", "--no-cache", "--data", text(&track), "--out"]);
        let output = command.arg(folder.path().join("out.zip")).output().expect("it runs");
        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
        stderr(&output)
    };
    let said = with(&folder.path().join("gone/libonnxruntime.so"));
    assert!(said.contains("there is no such file") && said.contains("pip install"), "{said}");
    let no_library = folder.path().join("libonnxruntime.so");
    fs::write(&no_library, "no library").expect("written");
    let said = with(&no_library);
    assert!(said.contains("cannot be loaded as ONNX Runtime 1.24 or newer"), "{said}");
    // With no library in the cache or under `HOME`. One that is installed on the system is still
    // found.
    let mut command = callimico();
    command.env_remove("ORT_DYLIB_PATH").env("CALLIMICO_CACHE_DIR", folder.path()).env("HOME", folder.path());
    let output = command.args(["doctor", "--data-dir", text(&folder.path().join("data"))]).output().expect("it runs");
    assert!(stdout(&output).contains("\nok   onnxruntime: "), "{}", stdout(&output));
}
