//! `Idempotency-Key`: sending an upload twice does not submit it twice.

use std::sync::Arc;

use axum::http::StatusCode;
use serde_json::json;
use sqlx::PgPool;
use time::Duration;
use tokio::task::JoinSet;

use crate::support::{Upload, World};

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn the_same_key_and_bytes_answer_the_earlier_submission(db: PgPool) {
    let world = World::with_yaml(db, "limits: {per_day: 1}\n").await;
    let ada = world.participant("ada").await;
    let zip = Upload::hitting(4).zip();
    let first = ada.submit_under(&world, "run-1", zip.clone()).await.expect(StatusCode::CREATED).json();
    // Even if no attempt is left, and if it has been scored in the meantime.
    world.drain().await;
    let mut expected = first.clone();
    expected["state"] = json!("scored");
    assert_eq!(ada.submit_under(&world, "run-1", zip).await.expect(StatusCode::OK).json(), expected);
    assert_eq!(world.count("submissions").await, 1);
    assert_eq!(world.count("jobs").await, 0);
    assert_eq!(world.files(), (1, 0));
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn the_same_key_with_other_bytes_is_a_conflict(db: PgPool) {
    let world = World::new(db).await;
    let ada = world.participant("ada").await;
    ada.submit_under(&world, "run-1", Upload::hitting(4).zip()).await.expect(StatusCode::CREATED);
    for zip in [Upload::hitting(5).zip(), b"not a zip".to_vec()] {
        let answer = ada.submit_under(&world, "run-1", zip).await;
        answer.problem(StatusCode::CONFLICT, "idempotency_key_reused");
    }
    assert_eq!(world.count("submissions").await, 1);
    assert_eq!(world.files(), (1, 0));
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn the_same_bytes_without_a_key_are_another_submission(db: PgPool) {
    let world = World::new(db).await;
    let ada = world.participant("ada").await;
    let first = ada.submitted(&world, Upload::hitting(4).zip()).await;
    let second = ada.submitted(&world, Upload::hitting(4).zip()).await;
    assert_ne!(first, second);
    assert_eq!(ada.looks_at(&world, &second).await["attempts_left"]["today"], 28);
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn a_key_belongs_to_its_sender(db: PgPool) {
    let world = World::new(db).await;
    let (ada, bob) = (world.participant("ada").await, world.participant("bob").await);
    ada.submit_under(&world, "run-1", Upload::hitting(4).zip()).await.expect(StatusCode::CREATED);
    bob.submit_under(&world, "run-1", Upload::hitting(5).zip()).await.expect(StatusCode::CREATED);
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn a_rejected_upload_sent_again_is_told_the_same(db: PgPool) {
    let world = World::new(db).await;
    let ada = world.participant("ada").await;
    let zip = Upload::repeating("0,5").zip();
    let first =
        ada.submit_under(&world, "run-1", zip.clone()).await.problem(StatusCode::UNPROCESSABLE_ENTITY, "rejected");
    let again = ada.submit_under(&world, "run-1", zip).await.problem(StatusCode::UNPROCESSABLE_ENTITY, "rejected");
    assert_eq!(first, again);
    assert_eq!(world.count("submissions").await, 1);
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn one_key_many_times_at_once_is_one_submission(db: PgPool) {
    // Only one attempt is left, so this also tests that a repetition does not run into the limit.
    let world = Arc::new(World::with_yaml(db, "limits: {per_day: 1}\n").await);
    let ada = world.participant("ada").await;
    for (key, zip, first) in [
        ("good", Upload::hitting(4).zip(), StatusCode::CREATED),
        ("broken", b"not a zip".to_vec(), StatusCode::UNPROCESSABLE_ENTITY),
    ] {
        let mut uploads = JoinSet::new();
        for _ in 0..8 {
            let (world, ada, zip) = (Arc::clone(&world), ada.clone(), zip.clone());
            uploads.spawn(async move { ada.submit_under(&world, key, zip).await });
        }
        let mut answers = uploads.join_all().await;
        answers.sort_by_key(|answer| std::cmp::Reverse(answer.status == first));
        let again = if first == StatusCode::CREATED { StatusCode::OK } else { first };
        let statuses: Vec<StatusCode> = answers.iter().map(|answer| answer.status).collect();
        assert_eq!(statuses, [vec![first], vec![again; 7]].concat(), "{key}");
        let name = if first == StatusCode::CREATED { "id" } else { "submission" };
        let ids: Vec<_> = answers.iter().map(|answer| answer.json()[name].clone()).collect();
        assert!(ids.iter().all(|id| id.is_string() && *id == ids[0]), "{key}: {ids:?}");
        world.wait(Duration::DAY);
    }
    assert_eq!(world.count("submissions").await, 2);
    assert_eq!(world.files(), (1, 0));
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn one_key_for_different_bytes_at_once_takes_the_first_and_refuses_the_others(db: PgPool) {
    let world = Arc::new(World::new(db).await);
    let ada = world.participant("ada").await;
    let mut uploads = JoinSet::new();
    for hits in 0..6 {
        let (world, ada) = (Arc::clone(&world), ada.clone());
        uploads.spawn(async move { ada.submit_under(&world, "run-1", Upload::hitting(hits).zip()).await });
    }
    let mut statuses: Vec<StatusCode> = uploads.join_all().await.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [vec![StatusCode::CREATED], vec![StatusCode::CONFLICT; 5]].concat());
    assert_eq!(world.count("submissions").await, 1);
    assert_eq!(world.files(), (1, 0), "bytes of refused uploads were kept");
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn a_key_must_be_short_visible_ascii(db: PgPool) {
    let world = World::new(db).await;
    let ada = world.participant("ada").await;
    let long = "x".repeat(201);
    for key in ["", "a b", "kéy", long.as_str()] {
        let request = ada.submission().header("idempotency-key", key.as_bytes());
        let answer = world.ask(request.body(Upload::hitting(4).zip().into()).expect("a request")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{key} was taken");
        let code = answer.json()["code"].clone();
        assert!(code == "bad_idempotency_key" || code == "bad_field", "{code}");
    }
    world.assert_nothing_kept().await;
    ada.submit_under(&world, &long[1..], Upload::hitting(4).zip()).await.expect(StatusCode::CREATED);
}
