//! What the pages for everybody say in each phase: nothing that is not so, and nothing that tells whether final scores
//! exist before the reveal.

use axum::http::{StatusCode, header};
use callimico::service::lifecycle::{self, By, LabelsAtReveal, OpeningLabels};
use sqlx::PgPool;
use time::Duration;
use time::macros::datetime;

use crate::support::{Actor, Answer, TrackFiles, Upload, World, assert_says, reason, words};

const TRACK: &str = "/c/mico/tiny";

async fn post(world: &World, actor: &Actor, url: &str, fields: &str) -> Answer {
    let request = actor
        .request("POST", url)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header("sec-fetch-site", "same-origin");
    world.ask(request.body(fields.to_owned().into()).expect("a request")).await
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn the_pages_of_every_phase_say_what_is_so(db: PgPool) {
    let world = World::with_yaml(db, "dates: {closes: 2026-11-23T13:00:00Z}\n").await;
    let ada = world.participant("ada").await;
    let page = async |path: &str| words(&world, &ada, &format!("{TRACK}{path}")).await;
    let nobody_knows = "Until then nobody knows its scores, not even the organisers.";
    let nobody_else = "until then nobody but them may see its scores.";

    assert_says(&page("/leaderboard").await, &[nobody_knows, "Dev (live)", "Test, after the reveal"], &[nobody_else]);
    ada.submitted(&world, Upload::hitting_by_split(9, 13).zip()).await;
    assert_says(&page("").await, &["Submit them", "closes in"], &["waiting for 1", "not committed"]);

    // Past its date, before anybody has written it down.
    world.wait(Duration::HOUR);
    assert_says(&page("").await, &["waiting for 1 dev score", "Submitting has closed"], &["Submit them"]);
    let closed = ["It accepts no more submissions.", "The organisers reveal the final ranking"];
    assert_says(&page("/submit").await, &closed, &["scored now", "type=\"file\""]);
    assert_says(&page("/leaderboard").await, &[nobody_else, "Dev (live)"], &[nobody_knows]);
    world.drain().await;
    world.take_due_steps().await;
    assert_says(&page("").await, &["uploads that were under way are taken until"], &["waiting for 1"]);
    world.wait(Duration::minutes(2));
    world.take_due_steps().await;
    let frozen = ["entries frozen, final ranking not out yet", nobody_else];
    assert_says(&page("/leaderboard").await, &frozen, &["Dev (live)", "uploads that were", "nobody knows"]);
    assert_says(&page("/submissions").await, &["is your official entry.", "counts"], &["Submit predictions"]);
    assert_says(&page("/rules").await, &["It takes no more submissions."], &[]);

    world.preview().await;
    world.drain().await;
    world.reveal(LabelsAtReveal::Keep).await;
    // The final board is the first one.
    let board = page("/leaderboard").await;
    let texts = ["0.8667", "Provisional ranking out", "Test (provisional)", "labels kept hidden", "?split=dev"];
    assert_says(&board, &texts, &[nobody_else, "class=\"pick\"", "ROC curves"]);
    assert_says(&board, &["While labels are kept, a curve of the test split is told at 13 rates"], &[]);
    assert_says(&page("/leaderboard?split=dev").await, &["0.6000", "stands since the freeze", "ROC curves"], &[]);
    let list = words(&world, &Actor::visitor(), "/").await;
    assert_says(&list, &["<b>0.8667</b> <bdi>ada</bdi> <span class=\"dim\">on test</span>"], &[]);
    assert_says(&page("/submit").await, &["The final ranking is out."], &[]);
    lifecycle::declare_final(&world.app, &World::path(), By::default()).await.expect("all scores");
    lifecycle::open_labels(&world.app, &World::path(), By::default()).await.expect("revealed");
    let board = page("/leaderboard").await;
    assert_says(&board, &["Final ranking out", "Test (final)", "labels public", "ROC curves"], &["provisional"]);
    assert_says(&board, &["The labels were made public: anybody can check every score."], &[]);
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn a_preview_changes_no_page_but_that_of_organisers(db: PgPool) {
    let world = World::new(db).await;
    let ada = world.participant("ada").await;
    let id = ada.submitted(&world, Upload::hitting_by_split(9, 13).zip()).await;
    world.drain().await;
    world.freeze().await;
    let submission = format!("/submissions/{id}");
    let tabs = ["", "/data", "/rules", "/leaderboard", "/submit", "/submissions"].map(|tab| format!("{TRACK}{tab}"));
    let paths: Vec<&str> = tabs.iter().map(String::as_str).chain(["/", "/c/mico", &submission]).collect();
    let look = async || {
        let mut seen = Vec::new();
        for actor in [&ada, &Actor::visitor()] {
            for path in &paths {
                let answer = actor.get(&world, path).await;
                // Addresses of downloads are signed anew each time.
                let lines: Vec<&str> = answer.text().lines().filter(|line| !line.contains("signature")).collect();
                seen.push((answer.status, lines.join("\n")));
            }
        }
        seen
    };
    let frozen = look().await;
    world.preview().await;
    assert_eq!(look().await, frozen);
    world.drain().await;
    assert_eq!(look().await, frozen);
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn what_participants_must_know_stands_on_every_page_of_the_track(db: PgPool) {
    let world = World::with_yaml(db, "dates: {closes: 2026-11-23T13:00:00Z}\n").await;
    let visitor = Actor::visitor();
    let banner = async || {
        let mut told = Vec::new();
        for tab in ["", "/data", "/rules", "/leaderboard", "/submit", "/submissions"] {
            let page = words(&world, &visitor, &format!("{TRACK}{tab}")).await;
            let rest =
                page.split_once("<p class=\"banner\">").map(|(_, rest)| rest.split_once("</p>").expect("an end").0);
            told.push(rest.unwrap_or_default().to_owned());
        }
        told.dedup();
        assert_eq!(told.len(), 1, "pages differ: {told:?}");
        told.remove(0)
    };
    assert_eq!(banner().await, "");
    let by = By { user: None, reason: Some(&reason("<b>power</b> cut")) };
    let later = datetime!(2026-11-24 11:59 UTC);
    lifecycle::extend(&world.app, &World::path(), later, by).await.expect("open");
    let told = banner().await;
    assert_says(&told, &["The closing date was moved to", "23 Nov 2026, 23:59 AoE", "just now"], &["<b>power"]);
    assert_says(&told, &["Reason: <bdi>&#60;b&#62;power&#60;/b&#62; cut</bdi>"], &[]);
    let settings = "dates: {closes: 2026-11-24T11:59:00Z}\nlimits: {per_day: 7, total: 1000}\n";
    world.import(&TrackFiles::with_yaml(settings)).await;
    assert_says(&banner().await, &["The limit of submissions a day became 7; it was 30."], &[]);
    world.close().await;
    let until = datetime!(2026-11-25 12:00 UTC);
    lifecycle::reopen(&world.app, &World::path(), until, By::default()).await.expect("closed");
    assert_says(&banner().await, &["The track was opened again, until"], &["Reason"]);
    // Closed before that date, it is not so any more.
    world.close().await;
    assert_eq!(banner().await, "");
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn a_track_whose_test_labels_nobody_committed_to_says_so_to_its_end(db: PgPool) {
    let files = TrackFiles::default().without_final_labels();
    let world = World::opened_with(db, files, OpeningLabels::Uncommitted).await;
    let visitor = Actor::visitor();
    assert_says(&words(&world, &visitor, TRACK).await, &["<li>test labels not committed</li>"], &[]);
    world.freeze().await;
    // From here on the page says the same, whether or not there was a preview, which commits to them.
    let not_before = "<li>test labels not committed before the close</li>";
    assert_says(&words(&world, &visitor, TRACK).await, &[not_before], &[]);
    world.import(&TrackFiles::default()).await;
    assert_says(&words(&world, &visitor, TRACK).await, &[not_before], &[]);
    world.preview().await;
    assert_says(&words(&world, &visitor, TRACK).await, &[not_before], &[]);
    world.drain().await;
    world.reveal(LabelsAtReveal::Open).await;
    assert_says(&words(&world, &visitor, TRACK).await, &[not_before], &[]);
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn an_organiser_takes_a_submission_out_and_back_in_on_its_page(db: PgPool) {
    let world = World::new(db).await;
    let ada = world.participant("ada").await;
    let bob = world.participant("bob").await;
    world.organiser("olga").await;
    let olga = world.signed_in("olga").await;
    let id = ada.submitted(&world, Upload::hitting(5).zip()).await;
    world.drain().await;
    let page = format!("/submissions/{id}");
    let seen = words(&world, &ada, &page).await;
    let log = ada.looks_at(&world, &id).await["log"].clone();
    let (seq, hash) = (&log["seq"], log["hash"].as_str().expect("a hash"));
    let command = format!("callimico log mico/tiny --verify --receipt {seq}:{hash}");
    assert_says(&seen, &[&command, "this entry counts"], &["For organisers", "Final scores", "Disqualified"]);
    assert_says(&words(&world, &olga, &page).await, &["For organisers", "Disqualify this submission"], &[]);

    for (actor, status) in
        [(&Actor::visitor(), StatusCode::UNAUTHORIZED), (&ada, StatusCode::NOT_FOUND), (&bob, StatusCode::NOT_FOUND)]
    {
        for form in ["disqualify", "restore"] {
            post(&world, actor, &format!("{page}/{form}"), "reason=why").await.expect(status);
        }
    }
    let long = format!("reason={}", "x".repeat(501));
    for wrong in ["", "reason=", "reason=+", &long, "reason=two%0Alines"] {
        let answer = post(&world, &olga, &format!("{page}/disqualify"), wrong).await;
        let answer = answer.expect(StatusCode::UNPROCESSABLE_ENTITY);
        assert!(answer.text().contains("Give a reason of 1 to 500 characters"), "{wrong}");
    }
    assert_eq!(ada.looks_at(&world, &id).await["disqualified"], serde_json::Value::Null);
    for _ in 0..2 {
        let done = post(&world, &olga, &format!("{page}/disqualify"), "reason=copied+<labels>").await;
        assert_eq!(done.expect(StatusCode::SEE_OTHER).header(header::LOCATION), page);
    }
    let out = ["<b>Disqualified</b>", "Reason: <bdi>copied &#60;labels&#62;</bdi>"];
    assert_says(&words(&world, &ada, &page).await, &out, &["this entry counts", "For organisers"]);
    let seen = words(&world, &olga, &page).await;
    assert_says(&seen, &out, &["Disqualify this submission"]);
    assert_says(&seen, &["Let it count again"], &[]);
    post(&world, &olga, &format!("{page}/restore"), "reason=").await.expect(StatusCode::SEE_OTHER);
    assert_says(&words(&world, &ada, &page).await, &["this entry counts"], &["Disqualified"]);
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn after_the_reveal_the_page_of_an_official_entry_has_its_final_scores(db: PgPool) {
    let world = World::new(db).await;
    let ada = world.participant("ada").await;
    let first = ada.submitted(&world, Upload::hitting(5).zip()).await;
    world.wait(Duration::MINUTE);
    let entry = ada.submitted(&world, Upload::hitting_by_split(9, 13).zip()).await;
    world.drain().await;
    world.score_final().await;
    let of = async |id: &str| words(&world, &ada, &format!("/submissions/{id}")).await;
    assert_says(&of(&entry).await, &["this is the official entry", "0.6000"], &["Final scores", "0.8667"]);
    world.reveal(LabelsAtReveal::Keep).await;
    let kept = ["Final scores", "final score, rank 1", "0.8667", "While labels are kept, a curve is told at 13 rates"];
    let seen = of(&entry).await;
    assert_says(&seen, &kept, &[]);
    assert_says(&seen, &["All numbers by scenario on the test split", "0.6000"], &[]);
    assert_eq!(seen.matches("class=\"roc\"").count(), 4, "two dev figures of two scenarios");
    let other = ["It is no official entry, so it has no final score yet.", "another one is the official entry"];
    assert_says(&of(&first).await, &other, &["Final scores"]);
    lifecycle::open_labels(&world.app, &World::path(), By::default()).await.expect("revealed");
    let seen = of(&entry).await;
    assert_says(&seen, &["Final scores"], &["While labels are kept"]);
    assert_eq!(seen.matches("class=\"roc\"").count(), 6);
}
