//! Checking and scoring without a server and a database.

use std::fs;

use serde_json::Value;

use crate::support::{callimico, done, folder, perfect_zip, run, stderr, stdout, text, write_track, zip};

#[test]
fn a_right_submission_is_called_fine_and_scores_one() {
    let folder = folder();
    let track = write_track(folder.path());
    let archive = folder.path().join("good.zip");
    fs::write(&archive, perfect_zip()).expect("written");
    let said = done(&["check", text(&archive), "--track-dir", text(&track)]);
    assert!(said.contains("is fine"), "{said}");
    for split in ["dev", "final"] {
        let scores = done(&["score", text(&archive), "--track-dir", text(&track), "--split", split]);
        assert_eq!(scores.lines().count(), 19, "{scores}");
        assert!(scores.contains("scenario2_TPR_FPR_1000: 1.0\n"), "{scores}");
        assert!(scores.ends_with("average_TPR_FPR_1000: 1.0\n"), "{scores}");
    }
}

#[test]
fn a_directory_tree_scores_as_the_zip_does_and_a_report_is_written() {
    let folder = folder();
    let track = write_track(folder.path());
    // The starting kit writes predictions beside the models.
    let mut place = 0_u32;
    for scenario in ["tiny_hi", "tiny_lo"] {
        for model in ["model_1", "model_2"] {
            let values: Vec<String> = (0..10)
                .map(|point| {
                    place += 1;
                    (f64::from((place * 37 + point) % 101) / 101.0).to_string()
                })
                .collect();
            fs::write(track.join(scenario).join("dev").join(model).join("prediction.csv"), values.join("\n"))
                .expect("written");
        }
    }
    let out = folder.path().join("report");
    let args = ["score", text(&track), "--track-dir", text(&track), "--split", "dev"];
    let plain = done(&args);
    let with_report = done(&[&args[..], &["--out", text(&out)]].concat());
    assert_eq!(plain, with_report);
    assert_eq!(fs::read_to_string(out.join("scores.txt")).expect("written"), plain);
    let page = fs::read_to_string(out.join("scores.html")).expect("written");
    assert_eq!(page.matches("<svg").count(), 4, "two scenarios, linear and log-log");
    let json: Value = serde_json::from_str(&done(&[&args[..], &["--json"]].concat())).expect("JSON");
    let average = scoring::read_scores(&plain).expect("scores")["average_TPR_FPR_1000"];
    assert_eq!(json["average_TPR_FPR_1000"], average);
    assert!(json["scenarios"]["tiny_hi"]["AUC"].is_f64(), "{json}");
    assert_eq!(json["curves"]["tiny_lo"]["fpr"][0], 0.0);
}

#[test]
fn offline_the_ranking_rule_is_that_of_track_yaml_and_a_flag_wins_over_it() {
    let folder = folder();
    let track = write_track(folder.path());
    let archive = folder.path().join("half.zip");
    let half = |path: &str, text| path.contains("tiny_lo").then_some(text);
    fs::write(&archive, zip(|point| if point % 2 == 0 { 0.9 } else { 0.1 }, half)).expect("written");
    let check = ["check", text(&archive), "--track-dir", text(&track)];
    assert_eq!(run(&check).status.code(), Some(2), "all scenarios are needed");
    let output = run(&[&check[..], &["--scenarios", "any"]].concat());
    assert_eq!(output.status.code(), Some(0));
    assert!(stderr(&output).contains("tiny_hi: The scenario is left out: it counts as 0 in the mean."));

    fs::write(track.join("track.yaml"), "ranking: {number: max_TPR_FPR_1000, scenarios: any}\n").expect("written");
    assert!(done(&check).contains("is fine"));
    let out = folder.path().join("report");
    let score = ["score", text(&archive), "--track-dir", text(&track), "--split", "dev"];
    let scores = done(&[&score[..], &["--out", text(&out)]].concat());
    assert!(scores.ends_with("scenario2_TPR_FPR_2000: 1.0\nmax_TPR_FPR_1000: 1.0\n"), "{scores}");
    assert!(!scores.contains("scenario1_"), "{scores}");
    let json: Value = serde_json::from_str(&done(&[&score[..], &["--json"]].concat())).expect("JSON");
    assert_eq!((&json["max_TPR_FPR_1000"], &json["scenarios"]["tiny_hi"]), (&1.0.into(), &Value::Null));
    assert_eq!(json["scenarios"]["tiny_lo"]["AUC"], 1.0);
    assert!(json["curves"].get("tiny_hi").is_none(), "{json}");
    let page = fs::read_to_string(out.join("scores.html")).expect("written");
    assert!(page.contains("the greatest of all scenarios") && page.contains("<td>–</td>"), "{page}");
    assert_eq!(page.matches("<svg").count(), 2);
    let scores = done(&[&score[..], &["--ranking", "average_TPR_FPR_1000"]].concat());
    assert!(scores.ends_with("average_TPR_FPR_1000: 0.5\n"), "{scores}");

    let output = run(&[&check[..], &["--ranking", "max"]].concat());
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("`max` is not one of"), "{}", stderr(&output));
    fs::write(track.join("track.yaml"), "ranking: {scenarios: some}\n").expect("written");
    let output = run(&check);
    assert_eq!(output.status.code(), Some(2));
    let said = stderr(&output);
    assert!(said.contains("track.yaml: `ranking.scenarios`: `some` is not one of all and any"), "{said}");
}

#[test]
fn a_wrong_submission_is_told_by_file_line_and_column_and_ends_with_2() {
    let folder = folder();
    let track = write_track(folder.path());
    let archive = folder.path().join("bad.zip");
    let bytes = zip(
        |_| 0.5,
        |path, text| match path {
            "tiny/tiny_hi/dev/model_2/prediction.csv" => Some(text.replacen("0.5,0.5", "0.5,1.5", 1)),
            "tiny/tiny_lo/final/model_4/prediction.csv" => None,
            _ => Some(text),
        },
    );
    fs::write(&archive, bytes).expect("written");
    let output = run(&["check", text(&archive), "--track-dir", text(&track)]);
    assert_eq!(output.status.code(), Some(2));
    let said = stdout(&output);
    assert!(said.contains("tiny/tiny_hi/dev/model_2/prediction.csv:1:5"), "{said}");
    assert!(said.contains("tiny/tiny_lo/final/model_4/prediction.csv"), "{said}");
    assert!(stderr(&output).contains("2 problems"), "{}", stderr(&output));

    let output = run(&["check", text(&archive), "--track-dir", text(&track), "--json"]);
    assert_eq!(output.status.code(), Some(2));
    let json: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((json["ok"].as_bool(), json["problems_total"].as_u64()), (Some(false), Some(2)));
    // A dev score reads only dev, so only its problem is reported.
    let output = run(&["score", text(&archive), "--track-dir", text(&track), "--split", "dev"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("1 problem"), "{}", stderr(&output));
    assert_eq!(run(&["score", text(&archive), "--track-dir", text(&track), "--split", "final"]).status.code(), Some(2));
}

#[test]
fn wrong_arguments_end_with_2_and_a_sentence() {
    let folder = folder();
    let track = write_track(folder.path());
    let data = folder.path().join("data");
    let (zip, gone, empty) = (folder.path().join("gone.zip"), folder.path().join("gone"), folder.path().join("empty"));
    fs::create_dir(&empty).expect("a folder");
    let (track, data, zip, gone) = (text(&track), text(&data), text(&zip), text(&gone));
    let (no_zip, no_folder) = (format!("cannot read {zip}"), format!("no folder {gone}"));
    for (args, says) in [
        (vec!["frobnicate"], "unrecognized subcommand"),
        (vec!["score", zip, "--track-dir", track, "--split", "dev"], no_zip.as_str()),
        (vec!["score", zip, "--track-dir", track, "--split", "both"], "both"),
        (vec!["score", zip, "--track-dir", gone, "--split", "dev"], &no_folder),
        (vec!["check", zip, "--track-dir", "/"], "give --track"),
        (vec!["check", zip, "--track-dir", text(&empty)], "no track directory"),
        (vec!["import", track, "--competition", "Not A Slug"], "short name"),
        (vec!["import", gone, "--competition", "c", "--data-dir", data], &no_folder),
        (vec!["track", "open", "tiny", "--data-dir", data], "competition/track"),
        (vec!["worker", "--workers", "0", "--data-dir", data], "at least one worker"),
        (vec!["user", "create", "a b", "--email", "a@b.c", "--data-dir", data], "letters"),
        (vec!["user", "create", "ada", "--email", "nobody", "--data-dir", data], "e-mail"),
    ] {
        let output = run(&args);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(says), "{args:?}: {}", stderr(&output));
        assert!(!stderr(&output).contains("panicked"), "{args:?}: {}", stderr(&output));
    }
}

#[test]
fn a_track_that_cannot_be_scored_says_why() {
    let folder = folder();
    let track = write_track(folder.path());
    let archive = folder.path().join("good.zip");
    fs::write(&archive, perfect_zip()).expect("written");
    let model = track.join("tiny_hi/dev/model_1");
    let solution = model.join("solution.csv");
    // Without its solution, too, the folder is a model.
    fs::write(model.join("model.pt"), "a model").expect("written");
    let args = ["score", text(&archive), "--track-dir", text(&track), "--split", "dev"];
    for (content, says) in [
        (Some("1,0,1,0,2,0,1,0,1,0"), "solution.csv"),
        (Some("1,0,1,0,1,0,1,0,1"), "10 values"),
        (None, "solution.csv is missing"),
    ] {
        match content {
            Some(content) => fs::write(&solution, content).expect("written"),
            None => fs::remove_file(&solution).expect("removed"),
        }
        let output = run(&args);
        assert_eq!(output.status.code(), Some(2), "{content:?}");
        let said = format!("{}{}", stdout(&output), stderr(&output));
        assert!(said.contains(says), "{content:?}: {said}");
    }
}

#[test]
fn results_that_nobody_reads_are_no_failure_and_a_full_disk_is_one() {
    for args in [&["openapi"][..], &["openapi", "--help"]] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let output = callimico().args(args).stdout(writer).output().expect("it runs");
        assert_eq!((output.status.code(), stderr(&output)), (Some(0), String::new()), "{args:?}");
    }
    let full = fs::File::options().write(true).open("/dev/full").expect("a full disk");
    let output = callimico().arg("openapi").stdout(full).output().expect("it runs");
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(stderr(&output).contains("the result cannot be written: No space left"), "{}", stderr(&output));
}
