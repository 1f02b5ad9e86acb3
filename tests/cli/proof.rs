//! `reproduce`: an export of an earlier version is checked, and every way in which that can end.

use std::fs;

use serde_json::Value;

use crate::support::{done, folder, run, stderr, stdout, text, write_track};

const EXPORT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/proof/testdata/format1.tar");

/// What a check says, by its name.
fn detail(report: &Value, name: &str) -> String {
    let checks = report["checks"].as_array().expect("checks");
    let found = checks.iter().find(|check| check["check"] == name).unwrap_or_else(|| panic!("no {name}: {report:#}"));
    found["detail"].as_str().expect("a sentence").to_owned()
}

#[test]
fn a_good_export_is_reproduced_with_a_line_a_check() {
    let said = done(&["reproduce", EXPORT, "--strict"]);
    assert!(said.lines().all(|line| line.starts_with("ok ")), "{said}");
    for check in ["archive", "log chain", "entries", "commitment", "zips", "scores", "ranking.json", "results.json"] {
        assert!(said.lines().any(|line| line.contains(&format!("  {check}: "))), "{check}: {said}");
    }
    let report: Value = serde_json::from_str(&done(&["reproduce", EXPORT, "--json"])).expect("JSON");
    assert_eq!(report["ok"], true);
    assert!(report["checks"].as_array().expect("checks").iter().all(|check| check["outcome"] == "ok"), "{report:#}");
}

#[test]
fn what_was_published_is_compared() {
    let report: Value = serde_json::from_str(&done(&["reproduce", EXPORT, "--json"])).expect("JSON");
    let head = detail(&report, "log chain").rsplit(' ').next().expect("a head").to_owned();
    let root = detail(&report, "commitment").split(' ').find(|word| word.len() == 64).expect("a root").to_owned();
    let said = done(&["reproduce", EXPORT, "--head", &head, "--root", &root]);
    assert!(said.contains("published head") && said.contains("published root"), "{said}");
    let (seq, _) = head.split_once(':').expect("a head");
    let other = "0".repeat(64);
    for args in [["--head", &format!("{seq}:{other}")], ["--head", &format!("999:{other}")], ["--root", &other]] {
        let output = run(&[&["reproduce", EXPORT][..], &args].concat());
        assert_eq!(output.status.code(), Some(1), "{args:?}: {}", stderr(&output));
        assert_eq!(stdout(&output).matches("FAILED").count(), 1, "{}", stdout(&output));
    }
    for args in [["--head", "17"], ["--head", &format!("0:{other}")], ["--root", "17"]] {
        assert_eq!(run(&[&["reproduce", EXPORT][..], &args].concat()).status.code(), Some(2), "{args:?}");
    }
}

#[test]
fn a_changed_file_fails_and_one_that_cannot_be_read_ends_with_2() {
    let folder = folder();
    let path = folder.path().join("export.tar");
    let good = fs::read(EXPORT).expect("the export");
    for at in [0, 140, 512, 5_000, good.len() / 2, good.len() - 1] {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        fs::write(&path, bytes).expect("written");
        let output = run(&["reproduce", text(&path), "--json"]);
        assert_eq!(output.status.code(), Some(1), "byte {at}: {}", stderr(&output));
        let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!(report["ok"], false);
    }
    for bytes in
        [&good[..good.len() - 1], &good[..700], b"", b"no archive at all, but some text of more than a few words"]
    {
        fs::write(&path, bytes).expect("written");
        let output = run(&["reproduce", text(&path)]);
        assert_eq!(output.status.code(), Some(2), "{} bytes: {}", bytes.len(), stdout(&output));
        assert!(stdout(&output).is_empty() && stderr(&output).contains("cannot be checked"), "{}", stderr(&output));
    }
    assert_eq!(run(&["reproduce", text(&folder.path().join("gone"))]).status.code(), Some(2));
}

#[test]
fn a_track_that_is_not_revealed_is_not_exported() {
    let folder = folder();
    let track = write_track(folder.path());
    let (data, out) = (folder.path().join("data"), folder.path().join("export.tar"));
    done(&["import", text(&track), "--competition", "small", "--data-dir", text(&data), "--no-release"]);
    for (track, says) in [("small/tiny", "no official ranking yet"), ("small/gone", "no track")] {
        let output = run(&["export", track, "--out", text(&out), "--data-dir", text(&data)]);
        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
        assert!(stderr(&output).contains(says), "{}", stderr(&output));
    }
    let left = fs::read_dir(folder.path()).expect("the folder").count();
    assert_eq!(left, 2, "the track and the data, and nothing of an export");
}
