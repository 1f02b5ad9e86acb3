//! The `submission` commands.

use serde_json::{Value, json};

use crate::support::{Client, Running, done, folder, free_address, perfect_zip, run, stderr, text, write_track, zip};

#[tokio::test(flavor = "multi_thread")]
async fn submissions_are_listed_disqualified_restored_and_scored_again() {
    let folder = folder();
    let track = write_track(folder.path());
    let data = folder.path().join("data");
    let (track, data, address) = (text(&track), text(&data), free_address());
    done(&["import", track, "--competition", "c", "--no-release", "--data-dir", data]);
    let _server = Running::start(&["serve", "--data-dir", data, "--bind", &address, "--workers", "1"]);
    Client::new(&address, "").wait_until_ready().await;
    let ask = |args: &[&str]| run(&[&["submission"], args, &["--data-dir", data]].concat());
    let tell = |args: &[&str]| -> Value {
        let answer = done(&[&["submission"], args, &["--json", "--data-dir", data]].concat());
        serde_json::from_str(&answer).expect("JSON")
    };
    assert_eq!(tell(&["list", "c/tiny"]), json!({"submissions": [], "next": null}));

    done(&["track", "open", "c/tiny", "--data-dir", data]);
    done(&["user", "create", "ada", "--email", "ada@example.org", "--data-dir", data]);
    let client = Client::new(&address, &done(&["user", "token", "ada", "--data-dir", data]));
    client.enrol().await.expect("enrolled");
    let mut sent = Vec::new();
    for archive in [zip(|_| 0.5, |_, text| Some(text)), perfect_zip()] {
        let (status, receipt) = client.submit(archive).await.expect("an answer");
        assert_eq!(status, 201, "{receipt}");
        let id = receipt["id"].as_str().expect("an id").to_owned();
        client.get(&format!("/submissions/{id}?wait=30")).await.expect("an answer");
        sent.push(id);
    }
    let [first, last] = [sent[0].as_str(), sent[1].as_str()];
    let standing = async || {
        let board = client.get("/competitions/c/tracks/tiny/leaderboard").await.expect("a board");
        board["entries"][0]["submission"].as_str().map(str::to_owned)
    };
    assert_eq!(standing().await.as_deref(), Some(last));

    let listed = tell(&["list", "c/tiny"]);
    let lines = listed["submissions"].as_array().expect("a list");
    assert_eq!(lines.iter().map(|one| one["id"].as_str()).collect::<Vec<_>>(), [Some(last), Some(first)]);
    assert_eq!((&lines[0]["state"], &lines[0]["participant"]), (&json!("scored"), &json!("ada")));
    assert_eq!(lines[0]["disqualified"], Value::Null);

    // The next candidate takes the place of what is taken out, and gives it back.
    let out = tell(&["disqualify", last, "--reason", "it holds the labels"]);
    assert_eq!(out["submission"], last);
    assert!(out["log"]["seq"].as_i64() > Some(0) && out.get("already").is_none(), "{out}");
    assert_eq!(standing().await.as_deref(), Some(first));
    let again = tell(&["disqualify", last, "--reason", "it holds the labels"]);
    assert_eq!(again, json!({"submission": last, "log": null, "already": true}));
    assert_eq!(tell(&["list", "c/tiny"])["submissions"][0]["disqualified"]["reason"], "it holds the labels");
    let listed = done(&["submission", "list", "c/tiny", "--data-dir", data]);
    let of_last = listed.lines().next().expect("a line");
    assert!(of_last.starts_with(last) && of_last.contains("scored, disqualified  ada"), "{listed}");
    let back = ask(&["restore", last, "--reason", "it does not"]);
    assert_eq!(back.status.code(), Some(0), "{}", stderr(&back));
    assert_eq!(stderr(&back).trim(), format!("submission {last} counts again"));
    assert_eq!(stderr(&ask(&["restore", last])).trim(), format!("submission {last} was not disqualified"));
    assert_eq!(standing().await.as_deref(), Some(last));

    // The same labels give the same score; the rescoring waits to be applied or dropped.
    let rescored = tell(&["rescore", last, "--reason", "to be sure"]);
    assert_eq!((&rescored["scores"], &rescored["changed"]), (&json!(1), &json!([])));
    let second = ask(&["rescore", first, "--reason", "to be sure"]);
    assert_eq!(second.status.code(), Some(2));
    assert!(stderr(&second).contains("apply or drop it first"), "{}", stderr(&second));
    let batch = rescored["batch"].as_str().expect("a batch");
    let applied = done(&["track", "rescore", "c/tiny", "--apply", batch, "--json", "--data-dir", data]);
    assert!(applied.contains("\"state\":\"applied\""), "{applied}");
    let applied = run(&["track", "rescore", "c/tiny", "--apply", batch, "--data-dir", data]);
    assert_eq!(applied.status.code(), Some(2));
    assert!(stderr(&applied).contains("there is no open rescoring"), "{}", stderr(&applied));
    assert_eq!(standing().await.as_deref(), Some(last));

    let nobody = "01939d6e-0000-7000-8000-000000000000";
    let long = "x".repeat(501);
    for (args, told) in [
        (&["list", "c/nothing"][..], "there is no track c/nothing"),
        (&["disqualify", nobody, "--reason", "so"], "there is no submission"),
        (&["restore", nobody], "there is no submission"),
        (&["rescore", nobody, "--reason", "so"], "there is no submission"),
        (&["disqualify", "1", "--reason", "so"], "invalid value"),
        (&["disqualify", last], "--reason"),
        (&["rescore", last], "--reason"),
        (&["disqualify", last, "--reason", "  "], "1 to 500 characters"),
        (&["disqualify", last, "--reason", "a\u{1b}[2Jb"], "no control characters"),
        (&["disqualify", last, "--reason", &long], "1 to 500 characters"),
    ] {
        let refused = ask(args);
        assert_eq!(refused.status.code(), Some(2), "{args:?}: {}", stderr(&refused));
        assert!(stderr(&refused).contains(told), "{args:?}: {}", stderr(&refused));
    }
}
