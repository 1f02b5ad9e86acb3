//! What an organiser and a participant do with the commands, with a running server and without one.

use std::fs;
use std::io::Write;
use std::process::Stdio;

use serde_json::Value;

use crate::support::{
    Client, Running, callimico, done, folder, free_address, perfect_zip, run, stderr, text, write_track,
};

#[tokio::test(flavor = "multi_thread")]
async fn commands_work_beside_a_running_server_and_a_second_import_changes_nothing() {
    let folder = folder();
    let track = write_track(folder.path());
    let data = folder.path().join("data");
    let (track, data, address) = (text(&track), text(&data), free_address());
    let server = Running::start(&["serve", "--data-dir", data, "--bind", &address]);
    Client::new(&address, "").wait_until_ready().await;

    let plan = done(&["import", track, "--competition", "c", "--data-dir", data, "--dry-run"]);
    assert!(plan.contains("c/tiny: new track"), "{plan}");
    let plan = done(&["import", track, "--competition", "c", "--data-dir", data]);
    assert!(plan.contains("c/tiny: new track"), "{plan}");
    assert!(plan.contains("scenario tiny_hi: train: 1 models, 10 challenge points; dev: 2 models"), "{plan}");
    let again = done(&["import", track, "--competition", "c", "--data-dir", data]);
    assert!(again.contains("nothing changes"), "{again}");

    let password = done(&["user", "create", "ada", "--email", "ada@example.org", "--data-dir", data]);
    assert_eq!(password.trim().len(), 64, "a password was made up and printed");
    let twice = run(&["user", "create", "ADA", "--email", "ada@example.org", "--data-dir", data]);
    assert_eq!(twice.status.code(), Some(2), "{}", stderr(&twice));
    let token = done(&["user", "token", "ada", "--data-dir", data]);
    assert!(token.starts_with("cmk_"), "{token}");

    let client = Client::new(&address, &token);
    assert_eq!(client.enrol().await.expect("an answer")["status"], "approved");
    let (status, refused) = client.submit(perfect_zip()).await.expect("an answer");
    assert_eq!((status, refused["code"].as_str()), (403, Some("not_open")));
    done(&["track", "open", "c/tiny", "--data-dir", data]);
    let (status, receipt) = client.submit(perfect_zip()).await.expect("an answer");
    assert_eq!(status, 201, "{receipt}");
    let id = receipt["id"].as_str().expect("an id");
    let submission = client.get(&format!("/submissions/{id}?wait=30")).await.expect("an answer");
    assert_eq!(submission["state"], "scored");
    assert_eq!(submission["scores"]["dev"]["average_TPR_FPR_1000"], 1.0);
    assert_eq!(submission["scores"].as_object().map(serde_json::Map::len), Some(1), "no final score");

    // Scoring offline gives the same numbers. So does the interval, whose draws are seeded by track
    // and split only.
    let archive = folder.path().join("mine.zip");
    fs::write(&archive, perfect_zip()).expect("written");
    let offline = done(&["score", text(&archive), "--track-dir", track, "--split", "dev", "--json"]);
    let offline: Value = serde_json::from_str(&offline).expect("JSON");
    let online = &submission["scores"]["dev"];
    for key in ["average_TPR_FPR_1000", "interval_95", "scenarios"] {
        assert_eq!(offline[key], online[key], "{key}");
    }

    // A solution that entries were scored against cannot be changed.
    fs::write(format!("{track}/tiny_hi/dev/model_1/solution.csv"), "0,1,1,0,1,0,1,0,1,0").expect("written");
    let changed = run(&["import", track, "--competition", "c", "--data-dir", data]);
    assert_eq!(changed.status.code(), Some(2));
    assert!(stderr(&changed).contains("can no longer change"), "{}", stderr(&changed));

    let findings: Value = serde_json::from_str(&done(&["doctor", "--json", "--data-dir", data])).expect("JSON");
    assert!(findings.as_array().is_some_and(|all| all.iter().all(|one| one["ok"] == true)), "{findings}");
    assert!(server.interrupt().success(), "Ctrl-C ends it in good order");
}

#[test]
fn without_a_server_commands_start_the_database_themselves() {
    let folder = folder();
    let data = folder.path().join("data");
    let data = text(&data);
    done(&["migrate", "--data-dir", data]);
    let mut child = callimico()
        .args(["user", "create", "grace", "--email", "g@example.org", "--admin", "--json", "--data-dir", data])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    child.stdin.take().expect("stdin").write_all(b"a password of hers\n").expect("written");
    let output = child.wait_with_output().expect("it ends");
    let account: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((account["name"].as_str(), &account["password"]), (Some("grace"), &Value::Null));
    let unknown = run(&["user", "token", "nobody", "--data-dir", data]);
    assert_eq!(unknown.status.code(), Some(2), "{}", stderr(&unknown));
    let unknown = run(&["track", "open", "c/nothing", "--data-dir", data]);
    assert_eq!(unknown.status.code(), Some(2), "{}", stderr(&unknown));
    let child_code = run(&["postgres", "--data-dir", data, "--", "sh", "-c", "test -n \"$DATABASE_URL\" && exit 7"]);
    assert_eq!(child_code.status.code(), Some(7), "{}", stderr(&child_code));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_address_is_said_and_nothing_is_begun() {
    let folder = folder();
    let data = folder.path().join("data");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let output = run(&["serve", "--data-dir", text(&data), "--bind", &address]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("cannot listen on"), "{}", stderr(&output));
    assert!(!data.exists());
}
