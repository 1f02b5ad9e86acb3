//! Rules that change while the track is open, and what only some may see or do.

use axum::http::StatusCode;
use callimico::store;
use scoring::{Bootstrap, REPLICATES, Split};
use sqlx::PgPool;

use crate::support::{Actor, Form, TRACK_URL, TrackFiles, Upload, World};

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn a_changed_entry_rule_picks_every_entry_again_at_once(db: PgPool) {
    let world = World::with_yaml(db, "entry_rule: latest\n").await;
    let ada = world.participant("ada").await;
    let better = ada.submitted(&world, Upload::hitting(9).zip()).await;
    world.wait(time::Duration::MINUTE);
    let later = ada.submitted(&world, Upload::hitting(2).zip()).await;
    world.drain().await;
    let board = format!("{TRACK_URL}/leaderboard");
    let before = Actor::visitor().get(&world, &board).await;
    assert_eq!(before.json()["entries"][0]["submission"], later);

    world.import(&TrackFiles::with_yaml("entry_rule: best\n")).await;
    let after = Actor::visitor().get(&world, &board).await;
    assert_eq!(after.json()["entries"][0]["submission"], better);
    assert_ne!(before.header("etag"), after.header("etag"));

    world.import(&TrackFiles::with_yaml("entry_rule: latest\n")).await;
    assert_eq!(Actor::visitor().get(&world, &board).await.json()["entries"][0]["submission"], later);
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn the_draws_behind_an_interval_are_those_that_anybody_can_make_offline(db: PgPool) {
    let world = World::new(db).await;
    let ada = world.participant("ada").await;
    let zip = Upload::hitting_by_scenario([7, 4]).zip();
    ada.submitted(&world, zip.clone()).await;
    world.drain().await;
    let shape = world.track().await.shape;
    let limits = scoring::Limits::for_shape(&shape, zip.len());
    let validated = scoring::validate_archive(&zip, &shape, &limits).expect("a good zip");
    let solution = store::solution::of_split(&world.app.db, (world.track().await.id, 1), &shape, Split::Dev);
    let solution = solution.await.expect("a solution");
    let dev = validated.predictions.split(Split::Dev).expect("the dev split");
    let offline = Bootstrap::new(&shape, Split::Dev, "tiny", REPLICATES).ranking_numbers(dev, &solution);
    let kept: Vec<u8> =
        sqlx::query_scalar("select replicates from scorings").fetch_one(&world.app.db).await.expect("a scoring");
    let offline: Vec<u8> = offline.expect("replicates").iter().flat_map(|value| value.to_le_bytes()).collect();
    assert!(kept == offline, "the replicates differ");
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn a_description_is_text_and_what_is_no_text_leaves_nothing_behind(db: PgPool) {
    let world = World::new(db).await;
    let ada = world.participant("ada").await;
    for no_text in ["a\0b", "\u{1b}[31mred", "abc\u{202e}cba", "\u{200f}x"] {
        let form = Form::default().file("file", &Upload::hitting(5).zip()).text("description", no_text).end();
        ada.submit_form(&world, form).await.problem(StatusCode::BAD_REQUEST, "bad_field");
    }
    world.assert_nothing_kept().await;
    let form =
        Form::default().file("file", &Upload::hitting(5).zip()).text("description", " two\r\nlines\t here ").end();
    let id = ada.submit_form(&world, form).await.expect(StatusCode::CREATED).json()["id"].clone();
    assert_eq!(ada.looks_at(&world, id.as_str().expect("an id")).await["description"], "two lines here");
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn a_form_does_not_lose_what_the_address_says(db: PgPool) {
    let world = World::new(db).await;
    let ada = world.participant("ada").await;
    let form = Form::default().file("file", &Upload::hitting(5).zip()).end();
    let request = ada
        .request("POST", &format!("{TRACK_URL}/submissions?description=lost"))
        .header("content-type", Form::CONTENT_TYPE)
        .body(form.into())
        .expect("a request");
    world.ask(request).await.problem(StatusCode::BAD_REQUEST, "bad_parameter");
    world.assert_nothing_kept().await;
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn a_closed_track_takes_no_new_participants_and_keeps_the_old(db: PgPool) {
    let world = World::new(db).await;
    let (ada, grace) = (world.participant("ada").await, world.account("grace").await);
    world.sql("update tracks set phase = 'closed'").await;
    grace.enrol(&world).await.problem(StatusCode::FORBIDDEN, "closed");
    assert_eq!(ada.enrol(&world).await.expect(StatusCode::OK).json()["status"], "approved");
    assert_eq!(world.count("participants").await, 1);
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn organisers_see_every_submission_and_nobody_else_sees_the_list(db: PgPool) {
    let world = World::new(db).await;
    let (ada, keeper) = (world.participant("ada").await, world.organiser("keeper").await);
    let id = ada.submitted(&world, Upload::hitting(5).zip()).await;
    world.drain().await;
    world.wait(time::Duration::MINUTE);
    ada.submit(&world, Upload::repeating("2").zip()).await.expect(StatusCode::UNPROCESSABLE_ENTITY);
    let list = format!("{TRACK_URL}/submissions");
    let seen = keeper.get(&world, &list).await.expect(StatusCode::OK).json();
    let states: Vec<&str> =
        seen["submissions"].as_array().expect("a list").iter().filter_map(|one| one["state"].as_str()).collect();
    assert_eq!(states, ["rejected", "scored"]);
    assert_eq!(seen["submissions"][1]["id"], id);
    assert_eq!(seen["submissions"][0]["problems"][0]["code"], "out_of_range");
    ada.get(&world, &list).await.problem(StatusCode::NOT_FOUND, "not_found");
    Actor::visitor().get(&world, &list).await.problem(StatusCode::UNAUTHORIZED, "not_logged_in");
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn a_competition_that_is_being_prepared_is_named_to_its_organisers_only(db: PgPool) {
    let world = World::new(db).await;
    world.sql("update tracks set phase = 'draft'").await;
    let keeper = world.organiser("keeper").await;
    let all = "/api/v1/competitions";
    assert_eq!(keeper.get(&world, all).await.json()["competitions"][0]["slug"], "mico");
    assert_eq!(Actor::visitor().get(&world, all).await.json()["competitions"], serde_json::json!([]));
    let page = Actor::visitor().get(&world, "/").await.expect(StatusCode::OK);
    assert!(!page.text().contains("/c/mico"));
}
