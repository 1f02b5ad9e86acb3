//! The demo: the first run makes it, the second reuses it.

use crate::support::{done, folder, text};

#[test]
fn the_demo_makes_a_board_and_the_second_time_finds_it() {
    let folder = folder();
    let data = folder.path().join("data");
    let first = done(&["demo", "--no-serve", "--data-dir", text(&data)]);
    assert!(first.contains("scored 5 submissions"), "{first}");
    assert!(data.join("demo/try-me.zip").is_file());
    let again = done(&["demo", "--no-serve", "--data-dir", text(&data)]);
    assert!(!again.contains("scored") && !again.contains("submitted"), "{again}");
    assert!(again.contains("Log in as `visitor`"), "{again}");
    // Beside the open track one that has ended, with results.
    let results = done(&["results", "demo/first", "--format", "json", "--data-dir", text(&data)]);
    let results: serde_json::Value = serde_json::from_str(&results).expect("JSON");
    assert_eq!((&results["phase"], &results["provisional"]), (&"benchmark".into(), &false.into()));
    assert_eq!(results["participants"], 4, "the organiser's baseline and who came later do not compete");
    let ranks: Vec<_> = results["entries"].as_array().expect("a list").iter().map(|one| &one["rank"]).collect();
    assert_eq!(ranks, [&1.into(), &2.into(), &3.into(), &4.into(), &serde_json::Value::Null]);
    // The demo's zip passes `callimico check`, and its scores are lower the more private the
    // networks are.
    let (zip, track) = (data.join("demo/try-me.zip"), data.join("demo/digits"));
    done(&["check", text(&zip), "--track-dir", text(&track)]);
    for split in ["dev", "final"] {
        let scores = done(&["score", text(&zip), "--track-dir", text(&track), "--split", split, "--json"]);
        let scores: serde_json::Value = serde_json::from_str(&scores).expect("JSON");
        let [none, high, low] = ["inf", "hi", "lo"].map(|scenario| {
            scores["scenarios"][format!("digits_{scenario}")]["TPR_FPR_1000"].as_f64().expect("a number")
        });
        // The demo's seed is fixed, so the scores are the same on every machine. Guessing would
        // give 0.1.
        assert!(none > high + 0.05 && high > low + 0.02 && low > 0.11, "{split}: {none}, {high}, {low}");
    }
}
