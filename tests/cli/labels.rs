//! Committing to labels, and checking an opening, without a server.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::{MODELS, POINTS, SCENARIOS, done, folder, run, stderr, stdout, text, write_track};

/// The opening that belongs to a file of salts and the track of the tests.
fn opening(salts: &Path) -> Value {
    let salts: Value = serde_json::from_str(&fs::read_to_string(salts).expect("the salts")).expect("JSON");
    let labels: String = (0..POINTS).map(|point| if point % 2 == 0 { '1' } else { '0' }).collect();
    let of = |salt: &Value| json!({"salt": salt, "labels": labels});
    let models = salts["salts"].as_object().expect("an object").iter().map(|(path, salt)| (path.clone(), of(salt)));
    json!({"version": 1, "track": salts["track"], "models": models.collect::<serde_json::Map<_, _>>()})
}

#[test]
fn labels_are_committed_to_and_their_opening_is_checked() {
    let folder = folder();
    let track = write_track(folder.path());
    let salts = folder.path().join("salts.json");
    let said = done(&["commit", text(&track), "--out", text(&salts)]);
    let root = said.trim_end();
    assert_eq!((root.len(), said.len()), (64, 65), "the root alone: {said}");
    let mode = fs::metadata(&salts).expect("the salts").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let written: Value = serde_json::from_str(&fs::read_to_string(&salts).expect("the salts")).expect("JSON");
    assert_eq!((written["version"].as_u64(), written["track"].as_str()), (Some(1), Some("tiny")));
    let models: usize = MODELS[1..].iter().map(|(_, models)| models.len() * SCENARIOS.len()).sum();
    assert_eq!(written["salts"].as_object().expect("an object").len(), models);

    let file = folder.path().join("opening.json");
    fs::write(&file, opening(&salts).to_string()).expect("written");
    let said = done(&["verify-labels", text(&file), "--root", root]);
    assert!(said.starts_with("ok: the labels of 8 models"), "{said}");
    let said: Value =
        serde_json::from_str(&done(&["verify-labels", text(&file), "--root", root, "--json"])).expect("JSON");
    assert_eq!((said["ok"].as_bool(), said["root"].as_str()), (Some(true), Some(root)));

    // One label of one model.
    let mut changed = opening(&salts);
    changed["models"]["tiny_hi/final/model_3"]["labels"] = json!("1111111110");
    fs::write(&file, changed.to_string()).expect("written");
    let output = run(&["verify-labels", text(&file), "--root", root]);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(stdout(&output).starts_with("FAILED"), "{}", stdout(&output));
    let output = run(&["verify-labels", text(&file), "--root", root, "--json"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stdout(&output).contains("\"ok\": false"), "{}", stdout(&output));
}

#[test]
fn the_models_that_differ_are_named_where_the_commitment_is_given() {
    let folder = folder();
    let track = write_track(folder.path());
    let salts = folder.path().join("salts.json");
    let root = done(&["commit", text(&track), "--out", text(&salts)]);
    let good: scoring::commitment::Opening = serde_json::from_value(opening(&salts)).expect("an opening");
    let commitment = folder.path().join("commitment.txt");
    fs::write(&commitment, good.commitment().expect("models").text()).expect("written");
    let mut changed = opening(&salts);
    changed["models"]["tiny_lo/dev/model_2"]["labels"] = json!("0000000001");
    let file = folder.path().join("opening.json");
    fs::write(&file, changed.to_string()).expect("written");
    let args = ["verify-labels", text(&file), "--root", root.trim_end(), "--commitment", text(&commitment)];
    let output = run(&args);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert_eq!(stdout(&output).lines().skip(1).collect::<Vec<_>>(), ["FAILED: tiny_lo/dev/model_2"]);
    // The commitment of another root would name the wrong models.
    fs::write(&commitment, "").expect("written");
    assert_eq!(run(&args).status.code(), Some(2));
}

#[test]
fn salts_are_never_replaced_and_no_part_of_a_track_is_committed_to() {
    let folder = folder();
    let track = write_track(folder.path());
    let salts = folder.path().join("salts.json");
    let first = done(&["commit", text(&track), "--out", text(&salts)]);
    let kept = fs::read(&salts).expect("the salts");
    let output = run(&["commit", text(&track), "--out", text(&salts)]);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    assert!(stderr(&output).contains("is there already"), "{}", stderr(&output));
    assert_eq!((fs::read(&salts).expect("the salts"), stdout(&output)), (kept, String::new()));
    // Other salts give another root, another name another one still.
    let other = folder.path().join("other.json");
    assert_ne!(done(&["commit", text(&track), "--out", text(&other), "--track", "small"]), first);
    assert!(fs::read_to_string(&other).expect("the salts").contains("\"small\""));

    fs::write(track.join("tiny_hi/final/model_3/model.pt"), "a model").expect("written");
    fs::remove_file(track.join("tiny_hi/final/model_3/solution.csv")).expect("removed");
    let third = folder.path().join("third.json");
    let output = run(&["commit", text(&track), "--out", text(&third)]);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    assert!(!third.exists(), "{}", stderr(&output));
}

#[test]
fn what_is_no_opening_or_no_root_ends_with_2() {
    let folder = folder();
    let file = folder.path().join("opening.json");
    let (root, path) = ("0".repeat(64), text(&file).to_owned());
    assert_eq!(run(&["verify-labels", &path, "--root", &root]).status.code(), Some(2), "there is no file");
    for content in
        ["", "{}", "[1]", r#"{"version":2,"track":"t","models":{}}"#, r#"{"version":1,"track":"t","models":{}}"#]
    {
        fs::write(&file, content).expect("written");
        let output = run(&["verify-labels", &path, "--root", &root]);
        assert_eq!(output.status.code(), Some(2), "{content}: {}", stdout(&output));
    }
    for root in ["", "12", &"g".repeat(64), &"0".repeat(63)] {
        assert_eq!(run(&["verify-labels", &path, "--root", root]).status.code(), Some(2), "{root}");
    }
}
