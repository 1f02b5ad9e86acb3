//! The demo: made once, found again.

use crate::support::{done, folder, text};

#[test]
fn the_demo_makes_a_board_and_the_second_time_finds_it() {
    let folder = folder();
    let data = folder.path().join("data");
    let first = done(&["demo", "--no-serve", "--data-dir", text(&data)]);
    assert!(first.contains("scored 4 submissions"), "{first}");
    assert!(data.join("demo/try-me.zip").is_file());
    let again = done(&["demo", "--no-serve", "--data-dir", text(&data)]);
    assert!(!again.contains("scored") && !again.contains("submitted"), "{again}");
    assert!(again.contains("Log in as `visitor`"), "{again}");
    // Its own zip passes its own check.
    let (zip, track) = (data.join("demo/try-me.zip"), data.join("demo/digits"));
    done(&["check", text(&zip), "--track-dir", text(&track)]);
}
