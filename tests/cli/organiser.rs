//! The `organiser` commands.

use serde_json::{Value, json};

use crate::support::{done, folder, run, stderr, text, write_track};

#[test]
fn organisers_are_listed_added_and_removed_and_doing_it_twice_changes_nothing() {
    let folder = folder();
    let track = write_track(folder.path());
    let data = folder.path().join("data");
    let data = text(&data);
    let ask = |args: &[&str]| run(&[&["organiser"], args, &["--data-dir", data]].concat());
    let list = || -> Value {
        let listed = done(&["organiser", "list", "c", "--json", "--data-dir", data]);
        serde_json::from_str(&listed).expect("JSON")
    };
    done(&["import", text(&track), "--competition", "c", "--no-release", "--data-dir", data]);
    done(&["user", "create", "Olga", "--email", "olga@example.org", "--data-dir", data]);
    done(&["user", "create", "root2", "--email", "r@example.org", "--admin", "--data-dir", data]);
    let admins = json!([{"name": "root2", "email": "r@example.org"}]);
    assert_eq!(list(), json!({"competition": "c", "organisers": [], "admins": admins}));

    // A name is one account, however it is written.
    for (name, told) in [("olga", "olga is an organiser of c"), ("OLGA", "OLGA was an organiser already of c")] {
        let added = ask(&["add", "c", name]);
        assert_eq!(added.status.code(), Some(0), "{}", stderr(&added));
        assert_eq!(stderr(&added).trim(), told);
    }
    let olga = json!([{"name": "Olga", "email": "olga@example.org"}]);
    assert_eq!(list(), json!({"competition": "c", "organisers": olga, "admins": admins}));
    assert_eq!(done(&["organiser", "list", "c", "--data-dir", data]), "Olga\n");

    for changed in [true, false] {
        let removed = done(&["organiser", "remove", "c", "Olga", "--json", "--data-dir", data]);
        let removed: Value = serde_json::from_str(&removed).expect("JSON");
        assert_eq!(removed, json!({"competition": "c", "name": "Olga", "is_organiser": false, "changed": changed}));
    }
    assert_eq!(list()["organisers"], json!([]));

    for (args, told) in [
        (&["list", "nothing"][..], "there is no competition nothing"),
        (&["add", "nothing", "olga"], "there is no competition nothing"),
        (&["add", "c", "nobody"], "there is no account named nobody"),
        (&["remove", "c", "nobody"], "there is no account named nobody"),
        (&["add", "c", "<b>"], "a name has 2 to 40 letters"),
        (&["add", "c"], "required"),
    ] {
        let refused = ask(args);
        assert_eq!(refused.status.code(), Some(2), "{args:?}: {}", stderr(&refused));
        assert!(stderr(&refused).contains(told), "{args:?}: {}", stderr(&refused));
    }
}
