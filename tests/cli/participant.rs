//! The `participant` commands, as far as they need nobody who takes part.

use serde_json::{Value, json};

use crate::support::{done, folder, run, stderr, text, write_track};

#[test]
fn an_unknown_name_ends_with_exit_code_two_and_nobody_waiting_is_no_error() {
    let folder = folder();
    let track = write_track(folder.path());
    let data = folder.path().join("data");
    let data = text(&data);
    let ask = |args: &[&str]| run(&[&["participant"], args, &["--data-dir", data]].concat());
    done(&["import", text(&track), "--competition", "c", "--no-release", "--data-dir", data]);
    let slug = track.file_name().and_then(|name| name.to_str()).expect("a name");
    let path = format!("c/{slug}");
    let listed = done(&["participant", "list", &path, "--json", "--data-dir", data]);
    let listed: Value = serde_json::from_str(&listed).expect("JSON");
    assert_eq!(listed, json!({"participants": [], "next": null}));
    let approved = ask(&["approve", &path, "--all"]);
    assert_eq!((approved.status.code(), stderr(&approved).trim()), (Some(0), "nobody waits"));
    for (args, told) in [
        (&["approve", &path, "ada", "bob"][..], "has no participant named ada, bob"),
        (&["deny", &path, "ada", "--reason", "copied"], "has no participant named ada"),
        (&["approve", &path], "required"),
        (&["approve", &path, "ada", "--all"], "cannot be used with"),
        (&["withdraw", &path], "required"),
        (&["restore", "c/nothing", "ada"], "there is no track c/nothing"),
        (&["list", "c/nothing"], "there is no track c/nothing"),
        (&["list", &path, "--status", "gone"], "a status is pending, approved, denied or withdrawn"),
    ] {
        let refused = ask(args);
        assert_eq!(refused.status.code(), Some(2), "{args:?}: {}", stderr(&refused));
        assert!(stderr(&refused).contains(told), "{args:?}: {}", stderr(&refused));
    }
}
