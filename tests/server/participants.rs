//! A participant owns its submissions, its entry and its attempts; its members share them, and nobody else has access.

use std::sync::Arc;

use axum::http::StatusCode;
use callimico::store;
use serde_json::json;
use sqlx::PgPool;

use crate::support::{Actor, TRACK_URL, Upload, World};

/// Ada takes part, and bob is added to her participant in the database: the program cannot make
/// teams yet.
async fn two_members(world: &World) -> (Actor, Actor) {
    let (ada, bob) = (world.participant("ada").await, world.account("bob").await);
    world
        .sql(
            "insert into participant_members (participant_id, track_id, user_id, terms_accepted_at, joined_at)
             select p.id, p.track_id, u.id, now(), now() from participants p, users u where u.name = 'bob';
             update participants set name = 'Two of us', name_key = 'two of us'",
        )
        .await;
    (ada, bob)
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn members_share_submissions_attempts_and_the_entry(db: PgPool) {
    let world = World::with_yaml(db, "limits: {per_day: 2}\n").await;
    let (ada, bob) = two_members(&world).await;
    let first = ada.submitted(&world, Upload::hitting(5).zip()).await;
    world.wait(time::Duration::MINUTE);
    let second = bob.submitted(&world, Upload::hitting(7).zip()).await;
    world.drain().await;
    for member in [&ada, &bob] {
        member.submit(&world, Upload::hitting(1).zip()).await.problem(StatusCode::TOO_MANY_REQUESTS, "limit_today");
        for id in [&first, &second] {
            let seen = member.looks_at(&world, id).await;
            assert_eq!((&seen["participant"], &seen["state"]), (&json!("Two of us"), &json!("scored")));
        }
        let page = member.get(&world, "/c/mico/tiny/submissions").await.expect(StatusCode::OK).text().to_owned();
        assert!(page.contains(&first) && page.contains(&second));
        // The board links to the entry, because it is the reader's own.
        let board = member.get(&world, "/c/mico/tiny/leaderboard").await.expect(StatusCode::OK).text().to_owned();
        assert!(board.contains(&format!("/submissions/{second}")), "{board}");
        // Enrolling again finds the participant and makes no second one.
        let enrolment = member.enrol(&world).await.expect(StatusCode::OK).json();
        assert_eq!((&enrolment["status"], &enrolment["participant"]), (&json!("approved"), &json!("Two of us")));
    }
    let board = Actor::visitor().get(&world, &format!("{TRACK_URL}/leaderboard")).await.json();
    assert_eq!(board["entries"].as_array().map(Vec::len), Some(1));
    assert_eq!(
        (&board["entries"][0]["participant"], &board["entries"][0]["submission"]),
        (&json!("Two of us"), &json!(second))
    );
    assert_eq!(world.count("participants").await, 1);
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn nobody_else_has_a_part_in_it_nor_who_left(db: PgPool) {
    let world = World::new(db).await;
    let (ada, bob) = two_members(&world).await;
    let carl = world.participant("carl").await;
    let id = bob.submitted(&world, Upload::hitting(5).zip()).await;
    world.drain().await;
    let urls = ["", "/scores.txt", "/archive"].map(|rest| format!("/api/v1/submissions/{id}{rest}"));
    let page = format!("/submissions/{id}");
    for url in urls.iter().chain([&page]) {
        assert_eq!(carl.get(&world, url).await.status, StatusCode::NOT_FOUND, "{url}");
    }
    world.sql("delete from participant_members m using users u where u.id = m.user_id and u.name = 'bob'").await;
    for url in urls.iter().chain([&page]) {
        assert_eq!(bob.get(&world, url).await.status, StatusCode::NOT_FOUND, "{url}");
        assert_eq!(ada.get(&world, url).await.status, StatusCode::OK, "{url}");
    }
    bob.submit(&world, Upload::hitting(5).zip()).await.problem(StatusCode::FORBIDDEN, "not_enrolled");
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn a_person_is_in_one_participant_of_a_track_however_often_they_ask(db: PgPool) {
    let world = Arc::new(World::new(db).await);
    let ada = world.account("ada").await;
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let (world, ada) = (Arc::clone(&world), ada.clone());
        asking.spawn(async move { ada.enrol(&world).await.status.as_u16() });
    }
    let mut answers = asking.join_all().await;
    answers.sort_unstable();
    assert_eq!((answers[0], answers.iter().filter(|status| **status == 201).count()), (200, 1), "{answers:?}");
    assert_eq!((world.count("participants").await, world.count("participant_members").await), (1, 1));
    // The database itself enforces this.
    let second = "insert into participants (id, track_id, name, name_key, status, created_at)
                  select gen_random_uuid(), track_id, 'Ada', 'ada', 'approved', now() from participants";
    assert_eq!(world.refused_by(second).await, "participants_track_name_key");
    let both = "with other as (insert into participants (id, track_id, name, name_key, status, created_at)
                    select gen_random_uuid(), track_id, 'other', 'other', 'approved', now() from participants
                    returning id, track_id)
                insert into participant_members select other.id, other.track_id, u.id, now(), now() from other, users u";
    assert_eq!(world.refused_by(both).await, "participant_members_track_user_key");
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn an_account_that_is_gone_leaves_what_its_participant_reached(db: PgPool) {
    let world = World::new(db).await;
    let ada = world.participant("ada").await;
    let id = ada.submitted(&world, Upload::hitting(5).zip()).await;
    world.drain().await;
    world.sql("delete from users").await;
    let board = Actor::visitor().get(&world, &format!("{TRACK_URL}/leaderboard")).await.json();
    assert_eq!((&board["entries"][0]["participant"], &board["entries"][0]["submission"]), (&json!("ada"), &json!(id)));
    // Another account that takes the name does not become that participant, and gets an error.
    let other = world.account("Ada").await;
    other.enrol(&world).await.problem(StatusCode::CONFLICT, "name_taken");
    assert_eq!(other.get(&world, &format!("/api/v1/submissions/{id}")).await.status, StatusCode::NOT_FOUND);
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn who_comes_back_while_their_submission_is_scored_waits_and_is_on_the_board_again(db: PgPool) {
    let world = Arc::new(World::new(db).await);
    let ada = world.participant("ada").await;
    ada.submitted(&world, Upload::hitting(5).zip()).await;
    world.drain().await;
    world
        .sql("update participants set status = 'withdrawn'; update tracks set board_version = board_version + 1")
        .await;
    let entries = async || {
        let board = Actor::visitor().get(&world, &format!("{TRACK_URL}/leaderboard")).await.json();
        board["entries"].as_array().map(Vec::len)
    };
    assert_eq!(entries().await, Some(0));
    let track = world.track().await.id;
    let participant = store::entry::participants(&world.app.db, track).await.expect("an answer")[0];
    // A worker holds the participant and will ask for the track next.
    let mut worker = world.app.db.begin().await.expect("a transaction");
    store::participant::lock(&mut worker, participant).await.expect("the participant");
    let coming_back = tokio::spawn({
        let (world, ada) = (Arc::clone(&world), ada.clone());
        async move { ada.enrol(&world).await.status }
    });
    while world.count("pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'").await == 0 {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    store::track::lock_entries(&mut worker, track).await.expect("the two wait for each other");
    worker.commit().await.expect("a commit");
    assert_eq!(coming_back.await.expect("an answer"), StatusCode::CREATED);
    assert_eq!(entries().await, Some(1), "the board does not show who came back");
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn who_is_denied_while_coming_back_stays_denied(db: PgPool) {
    let world = Arc::new(World::new(db).await);
    let ada = world.participant("ada").await;
    world.sql("update participants set status = 'withdrawn'").await;
    let mut organiser = world.app.db.begin().await.expect("a transaction");
    sqlx::query("update participants set status = 'denied'").execute(&mut *organiser).await.expect("denied");
    let coming_back = tokio::spawn({
        let (world, ada) = (Arc::clone(&world), ada.clone());
        async move { ada.enrol(&world).await.json()["status"].clone() }
    });
    while world.count("pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'").await == 0 {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    organiser.commit().await.expect("a commit");
    assert_eq!(coming_back.await.expect("an answer"), "denied");
}
